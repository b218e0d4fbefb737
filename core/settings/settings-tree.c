/* settings-tree.c - entries, blocks and the index over them.
 *
 * INVARIANT: the entries of one block and key form a chain, the one that wins
 * first: by rank of the filter, then by place in the file.  An entry that can
 * never win (same filter, earlier) is not in the chain. */
#include "settings-private.h"

#include <stdio.h>

struct settings_tree *settings_tree_create(void)
{
	struct cv_pool *pool = pool_create("settings");
	struct settings_tree *tree = pool_new(pool, struct settings_tree);

	/* certificates' keys and passwords are in here */
	pool_set_secret(pool);
	tree->pool = pool;
	array_init(&tree->files, pool);
	array_init(&tree->filters, pool);
	array_init(&tree->blocks, pool);
	array_init(&tree->entries, pool);
	array_init(&tree->problems, pool);
	*array_add(&tree->filters) = (struct settings_filter){
		.kind = "", .name = "",
	};
	*array_add(&tree->blocks) = (struct settings_block_node){
		.parent = SETTINGS_NONE, .kind = "", .name = "",
	};
	*array_add(&tree->files) = "";
	return tree;
}

void settings_tree_destroy(struct settings_tree **tree)
{
	struct cv_pool *pool;

	if (*tree == NULL)
		return;
	pool = (*tree)->pool;
	*tree = NULL;
	pool_destroy(&pool);
}

uint32_t settings_tree_file(struct settings_tree *tree, const char *name)
{
	*array_add(&tree->files) = pool_strdup(tree->pool, name);
	return (uint32_t)tree->files.count - 1;
}

void settings_problem_add(struct settings_tree *tree, bool warning,
			  const char *file, uint32_t line, const char *fmt,
			  ...)
{
	struct settings_problem *problem;
	va_list args;

	if (!warning)
		tree->errors++;
	if (tree->problems.count > SETTINGS_PROBLEMS_MAX)
		return;
	problem = array_add(&tree->problems);
	problem->warning = warning;
	problem->file = file;
	problem->line = line;
	if (tree->problems.count > SETTINGS_PROBLEMS_MAX) {
		problem->warning = tree->errors == 0;
		problem->text = "there are more problems; correct these "
			"first";
		return;
	}
	va_start(args, fmt);
	problem->text = pool_vprintf(tree->pool, fmt, args);
	va_end(args);
}

bool settings_problem_is_told(const struct settings_tree *tree,
			      const char *file, uint32_t line,
			      const char *text)
{
	for (size_t i = 0; i < tree->problems.count; i++) {
		const struct settings_problem *p = &tree->problems.items[i];

		if (p->line == line && strcmp(p->file, file) == 0 &&
		    strcmp(p->text, text) == 0)
			return true;
	}
	return false;
}

size_t settings_problem_count(const struct settings_tree *tree)
{
	return tree->problems.count;
}

const struct settings_problem *
settings_problem_get(const struct settings_tree *tree, size_t index)
{
	return index < tree->problems.count ? &tree->problems.items[index] :
		NULL;
}

/* --- the index ------------------------------------------------------------ */

static uint32_t slot_find(const struct settings_tree *tree, uint32_t block,
			  struct cv_span key)
{
	uint64_t hash = hash_bytes(key.data, key.len) +
		block * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t mask = tree->heads_room - 1, slot;

	for (slot = (uint32_t)(hash >> 16) & mask; tree->heads[slot] != 0;
	     slot = (slot + 1) & mask) {
		const struct settings_entry *entry =
			&tree->entries.items[tree->heads[slot] - 1];

		if (entry->block == block && cv_span_is(key, entry->key))
			break;
	}
	return slot;
}

static void index_grow(struct settings_tree *tree)
{
	uint32_t *old = tree->heads, old_room = tree->heads_room;

	tree->heads_room = old_room == 0 ? 256 : old_room * 2;
	tree->heads = pool_new_array(tree->pool, uint32_t, tree->heads_room);
	for (uint32_t i = 0; i < old_room; i++) {
		const struct settings_entry *entry;

		if (old[i] == 0)
			continue;
		entry = &tree->entries.items[old[i] - 1];
		tree->heads[slot_find(tree, entry->block,
				      cv_span_of(entry->key))] = old[i];
	}
}

/* What is higher in a chain; -o beats all that files say. */
static uint64_t entry_rank(const struct settings_tree *tree,
			   const struct settings_entry *entry)
{
	uint64_t rank = tree->filters.items[entry->filter].rank;

	if ((entry->flags & ENTRY_OVERRIDE) != 0)
		rank += UINT64_C(1) << 32;
	return rank;
}

static bool same_place(const struct settings_entry *a,
		       const struct settings_entry *b)
{
	return a->filter == b->filter &&
		(a->flags & ENTRY_OVERRIDE) == (b->flags & ENTRY_OVERRIDE);
}

