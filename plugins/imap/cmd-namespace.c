/* cmd-namespace.c - NAMESPACE [RFC2342]. */
#include "imap-commands.h"
#include "imap-respond.h"

static void append_type(struct imap_cmd *cmd, uint32_t type)
{
	struct imap_session *s = cmd->s;
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	bool any = false;

	for (uint32_t i = 0; imap_user_api->namespace_at(s->user, i, &ns) ==
	     CV_OK; i++) {
		struct cv_text prefix;

		if (ns.type != type || ns.hidden)
			continue;
		cv_text_init(&prefix, cmd->pool);
		cv_api->utf7_encode(&prefix, cv_span_of(ns.prefix));
		cv_text_append_str(&s->out, any ? "(" : "((");
		any = true;
		imap_append_string(&s->out, cv_text_span(&prefix));
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
