/* cmd-store.c - STORE [RFC3501 6.4.6], conditional with UNCHANGEDSINCE
 * [RFC7162 3.1.3]. */
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-enable.h"
#include "imap-limit.h"
#include "imap-modseq.h"
#include "imap-respond.h"
#include "imap-settle.h"
#include "imap-set.h"

struct store {
	struct imap_cmd *cmd;
	struct cv_store_request request;
	bool silent, conditional, annotation;
	uint64_t before;	/* what the client knew up to */
};

/* "+FLAGS.SILENT" */
static bool item_parse(struct store *st)
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
	const struct imap_arg *arg = imap_args_next(&st->cmd->args);

	/* [RFC5257 4.5] silent by itself */
	if (imap_arg_is_atom(arg, "ANNOTATION")) {
		st->annotation = st->silent = true;
		return true;
	}
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (imap_arg_is_atom(arg, items[i].name)) {
			st->request.change = items[i].change;
			st->silent = items[i].silent;
			return true;
		}
	}
	imap_bad_arguments(st->cmd);
	return false;
}

static bool unchangedsince_parse(struct store *st, struct imap_args *list)
{
	if (st->conditional) {
		/* [RFC7162 7 store-modifier] a single one */
		imap_bad_arguments(st->cmd);
		return false;
	}
	st->conditional = true;
	return imap_modseq_arg(st->cmd, imap_args_next(list), true,
			       &st->request.unchanged_since);
}

static const struct {
	const char *name;
	bool (*parse)(struct store *st, struct imap_args *list);
} modifiers[] = {
	{ "UNCHANGEDSINCE", unchangedsince_parse },
};

static bool modifier_parse(struct store *st, const struct imap_arg *arg,
			   struct imap_args *list)
{
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (imap_arg_is_atom(arg, modifiers[i].name))
			return modifiers[i].parse(st, list);
	}
	imap_bad(st->cmd, "Unknown STORE modifier.");
	return false;
}

/* [RFC4466 2.5] a list before the item */
static bool modifiers_parse(struct store *st)
{
	const struct imap_arg *arg = imap_args_peek(&st->cmd->args);
	struct imap_args list;

	if (arg == NULL || arg->type != IMAP_LIST)
		return true;
	(void)imap_args_next(&st->cmd->args);
	list = imap_args_of_list(&st->cmd->args, arg);
	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(st->cmd);
		return false;
	}
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!modifier_parse(st, arg, &list))
			return false;
	}
	return true;
}

static bool annotations_parse(struct store *st)
{
	struct imap_args from = st->cmd->args;
	const struct imap_arg *arg = imap_args_next(&st->cmd->args);

	st->request.annotations_max =
		st->cmd->s->set->imap_annotate_max_entries;
	if (arg->type == IMAP_LIST && imap_args_peek(&st->cmd->args) == NULL)
		return imap_annotations_parse(st->cmd,
			imap_args_of_list(&from, arg),
			&st->request.annotations,
			&st->request.annotation_count);
	imap_bad_arguments(st->cmd);
	return false;
}

static bool parse(struct store *st)
{
	struct imap_cmd *cmd = st->cmd;
	const struct imap_arg *arg;
	struct imap_args flags;

	if (!imap_messages_arg(cmd, &st->request.seqs) ||
	    !modifiers_parse(st) ||
	    !item_parse(st))
		return false;
	arg = imap_args_peek(&cmd->args);
	if (arg == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	if (st->annotation)
		return annotations_parse(st);
	flags = cmd->args;
	if (arg->type == IMAP_LIST) {
		(void)imap_args_next(&cmd->args);
		if (!imap_args_end(cmd))
			return false;
		flags = imap_args_of_list(&flags, arg);
	}
	return imap_flags_args(cmd, flags, &st->request.flags,
			       &st->request.keywords);
}

/* A in the order of its numbers, without those of b. */
static struct cv_set without(struct cv_pool *pool, struct cv_set a,
			     struct cv_set b)
{
	struct imap_set_builder left = { .pool = pool };

	if (b.count == 0)
		return a;
	for (uint32_t i = 0; i < a.count; i++) {
		for (uint64_t n = a.ranges[i].first; n <= a.ranges[i].last;
		     n++) {
			if (!cv_set_contains(b, (uint32_t)n))
				imap_set_add(&left, (uint32_t)n);
		}
	}
	return imap_set_built(&left);
}

/* Those that this command has changed: their mod-sequence is new. */
static struct cv_set newer(struct store *st, struct cv_set seqs)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct imap_session *s = st->cmd->s;
	struct imap_set_builder b = { .pool = st->cmd->pool };

	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint64_t n = seqs.ranges[i].first;
		     n <= seqs.ranges[i].last; n++) {
			if (imap_mailbox_api->message(s->box, (uint32_t)n, 0,
						      &data, s->err) == CV_OK &&
			    data.modseq > st->before)
				imap_set_add(&b, (uint32_t)n);
		}
	}
	return imap_set_built(&b);
}

