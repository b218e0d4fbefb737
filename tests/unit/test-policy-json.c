/* What a policy server is told: order, objects, quoting, and bytes that are no
 * UTF-8. */
#include "../../plugins/auth-policy/policy-json.h"
#include "cv-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

const struct cv_host *cv_api;
const struct cv_host *module_host(void);

static struct cv_pool *pool;

static int set_up(void **state)
{
	(void)state;
	cv_api = module_host();
	pool = cv_api->pool_create("policy-json test");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cv_api->pool_destroy(&pool);
	return 0;
}

static const char *json_of(const struct policy_attributes *all)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_c(&out, '{');
	policy_json_append(&out, all);
	cv_text_append_c(&out, '}');
	return cv_text_str(&out);
}

static void test_attributes(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "", "{}" },
		{ "  ", "{}" },
		{ "a=", "{\"a\":\"\"}" },
		{ "b=1 a=2", "{\"a\":\"2\",\"b\":\"1\"}" },
		{ "a=x=y", "{\"a\":\"x=y\"}" },
		{ "o/b=1 o/a=2", "{\"o\":{\"a\":\"2\",\"b\":\"1\"}}" },
		{ "z=1 o/a=2 a=3", "{\"a\":\"3\",\"o\":{\"a\":\"2\"},"
			"\"z\":\"1\"}" },
		{ "o/a=1 p/a=2", "{\"o\":{\"a\":\"1\"},"
			"\"p\":{\"a\":\"2\"}}" },
		{ "o/p/c=1 z=2", "{\"o\":{\"p/c\":\"1\"},\"z\":\"2\"}" },
		{ "aa=1 a=2", "{\"a\":\"2\",\"aa\":\"1\"}" },
	};
	struct policy_attributes all;
	struct cv_error *err = cv_api->error_new(pool);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(policy_attributes_parse(cases[i].text, &all,
							 err), CV_OK);
		assert_string_equal(json_of(&all), cases[i].json);
	}
}

static void test_refused_attributes(void **state)
{
	static const char *const cases[] = {
		"a", "=x", "a=1 b", "/a=1", "a/=1", "/=1",
	};
	struct policy_attributes all;
	struct cv_error *err = cv_api->error_new(pool);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(policy_attributes_parse(cases[i], &all, err),
				 CV_E_CONFIG);
}

static void test_not_too_many(void **state)
{
	struct policy_attributes all;
	struct cv_error *err = cv_api->error_new(pool);
	struct cv_text text;

	(void)state;
	cv_text_init(&text, pool);
	for (int i = 0; i < POLICY_ATTRIBUTES_MAX; i++)
		cv_text_append_f(&text, "n%d=1 ", i);
	assert_int_equal(policy_attributes_parse(cv_text_str(&text), &all,
						 err), CV_OK);
	assert_int_equal(all.count, POLICY_ATTRIBUTES_MAX);
	cv_text_append_str(&text, "one=more");
	assert_int_equal(policy_attributes_parse(cv_text_str(&text), &all,
						 err), CV_E_CONFIG);
}

/* Each value alone; bytes of which some are NUL have a length of their own. */
static void test_strings(void **state)
{
	const struct { struct cv_span value; const char *json; }
	cases[] = {
		{ CV_SPAN("plain"), "plain" },
		{ CV_SPAN("a\"b\\c/d"), "a\\\"b\\\\c/d" },
		{ CV_SPAN("\b\f\n\r\t"), "\\b\\f\\n\\r\\t" },
		{ CV_SPAN("\0\1\x1f\x7f"), "\\u0000\\u0001\\u001f\x7f" },
		{ CV_SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
			"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ CV_SPAN("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
			"\\u2028\\u2029\xe2\x80\xaa" },
		/* cut short, alone, too long, a surrogate, past the end */
		{ CV_SPAN("\xc3"), "\\ufffd" },
		{ CV_SPAN("\xe2\x82"), "\\ufffd\\ufffd" },
		{ CV_SPAN("\x80x"), "\\ufffdx" },
		{ CV_SPAN("\xc0\xaf"), "\\ufffd\\ufffd" },
		{ CV_SPAN("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd" },
		{ CV_SPAN("\xf4\x90\x80\x80"),
			"\\ufffd\\ufffd\\ufffd\\ufffd" },
		{ CV_SPAN("\xff\""), "\\ufffd\\\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_attributes all = { .count = 1 };
		char expected[64];

		all.list[0].key = CV_SPAN("k");
		all.list[0].value = cases[i].value;
		snprintf(expected, sizeof(expected), "{\"k\":\"%s\"}",
			 cases[i].json);
		assert_string_equal(json_of(&all), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_refused_attributes),
		cmocka_unit_test(test_not_too_many),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
