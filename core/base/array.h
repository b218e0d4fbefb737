/* array.h - a typed array that grows in a pool.
 *
 *	ARRAY(struct part) parts;
 *	array_init(&parts, pool);
 *	*array_add(&parts) = part;	// zeroed element, pointer valid until
 *					// the next add
 *	for (size_t i = 0; i < parts.count; i++) use(&parts.items[i]); */
#ifndef ARRAY_H
#define ARRAY_H

#include "pool.h"

#define ARRAY(type) \
	struct { type *items; size_t count, room; struct cv_pool *pool; }

#define array_init(a, pool_) ((a)->items = NULL, (a)->count = 0, \
	(a)->room = 0, (a)->pool = (pool_))

#define array_add(a) (array_reserve_((void **)&(a)->items, (a)->count, \
	&(a)->room, sizeof(*(a)->items), (a)->pool), \
	&(a)->items[(a)->count++])

/* Makes room for one more element behind the count elements in use. */
void array_reserve_(void **items, size_t count, size_t *room, size_t size,
		    struct cv_pool *pool);

#endif
