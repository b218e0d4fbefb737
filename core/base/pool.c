/* pool.c - blocks of doubling size, allocated from front to back. */
#include "pool.h"
#include "bug.h"
#include "checked.h"
#include "log.h"
#include "spare-memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	POOL_ALIGN = 16,
	POOL_FIRST_BLOCK = 1024,
	POOL_MAX_BLOCK = 256 * 1024,
};

struct pool_block {
	struct pool_block *next;
	size_t size, used;	/* of data[] */
	_Alignas(POOL_ALIGN) unsigned char data[];
};

struct pool_finaliser {
	struct pool_finaliser *next;
	void (*fn)(void *data);
	void *data;
};

struct cv_pool {
	const char *name;
	struct pool_block *blocks;	/* the current one first */
	struct pool_finaliser *finalisers;
	size_t total;
	bool secret;
};

/* Nobody may look at what has moved: it may not be there any more. */
#ifdef WITH_SANITIZERS
#include <sanitizer/asan_interface.h>
#define STALE(data, size) ASAN_POISON_MEMORY_REGION((data), (size))
#define FRESH(data, size) ASAN_UNPOISON_MEMORY_REGION((data), (size))
#else
#define STALE(data, size) ((void)0)
#define FRESH(data, size) ((void)0)
#endif

static void die(size_t size)
{
	log_write(LOG_LEVEL_PANIC, "memory", "out of memory: %zu bytes wanted "
		  "(see vsz_limit of this service)", size);
	_exit(83);
}

static void *allocate_or_die(size_t size, bool zeroed)
{
	void *memory;

	do {
		memory = zeroed ? calloc(1, size) : malloc(size);
	} while (memory == NULL && spare_memory_release());
	if (memory == NULL)
		die(size);
	return memory;
}

struct cv_pool *pool_create(const char *name)
{
	struct cv_pool *pool = allocate_or_die(sizeof(*pool), false);

	*pool = (struct cv_pool){ .name = name };
	return pool;
}

static void run_finalisers(struct cv_pool *pool)
{
	while (pool->finalisers != NULL) {
		struct pool_finaliser *f = pool->finalisers;

		pool->finalisers = f->next;
		f->fn(f->data);
	}
}

static void free_block(struct cv_pool *pool, struct pool_block *block)
{
	FRESH(block->data, block->size);
	if (pool->secret)
		explicit_bzero(block->data, block->used);
	pool->total -= block->size;
	free(block);
}

void pool_destroy(struct cv_pool **pool_p)
{
	struct cv_pool *pool = *pool_p;

	if (pool == NULL)
		return;
	*pool_p = NULL;
	run_finalisers(pool);
	while (pool->blocks != NULL) {
		struct pool_block *block = pool->blocks;

		pool->blocks = block->next;
		free_block(pool, block);
	}
	free(pool);
}

void pool_reset(struct cv_pool *pool)
{
	struct pool_block *keep = pool->blocks;

	run_finalisers(pool);
	if (keep == NULL)
		return;
	while (keep->next != NULL) {
		struct pool_block *block = keep->next;

		keep->next = block->next;
		free_block(pool, block);
	}
	if (keep->size > POOL_MAX_BLOCK) {
		pool->blocks = NULL;
		free_block(pool, keep);
		return;
	}
	FRESH(keep->data, keep->size);
	/* pool_alloc zeroes what it hands out, so nothing to clear here */
	if (pool->secret)
		explicit_bzero(keep->data, keep->used);
	keep->used = 0;
}

void pool_set_secret(struct cv_pool *pool)
{
	pool->secret = true;
}

static size_t round_up(size_t size)
{
	size_t rounded;

	BUG_IF(!checked_add(size, POOL_ALIGN - 1, &rounded));
	return rounded & ~(size_t)(POOL_ALIGN - 1);
}

static struct pool_block *add_block(struct cv_pool *pool, size_t need,
				    bool zeroed)
{
	size_t size = pool->blocks == NULL ? POOL_FIRST_BLOCK :
		pool->blocks->size * 2;
	struct pool_block *block;
	size_t bytes;

	if (size > POOL_MAX_BLOCK)
		size = POOL_MAX_BLOCK;
	if (size < need)
		size = need;
	BUG_IF(!checked_add(size, sizeof(*block), &bytes));
	block = allocate_or_die(bytes, zeroed);
	block->size = size;
	block->used = 0;
	block->next = pool->blocks;
	pool->blocks = block;
	pool->total += size;
	return block;
}

static void *take(struct cv_pool *pool, size_t need)
{
	struct pool_block *block = pool->blocks;
	unsigned char *memory;

	if (block == NULL || block->size - block->used < need)
		block = add_block(pool, need, false);
	/* UNSAFE: the block has room for need bytes, checked above */
	memory = block->data + block->used;
	block->used += need;
	return memory;
}

