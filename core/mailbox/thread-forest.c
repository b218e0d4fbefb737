/* thread-forest.c - see thread-forest.h. */
#include "thread-forest.h"

enum { STEPS_PER_NODE = 32 };

/* A node of a splay tree of a path; up is the parent in that tree, or, from
 * its root, where the path hangs. */
struct link_node { uint32_t left, right, up; };

/* --- link-cut trees ------------------------------------------------------- */

static bool is_splay_root(const struct link_node *l, uint32_t v)
{
	uint32_t up = l[v].up;

	return up == FOREST_NONE || (l[up].left != v && l[up].right != v);
}

static void rotate(struct link_node *l, uint32_t v)
{
	uint32_t p = l[v].up, g = l[p].up;
	bool p_is_root = is_splay_root(l, p);
	uint32_t *from, *to, moved;

	if (l[p].left == v) {
		from = &l[p].left;
		to = &l[v].right;
	} else {
		from = &l[p].right;
		to = &l[v].left;
	}
	moved = *to;
	*from = moved;
	if (moved != FOREST_NONE)
		l[moved].up = p;
	*to = p;
	l[p].up = v;
	l[v].up = g;
	if (!p_is_root) {
		if (l[g].left == p)
			l[g].left = v;
		else
			l[g].right = v;
	}
}

static void splay(struct link_node *l, uint32_t v)
{
	while (!is_splay_root(l, v)) {
		uint32_t p = l[v].up;

		if (!is_splay_root(l, p)) {
			uint32_t g = l[p].up;

			rotate(l, (l[g].left == p) == (l[p].left == v) ? p :
			       v);
		}
		rotate(l, v);
	}
}

/* The path from the root to v becomes one splay tree with v on top. */
static void expose(struct link_node *l, uint32_t v)
{
	uint32_t below = FOREST_NONE;

	for (uint32_t at = v; at != FOREST_NONE; at = l[at].up) {
		splay(l, at);
		l[at].right = below;
		below = at;
	}
	splay(l, v);
}

static uint32_t tree_root(struct link_node *l, uint32_t v)
{
	expose(l, v);
	while (l[v].left != FOREST_NONE)
		v = l[v].left;
	splay(l, v);
	return v;
}

static void tree_link(struct link_node *l, uint32_t child, uint32_t parent)
{
	expose(l, child);
	l[child].up = parent;
}

static void tree_cut(struct link_node *l, uint32_t v)
{
	expose(l, v);
	if (l[v].left == FOREST_NONE)
		return;
	l[l[v].left].up = FOREST_NONE;
	l[v].left = FOREST_NONE;
}

/* --- the forest ----------------------------------------------------------- */

static void links_make(struct forest *f)
{
	f->links = pool_new_array(f->pool, struct link_node, f->room);
	for (uint32_t i = 0; i < f->room; i++)
		f->links[i] = (struct link_node){ FOREST_NONE, FOREST_NONE,
						  FOREST_NONE };
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->parent[i] != FOREST_NONE)
			tree_link(f->links, i, f->parent[i]);
	}
}

/* child is a root: is it the one above v? */
static bool is_above(struct forest *f, uint32_t child, uint32_t v)
{
	if (f->children[child] == 0)
		return false;
	for (; f->links == NULL && f->budget > 0; f->budget--) {
		if (f->parent[v] == FOREST_NONE)
			return v == child;
		v = f->parent[v];
	}
	if (f->links == NULL)
		links_make(f);
	return tree_root(f->links, v) == child;
}

void forest_init(struct forest *f, struct cv_pool *pool, uint32_t room)
{
	*f = (struct forest){ .pool = pool, .room = room,
		.budget = STEPS_PER_NODE * ((uint64_t)room + 1000) };
	f->parent = pool_new_array(pool, uint32_t, room);
	f->children = pool_new_array(pool, uint32_t, room);
}

uint32_t forest_add(struct forest *f)
{
	BUG_IF(f->count == f->room);
	f->parent[f->count] = FOREST_NONE;
	return f->count++;
}

void forest_link(struct forest *f, uint32_t child, uint32_t parent)
{
	if (child == parent || is_above(f, child, parent))
		return;
	f->parent[child] = parent;
	f->children[parent]++;
	if (f->links != NULL)
		tree_link(f->links, child, parent);
}

void forest_cut(struct forest *f, uint32_t child)
{
	if (f->parent[child] == FOREST_NONE)
		return;
	f->children[f->parent[child]]--;
	f->parent[child] = FOREST_NONE;
	if (f->links != NULL)
		tree_cut(f->links, child);
}
