/* mailbox-route.c - the service "mailbox": here, or through a broker; with the
 * \Seen that is the reader's own.
 *
 * What stands below this file (mailbox_open, mailbox_store ...) knows only
 * mail of this account's files; brokers use that, too. */
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "mailbox-watch-all.h"
#include "mailbox-seen.h"

/* --- names ---------------------------------------------------------------------- */

int route_create(struct cv_user *u, const char *name, uint32_t use,
		 struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL)
		return mailbox_create(u, name, use, err);
	pool = pool_create("create");
	ret = remote_create(remote, remote_name(remote, name, pool), use,
			    err);
	pool_destroy(&pool);
	return ret;
}

int route_remove(struct cv_user *u, const char *name, struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL)
		return mailbox_remove(u, name, err);
	pool = pool_create("remove");
	ret = remote_remove(remote, remote_name(remote, name, pool), err);
	pool_destroy(&pool);
	return ret;
}

int route_rename(struct cv_user *u, const char *name, const char *new_name,
		 struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL && remote_find(u, new_name) == NULL)
		return mailbox_rename(u, name, new_name, err);
	if (remote == NULL || remote != remote_find(u, new_name)) {
		FAIL(err, CV_E_UNSUPPORTED, "renaming to another account "
		     "(hint: create the new mailbox, move the messages there, "
		     "and delete the old one)");
		return error_set_client(err, "Can't rename a mailbox to "
					"another storage: create it there "
					"and move its messages.");
	}
	pool = pool_create("rename");
	ret = remote_rename(remote, remote_name(remote, name, pool),
			    remote_name(remote, new_name, pool), err);
	pool_destroy(&pool);
	return ret;
}

int route_quota(struct cv_user *u, const char *name, uint32_t index,
		struct cv_quota_usage *usage_r, struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL)
		return mailbox_quota(u, name, index, usage_r, err);
	pool = pool_create("quota");
	ret = remote_quota(remote, remote_name(remote, name, pool), index,
			   usage_r, err);
	pool_destroy(&pool);
	return ret;
}

/* Of mail of this account's files that others read, too. */
static int count_own_unseen(struct cv_user *u, const char *name,
			    struct cv_mailbox_status *s, struct cv_pool *pool,
			    struct cv_error *err)
{
	struct account_ranges uids = { .pool = pool };
	struct account_folder *folder;
	struct mailbox_ref ref;
	uint32_t rows;
	int ret = mailbox_resolve(u, name, pool, &ref, err);

	/* most are not, and no newer state is looked for: what the rest of
	 * the answer says is of one moment */
	if (ret == CV_OK && !seen_is_kept(ref.store))
		return CV_OK;
	if (ret == CV_OK)
		ret = mailbox_find_for(u, name, MAILBOX_OP_STATUS, pool, &ref,
				       &folder, err);
	if (ret == CV_OK)
		ret = account_folder_load(folder, err);
	if (ret < 0)
		return ret;
	rows = account_row_count(folder);
	for (uint32_t row = 0; row < rows; row++) {
		if (account_row_alive(folder, row))
			ranges_add(&uids, account_row_uid(folder, row));
	}
	return seen_count_unseen(u, folder->guid.bytes, folder->uidvalidity,
				 &ref.store->location, folder->name,
				 ranges_set(&uids), &s->unseen, err);
}

int route_status(struct cv_user *u, const char *name, uint32_t items,
		 struct cv_mailbox_status *status_r, struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	const char *storage_name;
	struct cv_set uids;
	int ret;

	pool = pool_create("status");
	if (remote == NULL) {
		ret = mailbox_status(u, name, items, status_r, err);
		if (ret == CV_OK && (items & CV_STATUS_UNSEEN))
			ret = count_own_unseen(u, name, status_r, pool, err);
		pool_destroy(&pool);
		return ret;
	}
	storage_name = remote_name(remote, name, pool);
	ret = remote_status(remote, storage_name, items, status_r, pool,
			    &uids, err);
	if (ret == CV_OK && (items & CV_STATUS_UNSEEN))
		ret = seen_count_unseen(u, status_r->guid,
					status_r->uidvalidity,
					remote_location(remote), storage_name,
					uids, &status_r->unseen, err);
	pool_destroy(&pool);
	return ret;
}

