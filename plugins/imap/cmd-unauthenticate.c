/* cmd-unauthenticate.c - UNAUTHENTICATE [RFC8437 3]: the connection goes back
 * to before its login, and this process, which has become its user, ends.
 * Giving it back is behind the tagged reply: imap-session.c. */
#include "imap-args.h"
#include "imap-capability.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_unauthenticate(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;

	/* [RFC8437 3] BAD where it is not advertised; never NO, since a client
	 * may have sent its next login already */
	if (!imap_can_unauthenticate(s))
		return imap_bad(cmd, "UNAUTHENTICATE is not available.");
	/* [RFC8437 3] no mailbox is selected any more, and none is expunged */
	imap_unselect(s);
	s->leaving = true;
	return imap_ok(cmd, "Unauthenticated.");
}
