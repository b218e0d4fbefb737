/* spare-memory.c - see spare-memory.h.
 *
 * The limit counts mappings, used or not: the part aside is one that nobody
 * may touch and that costs no memory, and whether a piece would fit is seen by
 * mapping it. */
#include "spare-memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
	ASIDE_MAX = 64 * 1024 * 1024,
	ASIDE_SHARE = 16,		/* of the limit */
	PIECE_MIN = 256 * 1024,		/* less comes out of the part aside */
};

static struct {
	void *part;			/* NULL: none */
	size_t size;
	bool mapped;			/* or malloc's */
	bool used;			/* it was needed */
} aside;

static size_t part_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur / ASIDE_SHARE < ASIDE_MAX ?
		(size_t)(limit.rlim_cur / ASIDE_SHARE) : ASIDE_MAX;
}

static void *map(size_t size)
{
	void *part = mmap(NULL, size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return part == MAP_FAILED ? NULL : part;
}

void spare_memory_keep(void)
{
	if (aside.part != NULL)
		return;
	aside.size = part_size();
	aside.used = aside.used && aside.size > 0;
	if (aside.size == 0)
		return;
	aside.part = map(aside.size);
	aside.mapped = aside.part != NULL;
	/* what was freed may be in its hands still */
	if (aside.part == NULL)
		aside.part = malloc(aside.size);
	aside.used = aside.part == NULL;
}

bool spare_memory_release(void)
{
	if (aside.part == NULL)
		return false;
	if (aside.mapped)
		(void)munmap(aside.part, aside.size);
	else
		free(aside.part);
	aside.part = NULL;
	aside.used = true;
	return true;
}

/* In one piece, from the system or from what malloc has. */
static bool would_fit(size_t bytes)
{
	void *piece = map(bytes);
	/* a compiler may take what is freed unused for had */
	void *volatile taken;

	if (piece != NULL) {
		(void)munmap(piece, bytes);
		return true;
	}
	taken = malloc(bytes);
	piece = taken;
	free(piece);
	return piece != NULL;
}

int spare_memory_check(uint64_t bytes, struct cv_error *err)
{
	if (!aside.used &&
	    (bytes < PIECE_MIN || (bytes < SIZE_MAX / 2 &&
				   would_fit((size_t)bytes))))
		return CV_OK;
	FAIL(err, CV_E_LIMIT, "more memory would be needed than the vsz_limit "
	     "of this service allows");
	return error_set_client(err, "This needs more memory than a session "
				"may have, try fewer at a time.");
}
