/* imap-quota.c - see imap-quota.h. */
#include "imap-quota.h"
#include "imap-args.h"
#include "imap-name.h"
#include "imap-respond.h"

static bool is_own(struct imap_session *s, const char *mailbox_name)
{
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	uint32_t type = CV_NAMESPACE_PRIVATE;
	size_t best = 0;

	for (uint32_t i = 0; imap_user_api->namespace_at(s->user, i, &ns) ==
	     CV_OK; i++) {
		size_t len = strlen(ns.prefix);

		if (len >= best && strncmp(mailbox_name, ns.prefix, len) == 0) {
			best = len;
			type = ns.type;
		}
	}
	return type == CV_NAMESPACE_PRIVATE;
}

const char *imap_quota_root(struct imap_cmd *cmd, const char *mailbox_name,
			    const char *root)
{
	struct cv_text name;

	cv_text_init(&name, cmd->pool);
	cv_text_append_str(&name, root);
	if (!is_own(cmd->s, mailbox_name)) {
		cv_text_append_str(&name, " (");
		imap_name_encode(cmd->s, &name,
				 cv_span_of(mailbox_name));
		cv_text_append_c(&name, ')');
	}
	return cv_text_str(&name);
}

/* "User quota (shared/jane/Work)": the mailbox; else INBOX. */
static const char *mailbox_of(struct imap_cmd *cmd, struct cv_span root)
{
	struct cv_text name;

	cv_text_init(&name, cmd->pool);
	for (size_t i = root.len; i-- > 1; ) {
		if (root.data[root.len - 1] != ')')
			break;
		if (root.data[i] != '(' || root.data[i - 1] != ' ')
			continue;
		if (!imap_name_decode(cmd->s, &name, cv_span(
				root.data + i + 1, root.len - i - 2)))
			break;
		return cv_text_str(&name);
	}
	return "INBOX";
}

static int find(struct imap_cmd *cmd, const char *mailbox_name,
		struct cv_span root, struct cv_quota_usage *usage)
{
	struct imap_session *s = cmd->s;
	int code = CV_OK;

	for (uint32_t i = 0; code == CV_OK; i++) {
		*usage = (struct cv_quota_usage){ CV_SIZED(cv_quota_usage) };
		code = imap_mailbox_api->quota(s->user, mailbox_name, i,
					       usage, s->err);
		if (code == CV_OK && cv_span_is(root, imap_quota_root(
				cmd, mailbox_name, usage->root)))
			return CV_OK;
	}
	return code;
}

int imap_quota_root_arg(struct imap_cmd *cmd, const char **root_r,
			struct cv_quota_usage *usage_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	int code;

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(cmd);
		return CV_E_SYNTAX;
	}
	*root_r = imap_copy(cmd->pool, arg->text);
	code = find(cmd, "INBOX", arg->text, usage_r);
	if (code != CV_NOT_FOUND)
		return code;
	code = find(cmd, mailbox_of(cmd, arg->text), arg->text, usage_r);
	/* what cannot be seen does not exist */
	return code == CV_E_NOT_FOUND || code == CV_E_DENIED ? CV_NOT_FOUND :
		code;
}

static void resource(struct cv_text *out, const char *name, uint64_t used,
		     uint64_t limit)
{
	/* [RFC9208 4.2.1] what is not listed is not limited */
	if (limit == 0)
		return;
	if (out->data[out->len - 1] != '(')
		cv_text_append_c(out, ' ');
	cv_text_append_f(out, "%s %llu %llu", name, (unsigned long long)used,
			 (unsigned long long)limit);
}

/* [RFC9208 5.1] units of 1024 octets; what is used and what may be used is
 * not rounded away. */
static uint64_t blocks(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

void imap_quota_send(struct imap_cmd *cmd, const char *root,
		     const struct cv_quota_usage *usage)
{
	struct cv_text *out = &cmd->s->out;

	cv_text_append_str(out, "* QUOTA ");
	imap_append_astring(out, cv_span_of(root));
	cv_text_append_str(out, " (");
	resource(out, "STORAGE", blocks(usage->used_bytes),
		 blocks(usage->bytes));
	resource(out, "MESSAGE", usage->used_messages, usage->messages);
	resource(out, "MAILBOX", usage->used_mailboxes, usage->mailboxes);
	cv_text_append_str(out, ")\r\n");
	imap_flush(cmd->s);
}
