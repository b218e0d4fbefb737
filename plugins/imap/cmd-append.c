/* cmd-append.c - APPEND [RFC3501 6.3.11] of one message or many
 * [RFC3502 6.3.11], with APPENDUID [RFC4315 3]. */
#include "imap-append.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_append(struct imap_cmd *cmd)
{
	struct imap_append a = { .cmd = cmd };
	struct cv_text uids;
	int code = imap_append_read(&a);

	if (code < 0 || a.refused)
		return code;
	if (!imap_append_commit(&a, &uids))
		return 0;
	return imap_ok(cmd, "%sAppend completed.", cv_text_str(&uids));
}
