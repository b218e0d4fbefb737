/* deflate.c - see deflate.h. */
#include "deflate.h"

#include <stdlib.h>
#include <zlib.h>

enum {
	WINDOW_BITS = -15,	/* raw, 32 KiB */
	MEMORY_LEVEL = 8,
	CHUNK = 16384,
	WINDOW_BYTES = 32768,
	BETWEEN = 128,		/* in data_type, with the number of bits */
};

struct inflater {
	z_stream z;
	int status;		/* of the stream: CV_OK while it goes on */
	uint64_t in, out;	/* bytes */
	uint64_t barren;	/* input since the last output */
	uint8_t last;		/* the last byte that was taken */
	/* zlib's data_type: BETWEEN and the bits of the last byte that were
	 * not used; 64 in the last block */
	int position;
	bool drained;		/* all that came out of the input was given */
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
	i->position = BETWEEN;	/* as before the first block */
	i->drained = true;
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
	/* called in vain zlib forgets that it is between two blocks */
	if (in->len == 0 && i->drained)
		return CV_OK;
	/* UNSAFE: zlib has no const */
	i->z.next_in = (Bytef *)(uintptr_t)in->data;
	i->z.avail_in = (uInt)in->len;
	i->z.next_out = out;
	i->z.avail_out = (uInt)room;
	i->status = status_of(inflate(&i->z, Z_NO_FLUSH), err);
	used = in->len - i->z.avail_in;
	*got_r = room - i->z.avail_out;
	i->drained = i->z.avail_out > 0;
	i->position = i->z.data_type;
	*in = cv_span_skip(*in, used);
	if (used > 0)
		i->last = (uint8_t)in->data[-1];
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
	return i->status == CV_OK && (i->position & 255) == BETWEEN;
}

/* --- incoming, in another process ------------------------------------------ */

static void put_number(struct cv_text *out, uint64_t value, int bytes)
{
	for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
		cv_text_append_c(out, (char)(value >> shift));
}

static bool get_number(struct cv_span *in, size_t bytes, uint64_t *value_r)
{
	if (in->len < bytes)
		return false;
	*value_r = 0;
	for (size_t i = 0; i < bytes; i++)
		*value_r = *value_r << 8 | (uint8_t)in->data[i];
	*in = cv_span_skip(*in, bytes);
	return true;
}

bool inflater_freeze(const struct inflater *i, struct cv_text *out)
{
	Bytef window[WINDOW_BYTES];
	uInt len = 0;
	/* zlib's own reading of what has no const */
	z_stream *z = (z_stream *)(uintptr_t)&i->z;
	uint32_t bits;

	if (i->status != CV_OK || i->position < BETWEEN ||
	    i->position >= BETWEEN + 8 ||
	    inflateGetDictionary(z, window, &len) != Z_OK)
		return false;
	bits = (uint32_t)i->position - BETWEEN;
	put_number(out, i->in, 8);
	put_number(out, i->out, 8);
	put_number(out, i->barren, 8);
	put_number(out, bits, 1);
	put_number(out, bits == 0 ? 0 : (uint32_t)i->last >> (8 - bits), 1);
	put_number(out, len, 4);
	cv_text_append(out, (const char *)window, len);
	return true;
}

bool inflater_thaw(struct inflater *i, struct cv_span *in)
{
	uint64_t bits, value, len;

	if (!get_number(in, 8, &i->in) || !get_number(in, 8, &i->out) ||
	    !get_number(in, 8, &i->barren) || !get_number(in, 1, &bits) ||
	    !get_number(in, 1, &value) || !get_number(in, 4, &len) ||
	    bits > 7 || value >> bits != 0 || len > WINDOW_BYTES ||
	    len > in->len)
		return false;
	if (len > 0 && inflateSetDictionary(&i->z, (const Bytef *)in->data,
					    (uInt)len) != Z_OK)
		return false;
	*in = cv_span_skip(*in, (size_t)len);
	i->last = (uint8_t)(value << (8 - bits));
	i->position = BETWEEN + (int)bits;
	return bits == 0 ||
		inflatePrime(&i->z, (int)bits, (int)value) == Z_OK;
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

int deflater_level(const struct deflater *d)
{
	return d->level;
}

void deflater_rest(struct deflater *d)
{
	if (!d->dirty)
		deflater_end(d);
}
