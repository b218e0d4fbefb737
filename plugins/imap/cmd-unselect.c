/* cmd-unselect.c - UNSELECT [RFC3691]. */
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_unselect(struct imap_cmd *cmd)
{
	imap_unselect(cmd->s);
	return imap_ok(cmd, "Unselect completed.");
}
