/* imap-notify-diff.c - what has become of the mailboxes since the client heard
 * of them [RFC5465 5].
 *
 * INVARIANT: both lists are sorted by name.  Nothing that the user may not
 * look up is told of, but that it is gone. */
#include "imap-notify.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-list.h"
#include "imap-respond.h"

enum {
	NAMES_TOLD_MAX = 100,		/* LIST responses at once */
	MOVED_MAX = 2000,		/* names that came or went at once */
};

struct diff {
	struct imap_cmd *cmd;
	const struct imap_notify *n;
	/* names that went and that came */
	const struct imap_known **gone, **come;
	uint32_t gone_count, come_count;
	const char *told[NAMES_TOLD_MAX];
	uint32_t told_count;
	bool overflow;
};

static bool visible(const struct imap_known *k)
{
	const uint32_t both = CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP;

	return k != NULL && (k->flags & both) == both;
}

/* [RFC5465 5] all events need l and r. */
static bool readable(const struct imap_known *k)
{
	return visible(k) && (k->flags & CV_PICTURE_READ) != 0;
}

static bool same_box(const struct imap_known *a, const struct imap_known *b)
{
	return memcmp(a->guid, b->guid, sizeof(a->guid)) == 0;
}

bool imap_notify_is_open(const struct imap_session *s,
			 const struct imap_known *k)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	if (s->box == NULL || (k->flags & CV_PICTURE_EXISTS) == 0)
		return false;
	imap_mailbox_api->state(s->box, &state);
	return memcmp(state.guid, k->guid, sizeof(k->guid)) == 0;
}

/* --- looking -------------------------------------------------------------------- */

static void take(struct imap_notify *n, struct cv_pool *pool,
		 const struct cv_mailbox_picture *p, struct imap_known *known,
		 uint32_t *count)
{
	const struct imap_filtered box = {
		p->name, p->separator,
		.personal = p->namespace_type == CV_NAMESPACE_PRIVATE,
		.subscribed = (p->flags & CV_PICTURE_SUBSCRIBED) != 0,
	};
	uint32_t events = imap_notify_events(n, &box);
	struct imap_known *k = &known[*count];

	/* what it is called may matter though it is not in a filter: it may
	 * have been renamed to there */
	if (events == 0 && (n->any & IMAP_EVENT_MAILBOX_NAME) == 0)
		return;
	*k = (struct imap_known){
		.name = imap_copy(pool, cv_span_of(p->name)),
		.separator = p->separator, .flags = p->flags,
		.events = events, .messages = p->messages,
		.uidnext = p->uidnext, .uidvalidity = p->uidvalidity,
		.unseen = p->unseen, .modseq = p->highestmodseq,
	};
	memcpy(k->guid, p->guid, sizeof(k->guid));
	(*count)++;
}

int imap_notify_look(struct imap_session *s, struct imap_notify *n,
		     struct imap_known **known_r, uint32_t *count_r,
		     struct cv_pool **pool_r)
{
	const struct cv_mailbox_picture **pictures;
	struct cv_pool *pool = cv_api->pool_create("notify known");
	struct cv_pool *all = cv_api->pool_create("notify pictures");
	uint32_t count;
	int code = imap_mailbox_api->pictures(s->user, &n->turn, all,
					      &pictures, &count, s->err);

	*count_r = 0;
	if (code == CV_OK && count > IMAP_NOTIFY_KNOWN_MAX)
		code = CV_FAIL(s->err, CV_E_LIMIT, "%u mailboxes are too "
			       "many", count);
	if (code == CV_OK) {
		*known_r = CV_ALLOC_ARRAY(pool, struct imap_known, count + 1);
		for (uint32_t i = 0; i < count; i++)
			take(n, pool, pictures[i], *known_r, count_r);
	}
	cv_api->pool_destroy(&all);
	if (code != CV_OK)
		cv_api->pool_destroy(&pool);
	*pool_r = pool;
	return code;
}

/* --- names ---------------------------------------------------------------------- */

/* What the client did itself it knows [RFC5465 5]. */
static bool is_own(const struct diff *d, const char *name)
{
	for (const struct imap_own *own = d->n->own; own != NULL;
	     own = own->next) {
		if (own->named && strcmp(own->name, name) == 0)
			return true;
	}
	return false;
}

