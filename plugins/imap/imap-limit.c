/* imap-limit.c - see imap-limit.h. */
#include "imap-limit.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-set.h"

void imap_limit_cut(struct imap_cmd *cmd, struct cv_set *seqs)
{
	struct imap_session *s = cmd->s;
	uint32_t limit = s->set->imap_message_limit;
	const struct imap_partial last = { .first = 1, .last = limit,
					   .from_end = true };

	if (limit == 0 || imap_set_size(*seqs) <= limit)
		return;
	/* [RFC9738] from the highest UID downwards */
	*seqs = imap_partial_cut(cmd->pool, *seqs, &last);
	cmd->limit = limit;
	cmd->limit_uid = imap_mailbox_api->uid_of(s->box,
						  seqs->ranges[0].first);
}

bool imap_limit_whole(struct imap_cmd *cmd, struct cv_set seqs)
{
	struct imap_session *s = cmd->s;
	uint32_t limit = imap_limit_saves(s);
	const struct imap_partial last = { .first = 1, .last = limit,
					   .from_end = true };

	if (limit == 0 || imap_set_size(seqs) <= limit)
		return true;
	/* where the limit would have been met */
	seqs = imap_partial_cut(cmd->pool, seqs, &last);
	imap_no(cmd, "[MESSAGELIMIT %u %u] Too many messages, nothing was "
		"copied.", limit, imap_mailbox_api->uid_of(
			s->box, seqs.ranges[0].first));
	return false;
}

bool imap_limit_range(struct imap_cmd *cmd, uint32_t first, uint32_t last)
{
	uint32_t limit = cmd->s->set->imap_message_limit;

	if (limit == 0 || last - first < limit)
		return true;
	imap_no(cmd, "[MESSAGELIMIT %u] The range has too many messages.",
		limit);
	return false;
}

uint32_t imap_limit_saves(const struct imap_session *s)
{
	return s->set->imap_message_limit != 0 ? s->set->imap_message_limit :
		s->set->imap_save_limit;
}

/* The sets that every match must be in, as a query of their own; with all
 * messages that the client knows. */
static void query_sets(struct imap_cmd *cmd,
		       const struct cv_search_query *query,
		       struct cv_search_query *sets_r)
{
	struct cv_search_node *nodes = CV_ALLOC_ARRAY(
		cmd->pool, struct cv_search_node, query->count + 1);
	uint32_t count = 1, from = query->nodes[0].first_child;

	nodes[0] = (struct cv_search_node){ .op = CV_SEARCH_AND };
	if (query->nodes[0].op != CV_SEARCH_AND)
		from = 0;
	for (uint32_t i = from; i != 0; i = query->nodes[i].next) {
		if (query->nodes[i].op != CV_SEARCH_SEQS &&
		    query->nodes[i].op != CV_SEARCH_UIDS)
			continue;
		nodes[count] = query->nodes[i];
		nodes[count].next = nodes[0].first_child;
		nodes[0].first_child = count++;
	}
	if (count == 1)
		nodes[0].op = CV_SEARCH_ALL;
	*sets_r = (struct cv_search_query){ CV_SIZED(cv_search_query),
					    .nodes = nodes, .count = count };
}

/* [RFC9738] messages that are looked at count, not those that match */
int imap_limit_search(struct imap_cmd *cmd, struct cv_search_query *query)
{
	struct imap_session *s = cmd->s;
	struct cv_search_node *nodes;
	struct cv_search_query sets;
	struct cv_set seqs = { NULL, 0 };
	uint32_t n = query->count;
	int code;

	if (s->set->imap_message_limit == 0 ||
	    s->exists <= s->set->imap_message_limit)
		return CV_OK;
	query_sets(cmd, query, &sets);
	code = imap_mailbox_api->search(s->box, &sets, cmd->pool, &seqs,
					s->err);
	if (code < 0)
		return code;
	seqs = imap_set_clip(cmd->pool, seqs, s->exists);
	imap_limit_cut(cmd, &seqs);
	if (cmd->limit == 0)
		return CV_OK;
	/* a new root: both the sets that are left and the old one */
	nodes = CV_ALLOC_ARRAY(cmd->pool, struct cv_search_node, n + 2);
	memcpy(nodes, query->nodes, n * sizeof(*nodes));
	nodes[n] = nodes[0];
	nodes[n].next = n + 1;
	nodes[n + 1] = (struct cv_search_node){ .op = CV_SEARCH_SEQS,
						.set = seqs };
	nodes[0] = (struct cv_search_node){ .op = CV_SEARCH_AND,
					    .first_child = n };
	query->nodes = nodes;
	query->count = n + 2;
	return CV_OK;
}

int imap_limit_expunge(struct imap_cmd *cmd, struct cv_set *uids)
{
	struct imap_session *s = cmd->s;
	struct cv_search_node nodes[] = {
		{ .op = CV_SEARCH_AND, .first_child = 1 },
		{ .op = CV_SEARCH_UIDS, .next = 2, .set = *uids },
		{ .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_DELETED },
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
					 .nodes = nodes, .count = 3 };
	struct imap_set_builder b = { .pool = cmd->pool };
	struct cv_set seqs = { NULL, 0 };
	int code;

	if (s->set->imap_message_limit == 0)
		return CV_OK;
	code = imap_mailbox_api->search(s->box, &query, cmd->pool, &seqs,
					s->err);
	if (code < 0)
		return code;
	seqs = imap_set_clip(cmd->pool, seqs, s->exists);
	imap_limit_cut(cmd, &seqs);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint64_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last; seq++)
			imap_set_add(&b, imap_mailbox_api->uid_of(
				s->box, (uint32_t)seq));
	}
	*uids = imap_set_built(&b);
	return CV_OK;
}

void imap_limit_reply(struct imap_cmd *cmd)
{
	struct cv_text *out = &cmd->s->out;
	char *old;

	if (cmd->limit == 0 || cmd->reply != IMAP_OK)
		return;
	if (cmd->text.len > 0 && cmd->text.data[0] == '[') {
		cv_text_append_str(out, "* NO [MESSAGELIMIT ");
		cv_text_append_u64(out, cmd->limit);
		cv_text_append_c(out, ' ');
		cv_text_append_u64(out, cmd->limit_uid);
		cv_text_append_str(out, "] Only a part was done.\r\n");
		return;
	}
	old = cv_api->alloc(cmd->pool, cmd->text.len + 1);
	memcpy(old, cv_text_str(&cmd->text), cmd->text.len);
	imap_ok(cmd, "[MESSAGELIMIT %u %u] %s", cmd->limit, cmd->limit_uid,
		old);
}
