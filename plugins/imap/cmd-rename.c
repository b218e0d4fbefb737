/* cmd-rename.c - RENAME [RFC3501 6.3.5]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-list.h"
#include "imap-name.h"
#include "imap-notify.h"
#include "imap-respond.h"

int imap_cmd_rename(struct imap_cmd *cmd)
{
	const char *name, *new_name, *supplied;
	int code;

	if (!imap_mailbox_arg(cmd, &name) ||
	    !imap_new_mailbox_arg(cmd, &new_name, &supplied) || !imap_args_end(cmd))
		return 0;
	if (strcmp(new_name, "INBOX") == 0)
		return imap_no(cmd, "[ALREADYEXISTS] Can't rename to INBOX.");
	code = imap_mailbox_api->rename(cmd->s->user, name, new_name,
					cmd->s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_notify_own_name(cmd->s, name);
	imap_notify_own_name(cmd->s, new_name);
	/* [RFC9051 6.3.6] */
	if (strcmp(new_name, supplied) != 0 && imap_name_is_utf8(cmd->s))
		imap_list_send_one(cmd, new_name, name);
	return imap_ok(cmd, "Rename completed.");
}