/* --- views ---------------------------------------------------------------------- */

static int refresh_seen(struct cv_mailbox *box, struct cv_error *err)
{
	return seen_refresh(box->seen, mailbox_view_uids(box), box->count,
			    err);
}

/* When the view is new. */
static int begin_seen(struct cv_mailbox *box, const uint8_t guid[16],
		      const struct mail_location *l, const char *name,
		      struct cv_error *err)
{
	int ret = seen_create(box->user, guid, box->uidvalidity, &box->seen,
			      err);

	if (ret == CV_OK)
		ret = seen_take_over(box->seen, l, name,
				     mailbox_view_uids(box), box->count, err);
	return ret == CV_OK ? refresh_seen(box, err) : ret;
}

static int open_remote(struct cv_user *user, struct remote *remote,
		       const char *name, uint32_t flags,
		       struct cv_mailbox **box_r, struct cv_error *err)
{
	struct cv_mailbox *box = mailbox_box_create(user, flags &
						    CV_MAILBOX_READONLY);
	int ret = remote_open(remote, remote_name(remote, name, box->pool),
			      flags, box, err);

	if (ret == CV_OK)
		ret = begin_seen(box, box->remote->guid,
				 remote_location(remote), box->remote_name,
				 err);
	if (ret < 0) {
		seen_destroy(&box->seen);
		remote_close(box);
		mailbox_box_destroy(box);
		return ret;
	}
	remote_remember(remote);
	box->next = user->remote_boxes;
	user->remote_boxes = box;
	*box_r = box;
	return CV_OK;
}

void route_close(struct cv_mailbox **box)
{
	struct cv_mailbox *b = *box, **at;

	watch_all_forget(b);
	if (b == NULL || b->remote == NULL) {
		if (b != NULL)
			seen_destroy(&b->seen);
		mailbox_close(box);
		return;
	}
	*box = NULL;
	for (at = &b->user->remote_boxes; *at != b; at = &(*at)->next)
		;
	*at = b->next;
	remote_close(b);
	seen_destroy(&b->seen);
	mailbox_box_destroy(b);
}

static int open_here(struct cv_user *user, const char *name, uint32_t flags,
		     struct cv_mailbox **box_r, struct cv_error *err)
{
	struct cv_mailbox *box;
	int ret = mailbox_open(user, name, flags, &box, err);

	if (ret < 0)
		return ret;
	if (seen_is_kept(box->store))
		ret = begin_seen(box, box->folder->guid.bytes,
				 &box->store->location, box->folder->name,
				 err);
	if (ret < 0)
		route_close(&box);
	else
		*box_r = box;
	return ret < 0 ? ret : CV_OK;
}

int route_open(struct cv_user *user, const char *name, uint32_t flags,
	       struct cv_mailbox **box_r, struct cv_error *err)
{
	struct remote *remote = remote_find(user, name);

	return remote == NULL ?
		open_here(user, name, flags, box_r, err) :
		open_remote(user, remote, name, flags, box_r, err);
}

void route_state(struct cv_mailbox *box, struct cv_mailbox_state *state_r)
{
	if (box->remote == NULL)
		mailbox_state(box, state_r);
	else
		remote_state(box, state_r);
	if (box->seen == NULL)
		return;
	state_r->first_unseen = 0;
	for (uint32_t seq = 1; seq <= box->count; seq++) {
		if (!seen_has(box->seen, mailbox_uid_at(box, seq - 1))) {
			state_r->first_unseen = seq;
			break;
		}
	}
}

/* What another session of the reader has marked, or this one loudly. */
static int sync_seen(struct cv_mailbox *box, struct cv_mailbox_changes *out,
		     struct cv_error *err)
{
	struct account_ranges flags = { .pool = box->sync_pool }, told;
	struct account_ranges before = { .pool = box->sync_pool };
	int ret;

