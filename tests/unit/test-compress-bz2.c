/* test-compress-bz2.c - reading bzip2 here and there, at its blocks. */
#include "decode-fixture.h"

#include <bzlib.h>

/* level 1 makes a block of 100,000 bytes. */
static struct cv_span packed(const char *plain, size_t len, int level)
{
	unsigned int room = (unsigned int)(len + len / 50 + 1000);
	char *out = malloc(room);

	assert_int_equal(BZ2_bzBuffToBuffCompress(
		out, &room, (char *)(uintptr_t)plain, (unsigned int)len, level,
		0, 0), BZ_OK);
	return cv_span(out, room);
}

static struct cv_stream *open_source(struct cv_pool *pool,
				     struct source *source,
				     uint64_t plain_bytes)
{
	return decode_stream(&codec_bz2, pool, compress_stream_api->from_reader(
		pool, source->data.len, source_read, NULL, source),
		plain_bytes);
}

static int read_all(struct cv_span data, size_t piece, char *out, size_t room,
		    size_t *got_r)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	struct source source = { data, piece, 0 };
	int ret = read_at(open_source(pool, &source, UINT64_MAX), 0, out, room,
			  got_r);

	cv_api->pool_destroy(&pool);
	return ret;
}

static void it_is_the_same_in_any_pieces(void **state)
{
	static const size_t lens[] = {
		0, 1, 2, 3, 5, 77, 99981, 99982, 250000, 700001,
	};
	static const size_t pieces[] = { 1, 2, 3, 7, 8, 9, 4095, 4097, 70000 };
	size_t got;

	(void)state;
	for (size_t i = 0; i < 10 * 9; i++) {
		size_t len = lens[i % 10];
		char *text = some_text(len + 1), *out = malloc(len + 1);
		struct cv_span file = packed(text, len, 1);

		assert_int_equal(read_all(file, pieces[i / 10], out, len + 1,
					  &got), CV_EOF);
		assert_int_equal(got, len);
		assert_memory_equal(out, text, len);
		free(text);
		free(out);
		free((char *)(uintptr_t)file.data);
	}
}

/* No size is told, so nothing is kept but marks. */
static void any_offset_is_read_from_a_block_near(void **state)
{
	enum { LEN = 20 * 1000 * 1000, READ = 5000, TIMES = 60 };
	struct cv_pool *pool = cv_api->pool_create("test");
	char *text = some_text(LEN), *out = malloc(READ);
	struct source source = { packed(text, LEN, 1), 65536, 0 };
	struct cv_stream *stream = open_source(pool, &source, UINT64_MAX);
	size_t got;

	(void)state;
	(void)read_at(stream, LEN, out, 1, &got);
	assert_in_range(source.read, source.data.len, source.data.len * 2);
	source.read = 0;
	for (int i = 0; i < TIMES; i++) {
		size_t at = number(LEN - READ);

		assert_int_equal(read_at(stream, at, out, READ, &got), CV_OK);
		assert_memory_equal(out, text + at, READ);
	}
	/* there are 64 marks at most, and at least 32 */
	assert_in_range(source.read, 1, source.data.len / 32 * TIMES);
	cv_api->pool_destroy(&pool);
	free(out);
	free(text);
	free((char *)(uintptr_t)source.data.data);
}

static void streams_may_follow_one_another(void **state)
{
	enum { LEN = 300000 };
	struct cv_pool *pool = cv_api->pool_create("test");
	char *text = some_text(LEN), *out = malloc(LEN + 1), *both;
	size_t cuts[] = { 0, 1, 100, 123456, LEN }, got;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct cv_span a = packed(text, cuts[i], 1);
		struct cv_span b = packed(text + cuts[i], LEN - cuts[i], 9);
		/* the first ends where a piece does, too */
		size_t pieces[] = { a.len, 1, 1000 };

		both = malloc(a.len + b.len);
		memcpy(both, a.data, a.len);
		memcpy(both + a.len, b.data, b.len);
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(read_all(
				cv_span(both, a.len + b.len), pieces[k], out,
				LEN + 1, &got), CV_EOF);
			assert_int_equal(got, LEN);
			assert_memory_equal(out, text, LEN);
		}
		free(both);
		free((char *)(uintptr_t)a.data);
		free((char *)(uintptr_t)b.data);
	}
	cv_api->pool_destroy(&pool);
	free(text);
	free(out);
}

