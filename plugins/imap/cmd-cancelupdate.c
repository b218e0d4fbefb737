/* cmd-cancelupdate.c - CANCELUPDATE [RFC5267 4.3.5]. */
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-respond.h"

int imap_cmd_cancelupdate(struct imap_cmd *cmd)
{
	struct imap_args tags = cmd->args;
	const struct imap_arg *arg;

	if (imap_args_peek(&tags) == NULL)
		return imap_bad_arguments(cmd);
	while ((arg = imap_args_next(&tags)) != NULL) {
		/* [RFC5267 5] command-select */
		if (arg->type != IMAP_QUOTED)
			return imap_bad_arguments(cmd);
	}
	/* one that was refused with NOUPDATE, or has ended, sends nothing as
	 * it is */
	while ((arg = imap_args_next(&cmd->args)) != NULL)
		(void)imap_context_cancel(cmd->s, arg->text);
	return imap_ok(cmd, "No further updates.");
}
