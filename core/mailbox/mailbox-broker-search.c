/* mailbox-broker-search.c - SEARCH, SORT and THREAD for a session of another
 * user. */
#include "mailbox-annotate.h"
#include "mailbox-broker-private.h"
#include "mailbox-search-private.h"

static int take_node(struct request *q, struct cv_search_node *n)
{
	n->op = remote_get_u32(&q->in);
	n->first_child = remote_get_u32(&q->in);
	n->next = remote_get_u32(&q->in);
	n->flags = remote_get_u32(&q->in);
	n->set = remote_get_set(&q->in);
	n->field = remote_get_span(&q->in, REMOTE_TEXT_MAX);
	n->text = remote_get_span(&q->in, REMOTE_TEXT_MAX);
	n->day = (int64_t)remote_get_u64(&q->in);
	n->number = remote_get_u64(&q->in);
	/* whose sequence numbers would these be? */
	return n->op != CV_SEARCH_SEQS ? CV_OK :
		FAIL(&q->err, CV_E_SYNTAX, "sequence numbers in a query");
}

/* known NULL: any message; else only these. */
static int take_query(struct request *q, const struct cv_set *known,
		      struct cv_search_query *query)
{
	struct cv_search_node *nodes;
	uint32_t count;
	int ret = CV_OK;

	*query = (struct cv_search_query){ CV_SIZED(cv_search_query) };
	query->comparator = remote_get_u32(&q->in);
	count = remote_get_u32(&q->in);
	if (count == 0 || count > REMOTE_NODES_MAX)
		return FAIL(&q->err, CV_E_LIMIT, "a query of %u nodes",
			    count);
	nodes = pool_new_array(q->broker->pool, struct cv_search_node,
			       (size_t)count + 2);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++)
		ret = take_node(q, &nodes[i]);
	query->nodes = nodes;
	query->count = count;
	if (known == NULL || ret < 0)
		return ret;
	nodes[count] = nodes[0];
	nodes[count].next = count + 1;
	nodes[count + 1] = (struct cv_search_node){ .op = CV_SEARCH_UIDS,
						    .set = *known };
	nodes[0] = (struct cv_search_node){ .op = CV_SEARCH_AND,
					    .first_child = count };
	query->count = count + 2;
	return CV_OK;
}

int broker_op_search(struct request *q)
{
	struct cv_search_query query;
	struct cv_mailbox *box;
	const uint8_t *scores;
	struct cv_set found;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = take_query(q, NULL, &query);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_search_scored(box, &query, q->broker->pool,
					    &found, &scores, &q->err);
	if (ret == CV_OK) {
		broker_put_seqs(q, box, found);
		remote_put_span(&q->out, cv_span((const char *)scores,
			(size_t)search_set_size(found)));
	}
	return ret;
}

static int take_request(struct request *q, struct cv_mailbox **box_r,
			struct cv_search_query *query)
{
	struct cv_set known;
	int ret = broker_take_box(q, box_r);

	if (ret < 0)
		return ret;
	known = remote_get_set(&q->in);
	return take_query(q, &known, query);
}

int broker_op_sort(struct request *q)
{
	struct cv_sort_request r = { CV_SIZED(cv_sort_request) };
	struct cv_search_query query;
	struct cv_mailbox *box;
	uint32_t *keys, *seqs, count;
	int ret = take_request(q, &box, &query);

	if (ret < 0)
		return ret;
	r.query = &query;
	r.key_count = remote_get_u32(&q->in);
	if (r.key_count > q->in.rest.len / 4)
		return FAIL(&q->err, CV_E_SYNTAX, "too many sort keys");
	keys = pool_new_array(q->broker->pool, uint32_t, r.key_count);
	for (uint32_t i = 0; i < r.key_count; i++)
		keys[i] = remote_get_u32(&q->in);
	r.keys = keys;
	r.annotations = annotations_wire_get(&q->in, &r.annotation_count);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_sort(box, &r, q->broker->pool, &seqs, &count,
				   &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, count);
	for (uint32_t i = 0; i < count; i++)
		remote_put_u32(&q->out, mailbox_uid_at(box, seqs[i] - 1));
	return CV_OK;
}

int broker_op_thread(struct request *q)
{
	struct cv_thread_request r = { CV_SIZED(cv_thread_request) };
	struct cv_search_query query;
	struct cv_thread_node *nodes;
	struct cv_mailbox *box;
	uint32_t count;
	int ret = take_request(q, &box, &query);

	if (ret < 0)
		return ret;
	r.query = &query;
	r.algorithm = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_thread(box, &r, q->broker->pool, &nodes, &count,
				     &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, count);
	for (uint32_t i = 0; i < count; i++) {
		remote_put_u32(&q->out, nodes[i].seq == 0 ? 0 :
			       mailbox_uid_at(box, nodes[i].seq - 1));
		remote_put_u32(&q->out, nodes[i].children);
	}
	return CV_OK;
}
