/* reserve-files.h - a little room that is kept for the day when the disk is full.
 *
 * The file `reserve` lies beside the journal and holds blocks that nothing
 * else needs.  When a commit that frees space finds none (ENOSPC, or EDQUOT of
 * a quota of the file system), the file is made shorter by as much and the
 * commit is tried again: so there is enough for several such commits even if
 * others take what is left over.  It is not synced and never read; who finds
 * it missing, shorter or different has lost nothing. */
#ifndef RESERVE_FILES_H
#define RESERVE_FILES_H

#include "io/io.h"

enum { RESERVE_SIZE = 64 * 1024 };

/* Whether an operation failed for want of space: of errno. */
bool reserve_could_help(void);

/* Gives at least so many bytes of it back to the file system.  False when
 * there is nothing left to give.  errno is kept. */
bool reserve_give(struct io *io, int dirfd, uint64_t bytes);

/* Makes it as large as it should be; false: there is no room.  Of two
 * processes one at a time: under the account's lock. */
bool reserve_fill(struct io *io, int dirfd, mode_t mode);

#endif
