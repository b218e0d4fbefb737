/* event-memory.c - blocks from front to back; never given out again, as what
 * libevent needs for a few descriptors it needs once.  When all is used, the
 * C library has more. */
#include "base.h"
#include "event-memory.h"

#include <event2/event.h>
#include <stdlib.h>

enum { EVENT_MEMORY = 12 * 1024, BLOCK_ALIGN = 16, PAGE = 4096 };

struct block { size_t size; _Alignas(BLOCK_ALIGN) unsigned char data[]; };

static struct {
	_Alignas(PAGE) unsigned char bytes[EVENT_MEMORY];
	size_t used;
} memory;

static struct block *block_of(void *p)
{
	unsigned char *at = p;

	if (at < memory.bytes || at >= memory.bytes + sizeof(memory.bytes))
		return NULL;
	return (struct block *)(at - offsetof(struct block, data));
}

static void *take(size_t size)
{
	struct block *block;
	size_t need;

	if (size > EVENT_MEMORY)
		return malloc(size);
	need = (sizeof(*block) + size + BLOCK_ALIGN - 1) &
		~(size_t)(BLOCK_ALIGN - 1);
	if (need > sizeof(memory.bytes) - memory.used)
		return malloc(size);
	block = (struct block *)(memory.bytes + memory.used);
	block->size = size;
	memory.used += need;
	return block->data;
}

static void give(void *p)
{
	if (p != NULL && block_of(p) == NULL)
		free(p);
}

static void *resize(void *p, size_t size)
{
	struct block *block = p == NULL ? NULL : block_of(p);
	void *larger;

	if (p == NULL)
		return take(size);
	if (block == NULL)
		return realloc(p, size);
	if (size <= block->size)
		return p;
	larger = take(size);
	if (larger != NULL)
		memcpy(larger, p, block->size);
	return larger;
}

void event_memory_use(void)
{
	event_set_mem_functions(take, resize, give);
}