/* What is given out before an error is the beginning of what was there. */
static void expect_harmless(struct cv_span file, const char *text, size_t len,
			    bool must_fail)
{
	char *out = malloc(len + 1000);
	size_t got;
	int ret = read_all(file, 65536, out, len + 1000, &got);

	if (must_fail)
		assert_true(ret < 0);
	if (ret >= 0) {
		assert_int_equal(got, len);
		assert_memory_equal(out, text, len);
	}
	free(out);
}

static void damage_and_cuts_are_errors(void **state)
{
	enum { LEN = 210000 };
	char *text = some_text(LEN), *file;
	struct cv_span whole = packed(text, LEN, 1);

	(void)state;
	file = malloc(whole.len);
	for (int i = 0; i < 150; i++) {
		size_t at = i < 14 ? (size_t)i : number((uint32_t)whole.len);
		unsigned int bit = number(8);

		memcpy(file, whole.data, whole.len);
		file[at] = (char)(file[at] ^ 1 << bit);
		/* the last byte may hold bits that mean nothing, and a
		 * larger block size harms nothing */
		expect_harmless(cv_span(file, whole.len), text, LEN,
				at != 3 && at != whole.len - 1);
		expect_harmless(cv_span(whole.data, at), text, LEN, true);
	}
	free(file);
	free(text);
	free((char *)(uintptr_t)whole.data);
}

/* A block's magic within a block: data that hold it at each bit, in a block
 * that libbz2 makes of it, and one between two blocks' true ends. */
static void a_magic_in_the_data_is_no_block(void **state)
{
	enum { LEN = 400000 };
	static const unsigned char magic[] = {
		0x31, 0x41, 0x59, 0x26, 0x53, 0x59,
	};
	char *text = some_text(LEN), *out = malloc(2 * LEN + 1), *file;
	struct cv_span whole;
	size_t got;

	(void)state;
	for (size_t i = 0; i + 7 < LEN; i += 50)
		memcpy(text + i, magic, 6);
	whole = packed(text, LEN, 1);
	assert_int_equal(read_all(whole, 65536, out, LEN + 1, &got), CV_EOF);
	assert_memory_equal(out, text, LEN);
	/* where it damages the block, it is damage and no other block */
	file = malloc(whole.len);
	for (int i = 0; i < 60; i++) {
		size_t at = 30 + number((uint32_t)whole.len - 60);

		memcpy(file, whole.data, whole.len);
		memcpy(file + at, magic, sizeof(magic));
		expect_harmless(cv_span(file, whole.len), text, LEN, true);
	}
	free(file);
	free(text);
	free(out);
	free((char *)(uintptr_t)whole.data);
}

/* INVARIANT of locate(): two parts cannot be seen in one place. */
static void magics_do_not_overlap(void **state)
{
	static const uint64_t magics[] = { 0x314159265359, 0x177245385090 };

	(void)state;
	for (int moved = 1; moved < 8; moved++) {
		uint64_t mask = (UINT64_C(1) << (48 - moved)) - 1;

		for (int i = 0; i < 4; i++)
			assert_int_not_equal(magics[i / 2] & mask,
					     magics[i % 2] >> moved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(magics_do_not_overlap),
		cmocka_unit_test(it_is_the_same_in_any_pieces),
		cmocka_unit_test(any_offset_is_read_from_a_block_near),
		cmocka_unit_test(streams_may_follow_one_another),
		cmocka_unit_test(damage_and_cuts_are_errors),
		cmocka_unit_test(a_magic_in_the_data_is_no_block),
	};

	cv_api = module_host();
	compress_stream_api = &stream_api;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
