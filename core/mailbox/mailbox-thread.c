/* mailbox-thread.c - THREAD [RFC5256 3], with REFS.
 *
 * Messages are nodes 0 to count - 1; ids that are only referred to, and what
 * step 5 makes, are dummies behind them.  Every set of siblings is sorted by
 * one walk over all messages in the order of their sent dates, each put behind
 * those that its parent has already: nothing here is slower than sorting the
 * mailbox once, and nothing recurses. */
#include "mailbox-private.h"
#include "key-table.h"
#include "sort-radix.h"
#include "thread-forest.h"

enum { NONE = FOREST_NONE };

struct threading {
	struct cv_mailbox *box;
	struct cv_pool *pool;
	struct key_row *rows;
	uint32_t *seqs, count;		/* messages */
	struct key_table table;
	uint32_t nodes, room;		/* dummies, too */
	uint32_t *parent;		/* NONE: under the root */
	uint32_t *by_date;		/* messages */
	uint32_t *first, *last, *next;	/* children; siblings */
	uint32_t first_root, last_root;
};

static bool is_dummy(const struct threading *t, uint32_t node)
{
	return node >= t->count;
}

static uint32_t *new_numbers(struct threading *t, uint32_t count,
			     uint32_t value)
{
	uint32_t *numbers = pool_new_array(t->pool, uint32_t, count);

	for (uint32_t i = 0; i < count; i++)
		numbers[i] = value;
	return numbers;
}

/* --- step 1: parents ------------------------------------------------------ */

/* Node of each id, by its keyed hash: nobody can make them collide. */
struct id_map { uint64_t *ids; uint32_t *nodes; uint64_t mask; };

static void id_map_init(struct id_map *map, struct cv_pool *pool,
			uint64_t count)
{
	uint64_t room = 16;

	while (room < 2 * count)
		room *= 2;
	map->ids = pool_new_array(pool, uint64_t, room);
	map->nodes = pool_new_array(pool, uint32_t, room);
	map->mask = room - 1;
}

/* Its place, free where ids has 0. */
static uint64_t id_map_place(const struct id_map *map, uint64_t id)
{
	uint64_t at = id & map->mask;

	while (map->ids[at] != 0 && map->ids[at] != id)
		at = (at + 1) & map->mask;
	return at;
}

static uint32_t node_of_id(struct id_map *map, struct forest *f, uint64_t id)
{
	uint64_t at = id_map_place(map, id);

	if (map->ids[at] == 0) {
		map->ids[at] = id;
		map->nodes[at] = forest_add(f);
	}
	return map->nodes[at];
}

static void add_references(struct threading *t, struct id_map *map,
			   struct forest *f, uint32_t message)
{
	uint32_t at = message == 0 ? 0 : t->table.refs_end[message - 1];
	uint32_t last = NONE;

	for (; at < t->table.refs_end[message]; at++) {
		uint32_t node = node_of_id(map, f, t->table.refs[at]);

		/* (A): never instead of a parent that is there */
		if (last != NONE && f->parent[node] == NONE)
			forest_link(f, node, last);
		last = node;
	}
	/* (B): the last one is the parent, whatever was thought before */
	if (last != NONE && f->parent[message] == last)
		return;
	forest_cut(f, message);
	if (last != NONE)
		forest_link(f, message, last);
}

static void link_messages(struct threading *t, struct forest *f)
{
	uint32_t refs = t->count == 0 ? 0 :
		t->table.refs_end[t->count - 1];
	struct id_map map;

	id_map_init(&map, t->pool, (uint64_t)t->count + refs);
	forest_init(f, t->pool, t->count + refs);
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t id = t->table.ids[i], at;

		(void)forest_add(f);
		if (id == 0)
			continue;
		/* of several with one id the first has it */
		at = id_map_place(&map, id);
		if (map.ids[at] == 0) {
			map.ids[at] = id;
			map.nodes[at] = i;
		}
	}
	for (uint32_t i = 0; i < t->count; i++)
		add_references(t, &map, f, i);
}

