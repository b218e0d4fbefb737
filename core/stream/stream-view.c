/* stream-view.c - a range of a stream, and several streams in a row.  Both
 * show the window of what they stand on. */
#include "stream-private.h"

/* --- range -------------------------------------------------------------- */

struct range_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	uint64_t start, len;
};

static int range_fill(struct cv_stream *s, struct cv_error *err)
{
	struct range_stream *r = (struct range_stream *)s;
	uint64_t left = r->len - s->offset;
	struct cv_span in;
	int ret;

	if (s->offset >= r->len)
		return CV_EOF;
	ret = stream_seek(r->parent, r->start + s->offset, err);
	if (ret == CV_OK)
		ret = stream_read(r->parent, &in, err);
	if (ret != CV_OK)
		return ret;
	stream_show(s, r->parent, cv_span(in.data, in.len > left ?
					  (size_t)left : in.len));
	return CV_OK;
}

static int range_seek(struct cv_stream *s, uint64_t offset,
		      struct cv_error *err)
{
	struct range_stream *r = (struct range_stream *)s;

	(void)err;
	s->offset = offset > r->len ? r->len : offset;
	return CV_OK;
}

static int range_find_size(struct cv_stream *s, uint64_t *size_r,
			   struct cv_error *err)
{
	struct range_stream *r = (struct range_stream *)s;
	uint64_t size, rest;
	int ret;

	ret = stream_size(r->parent, &size, err);
	if (ret < 0)
		return ret;
	rest = size > r->start ? size - r->start : 0;
	*size_r = rest < r->len ? rest : r->len;
	return CV_OK;
}

static bool range_get_file(struct cv_stream *s, int *fd_r, uint64_t *offset_r,
			   uint64_t *len_r)
{
	struct range_stream *r = (struct range_stream *)s;
	uint64_t left = r->len - s->offset;

	if (stream_seek(r->parent, r->start + s->offset, NULL) < 0 ||
	    !stream_get_file(r->parent, fd_r, offset_r, len_r))
		return false;
	if (*len_r > left)
		*len_r = left;
	return true;
}

struct cv_stream *stream_open_range(struct cv_pool *pool,
				    struct cv_stream *parent,
				    uint64_t offset, uint64_t len)
{
	static const struct stream_ops ops = {
		.fill = range_fill,
		.seek = range_seek,
		.find_size = range_find_size,
		.get_file = range_get_file,
	};
	struct range_stream *r = pool_new(pool, struct range_stream);

	stream_init(&r->stream, &ops, pool);
	r->parent = parent;
	r->start = offset;
	/* so that start + offset in here cannot wrap */
	r->len = len > UINT64_MAX - offset ? UINT64_MAX - offset : len;
	if (parent->size != STREAM_SIZE_UNKNOWN)
		(void)range_find_size(&r->stream, &r->stream.size, NULL);
	return &r->stream;
}

/* --- concat ------------------------------------------------------------- */

struct concat_stream {
	struct cv_stream stream;
	struct cv_stream **parts;
	size_t count, at;
	uint64_t part_start;		/* where part "at" begins */
};

static int concat_fill(struct cv_stream *s, struct cv_error *err)
{
	struct concat_stream *c = (struct concat_stream *)s;
	struct cv_stream *part;
	struct cv_span in;
	int ret;

	for (; c->at < c->count; c->at++) {
		part = c->parts[c->at];
		ret = stream_seek(part, s->offset - c->part_start, err);
		if (ret == CV_OK)
			ret = stream_read(part, &in, err);
		if (ret == CV_OK)
			stream_show(s, part, in);
		if (ret != CV_EOF)
			return ret;
		c->part_start = s->offset;
	}
	return CV_EOF;
}

static int concat_seek(struct cv_stream *s, uint64_t offset,
		       struct cv_error *err)
{
	struct concat_stream *c = (struct concat_stream *)s;
	uint64_t size;
	int ret;

	c->part_start = 0;
	for (c->at = 0; c->at < c->count; c->at++) {
		ret = stream_size(c->parts[c->at], &size, err);
		if (ret < 0)
			return ret;
		if (offset - c->part_start < size)
			break;
		c->part_start += size;
	}
	s->offset = c->at < c->count ? offset : c->part_start;
	return CV_OK;
}

static int concat_find_size(struct cv_stream *s, uint64_t *size_r,
			    struct cv_error *err)
{
	struct concat_stream *c = (struct concat_stream *)s;
	uint64_t size, sum = 0;
	int ret;

	for (size_t i = 0; i < c->count; i++) {
		ret = stream_size(c->parts[i], &size, err);
		if (ret < 0)
			return ret;
		if (!checked_add_u64(sum, size, &sum))
			return FAIL(err, CV_E_LIMIT, "the stream is too long");
	}
	*size_r = sum;
	return CV_OK;
}

struct cv_stream *stream_open_concat(struct cv_pool *pool,
				     struct cv_stream *const *parts,
				     size_t count)
{
	static const struct stream_ops ops = {
		.fill = concat_fill,
		.seek = concat_seek,
		.find_size = concat_find_size,
	};
	struct concat_stream *c = pool_new(pool, struct concat_stream);

	stream_init(&c->stream, &ops, pool);
	c->parts = pool_new_array(pool, struct cv_stream *, count + 1);
	for (size_t i = 0; i < count; i++)
		c->parts[i] = parts[i];
	c->count = count;
	return &c->stream;
}
