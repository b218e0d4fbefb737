/* decode-stream.c - random access to what can only be decoded in order.
 *
 * Reading on continues where the last read ended.  Going back starts at the
 * nearest mark, a copy of the decoder's state that is kept for each MARK_BYTES
 * of content (or at each place where it can be copied, when copies are small)
 * where the codec can be copied; marks that become too many are thinned out.
 * A message that fits is decoded once more and kept in memory when the way from
 * a mark is long; a larger one only when there is no mark at all (xz, or zstd
 * in one frame), and while the process has memory enough. */
#include "compress.h"

enum {
	MARK_BYTES = 2 * 1024 * 1024,	/* of content between two marks */
	MARKS_MAX = 64,
	KEEP_MAX = 16 * 1024 * 1024,	/* content kept in memory */
	KEEP_UNMARKED_MAX = 128 * 1024 * 1024,
	/* A message may be this large whatever it was compressed to; beyond,
	 * it is a bomb when it grows by more than this factor. */
	FREE_BYTES = 64 * 1024 * 1024,
	FACTOR_MAX = 300,
};

struct mark {
	uint64_t plain, packed;
	struct decoder decoder;
};

struct decoding {
	struct cv_pool *pool;
	const struct codec *codec;
	struct cv_stream *body;
	uint64_t plain_bytes;		/* UINT64_MAX: not known */
	struct decoder decoder;		/* codec NULL: not open */
	uint64_t plain, packed;		/* where it is */
	bool ended;			/* at plain */
	struct mark marks[MARKS_MAX];
	uint32_t mark_count;
	uint64_t mark_bytes;		/* between two of them */
	uint32_t restarts;
	char *kept;			/* all of it, or NULL */
	uint64_t kept_bytes;
};

static void decoder_close(struct decoder *d)
{
	if (d->codec != NULL)
		d->codec->close(d);
	d->codec = NULL;
	if (d->pool != NULL)
		cv_api->pool_destroy(&d->pool);
}

static int restart(struct decoding *d, struct cv_error *err)
{
	int ret;

	decoder_close(&d->decoder);
	d->decoder = (struct decoder){
		.codec = d->codec, .pool = cv_api->pool_create("decoder"),
	};
	d->plain = d->packed = 0;
	d->ended = false;
	ret = d->codec->open(&d->decoder, err);
	if (ret < 0)
		decoder_close(&d->decoder);
	return ret;
}

/* Every other mark goes, and those to come keep the new distance. */
static void thin_marks(struct decoding *d)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->mark_count; i++) {
		if (i % 2 == 1)
			d->marks[kept++] = d->marks[i];
		else
			decoder_close(&d->marks[i].decoder);
	}
	d->mark_count = kept;
	d->mark_bytes = d->marks[kept - 1].plain / kept;
}

static void keep_mark(struct decoding *d)
{
	uint64_t last = d->mark_count == 0 ? 0 :
		d->marks[d->mark_count - 1].plain;
	struct mark *m;

	if (d->codec->copy == NULL || d->plain < last + d->mark_bytes)
		return;
	if (d->mark_count == MARKS_MAX)
		thin_marks(d);
	m = &d->marks[d->mark_count];
	m->decoder.pool = cv_api->pool_create("decoder mark");
	if (d->codec->copy(&d->decoder, &m->decoder, NULL) != CV_OK) {
		cv_api->pool_destroy(&m->decoder.pool);
		return;
	}
	m->plain = d->plain;
	m->packed = d->packed;
	d->mark_count++;
}

/* The state of the nearest mark before offset, when that is better than what
 * we have.  True: done. */
static bool use_mark(struct decoding *d, uint64_t offset)
{
	const struct mark *best = NULL;
	struct decoder copy = { 0 };

	for (uint32_t i = 0; i < d->mark_count; i++) {
		if (d->marks[i].plain <= offset)
			best = &d->marks[i];
	}
	if (best == NULL || (d->plain <= offset && d->decoder.codec != NULL &&
			     d->plain >= best->plain))
		return false;
	copy.pool = cv_api->pool_create("decoder");
	if (d->codec->copy(&best->decoder, &copy, NULL) != CV_OK) {
		cv_api->pool_destroy(&copy.pool);
		return false;
	}
	decoder_close(&d->decoder);
	d->decoder = copy;
	d->plain = best->plain;
	d->packed = best->packed;
	d->ended = false;
	return true;
}

static int check_growth(struct decoding *d, struct cv_error *err)
{
	if (d->plain <= FREE_BYTES ||
	    d->plain / FACTOR_MAX <= d->packed + 1)
		return CV_OK;
	return CV_FAIL(err, CV_E_LIMIT, "%s: more than %d times as large when "
		       "decoded", d->codec->name, FACTOR_MAX);
}

