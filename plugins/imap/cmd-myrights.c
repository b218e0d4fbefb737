/* cmd-myrights.c - MYRIGHTS [RFC4314 3.5]. */
#include "imap-acl.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_myrights(struct imap_cmd *cmd)
{
	const char *name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd))
		return 0;
	code = imap_acl_send_mine(cmd, name);
	if (code < 0)
		return imap_no_error(cmd, code);
	return imap_ok(cmd, "Myrights completed.");
}
