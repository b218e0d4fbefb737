/* cmd-status.c - STATUS [RFC3501 6.3.10]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-status.h"

int imap_cmd_status(struct imap_cmd *cmd)
{
	const struct imap_arg *list;
	const char *name;
	uint64_t items;
	int code;

	if (!imap_mailbox_arg(cmd, &name))
		return 0;
	list = imap_args_next(&cmd->args);
	if (list == NULL || list->type != IMAP_LIST)
		return imap_bad_arguments(cmd);
	if (!imap_status_parse(cmd, imap_args_of_list(&cmd->args, list),
			       &items) || !imap_args_end(cmd))
		return 0;
	code = imap_status_send(cmd, name, items);
	if (code < 0 && cmd->reply == IMAP_REPLY_NONE)
		return imap_no_error(cmd, code);
	if (code < 0)		/* an item of a plugin */
		return 0;
	return imap_ok(cmd, "Status completed.");
}