void settings_tree_index(struct settings_tree *tree, uint32_t number)
{
	struct settings_entry *items = tree->entries.items;
	struct settings_entry *entry = &items[number];
	uint64_t rank = entry_rank(tree, entry);
	uint32_t slot, *link;

	if ((tree->heads_count + 1) * 2 > tree->heads_room)
		index_grow(tree);
	entry->next = SETTINGS_NONE;
	slot = slot_find(tree, entry->block, cv_span_of(entry->key));
	if (tree->heads[slot] == 0) {
		tree->heads[slot] = number + 1;
		tree->heads_count++;
		return;
	}
	/* the first of the chain that this one beats */
	if (entry_rank(tree, &items[tree->heads[slot] - 1]) <= rank) {
		entry->next = tree->heads[slot] - 1;
		tree->heads[slot] = number + 1;
	} else {
		link = &items[tree->heads[slot] - 1].next;
		while (*link != SETTINGS_NONE &&
		       entry_rank(tree, &items[*link]) > rank)
			link = &items[*link].next;
		entry->next = *link;
		*link = number;
	}
	/* an earlier one in the same filter is out */
	for (link = &entry->next; *link != SETTINGS_NONE;
	     link = &items[*link].next) {
		if (same_place(&items[*link], entry)) {
			*link = items[*link].next;
			return;
		}
	}
}

uint32_t settings_tree_chain(const struct settings_tree *tree, uint32_t block,
			     struct cv_span key)
{
	uint32_t head;

	if (tree->heads_room == 0)
		return SETTINGS_NONE;
	head = tree->heads[slot_find(tree, block, key)];
	return head == 0 ? SETTINGS_NONE : head - 1;
}

const struct settings_entry *
settings_tree_effective(const struct settings_tree *tree, uint32_t block,
			struct cv_span key, const struct settings_scope *scope)
{
	uint32_t i = settings_tree_chain(tree, block, key);

	while (i != SETTINGS_NONE) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->filter == 0 || settings_filter_matches(
			    &tree->filters.items[entry->filter], scope))
			return entry;
		i = entry->next;
	}
	return NULL;
}

/* --- blocks --------------------------------------------------------------- */

uint32_t settings_tree_block(const struct settings_tree *tree, uint32_t parent,
			     const char *kind, struct cv_span name)
{
	for (uint32_t i = 1; i < tree->blocks.count; i++) {
		const struct settings_block_node *block =
			&tree->blocks.items[i];

		if (block->parent == parent && cv_span_is(name, block->name) &&
		    strcmp(block->kind, kind) == 0)
			return i;
	}
	return SETTINGS_NONE;
}

uint32_t settings_tree_block_add(struct settings_tree *tree, uint32_t parent,
				 const char *kind, const char *name)
{
	struct settings_block_node *block = array_add(&tree->blocks);

	block->parent = parent;
	block->kind = pool_strdup(tree->pool, kind);
	block->name = pool_strdup(tree->pool, name);
	block->is_plugin = strcmp(kind, "plugin") == 0;
	return (uint32_t)tree->blocks.count - 1;
}

uint32_t settings_tree_plugin(const struct settings_tree *tree)
{
	return settings_tree_block(tree, SETTINGS_ROOT, "plugin",
				   CV_SPAN(""));
}

/* "service" in the root is "service"; "unix_listener" in a service is
 * "service/unix_listener". */
static bool kind_equals(const struct settings_tree *tree,
			const struct settings_block_node *block,
			const char *kind)
{
	const char *path = block->kind;

	if (block->parent != SETTINGS_ROOT) {
		size_t len = strlen(tree->blocks.items[block->parent].kind);

		if (strncmp(path, tree->blocks.items[block->parent].kind,
			    len) != 0 || path[len] != '/')
			return false;
		path += len + 1;
	}
	return strcmp(path, kind) == 0;
}

bool settings_block_next(const struct settings_tree *tree, const char *kind,
			 settings_block parent,
			 const struct settings_scope *scope, uint32_t *at,
			 settings_block *block_r)
{
	for (uint32_t i = *at + 1; i < tree->blocks.count; i++) {
		const struct settings_block_node *block =
			&tree->blocks.items[i];

		if (block->parent != parent ||
		    !kind_equals(tree, block, kind) ||
		    settings_tree_effective(tree, i, CV_SPAN(""),
					    scope) == NULL)
			continue;
		*at = i;
		*block_r = i;
		return true;
	}
	*at = (uint32_t)tree->blocks.count;
	return false;
}

bool settings_block_find(const struct settings_tree *tree, const char *kind,
			 settings_block parent, const char *name,
			 settings_block *block_r)
{
	for (uint32_t i = 1; i < tree->blocks.count; i++) {
		const struct settings_block_node *block =
			&tree->blocks.items[i];

		if (block->parent == parent && strcmp(block->name, name) == 0 &&
		    kind_equals(tree, block, kind)) {
			*block_r = i;
			return true;
		}
	}
	return false;
}

const char *settings_block_name(const struct settings_tree *tree,
				settings_block block)
{
	BUG_IF(block >= tree->blocks.count);
	return tree->blocks.items[block].name;
}
