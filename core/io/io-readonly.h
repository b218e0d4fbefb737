/* io-readonly.h - an I/O port that changes nothing on disk: for tools that
 * only look.
 *
 * Whatever would create, write, rename or remove fails with EROFS, as on a
 * file system that is mounted so; syncs succeed, since there is nothing to
 * sync.  Locks for reading are taken. */
#ifndef IO_READONLY_H
#define IO_READONLY_H

#include "io.h"

/* Over the real one; static, needs no release. */
struct io *io_readonly(void);

#endif
