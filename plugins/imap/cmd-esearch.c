/* cmd-esearch.c - ESEARCH [RFC7377]: a search in many mailboxes.
 *
 * The program is read anew for each of them, since numbers, "*" and filters
 * mean what they mean there; the session has the mailbox for that time as if
 * it was selected. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-limit.h"
#include "imap-mailbox-filter.h"
#include "imap-modseq.h"
#include "imap-respond.h"

#include <stdlib.h>

enum {
	SOURCES_MAX = 100,
	BOXES_MAX = 10000,	/* [RFC7377 2.4] */
	KINDS = IMAP_FILTER_SELECTED | IMAP_FILTER_INBOXES |
		IMAP_FILTER_PERSONAL | IMAP_FILTER_SUBSCRIBED |
		IMAP_FILTER_SUBTREE | IMAP_FILTER_SUBTREE_ONE |
		IMAP_FILTER_MAILBOXES,
};

struct esearch {
	struct imap_cmd *cmd;
	struct imap_return ret;
	struct imap_args program;
	bool selected;			/* it is one of them */
	const char *selected_name;	/* NULL: there is none */
	const char **names;		/* of the others, each once */
	uint32_t count;
	bool cut;			/* MESSAGELIMIT was met */
	int failed;			/* of a mailbox; CV_OK: none */
};

/* --- which ---------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* [RFC7377 2.2] duplicates are searched once; so is the selected one. */
static void names_unique(struct esearch *e)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < e->count; i++) {
		if (cv_span_is_icase(cv_span_of(e->names[i]), "INBOX"))
			e->names[i] = "INBOX";
	}
	qsort(e->names, e->count, sizeof(*e->names), by_name);
	for (uint32_t i = 0; i < e->count; i++) {
		const char *name = e->names[i];

		if (e->selected_name != NULL &&
		    strcmp(name, e->selected_name) == 0)
			e->selected = true;
		else if (to == 0 || strcmp(e->names[to - 1], name) != 0)
			e->names[to++] = name;
	}
	e->count = to;
}

/* Those that are named need no right to be listed [RFC7377 2.2]. */
static bool names_find(struct esearch *e,
		       const struct imap_mailbox_filter *filters,
		       uint32_t count)
{
	struct imap_cmd *cmd = e->cmd;
	uint32_t found, named = 0;
	const char **names, **all;
	int code = imap_mailbox_filter_expand(cmd, filters, count, BOXES_MAX,
					      &names, &found);

	if (code == CV_E_LIMIT) {
		imap_no(cmd, "[LIMIT] More than %d mailboxes.", BOXES_MAX);
		return false;
	}
	if (code < 0) {
		imap_no_error(cmd, code);
		return false;
	}
	for (uint32_t i = 0; i < count; i++)
		named += filters[i].kind == IMAP_FILTER_MAILBOXES ?
			filters[i].count : 0;
	all = CV_ALLOC_ARRAY(cmd->pool, const char *,
			     (size_t)found + named + 1);
	memcpy(all, names, sizeof(*all) * found);
	for (uint32_t i = 0; i < count; i++) {
		if (filters[i].kind != IMAP_FILTER_MAILBOXES)
			continue;
		memcpy(all + found, filters[i].names,
		       sizeof(*all) * filters[i].count);
		found += filters[i].count;
	}
	e->names = all;
	e->count = found;
	names_unique(e);
	return true;
}

/* [RFC7377 4] esearch-source-opts; there are no scope options */
static bool sources_parse(struct esearch *e)
{
	struct imap_cmd *cmd = e->cmd;
	struct imap_mailbox_filter *filters;
	struct imap_args list;
	uint32_t count = 0;
	bool given;

	e->selected = true;
	if (!imap_word_and_list(cmd, "IN", &given, &list))
		return false;
	if (!given)
		return true;
	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	e->selected = false;
	filters = CV_ALLOC_ARRAY(cmd->pool, struct imap_mailbox_filter,
				 SOURCES_MAX);
	while (imap_args_peek(&list) != NULL) {
		if (count == SOURCES_MAX) {
			imap_no(cmd, "[LIMIT] Too many sources.");
			return false;
		}
		if (!imap_mailbox_filter_parse(cmd, &list, KINDS,
					       &filters[count]))
			return false;
		if (filters[count].kind == IMAP_FILTER_SELECTED)
			e->selected = true;
		else
			count++;
	}
	return names_find(e, filters, count);
}

