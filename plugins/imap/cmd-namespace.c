/* cmd-namespace.c - NAMESPACE [RFC2342]. */
#include "imap-commands.h"
#include "imap-language.h"
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

/* [RFC5255 3.4] */
static void append_translation(struct imap_cmd *cmd,
			       const struct cv_namespace_info *ns)
{
	struct cv_span word = cv_span_of(ns->prefix);
	struct cv_text text, wire;

	if (word.len == 0 || word.data[word.len - 1] != ns->separator)
		return;
	word.len--;
	cv_text_init(&text, cmd->pool);
	if (!imap_language_prefix(&text, cmd->s->language, word))
		return;
	cv_text_append_c(&text, ns->separator);
	cv_text_init(&wire, cmd->pool);
	cv_api->utf7_encode(&wire, cv_text_span(&text));
	cv_text_append_str(&cmd->s->out, " \"TRANSLATION\" (");
	imap_append_string(&cmd->s->out, cv_text_span(&wire));
	cv_text_append_c(&cmd->s->out, ')');
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
		append_translation(cmd, &ns);
		cv_text_append_c(&s->out, ')');
	}
	cv_text_append_str(&s->out, any ? ")" : "NIL");
}

void imap_namespace_tell(struct imap_cmd *cmd)
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
}

int imap_cmd_namespace(struct imap_cmd *cmd)
{
	imap_namespace_tell(cmd);
	return imap_ok(cmd, "Namespace completed.");
}