/* Each name once; false: too many. */
static bool may_tell(struct diff *d, const char *name)
{
	for (uint32_t i = 0; i < d->told_count; i++) {
		if (strcmp(d->told[i], name) == 0)
			return false;
	}
	if (d->told_count == NAMES_TOLD_MAX) {
		d->overflow = true;
		return false;
	}
	d->told[d->told_count++] = name;
	return true;
}

static void tell_name(struct diff *d, const struct imap_known *k,
		      const char *old_name, bool no_access)
{
	if (may_tell(d, k->name))
		imap_list_send_news(d->cmd, k->name, old_name, no_access,
				    (k->flags & CV_PICTURE_SUBSCRIBED) != 0);
}

/* [RFC5465 5.4] its direct parent is affected, too. */
static void tell_parent(struct diff *d, const struct imap_known *k)
{
	const char *end = strrchr(k->name, k->separator);
	struct imap_filtered box;
	char *parent;

	if (end == NULL || end == k->name || is_own(d, k->name))
		return;
	parent = imap_copy(d->cmd->pool, cv_span(k->name,
						 (size_t)(end - k->name)));
	box = (struct imap_filtered){ parent, k->separator,
		.personal = imap_name_is_personal(d->cmd->s, parent) };
	if ((imap_notify_events(d->n, &box) & IMAP_EVENT_MAILBOX_NAME) != 0 &&
	    may_tell(d, parent))
		imap_list_send_news(d->cmd, parent, NULL, false, false);
}

/* What it was called; NULL: it is new. */
static const struct imap_known *renamed_from(const struct diff *d,
					     const struct imap_known *k)
{
	for (uint32_t i = 0; i < d->gone_count; i++) {
		if (visible(d->gone[i]) && same_box(d->gone[i], k))
			return d->gone[i];
	}
	return NULL;
}

static bool is_renamed(const struct diff *d, const struct imap_known *gone)
{
	for (uint32_t i = 0; i < d->come_count; i++) {
		if (visible(d->come[i]) && same_box(d->come[i], gone))
			return true;
	}
	return false;
}

/* [RFC5465 5.4] nothing is told of those that were renamed with what they are
 * below of. */
static bool goes_with_parent(const struct diff *d,
			     const struct imap_known *from,
			     const struct imap_known *to)
{
	for (uint32_t i = 0; i < d->come_count; i++) {
		const struct imap_known *new = d->come[i];
		size_t len = strlen(new->name), old_len;
		const struct imap_known *old;

		if (new == to || strncmp(new->name, to->name, len) != 0 ||
		    to->name[len] != to->separator)
			continue;
		old = renamed_from(d, new);
		old_len = old == NULL ? 0 : strlen(old->name);
		if (old != NULL &&
		    strncmp(old->name, from->name, old_len) == 0 &&
		    strcmp(from->name + old_len, to->name + len) == 0)
			return true;
	}
	return false;
}

static void tell_come(struct diff *d, const struct imap_known *k)
{
	const struct imap_known *old = renamed_from(d, k);
	uint32_t events = k->events | (old == NULL ? 0 : old->events);

	if ((events & IMAP_EVENT_MAILBOX_NAME) == 0 || is_own(d, k->name))
		return;
	if (old == NULL) {
		tell_name(d, k, NULL, false);
		tell_parent(d, k);
	} else if (!goes_with_parent(d, old, k)) {
		tell_name(d, k, old->name, false);
	}
}

static void tell_gone(struct diff *d, const struct imap_known *k,
		      const struct imap_known *now)
{
	if ((k->events & IMAP_EVENT_MAILBOX_NAME) != 0) {
		if (is_own(d, k->name) || is_renamed(d, k))
			return;
		tell_name(d, k, NULL, false);
		tell_parent(d, k);
	} else if ((k->events & IMAP_EVENTS_MESSAGE) != 0 &&
		   ((now != NULL && (now->flags & CV_PICTURE_EXISTS) != 0) ||
		    !imap_name_is_personal(d->cmd->s, k->name))) {
		/* [RFC5465 5.9] the right l was taken away; of others' mail
		 * nobody says whether it was that */
		tell_name(d, k, NULL, true);
	}
}

