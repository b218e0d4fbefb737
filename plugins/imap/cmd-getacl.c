/* cmd-getacl.c - GETACL [RFC4314 3.3]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

int imap_cmd_getacl(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_acl_entry *entries;
	const char *name;
	uint32_t count;
	int code;

	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->acl_get(s->user, name, cmd->pool, &entries,
					 &count, s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	/* [RFC4314 3.6] */
	cv_text_append_str(&s->out, "* ACL ");
	imap_append_mailbox(cmd, &s->out, name);
	for (uint32_t i = 0; i < count; i++) {
		cv_text_append_c(&s->out, ' ');
		imap_append_astring(&s->out,
				    cv_span_of(entries[i].identifier));
		cv_text_append_c(&s->out, ' ');
		imap_append_astring(&s->out, cv_span_of(entries[i].rights));
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Getacl completed.");
}
