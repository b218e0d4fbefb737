/* cmd-list.c - LIST [RFC3501 6.3.8], LIST-EXTENDED [RFC5258], SPECIAL-USE
 * [RFC6154], LIST-STATUS [RFC5819]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-list.h"
#include "imap-respond.h"
#include "imap-status.h"

static bool selection_parse(struct imap_cmd *cmd, struct imap_args list,
			    struct imap_list_request *request)
{
	static const struct { const char *name; uint32_t bit; } options[] = {
		{ "SUBSCRIBED", CV_LIST_SUBSCRIBED },
		{ "REMOTE", CV_LIST_REMOTE },
		{ "RECURSIVEMATCH", CV_LIST_RECURSIVE_MATCH },
		{ "SPECIAL-USE", CV_LIST_SPECIAL_USE },
	};
	uint32_t bits = 0;
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&list)) != NULL) {
		uint32_t bit = 0;

		for (int i = 0; i < 4; i++) {
			if (imap_arg_is_atom(arg, options[i].name))
				bit = options[i].bit;
		}
		if (bit == 0) {
			imap_bad(cmd, "Unknown select option");
			return false;
		}
		bits |= bit;
	}
	/* [RFC5258 3.1] RECURSIVEMATCH needs something to match */
	if ((bits & CV_LIST_RECURSIVE_MATCH) != 0 && (bits &
	    (CV_LIST_SUBSCRIBED | CV_LIST_SPECIAL_USE)) == 0) {
		imap_bad(cmd, "RECURSIVEMATCH must not be the only selection "
			 "option.");
		return false;
	}
	/* [RFC6154 2] SPECIAL-USE selected is returned, too */
	request->special_use = (bits & CV_LIST_SPECIAL_USE) != 0;
	request->query.options |= bits;
	return true;
}

/* --- return options ------------------------------------------------------- */

typedef bool return_fn(struct imap_cmd *cmd, struct imap_args *list,
		       struct imap_list_request *request);

static bool return_subscribed(struct imap_cmd *cmd, struct imap_args *list,
			      struct imap_list_request *request)
{
	request->query.options |= CV_LIST_RETURN_SUBSCRIBED;
	return true;
}

static bool return_children(struct imap_cmd *cmd, struct imap_args *list,
			    struct imap_list_request *request)
{
	request->query.options |= CV_LIST_RETURN_CHILDREN;
	return true;
}

static bool return_special_use(struct imap_cmd *cmd, struct imap_args *list,
			       struct imap_list_request *request)
{
	request->special_use = true;
	return true;
}

static bool return_status(struct imap_cmd *cmd, struct imap_args *list,
			  struct imap_list_request *request)
{
	const struct imap_arg *arg = imap_args_next(list);

	if (arg == NULL || arg->type != IMAP_LIST) {
		imap_bad_arguments(cmd);
		return false;
	}
	return imap_status_parse(cmd, imap_args_of_list(list, arg),
				 &request->status_items);
}

static bool return_my_rights(struct imap_cmd *cmd, struct imap_args *list,
			     struct imap_list_request *request)
{
	request->my_rights = true;
	return true;
}

static bool return_metadata(struct imap_cmd *cmd, struct imap_args *list,
			    struct imap_list_request *request)
{
	const struct imap_arg *arg = imap_args_next(list);

	if (arg == NULL || arg->type != IMAP_LIST) {
		imap_bad_arguments(cmd);
		return false;
	}
	/* [RFC9590] an entry without a value is told as NIL */
	request->metadata.nil = true;
	request->metadata.max_size = UINT64_MAX;
	return imap_metadata_entries(cmd, imap_args_of_list(list, arg),
				     &request->metadata);
}

static const struct { const char *name; return_fn *run; } return_options[] = {
	{ "SUBSCRIBED", return_subscribed },
	{ "CHILDREN", return_children },
	{ "SPECIAL-USE", return_special_use },
	{ "STATUS", return_status },
	{ "MYRIGHTS", return_my_rights },
	{ "METADATA", return_metadata },
};
enum { RETURN_OPTIONS = sizeof(return_options) / sizeof(return_options[0]) };

static bool return_parse(struct imap_cmd *cmd, struct imap_args list,
			 struct imap_list_request *request)
{
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&list)) != NULL) {
		int at = 0;

		while (at < RETURN_OPTIONS &&
		       !imap_arg_is_atom(arg, return_options[at].name))
			at++;
		if (at == RETURN_OPTIONS) {
			imap_bad(cmd, "Unknown return option");
			return false;
		}
		if (!return_options[at].run(cmd, &list, request))
			return false;
	}
	return true;
}

static bool returns(struct imap_cmd *cmd, struct imap_list_request *request)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (arg == NULL)
		return true;
	request->extended = true;
	if (!imap_arg_is_atom(arg, "RETURN") ||
	    (arg = imap_args_next(&cmd->args)) == NULL ||
	    arg->type != IMAP_LIST || imap_args_peek(&cmd->args) != NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	return return_parse(cmd, imap_args_of_list(&cmd->args, arg), request);
}

int imap_cmd_list(struct imap_cmd *cmd)
{
	struct imap_list_request request = {
		.query = { CV_SIZED(cv_list_query) }, .response = "LIST",
	};
	const struct imap_arg *arg = imap_args_next(&cmd->args), *patterns;

	if (arg != NULL && arg->type == IMAP_LIST) {
		request.extended = true;
		if (!selection_parse(cmd, imap_args_of_list(&cmd->args, arg),
				     &request))
			return 0;
		arg = imap_args_next(&cmd->args);
	}
	patterns = imap_args_next(&cmd->args);
	if (!imap_list_patterns(cmd, arg, patterns, &request) ||
	    !returns(cmd, &request))
		return 0;
	if (!request.extended) {
		/* [RFC3348], [RFC6154 2] the plain LIST says all it knows */
		request.query.options |= CV_LIST_RETURN_CHILDREN;
		request.special_use = true;
	}
	return imap_list_send(cmd, &request);
}
