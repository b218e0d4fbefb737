/* codec-bz2.c - bzip2, by libbz2. */
#include "compress.h"

#include <bzlib.h>

static bool bz2_detect(struct cv_span head)
{
	/* "BZh", the block size, and the magic of a block or of the end: a
	 * header field can begin with the first three */
	return cv_span_begins(head, CV_SPAN("BZh")) && head.len >= 10 &&
		head.data[3] >= '1' && head.data[3] <= '9' &&
		(memcmp(head.data + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
		 memcmp(head.data + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

static int bz2_open(struct decoder *d, struct cv_error *err)
{
	bz_stream *z = CV_ALLOC(d->pool, bz_stream);

	if (BZ2_bzDecompressInit(z, 0, 0) != BZ_OK)
		return CV_FAIL(err, CV_E_TEMP, "bz2: out of memory");
	d->state = z;
	return CV_OK;
}

static int bz2_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	bz_stream *z = d->state;
	int ret;

	z->next_in = (char *)(uintptr_t)s->in.data;
	z->avail_in = (unsigned int)s->in.len;
	z->next_out = s->out;
	z->avail_out = (unsigned int)s->room;
	ret = BZ2_bzDecompress(z);
	s->got = s->room - z->avail_out;
	s->in = cv_span_skip(s->in, s->in.len - z->avail_in);
	if (ret == BZ_OK && s->in_ended && s->in.len == 0 && s->got == 0)
		return CV_FAIL(err, CV_E_SYNTAX, "bz2: cut short");
	if (ret == BZ_STREAM_END && s->in.len > 0) {
		/* streams may follow one another */
		(void)BZ2_bzDecompressEnd(z);
		memset(z, 0, sizeof(*z));
		ret = BZ2_bzDecompressInit(z, 0, 0);
	}
	if (ret == BZ_STREAM_END)
		return CV_EOF;
	return ret == BZ_OK ? CV_OK :
		CV_FAIL(err, ret == BZ_MEM_ERROR ? CV_E_TEMP : CV_E_SYNTAX,
			"bz2: %s", ret == BZ_MEM_ERROR ? "out of memory" :
			"damaged data");
}

static void bz2_close(struct decoder *d)
{
	if (d->state != NULL)
		(void)BZ2_bzDecompressEnd(d->state);
	d->state = NULL;
}

static int bz2_span(bz_stream *z, struct cv_span in, int action,
		    struct cv_text *out)
{
	char buffer[16384];
	int ret;

	z->next_in = (char *)(uintptr_t)in.data;
	z->avail_in = (unsigned int)in.len;
	do {
		z->next_out = buffer;
		z->avail_out = sizeof(buffer);
		ret = BZ2_bzCompress(z, action);
		cv_text_append(out, buffer, sizeof(buffer) - z->avail_out);
	} while (ret == BZ_FINISH_OK || (ret == BZ_RUN_OK && z->avail_in > 0));
	return ret;
}

static int bz2_encode(struct cv_stream *plain, int level, struct cv_pool *pool,
		      struct cv_text *out, struct cv_error *err)
{
	bz_stream z = { 0 };
	struct cv_span in;
	int ret;

	if (BZ2_bzCompressInit(&z, level, 0, 0) != BZ_OK)
		return CV_FAIL(err, CV_E_TEMP, "bz2: out of memory");
	while ((ret = compress_stream_api->peek(plain, &in, err)) == CV_OK) {
		(void)bz2_span(&z, in, BZ_RUN, out);
		compress_stream_api->skip(plain, in.len);
	}
	if (ret == CV_EOF)
		ret = bz2_span(&z, cv_span("", 0), BZ_FINISH, out) ==
			BZ_STREAM_END ? CV_OK :
			CV_FAIL(err, CV_E_INTERNAL, "bz2: cannot be ended");
	(void)BZ2_bzCompressEnd(&z);
	(void)pool;
	return ret;
}

const struct codec codec_bz2 = {
	.name = "bz2", .level_min = 1, .level_max = 9, .level_default = 9,
	.detect = bz2_detect, .open = bz2_open, .decode = bz2_decode,
	.close = bz2_close, .encode = bz2_encode,
};
