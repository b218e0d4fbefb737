/* cmd-getmetadata.c - GETMETADATA [RFC5464 4.2]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-metadata.h"
#include "imap-respond.h"

static bool number_parse(struct cv_span text, uint64_t *number_r)
{
	uint64_t number = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9' ||
		    number > UINT32_MAX)
			return false;
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	}
	*number_r = number;
	return text.len > 0 && number <= UINT32_MAX;
}

static bool depth_parse(const struct imap_arg *arg, uint32_t *depth_r)
{
	if (imap_arg_is_atom(arg, "0"))
		*depth_r = 0;
	else if (imap_arg_is_atom(arg, "1"))
		*depth_r = 1;
	else if (imap_arg_is_atom(arg, "infinity"))
		*depth_r = UINT32_MAX;
	else
		return false;
	return true;
}

/* "(MAXSIZE 1024 DEPTH 1)" */
static bool options_parse(struct imap_cmd *cmd, struct imap_args list,
			  struct imap_metadata_request *request)
{
	const struct imap_arg *arg;
	bool good = imap_args_peek(&list) != NULL;

	while (good && (arg = imap_args_next(&list)) != NULL) {
		const struct imap_arg *value = imap_args_next(&list);

		if (value == NULL || value->type != IMAP_ATOM)
			good = false;
		else if (imap_arg_is_atom(arg, "MAXSIZE"))
			good = number_parse(value->text, &request->max_size);
		else
			good = imap_arg_is_atom(arg, "DEPTH") &&
				depth_parse(value, &request->depth);
	}
	if (!good)
		imap_bad(cmd, "Invalid options.");
	return good;
}

/* A list of options, whose first word is no entry.  The RFC's grammar has the
 * options before the mailbox, its examples behind it: both are taken. */
static bool options_arg(struct imap_cmd *cmd,
			struct imap_metadata_request *request)
{
	const struct imap_arg *arg = imap_args_peek(&cmd->args), *first;
	struct imap_args list;

	if (arg == NULL || arg->type != IMAP_LIST)
		return true;
	list = imap_args_of_list(&cmd->args, arg);
	first = imap_args_peek(&list);
	if (imap_arg_is_string(first) && first->text.len > 0 &&
	    first->text.data[0] == '/')
		return true;
	(void)imap_args_next(&cmd->args);
	return options_parse(cmd, list, request);
}

/* One, several in a list, or several as in [RFC5464 4.4.1]. */
static bool entries_arg(struct imap_cmd *cmd,
			struct imap_metadata_request *request)
{
	const struct imap_arg *arg = imap_args_peek(&cmd->args);
	struct imap_args args = cmd->args;

	if (arg == NULL || arg->type != IMAP_LIST)
		return imap_metadata_entries(cmd, args, request);
	(void)imap_args_next(&cmd->args);
	return imap_args_end(cmd) &&
		imap_metadata_entries(cmd, imap_args_of_list(&args, arg),
				      request);
}

int imap_cmd_getmetadata(struct imap_cmd *cmd)
{
	struct imap_metadata_request request = { .max_size = UINT64_MAX };
	uint64_t longest = 0;
	const char *name;
	int code;

	if (!options_arg(cmd, &request) ||
	    !imap_metadata_place_arg(cmd, &name) ||
	    !options_arg(cmd, &request) || !entries_arg(cmd, &request))
		return 0;
	code = imap_metadata_send(cmd, name, &request, &longest);
	if (code < 0)
		return imap_no_error(cmd, code);
	if (longest > 0)
		return imap_ok(cmd, "[METADATA LONGENTRIES %llu] Getmetadata "
			       "completed.", (unsigned long long)longest);
	return imap_ok(cmd, "Getmetadata completed.");
}
