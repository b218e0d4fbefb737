/* array.c - growth of ARRAY(type). */
#include "array.h"
#include "bug.h"
#include "checked.h"

/* Bytes from which on it grows by a part of itself. */
enum { LARGE = 1024 * 1024 };

void array_reserve_(void **items, size_t count, size_t *room, size_t size,
		    struct cv_pool *pool)
{
	size_t new_room = *room == 0 ? 8 : *room < LARGE / size ? *room * 2 :
		*room + *room / 8 + 1;
	size_t old_bytes, new_bytes;

	if (count < *room) {
		memset((char *)*items + count * size, 0, size);
		return;
	}
	BUG_IF(!checked_mul(*room, size, &old_bytes));
	BUG_IF(!checked_mul(new_room, size, &new_bytes));
	*items = pool_grow(pool, *items, old_bytes, new_bytes);
	*room = new_room;
}
