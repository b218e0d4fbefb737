/* imap-context-freeze.c - contexts of a session that sleeps.
 *
 *	contexts = short count; each: text tag, text correlators, u8 flags, short last UID,
 *	           short comparator, short count of keys, each short,
 *	           items of new messages (imap-notify-freeze.c),
 *	           short count of nodes, each a node, a list
 *	node = short of each number, texts, short count of ranges, each
 *	       short first and last
 *	list = short count of runs, each short difference to the end of the
 *	       one before (zigzag), short length
 *
 * They hold what the client has been told, so that what has changed meanwhile
 * is told when the session is awake. */
#include "imap-context-private.h"
#include "imap-args.h"
#include "imap-notify.h"
#include "imap-state.h"

enum { UID = 1, STALE = 2 };	/* flags */

/* --- to bytes ------------------------------------------------------------- */

static void put_node(struct cv_text *out, const struct cv_search_node *n)
{
	imap_state_put_short(out, n->op);
	imap_state_put_short(out, n->first_child);
	imap_state_put_short(out, n->next);
	imap_state_put_short(out, n->flags);
	imap_state_put(out, (uint64_t)n->day, 8);
	imap_state_put(out, n->number, 8);
	imap_state_put_text(out, n->field);
	imap_state_put_text(out, n->text);
	imap_state_put_short(out, n->set.count);
	for (uint32_t i = 0; i < n->set.count; i++) {
		imap_state_put_short(out, n->set.ranges[i].first);
		imap_state_put_short(out, n->set.ranges[i].last);
	}
}

/* As it was before a root was put over it. */
static void put_query(struct cv_text *out, const struct imap_context *c)
{
	uint32_t n = c->query.count - 2;
	struct cv_search_node root = c->nodes[n];

	root.next = 0;
	imap_state_put_short(out, n);
	put_node(out, &root);
	for (uint32_t i = 1; i < n; i++)
		put_node(out, &c->nodes[i]);
}

static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0));
}

static uint32_t run_end(const struct imap_context *c, uint32_t from)
{
	uint32_t end = from + 1;

	while (end < c->count && c->uids[end] == c->uids[end - 1] + 1)
		end++;
	return end;
}

static void put_list(struct cv_text *out, const struct imap_context *c)
{
	uint32_t runs = 0;
	int64_t last = 0;

	for (uint32_t i = 0; i < c->count; i = run_end(c, i))
		runs++;
	imap_state_put_short(out, runs);
	for (uint32_t i = 0; i < c->count; ) {
		uint32_t end = run_end(c, i);

		imap_state_put_short(out, zigzag(c->uids[i] - last));
		imap_state_put_short(out, end - i);
		last = c->uids[end - 1];
		i = end;
	}
}

static void put_context(struct cv_text *out, const struct imap_context *c)
{
	imap_state_put_text(out, c->tag);
	imap_state_put_text(out, c->correlators);
	imap_state_put(out, (c->uid ? UID : 0) | (c->stale ? STALE : 0), 1);
	imap_state_put_short(out, c->last_uid);
	imap_state_put_short(out, c->query.comparator);
	imap_state_put_short(out, c->sorting.count);
	for (uint32_t i = 0; i < c->sorting.count; i++)
		imap_state_put_short(out, c->sorting.keys[i]);
	imap_state_put_short(out, c->sorting.annotation_count);
	for (uint32_t i = 0; i < c->sorting.annotation_count; i++) {
		imap_state_put(out, c->sorting.annotations[i].is_private, 1);
		imap_state_put_text(out, c->sorting.annotations[i].entry);
	}
	imap_notify_items_freeze(out, c->items);
	put_query(out, c);
	put_list(out, c);
}

bool imap_contexts_freeze(const struct imap_session *s, struct cv_text *out)
{
	const struct imap_contexts *all = s->contexts;
	size_t begin = out->len;
	uint64_t total = 0;

	if (all == NULL) {
		imap_state_put_short(out, 0);
		return true;
	}
	/* a run takes two bytes at least */
	for (const struct imap_context *c = all->first; c != NULL;
	     c = c->next)
		total += c->count;
	if (total / 1024 > IMAP_CONTEXT_STATE_MAX)
		return false;
	imap_state_put_short(out, all->count);
	for (const struct imap_context *c = all->first; c != NULL;
	     c = c->next) {
		put_context(out, c);
		if (out->len - begin > IMAP_CONTEXT_STATE_MAX)
			return false;
	}
	/* what sync has failed to look at would be forgotten */
	return all->touched.count == 0;
}

/* --- and back ------------------------------------------------------------- */

/* At most max. */
static bool get_u32(struct cv_span *in, uint32_t max, uint32_t *value_r)
{
	uint64_t value;

	if (!imap_state_get_short(in, &value) || value > max)
		return false;
	*value_r = (uint32_t)value;
	return true;
}

static bool get_set(struct cv_span *in, struct cv_pool *pool,
		    struct cv_set *set_r)
{
	struct cv_range *ranges;
	uint32_t count, last = 0;

	if (!get_u32(in, UINT32_MAX, &count) || count > in->len / 2)
		return false;
	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, (size_t)count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!get_u32(in, UINT32_MAX, &ranges[i].first) ||
		    !get_u32(in, UINT32_MAX, &ranges[i].last) ||
		    ranges[i].first <= last ||
		    ranges[i].last < ranges[i].first)
			return false;
		last = ranges[i].last;
	}
	*set_r = (struct cv_set){ ranges, count };
	return true;
}

