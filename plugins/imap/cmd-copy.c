/* cmd-copy.c - COPY [RFC3501 6.4.7] with COPYUID [RFC4315 3]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-copy.h"
#include "imap-respond.h"

int imap_cmd_copy(struct imap_cmd *cmd)
{
	return imap_copy_messages(cmd, false);
}