	for (size_t i = 0; i < box->seen->uids.count; i++) {
		const struct account_range *r = &box->seen->uids.items[i];

		ranges_add(&before, r->first);
		before.items[before.count - 1].last = r->last;
	}
	ret = refresh_seen(box, err);
	if (ret < 0 || (ret == CV_OK && box->seen->news.count == 0))
		return ret;
	told = (struct account_ranges){
		.items = (struct account_range *)(uintptr_t)out->flags.ranges,
		.count = out->flags.count,
	};
	for (uint32_t seq = 1; seq <= box->count; seq++) {
		uint32_t uid = mailbox_uid_at(box, seq - 1);

		if (ranges_contain(&told, seq) ||
		    ranges_contain(&before, uid) !=
		    seen_has(box->seen, uid) || seen_is_news(box->seen, uid))
			ranges_add(&flags, seq);
	}
	box->seen->news.count = 0;
	out->flags = ranges_set(&flags);
	return CV_OK;
}

int route_sync(struct cv_mailbox *box, uint32_t flags,
	       struct cv_mailbox_changes *changes_r, struct cv_error *err)
{
	struct cv_mailbox_changes out = { CV_SIZED(cv_mailbox_changes) };
	uint32_t size;
	int ret;

	if (box->seen == NULL)
		return mailbox_sync(box, flags, changes_r, err);
	ret = box->remote == NULL ? mailbox_sync(box, flags, &out, err) :
		remote_sync(box, flags, &out, err);
	if (ret == CV_OK)
		ret = sync_seen(box, &out, err);
	if (changes_r != NULL) {
		/* the caller's struct may be older and shorter */
		size = changes_r->size < sizeof(out) ? changes_r->size :
			(uint32_t)sizeof(out);
		memcpy((char *)changes_r + sizeof(size),
		       (char *)&out + sizeof(size), size - sizeof(size));
	}
	return ret;
}

int route_watch_fd(struct cv_mailbox *box)
{
	int fd = box->remote == NULL ? mailbox_watch_fd(box) :
		remote_watch_fd(box);

	return box->seen == NULL ? fd : seen_watch_fd(box->seen, fd);
}

void route_watch_clear(struct cv_mailbox *box)
{
	if (box->remote == NULL)
		mailbox_watch_clear(box);
	else
		remote_watch_clear(box);
	if (box->seen != NULL)
		seen_watch_clear(box->seen);
}

/* --- messages ------------------------------------------------------------------- */

int route_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		  struct cv_message_data *data_r, struct cv_error *err)
{
	int ret;

	if (seq == 0 || seq > box->count)
		return CV_NOT_FOUND;
	ret = box->remote == NULL ?
		mailbox_message(box, seq, items, data_r, err) :
		remote_message(box, seq, items, data_r, err);
	if (ret != CV_OK || box->seen == NULL)
		return ret;
	data_r->flags &= ~(uint32_t)CV_FLAG_SEEN;
	if (seen_has(box->seen, mailbox_uid_at(box, seq - 1)))
		data_r->flags |= CV_FLAG_SEEN;
	return CV_OK;
}

int route_section(struct cv_mailbox *box, uint32_t seq,
		  const struct cv_section *section,
		  struct cv_stream **stream_r, uint64_t *size_r,
		  struct cv_error *err)
{
	if (box->remote == NULL)
		return mailbox_section(box, seq, section, stream_r, size_r,
				       err);
	if (seq == 0 || seq > box->count)
		return FAIL(err, CV_E_NOT_FOUND, "message %u is expunged",
			    seq);
	return remote_section(box, seq, section, stream_r, size_r, err);
}

/* --- flags ---------------------------------------------------------------------- */

/* Without those that somebody has changed since. */
static void without(struct cv_mailbox *box, struct cv_set seqs,
		    struct cv_set modified, struct account_ranges *uids)
{
	struct account_ranges left_out = {
		.items = (struct account_range *)(uintptr_t)modified.ranges,
		.count = modified.count,
	};

