/* stream-private.h - for those who make a new kind of stream. */
#ifndef STREAM_PRIVATE_H
#define STREAM_PRIVATE_H

#include "stream.h"

struct stream_ops {
	/* Called when the window is empty: makes window non-empty (CV_OK),
	 * or CV_EOF, or a failure.  s->offset is the place wanted. */
	int (*fill)(struct cv_stream *s, struct cv_error *err);
	/* Goes to an offset outside the window; NULL: by reading on, or
	 * from the start after .restart. */
	int (*seek)(struct cv_stream *s, uint64_t offset,
		    struct cv_error *err);
	/* A filter begins again: state and parent at their start. */
	int (*restart)(struct cv_stream *s, struct cv_error *err);
	/* NULL: found by reading. */
	int (*find_size)(struct cv_stream *s, uint64_t *size_r,
			 struct cv_error *err);
	/* NULL: never a file. */
	bool (*get_file)(struct cv_stream *s, int *fd_r, uint64_t *offset_r,
			 uint64_t *len_r);
};

/* The first member of each kind's own struct. */
struct cv_stream {
	const struct stream_ops *ops;
	struct cv_pool *pool;
	struct cv_span window;		/* unread bytes at offset */
	uint64_t offset;		/* consumed since the start */
	uint64_t size;			/* STREAM_SIZE_UNKNOWN */
	int failed;			/* a failure is final */
	/* A view's window lies in the buffer of source; it is void once
	 * source has filled that buffer again. */
	struct cv_stream *source;
	uint64_t fills, seen_fills;
};

/* Fills in a zeroed struct. */
void stream_init(struct cv_stream *s, const struct stream_ops *ops,
		 struct cv_pool *pool);
/* Shows a part of what stream_read of another stream has just returned. */
void stream_show(struct cv_stream *s, struct cv_stream *other,
		 struct cv_span window);
/* Reads on until offset; the .seek of filters ends with it. */
int stream_read_on(struct cv_stream *s, uint64_t offset,
		   struct cv_error *err);

#endif
