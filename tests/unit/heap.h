/* heap.h - how much memory a test holds, for tests of what is kept. */
#ifndef HEAP_H
#define HEAP_H

#include <malloc.h>

/* There only where a sanitizer has taken the place of malloc. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Bytes that are allocated now, those mapped for large ones with them. */
static inline size_t heap_used(void)
{
	struct mallinfo2 info = mallinfo2();

	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	return info.uordblks + info.hblkhd;
}

#endif
