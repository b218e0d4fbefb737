/* cmd-listrights.c - LISTRIGHTS [RFC4314 3.4]. */
#include "imap-acl.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

/* [RFC4314 2.1, 2.1.1] "c" and "d" can be given, too; "n" [RFC5257 3.4] is tied
 * to "w". */
static const char *const rights[] = {
	"l", "r", "wn", "s", "t", "i", "p", "e", "k", "x", "a", "c", "d",
};

int imap_cmd_listrights(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	const char *name, *required;
	struct cv_span id;
	int code;

	if (!imap_mailbox_arg(cmd, &name) ||
	    !imap_acl_identifier_arg(cmd, &id) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->acl_required(s->user, name, id, cmd->pool,
					      &required, s->err);
	if (code < 0)
		return imap_acl_error(cmd, code);
	cv_text_append_str(&s->out, "* LISTRIGHTS ");
	imap_append_mailbox(cmd, &s->out, name);
	cv_text_append_c(&s->out, ' ');
	/* [RFC4314 3.4] the identifier as it came */
	imap_append_astring(&s->out, id);
	cv_text_append_c(&s->out, ' ');
	imap_append_astring(&s->out, cv_span_of(required));
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (strchr(required, rights[i][0]) != NULL)
			continue;
		cv_text_append_c(&s->out, ' ');
		cv_text_append_str(&s->out, rights[i]);
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Listrights completed.");
}
