/* cmd-enable.c - ENABLE [RFC5161]: no extension here has to be enabled yet,
 * so the list of those that were is empty. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_enable(struct imap_cmd *cmd)
{
	const struct imap_arg *arg = imap_args_peek(&cmd->args);

	if (arg == NULL)
		return imap_bad_arguments(cmd);
	while ((arg = imap_args_next(&cmd->args)) != NULL) {
		if (arg->type != IMAP_ATOM)
			return imap_bad_arguments(cmd);
	}
	/* [RFC5161 3.2] unknown names are ignored; the response is sent
	 * even when empty */
	imap_send_line(cmd->s, "* ENABLED");
	return imap_ok(cmd, "Enabled.");
}
