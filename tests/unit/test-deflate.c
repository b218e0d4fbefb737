/* test-deflate.c - DEFLATE of connections: whatever the pieces, both ways; and
 * input that is made to cost much. */
#include "session/deflate.h"

#include <zlib.h>

#include <setjmp.h>
#include <cmocka.h>

static int keep(void *context, const char *data, size_t len)
{
	cv_text_append(context, data, len);
	return CV_OK;
}

/* Everything in pieces of cut bytes, with room for room bytes at a time. */
static int unpack(struct cv_span in, size_t cut, size_t room,
		  struct cv_text *out)
{
	struct cv_pool *pool = pool_create("test");
	struct inflater *i = inflater_create(pool);
	struct cv_error err = ERROR_NONE;
	int ret = CV_OK;

	while (in.len > 0 && ret == CV_OK) {
		struct cv_span piece = cv_span(in.data, cut < in.len ? cut :
					       in.len);
		size_t len = piece.len, got;

		do {
			char *at = pool_alloc(pool, room);

			ret = inflater_run(i, &piece, at, room, &got, &err);
			cv_text_append(out, at, got);
		} while (ret == CV_OK && (piece.len > 0 || got > 0));
		in = cv_span_skip(in, len - piece.len);
	}
	pool_destroy(&pool);
	return ret;
}

static void what_goes_in_comes_out(void **state)
{
	static const char *const lines[] = {
		"* 1 FETCH (FLAGS (\\Seen))\r\n", "a OK Fetch completed.\r\n",
		"", "* 2 FETCH (FLAGS (\\Seen))\r\n",
	};
	struct cv_pool *pool = pool_create("test");
	struct deflater *d = deflater_create(pool, 6);
	struct cv_text packed, plain, out;

	cv_text_init(&packed, pool);
	cv_text_init(&plain, pool);
	for (size_t i = 0; i < 4; i++) {
		size_t before = packed.len;

		cv_text_append_str(&plain, lines[i]);
		assert_int_equal(deflater_write(d, cv_span_of(lines[i]), keep,
						&packed), CV_OK);
		assert_int_equal(deflater_reset(d, keep, &packed), CV_OK);
		assert_int_equal(packed.len > before, *lines[i] != '\0');
		before = packed.len;
		assert_int_equal(deflater_reset(d, keep, &packed), CV_OK);
		assert_int_equal(packed.len, before);
		deflater_rest(d);
	}
	for (size_t cut = 1; cut <= packed.len; cut++) {
		cv_text_init(&out, pool);
		assert_int_equal(unpack(cv_text_span(&packed), cut,
					1 + cut % 7, &out), CV_OK);
		assert_true(cv_span_equal(cv_text_span(&out),
					  cv_text_span(&plain)));
	}
	pool_destroy(&pool);
}

/* [security.md B16] the same after a reset costs as much as before it, so
 * nobody learns whether it was there. */
static void a_reset_forgets(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct deflater *d = deflater_create(pool, 6);
	struct cv_text first, second, third;
	char secret[64];

	random_bytes(secret, sizeof(secret));
	cv_text_init(&first, pool);
	cv_text_init(&second, pool);
	cv_text_init(&third, pool);
	(void)deflater_write(d, cv_span(secret, 64), keep, &first);
	(void)deflater_reset(d, keep, &first);
	(void)deflater_write(d, cv_span(secret, 64), keep, &second);
	(void)deflater_reset(d, keep, &second);
	assert_int_equal(first.len, second.len);
	/* without one it is found: that is what the test is about */
	(void)deflater_write(d, cv_span(secret, 64), keep, &third);
	(void)deflater_write(d, cv_span(secret, 64), keep, &third);
	(void)deflater_reset(d, keep, &third);
	assert_true(third.len < first.len + 32);
	pool_destroy(&pool);
}

static void junk_is_refused(void **state)
{
	static const struct cv_span t[] = {
		CV_SPAN("a NOOP\r\nb NOOP\r\n"), CV_SPAN("\x07\0\0\0\0"),
		CV_SPAN("\x01\x05\0\0\0hello"),
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (size_t cut = 1; cut <= t[i].len; cut++) {
			struct cv_text out;

			cv_text_init(&out, pool);
			assert_int_equal(unpack(t[i], cut, 100, &out),
					 CV_E_SYNTAX);
		}
	}
	pool_destroy(&pool);
}

static void a_stream_may_end(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text out;

	for (size_t cut = 1; cut <= 12; cut++) {
		cv_text_init(&out, pool);
		assert_int_equal(unpack(CV_SPAN("\x01\x02\0\xfd\xffhi" "more"),
					cut, 100, &out), CV_EOF);
		assert_string_equal(cv_text_str(&out), "hi");
	}
	pool_destroy(&pool);
}

