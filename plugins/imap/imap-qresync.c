/* imap-qresync.c - see imap-qresync.h. */
#include "imap-qresync.h"
#include "imap-enable.h"
#include "imap-modseq.h"
#include "imap-respond.h"
#include "imap-set.h"
#include "imap-sync.h"

/* A set without "*" [RFC7162 7 known-uids]. */
static bool known_set(struct imap_cmd *cmd, const struct imap_arg *arg,
		      struct cv_set *set_r)
{
	return arg != NULL && arg->type == IMAP_ATOM &&
		memchr(arg->text.data, '*', arg->text.len) == NULL &&
		imap_set_parse(cmd->pool, arg->text, 0, UINT32_MAX, set_r) ==
		CV_OK;
}

/* Both ascend: then merging the ranges has kept their order. */
static bool match_parse(struct imap_cmd *cmd, struct imap_args list,
			struct imap_qresync *q)
{
	return known_set(cmd, imap_args_next(&list), &q->match_seqs) &&
		known_set(cmd, imap_args_next(&list), &q->match_uids) &&
		imap_args_peek(&list) == NULL &&
		imap_set_size(q->match_seqs) == imap_set_size(q->match_uids);
}

static bool parse(struct imap_cmd *cmd, struct imap_args list,
		  struct imap_qresync *q)
{
	const struct imap_arg *arg = imap_args_next(&list);
	uint64_t uidvalidity;

	if (arg == NULL || arg->type != IMAP_ATOM ||
	    !cv_span_to_u64(arg->text, UINT32_MAX, &uidvalidity) ||
	    uidvalidity == 0)
		return false;
	q->uidvalidity = (uint32_t)uidvalidity;
	arg = imap_args_next(&list);
	if (arg == NULL || arg->type != IMAP_ATOM ||
	    !imap_modseq_parse(arg->text, false, &q->modseq))
		return false;
	arg = imap_args_next(&list);
	if (arg != NULL && arg->type == IMAP_ATOM) {
		q->has_uids = true;
		if (!known_set(cmd, arg, &q->uids))
			return false;
		arg = imap_args_next(&list);
	}
	if (arg == NULL)
		return true;
	return arg->type == IMAP_LIST && imap_args_peek(&list) == NULL &&
		match_parse(cmd, imap_args_of_list(&list, arg), q);
}

bool imap_qresync_parse(struct imap_cmd *cmd, const struct imap_arg *arg,
			struct imap_qresync *q)
{
	*q = (struct imap_qresync){ .given = true };
	/* [RFC7162 3.2.5] */
	if ((cmd->s->enabled & IMAP_ENABLED_QRESYNC) == 0) {
		imap_bad(cmd, "QRESYNC is not enabled.");
		return false;
	}
	if (arg == NULL || arg->type != IMAP_LIST ||
	    !parse(cmd, imap_args_of_list(&cmd->args, arg), q)) {
		imap_bad(cmd, "Invalid QRESYNC parameters.");
		return false;
	}
	/* [RFC9586] numbers of messages must not be used */
	if (q->match_seqs.count > 0 &&
	    imap_enabled(cmd->s, IMAP_ENABLED_UIDONLY)) {
		imap_bad(cmd, "[UIDREQUIRED] Message numbers are not "
			 "allowed.");
		return false;
	}
	return true;
}

/* Up to the last pair that is so here, too, the client knows what went
 * [RFC7162 3.2.5.2]. */
static uint32_t matched_uid(struct imap_session *s,
			    const struct imap_qresync *q)
{
	const struct cv_set *uids = &q->match_uids;
	uint32_t floor = 0, at = 0;
	uint64_t uid = uids->count == 0 ? 0 : uids->ranges[0].first;

	for (uint32_t i = 0; i < q->match_seqs.count; i++) {
		const struct cv_range *r = &q->match_seqs.ranges[i];

		for (uint64_t seq = r->first; seq <= r->last; seq++) {
			if (seq > s->exists || imap_mailbox_api->uid_of(
				s->box, (uint32_t)seq) != uid)
				return floor;
			floor = (uint32_t)uid;
			if (uid++ == uids->ranges[at].last &&
			    ++at < uids->count)
				uid = uids->ranges[at].first;
		}
	}
	return floor;
}

static void vanished_send(struct imap_session *s, struct cv_pool *pool,
			  struct cv_set gone, uint32_t floor)
{
	struct cv_range *ranges;
	uint32_t count = 0;

	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, gone.count + 1);
	for (uint32_t i = 0; i < gone.count; i++) {
		if (gone.ranges[i].last <= floor)
			continue;
		ranges[count] = gone.ranges[i];
		if (ranges[count].first <= floor)
			ranges[count].first = floor + 1;
		count++;
	}
	if (count == 0)
		return;
	cv_text_append_str(&s->out, "* VANISHED (EARLIER) ");
	imap_set_format(&s->out, (struct cv_set){ ranges, count });
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

int imap_vanished_earlier_send(struct imap_cmd *cmd, uint64_t since,
			       const struct cv_set *uids, uint32_t floor)
{
	struct imap_session *s = cmd->s;
	struct cv_set gone = { NULL, 0 };
	int code = imap_mailbox_api->vanished(s->box, since, uids, cmd->pool,
					      &gone, s->err);

	if (code < 0)
		return code;
	/* what is remembered is exact: the match data may be ignored */
	vanished_send(s, cmd->pool, gone, code == CV_CHANGED ? floor : 0);
	return CV_OK;
}

int imap_changed_since(struct imap_cmd *cmd, uint64_t since,
		       struct cv_set *seqs)
{
	struct imap_session *s = cmd->s;
	struct cv_search_node nodes[] = {
		{ .op = CV_SEARCH_AND, .first_child = 1 },
		{ .op = CV_SEARCH_SEQS, .next = 2, .set = *seqs },
		{ .op = CV_SEARCH_MODSEQ, .number = since + 1 },
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
					 .nodes = nodes, .count = 3 };
	struct cv_set found = { NULL, 0 };
	int code;

	if (seqs->count == 0)
		return CV_OK;
	code = imap_mailbox_api->search(s->box, &query, cmd->pool, &found,
					s->err);
	*seqs = imap_set_clip(cmd->pool, found, s->exists);
	return code;
}

int imap_qresync_send(struct imap_cmd *cmd, const struct imap_qresync *q)
{
	struct imap_session *s = cmd->s;
	struct cv_range all = { 1, s->exists };
	struct cv_set seqs = { &all, s->exists > 0 };
	struct imap_report report = { .with_uid = true };
	int code = imap_vanished_earlier_send(
		cmd, q->modseq, q->has_uids ? &q->uids : NULL,
		matched_uid(s, q));

	if (code >= 0 && q->has_uids && s->exists > 0)
		code = imap_mailbox_api->uids_to_seqs(s->box, q->uids,
						      cmd->pool, &seqs);
	if (code >= 0)
		code = imap_changed_since(cmd, q->modseq, &seqs);
	if (code < 0)
		return code;
	report.flags = seqs;
	imap_report_send(s, &report);
	imap_flush(s);
	return CV_OK;
}
