/* Queries as statements with parameters: whatever the values are, the text of
 * the statement is the same. */
#include "../../plugins/auth-sql/sql-query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

const struct cv_host *cv_api;
const struct cv_host *module_host(void);

enum {
	LITE = CV_SQL_DOUBLE_EITHER | CV_SQL_BACKTICK_NAME |
		CV_SQL_BRACKET_NAME,
	PG = CV_SQL_DOLLAR_TEXT | CV_SQL_E_TEXT,
	MY = CV_SQL_BACKSLASH | CV_SQL_DOUBLE_TEXT | CV_SQL_HASH_COMMENT |
		CV_SQL_BACKTICK_NAME,
};

/* Every variable is the value; "%%" a percent sign. */
static int expand(void *context, const char *text, struct cv_text *out,
		  struct cv_error *err)
{
	(void)err;
	for (; *text != '\0'; text++) {
		if (*text != '%') {
			cv_text_append_c(out, *text);
		} else if (*++text == '%') {
			cv_text_append_c(out, '%');
		} else {
			text += strspn(text, "-.0123456789");
			text += strspn(text, "LUEXRNHMDT");
			if (*text == '{')
				text += strcspn(text, "}");
			cv_text_append_str(out, context);
		}
	}
	return CV_OK;
}

/* "text<param>text", or "!" and what is wrong. */
static const char *bind(struct cv_pool *pool, uint32_t dialect,
			const char *text, const char *value)
{
	struct cv_error *err = cv_api->error_new(pool);
	const struct sql_query *query;
	struct cv_sql_query bound;
	struct cv_text out;
	int ret;

	cv_text_init(&out, pool);
	ret = sql_query_parse(pool, text, dialect, &query, err);
	if (ret == CV_OK)
		ret = sql_query_bind(query, pool, expand,
				     (void *)(uintptr_t)value,
				     &(struct sql_passwords){ CV_SPAN("pass"),
							     CV_SPAN("old") },
				     &bound, err);
	if (ret != CV_OK) {
		cv_text_append_f(&out, "!%d", ret);
		return cv_text_str(&out);
	}
	assert_int_equal(bound.param_count, query->param_count);
	for (uint32_t i = 0; i < bound.param_count; i++) {
		cv_text_append_span(&out, bound.text[i]);
		cv_text_append_f(&out, "<%.*s>",
				 CV_SPAN_ARG(bound.params[i]));
	}
	cv_text_append_span(&out, bound.text[bound.param_count]);
	return cv_text_str(&out);
}

static const struct { uint32_t dialect; const char *query, *want; } cases[] = {
	{ LITE, "a = '%u'", "a = <V>" },
	{ LITE, "a = %u AND b=%d", "a = <V> AND b=<V>" },
	{ LITE, "a = '%n@%d'", "a = <V@V>" },
	{ LITE, "LIKE '%u%%'", "LIKE <V%>" },
	{ LITE, "LIKE 'x%%' AND a='it''s %u'", "LIKE 'x%' AND a=<it's V>" },
	{ LITE, "a = \"%u\"", "a = <V>" },
	{ LITE, "FROM \"%d\" WHERE \"col\" = 1", "FROM \"V\" WHERE \"col\" = 1" },
	{ LITE, "FROM `%d` x, [y%d]", "FROM `V` x, [yV]" },
	{ LITE, "a = '%w'", "a = <pass>" },
	{ LITE, "a = '{PLAIN}%w%u'", "a = <{PLAIN}passV>" },
	{ LITE, "a = '' AND b = 'x'", "a = '' AND b = 'x'" },
	{ LITE, "a = '%Lu' -- '%d'\nAND b", "a = <V>  \nAND b" },
	{ LITE, "/* %d */ /* x */ a", "  /* x */ a" },
	{ LITE, "a = 5 %% 2", "a = 5 % 2" },
	{ LITE, "FROM %d_users", "FROM V_users" },
	{ LITE, "FROM db_%d.users u", "FROM db_V.users u" },
	{ LITE, "FROM %d WHERE %d.a = %u", "FROM V WHERE V.a = <V>" },
	{ PG, "a = E'it\\'s %u'", "a = <it's V>" },
	{ PG, "a = 'back\\' AND b = '%u'", "a = 'back\\' AND b = <V>" },
	{ PG, "a = $x$it's %u$x$ AND b = $$c$$", "a = <it's V> AND b = $$c$$" },
	{ PG, "concat('%u', N'%d')", "concat(<V>, <V>)" },
	{ PG, "FROM \"%d\"", "FROM \"V\"" },
	{ PG, "a = '%u'::text", "a = <V>::text" },
	{ MY, "a = 'it\\'s %u' # %d '\n AND b", "a = <it's V>  \n AND b" },
	{ MY, "a LIKE 'x\\%%%u'", "a LIKE <x\\%V>" },
	{ MY, "a = \"it's %u\"", "a = <it's V>" },
	{ MY, "a = _utf8'%u'", "a = <V>" },
	{ MY, "a = 'x\\'%%' AND b = '%u'", "a = 'x\\'%' AND b = <V>" },
	/* what cannot be */
	{ LITE, "a = '%u", "!-6" },
	{ LITE, "a = '%{domain}'", "a = <V>" },
	{ LITE, "a = x'%u'", "!-6" },
	{ LITE, "a = '%Mw'", "!-6" },
	{ LITE, "FROM %w_users", "!-6" },
	{ LITE, "a = '%u' '%d'", "!-6" },
	{ LITE, "a = '%u' 'x'", "!-6" },
	{ LITE, "a = 'x' '%u'", "!-6" },
	{ MY, "/*!40101 %u */ a", "!-6" },
	{ PG, "a = E'\\x41%u'", "!-6" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_pool *pool = cv_api->pool_create("test");

		assert_string_equal(bind(pool, cases[i].dialect,
					 cases[i].query, "V"), cases[i].want);
		cv_api->pool_destroy(&pool);
	}
}

