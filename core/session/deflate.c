/* deflate.c - see deflate.h. */
#include "deflate.h"

#include <stdlib.h>
#include <zlib.h>

enum {
	WINDOW_BITS = -15,	/* raw, 32 KiB */
	MEMORY_LEVEL = 8,
	CHUNK = 16384,
};

struct inflater {
	z_stream z;
	int status;		/* of the stream: CV_OK while it goes on */
	uint64_t in, out;	/* bytes */
	uint64_t barren;	/* input since the last output */
};

struct deflater {
	z_stream z;
	int level;
	bool live;		/* z is set up */
	bool dirty;		/* written to since the last reset */
	char out[CHUNK];
};

/* --- incoming ------------------------------------------------------------- */

static void inflater_end(void *context)
{
	struct inflater *i = context;

	(void)inflateEnd(&i->z);
}

struct inflater *inflater_create(struct cv_pool *pool)
{
	struct inflater *i = pool_new(pool, struct inflater);

	if (inflateInit2(&i->z, WINDOW_BITS) != Z_OK)
		abort();	/* as every allocation that fails */
	pool_add_finaliser(pool, inflater_end, i);
	return i;
}

/* What zlib has to say; CV_E_INTERNAL never comes from input. */
static int status_of(int code, struct cv_error *err)
{
	switch (code) {
	case Z_OK:
	case Z_BUF_ERROR:	/* no progress was possible */
		return CV_OK;
	case Z_STREAM_END:
		return CV_EOF;
	default:
		return FAIL(err, CV_E_SYNTAX, "what came is not DEFLATE");
	}
}

static int check_work(const struct inflater *i, struct cv_error *err)
{
	if (i->barren > INFLATE_BARREN_MAX)
		return FAIL(err, CV_E_LIMIT, "%llu compressed bytes without "
			    "content", (unsigned long long)i->barren);
	if (i->out > INFLATE_FREE_BYTES &&
	    (i->out - INFLATE_FREE_BYTES) / INFLATE_RATIO_MAX > i->in)
		return FAIL(err, CV_E_LIMIT, "%llu compressed bytes became "
			    "%llu", (unsigned long long)i->in,
			    (unsigned long long)i->out);
	return CV_OK;
}

int inflater_run(struct inflater *i, struct cv_span *in, void *out,
		 size_t room, size_t *got_r, struct cv_error *err)
{
	size_t used;

	*got_r = 0;
	if (i->status != CV_OK)
		return i->status == CV_EOF ? CV_EOF :
			FAIL(err, i->status, "the compressed input is wrong");
	if (in->len > UINT32_MAX / 2 || room > UINT32_MAX / 2)
		return FAIL(err, CV_E_INTERNAL, "too much at once");
	/* UNSAFE: zlib has no const */
	i->z.next_in = (Bytef *)(uintptr_t)in->data;
	i->z.avail_in = (uInt)in->len;
	i->z.next_out = out;
	i->z.avail_out = (uInt)room;
	i->status = status_of(inflate(&i->z, Z_NO_FLUSH), err);
	used = in->len - i->z.avail_in;
	*got_r = room - i->z.avail_out;
	*in = cv_span_skip(*in, used);
	i->in += used;
	i->out += *got_r;
	i->barren = *got_r > 0 ? 0 : i->barren + used;
	if (i->status == CV_OK)
		i->status = check_work(i, err);
	/* what the last bytes gave counts */
	return i->status == CV_EOF && *got_r > 0 ? CV_OK : i->status;
}

bool inflater_between(const struct inflater *i)
{
	/* zlib: 128 behind a block, 64 in the last one, and below them the
	 * bits of the last byte that were not used */
	return i->status == CV_OK && (i->z.data_type & 255) == 128;
}

/* --- outgoing ------------------------------------------------------------- */

static void deflater_end(void *context)
{
	struct deflater *d = context;

	if (d->live)
		(void)deflateEnd(&d->z);
	d->live = false;
}

struct deflater *deflater_create(struct cv_pool *pool, int level)
{
	struct deflater *d = pool_new(pool, struct deflater);

	d->level = level;
	pool_add_finaliser(pool, deflater_end, d);
	return d;
}

static void wake(struct deflater *d)
{
	if (d->live)
		return;
	d->z = (z_stream){ .next_out = (Bytef *)d->out, .avail_out = CHUNK };
	if (deflateInit2(&d->z, d->level, Z_DEFLATED, WINDOW_BITS,
			 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	d->live = true;
}

static int drain(struct deflater *d, deflate_sink *sink, void *context)
{
	size_t len = CHUNK - d->z.avail_out;

	d->z.next_out = (Bytef *)d->out;
	d->z.avail_out = CHUNK;
	return len == 0 ? CV_OK : sink(context, d->out, len);
}

static int run(struct deflater *d, int flush, deflate_sink *sink,
	       void *context)
{
	bool full;
	int ret = CV_OK;

	do {
		(void)deflate(&d->z, flush);
		full = d->z.avail_out == 0;
		if (full)
			ret = drain(d, sink, context);
	} while (ret == CV_OK && (full || d->z.avail_in > 0));
	return ret;
}

int deflater_write(struct deflater *d, struct cv_span data,
		   deflate_sink *sink, void *context)
{
	int ret = CV_OK;

	if (data.len == 0)
		return CV_OK;
	wake(d);
	d->dirty = true;
	while (data.len > 0 && ret == CV_OK) {
		size_t n = data.len < (1 << 30) ? data.len : 1 << 30;

		/* UNSAFE: zlib has no const */
		d->z.next_in = (Bytef *)(uintptr_t)data.data;
		d->z.avail_in = (uInt)n;
		ret = run(d, Z_NO_FLUSH, sink, context);
		data = cv_span_skip(data, n);
	}
	return ret;
}

int deflater_reset(struct deflater *d, deflate_sink *sink, void *context)
{
	int ret;

	if (!d->dirty)
		return CV_OK;
	d->dirty = false;
	d->z.next_in = NULL;
	d->z.avail_in = 0;
	ret = run(d, Z_FULL_FLUSH, sink, context);
	return ret == CV_OK ? drain(d, sink, context) : ret;
}

int deflater_finish(struct deflater *d, deflate_sink *sink, void *context)
{
	int ret;

	wake(d);
	d->dirty = false;
	d->z.next_in = NULL;
	d->z.avail_in = 0;
	ret = run(d, Z_FINISH, sink, context);
	if (ret == CV_OK)
		ret = drain(d, sink, context);
	deflater_end(d);
	return ret;
}

void deflater_rest(struct deflater *d)
{
	if (!d->dirty)
		deflater_end(d);
}