/* Empty stored blocks without end. */
static void blocks_of_nothing_are_counted(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct inflater *i = inflater_create(pool);
	struct cv_error err = ERROR_NONE;
	char block[5] = { 0, 0, 0, (char)0xff, (char)0xff }, out[100];
	uint64_t bytes = 0;
	size_t got;
	int ret = CV_OK;

	while (ret == CV_OK) {
		struct cv_span in = cv_span(block, sizeof(block));

		ret = inflater_run(i, &in, out, sizeof(out), &got, &err);
		assert_int_equal(got, 0);
		bytes += sizeof(block);
		assert_true(bytes < 2 * INFLATE_BARREN_MAX);
	}
	assert_int_equal(ret, CV_E_LIMIT);
	assert_true(bytes > INFLATE_BARREN_MAX);
	pool_destroy(&pool);
}

/* A thousand to one is let through for the size of a message, and no more. */
static void bombs_are_counted(void **state)
{
	enum { ROOM = 1 << 20 };
	struct cv_pool *pool = pool_create("test");
	struct inflater *i = inflater_create(pool);
	struct deflater *d = deflater_create(pool, 9);
	struct cv_error err = ERROR_NONE;
	char *zeros = pool_alloc(pool, ROOM), *out = pool_alloc(pool, ROOM);
	uint64_t total = 0;
	int ret = CV_OK;

	while (ret == CV_OK) {
		struct cv_text packed;
		struct cv_span in;
		size_t got;

		cv_text_init(&packed, pool);
		(void)deflater_write(d, cv_span(zeros, ROOM), keep, &packed);
		(void)deflater_reset(d, keep, &packed);
		in = cv_text_span(&packed);
		do {
			ret = inflater_run(i, &in, out, ROOM, &got, &err);
			total += got;
		} while (ret == CV_OK && (in.len > 0 || got > 0));
		assert_true(total < 2 * (uint64_t)INFLATE_FREE_BYTES);
	}
	assert_int_equal(ret, CV_E_LIMIT);
	assert_true(total > INFLATE_FREE_BYTES);
	pool_destroy(&pool);
}

/* Takes all of in, whose content is appended. */
static int feed(struct inflater *i, struct cv_span in, struct cv_text *out)
{
	char room[64];
	size_t got;
	int ret;

	do {
		ret = inflater_run(i, &in, room, sizeof(room), &got, NULL);
		cv_text_append(out, room, got);
	} while (ret == CV_OK && (in.len > 0 || got > 0));
	return ret;
}

/* Stopped at this byte, when that is possible. */
static bool goes_on_at(struct cv_span packed, size_t cut, struct cv_span plain)
{
	struct cv_pool *pool = pool_create("test");
	struct inflater *i = inflater_create(pool);
	struct cv_text out, frozen;
	struct cv_span state;
	bool frozen_there;

	cv_text_init(&out, pool);
	cv_text_init(&frozen, pool);
	assert_int_equal(feed(i, cv_span(packed.data, cut), &out), CV_OK);
	/* waiting in vain changes nothing */
	assert_int_equal(feed(i, CV_SPAN(""), &out), CV_OK);
	frozen_there = inflater_freeze(i, &frozen);
	state = cv_text_span(&frozen);
	if (frozen_there) {
		for (size_t len = 0; len < state.len; len++) {
			struct cv_span part = cv_span(state.data, len);

			assert_false(inflater_thaw(inflater_create(pool),
						   &part));
		}
		i = inflater_create(pool);
		assert_true(inflater_thaw(i, &state));
		assert_int_equal(state.len, 0);
		cv_text_init(&frozen, pool);
		assert_true(inflater_freeze(i, &frozen));
	}
	assert_int_equal(feed(i, cv_span_skip(packed, cut), &out), CV_OK);
	assert_true(cv_span_equal(cv_text_span(&out), plain));
	pool_destroy(&pool);
	return frozen_there;
}

static void a_stream_goes_on_elsewhere_between_blocks(void **state)
{
	static const char line[] = "a UID FETCH 1:* (FLAGS)\r\n";
	static const int flushes[] = { Z_SYNC_FLUSH, Z_PARTIAL_FLUSH };
	z_stream z = { .avail_in = 0 };
	unsigned char packed[512];
	char plain[6 * sizeof(line)] = "";
	size_t len, places = 0;

	(void)state;
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	for (int n = 0; n < 6; n++) {
		memcpy(plain + (size_t)n * (sizeof(line) - 1), line,
		       sizeof(line));
		z.next_in = (Bytef *)(uintptr_t)line;
		z.avail_in = sizeof(line) - 1;
		assert_int_equal(deflate(&z, flushes[n % 2]), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	len = sizeof(packed) - z.avail_out;
	(void)deflateEnd(&z);
	for (size_t cut = 0; cut <= len; cut++)
		places += goes_on_at(cv_span((const char *)packed, len), cut,
				     cv_span_of(plain));
	/* at least at the beginning, the end, and each full flush */
	assert_true(places >= 5);
	assert_true(places < len);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(a_reset_forgets),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(a_stream_may_end),
		cmocka_unit_test(blocks_of_nothing_are_counted),
		cmocka_unit_test(bombs_are_counted),
		cmocka_unit_test(a_stream_goes_on_elsewhere_between_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
