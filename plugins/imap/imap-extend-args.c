/* imap-extend-args.c - arguments as other plugins see them, and back. */
#include "imap-extend.h"
#include "imap-args.h"
#include "imap-name.h"
#include "imap-respond.h"

enum { ARGS_MAX = 8192 };

static const uint8_t types[] = {	/* enum cv_imap_arg_type to ours */
	[CV_IMAP_ATOM] = IMAP_ATOM, [CV_IMAP_QUOTED] = IMAP_QUOTED,
	[CV_IMAP_LITERAL] = IMAP_LITERAL, [CV_IMAP_LIST] = IMAP_LIST,
};
_Static_assert((int)CV_IMAP_ATOM == (int)IMAP_ATOM &&
	       (int)CV_IMAP_QUOTED == (int)IMAP_QUOTED &&
	       (int)CV_IMAP_LITERAL == (int)IMAP_LITERAL &&
	       (int)CV_IMAP_LIST == (int)IMAP_LIST, "the same numbers");

struct cv_imap_args imap_extend_args(struct cv_pool *pool,
				     struct imap_args args)
{
	uint32_t count = args.end - args.at;
	struct cv_imap_arg *all = CV_ALLOC_ARRAY(pool, struct cv_imap_arg,
						 count + 1);

	for (uint32_t i = 0; i < count; i++) {
		const struct imap_arg *from = &args.all[args.at + i];

		all[i].type = from->type;
		all[i].flags = (from->adjacent ? CV_IMAP_ADJACENT : 0) |
			(from->binary ? CV_IMAP_BINARY : 0);
		if (from->type == IMAP_STREAM) {
			all[i].type = CV_IMAP_LITERAL;
			all[i].flags |= CV_IMAP_UNREAD;
		}
		if (from->type == IMAP_LIST)
			all[i].members = from->end - (args.at + i) - 1;
		all[i].text = from->text;
	}
	return (struct cv_imap_args){ all, count };
}

/* --- back ---------------------------------------------------------------------- */

static const char *arg_back(const struct cv_imap_arg *from,
			    struct imap_arg *to)
{
	struct cv_span text = from->text;

	if (from->type < CV_IMAP_ATOM || from->type > CV_IMAP_LIST)
		return "an argument of no known type";
	*to = (struct imap_arg){ .type = types[from->type], .text = text,
		.adjacent = (from->flags & CV_IMAP_ADJACENT) != 0,
		.binary = (from->flags & CV_IMAP_BINARY) != 0 };
	if ((from->flags & CV_IMAP_UNREAD) != 0)
		to->type = IMAP_STREAM;
	if (from->type == CV_IMAP_LIST || to->type == IMAP_STREAM)
		to->text = CV_SPAN("");
	else if (text.data == NULL)
		return "an argument without a text";
	else if (memchr(text.data, '\0', text.len) != NULL)
		return "an argument with NUL";
	for (size_t i = 0; from->type == CV_IMAP_ATOM && i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f ||
		    strchr("(){\"", text.data[i]) != NULL)
			return "an atom that is none";
	}
	return from->type == CV_IMAP_ATOM && text.len == 0 ?
		"an atom that is none" : NULL;
}

/* Lists end within those around them; all[0] is number first. */
static const char *nesting(struct imap_arg *all, uint32_t count,
			   const struct cv_imap_arg *from, uint32_t first)
{
	uint32_t ends[IMAP_PARSER_DEPTH_MAX], depth = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t limit;

		while (depth > 0 && ends[depth - 1] == i)
			depth--;
		limit = depth == 0 ? count : ends[depth - 1];
		if (all[i].type != IMAP_LIST)
			continue;
		if (depth == IMAP_PARSER_DEPTH_MAX ||
		    from[i].members > limit - i - 1)
			return "a list that is longer than the one around it";
		ends[depth] = i + 1 + from[i].members;
		all[i].end = first + ends[depth++];
	}
	return NULL;
}

const char *imap_extend_args_back(struct cv_pool *pool,
				  struct cv_imap_args from,
				  uint64_t bytes_max, struct imap_args *args)
{
	const uint32_t first = args->at;
	struct imap_arg *all;
	const char *wrong;

	if (from.count > ARGS_MAX || (from.count > 0 && from.at == NULL))
		return "too many arguments";
	all = CV_ALLOC_ARRAY(pool, struct imap_arg, first + from.count + 1);
	if (first > 0)
		memcpy(all, args->all, sizeof(*all) * first);
	for (uint32_t i = 0; i < from.count; i++) {
		if (from.at[i].text.len > bytes_max)
			return "arguments that are too long";
		bytes_max -= from.at[i].text.len;
		wrong = arg_back(&from.at[i], &all[first + i]);
		if (wrong != NULL)
			return wrong;
	}
	wrong = nesting(all + first, from.count, from.at, first);
	if (wrong != NULL)
		return wrong;
	*args = (struct imap_args){ all, first, first + from.count };
	return NULL;
}

/* --- helpers --------------------------------------------------------------------- */

