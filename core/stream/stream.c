/* stream.c - what all streams have in common, and streams over memory. */
#include "stream-private.h"

void stream_init(struct cv_stream *s, const struct stream_ops *ops,
		 struct cv_pool *pool)
{
	s->ops = ops;
	s->pool = pool;
	s->size = STREAM_SIZE_UNKNOWN;
}

void stream_show(struct cv_stream *s, struct cv_stream *other,
		 struct cv_span window)
{
	s->window = window;
	s->source = other->source != NULL ? other->source : other;
	s->seen_fills = s->source->fills;
}

static void stream_check_window(struct cv_stream *s)
{
	if (s->source != NULL && s->source->fills != s->seen_fills)
		s->window = CV_SPAN_NONE;
}

int stream_read(struct cv_stream *s, struct cv_span *span_r,
		struct cv_error *err)
{
	int ret;

	*span_r = CV_SPAN_NONE;
	if (s->failed < 0)
		return FAIL(err, s->failed, "the stream has failed before");
	stream_check_window(s);
	if (s->window.len == 0) {
		s->fills++;
		ret = s->ops->fill(s, err);
		if (ret < 0)
			s->failed = ret;
		if (ret != CV_OK) {
			s->window = CV_SPAN_NONE;
			return ret;
		}
		BUG_IF(s->window.len == 0);
	}
	*span_r = s->window;
	return CV_OK;
}

void stream_skip(struct cv_stream *s, size_t n)
{
	BUG_IF(n > s->window.len);
	s->window = cv_span_skip(s->window, n);
	s->offset += n;
}

int stream_read_on(struct cv_stream *s, uint64_t offset, struct cv_error *err)
{
	struct cv_span in;
	uint64_t left;
	int ret;

	while (s->offset < offset) {
		ret = stream_read(s, &in, err);
		if (ret != CV_OK)
			return ret < 0 ? ret : CV_OK;
		left = offset - s->offset;
		stream_skip(s, in.len > left ? (size_t)left : in.len);
	}
	return CV_OK;
}

int stream_seek(struct cv_stream *s, uint64_t offset, struct cv_error *err)
{
	int ret;

	stream_check_window(s);
	if (offset >= s->offset && offset - s->offset <= s->window.len) {
		stream_skip(s, (size_t)(offset - s->offset));
		return CV_OK;
	}
	if (s->failed < 0)
		return FAIL(err, s->failed, "the stream has failed before");
	if (s->ops->seek != NULL) {
		s->window = CV_SPAN_NONE;
		return s->ops->seek(s, offset, err);
	}
	if (offset < s->offset) {
		s->window = CV_SPAN_NONE;
		ret = s->ops->restart(s, err);
		if (ret < 0) {
			s->failed = ret;
			return ret;
		}
		s->offset = 0;
	}
	return stream_read_on(s, offset, err);
}

uint64_t stream_offset(const struct cv_stream *s)
{
	return s->offset;
}

bool stream_size_is_known(const struct cv_stream *s)
{
	return s->size != STREAM_SIZE_UNKNOWN;
}

int stream_size(struct cv_stream *s, uint64_t *size_r, struct cv_error *err)
{
	uint64_t old = s->offset;
	int ret;

	if (s->size == STREAM_SIZE_UNKNOWN && s->ops->find_size != NULL) {
		ret = s->ops->find_size(s, &s->size, err);
		if (ret < 0)
			return ret;
	} else if (s->size == STREAM_SIZE_UNKNOWN) {
		ret = stream_read_on(s, UINT64_MAX, err);
		if (ret < 0)
			return ret;
		s->size = s->offset;
		ret = stream_seek(s, old, err);
		if (ret < 0)
			return ret;
	}
	*size_r = s->size;
	return CV_OK;
}

bool stream_get_file(struct cv_stream *s, int *fd_r, uint64_t *offset_r,
		     uint64_t *len_r)
{
	return s->ops->get_file != NULL &&
		s->ops->get_file(s, fd_r, offset_r, len_r);
}

int stream_read_all(struct cv_stream *s, struct cv_text *text, size_t max,
		    struct cv_error *err)
{
	struct cv_span in;
	size_t room;
	int ret;

	while ((ret = stream_read(s, &in, err)) == CV_OK) {
		room = in.len > max ? max : in.len;
		cv_text_append(text, in.data, room);
		stream_skip(s, room);
		max -= room;
		if (room < in.len)
			return FAIL(err, CV_E_LIMIT, "the stream is too long");
	}
	return ret < 0 ? ret : CV_OK;
}

int stream_copy(struct cv_stream *s, void *dst, size_t len, size_t *got_r,
		struct cv_error *err)
{
	struct cv_span in;
	size_t n;
	int ret = CV_OK;

	*got_r = 0;
	while (*got_r < len) {
		ret = stream_read(s, &in, err);
		if (ret != CV_OK)
			break;
		n = in.len > len - *got_r ? len - *got_r : in.len;
		memcpy((char *)dst + *got_r, in.data, n);
		stream_skip(s, n);
		*got_r += n;
	}
	return ret < 0 ? ret : CV_OK;
}

/* --- memory ------------------------------------------------------------- */

struct memory_stream {
	struct cv_stream stream;
	struct cv_span all;
};

static int memory_seek(struct cv_stream *s, uint64_t offset,
		       struct cv_error *err)
{
	struct memory_stream *m = (struct memory_stream *)s;

	(void)err;
	s->offset = offset > m->all.len ? m->all.len : offset;
	s->window = cv_span_skip(m->all, (size_t)s->offset);
	return CV_OK;
}

static int memory_fill(struct cv_stream *s, struct cv_error *err)
{
	(void)memory_seek(s, s->offset, err);
	return s->window.len == 0 ? CV_EOF : CV_OK;
}

struct cv_stream *stream_open_memory(struct cv_pool *pool, struct cv_span all)
{
	static const struct stream_ops ops = {
		.fill = memory_fill,
		.seek = memory_seek,
	};
	struct memory_stream *m = pool_new(pool, struct memory_stream);

	stream_init(&m->stream, &ops, pool);
	m->all = all;
	m->stream.size = all.len;
	return &m->stream;
}