	for (uint32_t i = 0; i < seqs.count; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > box->count)
			last = box->count;
		for (uint32_t seq = seqs.ranges[i].first;
		     seq != 0 && seq <= last; seq++) {
			if (!ranges_contain(&left_out, seq))
				ranges_add(uids, mailbox_uid_at(box, seq - 1));
		}
	}
}

static int store_seen(struct cv_mailbox *box,
		      const struct cv_store_request *r,
		      struct cv_set modified, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("seen");
	struct account_ranges uids = { .pool = pool };
	bool on = (r->flags & CV_FLAG_SEEN) != 0 &&
		r->change != CV_FLAGS_REMOVE;
	int ret;

	without(box, r->seqs, modified, &uids);
	ret = seen_set(box->seen, &uids, on, CV_HAS(r, settle_later) &&
		       r->settle_later, err);
	/* our own change is no news, unless that was asked for */
	if (ret == CV_OK && !r->silent)
		seen_news_add(box->seen, &uids);
	if (ret == CV_OK)
		ret = refresh_seen(box, err);
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

uint32_t route_box_rights(struct cv_mailbox *box)
{
	return box->remote == NULL ? mailbox_box_rights(box) : box->rights;
}

/* What stands below looks at the rights for all flags, and leaves \Seen
 * alone. */
int route_store(struct cv_mailbox *box, const struct cv_store_request *r,
		struct cv_pool *pool, struct cv_set *modified_r,
		struct cv_error *err)
{
	struct cv_set modified = { NULL, 0 };
	int ret;

	if (box->seen == NULL)
		return mailbox_store(box, r, pool, modified_r, err);
	ret = box->remote == NULL ?
		mailbox_store(box, r, pool, &modified, err) :
		remote_store(box, r, pool, &modified, err);
	if (ret == CV_OK && (route_box_rights(box) & ACL_SEEN) != 0 &&
	    (r->change == CV_FLAGS_REPLACE || (r->flags & CV_FLAG_SEEN)))
		ret = store_seen(box, r, modified, err);
	if (ret == CV_OK && modified_r != NULL)
		*modified_r = modified;
	return ret;
}

int route_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		  struct cv_error *err)
{
	return box->remote == NULL ? mailbox_expunge(box, uids, err) :
		remote_expunge(box, uids, false, err);
}

/* --- searching ------------------------------------------------------------------ */

/* Sequence numbers become UIDs, \Seen those UIDs that have it here. */
static void rewrite_node(struct cv_mailbox *box, struct cv_search_node *nodes,
			 uint32_t at, uint32_t *count, struct cv_pool *pool)
{
	struct cv_search_node *node = &nodes[at], rest;
	struct account_ranges uids;

	if (node->op == CV_SEARCH_SEQS) {
		mailbox_seqs_to_uids(box, node->set, pool, &uids);
		node->op = CV_SEARCH_UIDS;
		node->set = ranges_set(&uids);
		return;
	}
	if (node->op != CV_SEARCH_FLAGS || !(node->flags & CV_FLAG_SEEN))
		return;
	rest = (struct cv_search_node){ .op = CV_SEARCH_FLAGS,
		.flags = node->flags & ~(uint32_t)CV_FLAG_SEEN };
	node->flags = 0;
	if (rest.flags == 0) {
		node->op = CV_SEARCH_UIDS;
		node->set = ranges_set(&box->seen->uids);
		return;
	}
	node->op = CV_SEARCH_AND;
	node->first_child = *count;
	rest.next = *count + 1;
	nodes[(*count)++] = rest;
	nodes[(*count)++] = (struct cv_search_node){ .op = CV_SEARCH_UIDS,
		.set = ranges_set(&box->seen->uids) };
}

/* The query as whoever answers it has to read it. */
static int rewrite_query(struct cv_mailbox *box,
			 const struct cv_search_query *query,
			 struct cv_pool *pool, struct cv_search_query *out_r,
			 struct cv_error *err)
{
	struct cv_search_node *nodes;
	uint32_t count = query->count;

