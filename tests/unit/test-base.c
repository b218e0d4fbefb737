/* test-base.c - core/base: memory, spans, hashing, encodings, logging. */
#include "base.h"

#include <setjmp.h>
#include <cmocka.h>

static void pool_memory_is_zero_and_grows(void **state)
{
	struct cv_pool *pool = pool_create("test");
	unsigned char *a = pool_alloc(pool, 3);
	size_t big = 1000000;

	memset(a, 0xff, 3);
	pool_reset(pool);
	a = pool_alloc(pool, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(a[i], 0);
	a = pool_grow(pool, a, 100, big);
	for (size_t i = 0; i < big; i++)
		assert_int_equal(a[i], 0);
	pool_destroy(&pool);
	assert_null(pool);
}

static void count_up(void *data) { ++*(int *)data; }

static void pool_finalisers_run_once(void **state)
{
	struct cv_pool *pool = pool_create("test");
	int runs = 0;

	pool_add_finaliser(pool, count_up, &runs);
	pool_reset(pool);
	assert_int_equal(runs, 1);
	pool_destroy(&pool);
	assert_int_equal(runs, 1);
}

static void text_appends(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text text;

	cv_text_init(&text, pool);
	assert_string_equal(cv_text_str(&text), "");
	for (int i = 0; i < 1000; i++)
		cv_text_append_f(&text, "%d,", i);
	cv_text_append_u64(&text, UINT64_MAX);
	assert_memory_equal(text.data, "0,1,2,3,", 8);
	assert_string_equal(text.data + text.len - 24,
			    "999,18446744073709551615");
	pool_destroy(&pool);
}

static void spans_split_and_count(void **state)
{
	struct cv_span rest = CV_SPAN("a,b,,c"), head;
	uint64_t n;
	int parts = 0;

	while (cv_span_split(&rest, ',', &head))
		parts++;
	assert_int_equal(parts, 4);
	assert_true(cv_span_to_u64(CV_SPAN("18446744073709551615"),
				   UINT64_MAX, &n));
	assert_false(cv_span_to_u64(CV_SPAN("18446744073709551616"),
				    UINT64_MAX, &n));
	assert_false(cv_span_to_u64(CV_SPAN("256"), 255, &n));
	assert_false(cv_span_to_u64(CV_SPAN(""), 255, &n));
	assert_false(cv_span_to_u64(CV_SPAN("-1"), 255, &n));
	assert_true(cv_span_is(cv_span_trim(CV_SPAN(" \tx y\r\n")), "x y"));
}

static void settings_units(void **state)
{
	uint64_t n;

	assert_true(span_to_size(CV_SPAN("64k"), &n) && n == 65536);
	assert_true(span_to_size(CV_SPAN("2 GB"), &n) && n == 2147483648u);
	assert_false(span_to_size(CV_SPAN("64q"), &n));
	assert_false(span_to_size(CV_SPAN("99999999999T"), &n));
	assert_true(span_to_msecs(CV_SPAN("5 mins"), &n) && n == 300000);
	assert_true(span_to_msecs(CV_SPAN("30"), &n) && n == 30000);
	assert_int_equal(span_distance(CV_SPAN("proto"), CV_SPAN("porto"), 3),
			 1);
	assert_int_equal(span_distance(CV_SPAN("prot"), CV_SPAN("port"), 3), 1);
	assert_int_equal(span_distance(CV_SPAN("prot"), CV_SPAN("prtx"), 3), 2);
	assert_int_equal(span_distance(CV_SPAN(""), CV_SPAN("abc"), 3), 3);
	assert_int_equal(span_distance(CV_SPAN("abcd"), CV_SPAN(""), 3), 4);
	assert_int_equal(span_distance(CV_SPAN("ab"), CV_SPAN("ba"), 3), 1);
}

static void hash_table_many_and_removed(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct hash_table table;

	hash_init(&table, pool, true);
	for (int i = 0; i < 5000; i++) {
		char *key = pool_printf(pool, "Key%d", i);

		hash_set(&table, cv_span_of(key), key);
	}
	assert_string_equal(hash_find(&table, CV_SPAN("kEY4999")), "Key4999");
	for (int i = 0; i < 5000; i += 2)
		assert_true(hash_remove(&table, cv_span_of(
			pool_printf(pool, "key%d", i))));
	assert_null(hash_find(&table, CV_SPAN("Key0")));
	assert_null(hash_add(&table, CV_SPAN("key0"), &table));
	assert_ptr_equal(hash_add(&table, CV_SPAN("KEY0"), &pool), &table);
	assert_true(hash_remove(&table, CV_SPAN("Key0")));
	assert_non_null(hash_find(&table, CV_SPAN("Key1")));
	assert_int_equal(table.count, 2500);
	pool_destroy(&pool);
}

/* Keys come and go while the table grows in its place, each time anew: all the
 * places that a run at its ends may have. */
static void hash_table_grows_in_its_place(void **state)
{
	enum { KEYS = 60000 };
	struct cv_pool *keys = pool_create("keys");
	uint32_t *number = pool_new_array(keys, uint32_t, KEYS);

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		number[i] = i;
	for (size_t round = 0; round < 400; round++) {
		size_t count = round == 0 ? KEYS : 1 + round % 97;
		struct cv_pool *pool = pool_create("table");
		struct hash_table table;

		hash_init(&table, pool, false);
		for (size_t i = 0; i < count; i++) {
			uint32_t *n = &number[(i + round * 149) % KEYS];

			hash_set(&table, cv_span((char *)n, 4), n);
			if (i % 7 == 3)
				assert_true(hash_remove(&table, cv_span(
					(char *)n, 4)));
		}
		for (size_t i = 0; i < count; i++) {
			uint32_t *n = &number[(i + round * 149) % KEYS];

			assert_ptr_equal(hash_find(&table, cv_span((char *)n,
					 4)), i % 7 == 3 ? NULL : n);
		}
		assert_int_equal(table.count, count - (count + 3) / 7);
		/* never an old one beside a new one */
		if (round == 0)
			assert_in_range(pool_size(pool), 1, table.room *
					sizeof(struct hash_entry) * 5 / 4);
		pool_destroy(&pool);
	}
	pool_destroy(&keys);
}

static void crc32c_check_value(void **state)
{
	char zeros[32] = { 0 };

	/* the check value of CRC-32C/iSCSI, and (RFC 3720 B.4) */
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aau);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5),
			 0xe3069283u);
}

