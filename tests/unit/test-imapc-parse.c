/* test-imapc-parse.c - what an IMAP server says, understood. */
#include "base.h"
#include "imapc.h"
#include "module/module.h"

#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

extern const struct cv_host *storage_imapc_cv_api;

struct fixture { struct cv_pool *pool; };

static int setup(void **state)
{
	static struct fixture f;

	storage_imapc_cv_api = module_host();
	f.pool = pool_create("test");
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pool_destroy(&f->pool);
	return 0;
}

static void a_date_is_seconds_in_utc(void **state)
{
	static const struct { const char *text; int64_t seconds; } dates[] = {
		{ "17-Jul-1996 02:44:25 -0700", 837596665 },
		{ "17-Jul-1996 09:44:25 +0000", 837596665 },
		{ "17-jul-1996 15:14:25 +0530", 837596665 },
		{ " 1-Jan-1970 00:00:00 +0000", 0 },
		{ "1-Jan-1970 00:00:00 +0000", 0 },
		{ "31-Dec-1969 23:59:59 +0000", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		struct cv_span text = cv_span_of(dates[i].text);

		assert_int_equal(imapc_date(text), dates[i].seconds);
		for (size_t len = 0; len < text.len; len++)
			assert_true(imapc_date(cv_span(text.data, len)) ==
				    INT64_MIN);
	}
}

static void what_is_no_date_is_not_read_as_one(void **state)
{
	static const char *const bad[] = {
		"-1-Jul-1996 02:44:25 -0700", "00-Jul-1996 02:44:25 -0700",
		"32-Jul-1996 02:44:25 -0700", "17-Jux-1996 02:44:25 -0700",
		"17-anF-1996 02:44:25 -0700", "17-Jul--996 02:44:25 -0700",
		"17-Jul-1996 24:44:25 -0700", "17-Jul-1996 02:60:25 -0700",
		"17-Jul-1996 02:44:61 -0700", "17-Jul-1996 02:44:25 00700",
		"17-Jul-1996 02:44:25 --700", "17-Jul-1996 02:44:25 -0700 ",
		"1 -Jul-1996 02:44:25 -0700", "17-Jul-1996 +2:44:25 -0700",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(imapc_date(cv_span_of(bad[i])) == INT64_MIN);
	assert_true(imapc_date(CV_SPAN_NONE) == INT64_MIN);
}

static void names_become_ours(void **state)
{
	static const struct { const char *prefix, *raw, *name; char sep; }
	t[] = {
		{ "", "inbox", "INBOX", '.' },
		{ "", "a.b/c", "a/b_c", '.' },
		{ "INBOX.", "INBOX.a.b", "a/b", '.' },
		{ "INBOX.", "INBOX.", "INBOX/", '.' },
		/* [RFC3501 5.1.3] */
		{ "", "~peter/&U,BTFw-", "~peter/\xe5\x8f\xb0\xe5\x8c\x97",
		  '/' },
		{ "", "R&-D", "R&D", '/' },
		/* as it stands */
		{ "", "R&D", "R&D", '/' },
		{ "", "&AOQ-&APY-.x", "&AOQ-&APY-/x", '.' },
		/* which it cannot then */
		{ "", "\xc3\xbc.\xff", NULL, '.' },
		/* those would come back in our commands */
		{ "", "a\r\nA9 DELETE INBOX", NULL, '/' },
		{ "", "a\177", NULL, '/' }, { "", "", NULL, '/' },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *name = imapc_name(
			f->pool, t[i].prefix, cv_span_of(t[i].raw), t[i].sep);

		if (t[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, t[i].name);
	}
}

static void a_list_is_read_token_by_token(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "(\\Sent) \"a \\\"b\\\"\" {3}\r\nx)y z";
	static const struct { enum imapc_token_type type;
			      const char *text; } want[] = {
		{ T_OPEN, "(" }, { T_ATOM, "\\Sent" }, { T_CLOSE, ")" },
		{ T_STRING, "a \"b\"" }, { T_STRING, "x)y" }, { T_ATOM, "z" },
		{ T_END, "" },
	};
	struct cv_span rest = cv_span_of(text);

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct imapc_token t = imapc_token(&rest, f->pool);

		assert_int_equal(t.type, want[i].type);
		assert_int_equal(t.text.len, strlen(want[i].text));
		assert_memory_equal(t.text.data, want[i].text, t.text.len);
	}
}

static void a_list_that_ends_anywhere_comes_to_its_end(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "(\\Sent) \"a \\\"b\\\"\" {3}\r\nx)y z";

	for (size_t len = 0; len < sizeof(text); len++) {
		/* with nothing behind it, for the sanitizers */
		char *copy = malloc(len + (len == 0));
		struct cv_span rest;
		unsigned int count = 0;

		assert_non_null(copy);
		memcpy(copy, text, len);
		rest = cv_span(copy, len);
		while (imapc_token(&rest, f->pool).type != T_END)
			count++;
		assert_true(count <= 6);
		free(copy);
	}
}

static void a_literal_is_announced_at_the_end_of_a_line(void **state)
{
	uint64_t size = 0;

	(void)state;
	assert_true(imapc_literal(CV_SPAN("BODY[] {123}"), &size));
	assert_int_equal(size, 123);
	assert_false(imapc_literal(CV_SPAN("BODY[] {}"), &size));
	assert_false(imapc_literal(CV_SPAN("{1a}"), &size));
	assert_false(imapc_literal(CV_SPAN("1}"), &size));
	assert_false(imapc_literal(CV_SPAN("{1} "), &size));
	assert_false(imapc_literal(CV_SPAN("{99999999999999999999}"),
				       &size));
}

static void what_is_quoted_stays_one_string(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(imapc_quote(f->pool, "a \"b\" \\c"),
			    "\"a \\\"b\\\" \\\\c\"");
	assert_string_equal(imapc_quote(f->pool, ""), "\"\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_date_is_seconds_in_utc),
		TEST(what_is_no_date_is_not_read_as_one),
		TEST(names_become_ours),
		TEST(a_list_is_read_token_by_token),
		TEST(a_list_that_ends_anywhere_comes_to_its_end),
		TEST(a_literal_is_announced_at_the_end_of_a_line),
		TEST(what_is_quoted_stays_one_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
