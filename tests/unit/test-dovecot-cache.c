/* test-dovecot-cache.c - dates of saving in dovecot.index.cache: at every cut,
 * with every byte changed. */
#include "base.h"
#include "../storage-common/dovecot-cache.h"
#include "module/module.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dbox-host.h"

/* --- a file ----------------------------------------------------------------------- */

static void put(struct cv_text *t, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(t, (char)(value >> (8 * i) & 0xff));
}

static void put_offset(struct cv_text *t, uint32_t offset)
{
	for (int i = 3; i >= 0; i--)
		cv_text_append_c(t, (char)(0x80 |
					   (offset >> 2 >> (7 * i) & 0x7f)));
}

/* Three fields: one whose size is said in the record, the date, a bitmask. */
static void put_fields(struct cv_text *t, uint32_t next, const char *names,
		       size_t names_len)
{
	static const uint32_t sizes[] = { UINT32_MAX, 4, 1 };
	static const char types[] = { 4, 0, 3 };

	if (next == 0)
		put(t, 0, 4);
	else
		put_offset(t, next);
	put(t, (uint32_t)(12 + 3 * 10 + names_len), 4);
	put(t, 3, 4);
	for (int i = 0; i < 3; i++)
		put(t, 0, 4);
	for (int i = 0; i < 3; i++)
		put(t, sizes[i], 4);
	cv_text_append(t, types, 3);
	cv_text_append(t, "\1\1\1", 3);
	cv_text_append(t, names, names_len);
	while (t->len % 4 != 0)
		cv_text_append_c(t, '\0');
}

enum { PLACES = 5 };
static const char names[] = "hdr.date\0date.save\0flags";

struct file {
	struct cv_text t;
	uint32_t at[PLACES];
};

static void put_date(struct cv_text *t, uint32_t before, uint32_t date)
{
	put(t, before, 4);
	put(t, 8 + 16 + 8 + 8, 4);
	put(t, 0, 4);			/* a header of five bytes */
	put(t, 5, 4);
	cv_text_append(t, "Date:\0\0\0", 8);
	put(t, 2, 4);			/* the bitmask */
	cv_text_append(t, "\1\0\0\0", 4);
	put(t, 1, 4);
	put(t, date, 4);
}

static void build(struct file *f)
{
	static const char head[] = { 1, 8, 1, 0 };
	struct cv_text *t = &f->t;

	cv_text_init(t, pool);
	cv_text_append(t, head, 4);
	put(t, 77, 4);
	put(t, 5, 4);
	for (int i = 0; i < 4; i++)
		put(t, 0, 4);
	put_offset(t, 32);
	/* an older copy, in which nothing is right */
	put_fields(t, 32 + 12 + 30 + 2, "", 0);
	assert_int_equal(t->len, 32 + 12 + 30 + 2);
	put_fields(t, 0, names, sizeof(names));
	f->at[0] = (uint32_t)t->len;
	put_date(t, 0, 1000);
	/* a newer record without it */
	f->at[1] = (uint32_t)t->len;
	put(t, f->at[0], 4);
	put(t, 16, 4);
	put(t, 2, 4);
	cv_text_append(t, "\1\0\0\0", 4);
	/* one with another date */
	f->at[2] = (uint32_t)t->len;
	put_date(t, f->at[1], 2000);
	/* one that speaks of itself, and has nothing */
	f->at[3] = (uint32_t)t->len;
	put(t, f->at[3], 4);
	put(t, 8, 4);
	f->at[4] = (uint32_t)t->len;
	put_date(t, f->at[4] + 4, UINT32_MAX);
}

static ssize_t read_span(void *context, void *data, size_t len,
			 uint64_t offset)
{
	const struct cv_span *file = context;

	if (offset >= file->len)
		return 0;
	if (len > file->len - (size_t)offset)
		len = file->len - (size_t)offset;
	memcpy(data, file->data + offset, len);
	return (ssize_t)len;
}