	if (count == 0 || count > REMOTE_NODES_MAX / 3)
		return FAIL(err, CV_E_LIMIT, "a query of %u nodes", count);
	nodes = pool_new_array(pool, struct cv_search_node, 3 * (size_t)count);
	memcpy(nodes, query->nodes, count * sizeof(*nodes));
	for (uint32_t i = 0; i < query->count; i++)
		rewrite_node(box, nodes, i, &count, pool);
	*out_r = (struct cv_search_query){ CV_SIZED(cv_search_query),
		.nodes = nodes, .count = count,
		.comparator = CV_HAS(query, comparator) ?
			query->comparator : 0 };
	return CV_OK;
}

int route_search_scored(struct cv_mailbox *box,
			const struct cv_search_query *query,
			struct cv_pool *pool, struct cv_set *seqs_r,
			const uint8_t **scores_r, struct cv_error *err)
{
	struct cv_search_query q;
	int ret;

	if (box->seen == NULL)
		return mailbox_search_scored(box, query, pool, seqs_r,
					     scores_r, err);
	ret = rewrite_query(box, query, pool, &q, err);
	if (ret < 0)
		return ret;
	return box->remote == NULL ?
		mailbox_search_scored(box, &q, pool, seqs_r, scores_r, err) :
		remote_search(box, &q, pool, seqs_r, scores_r, err);
}

int route_search(struct cv_mailbox *box, const struct cv_search_query *query,
		 struct cv_pool *pool, struct cv_set *seqs_r,
		 struct cv_error *err)
{
	return route_search_scored(box, query, pool, seqs_r, NULL, err);
}

int route_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
	       struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
	       struct cv_error *err)
{
	struct cv_sort_request own = *r;
	struct cv_search_query q;
	int ret;

	if (box->seen == NULL)
		return mailbox_sort(box, r, pool, seqs_r, count_r, err);
	ret = rewrite_query(box, r->query, pool, &q, err);
	own.query = &q;
	if (ret < 0)
		return ret;
	return box->remote == NULL ?
		mailbox_sort(box, &own, pool, seqs_r, count_r, err) :
		remote_sort(box, &own, pool, seqs_r, count_r, err);
}

int route_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		 struct cv_pool *pool, struct cv_thread_node **nodes_r,
		 uint32_t *count_r, struct cv_error *err)
{
	struct cv_thread_request own = *r;
	struct cv_search_query q;
	int ret;

	if (box->seen == NULL)
		return mailbox_thread(box, r, pool, nodes_r, count_r, err);
	ret = rewrite_query(box, r->query, pool, &q, err);
	own.query = &q;
	if (ret < 0)
		return ret;
	return box->remote == NULL ?
		mailbox_thread(box, &own, pool, nodes_r, count_r, err) :
		remote_thread(box, &own, pool, nodes_r, count_r, err);
}

/* --- rights --------------------------------------------------------------------- */

int route_my_rights(struct cv_user *u, const char *name, uint32_t *rights_r,
		    struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL)
		return mailbox_my_rights(u, name, rights_r, err);
	pool = pool_create("rights");
	ret = remote_my_rights(remote, remote_name(remote, name, pool),
			       rights_r, err);
	pool_destroy(&pool);
	return ret;
}

int route_acl_get(struct cv_user *u, const char *name, struct acl *acl,
		  struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);

	return remote == NULL ? mailbox_acl_get(u, name, acl, err) :
		remote_acl_get(remote, remote_name(remote, name, acl->pool),
			       acl, err);
}

int route_acl_change(struct cv_user *u, const char *name,
		     const struct acl_entry *entry, enum acl_change how,
		     struct cv_error *err)
{
	struct remote *remote = remote_find(u, name);
	struct cv_pool *pool;
	int ret;

	if (remote == NULL)
		return mailbox_acl_change(u, name, entry, how, err);
	pool = pool_create("rights");
	ret = remote_acl_change(remote, remote_name(remote, name, pool),
				entry, how, err);
	pool_destroy(&pool);
	return ret;
}
