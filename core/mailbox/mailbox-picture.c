/* mailbox-picture.c - all mailboxes of a user as they are now, for whoever
 * compares it with what was.
 *
 * The user's own stands in the accounts, in memory: while no account has a new
 * transaction there is nothing to look at.  Brokers are asked for mail of
 * others, when one of them, or an account, has something new. */
#include "mailbox-watch-all.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"

#include <stdlib.h>

/* Each of them is asked for. */
enum { REMOTE_PICTURES_MAX = 200 };

struct taking {
	struct cv_user *user;
	struct cv_pool *pool;
	struct hash_table by_name;
	ARRAY(const struct cv_mailbox_picture *) list;
	uint32_t remote_count;
};

static struct cv_mailbox_picture *picture_get(struct taking *t,
					      const struct namespace *ns,
					      const char *name)
{
	struct cv_mailbox_picture *p = hash_find(&t->by_name,
						 cv_span_of(name));

	if (p != NULL)
		return p;
	p = pool_new(t->pool, struct cv_mailbox_picture);
	p->size = sizeof(*p);
	p->name = name;
	p->separator = ns->separator;
	p->namespace_type = ns->type;
	hash_set(&t->by_name, cv_span_of(name), p);
	*array_add(&t->list) = p;
	return p;
}

static void take_folder(struct taking *t, const struct namespace *ns,
			struct account_folder *folder)
{
	const char *name = mailbox_name_show(ns, folder->name, t->pool);
	struct cv_mailbox_picture *p;
	uint32_t rights;

	if (name == NULL)
		return;
	rights = mailbox_rights(t->user, ns, folder);
	p = picture_get(t, ns, name);
	p->flags |= CV_PICTURE_EXISTS;
	if ((rights & ACL_LOOKUP) != 0)
		p->flags |= CV_PICTURE_LOOKUP;
	if ((rights & ACL_READ) != 0)
		p->flags |= CV_PICTURE_READ;
	memcpy(p->guid, folder->guid.bytes, sizeof(p->guid));
	p->messages = folder->message_count;
	p->uidnext = folder->uidnext;
	p->uidvalidity = folder->uidvalidity;
	p->unseen = folder->unseen_count;
	p->highestmodseq = folder->highestmodseq == 0 ? 1 :
		folder->highestmodseq;
}

static void take_folders(struct taking *t, const struct namespace *ns)
{
	struct account_folder *folder;
	size_t at = 0;

	while ((folder = account_folder_next(ns->store->account, &at)) !=
	       NULL) {
		/* a store that also serves another namespace's inbox */
		if (ns->inbox || strcmp(folder->name, "INBOX") != 0)
			take_folder(t, ns, folder);
	}
}

/* Those that are kept in this namespace, of whichever mailboxes. */
static void take_subscriptions(struct taking *t, const struct namespace *ns)
{
	const char *name;
	size_t at = 0;

	while ((name = account_subscription_next(ns->store->account, &at)) !=
	       NULL) {
		const struct namespace *of;

		name = mailbox_name_show(ns, name, t->pool);
		of = name == NULL ? NULL :
			mailbox_namespace_find(t->user, name);
		if (of != NULL)
			picture_get(t, of, name)->flags |=
				CV_PICTURE_SUBSCRIBED;
	}
}

/* --- mail of others ------------------------------------------------------------------- */

/* [RFC4314 4] STATUS needs the right r. */
static int take_status(struct taking *t, struct cv_mailbox_picture *p,
		       struct cv_error *err)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	int ret = route_status(t->user, p->name, CV_STATUS_MESSAGES |
			       CV_STATUS_UIDNEXT | CV_STATUS_UIDVALIDITY |
			       CV_STATUS_UNSEEN | CV_STATUS_HIGHESTMODSEQ, &s,
			       err);

	/* gone since it was listed */
	if (ret == CV_E_NOT_FOUND)
		p->flags &= ~(uint32_t)(CV_PICTURE_EXISTS |
					CV_PICTURE_LOOKUP);
	if (ret == CV_E_NOT_FOUND || ret == CV_E_DENIED)
		return CV_OK;
	if (ret < 0)
		return ret;
	p->flags |= CV_PICTURE_READ;
	p->messages = s.messages;
	p->uidnext = s.uidnext;
	p->uidvalidity = s.uidvalidity;
	p->unseen = s.unseen;
	p->highestmodseq = s.highestmodseq;
	return CV_OK;
}