/* One bit after the other, as it is defined. */
static uint32_t crc32c_plain(uint32_t crc, const unsigned char *p, size_t len)
{
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* Around each length at which blocks are read three at once. */
static void crc32c_of_each_length_and_alignment(void **state)
{
	enum { ALL = 1700, LONG = 3 * 2048 };
	static unsigned char bytes[4 * LONG + 16];
	static const size_t longer[] = { LONG, 2 * LONG, 3 * LONG, 4 * LONG };
	uint32_t crc = 7;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * i * 2654435761u >> 13);
	for (size_t at = 0; at < 9; at++) {
		uint32_t plain = 0;

		for (size_t len = 0; len <= ALL; len++) {
			assert_int_equal(crc32c(0, bytes + at, len), plain);
			assert_int_equal(crc32c_by_table(0, bytes + at, len),
					 plain);
			plain = crc32c_plain(plain, bytes + at + len, 1);
		}
		for (size_t i = 0; i < 4 * 17; i++) {
			size_t len = longer[i / 17] + i % 17 - 8;

			plain = crc32c_plain(crc, bytes + at, len);
			assert_int_equal(crc32c(crc, bytes + at, len), plain);
			crc = plain;
		}
	}
}

static void base64_strict(void **state)
{
	static const char *const bad[] = {
		"Zg=", "Zg", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==",
		"Zm9v\n", "Zm\t=", "Zm 9", "Zm9\tb",
	};
	struct cv_pool *pool = pool_create("test");
	struct cv_text text;

	cv_text_init(&text, pool);
	base64_encode(&text, "fooba", 5);
	assert_string_equal(text.data, "Zm9vYmE=");
	for (size_t len = 0; len < 64; len++) {
		struct cv_text back;
		unsigned char data[64];

		random_bytes(data, sizeof(data));
		cv_text_reset(&text);
		base64_encode(&text, data, len);
		cv_text_init(&back, pool);
		assert_true(base64_decode(&back, cv_text_span(&text)));
		assert_int_equal(back.len, len);
		if (len > 0)
			assert_memory_equal(back.data, data, len);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cv_text_reset(&text);
		assert_false(base64_decode(&text, cv_span_of(bad[i])));
	}
	pool_destroy(&pool);
}

static void utf8_rejects(void **state)
{
	static const char *const bad[] = {
		"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
		"\x80", "\xff",
	};
	uint32_t code;
	char buf[4];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
	for (uint32_t c = 0; c <= 0x10ffff; c += 7) {
		size_t n = utf8_encode(c, buf);

		if (n == 0)
			continue;
		assert_int_equal(utf8_decode(buf, n, &code), n);
		assert_int_equal(code, c);
	}
}

static void log_lines_are_clean(void **state)
{
	char out[64];

	log_clean(out, sizeof(out), "a\r\nb\x1b[0m\0c", 10);
	assert_string_equal(out, "a\\x0d\\x0ab\\x1b[0m\\x00c");
	log_clean(out, sizeof(out), "x\xe2\x80\xaey", 5);
	assert_string_equal(out, "x\\xe2\\x80\\xaey");
	assert_int_equal(log_clean(out, 8, "aaaaaaaaaaaa", 12), 7);
}

static void civil_days(void **state)
{
	int64_t year;
	unsigned int month, day;

	assert_int_equal(time_days_from_civil(1970, 1, 1), 0);
	assert_int_equal(time_days_from_civil(2000, 3, 1), 11017);
	for (int64_t days = -800000; days < 800000; days += 37) {
		time_civil_from_days(days, &year, &month, &day);
		assert_int_equal(time_days_from_civil(year, month, day), days);
	}
}

static void secrets(void **state)
{
	assert_true(secret_equal(CV_SPAN("abc"), CV_SPAN("abc")));
	assert_false(secret_equal(CV_SPAN("abc"), CV_SPAN("abd")));
	assert_false(secret_equal(CV_SPAN("abc"), CV_SPAN_NONE));
	assert_false(secret_equal(CV_SPAN("aa"), CV_SPAN("a")));
	assert_false(secret_equal(CV_SPAN("\0"), CV_SPAN_NONE));
	assert_true(secret_equal(CV_SPAN_NONE, CV_SPAN("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_memory_is_zero_and_grows),
		cmocka_unit_test(pool_finalisers_run_once),
		cmocka_unit_test(text_appends),
		cmocka_unit_test(spans_split_and_count),
		cmocka_unit_test(settings_units),
		cmocka_unit_test(hash_table_many_and_removed),
		cmocka_unit_test(hash_table_grows_in_its_place),
		cmocka_unit_test(crc32c_check_value),
		cmocka_unit_test(crc32c_of_each_length_and_alignment),
		cmocka_unit_test(base64_strict),
		cmocka_unit_test(utf8_rejects),
		cmocka_unit_test(log_lines_are_clean),
		cmocka_unit_test(civil_days),
		cmocka_unit_test(secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
