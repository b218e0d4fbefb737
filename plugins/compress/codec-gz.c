/* codec-gz.c - gzip [RFC1952], by zlib. */
#include "compress.h"

#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 };	/* zlib's word for gzip with 32 KiB */

static bool gz_detect(struct cv_span head)
{
	/* [RFC1952 2.3.1] ID1 ID2, CM 8 is the only method there is */
	return cv_span_begins(head, CV_SPAN("\x1f\x8b\x08"));
}

static int gz_fail(int ret, const char *message, struct cv_error *err)
{
	if (ret == Z_MEM_ERROR)
		return CV_FAIL(err, CV_E_TEMP, "gz: out of memory");
	return CV_FAIL(err, CV_E_SYNTAX, "gz: damaged data%s%s",
		       message == NULL ? "" : ": ",
		       message == NULL ? "" : message);
}

static int gz_open(struct decoder *d, struct cv_error *err)
{
	z_stream *z = CV_ALLOC(d->pool, z_stream);
	int ret = inflateInit2(z, GZIP_WINDOW);

	if (ret != Z_OK)
		return gz_fail(ret, z->msg, err);
	d->state = z;
	return CV_OK;
}

static int gz_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	z_stream *z = d->state;
	int ret;

	z->next_in = (unsigned char *)(uintptr_t)s->in.data;
	z->avail_in = (unsigned int)s->in.len;
	z->next_out = (unsigned char *)s->out;
	z->avail_out = (unsigned int)s->room;
	ret = inflate(z, Z_NO_FLUSH);
	s->got = s->room - z->avail_out;
	s->in = cv_span_skip(s->in, s->in.len - z->avail_in);
	if (ret == Z_STREAM_END) {
		/* [RFC1952 2.2] members may follow one another */
		if (s->in.len == 0)
			return CV_EOF;
		ret = inflateReset(z);
	}
	if (ret == Z_BUF_ERROR)
		return s->in_ended && s->in.len == 0 && s->got == 0 ?
			CV_FAIL(err, CV_E_SYNTAX, "gz: cut short") : CV_OK;
	return ret == Z_OK ? CV_OK : gz_fail(ret, z->msg, err);
}

static void gz_close(struct decoder *d)
{
	if (d->state != NULL)
		(void)inflateEnd(d->state);
	d->state = NULL;
}

static int gz_copy(const struct decoder *d, struct decoder *copy_r,
		   struct cv_error *err)
{
	z_stream *z = CV_ALLOC(copy_r->pool, z_stream);
	int ret = inflateCopy(z, d->state);

	if (ret != Z_OK)
		return gz_fail(ret, NULL, err);
	copy_r->codec = d->codec;
	copy_r->state = z;
	return CV_OK;
}

/* --- encoding ----------------------------------------------------------------- */

static int deflate_span(z_stream *z, struct cv_span in, int flush,
			struct cv_text *out)
{
	char buffer[16384];
	int ret;

	z->next_in = (unsigned char *)(uintptr_t)in.data;
	z->avail_in = (unsigned int)in.len;
	do {
		z->next_out = (unsigned char *)buffer;
		z->avail_out = sizeof(buffer);
		ret = deflate(z, flush);
		cv_text_append(out, buffer, sizeof(buffer) - z->avail_out);
	} while (ret == Z_OK && (z->avail_in > 0 || z->avail_out == 0 ||
				 flush == Z_FINISH));
	return ret;
}

static int gz_encode(struct cv_stream *plain, int level, struct cv_pool *pool,
		     struct cv_text *out, struct cv_error *err)
{
	z_stream z = { 0 };
	struct cv_span in;
	int ret;

	if (deflateInit2(&z, level, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return CV_FAIL(err, CV_E_TEMP, "gz: out of memory");
	while ((ret = compress_stream_api->peek(plain, &in, err)) == CV_OK) {
		(void)deflate_span(&z, in, Z_NO_FLUSH, out);
		compress_stream_api->skip(plain, in.len);
	}
	if (ret == CV_EOF)
		ret = deflate_span(&z, cv_span("", 0), Z_FINISH, out) ==
			Z_STREAM_END ? CV_OK :
			CV_FAIL(err, CV_E_INTERNAL, "gz: cannot be ended");
	(void)deflateEnd(&z);
	(void)pool;
	return ret;
}

const struct codec codec_gz = {
	.name = "gz", .level_min = 1, .level_max = 9, .level_default = 6,
	.detect = gz_detect, .open = gz_open, .decode = gz_decode,
	.close = gz_close, .copy = gz_copy, .encode = gz_encode,
};
