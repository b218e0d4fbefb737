/* cmd-replace.c - REPLACE and UID REPLACE [RFC8508 3]: a message comes and
 * another one goes, in one commit. */
#include "imap-append.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

/* One message: 0 and the reply when there is none. */
static uint32_t message_arg(struct imap_cmd *cmd)
{
	const struct imap_arg *arg = imap_args_peek(&cmd->args);
	uint64_t number;
	struct cv_set seqs;

	/* [RFC8508 5] seq-number, uniqueid: no set */
	if (arg == NULL || arg->type != IMAP_ATOM ||
	    (!cv_span_is(arg->text, "*") &&
	     (!cv_span_to_u64(arg->text, UINT32_MAX, &number) ||
	      number == 0))) {
		imap_bad_arguments(cmd);
		return 0;
	}
	if (!imap_messages_arg(cmd, &seqs))
		return 0;
	if (seqs.count > 0)
		return seqs.ranges[0].first;
	/* [RFC8508 3.2] NO: can't remove the specified message */
	imap_no(cmd, "No such message.");
	return 0;
}

int imap_cmd_replace(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct imap_append a = { .cmd = cmd, .single = true };
	struct cv_text uids;
	int code;

	a.replaced_seq = message_arg(cmd);
	if (a.replaced_seq == 0)
		return imap_literals_drop(cmd);
	code = imap_append_read(&a);
	if (code < 0 || a.refused)
		return code;
	if (!imap_append_commit(&a, &uids))
		return 0;
	s->counters.expunged++;
	if (uids.len > 0) {
		/* [RFC8508 4.3] before the EXPUNGE */
		cv_text_append_str(&s->out, "* OK ");
		cv_text_append_span(&s->out, cv_text_span(&uids));
		cv_text_append_str(&s->out, "Replacement message ready.\r\n");
		imap_flush(s);
	}
	return imap_ok(cmd, "Replace completed.");
}