void *pool_alloc_raw(struct cv_pool *pool, size_t size)
{
	return take(pool, round_up(size == 0 ? 1 : size));
}

void *pool_alloc(struct cv_pool *pool, size_t size)
{
	size_t need = round_up(size == 0 ? 1 : size);
	struct pool_block *block = pool->blocks;
	void *memory;

	if (need > POOL_MAX_BLOCK &&
	    (block == NULL || block->size - block->used < need)) {
		/* new pages of the system are zeros without being touched */
		block = add_block(pool, need, true);
		block->used = need;
		return block->data;
	}
	memory = take(pool, need);
	memset(memory, 0, need);
	return memory;
}

void *pool_alloc_array(struct cv_pool *pool, size_t count, size_t size)
{
	size_t bytes;

	BUG_IF(!checked_mul(count, size, &bytes));
	return pool_alloc(pool, bytes);
}

/* The place that points to the block with nothing but old in it; NULL: old is
 * not alone, or too small to ask. */
static struct pool_block **find_alone(struct cv_pool *pool, const void *old,
				      size_t need)
{
	struct pool_block **at = &pool->blocks;

	if (old == NULL || need <= POOL_MAX_BLOCK || pool->secret)
		return NULL;
	while (*at != NULL && (*at)->data != (const unsigned char *)old)
		at = &(*at)->next;
	return *at != NULL && (*at)->used == need ? at : NULL;
}

/* What is large has a block of its own, and the system moves its pages: they
 * are neither copied nor there twice. */
static void *grow_block(struct cv_pool *pool, struct pool_block **at,
			size_t need)
{
	struct pool_block *block;
	size_t bytes, used = (*at)->used;

	BUG_IF(!checked_add(need, sizeof(*block), &bytes));
	do {
		block = realloc(*at, bytes);
	} while (block == NULL && spare_memory_release());
	if (block == NULL)
		die(bytes);
	*at = block;
	/* UNSAFE: the block has need bytes now, and need > used */
	memset(block->data + used, 0, need - used);
	pool->total += need - block->size;
	block->size = block->used = need;
	return block->data;
}

void *pool_grow(struct cv_pool *pool, void *old, size_t old_size,
		size_t new_size)
{
	struct pool_block *block = pool->blocks, **alone;
	size_t old_need = round_up(old_size == 0 ? 1 : old_size);
	size_t need = round_up(new_size);
	void *memory;

	BUG_IF(new_size < old_size);
	if (old != NULL && block != NULL && block->used >= old_need &&
	    (unsigned char *)old == block->data + block->used - old_need &&
	    block->size - block->used >= need - old_need) {
		/* UNSAFE: old is the last allocation and the block has room */
		memset(block->data + block->used, 0, need - old_need);
		block->used += need - old_need;
		return old;
	}
	alone = find_alone(pool, old, old_need);
	if (alone != NULL && need > (*alone)->size)
		return grow_block(pool, alone, need);
	memory = pool_alloc(pool, new_size);
	if (old_size > 0)
		memcpy(memory, old, old_size);
	STALE(old, old_size);
	return memory;
}

char *pool_copy(struct cv_pool *pool, const void *data, size_t len)
{
	size_t size;
	char *copy;

	BUG_IF(!checked_add(len, 1, &size));
	copy = pool_alloc(pool, size);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

char *pool_strdup(struct cv_pool *pool, const char *str)
{
	return str == NULL ? NULL : pool_copy(pool, str, strlen(str));
}

struct cv_span pool_span(struct cv_pool *pool, struct cv_span span)
{
	return span.data == NULL ? span :
		cv_span(pool_copy(pool, span.data, span.len), span.len);
}

char *pool_vprintf(struct cv_pool *pool, const char *fmt, va_list args)
{
	va_list again;
	char *result;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	BUG_IF(len < 0);
	result = pool_alloc(pool, (size_t)len + 1);
	(void)vsnprintf(result, (size_t)len + 1, fmt, again);
	va_end(again);
	return result;
}

char *pool_printf(struct cv_pool *pool, const char *fmt, ...)
{
	va_list args;
	char *result;

	va_start(args, fmt);
	result = pool_vprintf(pool, fmt, args);
	va_end(args);
	return result;
}

void pool_add_finaliser(struct cv_pool *pool, void (*fn)(void *data),
			void *data)
{
	struct pool_finaliser *f = pool_new(pool, struct pool_finaliser);

	f->fn = fn;
	f->data = data;
	f->next = pool->finalisers;
	pool->finalisers = f;
}

size_t pool_size(const struct cv_pool *pool)
{
	return pool->total;
}
