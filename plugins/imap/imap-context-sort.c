/* imap-context-sort.c - where new messages belong in a sorted list.
 *
 * Nobody tells the keys of a message, but any few can be sorted: a message and
 * some of the list show between which two it belongs, so that a few rounds
 * find its place among any number.  Of the list may be messages that are
 * expunged and not told of yet; they are in no answer and bound nothing. */
#include "imap-context-private.h"

#include <stdlib.h>

enum {
	PIVOTS = 31,	/* messages of the list in one round */
	MANY = 24,	/* so many new ones: all are sorted again */
};

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts uids in place; *count: those that are still there. */
static int sort_uids(struct imap_session *s, struct cv_pool *pool,
		     const struct imap_context *c, uint32_t *uids,
		     uint32_t *count)
{
	struct cv_search_node nodes[] = {
		{ .op = CV_SEARCH_AND, .first_child = 1 },
		{ .op = CV_SEARCH_UIDS },
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = nodes, .count = 2,
		.comparator = c->query.comparator };
	struct imap_set_builder b = { .pool = pool };
	uint32_t *seqs, found, wanted = *count;
	int code;

	qsort(uids, wanted, sizeof(*uids), by_value);
	for (uint32_t i = 0; i < wanted; i++)
		imap_set_add(&b, uids[i]);
	nodes[1].set = imap_set_built(&b);
	code = imap_sort_run(s, pool, &query, &c->sorting, &seqs, &found);
	if (code < 0)
		return code;
	*count = found < wanted ? found : wanted;
	for (uint32_t i = 0; i < *count; i++)
		uids[i] = imap_mailbox_api->uid_of(s->box, seqs[i]);
	return CV_OK;
}

/* One message between low and high of the list. */
struct search {
	uint32_t uid, low, high;
	bool in_turn;	/* nobody in between was there */
};

static uint32_t pivot_at(const struct search *p, uint32_t i, uint32_t count)
{
	uint64_t room = p->high - p->low;

	if (p->in_turn || room <= PIVOTS)
		return p->low + i;
	return p->low + (uint32_t)((i + 1) * room / (count + 1));
}

/* The bounds become those of the list that stand before and behind it in
 * sorted. */
static bool bounds_move(struct search *p, const struct imap_context *c,
			uint32_t pivots, const uint32_t *sorted,
			uint32_t count)
{
	struct search was = *p;
	bool passed = false, there = false;

	for (uint32_t i = 0; i < count; i++)
		there = there || sorted[i] == p->uid;
	if (!there)
		return false;
	if (count == 1) {
		p->low = was.in_turn ? was.low + pivots : was.low;
		p->in_turn = true;
		return true;
	}
	p->in_turn = false;
	for (uint32_t i = 0, k; i < count; i++) {
		if (sorted[i] == p->uid) {
			passed = true;
			continue;
		}
		for (k = 0; k < pivots; k++) {
			if (c->uids[pivot_at(&was, k, pivots)] == sorted[i])
				break;
		}
		if (k == pivots)
			continue;
		if (!passed) {
			p->low = pivot_at(&was, k, pivots) + 1;
			continue;
		}
		p->high = pivot_at(&was, k, pivots);
		break;
	}
	return true;
}

/* Not before from.  CV_NOT_FOUND: the message is gone. */
static int place_find(struct imap_session *s, struct cv_pool *pool,
		      const struct imap_context *c, uint32_t from,
		      uint32_t uid, uint32_t *at_r)
{
	struct search p = { .uid = uid, .low = from, .high = c->count };
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, PIVOTS + 1);

	while (p.low < p.high) {
		uint32_t room = p.high - p.low;
		uint32_t pivots = room < PIVOTS ? room : PIVOTS;
		uint32_t count = pivots + 1;
		int code;

		for (uint32_t i = 0; i < pivots; i++)
			uids[i] = c->uids[pivot_at(&p, i, pivots)];
		uids[pivots] = uid;
		code = sort_uids(s, pool, c, uids, &count);
		if (code < 0)
			return code;
		if (!bounds_move(&p, c, pivots, uids, count))
			return CV_NOT_FOUND;
	}
	*at_r = p.low;
	return CV_OK;
}

