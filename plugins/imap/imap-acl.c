/* imap-acl.c - see imap-acl.h. */
#include "imap-acl.h"
#include "imap-args.h"
#include "imap-respond.h"

enum { IDENTIFIER_MAX = 1024 };

bool imap_acl_identifier_arg(struct imap_cmd *cmd, struct cv_span *id_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(cmd);
		return false;
	}
	/* [RFC4314 3] what cannot be prepared, or is empty then */
	if (arg->text.len == 0 || arg->text.len > IDENTIFIER_MAX) {
		imap_bad(cmd, "Invalid identifier.");
		return false;
	}
	*id_r = arg->text;
	return true;
}

int imap_acl_error(struct imap_cmd *cmd, int code)
{
	if (code != CV_E_SYNTAX)
		return imap_no_error(cmd, code);
	/* [RFC4314 3, 3.1] an identifier or a right that cannot be */
	return imap_bad(cmd, "Invalid identifier or rights: %s",
			cv_api->error_text(cmd->s->err));
}

int imap_acl_send_mine(struct imap_cmd *cmd, const char *name)
{
	struct imap_session *s = cmd->s;
	const char *rights;
	int code = imap_mailbox_api->my_rights(s->user, name, cmd->pool,
					       &rights, s->err);

	if (code < 0)
		return code;
	cv_text_append_str(&s->out, "* MYRIGHTS ");
	imap_append_mailbox(cmd, &s->out, name);
	cv_text_append_c(&s->out, ' ');
	imap_append_astring(&s->out, cv_span_of(rights));
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return CV_OK;
}
