/* cmd-setacl.c - SETACL and DELETEACL [RFC4314 3.1, 3.2]. */
#include "imap-acl.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

/* "+lr", "-lr", "lr" */
static bool rights_arg(struct imap_cmd *cmd, uint32_t *change_r,
		       struct cv_span *rights_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(cmd);
		return false;
	}
	*change_r = CV_ACL_REPLACE;
	*rights_r = arg->text;
	if (arg->text.len > 0 && (arg->text.data[0] == '+' ||
				  arg->text.data[0] == '-')) {
		*change_r = arg->text.data[0] == '+' ? CV_ACL_ADD :
			CV_ACL_REMOVE;
		*rights_r = cv_span_skip(arg->text, 1);
	}
	return true;
}

int imap_cmd_setacl(struct imap_cmd *cmd)
{
	struct cv_span id, rights;
	const char *name;
	uint32_t change;
	int code;

	if (!imap_mailbox_arg(cmd, &name) ||
	    !imap_acl_identifier_arg(cmd, &id) ||
	    !rights_arg(cmd, &change, &rights) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->acl_set(cmd->s->user, name, id, change,
					 rights, cmd->s->err);
	if (code < 0)
		return imap_acl_error(cmd, code);
	return imap_ok(cmd, "Setacl completed.");
}

int imap_cmd_deleteacl(struct imap_cmd *cmd)
{
	struct cv_span id;
	const char *name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) ||
	    !imap_acl_identifier_arg(cmd, &id) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->acl_delete(cmd->s->user, name, id,
					    cmd->s->err);
	if (code < 0)
		return imap_acl_error(cmd, code);
	/* what is not there has been removed */
	return imap_ok(cmd, "Deleteacl completed.");
}
