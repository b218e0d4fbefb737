/* deflate.h - raw DEFLATE [RFC1951] for both directions of a connection
 * [RFC4978].
 *
 * Incoming: the other side is hostile.  Memory is one window (32 KiB); output
 * goes where there is room and no further; work is bounded by what was received:
 * a stream that gives nothing, or far too much, for its bytes is refused
 * [security.md B16].  Nothing here waits or recurses. */
#ifndef DEFLATE_H
#define DEFLATE_H

#include "base.h"

enum {
	/* Input without one byte of output: empty blocks without end. */
	INFLATE_BARREN_MAX = 65536,
	/* Output over the whole connection: so much for nothing, and so many
	 * times the input. */
	INFLATE_FREE_BYTES = 64 * 1024 * 1024,
	INFLATE_RATIO_MAX = 250,
};

struct inflater;
struct deflater;

/* Ends with the pool. */
struct inflater *inflater_create(struct cv_pool *pool);
/* Takes from the front of *in and writes up to room bytes.  CV_OK: *got_r
 * bytes, which may be none when all of in was taken.  CV_EOF: the stream has
 * ended in order.  CV_E_SYNTAX: it is none; CV_E_LIMIT: see above.  After a
 * failure each call fails. */
int inflater_run(struct inflater *i, struct cv_span *in, void *out,
		 size_t room, size_t *got_r, struct cv_error *err);
/* Whether what was taken ends with a block that is not the last one: the other
 * side may have stopped compressing there. */
bool inflater_between(const struct inflater *i);

/* For another process that goes on with the stream, which must be between two
 * blocks: where every flush of the other side ends.  Appends what has to be
 * known: the window, and bits that were taken and not used.  False: it is
 * within a block, or has ended. */
bool inflater_freeze(const struct inflater *i, struct cv_text *out);
/* From the beginning of in, into one that is new. */
bool inflater_thaw(struct inflater *i, struct cv_span *in);

/* level 1 to 9.  Ends with the pool. */
struct deflater *deflater_create(struct cv_pool *pool, int level);

/* Where output goes.  After a failure nothing more is sent. */
typedef int deflate_sink(void *context, const char *data, size_t len);

/* Compresses data; output comes when there is much of it. */
int deflater_write(struct deflater *d, struct cv_span data,
		   deflate_sink *sink, void *context);
/* Everything so far can be read by the other side, and what comes next does
 * not refer to it.  Costs nothing where nothing was written. */
int deflater_reset(struct deflater *d, deflate_sink *sink, void *context);
int deflater_level(const struct deflater *d);
/* The end of the stream; nothing may be written any more. */
int deflater_finish(struct deflater *d, deflate_sink *sink, void *context);
/* After a reset: gives the memory back until the next write. */
void deflater_rest(struct deflater *d);

#endif
