/* codec-bz2.c - bzip2, by libbz2.
 *
 * A file is "BZh" and the block size, blocks, and an end; no part of it but
 * the first begins at a byte.  libbz2 gets each block for itself, moved to a
 * byte and behind a head of our own, so that between two blocks nothing has
 * to be remembered but a few bytes: decoding can begin there again.  Where a
 * block ends is what libbz2 has read of it, never a search for the next
 * magic, which may stand in the data by chance or by malice.
 *
 * INVARIANT: what is given out is of the block; its CRC is checked by libbz2
 * before the next block begins, that of the whole file here. */
#include "compress.h"

#include <bzlib.h>

enum {
	HEAD_BYTES = 4,			/* "BZh9" */
	BACK_BYTES = 2,			/* libbz2 has read up to 14 bits of
					 * what follows the block */
	MAGIC_BITS = 48,
	PART_BITS = 80,			/* a magic and a CRC */
	SHIFT_CHUNK = 4096,
};

static const uint64_t block_magic = 0x314159265359;
static const uint64_t end_magic = 0x177245385090;

enum bz2_part { BZ2_HEAD, BZ2_BETWEEN, BZ2_BLOCK };

struct bz2_state {
	enum bz2_part part;
	/* The bytes before part, then those of it that have come. */
	unsigned char head[BACK_BYTES + PART_BITS / 8];
	size_t have;			/* of those that have come */
	bool located;			/* live is exact */
	unsigned int live;		/* bits before have that belong to
					 * part; not located: at least; in a
					 * block: what is moved */
	char level;
	uint32_t crc;			/* of the blocks so far */
	bool any;			/* a stream has been read to its end */
	bool giving;			/* the block is being given out */
	bool is_open;
	bz_stream z;
};