/* What cannot be seen is not told by the broker at all. */
static int take_remote(struct taking *t, struct remote *remote,
		       struct cv_error *err)
{
	struct remote_reader in;
	int ret = remote_list(remote, t->pool, &in, err);

	if (ret < 0)
		return ret == CV_E_NOT_FOUND || ret == CV_E_DENIED ? CV_OK :
			ret;
	while (ret == CV_OK && !in.failed && in.rest.len > 0) {
		const char *stored = remote_get_str(&in, REMOTE_NAME_MAX);
		const char *name = mailbox_name_show(&remote->ns, stored,
						     t->pool);
		struct cv_mailbox_picture *p;
		struct cv_span guid;

		(void)remote_get_u32(&in);
		guid = remote_get_span(&in, sizeof(p->guid));
		if (in.failed || *stored == '\0' || name == NULL)
			continue;
		if (++t->remote_count > REMOTE_PICTURES_MAX)
			return FAIL(err, CV_E_LIMIT, "more than %d mailboxes "
				    "of others", REMOTE_PICTURES_MAX);
		p = picture_get(t, &remote->ns, name);
		p->flags |= CV_PICTURE_EXISTS | CV_PICTURE_LOOKUP;
		if (guid.len == sizeof(p->guid))
			memcpy(p->guid, guid.data, guid.len);
		ret = take_status(t, p, err);
	}
	return ret;
}

static int take_remotes(struct taking *t, struct cv_error *err)
{
	int ret = CV_OK;

	for (struct remote *r = t->user->remotes; r != NULL && ret >= 0;
	     r = r->next) {
		if (r->wanted)
			ret = take_remote(t, r, err);
	}
	return ret;
}

/* --- all ------------------------------------------------------------------------------- */

static bool is_shown(const struct namespace *ns)
{
	return ns->listed && ns->store != NULL && ns->alias_for == NULL;
}

/* What cannot be read hides nothing else: LIST says so. */
static int refresh(struct cv_user *u, uint64_t *turn_r, struct cv_error *err)
{
	uint64_t turn = 1 + u->heard_turn;

	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];
		int ret;

		if (ns->store == NULL)
			continue;
		ret = store_open(ns->store, err);
		if (ret == CV_OK)
			ret = account_refresh(ns->store->account, err);
		if (ret >= 0)
			ret = store_folders_refresh(ns->store, false, err);
		if (ret >= 0 && ns->subscriptions)
			ret = store_subscriptions_refresh(ns->store, err);
		if (ret < 0 && ns->inbox)
			return ret;
		if (ns->store->account != NULL)
			turn += account_txn_number(ns->store->account);
	}
	*turn_r = turn;
	return CV_OK;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct cv_mailbox_picture *const *)a)->name,
		      (*(const struct cv_mailbox_picture *const *)b)->name);
}

int mailbox_pictures(struct cv_user *u, uint64_t *turn, struct cv_pool *pool,
		     const struct cv_mailbox_picture ***pictures_r,
		     uint32_t *count_r, struct cv_error *err)
{
	struct taking t = { .user = u, .pool = pool };
	uint64_t now;
	int ret = refresh(u, &now, err);

	*count_r = 0;
	*pictures_r = NULL;
	if (ret < 0 || now == *turn)
		return ret < 0 ? ret : CV_NOT_FOUND;
	hash_init(&t.by_name, pool, false);
	array_init(&t.list, pool);
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (is_shown(ns) && ns->store->account != NULL)
			take_folders(&t, ns);
		if (ns->subscriptions && ns->store != NULL &&
		    ns->store->account != NULL)
			take_subscriptions(&t, ns);
	}
	ret = take_remotes(&t, err);
	if (ret < 0)
		return ret;
	*turn = now;
	if (t.list.count > 1)
		qsort(t.list.items, t.list.count, sizeof(*t.list.items),
		      compare_names);
	*pictures_r = t.list.items;
	*count_r = (uint32_t)t.list.count;
	return CV_OK;
}