static struct imap_moved item_of(const struct imap_moved *items,
				 uint32_t count, uint32_t uid)
{
	for (uint32_t i = 0; i < count; i++) {
		if (items[i].uid == uid)
			return items[i];
	}
	return (struct imap_moved){ .uid = 0 };
}

/* Few of them: each by itself, behind the one before. */
static int place_each(struct imap_session *s, struct cv_pool *pool,
		      struct imap_context *c, struct imap_moved *items,
		      uint32_t *count)
{
	uint32_t wanted = *count, sorted = wanted, from = 0;
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, wanted);
	struct imap_moved *placed = CV_ALLOC_ARRAY(pool, struct imap_moved,
						   wanted);
	int code;

	*count = 0;
	for (uint32_t i = 0; i < wanted; i++)
		uids[i] = items[i].uid;
	code = sort_uids(s, pool, c, uids, &sorted);
	for (uint32_t i = 0; i < sorted && code >= 0; i++) {
		struct imap_moved m = item_of(items, wanted, uids[i]);
		uint32_t at;

		code = place_find(s, pool, c, from, m.uid, &at);
		if (code != CV_OK)
			continue;
		imap_context_insert(c, at, m.uid);
		m.position = at + 1;
		from = at + 1;
		placed[(*count)++] = m;
	}
	memcpy(items, placed, sizeof(*items) * *count);
	return code < 0 ? code : CV_OK;
}

static int by_uid(const void *a, const void *b)
{
	const struct imap_moved *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* What the list becomes; sorted has its messages and the new ones, but for
 * those that are gone, which stay behind what stands before them. */
struct merge {
	const struct imap_context *c;
	uint32_t *out, count, room;	/* of out */
	uint32_t old;			/* of the list, taken so far */
};

/* The list up to this one; false: it is not there. */
static bool merge_old(struct merge *m, uint32_t uid)
{
	while (m->old < m->c->count && m->count < m->room) {
		uint32_t next = m->c->uids[m->old++];

		m->out[m->count++] = next;
		if (next == uid)
			return true;
	}
	return uid == 0;
}

static void list_replace(struct imap_context *c, const struct merge *m)
{
	imap_context_reserve(c, m->room - c->count);
	memcpy(c->uids, m->out, sizeof(*m->out) * m->count);
	c->count = m->count;
}

/* Many of them: with all that are there.  CV_DECLINED: they are in another
 * order. */
static int place_all(struct imap_session *s, struct cv_pool *pool,
		     struct imap_context *c, struct imap_moved *items,
		     uint32_t *count)
{
	uint32_t new = *count, total = c->count + new, found = total;
	uint32_t *uids = CV_ALLOC_ARRAY(pool, uint32_t, total);
	struct merge m = { c, CV_ALLOC_ARRAY(pool, uint32_t, total), 0, total,
			   0 };
	struct imap_moved *placed = CV_ALLOC_ARRAY(pool, struct imap_moved,
						   new);
	uint32_t done = 0;
	int code;

	if (c->count > 0)
		memcpy(uids, c->uids, sizeof(*uids) * c->count);
	for (uint32_t i = 0; i < new; i++)
		uids[c->count + i] = items[i].uid;
	code = sort_uids(s, pool, c, uids, &found);
	if (code < 0)
		return code;
	qsort(items, new, sizeof(*items), by_uid);
	for (uint32_t i = 0; i < found; i++) {
		const struct imap_moved key = { .uid = uids[i] };
		const struct imap_moved *item = bsearch(
			&key, items, new, sizeof(*items), by_uid);

		if (item == NULL) {
			if (!merge_old(&m, uids[i]))
				return CV_DECLINED;
			continue;
		}
		if (m.count == total)
			return CV_DECLINED;
		m.out[m.count++] = item->uid;
		placed[done] = *item;
		placed[done++].position = m.count;
	}
	(void)merge_old(&m, 0);
	list_replace(c, &m);
	memcpy(items, placed, sizeof(*items) * done);
	*count = done;
	return CV_OK;
}

int imap_context_place(struct imap_session *s, struct cv_pool *pool,
		       struct imap_context *c, struct imap_moved *items,
		       uint32_t *count)
{
	int code = CV_DECLINED;

	if (*count >= MANY)
		code = place_all(s, pool, c, items, count);
	if (code == CV_DECLINED)
		return place_each(s, pool, c, items, count);
	if (code < 0)
		*count = 0;
	return code;
}
