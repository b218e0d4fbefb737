/* cmd-logout.c - LOGOUT [RFC3501 6.1.3]. */
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_logout(struct imap_cmd *cmd)
{
	imap_bye(cmd->s, "Logging out");
	return imap_ok(cmd, "Logout completed.");
}