static bool parse(struct esearch *e)
{
	struct imap_cmd *cmd = e->cmd;
	struct imap_session *s = cmd->s;
	bool has_modseq;

	if (s->box != NULL) {
		struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

		imap_mailbox_api->state(s->box, &state);
		e->selected_name = imap_copy(cmd->pool,
					     cv_span_of(state.name));
	}
	if (!sources_parse(e) || !imap_return_parse(cmd, &e->ret))
		return false;
	/* [RFC7377 2.1] */
	if (!e->ret.given)
		e->ret.options = IMAP_RETURN_ALL;
	e->ret.given = true;
	e->program = cmd->args;
	if (!imap_search_validate(cmd, &has_modseq))
		return false;
	/* [RFC7377 2.2] */
	if (s->box == NULL && (e->selected || cmd->live)) {
		imap_bad(cmd, "No mailbox selected.");
		return false;
	}
	if ((e->ret.options & IMAP_RETURN_SAVE) != 0 &&
	    (!e->selected || e->count > 0)) {
		imap_bad(cmd, "SAVE is for the selected mailbox alone.");
		return false;
	}
	/* [RFC6203 4] scores of several mailboxes cannot be compared */
	if ((e->ret.options & IMAP_RETURN_RELEVANCY) != 0) {
		imap_bad(cmd, "RELEVANCY is for the selected mailbox alone.");
		return false;
	}
	if (!imap_context_allowed(cmd, &e->ret))
		return false;
	if (has_modseq)
		imap_condstore_enable(s);
	return true;
}

/* --- one mailbox ---------------------------------------------------------- */

static struct cv_span wire_name(struct imap_cmd *cmd, const char *name)
{
	struct cv_text text;

	cv_text_init(&text, cmd->pool);
	imap_append_mailbox(cmd, &text, name);
	return cv_text_span(&text);
}

/* " MAILBOX folder1 UIDVALIDITY 1" */
static struct cv_span correlators(struct imap_cmd *cmd, struct cv_span name,
				  uint32_t uidvalidity)
{
	struct cv_text text;

	cv_text_init(&text, cmd->pool);
	cv_text_append_str(&text, " MAILBOX ");
	cv_text_append_span(&text, name);
	cv_text_append_str(&text, " UIDVALIDITY ");
	cv_text_append_u64(&text, uidvalidity);
	return cv_text_span(&text);
}

static void tell(struct esearch *e, const struct cv_mailbox_state *state,
		 const struct imap_program *program, struct cv_set seqs)
{
	struct imap_cmd *cmd = e->cmd;
	struct imap_return *ret = &e->ret;
	struct imap_results found = { seqs.ranges, seqs.count,
				      imap_set_size(seqs), 0, NULL };
	struct imap_results results = imap_results_of_set(cmd, seqs);
	struct cv_span name = wire_name(cmd, state->name);

	if ((ret->options & IMAP_RETURN_SAVE) != 0)
		imap_saved_set(cmd, ret, found);
	results.modseq = imap_results_modseq(cmd, ret, seqs);
	/* [RFC7377 2.1] nothing for a mailbox without matches */
	if (seqs.count > 0 && ret->options != IMAP_RETURN_SAVE)
		imap_esearch_send(cmd, ret, results, true, name,
				  state->uidvalidity);
	/* [RFC7377 2.2] UPDATE is of the selected one */
	if (program != NULL)
		imap_context_begin(cmd, ret, program, found,
				   correlators(cmd, name,
					       state->uidvalidity));
}

