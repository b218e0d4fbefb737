/* imap-notify-parse.c - the groups of NOTIFY SET [RFC5465 8]. */
#include "imap-notify.h"
#include "imap-args.h"
#include "imap-fetch.h"
#include "imap-respond.h"

static const struct { const char *name; uint32_t bit; } events[] = {
	{ "MessageNew", IMAP_EVENT_MESSAGE_NEW },
	{ "MessageExpunge", IMAP_EVENT_MESSAGE_EXPUNGE },
	{ "FlagChange", IMAP_EVENT_FLAG_CHANGE },
	{ "AnnotationChange", IMAP_EVENT_ANNOTATION_CHANGE },
	{ "MailboxName", IMAP_EVENT_MAILBOX_NAME },
	{ "SubscriptionChange", IMAP_EVENT_SUBSCRIPTION_CHANGE },
	{ "MailboxMetadataChange", IMAP_EVENT_MAILBOX_METADATA_CHANGE },
	{ "ServerMetadataChange", IMAP_EVENT_SERVER_METADATA_CHANGE },
};
enum { EVENTS = sizeof(events) / sizeof(events[0]) };

struct imap_notify *imap_notify_create(void)
{
	struct cv_pool *pool = cv_api->pool_create("notify");
	struct imap_notify *n = CV_ALLOC(pool, struct imap_notify);

	n->pool = pool;
	n->own_pool = cv_api->pool_create("notify own");
	n->watch_stale = true;
	return n;
}

void imap_notify_destroy(struct imap_notify **n)
{
	struct cv_pool *pool;

	if (*n == NULL)
		return;
	pool = (*n)->pool;
	if ((*n)->known_pool != NULL)
		cv_api->pool_destroy(&(*n)->known_pool);
	cv_api->pool_destroy(&(*n)->own_pool);
	cv_api->pool_destroy(&pool);
	*n = NULL;
}

uint32_t imap_notify_events(const struct imap_notify *n,
			    const struct imap_filtered *box)
{
	uint32_t bits = 0;

	/* [RFC5465 6] several groups may apply to one mailbox */
	for (uint32_t i = 0; i < n->count; i++) {
		if (imap_mailbox_filter_matches(&n->groups[i].filter, box))
			bits |= n->groups[i].events;
	}
	return bits;
}

void imap_notify_append_events(struct cv_text *dst)
{
	for (int i = 0; i < EVENTS; i++) {
		cv_text_append_c(dst, i == 0 ? '(' : ' ');
		cv_text_append_str(dst, events[i].name);
	}
	cv_text_append_c(dst, ')');
}

struct imap_args imap_notify_items_copy(struct cv_pool *pool,
					struct imap_args items)
{
	uint32_t count = items.end - items.at;
	struct imap_arg *copy = CV_ALLOC_ARRAY(pool, struct imap_arg,
					       count + 1);

	for (uint32_t i = 0; i < count; i++) {
		copy[i] = items.all[items.at + i];
		copy[i].end -= copy[i].type == IMAP_LIST ? items.at : 0;
		copy[i].text = cv_span(imap_copy(pool, copy[i].text),
				       copy[i].text.len);
	}
	return (struct imap_args){ copy, 0, count };
}

/* --- events ------------------------------------------------------------------- */

/* [RFC5465 3.1] unsupported: NO, never BAD, and those that there are */
static bool bad_event(struct imap_cmd *cmd)
{
	struct cv_text list;

	cv_text_init(&list, cmd->pool);
	imap_notify_append_events(&list);
	imap_no(cmd, "[BADEVENT %s] Unsupported event.",
		cv_text_str(&list));
	return false;
}

/* [RFC5465 8] the list of what is told of new messages is for the open
 * mailbox only. */
static bool items_parse(struct imap_cmd *cmd, struct imap_notify *n,
			const struct imap_mailbox_filter *filter,
			struct imap_args *list)
{
	const struct imap_arg *arg = imap_args_peek(list);
	struct imap_fetch fetch = { .item_count = 0 };
	struct imap_args items;

	if (arg == NULL || arg->type != IMAP_LIST)
		return true;
	items = imap_args_of_list(list, imap_args_next(list));
	if ((filter->kind & IMAP_FILTERS_SELECTED) == 0) {
		imap_bad(cmd, "Items of new messages are for the selected "
			 "mailbox.");
		return false;
	}
	if (!imap_fetch_parse_items(cmd, &fetch, items))
		return false;
	n->items = imap_notify_items_copy(n->pool, items);
	return true;
}

static bool event_parse(struct imap_cmd *cmd, struct imap_notify *n,
			struct imap_notify_group *group,
			struct imap_args *list)
{
	const struct imap_arg *arg = imap_args_next(list);
	int at = 0;

