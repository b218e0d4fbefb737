/* mailbox-remote-freeze.c - an open mailbox of another user, as bytes.
 *
 * The broker freezes its own view, and the session keeps what it says beside
 * its list of UIDs.  Another broker thaws it, and says of each change since what
 * the first would have said.  Where it cannot (the account was rebuilt, or the
 * first broker had been lost before the freezing), the mailbox is opened anew,
 * and the first sync compares the two lists. */
#include "remote-call.h"

int remote_freeze(struct cv_mailbox *box, struct cv_text *out,
		  struct cv_error *err)
{
	struct remote_view *view = box->remote;
	struct remote *remote = view->remote;
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	int ret;

	/* the broker does not know what the client does */
	if (view->stale || remote->channel < 0 ||
	    view->generation != remote->generation)
		return CV_OK;
	cv_text_init(&fields, box->sync_pool);
	remote_put_u32(&fields, view->id);
	ret = remote_call(remote, REMOTE_FREEZE, &fields, -1, box->sync_pool,
			  &a, err);
	if (ret == CV_OK) {
		cv_text_append_span(out, remote_get_span(&a.fields,
							 REMOTE_PAYLOAD_MAX));
		ret = remote_end(remote, &a, err);
	}
	/* it has ended just now: the same as before */
	return ret == CV_E_TEMP ? CV_OK : ret;
}

static bool same_uids(const struct cv_mailbox *box, struct cv_set uids)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < uids.count; i++) {
		for (uint64_t uid = uids.ranges[i].first;
		     uid <= uids.ranges[i].last; uid++, at++) {
			if (at == box->count || mailbox_uid_at(box, at) != uid)
				return false;
		}
	}
	return at == box->count;
}

static int ask_thaw(struct cv_mailbox *box, struct cv_span frozen,
		    struct cv_pool *pool, struct remote_answer *a,
		    struct cv_error *err)
{
	struct cv_text fields;

	cv_text_init(&fields, pool);
	remote_put_u32(&fields, box->remote->id);
	remote_put_span(&fields, frozen);
	return remote_call(box->remote->remote, REMOTE_THAW, &fields, -1,
			   pool, a, err);
}

static int take_view(struct cv_mailbox *box, const struct mailbox_frozen *f,
		     struct remote_answer *a, bool thawed,
		     struct cv_error *err)
{
	struct remote_view *view = box->remote;
	uint32_t uidvalidity;
	bool readonly, same;
	int ret;

	remote_view_count(box, remote_view_take(box, &a->fields, &readonly,
						&uidvalidity));
	same = same_uids(box, remote_get_set(&a->fields));
	ret = remote_end(view->remote, a, err);
	if (ret < 0)
		return ret;
	box->readonly = f->readonly || readonly;
	view->generation = view->remote->generation;
	view->stale = !thawed || !same;
	view->known_modseq = f->modseq;
	if (uidvalidity == f->uidvalidity &&
	    memcmp(view->guid, f->folder.bytes, sizeof(view->guid)) == 0)
		return CV_OK;
	FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' was deleted", box->name);
	return error_set_client(err, "Mailbox was deleted under you.");
}

int remote_thaw(struct remote *remote, const char *name,
		const struct mailbox_frozen *f, struct cv_mailbox *box,
		struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	bool thawed = false;
	int ret;

	remote_view_create(remote, name, box);
	box->uidvalidity = f->uidvalidity;
	ret = remote_view_add(box, ranges_set(&f->uids), err);
	if (ret == CV_OK && f->broker.len > 0) {
		ret = ask_thaw(box, f->broker, box->sync_pool, &a, err);
		thawed = ret == CV_OK;
		/* there may be one of that name all the same */
		if (ret == CV_E_NOT_FOUND || ret == CV_E_SYNTAX ||
		    ret == CV_E_DENIED)
			ret = CV_OK;
	}
	if (ret == CV_OK && !thawed)
		ret = remote_view_ask(box, name, f->readonly ?
				      CV_MAILBOX_READONLY : 0, box->sync_pool,
				      &a, err);
	return ret < 0 ? ret : take_view(box, f, &a, thawed, err);
}
