/* fuzz-deflate.c - compressed input of a connection: the first byte says how
 * it is cut.  What one way of cutting gives, every other gives as well. */
#include "session/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

static int unpack(struct cv_pool *pool, struct cv_span in, size_t cut,
		  size_t room, struct cv_text *out)
{
	struct inflater *i = inflater_create(pool);
	struct cv_error err = ERROR_NONE;
	char *buffer = pool_alloc(pool, room);
	int ret = CV_OK;

	cv_text_init(out, pool);
	while (in.len > 0 && ret == CV_OK && out->len < OUT_MAX) {
		struct cv_span piece = cv_span(in.data, cut < in.len ? cut :
					       in.len);
		size_t len = piece.len, got;

		do {
			size_t before = piece.len;

			ret = inflater_run(i, &piece, buffer, room, &got,
					   &err);
			BUG_IF(got > room || piece.len > before);
			BUG_IF(ret == CV_OK && got == 0 && piece.len > 0);
			cv_text_append(out, buffer, got);
		} while (ret == CV_OK && (piece.len > 0 || got > 0) &&
			 out->len < OUT_MAX);
		in = cv_span_skip(in, len - piece.len);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_text whole, pieces;
	struct cv_span in;
	int a, b;

	if (size < 1) {
		pool_destroy(&pool);
		return 0;
	}
	in = cv_span((const char *)data + 1, size - 1);
	a = unpack(pool, in, SIZE_MAX, 65536, &whole);
	b = unpack(pool, in, 1 + data[0] % 16, 1 + data[0], &pieces);
	if (whole.len < OUT_MAX && pieces.len < OUT_MAX)
		BUG_IF(a != b || !cv_span_equal(cv_text_span(&whole),
						cv_text_span(&pieces)));
	pool_destroy(&pool);
	return 0;
}