/* --- messages --------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t item;
} status_items[] = {
	{ "MESSAGES", CV_STATUS_MESSAGES },
	{ "UIDNEXT", CV_STATUS_UIDNEXT },
	{ "UIDVALIDITY", CV_STATUS_UIDVALIDITY },
	{ "UNSEEN", CV_STATUS_UNSEEN },
	{ "HIGHESTMODSEQ", CV_STATUS_HIGHESTMODSEQ },
};

static uint64_t status_value(const struct imap_known *k, uint32_t item)
{
	switch (item) {
	case CV_STATUS_MESSAGES:
		return k->messages;
	case CV_STATUS_UIDNEXT:
		return k->uidnext;
	case CV_STATUS_UIDVALIDITY:
		return k->uidvalidity;
	case CV_STATUS_UNSEEN:
		return k->unseen;
	default:
		return k->modseq;
	}
}

void imap_notify_status(struct imap_cmd *cmd, const struct imap_known *k,
			uint32_t items)
{
	struct cv_text *out = &cmd->s->out;
	bool first = true;

	cv_text_append_str(out, "* STATUS ");
	imap_append_mailbox(cmd, out, k->name);
	for (size_t i = 0; i < sizeof(status_items) / sizeof(status_items[0]);
	     i++) {
		if ((items & status_items[i].item) == 0)
			continue;
		cv_text_append_str(out, first ? " (" : " ");
		first = false;
		cv_text_append_str(out, status_items[i].name);
		cv_text_append_c(out, ' ');
		cv_text_append_u64(out, status_value(k,
						     status_items[i].item));
	}
	cv_text_append_str(out, ")\r\n");
	imap_flush(cmd->s);
}

/* [RFC5465 5.1, 5.2, 5.3] 0: nothing is told. */
static uint32_t items_of(const struct imap_session *s,
			 const struct imap_known *old,
			 const struct imap_known *now)
{
	bool condstore = (s->enabled & IMAP_ENABLED_CONDSTORE) != 0;
	bool flags = (now->events & (IMAP_EVENT_FLAG_CHANGE |
				     IMAP_EVENT_ANNOTATION_CHANGE)) != 0;
	uint32_t items = 0;

	if ((now->events & IMAP_EVENTS_MESSAGE) == 0)
		return 0;
	if (old == NULL || old->uidvalidity != now->uidvalidity ||
	    !same_box(old, now)) {
		if (old == NULL && now->messages == 0)
			return 0;
		items = CV_STATUS_MESSAGES | CV_STATUS_UIDNEXT |
			CV_STATUS_UIDVALIDITY;
	} else if (old->messages != now->messages ||
		   old->uidnext != now->uidnext) {
		items = CV_STATUS_MESSAGES | CV_STATUS_UIDNEXT;
	} else if (flags && condstore && old->modseq != now->modseq) {
		items = CV_STATUS_UIDVALIDITY;
	}
	if (flags && (old == NULL || old->unseen != now->unseen))
		items |= CV_STATUS_UNSEEN | CV_STATUS_UIDVALIDITY;
	if (items != 0 && condstore)
		items |= CV_STATUS_HIGHESTMODSEQ;
	return items;
}

/* What came of this session, and nothing else did. */
static bool is_own_news(const struct imap_notify *n,
			const struct imap_known *old,
			const struct imap_known *now)
{
	uint32_t messages = 0, last = 0;

	for (const struct imap_own *own = n->own; own != NULL;
	     own = own->next) {
		if (own->named || strcmp(own->name, now->name) != 0)
			continue;
		messages += own->messages;
		if (own->last_uid > last)
			last = own->last_uid;
	}
	return messages > 0 && old != NULL &&
		old->uidvalidity == now->uidvalidity &&
		now->messages == old->messages + messages &&
		now->uidnext == last + 1;
}

static void tell_messages(struct diff *d, const struct imap_known *old,
			  const struct imap_known *now)
{
	struct imap_session *s = d->cmd->s;
	uint32_t items;

	/* [RFC5465 3.1] of that one the filter "selected" decides */
	if (!readable(now) || imap_notify_is_open(s, now))
		return;
	/* [RFC5465 6.4] or it was none of those that matter */
	if (!readable(old) || (old->events & IMAP_EVENTS_MESSAGE) == 0)
		old = NULL;
	items = items_of(s, old, now);
	if (items != 0 && !is_own_news(d->n, old, now))
		imap_notify_status(d->cmd, now, items);
}

