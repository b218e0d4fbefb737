/* snapshot-guard.c - a mapped snapshot that somebody cuts short.
 *
 * The user owns the files of the account and may truncate one that is in use;
 * touching a page that is gone is SIGBUS.  The handler puts zeros there and
 * calls all blocks damaged, so that the next check fails as it does for any
 * other damage [security.md F3]. */
#include "snapshot.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct snapshot *guarded;	/* all that are mapped */
static size_t page_size;
static struct sigaction previous;	/* when there was none */

static bool holds(const struct snapshot *s, uintptr_t address)
{
	uintptr_t map = (uintptr_t)s->map;

	return address >= map && address - map < s->size;
}

/* Async-signal-safe, and synchronous: the fault is our own read. */
static void guard_fault(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct snapshot *s = guarded;
	uintptr_t from;
	size_t len;

	(void)context;
	while (s != NULL && !holds(s, address))
		s = s->guard_next;
	from = address & ~(uintptr_t)(page_size - 1);
	len = s == NULL ? 0 : s->size - (size_t)(from - (uintptr_t)s->map);
	if (s == NULL || mmap((void *)from, len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
	    == MAP_FAILED) {
		/* not ours: the read happens again and ends the process */
		(void)signal(number, SIG_DFL);
		return;
	}
	s->bad = s->cut = true;
	if (s->checked != NULL)
		memset(s->checked, SNAPSHOT_BLOCK_BAD, s->blocks);
}

void snapshot_guard_begin(struct snapshot *snapshot)
{
	struct sigaction action = { .sa_sigaction = guard_fault,
				    .sa_flags = SA_SIGINFO };

	if (guarded == NULL) {
		page_size = (size_t)sysconf(_SC_PAGESIZE);
		(void)sigaction(SIGBUS, &action, &previous);
	}
	snapshot->guard_next = guarded;
	guarded = snapshot;
}

void snapshot_guard_end(struct snapshot *snapshot)
{
	struct snapshot **at = &guarded;

	while (*at != NULL && *at != snapshot)
		at = &(*at)->guard_next;
	if (*at == NULL)
		return;
	*at = snapshot->guard_next;
	if (guarded == NULL)
		(void)sigaction(SIGBUS, &previous, NULL);
}
