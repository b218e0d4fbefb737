/* thread-forest.h - parents of nodes, without loops, in time that hostile
 * references cannot raise much.
 *
 * Whether a link would make a loop is found out by walking up, as long as that
 * has cost little altogether; then in link-cut trees (Sleator and Tarjan,
 * 1983), which answer in logarithmic time whatever the forest looks like. */
#ifndef THREAD_FOREST_H
#define THREAD_FOREST_H

#include "base.h"

enum { FOREST_NONE = UINT32_MAX };

struct forest {
	struct cv_pool *pool;
	uint32_t *parent;		/* FOREST_NONE: a root */
	uint32_t *children;		/* how many */
	uint32_t count, room;
	uint64_t budget;		/* steps that may still be walked */
	struct link_node *links;	/* NULL: not needed yet */
};

/* Room for that many nodes. */
void forest_init(struct forest *f, struct cv_pool *pool, uint32_t room);
/* A new root. */
uint32_t forest_add(struct forest *f);
/* Makes child, which must be a root, a child of parent, unless it is above
 * parent or is it. */
void forest_link(struct forest *f, uint32_t child, uint32_t parent);
/* Makes it a root. */
void forest_cut(struct forest *f, uint32_t child);

#endif