/* [RFC5465 5.9] */
static void tell_access(struct diff *d, const struct imap_known *old,
			const struct imap_known *now)
{
	if ((now->events & IMAP_EVENTS_MESSAGE) != 0 &&
	    readable(old) != readable(now))
		tell_name(d, now, NULL, !readable(now));
}

/* --- all of it ---------------------------------------------------------------------- */

static void tell_subscription(struct diff *d, const struct imap_known *old,
			      const struct imap_known *now)
{
	uint32_t before = old == NULL ? 0 : old->flags;
	uint32_t after = now == NULL ? 0 : now->flags;
	uint32_t events = (old == NULL ? 0 : old->events) |
		(now == NULL ? 0 : now->events);
	struct imap_known told = now != NULL ? *now : *old;

	if (((before ^ after) & CV_PICTURE_SUBSCRIBED) == 0 ||
	    (events & IMAP_EVENT_SUBSCRIPTION_CHANGE) == 0 ||
	    is_own(d, told.name))
		return;
	told.flags = after;
	tell_name(d, &told, NULL, false);
}

static void both(struct diff *d, const struct imap_known *old,
		 const struct imap_known *now)
{
	if (visible(old) && !visible(now)) {
		tell_gone(d, old, now);
	} else if (!visible(old) && visible(now)) {
		tell_come(d, now);
	} else if (visible(old) && !same_box(old, now)) {
		/* removed and made anew */
		tell_come(d, now);
	} else if (visible(now)) {
		tell_access(d, old, now);
	}
	tell_subscription(d, old, now);
	if (visible(now))
		tell_messages(d, visible(old) ? old : renamed_from(d, now),
			      now);
}

typedef void pair_fn(struct diff *d, const struct imap_known *old,
		     const struct imap_known *now);

/* Calls fn for each name, with what is NULL where it is in one list only. */
static void each_pair(struct diff *d, const struct imap_known *now,
		      uint32_t count, pair_fn *fn)
{
	const struct imap_notify *n = d->n;
	uint32_t a = 0, b = 0;

	while ((a < n->known_count || b < count) && !d->overflow) {
		int order = a == n->known_count ? 1 : b == count ? -1 :
			strcmp(n->known[a].name, now[b].name);

		fn(d, order <= 0 ? &n->known[a] : NULL,
		   order >= 0 ? &now[b] : NULL);
		a += order <= 0;
		b += order >= 0;
	}
}

static void sort_out(struct diff *d, const struct imap_known *old,
		     const struct imap_known *now)
{
	bool was = visible(old), is = visible(now);

	/* a subscribed name stays, without a mailbox */
	if (was == is && (!was || same_box(old, now)))
		return;
	if (d->gone_count == MOVED_MAX || d->come_count == MOVED_MAX) {
		d->overflow = true;
		return;
	}
	if (was)
		d->gone[d->gone_count++] = old;
	if (is)
		d->come[d->come_count++] = now;
}

static void tell_pair(struct diff *d, const struct imap_known *old,
		      const struct imap_known *now)
{
	if (old != NULL && now != NULL) {
		both(d, old, now);
	} else if (now == NULL) {
		if (visible(old))
			tell_gone(d, old, NULL);
		tell_subscription(d, old, NULL);
	} else {
		if (visible(now))
			tell_come(d, now);
		tell_subscription(d, NULL, now);
		tell_messages(d, renamed_from(d, now), now);
	}
}

int imap_notify_tell(struct imap_cmd *cmd, const struct imap_notify *n,
		     const struct imap_known *now, uint32_t count)
{
	struct diff d = { .cmd = cmd, .n = n };

	d.gone = CV_ALLOC_ARRAY(cmd->pool, const struct imap_known *,
				MOVED_MAX);
	d.come = CV_ALLOC_ARRAY(cmd->pool, const struct imap_known *,
				MOVED_MAX);
	each_pair(&d, now, count, sort_out);
	each_pair(&d, now, count, tell_pair);
	return d.overflow ? CV_E_LIMIT : CV_OK;
}
