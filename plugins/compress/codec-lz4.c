/* codec-lz4.c - LZ4 blocks, by liblz4, in the framing of Dovecot's files:
 * "Dovecot-LZ4" 0d 2a 9b c5, the largest plain size of a chunk (4 bytes, big
 * endian), then chunks: their compressed size (4 bytes, big endian) and one
 * LZ4 block each. */
#include "compress.h"

#include <lz4.h>
#include <lz4hc.h>

enum {
	LZ4_HEAD = 19,
	LZ4_PLAIN_CHUNK = 64 * 1024,
	LZ4_PLAIN_MAX = 1024 * 1024,	/* of a foreign file's chunk */
};

static const struct cv_span lz4_magic = CV_SPAN("Dovecot-LZ4\x0d\x2a\x9b\xc5");

struct lz4_state {
	uint32_t plain_max;		/* 0: the head is not read yet */
	char *block;			/* a compressed chunk, as far as it
					 * has come */
	size_t have, want, room;
	char *plain;			/* its content */
	size_t at, len;
	bool in_size;			/* want is about the size field */
};

static bool lz4_detect(struct cv_span head)
{
	return cv_span_begins(head, lz4_magic);
}

static uint32_t get_u32(const char *data)
{
	const unsigned char *d = (const unsigned char *)data;

	return (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 |
		(uint32_t)d[2] << 8 | d[3];
}

static void set_u32(char *dst, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (char)(value >> (24 - 8 * i));
}

static void put_u32(struct cv_text *out, uint32_t value)
{
	char data[4];

	set_u32(data, value);
	cv_text_append(out, data, sizeof(data));
}

static int lz4_open(struct decoder *d, struct cv_error *err)
{
	struct lz4_state *state = CV_ALLOC(d->pool, struct lz4_state);

	(void)err;
	state->room = LZ4_HEAD;
	state->block = cv_api->alloc(d->pool, state->room);
	state->want = LZ4_HEAD;
	d->state = state;
	return CV_OK;
}

/* Between two chunks nothing but their size is to be known. */
static int lz4_copy(const struct decoder *d, struct decoder *copy_r,
		    struct cv_error *err)
{
	const struct lz4_state *state = d->state;
	struct lz4_state *copy;

	(void)err;
	if (!state->in_size || state->have > 0 || state->at < state->len)
		return CV_E_TEMP;
	copy = CV_ALLOC(copy_r->pool, struct lz4_state);
	copy->plain_max = state->plain_max;
	copy->want = state->want;
	copy->in_size = true;
	copy_r->codec = d->codec;
	copy_r->state = copy;
	return CV_OK;
}

static void make_room(struct decoder *d)
{
	struct lz4_state *state = d->state;

	state->plain = cv_api->alloc(d->pool, state->plain_max);
	state->room = (size_t)LZ4_compressBound((int)state->plain_max);
	state->block = cv_api->alloc(d->pool, state->room);
}

static int lz4_take_head(struct decoder *d, struct cv_error *err)
{
	struct lz4_state *state = d->state;
	uint32_t max;

	if (memcmp(state->block, lz4_magic.data, lz4_magic.len) != 0)
		return CV_FAIL(err, CV_E_SYNTAX, "lz4: damaged head");
	max = get_u32(state->block + lz4_magic.len);
	if (max == 0 || max > LZ4_PLAIN_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "lz4: chunks of %u bytes",
			       max);
	state->plain_max = max;
	make_room(d);
	state->in_size = true;
	state->want = 4;
	return CV_OK;
}

/* All of what was wanted is there. */
static int lz4_take(struct decoder *d, struct cv_error *err)
{
	struct lz4_state *state = d->state;
	size_t len = state->have;
	int got;

	state->have = 0;
	if (state->plain_max == 0)
		return lz4_take_head(d, err);
	if (state->in_size) {
		state->want = get_u32(state->block);
		state->in_size = false;
		return state->want > 0 && state->want <= state->room ? CV_OK :
			CV_FAIL(err, CV_E_SYNTAX, "lz4: a chunk of %zu bytes",
				state->want);
	}
	got = LZ4_decompress_safe(state->block, state->plain, (int)len,
				  (int)state->plain_max);
	if (got < 0)
		return CV_FAIL(err, CV_E_SYNTAX, "lz4: damaged data");
	state->at = 0;
	state->len = (size_t)got;
	state->in_size = true;
	state->want = 4;
	return CV_OK;
}

static int lz4_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	struct lz4_state *state = d->state;
	size_t n;
	int ret;

	if (state->at < state->len) {
		n = state->len - state->at;
		s->got = n < s->room ? n : s->room;
		memcpy(s->out, state->plain + state->at, s->got);
		state->at += s->got;
		return CV_OK;
	}
	if (state->room == 0)
		make_room(d);
	while (s->in.len > 0 && state->at == state->len) {
		n = state->want - state->have;
		if (n > s->in.len)
			n = s->in.len;
		memcpy(state->block + state->have, s->in.data, n);
		state->have += n;
		s->in = cv_span_skip(s->in, n);
		if (state->have < state->want)
			break;
		ret = lz4_take(d, err);
		if (ret < 0)
			return ret;
	}
	if (state->at < state->len || !s->in_ended || s->in.len > 0)
		return CV_OK;
	/* chunks have no end mark: it must be between two */
	return state->in_size && state->have == 0 ? CV_EOF :
		CV_FAIL(err, CV_E_SYNTAX, "lz4: cut short");
}

static void lz4_close(struct decoder *d)
{
	d->state = NULL;
}

static void lz4_chunk(const char *plain, size_t len, int level,
		      struct cv_text *out)
{
	int bound = LZ4_compressBound((int)len), got;
	size_t at = out->len;

	put_u32(out, 0);
	cv_api->text_grow(out, (size_t)bound);
	/* with bound bytes of room it cannot fail */
	got = level > 1 ? LZ4_compress_HC(plain, out->data + out->len,
					  (int)len, bound, level) :
		LZ4_compress_default(plain, out->data + out->len, (int)len,
				     bound);
	out->len += (size_t)got;
	out->data[out->len] = '\0';
	set_u32(out->data + at, (uint32_t)got);
}

static int lz4_encode(struct cv_stream *plain, int level, struct cv_pool *pool,
		      struct cv_text *out, struct cv_error *err)
{
	char *chunk = cv_api->alloc(pool, LZ4_PLAIN_CHUNK);
	size_t have = 0;
	struct cv_span in;
	int ret;

	cv_text_append_span(out, lz4_magic);
	put_u32(out, LZ4_PLAIN_CHUNK);
	while ((ret = compress_stream_api->peek(plain, &in, err)) == CV_OK) {
		size_t n = LZ4_PLAIN_CHUNK - have;

		if (n > in.len)
			n = in.len;
		memcpy(chunk + have, in.data, n);
		have += n;
		compress_stream_api->skip(plain, n);
		if (have == LZ4_PLAIN_CHUNK) {
			lz4_chunk(chunk, have, level, out);
			have = 0;
		}
	}
	if (ret == CV_EOF && have > 0)
		lz4_chunk(chunk, have, level, out);
	return ret == CV_EOF ? CV_OK : ret;
}

const struct codec codec_lz4 = {
	.name = "lz4", .level_min = 1, .level_max = 9, .level_default = 1,
	.detect = lz4_detect, .open = lz4_open, .decode = lz4_decode,
	.close = lz4_close, .copy = lz4_copy, .encode = lz4_encode,
	.mark_bytes = 256 * 1024,
};
