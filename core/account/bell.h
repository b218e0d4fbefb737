/* bell.h - tells other processes that an account has changed: the table of a
 * bell driver.
 *
 * A ring is a hint: it may get lost, come late, or come for nothing.  Whoever
 * hears it looks at the head of the journal. */
#ifndef BELL_H
#define BELL_H

#include "io/io.h"

#include <errno.h>

struct bell { const struct bell_ops *ops; };

struct bell_ops {
	void (*close)(struct bell *bell);
	void (*ring)(struct bell *bell, uint64_t txn);
	int (*watch)(struct bell *bell);
	void (*clear)(struct bell *bell);
	int (*place)(struct bell *bell);
};

/* NULL is ignored. */
static inline void bell_close(struct bell **bell)
{
	if (*bell != NULL)
		(*bell)->ops->close(*bell);
	*bell = NULL;
}

/* Transaction txn was committed.  Never waits. */
static inline void bell_ring(struct bell *bell, uint64_t txn)
{
	bell->ops->ring(bell, txn);
}

/* A descriptor that becomes readable at a ring, made at the first call; the
 * bell's.  -1 with errno when not possible. */
static inline int bell_watch(struct bell *bell)
{
	return bell->ops->watch(bell);
}

/* Takes the rings that came so far; called before the head is looked at. */
static inline void bell_clear(struct bell *bell)
{
	bell->ops->clear(bell);
}

/* A new descriptor (O_PATH) of what changes at a ring, for a process that
 * watches for others; -1 with errno when there is no such thing. */
static inline int bell_place(struct bell *bell)
{
	if (bell->ops->place != NULL)
		return bell->ops->place(bell);
	errno = ENOTSUP;
	return -1;
}

/* bell-files.c: hears by inotify what changes in the directory dirfd, which
 * must outlive the bell; ringing is the commit itself.  path is used in its
 * place when it is absolute. */
struct bell *bell_files_open(struct io *io, int dirfd, const char *path);

#endif
