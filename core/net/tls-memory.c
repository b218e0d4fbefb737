/* tls-memory.c - blocks from front to back, and lists of those that are free,
 * by size, until the memory is shared. */
#include "base.h"
#include "tls-memory.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	MEMORY_MAX = 4 * 1024 * 1024,
	ALIGN = 16,
	SMALL_MAX = 1024,		/* up to here a list for each size */
	BLOCK_MAX = 16 * 1024,		/* larger ones are the C library's */
	LISTS = SMALL_MAX / ALIGN + 5,	/* and one for each power of two */
};

struct block {
	size_t size;			/* of data */
	_Alignas(ALIGN) unsigned char data[];
};

static struct {
	unsigned char *start, *end;	/* NULL: not used */
	size_t used;
	struct block *free[LISTS];
	const unsigned char *shared;	/* as it was; NULL: not shared yet */
} memory;

static struct block *block_of(void *p)
{
	unsigned char *at = p;

	if (at < memory.start || at >= memory.end)
		return NULL;
	return (struct block *)(at - offsetof(struct block, data));
}

/* The list for blocks of at least *size, which becomes what they have. */
static size_t list_of(size_t *size)
{
	size_t at = SMALL_MAX / ALIGN, room = SMALL_MAX;

	if (*size <= SMALL_MAX) {
		*size = (*size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
		return *size / ALIGN;
	}
	for (; room < *size; room *= 2)
		at++;
	*size = room;
	return at;
}

static struct block *block_take(size_t size)
{
	size_t list = list_of(&size);
	struct block *block = memory.free[list];

	if (block != NULL) {
		memcpy(&memory.free[list], block->data, sizeof(block));
		return block;
	}
	if (sizeof(*block) + size > MEMORY_MAX - memory.used)
		return NULL;
	/* UNSAFE: sizes are multiples of ALIGN */
	block = (struct block *)(memory.start + memory.used);
	block->size = size;
	memory.used += sizeof(*block) + size;
	return block;
}

static void *take(size_t size, const char *file, int line)
{
	struct block *block = NULL;

	(void)file;
	(void)line;
	if (size == 0)
		return NULL;
	if (memory.shared == NULL && size <= BLOCK_MAX)
		block = block_take(size);
	return block != NULL ? block->data : malloc(size);
}

static void give(void *p, const char *file, int line)
{
	struct block *block = block_of(p);
	size_t size, list;

	(void)file;
	(void)line;
	if (block == NULL) {
		free(p);
		return;
	}
	if (memory.shared != NULL)
		return;			/* a write would be a page */
	size = block->size;
	list = list_of(&size);
	memcpy(block->data, &memory.free[list], sizeof(block));
	memory.free[list] = block;
}

static void *resize(void *p, size_t size, const char *file, int line)
{
	struct block *block = block_of(p);
	void *larger;

	if (size == 0) {
		give(p, file, line);
		return NULL;
	}
	if (p == NULL)
		return take(size, file, line);
	if (block == NULL)
		return realloc(p, size);
	if (size <= block->size)
		return p;
	larger = take(size, file, line);
	if (larger != NULL) {
		memcpy(larger, p, block->size);
		give(p, file, line);
	}
	return larger;
}

void tls_memory_use(void)
{
#ifndef WITH_SANITIZERS
	void *start = mmap(NULL, MEMORY_MAX, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			   0);

	if (start == MAP_FAILED)
		return;
	if (CRYPTO_set_mem_functions(take, resize, give) != 1) {
		(void)munmap(start, MEMORY_MAX);
		return;
	}
	/* a page of two megabytes is more than OpenSSL needs */
	(void)madvise(start, MEMORY_MAX, MADV_NOHUGEPAGE);
	memory.start = start;
	memory.end = memory.start + MEMORY_MAX;
#else
	(void)take;
	(void)resize;
#endif
}

/* A file that nobody can change any more, with what is in use; -1: none. */
static int make_file(size_t len)
{
	int fd = memfd_create("tls-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, memory.start + at, len - at);

		if (n <= 0) {
			(void)close(fd);
			return -1;
		}
		at += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_SEAL) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

void tls_memory_share(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (memory.used + page - 1) & ~(page - 1);
	void *shared;
	int fd;

	if (len == 0 || memory.shared != NULL || (fd = make_file(len)) < 0)
		return;
	shared = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (shared != MAP_FAILED) {
		BUG_IF(mmap(memory.start, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED);
		memory.shared = shared;
		memory.used = len;
		(void)munmap(memory.start + len, MEMORY_MAX - len);
		memory.end = memory.start + len;
	}
	(void)close(fd);
}

void tls_memory_give_back(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), same = 0;

	if (memory.shared == NULL)
		return;
	/* as few calls as there are gaps */
	for (size_t at = 0; at <= memory.used; at += page) {
		if (at < memory.used &&
		    memcmp(memory.start + at, memory.shared + at, page) == 0)
			continue;
		if (at > same)
			(void)madvise(memory.start + same, at - same,
				      MADV_DONTNEED);
		same = at + page;
	}
}
