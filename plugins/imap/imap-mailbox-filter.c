/* imap-mailbox-filter.c - see imap-mailbox-filter.h. */
#include "imap-mailbox-filter.h"
#include "imap-args.h"
#include "imap-respond.h"

enum { NAMES_MAX = 1000 };	/* in one filter */

static const struct {
	const char *word;
	uint32_t kind;
	bool named;
} kinds_known[] = {
	{ "SELECTED", IMAP_FILTER_SELECTED, false },
	{ "SELECTED-DELAYED", IMAP_FILTER_SELECTED_DELAYED, false },
	{ "INBOXES", IMAP_FILTER_INBOXES, false },
	{ "PERSONAL", IMAP_FILTER_PERSONAL, false },
	{ "SUBSCRIBED", IMAP_FILTER_SUBSCRIBED, false },
	{ "SUBTREE", IMAP_FILTER_SUBTREE, true },
	{ "SUBTREE-ONE", IMAP_FILTER_SUBTREE_ONE, true },
	{ "MAILBOXES", IMAP_FILTER_MAILBOXES, true },
};
enum { KINDS = sizeof(kinds_known) / sizeof(kinds_known[0]) };

/* --- reading ------------------------------------------------------------------ */

/* imap_mailbox_arg reads from the command's own arguments. */
static bool name_parse(struct imap_cmd *cmd, struct imap_args *args,
		       const char **name_r)
{
	struct imap_args own = cmd->args;
	bool ok;

	cmd->args = *args;
	ok = imap_mailbox_arg(cmd, name_r);
	*args = cmd->args;
	cmd->args = own;
	return ok;
}

/* [RFC5465 8] one-or-more-mailbox */
static bool names_parse(struct imap_cmd *cmd, struct imap_args *args,
			struct imap_mailbox_filter *filter)
{
	const struct imap_arg *arg = imap_args_peek(args);
	const char **names;
	struct imap_args list;

	if (arg == NULL || arg->type != IMAP_LIST) {
		names = CV_ALLOC_ARRAY(cmd->pool, const char *, 1);
		filter->names = names;
		filter->count = 1;
		return name_parse(cmd, args, &names[0]);
	}
	list = imap_args_of_list(args, imap_args_next(args));
	names = CV_ALLOC_ARRAY(cmd->pool, const char *, NAMES_MAX);
	filter->names = names;
	while (imap_args_peek(&list) != NULL) {
		if (filter->count == NAMES_MAX) {
			imap_no(cmd, "[LIMIT] Too many mailboxes.");
			return false;
		}
		if (!name_parse(cmd, &list, &names[filter->count++]))
			return false;
	}
	if (filter->count == 0)
		imap_bad_arguments(cmd);
	return filter->count > 0;
}

bool imap_mailbox_filter_parse(struct imap_cmd *cmd, struct imap_args *args,
			       uint32_t kinds,
			       struct imap_mailbox_filter *filter_r)
{
	const struct imap_arg *arg = imap_args_next(args);

	*filter_r = (struct imap_mailbox_filter){ 0 };
	for (int i = 0; i < KINDS; i++) {
		if ((kinds_known[i].kind & kinds) == 0 ||
		    !imap_arg_is_atom(arg, kinds_known[i].word))
			continue;
		filter_r->kind = kinds_known[i].kind;
		return !kinds_known[i].named ||
			names_parse(cmd, args, filter_r);
	}
	imap_bad(cmd, "Unknown mailbox filter.");
	return false;
}

/* --- asking ------------------------------------------------------------------- */

bool imap_name_is_within(const char *name, const char *top, char separator,
			 bool one_level)
{
	size_t len = strlen(top);

	if (strncmp(name, top, len) != 0)
		return false;
	if (name[len] == '\0')
		return true;
	return name[len] == separator &&
		(!one_level || strchr(name + len + 1, separator) == NULL);
}

static bool names_match(const struct imap_mailbox_filter *filter,
			const struct imap_filtered *box)
{
	for (uint32_t i = 0; i < filter->count; i++) {
		const char *name = filter->names[i];

		/* [RFC5465 6.6] there are no wildcards */
		if (filter->kind == IMAP_FILTER_MAILBOXES ?
		    strcmp(box->name, name) == 0 :
		    imap_name_is_within(box->name, name, box->separator,
					filter->kind ==
					IMAP_FILTER_SUBTREE_ONE))
			return true;
	}
	return false;
}

bool imap_mailbox_filter_matches(const struct imap_mailbox_filter *filter,
				 const struct imap_filtered *box)
{
	switch (filter->kind) {
	case IMAP_FILTER_SELECTED:
	case IMAP_FILTER_SELECTED_DELAYED:
		return false;
	/* [RFC5465 6.3] nobody knows which of them Sieve delivers to */
	case IMAP_FILTER_INBOXES:
	case IMAP_FILTER_PERSONAL:
		return box->personal;
	case IMAP_FILTER_SUBSCRIBED:
		return box->subscribed;
	default:
		return names_match(filter, box);
	}
}