/* Asks for all places; CV_NOT_FOUND: it is no such file. */
static int ask(const struct file *f, size_t len, int64_t dates[PLACES])
{
	struct cv_span span = cv_span(f->t.data, len);
	struct cv_pool *scratch = pool_create("cache");
	struct dovecot_cache cache;
	int ret = dovecot_cache_open(scratch, read_span, &span, PLACES, &cache);

	memset(dates, 0, PLACES * sizeof(*dates));
	for (int i = 0; ret == CV_OK && i < PLACES; i++)
		dates[i] = dovecot_cache_saved(&cache, f->at[i]);
	pool_destroy(&scratch);
	return ret;
}

static void the_newest_record_that_has_a_date_says_it(void **state)
{
	struct cv_span span;
	struct dovecot_cache cache;
	int64_t dates[PLACES];
	struct file f;

	(void)state;
	build(&f);
	assert_int_equal(ask(&f, f.t.len, dates), CV_OK);
	assert_int_equal(dates[0], 1000);
	assert_int_equal(dates[1], 1000);
	assert_int_equal(dates[2], 2000);
	assert_int_equal(dates[3], 0);
	assert_int_equal(dates[4], UINT32_MAX);
	span = cv_span(f.t.data, f.t.len);
	assert_int_equal(dovecot_cache_open(pool, read_span, &span, 1, &cache),
			 CV_OK);
	assert_int_equal(cache.indexid, 77);
	assert_int_equal(cache.file_seq, 5);
	assert_int_equal(dovecot_cache_saved(&cache, 0), 0);
	assert_int_equal(dovecot_cache_saved(&cache, UINT32_MAX), 0);
}

static void a_cache_without_the_field_is_none(void **state)
{
	int64_t dates[PLACES];
	struct file f;
	char *at;

	(void)state;
	build(&f);
	at = memmem(f.t.data, f.t.len, "date.save", 9);
	assert_non_null(at);
	at[0] = 'D';
	assert_int_equal(ask(&f, f.t.len, dates), CV_NOT_FOUND);
}

static void a_cache_is_read_at_every_cut(void **state)
{
	int64_t dates[PLACES];
	struct file f;

	(void)state;
	build(&f);
	for (size_t len = 0; len <= f.t.len; len++) {
		int ret = ask(&f, len, dates);

		assert_int_equal(ret, len < f.at[0] - 3 ? CV_NOT_FOUND :
				 ret);
		assert_true(dates[0] == 0 || dates[0] == 1000);
		assert_true(dates[1] == 0 || dates[1] == 1000);
	}
}

static void every_byte_may_be_wrong(void **state)
{
	static const unsigned char with[] = { 0xff, 0x80, 0x01 };
	int64_t dates[PLACES];
	struct file f;

	(void)state;
	build(&f);
	for (size_t i = 0; i < f.t.len; i++) {
		for (size_t k = 0; k < sizeof(with); k++) {
			f.t.data[i] = (char)(f.t.data[i] ^ with[k]);
			(void)ask(&f, f.t.len, dates);
			f.t.data[i] = (char)(f.t.data[i] ^ with[k]);
		}
	}
	assert_int_equal(ask(&f, f.t.len, dates), CV_OK);
	assert_int_equal(dates[2], 2000);
}

/* Records of one message that lead from one to the next, without end. */
static void the_work_is_bounded(void **state)
{
	struct cv_span span;
	struct dovecot_cache cache;
	uint32_t before = 0;
	struct file f;

	(void)state;
	build(&f);
	for (int i = 0; i < 100000; i++) {
		uint32_t at = (uint32_t)f.t.len;

		put(&f.t, before, 4);
		put(&f.t, 8, 4);
		before = at;
	}
	span = cv_span(f.t.data, f.t.len);
	assert_int_equal(dovecot_cache_open(pool, read_span, &span, 1, &cache),
			 CV_OK);
	assert_int_equal(dovecot_cache_saved(&cache, before), 0);
	assert_int_equal(cache.budget, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_record_that_has_a_date_says_it),
		cmocka_unit_test(a_cache_without_the_field_is_none),
		cmocka_unit_test(a_cache_is_read_at_every_cut),
		cmocka_unit_test(every_byte_may_be_wrong),
		cmocka_unit_test(the_work_is_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
