/* imap-notify-freeze.c - NOTIFY of a session that sleeps.
 *
 *	u8 there is one; if so:
 *	u32 events of the open mailbox, u8 delayed
 *	u32 groups; each u32 kind, u32 events, u32 names, each a text
 *	u32 arguments of MessageNew; each u8 type, u8 adjacent, u32 end, text
 *	u32 mailboxes; each a text, u8 separator, u32 flags, u32 events, GUID,
 *		u32 messages, uidnext, uidvalidity, unseen, u64 modseq */
#include "imap-notify.h"
#include "imap-state.h"

enum { KNOWN_MAX = 5000, ITEMS_MAX = 1000, GUID_BYTES = 16 };

/* --- to bytes -------------------------------------------------------------------- */

static void put_groups(struct cv_text *out, const struct imap_notify *n)
{
	imap_state_put(out, n->count, 4);
	for (uint32_t i = 0; i < n->count; i++) {
		const struct imap_mailbox_filter *f = &n->groups[i].filter;

		imap_state_put(out, f->kind, 4);
		imap_state_put(out, n->groups[i].events, 4);
		imap_state_put(out, f->count, 4);
		for (uint32_t k = 0; k < f->count; k++)
			imap_state_put_text(out, cv_span_of(f->names[k]));
	}
}

void imap_notify_items_freeze(struct cv_text *out, struct imap_args items)
{
	imap_state_put(out, items.end, 4);
	for (uint32_t i = 0; i < items.end; i++) {
		imap_state_put(out, items.all[i].type, 1);
		imap_state_put(out, items.all[i].adjacent, 1);
		imap_state_put(out, items.all[i].end, 4);
		imap_state_put_text(out, items.all[i].text);
	}
}

static void put_known(struct cv_text *out, const struct imap_known *k)
{
	imap_state_put_text(out, cv_span_of(k->name));
	imap_state_put(out, (uint8_t)k->separator, 1);
	imap_state_put(out, k->flags, 4);
	imap_state_put(out, k->events, 4);
	cv_text_append(out, k->guid, GUID_BYTES);
	imap_state_put(out, k->messages, 4);
	imap_state_put(out, k->uidnext, 4);
	imap_state_put(out, k->uidvalidity, 4);
	imap_state_put(out, k->unseen, 4);
	imap_state_put(out, k->modseq, 8);
}

bool imap_notify_freeze(const struct imap_session *s, struct cv_text *out)
{
	const struct imap_notify *n = s->notify;

	imap_state_put(out, n != NULL, 1);
	if (n == NULL)
		return true;
	if (n->known_count > KNOWN_MAX || n->items.end > ITEMS_MAX)
		return false;
	imap_state_put(out, n->selected, 4);
	imap_state_put(out, n->delayed, 1);
	put_groups(out, n);
	imap_notify_items_freeze(out, n->items);
	imap_state_put(out, n->known_count, 4);
	for (uint32_t i = 0; i < n->known_count; i++)
		put_known(out, &n->known[i]);
	return true;
}

/* --- from bytes -------------------------------------------------------------------- */

static bool get_group(struct cv_span *in, struct imap_notify *n,
		      struct imap_notify_group *group)
{
	struct imap_mailbox_filter *f = &group->filter;
	const char **names;

	if (!imap_state_get_u32(in, &f->kind) ||
	    !imap_state_get_u32(in, &group->events) ||
	    !imap_state_get_u32(in, &f->count) ||
	    f->count > IMAP_NOTIFY_NAMES_MAX)
		return false;
	names = CV_ALLOC_ARRAY(n->pool, const char *, f->count + 1);
	for (uint32_t i = 0; i < f->count; i++) {
		if (!imap_state_get_str(in, n->pool, &names[i]))
			return false;
	}
	f->names = names;
	n->any |= group->events;
	return true;
}

