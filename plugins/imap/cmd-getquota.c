/* cmd-getquota.c - GETQUOTA [RFC9208 4.1.1]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-quota.h"
#include "imap-respond.h"

int imap_cmd_getquota(struct imap_cmd *cmd)
{
	struct cv_quota_usage usage;
	const char *root;
	int code = imap_quota_root_arg(cmd, &root, &usage);

	if (cmd->reply != IMAP_REPLY_NONE || !imap_args_end(cmd))
		return 0;
	if (code == CV_NOT_FOUND)
		return imap_no(cmd, "[NONEXISTENT] No such quota root.");
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_quota_send(cmd, root, &usage);
	return imap_ok(cmd, "Getquota completed.");
}
