/* replay.h - builds on disk what a power cut could have left.
 *
 * The rules are those of the least helpful file system: what was not synced
 * (a file's bytes with the file, a name with its directory) is there, is not
 * there, or is there in part (some sectors of a write, the length without the
 * bytes), independently of each other. */
#ifndef REPLAY_H
#define REPLAY_H

#include "io/io-record.h"

struct replay {
	const struct io_record_op *ops;
	size_t count;		/* operations before the power cut */
	struct cv_pool *pool;	/* of one state */
};

enum replay_choice {
	REPLAY_DONE,
	REPLAY_DROPPED,
	REPLAY_TORN,		/* random sectors of a write */
	REPLAY_LENGTH,		/* the length, and zeros */
	REPLAY_HOLE,		/* all sectors but one */
};

/* The operations that no sync covers, in order: indexes into ops. */
size_t replay_unsynced(const struct replay *replay, uint32_t *indexes,
		       size_t room);

/* True when a disk with this hash need not be built. */
typedef bool replay_seen(void *context, uint64_t hash);

/* Builds the state in the empty directory dirfd.  choices[i] is for the
 * operation indexes[i]; all others are done.  seen may be NULL; false: it said
 * no. */
bool replay_build(const struct replay *replay, const uint32_t *indexes,
		  const enum replay_choice *choices, size_t count,
		  uint64_t *random, int dirfd, replay_seen *seen,
		  void *context);

/* A cheap random number; the seed makes runs repeatable. */
uint64_t replay_random(uint64_t *random);

#endif