static bool get_node(struct cv_span *in, struct cv_pool *pool,
		     struct cv_search_node *n)
{
	uint64_t day;

	if (!get_u32(in, UINT32_MAX, &n->op) ||
	    !get_u32(in, UINT32_MAX, &n->first_child) ||
	    !get_u32(in, UINT32_MAX, &n->next) ||
	    !get_u32(in, UINT32_MAX, &n->flags) ||
	    !imap_state_get(in, 8, &day) ||
	    !imap_state_get(in, 8, &n->number) ||
	    !imap_state_get_text(in, &n->field) ||
	    !imap_state_get_text(in, &n->text))
		return false;
	n->day = (int64_t)day;
	/* numbers were resolved; the shape is for the mailbox to check */
	return n->op != CV_SEARCH_SEQS && get_set(in, pool, &n->set);
}

static bool get_query(struct cv_span *in, struct cv_pool *pool,
		      struct cv_search_query *query)
{
	struct cv_search_node *nodes;
	uint32_t count;

	*query = (struct cv_search_query){ CV_SIZED(cv_search_query) };
	if (!get_u32(in, UINT32_MAX, &count) || count == 0 ||
	    count > in->len / 16)
		return false;
	nodes = CV_ALLOC_ARRAY(pool, struct cv_search_node, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!get_node(in, pool, &nodes[i]) ||
		    nodes[i].first_child >= count || nodes[i].next >= count)
			return false;
	}
	query->nodes = nodes;
	query->count = count;
	return nodes[0].next == 0;
}

static bool get_annotations(struct cv_span *in, struct cv_pool *pool,
			    struct imap_sorting *sorting)
{
	uint32_t *count = &sorting->annotation_count;

	if (!get_u32(in, IMAP_SORT_KEYS_MAX, count))
		return false;
	sorting->annotations = CV_ALLOC_ARRAY(pool, struct cv_annotation,
					      (size_t)*count + 1);
	for (uint32_t i = 0; i < *count; i++) {
		uint64_t is_private;

		if (!imap_state_get(in, 1, &is_private) ||
		    !imap_state_get_text(in, &sorting->annotations[i].entry))
			return false;
		sorting->annotations[i].is_private = is_private != 0;
	}
	return true;
}

static bool get_keys(struct cv_span *in, struct cv_pool *pool,
		     struct imap_sorting *sorting)
{
	if (!get_u32(in, UINT32_MAX, &sorting->count) ||
	    sorting->count > in->len)
		return false;
	sorting->keys = CV_ALLOC_ARRAY(pool, uint32_t,
				       (size_t)sorting->count + 1);
	for (uint32_t i = 0; i < sorting->count; i++) {
		if (!get_u32(in, UINT32_MAX, &sorting->keys[i]))
			return false;
	}
	return get_annotations(in, pool, sorting);
}

/* Not more than max in all: it may only have what the client has seen. */
static bool get_list(struct cv_span *in, struct imap_context *c, uint32_t max)
{
	uint32_t runs, length;
	int64_t last = 0;

	if (!get_u32(in, UINT32_MAX, &runs))
		return false;
	while (runs-- > 0) {
		uint64_t step;
		int64_t first;

		if (!imap_state_get_short(in, &step) ||
		    step > (uint64_t)UINT32_MAX * 2 ||
		    !get_u32(in, max - c->count, &length) || length == 0)
			return false;
		first = last + unzigzag(step);
		if (first < 1 || first + length - 1 > UINT32_MAX ||
		    (c->sorting.count == 0 && first <= last))
			return false;
		imap_context_reserve(c, length);
		for (uint32_t i = 0; i < length; i++)
			c->uids[c->count++] = (uint32_t)first + i;
		last = first + length - 1;
	}
	return true;
}

static bool get_context(struct imap_session *s, struct cv_span *in)
{
	struct imap_sorting sorting = { .count = 0 };
	struct cv_search_query query;
	struct imap_context *c;
	uint32_t last, comparator;
	struct cv_span tag, correlators;
	struct imap_args items;
	uint64_t flags;

	if (!imap_state_get_text(in, &tag) ||
	    !imap_state_get_text(in, &correlators) ||
	    !imap_state_get(in, 1, &flags) ||
	    !get_u32(in, UINT32_MAX, &last) ||
	    !get_u32(in, UINT32_MAX, &comparator) ||
	    !get_keys(in, s->cmd_pool, &sorting) ||
	    !imap_notify_items_thaw(in, s->cmd_pool, &items) ||
	    !get_query(in, s->cmd_pool, &query))
		return false;
	query.comparator = comparator;
	c = imap_context_new(s, tag, (flags & UID) != 0, &query, &sorting);
	c->stale = (flags & STALE) != 0;
	c->last_uid = last;
	c->items = imap_notify_items_copy(c->pool, items);
	if (correlators.len > 0)
		c->correlators = cv_span(imap_copy(c->pool, correlators),
					 correlators.len);
	return get_list(in, c, s->exists);
}

bool imap_contexts_thaw(struct imap_session *s, struct cv_span *in)
{
	uint32_t count;

	if (!get_u32(in, IMAP_CONTEXTS_MAX, &count))
		return false;
	while (count-- > 0) {
		if (s->box == NULL || !get_context(s, in))
			return false;
	}
	return true;
}
