/* io-fault.h - an I/O port on which things go wrong at a chosen operation. */
#ifndef IO_FAULT_H
#define IO_FAULT_H

#include "io.h"

enum io_fault_kind {
	IO_FAULT_NONE,
	IO_FAULT_EIO,
	IO_FAULT_EINTR,		/* as EIO, but as if a signal had come */
	IO_FAULT_ENOSPC,	/* only what needs space fails */
	IO_FAULT_SHORT,		/* half of a write or read is done and
				 * reported; the caller goes on */
	IO_FAULT_TORN,		/* half of a write is done, then EIO */
	IO_FAULT_LATE,		/* done, but reported as EIO */
	IO_FAULT_KILL,		/* half of a write is done, then SIGKILL */
};

/* Passes everything on to lower until armed.  Lives in pool. */
struct io *io_fault_create(struct io *lower, struct cv_pool *pool);

/* From now on the n-th operation that the kind can hit (1 is the next one)
 * fails; with sticky all later ones do too.  Operations that the kind cannot
 * hit are not counted: EIO and EINTR hit all but close and unlock, ENOSPC
 * open with O_CREAT, writes, mkdir, link, rename, preallocation and syncs,
 * SHORT reads and writes, TORN and LATE writes and syncs. */
void io_fault_arm(struct io *io, enum io_fault_kind kind, uint64_t n,
		  bool sticky);
/* From now on the disk has so many bytes left for what is in files, whatever
 * else is armed.  A write beyond them is cut short, the next one is ENOSPC;
 * what truncate, unlink and rename free is there again.  Names and holes take
 * no room.  UINT64_MAX: as much as the real one has. */
void io_fault_room(struct io *io, uint64_t bytes);
uint64_t io_fault_room_left(const struct io *io);
/* Whether the armed fault has happened, or the disk was full. */
bool io_fault_hit(const struct io *io);
/* Operations of each name since creation, for counting tests. */
uint64_t io_fault_syncs(const struct io *io);
uint64_t io_fault_writes(const struct io *io);

#endif