/* --- steps 2 and 3: without dummies --------------------------------------- */

/* The message above a node, or the dummy on top.  known: answers so far, for
 * dummies. */
static uint32_t effective_parent(const struct threading *t,
				 const struct forest *f, uint32_t *known,
				 uint32_t node)
{
	uint32_t at = f->parent[node], result, next;

	while (at != NONE && is_dummy(t, at) && known[at] == NONE &&
	       f->parent[at] != NONE)
		at = f->parent[at];
	result = at != NONE && is_dummy(t, at) && known[at] != NONE ?
		known[at] : at;
	for (at = f->parent[node]; at != NONE && at != result &&
	     is_dummy(t, at) && known[at] == NONE; at = next) {
		next = f->parent[at];
		known[at] = result;
	}
	return result;
}

static void prune(struct threading *t, const struct forest *f)
{
	uint32_t *known = new_numbers(t, f->count, NONE);
	uint32_t *below = pool_new_array(t->pool, uint32_t, f->count);

	t->nodes = f->count;
	/* step 5 makes one for two roots at most */
	t->room = f->count + t->count;
	t->parent = new_numbers(t, t->room, NONE);
	for (uint32_t i = 0; i < t->count; i++) {
		t->parent[i] = effective_parent(t, f, known, i);
		if (t->parent[i] != NONE)
			below[t->parent[i]]++;
	}
	/* only a dummy at the top with several children stays */
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t parent = t->parent[i];

		if (parent != NONE && is_dummy(t, parent) &&
		    below[parent] == 1)
			t->parent[i] = NONE;
	}
}

/* --- siblings in their order ---------------------------------------------- */

static void append_child(struct threading *t, uint32_t parent, uint32_t node)
{
	uint32_t *first = parent == NONE ? &t->first_root : &t->first[parent];
	uint32_t *last = parent == NONE ? &t->last_root : &t->last[parent];

	if (*first == NONE)
		*first = node;
	else
		t->next[*last] = node;
	*last = node;
	t->next[node] = NONE;
}

/* Steps 4 and 6: a dummy stands where its first child does. */
static void arrange(struct threading *t)
{
	for (uint32_t i = 0; i < t->nodes; i++)
		t->first[i] = t->last[i] = t->next[i] = NONE;
	t->first_root = t->last_root = NONE;
	for (uint32_t k = 0; k < t->count; k++) {
		uint32_t node = t->by_date[k], parent = t->parent[node];

		if (parent != NONE && is_dummy(t, parent) &&
		    t->first[parent] == NONE)
			append_child(t, NONE, parent);
		append_child(t, parent, node);
	}
}

static void sort_by_date(struct threading *t)
{
	struct radix_item *items = pool_new_array(t->pool, struct radix_item,
						  t->count);
	struct radix_item *spare = pool_new_array(t->pool, struct radix_item,
						  t->count);

	t->by_date = pool_new_array(t->pool, uint32_t, t->count);
	for (uint32_t i = 0; i < t->count; i++) {
		items[i].index = i;
		items[i].key = (uint64_t)t->table.sent[i] ^
			(uint64_t)1 << 63;
	}
	radix_sort(items, spare, t->count);
	for (uint32_t i = 0; i < t->count; i++)
		t->by_date[i] = items[i].index;
}

static void tree_init(struct threading *t)
{
	t->first = new_numbers(t, t->room, NONE);
	t->last = new_numbers(t, t->room, NONE);
	t->next = new_numbers(t, t->room, NONE);
}

/* --- step 5: by subject --------------------------------------------------- */

static uint32_t subject_of(const struct threading *t, uint32_t node)
{
	return t->table.ranks[KEY_SUBJECT][is_dummy(t, node) ?
					   t->first[node] : node];
}

static bool is_reply(const struct threading *t, uint32_t node)
{
	return !is_dummy(t, node) && t->table.is_reply[node] != 0;
}

