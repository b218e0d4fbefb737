/* cmd-setquota.c - SETQUOTA [RFC9208 4.1.3]; whether limits can be set, and by
 * whom, is the provider's to say. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-quota.h"
#include "imap-respond.h"

static bool number_parse(const struct imap_arg *arg, uint64_t max,
			 uint64_t *number_r)
{
	uint64_t number = 0;

	if (arg == NULL || arg->type != IMAP_ATOM || arg->text.len == 0)
		return false;
	for (size_t i = 0; i < arg->text.len; i++) {
		uint64_t digit = (uint64_t)(arg->text.data[i] - '0');

		if (digit > 9 || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*number_r = number;
	return true;
}

/* enum cv_quota_resource; 0: none that we know. */
static uint32_t resource_of(const struct imap_arg *arg)
{
	if (imap_arg_is_atom(arg, "STORAGE"))
		return CV_QUOTA_STORAGE;
	if (imap_arg_is_atom(arg, "MESSAGE"))
		return CV_QUOTA_MESSAGE;
	return imap_arg_is_atom(arg, "MAILBOX") ? CV_QUOTA_MAILBOX : 0;
}

/* "(STORAGE 510 MESSAGE 1000)" */
static bool limits_parse(struct imap_cmd *cmd, struct imap_args list,
			 struct cv_quota_limit *limit)
{
	const struct imap_arg *arg;
	uint64_t number;

	while ((arg = imap_args_next(&list)) != NULL) {
		uint32_t resource = resource_of(arg);

		if (!number_parse(imap_args_next(&list), INT64_MAX / 1024,
				  &number)) {
			imap_bad_arguments(cmd);
			return false;
		}
		/* nor what this root does not count */
		if ((resource & limit->changes) == 0) {
			imap_no(cmd, "[CANNOT] Resource is not supported.");
			return false;
		}
		if (resource == CV_QUOTA_STORAGE)
			limit->bytes = number * 1024;
		else if (resource == CV_QUOTA_MESSAGE)
			limit->messages = number;
		else
			limit->mailboxes = number;
	}
	return true;
}

int imap_cmd_setquota(struct imap_cmd *cmd)
{
	/* [RFC9208 4.1.3] limits that are not listed are removed */
	struct cv_quota_limit limit = { CV_SIZED(cv_quota_limit),
		.changes = CV_QUOTA_STORAGE | CV_QUOTA_MESSAGE |
			CV_QUOTA_MAILBOX };
	struct cv_quota_usage usage;
	const struct imap_arg *list;
	const char *root;
	int code = imap_quota_root_arg(cmd, &root, &usage);

	if (cmd->reply != IMAP_REPLY_NONE)
		return 0;
	list = imap_args_next(&cmd->args);
	if (list == NULL || list->type != IMAP_LIST)
		return imap_bad_arguments(cmd);
	if (code == CV_OK)
		limit.changes &= usage.resources;
	if (!imap_args_end(cmd) ||
	    !limits_parse(cmd, imap_args_of_list(&cmd->args, list), &limit))
		return 0;
	if (code == CV_OK)
		code = imap_mailbox_api->quota_set(cmd->s->user, root, &limit,
						   cmd->s->err);
	if (code == CV_NOT_FOUND)
		return imap_no(cmd, "[NONEXISTENT] No such quota root.");
	if (code < 0)
		return imap_no_error(cmd, code);
	cmd->args = imap_parser_args(&cmd->s->parser);
	if (imap_quota_root_arg(cmd, &root, &usage) == CV_OK)
		imap_quota_send(cmd, root, &usage);
	return imap_ok(cmd, "Setquota completed.");
}
