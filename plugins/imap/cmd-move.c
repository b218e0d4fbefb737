/* cmd-move.c - MOVE [RFC6851]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-copy.h"
#include "imap-respond.h"

int imap_cmd_move(struct imap_cmd *cmd)
{
	if (cmd->s->readonly)
		return imap_no(cmd, "[NOPERM] Mailbox is read-only.");
	return imap_copy_messages(cmd, true);
}
