/* sync-feed.h - what the other end sends, from memory.
 *
 * The linker gives calls on sockets and pipes to the functions here
 * (SYNC_FEED_WRAP in local.mk): the one descriptor that feed_open() gives
 * reads the fuzzer's bytes, and takes whatever is written. */
#ifndef SYNC_FEED_H
#define SYNC_FEED_H

#include "base.h"

/* The descriptor, from which these bytes come, at most step at once; then it
 * is closed by the other end. */
int feed_open(struct cv_span data, size_t step);
/* It belongs to whoever reads it; this is for the socket that has not been
 * made. */
void feed_set(struct cv_span data, size_t step);

/* Its number may be a file's from now on. */
void feed_end(void);

/* Whatever an end can be asked for, all of it read. */
struct sync_side;
void feed_walk(struct sync_side *side);

#endif
