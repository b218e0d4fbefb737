/* slots.h - plugins' own data on core's objects.
 *
 * An object that plugins may attach data to begins with this struct:
 *
 *	struct cv_user { struct module_slots slots; ... };	// first member
 *	module_slots_init(&user->slots, CV_OBJECT_USER, user->pool);
 *
 * A slot is allocated zeroed from the object's pool when a plugin first asks
 * for it; its fini runs when that pool goes. */
#ifndef SLOTS_H
#define SLOTS_H

#include "base.h"

struct module_slots {
	uint32_t magic;
	uint32_t object_class;		/* enum cv_object_class */
	struct cv_pool *pool;
	void **data;			/* by slot number; NULL until used */
};

/* pool must live as long as the object. */
void module_slots_init(struct module_slots *slots, uint32_t object_class,
		       struct cv_pool *pool);

/* Appends what plugins have attached to the object; CV_E_UNSUPPORTED: some of
 * it cannot leave the process. */
int module_slots_freeze(const struct module_slots *slots, struct cv_text *out,
			struct cv_error *err);
/* Takes it from the beginning of *in, into an object that has none. */
int module_slots_thaw(struct module_slots *slots, struct cv_span *in,
		      struct cv_error *err);

#endif
