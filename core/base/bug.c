/* bug.c - the end of a process whose own logic failed. */
#include "bug.h"
#include "log.h"

#include <stdlib.h>

void bug_die(const char *file, int line, const char *what)
{
	log_write(LOG_LEVEL_PANIC, "bug", "%s:%d: %s", file, line, what);
	abort();
}
