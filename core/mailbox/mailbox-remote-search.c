/* mailbox-remote-search.c - SEARCH, SORT and THREAD in a mailbox of another
 * user: the broker finds, and is asked for nothing that is not known here. */
#include "mailbox-annotate.h"
#include "remote-call.h"

static void put_query(struct cv_text *fields,
		      const struct cv_search_query *query)
{
	remote_put_u32(fields, CV_HAS(query, comparator) ?
		       query->comparator : 0);
	remote_put_u32(fields, query->count);
	for (uint32_t i = 0; i < query->count; i++) {
		const struct cv_search_node *n = &query->nodes[i];

		remote_put_u32(fields, n->op);
		remote_put_u32(fields, n->first_child);
		remote_put_u32(fields, n->next);
		remote_put_u32(fields, n->flags);
		remote_put_set(fields, n->set);
		remote_put_span(fields, n->field);
		remote_put_span(fields, n->text);
		remote_put_u64(fields, (uint64_t)n->day);
		remote_put_u64(fields, n->number);
	}
}

/* A UID of this view as its number; 0: it is not in it. */
static uint32_t seq_of_uid(const struct cv_mailbox *box, uint32_t uid)
{
	uint32_t low = mailbox_view_lower(box, uid);

	return low < box->count && mailbox_uid_at(box, low) == uid ? low + 1 :
		0;
}

/* Of the messages of uids, those that are in this view; scores: one byte
 * each. */
static int take_scores(struct cv_mailbox *box, struct cv_set uids,
		       struct cv_span scores, struct cv_pool *pool,
		       const uint8_t **scores_r, struct cv_error *err)
{
	struct cv_text out;
	size_t at = 0;

	cv_text_init(&out, pool);
	for (uint32_t i = 0; i < uids.count; i++) {
		const struct cv_range *r = &uids.ranges[i];

		if ((uint64_t)r->last - r->first >= scores.len - at)
			return remote_confused(box->remote->remote, err);
		for (uint64_t uid = r->first; uid <= r->last; uid++, at++) {
			uint8_t score = (uint8_t)scores.data[at];

			if (score < 1 || score > 100)
				return remote_confused(box->remote->remote,
						       err);
			if (seq_of_uid(box, (uint32_t)uid) != 0)
				cv_text_append_c(&out, scores.data[at]);
		}
	}
	if (at != scores.len)
		return remote_confused(box->remote->remote, err);
	*scores_r = (const uint8_t *)cv_text_str(&out);
	return CV_OK;
}

int remote_search(struct cv_mailbox *box, const struct cv_search_query *query,
		  struct cv_pool *pool, struct cv_set *seqs_r,
		  const uint8_t **scores_r, struct cv_error *err)
{
	struct cv_span scores;
	struct remote_answer a;
	struct cv_text fields;
	struct cv_set uids;
	int ret;

	remote_view_fields(box, &fields, pool);
	put_query(&fields, query);
	ret = remote_view_call(box, REMOTE_SEARCH, &fields, pool, &a, err);
	if (ret < 0)
		return ret;
	uids = remote_get_set(&a.fields);
	scores = remote_get_span(&a.fields, UINT32_MAX);
	ret = mailbox_uids_to_seqs(box, uids, pool, seqs_r);
	if (ret == CV_OK && scores_r != NULL)
		ret = take_scores(box, uids, scores, pool, scores_r, err);
	return ret < 0 ? ret : remote_end(box->remote->remote, &a, err);
}

/* The UIDs of this view, and the query. */
static void put_request(struct cv_mailbox *box, struct cv_text *fields,
			const struct cv_search_query *query,
			struct cv_pool *pool)
{
	struct cv_range all = { 1, box->count };
	struct account_ranges uids;

	mailbox_seqs_to_uids(box, (struct cv_set){ &all, box->count > 0 },
			     pool, &uids);
	remote_view_fields(box, fields, pool);
	remote_put_set(fields, ranges_set(&uids));
	put_query(fields, query);
}

int remote_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
		struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
		struct cv_error *err)
{
	struct remote_answer a;
	struct cv_text fields;
	uint32_t count;
	bool noted;
	int ret;

	put_request(box, &fields, r->query, pool);
	remote_put_u32(&fields, r->key_count);
	for (uint32_t i = 0; i < r->key_count; i++)
		remote_put_u32(&fields, r->keys[i]);
	noted = CV_HAS(r, annotation_count);
	annotations_wire_put(&fields, noted ? r->annotations : NULL,
			     noted ? r->annotation_count : 0);
	ret = remote_view_call(box, REMOTE_SORT, &fields, pool, &a, err);
	if (ret < 0)
		return ret;
	count = remote_get_u32(&a.fields);
	if (count > box->count)
		return remote_confused(box->remote->remote, err);
	*seqs_r = pool_new_array(pool, uint32_t, count);
	*count_r = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t seq = seq_of_uid(box, remote_get_u32(&a.fields));

		if (seq != 0)
			(*seqs_r)[(*count_r)++] = seq;
	}
	return remote_end(box->remote->remote, &a, err);
}

/* Each node but the first of a thread is below one before it. */
static bool shape_ok(const struct cv_thread_node *nodes, uint32_t count)
{
	uint64_t open = 0;

	for (uint32_t i = 0; i < count; i++) {
		/* one that is missing has two below it, and none above */
		if (nodes[i].children >= count ||
		    (nodes[i].seq == 0 && (open > 0 ||
					   nodes[i].children < 2)))
			return false;
		open = open > 0 ? open - 1 + nodes[i].children :
			nodes[i].children;
	}
	return open == 0;
}

int remote_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		  struct cv_pool *pool, struct cv_thread_node **nodes_r,
		  uint32_t *count_r, struct cv_error *err)
{
	struct remote *remote = box->remote->remote;
	struct remote_answer a;
	struct cv_text fields;
	uint32_t count;
	int ret;

	put_request(box, &fields, r->query, pool);
	remote_put_u32(&fields, r->algorithm);
	ret = remote_view_call(box, REMOTE_THREAD, &fields, pool, &a, err);
	if (ret < 0)
		return ret;
	count = remote_get_u32(&a.fields);
	if (count / 2 > box->count)
		return remote_confused(remote, err);
	*nodes_r = pool_new_array(pool, struct cv_thread_node, count);
	*count_r = count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t uid = remote_get_u32(&a.fields);

		(*nodes_r)[i].seq = uid == 0 ? 0 : seq_of_uid(box, uid);
		(*nodes_r)[i].children = remote_get_u32(&a.fields);
	}
	return shape_ok(*nodes_r, count) ? remote_end(remote, &a, err) :
		remote_confused(remote, err);
}
