/* cmd-rename.c - RENAME [RFC3501 6.3.5]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_rename(struct imap_cmd *cmd)
{
	const char *name, *new_name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) ||
	    !imap_new_mailbox_arg(cmd, &new_name) || !imap_args_end(cmd))
		return 0;
	if (strcmp(new_name, "INBOX") == 0)
		return imap_no(cmd, "[ALREADYEXISTS] Can't rename to INBOX.");
	code = imap_mailbox_api->rename(cmd->s->user, name, new_name,
					cmd->s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	return imap_ok(cmd, "Rename completed.");
}
