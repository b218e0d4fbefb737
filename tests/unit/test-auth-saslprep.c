/* test-auth-saslprep.c - [RFC4013], with its examples. */
#include "auth/saslprep.h"

#include <setjmp.h>
#include <cmocka.h>

static const struct { const char *in, *out; } rows[] = {
	/* [RFC4013 3] */
	{ "I\xc2\xadX", "IX" }, { "user", "user" }, { "USER", "USER" },
	{ "\xc2\xaa", "a" }, { "\xe2\x85\xa8", "IX" }, { "\x07", NULL },
	{ "\xd8\xa7" "1", NULL },
	/* spaces, nothing, and nothing left */
	{ "a\xc2\xa0" "b", "a b" }, { "a\xe3\x80\x80" "b", "a b" },
	{ "", NULL }, { "\xc2\xad", NULL }, { "\xe2\x80\x8d", NULL },
	/* what comes together, and comes apart */
	{ "e\xcc\x81", "\xc3\xa9" }, { "\xc3\xa9", "\xc3\xa9" },
	{ "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c" },
	{ "\xed\x95\x9c", "\xed\x95\x9c" }, { "\xef\xac\x81", "fi" },
	{ "\xef\xbc\xa1", "A" }, { "\xe2\x84\xab", "\xc3\x85" },
	/* marks in the order of their classes: dot below, then above */
	{ "a\xcc\x87\xcc\xa3", "\xe1\xba\xa1\xcc\x87" },
	{ "\xe1\xba\x9b\xcc\xa3", "\xe1\xb9\xa9" },
	/* not to come together again: excluded from composition */
	{ "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc" },
	/* right to left [RFC4013 2.4] */
	{ "\xd7\xa9\xd7\x9c", "\xd7\xa9\xd7\x9c" },
	{ "\xd7\xa9" "a", NULL }, { "\xd7\xa9" "a\xd7\x9c", NULL },
	{ "\xd7\xa9" "1\xd7\x9c", "\xd7\xa9" "1\xd7\x9c" },
	/* control bytes, private use, surrogates, tags, no UTF-8 */
	{ "a\x7f", NULL }, { "a\tb", NULL }, { "\xee\x80\x80", NULL },
	{ "\xed\xa0\x80", NULL }, { "\xf3\xa0\x80\xa0", NULL },
	{ "\xff", NULL }, { "\xc3", NULL }, { "\xef\xbf\xbd", NULL },
	/* newer than Unicode 3.2, and taken */
	{ "\xf0\x9f\x94\x91", "\xf0\x9f\x94\x91" },
};

static void each_row(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text out;
	int ret;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cv_text_init(&out, pool);
		ret = saslprep(cv_span_of(rows[i].in), &out, NULL);
		if (rows[i].out == NULL) {
			assert_int_equal(ret, CV_E_SYNTAX);
			continue;
		}
		if (ret != CV_OK || strcmp(cv_text_str(&out),
					   rows[i].out) != 0)
			fail_msg("row %zu: %d '%s'", i, ret,
				 cv_text_str(&out));
	}
	pool_destroy(&pool);
}

/* Thousands of marks on one letter take no quadratic time. */
static void long_runs_of_marks(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text in, out;

	(void)state;
	cv_text_init(&in, pool);
	cv_text_init(&out, pool);
	cv_text_append_c(&in, 'a');
	while (in.len + 4 < SASLPREP_MAX)
		cv_text_append_str(&in, "\xcc\x87\xcc\xa3");
	for (int i = 0; i < 200; i++) {
		cv_text_reset(&out);
		assert_int_equal(saslprep(cv_text_span(&in), &out, NULL),
				 CV_OK);
	}
	while (in.len <= SASLPREP_MAX)
		cv_text_append_c(&in, 'a');
	assert_int_equal(saslprep(cv_text_span(&in), &out, NULL),
			 CV_E_SYNTAX);
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(long_runs_of_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
