/* cmd-noop.c - NOOP [RFC3501 6.1.2]: what is new comes with the reply. */
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_noop(struct imap_cmd *cmd)
{
	return imap_ok(cmd, "NOOP completed.");
}
