/* meta-memory.h - an account that is kept in memory: for trees that cannot be
 * written (INDEX=MEMORY), and for tests of what a driver without a lock and
 * with lost answers does to the engine. */
#ifndef META_MEMORY_H
#define META_MEMORY_H

#include "bell.h"
#include "meta.h"

/* What all that opened it share; NULL at the end of memory. */
struct meta_memory *meta_memory_create(void);
/* Everybody must have closed it.  NULL is ignored. */
void meta_memory_destroy(struct meta_memory **memory);

/* For account_open_on. */
struct meta *meta_memory_open(struct meta_memory *memory);
struct bell *bell_memory_open(struct meta_memory *memory);

/* Takes over what another driver has: as when it had been written here.
 * Returns 0, or -1 with errno. */
int meta_memory_copy(struct meta_memory *memory, struct meta *from);

/* From now on nobody ever waits for the lock, and anybody may hold it. */
void meta_memory_unlocked(struct meta_memory *memory);

enum meta_memory_fault {
	META_MEMORY_LOST,	/* not done, and the answer is META_UNKNOWN */
	META_MEMORY_SILENT,	/* done, but the answer is META_UNKNOWN */
	META_MEMORY_FULL,	/* META_NOT_WRITTEN, ENOSPC */
};

/* Happens to the next `times` commits. */
void meta_memory_fail(struct meta_memory *memory,
		      enum meta_memory_fault fault, unsigned int times);
/* Commits that were applied. */
uint64_t meta_memory_commits(const struct meta_memory *memory);

#endif
