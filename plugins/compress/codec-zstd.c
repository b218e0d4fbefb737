/* codec-zstd.c - Zstandard (RFC 8878), by libzstd.
 *
 * What we write is a row of frames (section 3): a reader may begin at each. */
#include "compress.h"

#include <zstd.h>

enum {
	ZSTD_WINDOW_LOG_MAX = 27,	/* 128 MiB: what level 22 makes */
	ZSTD_FRAME_BYTES = 4 * 1024 * 1024,	/* of content, when we write */
};

/* stream: NULL until something is decoded. */
struct zstd_state { ZSTD_DStream *stream; bool in_frame; };

static bool zstd_detect(struct cv_span head)
{
	return cv_span_begins(head, CV_SPAN("\x28\xb5\x2f\xfd"));
}

static int zstd_open(struct decoder *d, struct cv_error *err)
{
	(void)err;
	d->state = CV_ALLOC(d->pool, struct zstd_state);
	return CV_OK;
}

static int make_stream(struct zstd_state *state, struct cv_error *err)
{
	if (state->stream != NULL)
		return CV_OK;
	state->stream = ZSTD_createDStream();
	if (state->stream == NULL)
		return CV_FAIL(err, CV_E_TEMP, "zstd: out of memory");
	(void)ZSTD_DCtx_setParameter(state->stream, ZSTD_d_windowLogMax,
				     ZSTD_WINDOW_LOG_MAX);
	return CV_OK;
}

static int zstd_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	struct zstd_state *state = d->state;
	ZSTD_inBuffer in = { s->in.data, s->in.len, 0 };
	ZSTD_outBuffer out = { s->out, s->room, 0 };
	size_t ret;

	if (s->in_ended && s->in.len == 0 && !state->in_frame)
		return CV_EOF;
	if (make_stream(state, err) != CV_OK)
		return CV_E_TEMP;
	ret = ZSTD_decompressStream(state->stream, &out, &in);
	s->got = out.pos;
	s->in = cv_span_skip(s->in, in.pos);
	if (ZSTD_isError(ret))
		return CV_FAIL(err, CV_E_SYNTAX, "zstd: %s",
			       ZSTD_getErrorName(ret));
	/* 0: a frame has ended; others may follow */
	state->in_frame = ret != 0;
	if (state->in_frame && s->in_ended && s->in.len == 0 && s->got == 0)
		return CV_FAIL(err, CV_E_SYNTAX, "zstd: cut short");
	return CV_OK;
}

/* Between two frames there is nothing to copy. */
static int zstd_copy(const struct decoder *d, struct decoder *copy_r,
		     struct cv_error *err)
{
	const struct zstd_state *state = d->state;

	if (state->in_frame)
		return CV_E_TEMP;
	copy_r->codec = d->codec;
	return zstd_open(copy_r, err);
}

static void zstd_close(struct decoder *d)
{
	struct zstd_state *state = d->state;

	if (state != NULL && state->stream != NULL)
		(void)ZSTD_freeDStream(state->stream);
	d->state = NULL;
}

static size_t zstd_span(ZSTD_CCtx *ctx, struct cv_span data,
			ZSTD_EndDirective end, struct cv_text *out)
{
	ZSTD_inBuffer in = { data.data, data.len, 0 };
	char buffer[16384];
	size_t left;

	do {
		ZSTD_outBuffer to = { buffer, sizeof(buffer), 0 };

		left = ZSTD_compressStream2(ctx, &to, &in, end);
		if (ZSTD_isError(left))
			return left;
		cv_text_append(out, buffer, to.pos);
	} while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
	return left;
}

/* A frame ends wherever *done, the bytes in it, reach what one may have. */
static size_t zstd_frames(ZSTD_CCtx *ctx, struct cv_span in, size_t *done,
			  struct cv_text *out)
{
	size_t left = 0;

	while (in.len > 0 && !ZSTD_isError(left)) {
		size_t room = ZSTD_FRAME_BYTES - *done;
		size_t n = in.len < room ? in.len : room;

		left = zstd_span(ctx, cv_span(in.data, n), n == room ?
				 ZSTD_e_end : ZSTD_e_continue, out);
		*done = n == room ? 0 : *done + n;
		in = cv_span_skip(in, n);
	}
	return left;
}

static int zstd_encode(struct cv_stream *plain, int level,
		       struct cv_pool *pool, struct cv_text *out,
		       struct cv_error *err)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	struct cv_span in;
	size_t left = 0, done = 0;
	int ret;

	if (ctx == NULL)
		return CV_FAIL(err, CV_E_TEMP, "zstd: out of memory");
	(void)ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, level);
	(void)ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	while (!ZSTD_isError(left) &&
	       (ret = compress_stream_api->peek(plain, &in, err)) == CV_OK) {
		left = zstd_frames(ctx, in, &done, out);
		compress_stream_api->skip(plain, in.len);
	}
	if (!ZSTD_isError(left) && ret == CV_EOF &&
	    (done > 0 || out->len == 0))
		left = zstd_span(ctx, cv_span("", 0), ZSTD_e_end, out);
	(void)ZSTD_freeCCtx(ctx);
	(void)pool;
	if (ZSTD_isError(left))
		return CV_FAIL(err, CV_E_INTERNAL, "zstd: %s",
			       ZSTD_getErrorName(left));
	return ret == CV_EOF ? CV_OK : ret;
}

const struct codec codec_zstd = {
	.name = "zstd", .level_min = 1, .level_max = 22, .level_default = 3,
	.detect = zstd_detect, .open = zstd_open, .decode = zstd_decode,
	.close = zstd_close, .copy = zstd_copy, .encode = zstd_encode,
	.mark_bytes = 1, .slow = true,
};
