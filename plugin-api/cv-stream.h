/* cv-stream.h - bytes read in order, without copies. */
#ifndef CV_STREAM_H
#define CV_STREAM_H

#include "cv-types.h"

typedef int cv_stream_read_fn(void *context, uint64_t offset, void *data,
			      size_t len, size_t *got_r,
			      struct cv_error *err);

/* Service "stream", major 1. */
struct cv_stream_api {
	CV_HEAD;
	/* The next bytes, at least one, without consuming them; CV_EOF at
	 * the end.  Valid until the next call on the stream. */
	int (*peek)(struct cv_stream *s, struct cv_span *data_r,
		      struct cv_error *err);
	/* Consumes n <= data_r->len bytes. */
	void (*skip)(struct cv_stream *s, size_t n);
	/* To an absolute offset; may be slow backwards. */
	int (*seek)(struct cv_stream *s, uint64_t offset,
		      struct cv_error *err);
	uint64_t (*offset)(struct cv_stream *s);
	/* Total bytes; may have to read through. */
	int (*length)(struct cv_stream *s, uint64_t *length_r,
		      struct cv_error *err);
	/* A stream over memory that outlives it. */
	struct cv_stream *(*from_memory)(struct cv_pool *pool,
					 struct cv_span data);
	void (*close)(struct cv_stream **s);
	/* A stream of length bytes (UINT64_MAX: not known, read returns
	 * CV_EOF) that read gives in pieces: up to len bytes from offset,
	 * *got_r of them, at least one.  done (may be
	 * NULL) is called when the pool ends. */
	struct cv_stream *(*from_reader)(struct cv_pool *pool,
					 uint64_t length,
					 cv_stream_read_fn *read,
					 void (*done)(void *context),
					 void *context);
};

/* Service "compress", major 1, of the plugin of that name: for those whose
 * files have a part that is compressed.  Whole messages are decoded for
 * everybody (message_reading). */
struct cv_compress_api {
	CV_HEAD;
	/* Where *body begins as compressed content does, it becomes a stream
	 * of that content, plain_bytes long (UINT64_MAX: not known); both live
	 * in pool.  Else it stays, and is where it was. */
	int (*decode)(struct cv_pool *pool, uint64_t plain_bytes,
		      struct cv_stream **body, struct cv_error *err);
};

#endif
