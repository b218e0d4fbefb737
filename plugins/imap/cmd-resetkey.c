/* cmd-resetkey.c - RESETKEY [RFC4467 7]: URLs that were given out count no
 * more. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-urlauth.h"

int imap_cmd_resetkey(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	const struct imap_arg *mechanism;
	const char *name = NULL;
	int code;

	if (!imap_urlauth_offered(s))
		return imap_bad(cmd, "URLAUTH is not available.");
	if (imap_args_peek(&cmd->args) != NULL) {
		if (!imap_mailbox_arg(cmd, &name))
			return 0;
		while ((mechanism = imap_args_next(&cmd->args)) != NULL) {
			if (mechanism->type != IMAP_ATOM)
				return imap_bad_arguments(cmd);
			if (!imap_urlauth_is_mechanism(mechanism))
				return imap_no(cmd, "[CANNOT] Unsupported "
					       "mechanism.");
		}
	}
	code = imap_mailbox_api->urlauth_reset(s->user, name, s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_urlauth_note(s);
	return name == NULL ? imap_ok(cmd, "All keys removed.") :
		imap_ok(cmd, "[URLMECH INTERNAL] Key removed.");
}
