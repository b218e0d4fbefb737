/* test-imap-values.c - plugins/imap: sets, dates. */
#include "imap-mock.h"
#include "imap-date.h"
#include "imap-set.h"

#include <setjmp.h>
#include <cmocka.h>

static struct cv_pool *pool;

static const char *set_text(const char *in, uint32_t star, uint32_t max)
{
	struct cv_set set;
	struct cv_text out;

	cv_text_init(&out, pool);
	if (imap_set_parse(pool, cv_span_of(in), star, max, &set) != CV_OK)
		return "wrong";
	imap_set_format(&out, set);
	return cv_text_str(&out);
}

static void sets_are_sorted_and_merged(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "1", "1" }, { "*", "10" }, { "3:1", "1:3" },
		{ "1,2,3", "1:3" }, { "3,1,2", "1:3" }, { "5,1:3,4", "1:5" },
		{ "1:5,2:3", "1:5" }, { "*:8", "8:10" }, { "1,3,5", "1,3,5" },
		{ "1:*,5", "1:10" }, { "2,2,2", "2" },
		{ "", "wrong" }, { "0", "wrong" }, { "1,", "wrong" },
		{ ",1", "wrong" }, { "1:", "wrong" }, { ":1", "wrong" },
		{ "1::2", "wrong" }, { "1:2:3", "wrong" }, { "a", "wrong" },
		{ "-1", "wrong" }, { "+1", "wrong" }, { "11", "wrong" },
		{ "1:11", "wrong" }, { "4294967296", "wrong" },
		{ "**", "wrong" }, { "$", "wrong" }, { "1 2", "wrong" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(set_text(t[i].in, 10, 10), t[i].out);
}

static void sets_of_uids_have_no_end(void **state)
{
	assert_string_equal(set_text("4294967295,1:4294967294", 7,
				     UINT32_MAX), "1:4294967295");
	assert_string_equal(set_text("559:*", 7, UINT32_MAX), "7:559");
}

static void sets_in_an_empty_mailbox(void **state)
{
	/* [RFC3501 9] seq-number */
	assert_string_equal(set_text("1:*", 0, 0), "wrong");
	assert_string_equal(set_text("*", 0, 0), "wrong");
	assert_string_equal(set_text("1", 0, 0), "wrong");
	/* as UIDs */
	assert_string_equal(set_text("1:*", 0, UINT32_MAX), "");
	assert_string_equal(set_text("*,7", 0, UINT32_MAX), "7");
}

static void large_sets_are_quick(void **state)
{
	struct cv_text in;
	struct cv_set set;

	cv_text_init(&in, pool);
	for (uint32_t i = 200000; i > 0; i--)
		cv_text_append_f(&in, "%u:*%s", i * 2, i > 1 ? "," : "");
	assert_int_equal(imap_set_parse(pool, cv_text_span(&in), 500000,
					UINT32_MAX, &set), CV_OK);
	assert_int_equal(set.count, 1);
	assert_int_equal(imap_set_size(set), 499999);
}

static void sets_unite_and_clip(void **state)
{
	struct cv_set a, b, c;
	struct cv_text out;

	assert_int_equal(imap_set_parse(pool, CV_SPAN("1:3,9"), 9, 9, &a), 0);
	assert_int_equal(imap_set_parse(pool, CV_SPAN("4,7:8"), 9, 9, &b), 0);
	c = imap_set_clip(pool, imap_set_union(pool, a, b), 8);
	cv_text_init(&out, pool);
	imap_set_format(&out, c);
	assert_string_equal(cv_text_str(&out), "1:4,7:8");
	assert_int_equal(imap_set_clip(pool, a, 0).count, 0);
}

static void date_times_parse(void **state)
{
	static const struct { const char *in; int64_t out; } t[] = {
		{ "17-Jul-1996 02:44:25 -0700", 837596665 },
		{ " 1-Jan-1970 00:00:00 +0000", 0 },
		{ "01-jan-1970 01:00:00 +0100", 0 },
		{ "29-Feb-2000 23:59:60 +0000", 951868800 },
		{ "31-Dec-9999 23:59:59 +0000", 253402300799 },
		{ "01-Jan-0000 00:00:00 +0000", -62167219200 },
	};
	static const char *const wrong[] = {
		"", "1-Jan-1970 00:00:00 +0000", "32-Jan-1970 00:00:00 +0000",
		"30-Feb-2000 00:00:00 +0000", "29-Feb-1900 00:00:00 +0000",
		"01-Foo-1970 00:00:00 +0000", "01-Jan-70 00:00:00 +0000",
		"01-Jan-1970 24:00:00 +0000", "01-Jan-1970 00:60:00 +0000",
		"01-Jan-1970 00:00:61 +0000", "01-Jan-1970 00:00:00 0000",
		"01-Jan-1970 00:00:00 +9999", "01-Jan-1970 00:00:00 +00000",
		"01-Jan-1970 00:00:00", "01-Jan-19700 00:00:00 +0000",
		"00-Jan-1970 00:00:00 +0000", "01-Jan-1970  00:00:00 +0000",
	};
	int64_t seconds;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_true(imap_date_time_parse(cv_span_of(t[i].in),
						 &seconds));
		assert_int_equal(seconds, t[i].out);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(imap_date_time_parse(cv_span_of(wrong[i]),
						  &seconds));
}

static void date_times_format_back(void **state)
{
	char text[IMAP_DATE_LEN + 1] = "";
	int64_t seconds;

	for (int64_t t = -62167219200; t < 253402300799; t += 123456789) {
		imap_date_time_format(text, t);
		assert_true(imap_date_time_parse(cv_span(text + 1,
			IMAP_DATE_LEN - 2), &seconds));
		assert_int_equal(seconds, t);
	}
	imap_date_time_format(text, INT64_MAX);
	assert_string_equal(text, "\"31-Dec-9999 23:59:59 +0000\"");
	imap_date_time_format(text, INT64_MIN);
	assert_string_equal(text, "\"01-Jan-0000 00:00:00 +0000\"");
}

static void dates_parse(void **state)
{
	int64_t days;

	assert_true(imap_date_parse(CV_SPAN("1-Feb-1994"), &days));
	assert_int_equal(days, 8797);
	assert_true(imap_date_parse(CV_SPAN("01-Feb-1994"), &days));
	assert_int_equal(days, 8797);
	assert_false(imap_date_parse(CV_SPAN("1-Feb-1994 "), &days));
	assert_false(imap_date_parse(CV_SPAN("0-Feb-1994"), &days));
	assert_false(imap_date_parse(CV_SPAN("-Feb-1994"), &days));
	assert_false(imap_date_parse(CV_SPAN("1-Feb-"), &days));
	assert_false(imap_date_parse(CV_SPAN("1"), &days));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_sorted_and_merged),
		cmocka_unit_test(sets_of_uids_have_no_end),
		cmocka_unit_test(sets_in_an_empty_mailbox),
		cmocka_unit_test(large_sets_are_quick),
		cmocka_unit_test(sets_unite_and_clip),
		cmocka_unit_test(date_times_parse),
		cmocka_unit_test(date_times_format_back),
		cmocka_unit_test(dates_parse),
	};
	int failed;

	mock_init();
	pool = pool_create("test");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	pool_destroy(&pool);
	return failed;
}