/* (B): the root that a subject's threads are put to. */
static uint32_t *subject_table(struct threading *t)
{
	uint32_t *table = new_numbers(t, t->table.subjects, NONE);

	for (uint32_t n = t->first_root; n != NONE; n = t->next[n]) {
		uint32_t subject = subject_of(t, n);
		uint32_t *entry = &table[subject];

		if (subject == t->table.empty_subject)
			continue;
		if (*entry == NONE ||
		    (!is_dummy(t, *entry) &&
		     (is_dummy(t, n) ||
		      (is_reply(t, *entry) && !is_reply(t, n)))))
			*entry = n;
	}
	return table;
}

static void adopt_children(struct threading *t, uint32_t from, uint32_t to)
{
	for (uint32_t n = t->first[from]; n != NONE; n = t->next[n])
		t->parent[n] = to;
}

/* (C): into *entry.  The lists stay as they were; only parents change. */
static void merge_root(struct threading *t, uint32_t *entry, uint32_t node)
{
	if (is_dummy(t, *entry) && is_dummy(t, node)) {
		adopt_children(t, node, *entry);
	} else if (is_dummy(t, *entry) ||
		   (is_reply(t, node) && !is_reply(t, *entry))) {
		t->parent[node] = *entry;
	} else {
		uint32_t dummy = t->nodes++;

		t->parent[node] = t->parent[*entry] = dummy;
		*entry = dummy;
	}
}

static void merge_subjects(struct threading *t)
{
	uint32_t *table = subject_table(t);

	for (uint32_t n = t->first_root; n != NONE; n = t->next[n]) {
		uint32_t subject = subject_of(t, n);

		/* what a new dummy took is no root any more */
		if (subject == t->table.empty_subject ||
		    table[subject] == n || t->parent[n] != NONE)
			continue;
		merge_root(t, &table[subject], n);
	}
}

/* --- the algorithms ------------------------------------------------------- */

static void by_references(struct threading *t, bool subjects)
{
	struct forest f;

	link_messages(t, &f);
	prune(t, &f);
	tree_init(t);
	arrange(t);
	if (!subjects)
		return;
	merge_subjects(t);
	arrange(t);
}

/* The first of each subject by date is the parent of the others. */
static void by_subject(struct threading *t)
{
	uint32_t *first = new_numbers(t, t->table.subjects, NONE);

	t->nodes = t->room = t->count;
	t->parent = new_numbers(t, t->count, NONE);
	for (uint32_t k = 0; k < t->count; k++) {
		uint32_t node = t->by_date[k];
		uint32_t *head = &first[t->table.ranks[KEY_SUBJECT][node]];

		t->parent[node] = *head;
		if (*head == NONE)
			*head = node;
	}
	tree_init(t);
	arrange(t);
}

/* Parents before children; count_r: children of each. */
static uint32_t preorder(const struct threading *t, uint32_t *order,
			 uint32_t *children)
{
	uint32_t count = 0, at = t->first_root;

	while (at != NONE) {
		order[count++] = at;
		if (t->parent[at] != NONE)
			children[t->parent[at]]++;
		if (t->first[at] != NONE) {
			at = t->first[at];
			continue;
		}
		while (at != NONE && t->next[at] == NONE)
			at = t->parent[at];
		if (at != NONE)
			at = t->next[at];
	}
	return count;
}

/* REFS: the thread with the newest message, by when it was received, comes
 * last.  The roots are linked anew. */
