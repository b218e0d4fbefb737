/* cmd-setmetadata.c - SETMETADATA [RFC5464 4.3]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-filter.h"
#include "imap-metadata.h"
#include "imap-respond.h"

int imap_setmetadata_too_large(struct imap_cmd *cmd)
{
	return imap_no(cmd, "[METADATA MAXSIZE %llu] Value is too large.",
		       (unsigned long long)imap_metadata_max(cmd->s));
}

/* nstring or literal8 */
static bool value_of(const struct imap_arg *arg, struct cv_span *value_r)
{
	*value_r = CV_SPAN_NONE;
	if (imap_arg_is_atom(arg, "NIL"))
		return true;
	if (arg == NULL || (arg->type != IMAP_QUOTED &&
			    arg->type != IMAP_LITERAL))
		return false;
	*value_r = arg->text.data == NULL ? CV_SPAN("") : arg->text;
	return true;
}

/* "(/private/comment "text" /shared/comment NIL)" */
static bool pairs_parse(struct imap_cmd *cmd, struct imap_args list,
			struct cv_metadata *pairs, uint32_t *count)
{
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&list)) != NULL) {
		struct cv_metadata *pair = &pairs[*count];

		if (*count == CV_METADATA_ENTRIES_MAX) {
			imap_no(cmd, "[METADATA TOOMANY] Too many entries.");
			return false;
		}
		if (!imap_arg_is_string(arg) ||
		    !imap_metadata_entry_ok(arg->text, false) ||
		    !value_of(imap_args_next(&list), &pair->value)) {
			imap_bad(cmd, "Invalid entry name or value.");
			return false;
		}
		pair->entry = arg->text;
		if (pair->value.len > imap_metadata_max(cmd->s)) {
			imap_setmetadata_too_large(cmd);
			return false;
		}
		(*count)++;
	}
	if (*count == 0)
		imap_bad_arguments(cmd);
	return *count > 0;
}

int imap_cmd_setmetadata(struct imap_cmd *cmd)
{
	const struct imap_arg *arg;
	struct cv_metadata *pairs;
	const char *name;
	uint32_t count = 0;
	int code;

	if (!imap_metadata_place_arg(cmd, &name))
		return 0;
	arg = imap_args_next(&cmd->args);
	if (arg == NULL || arg->type != IMAP_LIST)
		return imap_bad_arguments(cmd);
	pairs = CV_ALLOC_ARRAY(cmd->pool, struct cv_metadata,
			       CV_METADATA_ENTRIES_MAX + 1);
	if (!imap_args_end(cmd) ||
	    !pairs_parse(cmd, imap_args_of_list(&cmd->args, arg), pairs,
			 &count))
		return 0;
	for (uint32_t i = 0; i < count && name[0] == '\0'; i++) {
		if (!imap_filter_may_set(cmd, &pairs[i]))
			return 0;
	}
	code = imap_mailbox_api->metadata_set(cmd->s->user, name, pairs,
					      count, cmd->s->err);
	if (code == CV_E_LIMIT)
		return imap_no(cmd, "[METADATA TOOMANY] Too many entries.");
	if (code == CV_E_SYNTAX)
		return imap_bad(cmd, "Invalid entry name.");
	if (code < 0)
		return imap_no_error(cmd, code);
	return imap_ok(cmd, "Setmetadata completed.");
}
