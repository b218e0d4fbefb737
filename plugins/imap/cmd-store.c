/* cmd-store.c - STORE [RFC3501 6.4.6]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-settle.h"
#include "imap-set.h"

/* "+FLAGS.SILENT" */
static bool item_parse(struct imap_cmd *cmd, uint32_t *change_r,
		       bool *silent_r)
{
	static const struct { const char *name; uint32_t change; bool silent; }
	items[] = {
		{ "FLAGS", CV_FLAGS_REPLACE, false },
		{ "FLAGS.SILENT", CV_FLAGS_REPLACE, true },
		{ "+FLAGS", CV_FLAGS_ADD, false },
		{ "+FLAGS.SILENT", CV_FLAGS_ADD, true },
		{ "-FLAGS", CV_FLAGS_REMOVE, false },
		{ "-FLAGS.SILENT", CV_FLAGS_REMOVE, true },
	};
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (imap_arg_is_atom(arg, items[i].name)) {
			*change_r = items[i].change;
			*silent_r = items[i].silent;
			return true;
		}
	}
	imap_bad_arguments(cmd);
	return false;
}

int imap_cmd_store(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	/* silent: what this command does is reported below, by us */
	struct cv_store_request request = { CV_SIZED(cv_store_request),
		.silent = true, .unchanged_since = UINT64_MAX,
		.settle_later = true };
	const struct imap_arg *arg;
	struct imap_args flags;
	bool silent;
	int code;

	if (!imap_messages_arg(cmd, &request.seqs) ||
	    !item_parse(cmd, &request.change, &silent))
		return 0;
	arg = imap_args_peek(&cmd->args);
	if (arg == NULL)
		return imap_bad_arguments(cmd);
	flags = cmd->args;
	if (arg->type == IMAP_LIST) {
		(void)imap_args_next(&cmd->args);
		if (!imap_args_end(cmd))
			return 0;
		flags = imap_args_of_list(&flags, arg);
	}
	if (!imap_flags_args(cmd, flags, &request.flags, &request.keywords))
		return 0;
	if (s->readonly)
		return imap_no(cmd, "[NOPERM] Mailbox is read-only.");
	if (request.seqs.count == 0)
		return imap_ok(cmd, "Store completed.");
	code = imap_mailbox_api->store(s->box, &request, cmd->pool, NULL,
				       s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	imap_hold(s);
	if ((request.flags & CV_FLAG_DELETED) != 0 &&
	    request.change != CV_FLAGS_REMOVE)
		s->counters.deleted += imap_set_size(request.seqs);
	if (!silent)
		cmd->report = request.seqs;
	return imap_ok(cmd, "Store completed.");
}
