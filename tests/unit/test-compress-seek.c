/* test-compress-seek.c - reading a large message here and there does not decode
 * it from its start each time, whatever the codec. */
#include "decode-fixture.h"

#ifdef WITH_ZSTD
#include <zstd.h>
#endif
#ifdef WITH_LZMA
#include <lzma.h>
#endif

enum {
	LEN = 50 * 1000 * 1000, READ = 65536, TIMES = 30,
	PACKED_READS = 6,	/* of the whole: what the reads may cost */
};

static char *plain;

static struct cv_span encode(const struct codec *codec)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	struct cv_text out;
	struct cv_span made;
	char *copy;

	cv_text_init(&out, pool);
	assert_int_equal(codec->encode(compress_stream_api->from_memory(
		pool, cv_span(plain, LEN)), codec->level_min, pool, &out,
		NULL), CV_OK);
	copy = malloc(out.len);
	memcpy(copy, out.data, out.len);
	made = cv_span(copy, out.len);
	cv_api->pool_destroy(&pool);
	return made;
}

static struct cv_stream *open_source(const struct codec *codec,
				     struct cv_pool *pool,
				     struct source *source)
{
	return decode_stream(codec, pool, compress_stream_api->from_reader(
		pool, source->data.len, source_read, NULL, source), LEN);
}

/* The end first, so that there is something to go back to. */
static void read_here_and_there(const struct codec *codec,
				struct cv_span data)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	struct source source = { data, 65536, 0 };
	struct cv_stream *stream = open_source(codec, pool, &source);
	char *out = malloc(READ);
	size_t got;

	for (int i = 0; i <= TIMES; i++) {
		size_t at = i == 0 ? LEN - READ : number(LEN - READ);

		assert_int_equal(read_at(stream, at, out, READ, &got), CV_OK);
		assert_memory_equal(out, plain + at, READ);
	}
	assert_in_range(source.read, data.len, data.len * PACKED_READS);
	cv_api->pool_destroy(&pool);
	free(out);
}

/* A bit in each twentieth is another one: told, or never read, when reading
 * goes forward and back. */
static void damage_is_told_behind_marks(const struct codec *codec,
					struct cv_span data)
{
	char *file = malloc(data.len), *out = malloc(READ);

	for (int part = 1; part < 20; part += 3) {
		struct cv_pool *pool = cv_api->pool_create("test");
		struct source source = { cv_span(file, data.len), 65536, 0 };
		struct cv_stream *stream = open_source(codec, pool, &source);
		size_t got;
		int ret = CV_OK;

		memcpy(file, data.data, data.len);
		file[data.len / 20 * (size_t)part] ^= 0x10;
		for (size_t at = 0; ret == CV_OK && at < LEN; at += LEN / 25)
			ret = read_at(stream, at, out, READ, &got);
		if (ret >= 0)
			ret = read_at(stream, LEN - 1, out, READ, &got);
		assert_true(ret < 0);
		/* and going back to it gives no other bytes */
		for (size_t at = 0; at < LEN - READ; at += LEN / 10) {
			ret = read_at(stream, at, out, READ, &got);
			assert_true(codec == &codec_lz4 || ret != CV_OK ||
				    memcmp(out, plain + at, READ) == 0);
		}
		cv_api->pool_destroy(&pool);
	}
	free(file);
	free(out);
}

static void drop(struct cv_span data)
{
	free((char *)(uintptr_t)data.data);
}

static void gz_at_its_marks(void **state)
{
	struct cv_span data = encode(&codec_gz);

	(void)state;
	read_here_and_there(&codec_gz, data);
	drop(data);
}

#ifdef WITH_LZ4
static void lz4_at_its_chunks(void **state)
{
	struct cv_span data = encode(&codec_lz4);

	(void)state;
	read_here_and_there(&codec_lz4, data);
	drop(data);
}
#endif

#ifdef WITH_ZSTD
static void zstd_at_its_frames(void **state)
{
	struct cv_span data = encode(&codec_zstd);

	(void)state;
	read_here_and_there(&codec_zstd, data);
	damage_is_told_behind_marks(&codec_zstd, data);
	drop(data);
}

static void zstd_in_one_frame_is_kept(void **state)
{
	size_t room = ZSTD_compressBound(LEN);
	char *out = malloc(room);
	struct cv_span data = cv_span(out, ZSTD_compress(out, room, plain,
							 LEN, 1));

	(void)state;
	assert_false(ZSTD_isError(data.len));
	read_here_and_there(&codec_zstd, data);
	drop(data);
}
#endif

#ifdef WITH_LZMA
static void xz_is_kept(void **state)
{
	size_t room = lzma_stream_buffer_bound(LEN), len = 0;
	uint8_t *out = malloc(room);

	(void)state;
	assert_int_equal(lzma_easy_buffer_encode(
		0, LZMA_CHECK_CRC32, NULL, (const uint8_t *)plain, LEN, out,
		&len, room), LZMA_OK);
	read_here_and_there(&codec_xz, cv_span((const char *)out, len));
	free(out);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gz_at_its_marks),
#ifdef WITH_LZ4
		cmocka_unit_test(lz4_at_its_chunks),
#endif
#ifdef WITH_ZSTD
		cmocka_unit_test(zstd_at_its_frames),
		cmocka_unit_test(zstd_in_one_frame_is_kept),
#endif
#ifdef WITH_LZMA
		cmocka_unit_test(xz_is_kept),
#endif
	};
	int ret;

	cv_api = module_host();
	compress_stream_api = &stream_api;
	plain = some_text(LEN);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	free(plain);
	return ret;
}
