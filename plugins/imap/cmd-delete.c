/* cmd-delete.c - DELETE [RFC3501 6.3.4]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-notify.h"
#include "imap-respond.h"

static bool is_selected(struct imap_session *s, const char *name)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	if (s->box == NULL)
		return false;
	imap_mailbox_api->state(s->box, &state);
	return strcmp(state.name, name) == 0;
}

int imap_cmd_delete(struct imap_cmd *cmd)
{
	const char *name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd))
		return 0;
	if (strcmp(name, "INBOX") == 0)
		return imap_no(cmd, "[CANNOT] INBOX can't be deleted.");
	code = imap_mailbox_api->remove(cmd->s->user, name, cmd->s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_notify_own_name(cmd->s, name);
	/* whoever deletes what is selected need not be told that it is gone */
	if (is_selected(cmd->s, name))
		imap_unselect(cmd->s);
	return imap_ok(cmd, "Delete completed.");
}
