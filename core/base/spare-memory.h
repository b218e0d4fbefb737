/* spare-memory.h - the end of memory, seen before it comes.
 *
 * A process with a limit of its address space (vsz_limit) keeps a part of it
 * aside.  The first allocation that finds no room gets that part, so what is
 * under way can end; from then on spare_memory_check fails, until the part could be
 * put aside again.  What grows with a command asks for each thing that it
 * takes on, and gives up in order. */
#ifndef SPARE_MEMORY_H
#define SPARE_MEMORY_H

#include "error.h"

/* Puts the part aside, or what was used of it back: when no command is under
 * way.  Without a limit there is none. */
void spare_memory_keep(void);

/* For allocations that have failed: true when there is room now, once. */
bool spare_memory_release(void);

/* CV_E_LIMIT, with a text for the client: the part aside has been used, or so
 * many bytes in one piece (0: any) would use it. */
int spare_memory_check(uint64_t bytes, struct cv_error *err);

#endif
