/* cmd-authenticate.c - AUTHENTICATE, LOGIN, STARTTLS after login. */
#include "imap-commands.h"
#include "imap-respond.h"

/* [RFC3501 6.2] valid only before authentication */
int imap_cmd_authenticate(struct imap_cmd *cmd)
{
	return imap_bad(cmd, "Already logged in.");
}
