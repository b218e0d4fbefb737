/* imap-extend-search.c - keys of SEARCH, SORT and THREAD that other plugins
 * have: each becomes the set of messages that match it, before the mailbox
 * evaluates the program. */
#include "imap-extend.h"
#include "imap-respond.h"
#include "imap-set.h"

bool imap_extend_key_parse(struct imap_cmd *cmd,
			   const struct imap_extended_key *key,
			   struct cv_imap_args args,
			   struct imap_pending_key *pending_r)
{
	struct imap_call *call = CV_ALLOC(cmd->pool, struct imap_call);
	int code = CV_OK;

	imap_call_init(call, cmd, key->by, key->row.name);
	call->pub.args = args;
	*pending_r = (struct imap_pending_key){ .key = key, .call = call };
	if (key->row.parse != NULL)
		code = key->row.parse(&call->pub);
	if (code < 0)
		(void)imap_call_failed(call, code);
	return code >= 0;
}

static int match_one(struct imap_call *call,
		     const struct imap_extended_key *key, uint32_t seq,
		     struct cv_message_data *data)
{
	struct imap_session *s = call->cmd->s;
	int code = imap_mailbox_api->message(s->box, seq, key->row.needs,
					     data, s->err);

	if (code == CV_NOT_FOUND)
		return code;
	if (code < 0) {
		(void)imap_no_error(call->cmd, code);
		return code;
	}
	data->seq = seq;
	call->pub.seq = seq;
	call->pub.message = data;
	code = key->row.match(&call->pub);
	if (code < 0)
		(void)imap_call_failed(call, code);
	return code;
}

static bool match_all(struct imap_call *call,
		      const struct imap_extended_key *key,
		      struct cv_set *seqs_r)
{
	struct imap_session *s = call->cmd->s;
	struct imap_set_builder found = { .pool = call->cmd->pool };
	struct cv_message_data data = { CV_SIZED(cv_message_data) };

	for (uint32_t seq = 1; seq <= s->exists; seq++) {
		int code = match_one(call, key, seq, &data);

		if (code < 0)
			return false;
		if (code == CV_OK)
			imap_set_add(&found, seq);
	}
	*seqs_r = imap_set_built(&found);
	return true;
}

static bool find_all(struct imap_call *call,
		     const struct imap_extended_key *key,
		     struct cv_set *seqs_r)
{
	struct cv_set set = { NULL, 0 };
	int code = key->row.find(&call->pub, &set);

	if (code < 0) {
		(void)imap_call_failed(call, code);
		return false;
	}
	if (!cv_set_is_valid(set)) {
		(void)imap_call_fault(call, "its set of messages is none");
		return false;
	}
	*seqs_r = imap_set_clip(call->cmd->pool, set, call->cmd->s->exists);
	return true;
}

bool imap_extend_key_run(struct imap_cmd *cmd,
			 struct imap_pending_key *pending,
			 struct cv_set *seqs_r)
{
	/* SEARCH of other mailboxes than the selected one */
	if (cmd->s->box == NULL) {
		imap_no(cmd, "[CANNOT] %s needs a selected mailbox.",
			pending->key->row.name);
		return false;
	}
	return pending->key->row.find != NULL ?
		find_all(pending->call, pending->key, seqs_r) :
		match_all(pending->call, pending->key, seqs_r);
}
