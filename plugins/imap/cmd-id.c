/* cmd-id.c - ID [RFC2971]. */
#include "imap-commands.h"
#include "imap-id.h"
#include "imap-respond.h"

int imap_cmd_id(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_text log;
	const char *why;

	cv_text_init(&log, cmd->pool);
	why = imap_id_parse(cmd->args, s->set, &log);
	if (why != NULL)
		return imap_bad(cmd, "Error in IMAP command ID: %s.", why);
	if (log.len > 0 && !s->id_seen)
		cv_api->log(imap_self, CV_LOG_INFO, "ID sent: %s",
			    cv_text_str(&log));
	s->id_seen = true;
	imap_id_reply(&s->out, s->set);
	imap_flush(s);
	return imap_ok(cmd, "ID completed.");
}
