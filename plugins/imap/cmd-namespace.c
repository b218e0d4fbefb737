/* cmd-namespace.c - NAMESPACE [RFC2342]. */
#include "imap-commands.h"
#include "imap-name.h"
#include "imap-respond.h"

static void append_prefix(struct imap_cmd *cmd, const char *prefix)
{
	struct cv_text wire;

	cv_text_init(&wire, cmd->pool);
	imap_name_encode(cmd->s, &wire, cv_span_of(prefix));
	if (imap_is_ascii(cv_text_span(&wire)))
		imap_append_string(&cmd->s->out, cv_text_span(&wire));
	else
		imap_append_mailbox(cmd, &cmd->s->out, prefix);
}

static void append_type(struct imap_cmd *cmd, uint32_t type)
{
	struct imap_session *s = cmd->s;
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	bool any = false;

	for (uint32_t i = 0; imap_user_api->namespace_at(s->user, i, &ns) ==
	     CV_OK; i++) {
		if (ns.type != type || ns.hidden)
			continue;
		cv_text_append_str(&s->out, any ? "(" : "((");
		any = true;
		append_prefix(cmd, ns.prefix);
		cv_text_append_c(&s->out, ' ');
		imap_append_string(&s->out, cv_span(&ns.separator, 1));
		cv_text_append_c(&s->out, ')');
	}
	cv_text_append_str(&s->out, any ? ")" : "NIL");
}

int imap_cmd_namespace(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;

	cv_text_append_str(&s->out, "* NAMESPACE ");
	append_type(cmd, CV_NAMESPACE_PRIVATE);
	cv_text_append_c(&s->out, ' ');
	append_type(cmd, CV_NAMESPACE_SHARED);
	cv_text_append_c(&s->out, ' ');
	append_type(cmd, CV_NAMESPACE_PUBLIC);
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Namespace completed.");
}
