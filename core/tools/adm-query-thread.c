/* adm-query-thread.c - the search key INTHREAD: found first, and put into the
 * query as the set of messages that it means. */
#include "adm-query.h"
#include "mailbox/mailbox-admin.h"

#include <stdlib.h>

/* The tree below a node as a query of its own, nothing else in it. */
static struct cv_search_query subtree(const struct cv_search_query *query,
				      uint32_t top, struct cv_pool *pool)
{
	struct cv_search_node *nodes = pool_new_array(
		pool, struct cv_search_node, query->count);
	/* INVARIANT: children stand behind their parents */
	uint32_t *place = pool_new_array(pool, uint32_t, query->count);
	bool *wanted = pool_new_array(pool, bool, query->count);
	struct cv_search_query made = { CV_SIZED(cv_search_query),
		.nodes = nodes, .comparator = query->comparator };

	wanted[top] = true;
	for (uint32_t i = top; i < query->count; i++) {
		if (!wanted[i])
			continue;
		place[i] = made.count++;
		for (uint32_t c = query->nodes[i].first_child; c != 0;
		     c = query->nodes[c].next)
			wanted[c] = true;
	}
	for (uint32_t i = top; i < query->count; i++) {
		const struct cv_search_node *from = &query->nodes[i];
		struct cv_search_node *to = &nodes[place[i]];

		if (!wanted[i])
			continue;
		*to = *from;
		to->first_child = from->first_child == 0 ? 0 :
			place[from->first_child];
		to->next = i == top || from->next == 0 ? 0 :
			place[from->next];
	}
	if (nodes[0].op == ADM_QUERY_INTHREAD)
		nodes[0].op = CV_SEARCH_AND;
	return made;
}

struct members { struct cv_range *ranges; uint32_t count; };

/* Adds the thread at nodes[at] when one of its messages is in the set;
 * returns where the next one begins. */
static uint32_t take_thread(const struct cv_thread_node *nodes, uint32_t count,
			    uint32_t at, struct cv_set set,
			    struct members *members)
{
	uint32_t end = at;
	uint64_t missing = 1;
	bool meant = false;

	for (; end < count && missing > 0; end++) {
		missing += nodes[end].children;
		missing--;
		meant |= nodes[end].seq != 0 &&
			cv_set_contains(set, nodes[end].seq);
	}
	for (; meant && at < end; at++) {
		if (nodes[at].seq != 0)
			members->ranges[members->count++] = (struct cv_range){
				nodes[at].seq, nodes[at].seq };
	}
	return end;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct cv_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int find_members(struct cv_mailbox *box, uint32_t algorithm,
			struct cv_set set, struct cv_pool *pool,
			struct cv_set *members_r, struct cv_error *err)
{
	const struct cv_search_node everything = { .op = CV_SEARCH_ALL };
	const struct cv_search_query all = { CV_SIZED(cv_search_query),
		.nodes = &everything, .count = 1 };
	const struct cv_thread_request request = {
		CV_SIZED(cv_thread_request), .query = &all,
		.algorithm = algorithm };
	struct cv_thread_node *nodes;
	struct members members = { NULL, 0 };
	uint32_t count;
	int ret = mailbox_api.thread(box, &request, pool, &nodes, &count, err);

	if (ret < 0)
		return ret;
	members.ranges = pool_new_array(pool, struct cv_range, count + 1);
	for (uint32_t at = 0; at < count;)
		at = take_thread(nodes, count, at, set, &members);
	if (members.count > 1)
		qsort(members.ranges, members.count, sizeof(*members.ranges),
		      compare_ranges);
	*members_r = (struct cv_set){ members.ranges, members.count };
	return CV_OK;
}

int adm_query_resolve(struct cv_mailbox *box, struct cv_search_query *query,
		      struct cv_pool *pool, struct cv_error *err)
{
	/* made by adm_query_build, so they are ours to change */
	struct cv_search_node *nodes =
		(struct cv_search_node *)(uintptr_t)query->nodes;
	bool any = false;
	int ret = CV_OK;

	/* backwards: one within another comes first */
	for (uint32_t i = query->count; ret == CV_OK && i-- > 0;) {
		struct cv_search_query below;
		struct cv_set set = { NULL, 0 };

		if (nodes[i].op != ADM_QUERY_INTHREAD)
			continue;
		any = true;
		below = subtree(query, i, pool);
		ret = mailbox_api.search(box, &below, pool, &set, err);
		if (ret == CV_OK && set.count > 0)
			ret = find_members(box, nodes[i].flags, set, pool,
					   &set, err);
		/* no UID is in the empty set */
		nodes[i].op = set.count > 0 ? CV_SEARCH_SEQS : CV_SEARCH_UIDS;
		nodes[i].set = set;
		nodes[i].flags = nodes[i].first_child = 0;
	}
	if (any)
		*query = subtree(query, 0, pool);
	return ret;
}
