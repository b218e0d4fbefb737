/* cmd-create.c - CREATE [RFC3501 6.3.3], with USE [RFC6154 3]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-list.h"
#include "imap-name.h"
#include "imap-notify.h"
#include "imap-object-id.h"
#include "imap-respond.h"

/* "(USE (\Sent \Drafts))" */
static bool use_parse(struct imap_cmd *cmd, uint32_t *use_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args), *flag;
	struct imap_args list, uses;

	if (arg == NULL)
		return true;
	if (arg->type != IMAP_LIST) {
		imap_bad_arguments(cmd);
		return false;
	}
	list = imap_args_of_list(&cmd->args, arg);
	if (!imap_arg_is_atom(imap_args_next(&list), "USE") ||
	    (arg = imap_args_next(&list)) == NULL ||
	    arg->type != IMAP_LIST || imap_args_peek(&list) != NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	uses = imap_args_of_list(&list, arg);
	while ((flag = imap_args_next(&uses)) != NULL) {
		uint32_t bit = flag->type != IMAP_ATOM ? 0 :
			imap_special_use_find(flag->text);

		if (bit == 0) {
			/* [RFC6154 3] */
			imap_no(cmd, "[USEATTR] Special use is not "
				"supported.");
			return false;
		}
		*use_r |= bit;
	}
	return true;
}

/* [RFC8474 4.1] the tagged reply tells the id; one who may not ask for it gets
 * none */
static int created(struct imap_cmd *cmd, const char *name)
{
	struct imap_session *s = cmd->s;
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };
	struct cv_text code;

	if (imap_mailbox_api->status(s->user, name, CV_STATUS_GUID, &st,
				     s->err) < 0)
		return imap_ok(cmd, "Create completed.");
	cv_text_init(&code, cmd->pool);
	imap_mailbox_id_append(&code, st.guid);
	return imap_ok(cmd, "%s Create completed.", cv_text_str(&code));
}

int imap_cmd_create(struct imap_cmd *cmd)
{
	const char *name, *supplied;
	uint32_t use = 0;
	int code;

	if (!imap_new_mailbox_arg(cmd, &name, &supplied) ||
	    !use_parse(cmd, &use) || !imap_args_end(cmd))
		return 0;
	code = imap_mailbox_api->create(cmd->s->user, name, use, cmd->s->err);
	if (code < 0 && use != 0 && code == CV_E_UNSUPPORTED)
		return imap_no(cmd, "[USEATTR] Special use cannot be set.");
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_notify_own_name(cmd->s, name);
	/* [RFC9051 6.3.4] */
	if (strcmp(name, supplied) != 0 && imap_name_is_utf8(cmd->s))
		imap_list_send_one(cmd, name, supplied);
	return created(cmd, name);
}
