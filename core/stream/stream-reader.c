/* stream-reader.c - bytes that somebody else reads, in pieces: a plugin's
 * storage that is no plain range of a file. */
#include "stream-private.h"

struct reader_stream {
	struct cv_stream stream;
	cv_stream_read_fn *read;
	void *context;
	char *buffer;
	size_t room;
	uint64_t start;			/* of what is in buffer */
	size_t have;
};

/* Shows what is in the buffer already, so that going back a little does not
 * read again. */
static bool reader_show(struct reader_stream *r)
{
	uint64_t at = r->stream.offset;

	if (at < r->start || at - r->start >= r->have)
		return false;
	r->stream.window = cv_span(r->buffer + (at - r->start),
				   r->have - (size_t)(at - r->start));
	return true;
}

static int reader_fill(struct cv_stream *s, struct cv_error *err)
{
	struct reader_stream *r = (struct reader_stream *)s;
	uint64_t left = s->size - s->offset;
	size_t want, got = 0;
	int ret;

	if (s->offset >= s->size)
		return CV_EOF;
	if (reader_show(r))
		return CV_OK;
	if (r->buffer == NULL) {
		r->room = s->size < STREAM_WINDOW ? (size_t)s->size :
			STREAM_WINDOW;
		r->buffer = pool_alloc(s->pool, r->room);
	}
	want = left < r->room ? (size_t)left : r->room;
	r->have = 0;
	ret = r->read(r->context, s->offset, r->buffer, want, &got, err);
	if (ret == CV_EOF && s->size == STREAM_SIZE_UNKNOWN) {
		s->size = s->offset;
		return CV_EOF;
	}
	if (ret != CV_OK)
		return ret < 0 ? ret : FAIL(err, CV_E_TEMP, "a reader has "
					    "nothing to give");
	/* a plugin that claims more than there was room for is not to be
	 * believed in anything */
	if (got == 0 || got > want)
		return FAIL(err, CV_E_TEMP, "a reader gave %zu of %zu bytes",
			    got, want);
	r->start = s->offset;
	r->have = got;
	s->window = cv_span(r->buffer, got);
	return CV_OK;
}

static int reader_seek(struct cv_stream *s, uint64_t offset,
		       struct cv_error *err)
{
	(void)err;
	s->offset = offset > s->size ? s->size : offset;
	return CV_OK;
}

struct cv_stream *stream_open_reader(struct cv_pool *pool, uint64_t size,
				     cv_stream_read_fn *read,
				     void (*done)(void *context),
				     void *context)
{
	static const struct stream_ops ops = {
		.fill = reader_fill,
		.seek = reader_seek,
	};
	struct reader_stream *r = pool_new(pool, struct reader_stream);

	stream_init(&r->stream, &ops, pool);
	r->read = read;
	r->context = context;
	r->stream.size = size;
	if (done != NULL)
		pool_add_finaliser(pool, done, context);
	return &r->stream;
}
