/* dump-files.c - one local file that is looked at, whatever its name is. */
#include "dump-private.h"

#include <errno.h>

/* A store that has nothing else. */
struct lone {
	struct meta meta;
	struct meta_object object;
	struct io *io;
	int fd;
};

static struct lone *lone_of(struct meta_object *object)
{
	return (struct lone *)object->meta;
}

static int lone_head(struct meta_object *object, struct meta_head *head_r)
{
	struct stat st;

	if (io_fstat(lone_of(object)->io, lone_of(object)->fd, &st) < 0)
		return -1;
	*head_r = (struct meta_head){ .size = (uint64_t)st.st_size };
	return 0;
}

static ssize_t lone_load(struct meta_object *object, uint64_t offset,
			 void *dst, size_t len)
{
	return io_pread_full(lone_of(object)->io, lone_of(object)->fd, dst,
			     len, offset);
}

static void lone_release(struct meta_object *object)
{
	(void)object;
}

static const struct meta_ops lone_ops = {
	.head = lone_head, .load = lone_load, .release = lone_release,
};

bool dump_knows_name(struct cv_span name)
{
	struct cv_span end = name.len < 5 ? name :
		cv_span_skip(name, name.len - 5);

	return cv_span_begins(name, CV_SPAN("journal.")) ||
		cv_span_begins(name, CV_SPAN("damaged.")) ||
		cv_span_is(end, ".snap") ||
		(end.len == 5 && cv_span_is(cv_span_skip(end, 1), ".cat"));
}

int dump_file(struct io *io, int dirfd, const char *path, dump_sink *sink,
	      void *context, struct cv_error *err)
{
	struct lone lone = { .meta = { &lone_ops }, .io = io };
	int status;

	lone.object.meta = &lone.meta;
	lone.fd = io_open_file(io, dirfd, path, O_RDONLY, 0, NULL);
	if (lone.fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open it");
	status = dump_object(&lone.object, sink, context, err);
	io_close(io, lone.fd);
	return status;
}