bool imap_name_is_personal(struct imap_session *s, const char *name)
{
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	size_t best = 0;
	bool found = false, personal = false;

	for (uint32_t i = 0; imap_user_api->namespace_at(s->user, i, &ns) ==
	     CV_OK; i++) {
		size_t len = strlen(ns.prefix);

		if (ns.is_inbox && strcmp(name, "INBOX") == 0)
			return ns.type == CV_NAMESPACE_PRIVATE;
		if (strncmp(name, ns.prefix, len) != 0 ||
		    (found && len <= best))
			continue;
		found = true;
		best = len;
		personal = ns.type == CV_NAMESPACE_PRIVATE;
	}
	return personal;
}

/* --- all that match --------------------------------------------------------------- */

/* What LIST is asked for: everything, when a filter is not about names; and
 * by their names those that "*" does not show. */
static void patterns_make(struct imap_cmd *cmd,
			  const struct imap_mailbox_filter *filters,
			  uint32_t count, struct cv_list_query *query)
{
	uint32_t room = 1, n = 0, others = 0;
	const char **patterns;

	for (uint32_t i = 0; i < count; i++)
		room += 2 * filters[i].count;
	patterns = CV_ALLOC_ARRAY(cmd->pool, const char *, room);
	for (uint32_t i = 0; i < count; i++) {
		const struct imap_mailbox_filter *f = &filters[i];

		others |= f->kind & (IMAP_FILTER_INBOXES |
				     IMAP_FILTER_PERSONAL |
				     IMAP_FILTER_SUBSCRIBED);
		for (uint32_t k = 0; k < f->count; k++) {
			struct cv_text below;

			patterns[n++] = f->names[k];
			if (f->kind == IMAP_FILTER_MAILBOXES)
				continue;
			cv_text_init(&below, cmd->pool);
			cv_text_append_str(&below, f->names[k]);
			cv_text_append_c(&below, imap_separator(
						 cmd->s, f->names[k]));
			cv_text_append_c(&below, '*');
			patterns[n++] = cv_text_str(&below);
		}
	}
	if (others != 0)
		patterns[n++] = "*";
	/* nobody else's mail is asked for in vain */
	if (others != 0 && n == 1 && (others & IMAP_FILTER_SUBSCRIBED) == 0)
		query->options |= CV_LIST_PRIVATE;
	query->patterns = patterns;
	query->pattern_count = n;
}

static bool is_wanted(struct imap_cmd *cmd,
		      const struct imap_mailbox_filter *filters,
		      uint32_t count, const struct cv_list_entry *entry)
{
	const struct imap_filtered box = {
		entry->name, entry->separator,
		.personal = imap_name_is_personal(cmd->s, entry->name),
		.subscribed = (entry->attributes & CV_MAILBOX_SUBSCRIBED) != 0,
	};

	/* [RFC5465 6.2, 6.5] selectable ones */
	if ((entry->attributes & (CV_MAILBOX_NOSELECT |
				  CV_MAILBOX_NONEXISTENT)) != 0)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (imap_mailbox_filter_matches(&filters[i], &box))
			return true;
	}
	return false;
}

int imap_mailbox_filter_expand(struct imap_cmd *cmd,
			       const struct imap_mailbox_filter *filters,
			       uint32_t count, uint32_t max,
			       const char ***names_r, uint32_t *count_r)
{
	struct imap_session *s = cmd->s;
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .options = CV_LIST_RETURN_SUBSCRIBED };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	uint32_t room = 16;
	int code;

	*count_r = 0;
	*names_r = CV_ALLOC_ARRAY(cmd->pool, const char *, room);
	patterns_make(cmd, filters, count, &query);
	if (query.pattern_count == 0)
		return CV_OK;
	code = imap_mailbox_api->list_begin(s->user, &query, &list, s->err);
	if (code < 0)
		return code;
	while ((code = imap_mailbox_api->list_next(list, &entry, s->err)) ==
	       CV_OK) {
		if (!is_wanted(cmd, filters, count, &entry))
			continue;
		if (*count_r == max) {
			code = CV_FAIL(s->err, CV_E_LIMIT, "more than %u "
				       "mailboxes", max);
			break;
		}
		if (*count_r == room) {
			const char **more = CV_ALLOC_ARRAY(
				cmd->pool, const char *, 2 * room);

			memcpy(more, *names_r, room * sizeof(*more));
			*names_r = more;
			room *= 2;
		}
		(*names_r)[(*count_r)++] = imap_copy(
			cmd->pool, cv_span_of(entry.name));
	}
	imap_mailbox_api->list_end(&list);
	/* what could not be read hides nothing else */
	return code == CV_E_LIMIT ? code : CV_OK;
}