	if (arg->type != IMAP_ATOM) {
		imap_bad_arguments(cmd);
		return false;
	}
	while (at < EVENTS && !imap_arg_is_atom(arg, events[at].name))
		at++;
	if (at == EVENTS)
		return bad_event(cmd);
	group->events |= events[at].bit;
	return events[at].bit != IMAP_EVENT_MESSAGE_NEW ||
		items_parse(cmd, n, &group->filter, list);
}

/* [RFC5465 5, 6.1] */
static bool events_check(struct imap_cmd *cmd,
			 const struct imap_notify_group *group)
{
	const uint32_t both = IMAP_EVENT_MESSAGE_NEW |
		IMAP_EVENT_MESSAGE_EXPUNGE;
	const uint32_t needing = IMAP_EVENT_FLAG_CHANGE |
		IMAP_EVENT_ANNOTATION_CHANGE;

	if ((group->events & both) != 0 && (group->events & both) != both)
		imap_bad(cmd, "MessageNew and MessageExpunge belong "
			 "together.");
	else if ((group->events & needing) != 0 &&
		 (group->events & both) != both)
		imap_bad(cmd, "FlagChange and AnnotationChange need "
			 "MessageNew and MessageExpunge.");
	else if ((group->filter.kind & IMAP_FILTERS_SELECTED) != 0 &&
		 (group->events & ~(uint32_t)IMAP_EVENTS_MESSAGE) != 0)
		imap_bad(cmd, "Only events of messages are for the selected "
			 "mailbox.");
	else
		return true;
	return false;
}

static bool events_parse(struct imap_cmd *cmd, struct imap_notify *n,
			 struct imap_notify_group *group,
			 struct imap_args *args)
{
	const struct imap_arg *arg = imap_args_next(args);
	struct imap_args list;

	if (imap_args_peek(args) == NULL && imap_arg_is_atom(arg, "NONE"))
		return true;
	if (arg == NULL || arg->type != IMAP_LIST ||
	    imap_args_peek(args) != NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	list = imap_args_of_list(args, arg);
	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	while (imap_args_peek(&list) != NULL) {
		if (!event_parse(cmd, n, group, &list))
			return false;
	}
	return events_check(cmd, group);
}

/* --- groups ------------------------------------------------------------------- */

static void names_keep(struct imap_notify *n, struct imap_mailbox_filter *f)
{
	const char **names = CV_ALLOC_ARRAY(n->pool, const char *,
					    f->count + 1);

	for (uint32_t i = 0; i < f->count; i++)
		names[i] = imap_copy(n->pool, cv_span_of(f->names[i]));
	f->names = names;
}

static bool group_parse(struct imap_cmd *cmd, struct imap_notify *n,
			struct imap_args args, bool *has_selected)
{
	struct imap_notify_group *group = &n->groups[n->count];

	if (!imap_mailbox_filter_parse(cmd, &args, UINT32_MAX,
				       &group->filter) ||
	    !events_parse(cmd, n, group, &args))
		return false;
	if ((group->filter.kind & IMAP_FILTERS_SELECTED) == 0) {
		names_keep(n, &group->filter);
		n->any |= group->events;
		n->count++;
		return true;
	}
	/* [RFC5465 6.1] */
	if (*has_selected) {
		imap_bad(cmd, "Only one filter may be for the selected "
			 "mailbox.");
		return false;
	}
	*has_selected = true;
	n->selected = group->events;
	n->delayed = group->filter.kind == IMAP_FILTER_SELECTED_DELAYED;
	*group = (struct imap_notify_group){ .events = 0 };
	return true;
}

static bool groups_parse(struct imap_cmd *cmd, struct imap_notify *n)
{
	const struct imap_arg *arg;
	bool has_selected = false;
	uint32_t names = 0;

	if (imap_args_peek(&cmd->args) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	n->groups = CV_ALLOC_ARRAY(n->pool, struct imap_notify_group,
				   IMAP_NOTIFY_GROUPS_MAX + 1);
	while ((arg = imap_args_next(&cmd->args)) != NULL) {
		uint32_t before = n->count;

		if (arg->type != IMAP_LIST) {
			imap_bad_arguments(cmd);
			return false;
		}
		if (!group_parse(cmd, n, imap_args_of_list(&cmd->args, arg),
				 &has_selected))
			return false;
		if (n->count > before)
			names += n->groups[before].filter.count;
		/* [RFC5465 3.1] too complex */
		if (n->count > IMAP_NOTIFY_GROUPS_MAX ||
		    names > IMAP_NOTIFY_NAMES_MAX) {
			imap_no(cmd, "[NOTIFICATIONOVERFLOW] Too many "
				"mailboxes are named.");
			return false;
		}
	}
	return true;
}

struct imap_notify *imap_notify_parse(struct imap_cmd *cmd)
{
	struct imap_notify *n = imap_notify_create();

	if (!groups_parse(cmd, n))
		imap_notify_destroy(&n);
	return n;
}
