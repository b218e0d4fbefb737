/* cmd-capability.c - CAPABILITY [RFC3501 6.1.1]. */
#include "imap-capability.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_capability(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;

	cv_text_append_str(&s->out, "* CAPABILITY ");
	imap_capability_session(&s->out, s);
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Capability completed.");
}
