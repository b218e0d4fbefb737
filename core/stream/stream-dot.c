/* stream-dot.c - a stream over dot-reader. */
#include "dot-reader.h"
#include "stream-private.h"

struct dot_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	struct dot_reader reader;
	bool ended;
};

static int dot_fill(struct cv_stream *s, struct cv_error *err)
{
	struct dot_stream *d = (struct dot_stream *)s;
	struct cv_span in, rest;
	int ret;

	while (!d->ended) {
		ret = stream_read(d->parent, &in, err);
		if (ret == CV_EOF)
			return FAIL(err, CV_E_TEMP,
				    "the input ended within the message");
		if (ret < 0)
			return ret;
		rest = in;
		d->ended = dot_reader_next(&d->reader, &rest, &s->window) ==
			CV_EOF;
		/* what the window points at stays until the next read */
		stream_skip(d->parent, in.len - rest.len);
		if (s->window.len > 0)
			return CV_OK;
	}
	return CV_EOF;
}

static int dot_restart(struct cv_stream *s, struct cv_error *err)
{
	(void)s;
	return FAIL(err, CV_E_UNSUPPORTED,
		    "what a client sends cannot be read again");
}

struct cv_stream *stream_open_dot(struct cv_pool *pool,
				  struct cv_stream *parent)
{
	static const struct stream_ops ops = {
		.fill = dot_fill,
		.restart = dot_restart,
	};
	struct dot_stream *d = pool_new(pool, struct dot_stream);

	stream_init(&d->stream, &ops, pool);
	d->parent = parent;
	dot_reader_init(&d->reader);
	return &d->stream;
}