static const char *const values[] = {
	"", "x", "'", "''", "\\", "\\'", "\"", "`", "]", "$$", "$x$", "%",
	"%u", "?", "$1", ":a", "--", "/*", "*/", ";", "' OR 1=1 -- ",
	"\xc3\xa4", "a b", "{", "}", "0x41", "x'41'",
};

/* The text between the parameters, for one value. */
static const char *text_of(struct cv_pool *pool, uint32_t dialect,
			   const char *text, const char *value, int *ret_r)
{
	struct cv_error *err = cv_api->error_new(pool);
	const struct sql_query *query;
	struct cv_sql_query bound;
	struct cv_text out;

	cv_text_init(&out, pool);
	*ret_r = sql_query_parse(pool, text, dialect, &query, err);
	if (*ret_r == CV_OK)
		*ret_r = sql_query_bind(query, pool, expand,
					(void *)(uintptr_t)value,
					&(struct sql_passwords){ CV_SPAN("'"),
								CV_SPAN_NONE },
					&bound, err);
	for (uint32_t i = 0; *ret_r == CV_OK && i <= bound.param_count; i++) {
		cv_text_append_span(&out, bound.text[i]);
		cv_text_append_c(&out, '?');
	}
	return cv_text_str(&out);
}

/* Or the value is refused, where it would be a name. */
static void test_no_value_is_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t n = 0; n < sizeof(values) / sizeof(values[0]);
		     n++) {
			struct cv_pool *pool = cv_api->pool_create("test");
			int plain, ret;
			const char *want = text_of(pool, cases[i].dialect,
						   cases[i].query, "VAL",
						   &plain);
			const char *got = text_of(pool, cases[i].dialect,
						  cases[i].query, values[n],
						  &ret);
			bool names = strstr(want, "VAL") != NULL;

			if (ret == CV_OK && !names)
				assert_string_equal(got, want);
			if (ret == CV_OK && names)
				assert_null(strpbrk(values[n], "'\"`]\\;$/%"));
			if (ret != CV_OK && plain == CV_OK)
				assert_true(names && ret == CV_E_DENIED);
			cv_api->pool_destroy(&pool);
		}
	}
}

static void test_no_utf8(void **state)
{
	static const char *const bad[] = {
		"\xff", "\xc0\xa7", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"a\xc3", "\xe0\x80\xa7",
	};
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(bind(pool, PG, "a = '%u'", bad[i]), "!-5");
	cv_api->pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_value_is_text),
		cmocka_unit_test(test_no_utf8),
	};

	cv_api = module_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