static bool bz2_detect(struct cv_span head)
{
	/* "BZh", the block size, and the magic of a block or of the end: a
	 * header field can begin with the first three */
	return cv_span_begins(head, CV_SPAN("BZh")) && head.len >= 10 &&
		head.data[3] >= '1' && head.data[3] <= '9' &&
		(memcmp(head.data + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
		 memcmp(head.data + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

static int bz2_fail(int ret, struct cv_error *err)
{
	if (ret == BZ_MEM_ERROR)
		return CV_FAIL(err, CV_E_TEMP, "bz2: out of memory");
	return CV_FAIL(err, CV_E_SYNTAX, "bz2: damaged data");
}

static int bz2_open(struct decoder *d, struct cv_error *err)
{
	(void)err;
	d->state = CV_ALLOC(d->pool, struct bz2_state);
	return CV_OK;
}

static void close_block(struct bz2_state *state)
{
	if (state->is_open)
		(void)BZ2_bzDecompressEnd(&state->z);
	state->is_open = false;
}

static void bz2_close(struct decoder *d)
{
	if (d->state != NULL)
		close_block(d->state);
	d->state = NULL;
}

static int bz2_copy(const struct decoder *d, struct decoder *copy_r,
		    struct cv_error *err)
{
	const struct bz2_state *state = d->state;

	if (state->part != BZ2_BETWEEN || state->have > 0)
		return CV_FAIL(err, CV_E_TEMP, "bz2: within a block");
	copy_r->codec = d->codec;
	copy_r->state = CV_ALLOC(copy_r->pool, struct bz2_state);
	memcpy(copy_r->state, state, sizeof(*state));
	return CV_OK;
}

/* count (at most 48) bits from bit at of data on. */
static uint64_t bits_at(const unsigned char *data, size_t at, size_t count)
{
	uint64_t value = 0;

	for (size_t i = at; i < at + count; i++)
		value = value << 1 | (data[i / 8] >> (7 - i % 8) & 1);
	return value;
}

static size_t part_start(const struct bz2_state *state)
{
	return BACK_BYTES * 8 - state->live;
}

/* The bytes of head that are the last ones read, for what comes next. */
static void keep_back(struct bz2_state *state, const unsigned char *data,
		      size_t len)
{
	for (size_t i = 0; i < len; i++) {
		state->head[0] = state->head[1];
		state->head[1] = data[i];
	}
}

/* True: all the bytes that part needs by now have come. */
static bool collect(struct bz2_state *state, struct step *s, size_t need)
{
	while (state->have < need && s->in.len > 0) {
		state->head[BACK_BYTES + state->have++] =
			(unsigned char)s->in.data[0];
		s->in = cv_span_skip(s->in, 1);
	}
	return state->have >= need;
}

static int take_stream_head(struct bz2_state *state, struct step *s,
			    struct cv_error *err)
{
	const unsigned char *head = state->head + BACK_BYTES;

	if (!collect(state, s, HEAD_BYTES))
		return state->have == 0 && state->any && s->in_ended ?
			CV_EOF : CV_OK;
	if (memcmp(head, "BZh", 3) != 0 || head[3] < '1' || head[3] > '9')
		return bz2_fail(BZ_DATA_ERROR, err);
	state->level = (char)head[3];
	state->crc = 0;
	state->part = BZ2_BETWEEN;
	state->have = 0;
	state->live = 0;
	state->located = true;
	return CV_OK;
}

/* Where in the up to eight places that it may begin at does the next part
 * begin?  No two can match: neither magic nor their mixture overlaps itself
 * when it is moved by fewer than eight bits. */
static bool locate(struct bz2_state *state)
{
	unsigned int least = state->live;

	for (unsigned int more = 0; more < 8; more++) {
		uint64_t magic;

		state->live = least + more;
		magic = bits_at(state->head, part_start(state), MAGIC_BITS);
		if (magic == block_magic || magic == end_magic)
			return true;
	}
	state->live = least;
	return false;
}

/* Gives libbz2 bytes that begin a block; it reads all of them. */
static int begin_block(struct bz2_state *state, struct cv_error *err)
{
	char start[HEAD_BYTES + PART_BITS / 8] = {
		'B', 'Z', 'h', state->level,
	};
	unsigned char last[BACK_BYTES];
	int ret;

	for (size_t i = 0; i < PART_BITS / 8; i++)
		start[HEAD_BYTES + i] = (char)bits_at(
			state->head, part_start(state) + 8 * i, 8);
	memset(&state->z, 0, sizeof(state->z));
	ret = BZ2_bzDecompressInit(&state->z, 0, 0);
	if (ret != BZ_OK)
		return bz2_fail(ret, err);
	state->is_open = true;
	state->giving = false;
	state->z.next_in = start;
	state->z.avail_in = sizeof(start);
	ret = BZ2_bzDecompress(&state->z);
	if (ret != BZ_OK || state->z.avail_in > 0)
		return bz2_fail(ret == BZ_OK ? BZ_DATA_ERROR : ret, err);
	memcpy(last, state->head + state->have, sizeof(last));
	keep_back(state, last, sizeof(last));
	state->live %= 8;
	state->part = BZ2_BLOCK;
	return CV_OK;
}

static int take_part(struct bz2_state *state, struct step *s,
		     struct cv_error *err)
{
	uint64_t magic;
	uint32_t crc;

	if (!state->located) {
		if (!collect(state, s, MAGIC_BITS / 8))
			return CV_OK;
		if (!locate(state))
			return bz2_fail(BZ_DATA_ERROR, err);
		state->located = true;
	}
	if (!collect(state, s, (PART_BITS - state->live + 7) / 8))
		return CV_OK;
	magic = bits_at(state->head, part_start(state), MAGIC_BITS);
	crc = (uint32_t)bits_at(state->head, part_start(state) + MAGIC_BITS,
				PART_BITS - MAGIC_BITS);
	if (magic == block_magic) {
		state->crc = (state->crc << 1 | state->crc >> 31) ^ crc;
		return begin_block(state, err);
	}
	if (magic != end_magic || crc != state->crc)
		return bz2_fail(BZ_DATA_ERROR, err);
	/* streams may follow one another */
	state->part = BZ2_HEAD;
	state->have = 0;
	state->any = true;
	return CV_OK;
}

/* Gives libbz2 what comes next, moved to a byte.  It takes all of it, or up
 * to the end of the block. */
static int feed_block(struct bz2_state *state, struct step *s,
		      struct cv_error *err)
{
	const unsigned char *in = (const unsigned char *)s->in.data;
	size_t len = s->in.len < SHIFT_CHUNK ? s->in.len : SHIFT_CHUNK, taken;
	unsigned char moved[SHIFT_CHUNK], before = state->head[1];
	int ret;

	for (size_t i = 0; i < len; i++) {
		unsigned int two = (unsigned int)before << 8 | in[i];

		moved[i] = (unsigned char)(two >> state->live);
		before = in[i];
	}
	state->z.next_in = (char *)moved;
	state->z.avail_in = (unsigned int)len;
	state->z.avail_out = 0;
	ret = BZ2_bzDecompress(&state->z);
	taken = len - state->z.avail_in;
	keep_back(state, in, taken);
	s->in = cv_span_skip(s->in, taken);
	return ret == BZ_OK ? CV_OK : bz2_fail(ret, err);
}

/* INVARIANT: without input libbz2 cannot get beyond the end of the block. */
static int give_block(struct bz2_state *state, struct step *s,
		      struct cv_error *err)
{
	int ret;

	state->z.next_in = NULL;
	state->z.avail_in = 0;
	state->z.next_out = s->out;
	state->z.avail_out = (unsigned int)s->room;
	ret = BZ2_bzDecompress(&state->z);
	s->got = s->room - state->z.avail_out;
	if (ret != BZ_OK)
		return bz2_fail(ret, err);
	if (s->got > 0)
		state->giving = true;
	if (!state->giving || s->got == s->room)
		return CV_OK;
	close_block(state);
	state->part = BZ2_BETWEEN;
	state->have = 0;
	state->located = false;
	return CV_OK;
}

static int take_some(struct bz2_state *state, struct step *s,
		     struct cv_error *err)
{
	int ret;

	if (state->part == BZ2_HEAD)
		return take_stream_head(state, s, err);
	if (state->part == BZ2_BETWEEN)
		return take_part(state, s, err);
	ret = give_block(state, s, err);
	if (ret < 0 || s->got > 0 || state->part != BZ2_BLOCK)
		return ret;
	return feed_block(state, s, err);
}

static int bz2_decode(struct decoder *d, struct step *s, struct cv_error *err)
{
	struct bz2_state *state = d->state;
	enum bz2_part part = state->part;
	size_t before = s->in.len;
	int ret = take_some(state, s, err);

	if (ret == CV_OK && s->in_ended && before == 0 && s->got == 0 &&
	    part == state->part)
		return CV_FAIL(err, CV_E_SYNTAX, "bz2: cut short");
	return ret;
}

/* --- encoding ----------------------------------------------------------------- */

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
	.close = bz2_close, .copy = bz2_copy, .encode = bz2_encode,
	.mark_bytes = 1, .slow = true,
};
