/* cmd-check.c - CHECK [RFC3501 6.4.1]: nothing waits to be written here, so
 * it looks for what other programs have done to the mailbox. */
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-sync.h"

int imap_cmd_check(struct imap_cmd *cmd)
{
	static const struct cv_set none;
	int code = imap_sync(cmd->s, cmd->pool, CV_SYNC_FULL, true, none,
			     false);

	imap_ok(cmd, "Check completed.");
	return code;
}
