/* cmd-expunge.c - EXPUNGE [RFC3501 6.4.3], UID EXPUNGE [RFC4315 2.1]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-limit.h"
#include "imap-respond.h"
#include "imap-set.h"

int imap_cmd_expunge(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_set uids = { NULL, 0 };
	int code;

	if (cmd->uid) {
		const struct imap_arg *arg = imap_args_next(&cmd->args);

		if (arg == NULL || arg->type != IMAP_ATOM)
			return imap_bad_arguments(cmd);
		if (!imap_messages_parse(cmd, arg->text, true, &uids))
			return 0;
	}
	if (!imap_args_end(cmd))
		return 0;
	if (s->readonly)
		return imap_no(cmd, "[NOPERM] Mailbox is read-only.");
	if (cmd->uid && uids.count == 0)
		return imap_ok(cmd, "Expunge completed.");
	if (cmd->uid) {
		code = imap_limit_expunge(cmd, &uids);
		if (code < 0)
			return imap_no_error(cmd, code);
	}
	code = imap_mailbox_api->expunge(s->box, cmd->uid ? &uids : NULL,
					 s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	cmd->expunges = true;
	return imap_ok(cmd, "Expunge completed.");
}
