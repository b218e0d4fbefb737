/* codec-xz.c - xz, by liblzma: for reading what was written long ago. */
#include "compress.h"

#include <lzma.h>

enum { XZ_MEMORY_MAX = 80 * 1024 * 1024 };	/* what "xz -9" needs */

static bool xz_detect(struct cv_span head)
{
	return cv_span_begins(head, cv_span("\xfd" "7zXZ\0", 6));
}

static int xz_open(struct decoder *d, struct cv_error *err)
{
	static const lzma_stream none = LZMA_STREAM_INIT;
	lzma_stream *z = CV_ALLOC(d->pool, lzma_stream);

	*z = none;
	if (lzma_stream_decoder(z, XZ_MEMORY_MAX, LZMA_CONCATENATED) !=
	    LZMA_OK)
		return CV_FAIL(err, CV_E_TEMP, "xz: out of memory");
	d->state = z;
	return CV_OK;
}

static int xz_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	lzma_stream *z = d->state;
	lzma_ret ret;

	z->next_in = (const uint8_t *)s->in.data;
	z->avail_in = s->in.len;
	z->next_out = (uint8_t *)s->out;
	z->avail_out = s->room;
	ret = lzma_code(z, s->in_ended ? LZMA_FINISH : LZMA_RUN);
	s->got = s->room - z->avail_out;
	s->in = cv_span_skip(s->in, s->in.len - z->avail_in);
	if (ret == LZMA_STREAM_END)
		return CV_EOF;
	if (ret == LZMA_OK || (ret == LZMA_BUF_ERROR && !s->in_ended))
		return CV_OK;
	return CV_FAIL(err, ret == LZMA_MEM_ERROR ? CV_E_TEMP : CV_E_SYNTAX,
		       "xz: %s", ret == LZMA_MEM_ERROR ? "out of memory" :
		       ret == LZMA_MEMLIMIT_ERROR ? "needs too much memory" :
		       ret == LZMA_BUF_ERROR ? "cut short" : "damaged data");
}

static void xz_close(struct decoder *d)
{
	if (d->state != NULL)
		lzma_end(d->state);
	d->state = NULL;
}

const struct codec codec_xz = {
	.name = "xz", .detect = xz_detect, .open = xz_open,
	.decode = xz_decode, .close = xz_close,
};
