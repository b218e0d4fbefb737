/* cmd-subscribe.c - SUBSCRIBE and UNSUBSCRIBE [RFC3501 6.3.6, 6.3.7]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-notify.h"
#include "imap-respond.h"

static int subscribe(struct imap_cmd *cmd, bool on)
{
	const char *name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->subscribe(cmd->s->user, name, on,
					   cmd->s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_notify_own_name(cmd->s, name);
	return imap_ok(cmd, "%s completed.", on ? "Subscribe" :
		       "Unsubscribe");
}

int imap_cmd_subscribe(struct imap_cmd *cmd)
{
	return subscribe(cmd, true);
}

int imap_cmd_unsubscribe(struct imap_cmd *cmd)
{
	return subscribe(cmd, false);
}
