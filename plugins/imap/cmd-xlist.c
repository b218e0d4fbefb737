/* cmd-xlist.c - XLIST, which older clients of Google's ask for: LIST with the
 * attributes of SPECIAL-USE, and \Inbox.  It is not announced. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-list.h"
#include "imap-respond.h"

int imap_cmd_xlist(struct imap_cmd *cmd)
{
	struct imap_list_request request = {
		.query = { CV_SIZED(cv_list_query),
			   .options = CV_LIST_RETURN_CHILDREN },
		.response = "XLIST", .special_use = true, .inbox = true,
	};
	const struct imap_arg *reference = imap_args_next(&cmd->args);
	const struct imap_arg *pattern = imap_args_next(&cmd->args);

	if (!imap_arg_is_string(reference) || !imap_arg_is_string(pattern))
		return imap_bad_arguments(cmd);
	if (!imap_args_end(cmd) ||
	    !imap_list_patterns(cmd, reference, pattern, &request))
		return 0;
	return imap_list_send(cmd, &request);
}
