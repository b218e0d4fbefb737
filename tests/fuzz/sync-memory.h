/* sync-memory.h - an end that keeps its mail in memory, and checks what is
 * asked of it. */
#ifndef SYNC_MEMORY_H
#define SYNC_MEMORY_H

#include "sync/sync-side.h"

/* With INBOX (five messages), "Sent" and "a/b" (one each). */
struct sync_side *memory_open(struct sync_words *words);

#endif
