/* cmd-close.c - CLOSE [RFC3501 6.4.2]. */
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_close(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	int code = CV_OK;

	/* no untagged EXPUNGE, and nothing when the mailbox is read-only */
	if (!s->readonly)
		code = imap_mailbox_api->expunge(s->box, NULL, s->err);
	imap_unselect(s);
	/* [RFC4314 4] without the right to expunge it closes, and no more */
	if (code < 0 && code != CV_E_DENIED)
		return imap_no_error(cmd, code);
	return imap_ok(cmd, "Close completed.");
}