static void roots_by_arrival(struct threading *t)
{
	uint32_t *order = pool_new_array(t->pool, uint32_t, t->nodes);
	uint32_t *children = pool_new_array(t->pool, uint32_t, t->nodes);
	uint64_t *newest = pool_new_array(t->pool, uint64_t, t->nodes);
	uint32_t count = preorder(t, order, children), roots = 0;
	struct radix_item *items = pool_new_array(t->pool, struct radix_item,
						  count);
	struct radix_item *spare = pool_new_array(t->pool, struct radix_item,
						  count);

	for (uint32_t k = count; k-- > 0; ) {
		uint32_t node = order[k], parent = t->parent[node];
		struct account_message m;

		if (!is_dummy(t, node)) {
			uint64_t received;

			account_row_get(t->box->folder, t->rows[node].row, &m);
			received = (uint64_t)m.received ^ (uint64_t)1 << 63;
			if (received > newest[node])
				newest[node] = received;
		}
		if (parent != NONE && newest[node] > newest[parent])
			newest[parent] = newest[node];
	}
	for (uint32_t n = t->first_root; n != NONE; n = t->next[n])
		items[roots++] = (struct radix_item){ newest[n], n };
	radix_sort(items, spare, roots);
	t->first_root = t->last_root = NONE;
	for (uint32_t i = 0; i < roots; i++)
		append_child(t, NONE, items[i].index);
}

static void put_result(const struct threading *t, struct cv_pool *pool,
		       struct cv_thread_node **nodes_r, uint32_t *count_r)
{
	uint32_t *order = pool_new_array(t->pool, uint32_t, t->nodes);
	uint32_t *children = pool_new_array(t->pool, uint32_t, t->nodes);

	*count_r = preorder(t, order, children);
	*nodes_r = pool_new_array(pool, struct cv_thread_node, *count_r);
	for (uint32_t i = 0; i < *count_r; i++) {
		uint32_t node = order[i];

		(*nodes_r)[i].seq = is_dummy(t, node) ? 0 : t->seqs[node];
		(*nodes_r)[i].children = children[node];
	}
}

static void run(struct threading *t, uint32_t algorithm)
{
	sort_by_date(t);
	if (algorithm == CV_THREAD_ORDEREDSUBJECT)
		by_subject(t);
	else
		by_references(t, algorithm == CV_THREAD_REFERENCES);
	if (algorithm == CV_THREAD_REFS)
		roots_by_arrival(t);
}

/* Messages that are only referred to may be as many as the references. */
static int check_memory(const struct threading *t, struct cv_error *err)
{
	enum { NODE_BYTES = 160 };	/* all that is made of one, about */
	uint64_t nodes = t->count;

	if (t->count > 0 && t->table.refs_end != NULL)
		nodes += t->table.refs_end[t->count - 1];
	return spare_memory_check(nodes * NODE_BYTES, err);
}

int mailbox_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		   struct cv_pool *pool, struct cv_thread_node **nodes_r,
		   uint32_t *count_r, struct cv_error *err)
{
	static const uint32_t wanted[] = {
		[CV_THREAD_ORDEREDSUBJECT] = 1u << KEY_SUBJECT,
		[CV_THREAD_REFERENCES] = 1u << KEY_SUBJECT |
			1u << KEY_REFERENCES,
		[CV_THREAD_REFS] = 1u << KEY_REFERENCES,
	};
	struct threading t = { .box = box };
	struct cv_set found;
	int ret;

	if (r->algorithm < CV_THREAD_ORDEREDSUBJECT ||
	    r->algorithm > CV_THREAD_REFS)
		return FAIL(err, CV_E_SYNTAX, "no such way to thread: %u",
			    r->algorithm);
	ret = mailbox_search(box, r->query, pool, &found, err);
	if (ret < 0)
		return ret;
	t.pool = pool_create("thread");
	ret = key_rows_get(box, found, t.pool, &t.rows, &t.seqs, &t.count,
			   err);
	if (ret == CV_OK)
		ret = key_table_get(box, t.rows, t.count,
				    wanted[r->algorithm],
				    key_casemap(r->query), t.pool, &t.table,
				    err);
	if (ret == CV_OK)
		ret = check_memory(&t, err);
	if (ret == CV_OK) {
		run(&t, r->algorithm);
		put_result(&t, pool, nodes_r, count_r);
	}
	pool_destroy(&t.pool);
	return ret;
}
