/* stream-file.c - a range of a file, read with pread into one window. */
#include "stream-private.h"

#include <errno.h>
#include <unistd.h>

struct file_stream {
	struct cv_stream stream;
	const char *name;		/* for messages */
	int fd;
	uint64_t start;			/* where the range begins */
	char *buffer;
	uint64_t buffer_offset;		/* in the range */
	size_t buffer_len, buffer_room;
};

static void file_close(void *data)
{
	struct file_stream *f = data;

	(void)close(f->fd);
}

/* The window from what the buffer holds; false when it holds nothing. */
static bool file_from_buffer(struct file_stream *f)
{
	uint64_t at = f->stream.offset;
	size_t skip;

	if (at < f->buffer_offset || at - f->buffer_offset >= f->buffer_len)
		return false;
	skip = (size_t)(at - f->buffer_offset);
	f->stream.window = cv_span(f->buffer + skip, f->buffer_len - skip);
	return true;
}

static int file_fill(struct cv_stream *s, struct cv_error *err)
{
	struct file_stream *f = (struct file_stream *)s;
	uint64_t left = s->size - s->offset;
	size_t want;
	ssize_t got;

	if (s->offset >= s->size)
		return CV_EOF;
	if (file_from_buffer(f))
		return CV_OK;
	if (f->buffer == NULL) {
		f->buffer_room = s->size < STREAM_WINDOW ? (size_t)s->size :
			STREAM_WINDOW;
		f->buffer = pool_alloc(s->pool, f->buffer_room);
	}
	want = left < f->buffer_room ? (size_t)left : f->buffer_room;
	f->buffer_len = 0;
	do {
		got = pread(f->fd, f->buffer, want,
			    (off_t)(f->start + s->offset));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return FAIL_ERRNO(err, errno, "cannot read '%s'", f->name);
	if (got == 0)
		return FAIL(err, CV_E_TEMP, "'%s' is shorter than expected",
			    f->name);
	f->buffer_offset = s->offset;
	f->buffer_len = (size_t)got;
	s->window = cv_span(f->buffer, f->buffer_len);
	return CV_OK;
}

static int file_seek(struct cv_stream *s, uint64_t offset,
		     struct cv_error *err)
{
	(void)err;
	s->offset = offset > s->size ? s->size : offset;
	(void)file_from_buffer((struct file_stream *)s);
	return CV_OK;
}

static bool file_get_file(struct cv_stream *s, int *fd_r, uint64_t *offset_r,
			  uint64_t *len_r)
{
	struct file_stream *f = (struct file_stream *)s;

	*fd_r = f->fd;
	*offset_r = f->start + s->offset;
	*len_r = s->size - s->offset;
	return true;
}

struct cv_stream *stream_open_file(struct cv_pool *pool, int fd,
				   uint64_t offset, uint64_t len, bool owned,
				   const char *name)
{
	static const struct stream_ops ops = {
		.fill = file_fill,
		.seek = file_seek,
		.get_file = file_get_file,
	};
	struct file_stream *f = pool_new(pool, struct file_stream);
	uint64_t end;

	stream_init(&f->stream, &ops, pool);
	f->name = pool_strdup(pool, name == NULL ? "file" : name);
	f->fd = fd;
	f->start = offset;
	BUG_IF(!checked_add_u64(offset, len, &end) || end > INT64_MAX);
	f->stream.size = len;
	if (owned)
		pool_add_finaliser(pool, file_close, f);
	return &f->stream;
}
