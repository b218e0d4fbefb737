/* mailbox-vanished.c - which messages are gone since a client last looked
 * [RFC7162 3.2.6].
 *
 * INVARIANT: what the view shows is never told as vanished: its expunge comes
 * in a sync, where the sequence numbers move with it. */
#include "mailbox-private.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"

static void add_range(struct account_ranges *ranges, uint32_t first,
		      uint32_t last)
{
	struct account_range *r;

	ranges_add(ranges, first);
	r = &ranges->items[ranges->count - 1];
	if (r->last < last)
		r->last = last;
}

/* Without those that the view shows. */
static void add_hidden(struct cv_mailbox *box, struct cv_range range,
		       struct account_ranges *out)
{
	uint32_t next = range.first;

	for (uint32_t at = mailbox_view_lower(box, range.first);
	     at < box->count && mailbox_uid_at(box, at) <= range.last; at++) {
		uint32_t uid = mailbox_uid_at(box, at);

		if (uid > next)
			add_range(out, next, uid - 1);
		next = uid + 1;
	}
	if (next <= range.last && next != 0)
		add_range(out, next, range.last);
}

void mailbox_vanished_among(struct cv_mailbox *box, struct cv_set gone,
			    const struct cv_set *uids,
			    struct account_ranges *out)
{
	struct cv_range every = { 1, UINT32_MAX };
	struct cv_set asked = { &every, 1 };
	uint32_t a = 0, b = 0;

	if (uids != NULL)
		asked = *uids;
	while (a < gone.count && b < asked.count) {
		const struct cv_range *x = &gone.ranges[a];
		const struct cv_range *y = &asked.ranges[b];
		struct cv_range both = {
			x->first > y->first ? x->first : y->first,
			x->last < y->last ? x->last : y->last,
		};

		/* what came and went between two looks was never told */
		if (both.last >= box->uidnext)
			both.last = box->uidnext - 1;
		if (both.first <= both.last)
			add_hidden(box, both, out);
		if (x->last < y->last)
			a++;
		else
			b++;
	}
}

int mailbox_vanished(struct cv_mailbox *box, uint64_t since,
		     const struct cv_set *uids, struct cv_pool *pool,
		     struct cv_set *uids_r, struct cv_error *err)
{
	struct account_ranges out = { .pool = pool };
	struct cv_range every = { 1, UINT32_MAX };
	struct cv_set gone = { &every, 1 };
	struct account_changes changes;
	int ret = account_folder_load(box->folder, err);

	if (ret < 0)
		return ret;
	account_changes_get(box->folder, since, 0, pool, &changes);
	if (changes.expunges_complete)
		gone = ranges_set(&changes.expunged);
	mailbox_vanished_among(box, gone, uids, &out);
	*uids_r = ranges_set(&out);
	return changes.expunges_complete ? CV_OK : CV_CHANGED;
}

int route_vanished(struct cv_mailbox *box, uint64_t since,
		   const struct cv_set *uids, struct cv_pool *pool,
		   struct cv_set *uids_r, struct cv_error *err)
{
	return box->remote == NULL ?
		mailbox_vanished(box, since, uids, pool, uids_r, err) :
		remote_vanished(box, since, uids, pool, uids_r, err);
}