/* In s->box, which may be another one than the client's. */
static int search(struct esearch *e, const struct cv_mailbox_state *state,
		  bool selected)
{
	struct imap_cmd *cmd = e->cmd;
	struct imap_session *s = cmd->s;
	struct imap_program program = { .sorting = { .count = 0 } };
	struct cv_search_query query;
	struct cv_set seqs = { NULL, 0 };
	int code;

	cmd->args = e->program;
	if (!imap_search_parse(cmd, &program.query))
		return CV_DECLINED;
	query = program.query;
	code = s->exists == 0 ? CV_OK : imap_limit_search(cmd, &query);
	if (code >= 0 && s->exists > 0)
		code = imap_mailbox_api->search(s->box, &query, cmd->pool,
						&seqs, s->err);
	if (code < 0)
		return code;
	/* [RFC9738] it has one UID; many mailboxes have none in common */
	if (cmd->limit != 0 && e->count > 0) {
		e->cut = true;
		cmd->limit = 0;
	}
	seqs = imap_set_clip(cmd->pool, seqs, s->exists);
	tell(e, state, selected ? &program : NULL, seqs);
	return CV_OK;
}

static int search_selected(struct esearch *e)
{
	struct imap_session *s = e->cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	imap_mailbox_api->state(s->box, &state);
	state.name = e->selected_name;
	return search(e, &state, true);
}

/* [RFC7377 2.2] those that are not there, or that the user may not read, are
 * passed over. */
static int search_other(struct esearch *e, const char *name)
{
	struct imap_session *s = e->cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct cv_mailbox *own = s->box, *box;
	struct cv_set saved = s->saved;
	uint32_t exists = s->exists;
	int code = imap_mailbox_api->open(s->user, name, CV_MAILBOX_READONLY,
					  &box, s->err);

	if (code == CV_E_NOT_FOUND || code == CV_E_DENIED ||
	    code == CV_E_SYNTAX)
		return CV_OK;
	if (code < 0)
		return code;
	imap_mailbox_api->state(box, &state);
	/* a view's texts are gone with its next call */
	state.name = imap_copy(e->cmd->pool, cv_span_of(state.name));
	s->box = box;
	s->exists = state.messages;
	s->saved = (struct cv_set){ NULL, 0 };	/* of the selected one */
	code = state.messages == 0 ? CV_OK : search(e, &state, false);
	s->box = own;
	s->exists = exists;
	s->saved = saved;
	imap_mailbox_api->close(&box);
	return code;
}

/* --- all of them ---------------------------------------------------------- */

/* CV_DECLINED: the reply is set, and nothing more is to be done. */
static int search_all(struct esearch *e)
{
	struct imap_session *s = e->cmd->s;
	int code = CV_OK;

	e->cmd->boxes_total = e->count;
	if (e->selected)
		code = search_selected(e);
	for (uint32_t i = 0; i < e->count && code != CV_DECLINED; i++) {
		if (imap_connection_api->failed(s->conn))
			return CV_E_TEMP;
		/* the others are searched all the same */
		if (code < 0)
			e->failed = code;
		e->cmd->boxes_done = i;
		code = search_other(e, e->names[i]);
	}
	if (code < 0)
		e->failed = code;
	return code == CV_DECLINED ? code : CV_OK;
}

static int run(struct esearch *e)
{
	struct imap_cmd *cmd = e->cmd;
	int code = search_all(e);

	if (code != CV_OK)
		return code == CV_DECLINED ? 0 : code;
	if (e->failed < 0)
		return imap_no_error(cmd, e->failed);
	if (cmd->live && !e->selected)
		imap_context_refuse(cmd, "The selected mailbox is not "
				    "searched");
	if (cmd->reply != IMAP_REPLY_NONE)
		return 0;
	/* [RFC7377 2.4] */
	return imap_ok(cmd, e->cut ? "[LIMIT] Not all messages were searched."
		       : "Search completed.");
}

int imap_cmd_esearch(struct imap_cmd *cmd)
{
	struct esearch e = { .cmd = cmd, .failed = CV_OK };
	int code = 0;

	/* [RFC7377 2.1] UIDs, and numbers may be higher than there are */
	cmd->uid = true;
	cmd->beyond = true;
	if (parse(&e))
		code = run(&e);
	if (cmd->reply == IMAP_NO && (e.ret.options & IMAP_RETURN_SAVE) != 0)
		imap_saved_clear(cmd->s);
	return code;
}
