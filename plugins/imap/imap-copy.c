/* imap-copy.c - see imap-copy.h. */
#include "imap-copy.h"
#include "imap-args.h"
#include "imap-limit.h"
#include "imap-notify.h"
#include "imap-respond.h"
#include "imap-set.h"

static void copyuid_format(struct cv_text *dst,
			   const struct cv_copy_result *result)
{
	cv_text_append_str(dst, "[COPYUID ");
	cv_text_append_u64(dst, result->uidvalidity);
	cv_text_append_c(dst, ' ');
	imap_set_format(dst, result->source_uids);
	cv_text_append_c(dst, ' ');
	imap_set_format(dst, result->uids);
	cv_text_append_str(dst, "] ");
}

int imap_copy_messages(struct imap_cmd *cmd, bool move)
{
	struct imap_session *s = cmd->s;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_text code_text;
	struct cv_set seqs;
	const char *name;
	int code;

	if (!imap_messages_arg(cmd, &seqs) || !imap_mailbox_arg(cmd, &name) ||
	    !imap_args_end(cmd))
		return 0;
	/* [RFC3501 6.4.8] UIDs that are not there: no error */
	if (seqs.count == 0)
		return imap_ok(cmd, "No messages found.");
	if (move)
		imap_limit_cut(cmd, &seqs);
	else if (!imap_limit_whole(cmd, seqs))
		return 0;
	code = imap_mailbox_api->copy(s->box, seqs, name, move, cmd->pool,
				      &result, s->err);
	if (code < 0)
		return imap_no_error_target(cmd, code);
	/* [RFC2180 4.4], [RFC5530 3] */
	if (code == CV_NOT_FOUND)
		return imap_no(cmd, "[EXPUNGEISSUED] Some of the requested "
			       "messages no longer exist.");
	imap_notify_own(s, name, result.uids);
	cv_text_init(&code_text, cmd->pool);
	if (result.count > 0)
		copyuid_format(&code_text, &result);
	if (!move)
		return imap_ok(cmd, "%sCopy completed.",
			       cv_text_str(&code_text));
	s->counters.expunged += result.count;
	if (result.count > 0) {
		/* [RFC6851 4.3] COPYUID comes before the EXPUNGEs */
		cv_text_append_str(&s->out, "* OK ");
		cv_text_append_span(&s->out, cv_text_span(&code_text));
		cv_text_append_str(&s->out, "Moved UIDs.\r\n");
		imap_flush(s);
	}
	cmd->expunges = true;
	return imap_ok(cmd, "Move completed.");
}
