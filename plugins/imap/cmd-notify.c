/* cmd-notify.c - NOTIFY [RFC5465 3.1]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-notify.h"
#include "imap-respond.h"

static int begin(struct imap_cmd *cmd, struct imap_notify *n)
{
	int code;

	/* what the old one is to tell */
	imap_notify_others(cmd->s, cmd->pool);
	code = imap_notify_begin(cmd->s, n, cmd->pool);
	if (code >= 0)
		return code;
	if (cmd->s->notify != NULL)
		cmd->s->notify->watch_stale = true;
	imap_notify_destroy(&n);
	/* [RFC5465 3.1] too expensive; another server's mail; or the system
	 * has no more watches */
	if (code != CV_E_LIMIT && code != CV_E_UNSUPPORTED)
		cv_api->log(imap_self, CV_LOG_WARNING, "NOTIFY: %s",
			    cv_api->error_text(cmd->s->err));
	imap_no(cmd, "[NOTIFICATIONOVERFLOW] So much cannot be watched.");
	return code;
}

static int notify_none(struct imap_cmd *cmd)
{
	if (imap_args_end(cmd) && begin(cmd, imap_notify_create()) >= 0)
		return imap_ok(cmd, "Notify completed.");
	return 0;
}

static int notify_set(struct imap_cmd *cmd)
{
	bool status = imap_arg_is_atom(imap_args_peek(&cmd->args), "STATUS");
	struct imap_notify *n;

	if (status)
		(void)imap_args_next(&cmd->args);
	n = imap_notify_parse(cmd);
	if (n == NULL || begin(cmd, n) < 0)
		return 0;
	imap_notify_send_state(cmd, status);
	return imap_ok(cmd, "Notify completed.");
}

int imap_cmd_notify(struct imap_cmd *cmd)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (imap_arg_is_atom(arg, "NONE"))
		return notify_none(cmd);
	if (imap_arg_is_atom(arg, "SET"))
		return notify_set(cmd);
	return imap_bad_arguments(cmd);
}