static bool get_groups(struct cv_span *in, struct imap_notify *n)
{
	if (!imap_state_get_u32(in, &n->count) ||
	    n->count > IMAP_NOTIFY_GROUPS_MAX)
		return false;
	n->groups = CV_ALLOC_ARRAY(n->pool, struct imap_notify_group,
				   n->count + 1);
	for (uint32_t i = 0; i < n->count; i++) {
		if (!get_group(in, n, &n->groups[i]))
			return false;
	}
	return true;
}

/* Of it labels of answers are made. */
static bool is_printable(const char *text)
{
	while (*text >= ' ' && *text < 0x7f)
		text++;
	return *text == '\0';
}

static bool get_item(struct cv_span *in, struct cv_pool *pool, uint32_t at,
		     uint32_t count, struct imap_arg *item)
{
	uint64_t type, adjacent;
	const char *text;

	if (!imap_state_get(in, 1, &type) ||
	    !imap_state_get(in, 1, &adjacent) ||
	    !imap_state_get_u32(in, &item->end) ||
	    !imap_state_get_str(in, pool, &text) || !is_printable(text) ||
	    type < IMAP_ATOM ||
	    type > IMAP_LIST ||
	    (type == IMAP_LIST && (item->end <= at || item->end > count)))
		return false;
	item->type = (uint8_t)type;
	item->adjacent = adjacent != 0;
	item->text = cv_span_of(text);
	return true;
}

bool imap_notify_items_thaw(struct cv_span *in, struct cv_pool *pool,
			    struct imap_args *items_r)
{
	struct imap_arg *items;
	uint32_t count;

	if (!imap_state_get_u32(in, &count) || count > ITEMS_MAX)
		return false;
	items = CV_ALLOC_ARRAY(pool, struct imap_arg, count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (!get_item(in, pool, i, count, &items[i]))
			return false;
	}
	*items_r = (struct imap_args){ items, 0, count };
	return true;
}

static bool get_known(struct cv_span *in, struct cv_pool *pool,
		      struct imap_known *k)
{
	uint64_t separator;

	if (!imap_state_get_str(in, pool, &k->name) ||
	    !imap_state_get(in, 1, &separator) ||
	    !imap_state_get_u32(in, &k->flags) ||
	    !imap_state_get_u32(in, &k->events) || in->len < GUID_BYTES)
		return false;
	k->separator = (char)separator;
	memcpy(k->guid, in->data, GUID_BYTES);
	*in = cv_span_skip(*in, GUID_BYTES);
	return imap_state_get_u32(in, &k->messages) &&
		imap_state_get_u32(in, &k->uidnext) &&
		imap_state_get_u32(in, &k->uidvalidity) &&
		imap_state_get_u32(in, &k->unseen) &&
		imap_state_get(in, 8, &k->modseq);
}

static bool get_all_known(struct cv_span *in, struct imap_notify *n)
{
	if (!imap_state_get_u32(in, &n->known_count) ||
	    n->known_count > KNOWN_MAX)
		return false;
	n->known_pool = cv_api->pool_create("notify known");
	n->known = CV_ALLOC_ARRAY(n->known_pool, struct imap_known,
				  n->known_count + 1);
	for (uint32_t i = 0; i < n->known_count; i++) {
		if (!get_known(in, n->known_pool, &n->known[i]) ||
		    (i > 0 && strcmp(n->known[i - 1].name,
				     n->known[i].name) >= 0))
			return false;
	}
	return true;
}

bool imap_notify_thaw(struct imap_session *s, struct cv_span *in)
{
	struct imap_notify *n;
	uint64_t there, delayed;

	if (!imap_state_get(in, 1, &there))
		return false;
	if (there == 0)
		return true;
	n = s->notify = imap_notify_create();
	if (!imap_state_get_u32(in, &n->selected) ||
	    !imap_state_get(in, 1, &delayed))
		return false;
	n->delayed = delayed != 0;
	return get_groups(in, n) &&
		imap_notify_items_thaw(in, n->pool, &n->items) &&
		get_all_known(in, n);
}