/* [RFC7162 3.1.3] a conditional one tells the mod-sequence even when silent,
 * and what stands in its way; else it goes with all that was changed, as the
 * client must know it to go on. */
static void report(struct store *st, struct cv_set modified)
{
	struct imap_cmd *cmd = st->cmd;
	struct cv_set done = without(cmd->pool, st->request.seqs, modified);

	if (!st->silent)
		cmd->report = done;
	else if (st->conditional)
		cmd->report_modseqs = done;
	else if (imap_enabled(cmd->s, IMAP_ENABLED_CONDSTORE))
		cmd->report_modseqs = newer(st, done);
	cmd->report = imap_set_union(cmd->pool, cmd->report, modified);
}

static int modified_reply(struct imap_cmd *cmd, struct cv_set modified)
{
	struct imap_set_builder uids = { .pool = cmd->pool };
	struct cv_text text;

	if (modified.count == 0)
		return imap_ok(cmd, "Store completed.");
	for (uint32_t i = 0; cmd->uid && i < modified.count; i++) {
		for (uint64_t n = modified.ranges[i].first;
		     n <= modified.ranges[i].last; n++)
			imap_set_add(&uids, imap_mailbox_api->uid_of(
				cmd->s->box, (uint32_t)n));
	}
	cv_text_init(&text, cmd->pool);
	imap_set_format(&text, cmd->uid ? imap_set_built(&uids) : modified);
	return imap_ok(cmd, "[MODIFIED %s] Conditional store failed for some.",
		       cv_text_str(&text));
}

int imap_cmd_store(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	/* silent: what this command does is reported below, by us */
	struct store st = { .cmd = cmd, .request = {
		CV_SIZED(cv_store_request), .silent = true,
		.unchanged_since = UINT64_MAX, .settle_later = true } };
	struct cv_store_request *request = &st.request;
	struct cv_set modified = { NULL, 0 };
	int code;

	if (!parse(&st))
		return 0;
	if (st.conditional)
		imap_condstore_enable(s);
	if (s->readonly)
		return imap_no(cmd, "[NOPERM] Mailbox is read-only.");
	if (request->seqs.count == 0)
		return imap_ok(cmd, "Store completed.");
	imap_limit_cut(cmd, &request->seqs);
	st.before = s->modseq;
	code = imap_mailbox_api->store(s->box, request, cmd->pool, &modified,
				       s->err);
	if (code < 0)
		return st.annotation ? imap_annotations_failed(cmd, code) :
			imap_no_error(cmd, code);
	imap_hold(s);
	imap_contexts_touch(s, request->seqs);
	if ((request->flags & CV_FLAG_DELETED) != 0 &&
	    request->change != CV_FLAGS_REMOVE)
		s->counters.deleted += imap_set_size(request->seqs);
	report(&st, modified);
	return modified_reply(cmd, modified);
}

void imap_store_missed(struct imap_cmd *cmd)
{
	const char *text = cv_text_str(&cmd->text);
	size_t len = strcspn(text, "]");

	if (strncmp(text, "[MODIFIED ", 10) != 0)
		imap_no(cmd, "[EXPUNGEISSUED] Some of the requested messages "
			"no longer exist.");
	else
		/* [RFC7162 3.1.3] */
		imap_no(cmd, "[MODIFIED %s] Some of the requested messages "
			"no longer exist.",
			imap_copy(cmd->pool, cv_span(text + 10, len - 10)));
}
