/* cmd-compress.c - COMPRESS [RFC4978 3].  The switch itself is behind the
 * tagged reply: imap-session.c. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_compress(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (arg == NULL || arg->type != IMAP_ATOM || !imap_args_end(cmd))
		return imap_bad_arguments(cmd);
	if (!imap_arg_is_atom(arg, "DEFLATE"))
		return imap_bad(cmd, "Unknown compression mechanism.");
	if (s->compressed)
		return imap_bad(cmd, "[COMPRESSIONACTIVE] DEFLATE is active "
				"already.");
	/* [RFC4978 3] the client waits for the reply; what it sends before is
	 * neither one thing nor the other [security.md R10] */
	if (imap_connection_api->peek(s->conn).len > 0) {
		imap_bye(s, "Commands behind COMPRESS.");
		return CV_E_TEMP;
	}
	s->compressed = true;
	return imap_ok(cmd, "DEFLATE active.");
}