static int wrong(struct cv_imap_call *call, int code, const char *text)
{
	(void)CV_FAIL(call->err, code, "%s", text);
	(void)cv_api->error_set_client(call->err, "%s", text);
	return code;
}

static const struct cv_imap_arg *take_text(struct cv_imap_args *args)
{
	const struct cv_imap_arg *arg = cv_imap_next(args);

	return arg == NULL || arg->type == CV_IMAP_LIST ||
		(arg->flags & CV_IMAP_UNREAD) != 0 ? NULL : arg;
}

int imap_extend_string(struct cv_imap_call *call, struct cv_imap_args *args,
		       struct cv_span *text_r)
{
	const struct cv_imap_arg *arg = take_text(args);

	if (arg == NULL)
		return wrong(call, CV_E_SYNTAX, "Missing string argument.");
	*text_r = arg->text;
	return CV_OK;
}

int imap_extend_atom(struct cv_imap_call *call, struct cv_imap_args *args,
		     struct cv_span *text_r)
{
	const struct cv_imap_arg *arg = take_text(args);

	if (arg == NULL || arg->type != CV_IMAP_ATOM)
		return wrong(call, CV_E_SYNTAX, "Missing atom argument.");
	*text_r = arg->text;
	return CV_OK;
}

int imap_extend_number(struct cv_imap_call *call, struct cv_imap_args *args,
		       uint64_t max, uint64_t *number_r)
{
	const struct cv_imap_arg *arg = take_text(args);

	if (arg == NULL || arg->type != CV_IMAP_ATOM ||
	    !cv_span_to_u64(arg->text, max, number_r))
		return wrong(call, CV_E_SYNTAX, "Invalid number argument.");
	return CV_OK;
}

int imap_extend_list(struct cv_imap_call *call, struct cv_imap_args *args,
		     struct cv_imap_args *members_r)
{
	const struct cv_imap_arg *arg = cv_imap_next(args);

	if (arg == NULL || arg->type != CV_IMAP_LIST)
		return wrong(call, CV_E_SYNTAX, "Missing list argument.");
	*members_r = cv_imap_members(arg);
	return CV_OK;
}

/* A command of its own, so that those for our own commands can read one
 * argument of it; the reply they set is the failure. */
static void probe_begin(struct cv_imap_call *call, struct imap_cmd *probe,
			struct imap_arg *one, const struct cv_imap_arg *arg)
{
	const struct imap_call *full = (const struct imap_call *)call;

	*probe = *full->cmd;
	probe->reply = IMAP_REPLY_NONE;
	probe->uid = call->by_uid;
	cv_text_init(&probe->text, call->pool);
	*one = (struct imap_arg){ .type = types[arg->type],
				  .text = arg->text };
	probe->args = (struct imap_args){ one, 0, 1 };
}

static int probe_failed(struct cv_imap_call *call,
			const struct imap_cmd *probe)
{
	const char *text = cv_text_str(&probe->text), *end;

	/* without what the reply will begin with again */
	if (text[0] == '[' && (end = strchr(text, ']')) != NULL)
		text = end + (end[1] == ' ' ? 2 : 1);
	else if (strncmp(text, "Error in IMAP ", 14) == 0 &&
		 (end = strstr(text, ": ")) != NULL)
		text = end + 2;
	return wrong(call, probe->reply == IMAP_BAD ? CV_E_SYNTAX :
		     CV_E_PERM, text);
}

int imap_extend_mailbox(struct cv_imap_call *call, struct cv_imap_args *args,
			const char **name_r)
{
	const struct cv_imap_arg *arg = take_text(args);
	struct imap_cmd probe;
	struct imap_arg one;

	if (arg == NULL || ((struct imap_call *)call)->cmd == NULL)
		return wrong(call, CV_E_SYNTAX, "Missing mailbox name.");
	probe_begin(call, &probe, &one, arg);
	return imap_mailbox_arg(&probe, name_r) ? CV_OK :
		probe_failed(call, &probe);
}

int imap_extend_messages(struct cv_imap_call *call,
			 struct cv_imap_args *args, struct cv_set *seqs_r)
{
	const struct cv_imap_arg *arg = take_text(args);
	struct imap_cmd probe;
	struct imap_arg one;

	if (arg == NULL || call->box == NULL)
		return wrong(call, CV_E_SYNTAX, "Missing message set.");
	probe_begin(call, &probe, &one, arg);
	return imap_messages_arg(&probe, seqs_r) ? CV_OK :
		probe_failed(call, &probe);
}

int imap_extend_args_end(struct cv_imap_call *call,
			 const struct cv_imap_args *args)
{
	return args->count == 0 ? CV_OK :
		wrong(call, CV_E_SYNTAX, "Too many arguments.");
}

struct cv_span imap_extend_mailbox_encode(struct cv_imap_call *call,
					  const char *name)
{
	const struct imap_call *full = (const struct imap_call *)call;
	struct cv_text wire;

	cv_text_init(&wire, call->pool);
	if (full->cmd == NULL)
		cv_api->utf7_encode(&wire, cv_span_of(name));
	else
		imap_name_encode(full->cmd->s, &wire, cv_span_of(name));
	return cv_span(cv_text_str(&wire), wire.len);
}