/* Decodes the next bytes into out.  CV_EOF: there are none. */
static int decode_some(struct decoding *d, char *out, size_t room,
		       size_t *got_r, struct cv_error *err)
{
	*got_r = 0;
	while (!d->ended && *got_r == 0) {
		struct step step = { .out = out, .room = room };
		size_t before;
		int ret = compress_stream_api->seek(d->body, d->packed, err);

		if (ret == CV_OK)
			ret = compress_stream_api->peek(d->body, &step.in,
							err);
		if (ret < 0)
			return ret;
		step.in_ended = ret == CV_EOF;
		if (step.in_ended)
			step.in = cv_span("", 0);
		before = step.in.len;
		ret = d->codec->decode(&d->decoder, &step, err);
		if (ret < 0)
			return ret;
		d->packed += before - step.in.len;
		d->plain += step.got;
		*got_r = step.got;
		d->ended = ret == CV_EOF;
		ret = check_growth(d, err);
		if (ret < 0)
			return ret;
		keep_mark(d);
	}
	return *got_r > 0 ? CV_OK : CV_EOF;
}

/* Everything into memory, when it fits: it is being read here and there. */
static int keep_all(struct decoding *d, struct cv_error *err)
{
	uint64_t at = 0;
	size_t got;
	int ret = restart(d, err);

	if (ret < 0)
		return ret;
	d->kept = cv_api->alloc(d->pool, (size_t)d->plain_bytes + 1);
	do {
		ret = decode_some(d, d->kept + at,
				  (size_t)(d->plain_bytes - at + 1), &got,
				  err);
		at += got;
	} while (ret == CV_OK && at <= d->plain_bytes);
	if (ret >= 0 && at != d->plain_bytes)
		ret = CV_FAIL(err, CV_E_SYNTAX, "%s: it has not the size that "
			      "it should have", d->codec->name);
	decoder_close(&d->decoder);
	d->kept_bytes = at;
	if (ret < 0)
		d->kept = NULL;
	return ret < 0 ? ret : CV_OK;
}

/* Brings the decoder to offset. */
static int go_to(struct decoding *d, uint64_t offset, struct cv_error *err)
{
	char skipped[16384];
	size_t got;
	int ret = CV_OK;

	if (use_mark(d, offset))
		ret = CV_OK;
	else if (d->decoder.codec == NULL || d->plain > offset)
		ret = restart(d, err);
	while (ret == CV_OK && d->plain < offset) {
		uint64_t left = offset - d->plain;

		ret = decode_some(d, skipped, left < sizeof(skipped) ?
				  (size_t)left : sizeof(skipped), &got, err);
	}
	return ret;
}

static int read_kept(const struct decoding *d, uint64_t offset, void *data,
		     size_t len, size_t *got_r)
{
	uint64_t left = offset < d->kept_bytes ? d->kept_bytes - offset : 0;

	*got_r = left < len ? (size_t)left : len;
	memcpy(data, d->kept + (left > 0 ? offset : 0), *got_r);
	return left > 0 ? CV_OK : CV_EOF;
}

/* Going back begins to cost: is all to be kept?  Of a large one when there was
 * no mark on a long way; as much memory must be left as is taken. */
static bool is_worth_keeping(struct decoding *d)
{
	if ((d->codec->copy != NULL && !d->codec->slow) ||
	    d->restarts++ == 0)
		return false;
	return d->plain_bytes <= KEEP_MAX ||
		(d->plain > KEEP_MAX && d->plain_bytes <= KEEP_UNMARKED_MAX &&
		 (d->mark_count == 0 || d->marks[0].plain > KEEP_MAX) &&
		 CV_HAS(cv_api, memory_check) &&
		 cv_api->memory_check(2 * d->plain_bytes, NULL) == CV_OK);
}

static int decode_read(void *context, uint64_t offset, void *data, size_t len,
		       size_t *got_r, struct cv_error *err)
{
	struct decoding *d = context;
	int ret = CV_OK;

	*got_r = 0;
	if (d->kept == NULL && offset < d->plain && is_worth_keeping(d))
		ret = keep_all(d, err);
	if (ret < 0)
		return ret;
	if (d->kept != NULL)
		return read_kept(d, offset, data, len, got_r);
	ret = go_to(d, offset, err);
	return ret == CV_OK ? decode_some(d, data, len, got_r, err) : ret;
}

static void decode_done(void *context)
{
	struct decoding *d = context;

	decoder_close(&d->decoder);
	for (uint32_t i = 0; i < d->mark_count; i++)
		decoder_close(&d->marks[i].decoder);
}

struct cv_stream *decode_stream(const struct codec *codec,
				struct cv_pool *pool, struct cv_stream *body,
				uint64_t plain_bytes)
{
	struct decoding *d = CV_ALLOC(pool, struct decoding);

	d->pool = pool;
	d->codec = codec;
	d->body = body;
	d->plain_bytes = plain_bytes;
	d->mark_bytes = codec->mark_bytes > 0 ? codec->mark_bytes : MARK_BYTES;
	return compress_stream_api->from_reader(pool, plain_bytes, decode_read,
						decode_done, d);
}
