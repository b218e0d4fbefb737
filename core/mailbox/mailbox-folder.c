/* mailbox-folder.c - CREATE, DELETE, RENAME, SUBSCRIBE, STATUS. */
#include "mailbox-remote.h"

#include <stdlib.h>

int mailbox_create_as(struct cv_user *u, const char *name, uint32_t use,
		      const struct mailbox_update *as, struct cv_error *err)
{
	struct account_folder_options options = {
		.uidvalidity = as->uidvalidity, .uidnext = as->uidnext,
		.guid = as->has_guid ? &as->guid : NULL,
	};
	struct cv_pool *pool = pool_create("create");
	struct mailbox_ref ref;
	struct account_folder *folder;
	const struct mailbox_config *config;
	size_t len = strlen(name);
	int ret;

	/* [RFC9051 6.3.4] a separator at the end only says that children
	 * will follow */
	if (len > 1 && (name[len - 1] == '/' || name[len - 1] == '.')) {
		char *shorter = pool_copy(pool, name, len - 1);

		if (mailbox_resolve(u, shorter, pool, &ref, NULL) == CV_OK &&
		    ref.ns->separator == name[len - 1])
			name = shorter;
	}
	ret = mailbox_resolve(u, name, pool, &ref, err);
	if (ret == CV_OK)
		ret = mailbox_permit_create(u, &ref, name, err);
	if (ret == CV_OK)
		ret = mailbox_changing(u, "create", name, NULL, err);
	if (ret == CV_OK)
		ret = quota_create(ref.store, name, err);
	if (ret == CV_OK) {
		config = mailbox_config_find(ref.ns, ref.name);
		if (use == 0 && config != NULL)
			use = config->use;
		options.attributes = use >> MAILBOX_USE_SHIFT;
		ret = store_folder_create_as(
			ref.store, ref.span, &options,
			mailbox_acl_inherited(&ref, pool), &folder, err);
	}
	if (ret == CV_E_EXISTS)
		error_set_client(err, "Mailbox already exists.");
	pool_destroy(&pool);
	return ret;
}

int mailbox_create(struct cv_user *u, const char *name, uint32_t use,
		   struct cv_error *err)
{
	const struct mailbox_update as = { 0 };
	int ret = spare_memory_check(0, err);

	if (ret == CV_OK)
		ret = mailbox_new_name_check(u, name, err);
	return ret < 0 ? ret : mailbox_create_as(u, name, use, &as, err);
}

/* A file of messages that a power cut brings back, or leaves under another
 * name, must be whole when the journal does not know it by that name. */
static int sync_before(struct store *store, struct account_folder *folder,
		       struct cv_error *err)
{
	struct store_folder *sf;
	int ret;

	if (!(store->driver->caps & CV_STORAGE_ORDERED))
		return CV_OK;
	ret = store_folder_get(store, folder, &sf, err);
	if (ret == CV_OK)
		ret = store->driver->sync(sf->blobs, 0, err);
	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

/* --- removing ------------------------------------------------------------------------ */

/* What is removed with a folder. */
struct removed {
	struct store_folder *sf;
	ARRAY(struct cv_blob) blobs;
};

/* Where blobs outlive their folder, each is marked as removed, as by EXPUNGE:
 * else a scan that repairs a new folder of this name would find them.  As many
 * as memory permits; a purge takes the others, too. */
static int take_blobs(struct store *store, struct account_folder *folder,
		      struct cv_pool *pool, struct removed *removed,
		      struct cv_error *err)
{
	uint32_t count;
	int ret;

	array_init(&removed->blobs, pool);
	if (!(store->driver->caps & CV_STORAGE_POOLED))
		return CV_OK;
	ret = account_folder_load(folder, err);
	if (ret == CV_OK)
		ret = store_folder_get(store, folder, &removed->sf, err);
	if (ret < 0)
		return ret == CV_E_NOT_FOUND ? CV_OK : ret;
	count = account_row_count(folder);
	for (uint32_t row = 0; row < count &&
	     spare_memory_check(0, NULL) == CV_OK; row++)
		store_blob_get(folder, row, pool, array_add(&removed->blobs));
	return CV_OK;
}

/* After the commit: nothing refers to the blobs any more; but what stays would
 * come back at the next scan. */
static int remove_from_store(struct store *store,
			     struct account_folder *folder, struct cv_span name,
			     const struct removed *removed,
			     struct cv_error *err)
{
	int ret = CV_OK, gone;

	if (removed->blobs.count > 0)
		ret = store->driver->remove(removed->sf->blobs,
					    removed->blobs.items,
					    (uint32_t)removed->blobs.count,
					    err);
	store_folder_forget(store, folder);
	gone = store->driver->folder_remove(store->root, name,
					    ret < 0 ? NULL : err);
	if (ret == CV_OK)
		ret = gone;
	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

int mailbox_remove(struct cv_user *u, const char *name, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("remove");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct account_txn *txn = NULL;
	struct removed removed = { .sf = NULL };
	bool held;
	int ret = mailbox_find_for(u, name, MAILBOX_OP_DELETE, pool, &ref,
				   &folder, err);

	if (ret == CV_OK && strcmp(ref.name, "INBOX") == 0) {
		FAIL(err, CV_E_DENIED, "INBOX cannot be deleted");
		ret = error_set_client(err, "INBOX can't be deleted.");
	}
	if (ret == CV_OK)
		ret = mailbox_changing(u, "delete", name, NULL, err);
	/* nobody makes a new one of that name before the old one is gone
	 * from the store, too */
	if (ret == CV_OK)
		ret = store_hold(ref.store, err);
	held = ret == CV_OK;
	if (ret == CV_OK)
		ret = store_begin(ref.store, &txn, err);
	/* or it has another name now: that one was not meant */
	if (ret == CV_OK && (folder->deleted ||
			     !cv_span_is(ref.span, folder->name)))
		ret = FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is gone", name);
	if (ret == CV_OK)
		ret = sync_before(ref.store, folder, err);
	if (ret == CV_OK)
		ret = take_blobs(ref.store, folder, pool, &removed, err);
	if (ret == CV_OK)
		ret = txn_folder_delete(txn, folder, err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	if (ret == CV_OK) {
		ret = remove_from_store(ref.store, folder, ref.span, &removed,
					err);
		account_reserve(ref.store->account, false);
	}
	if (held)
		account_release(ref.store->account);
	pool_destroy(&pool);
	return ret;
}

/* --- renaming ------------------------------------------------------------------------ */

/* *moved_r: it may have its new name on disk, also when this fails: what
 * could not be synced is there. */
static int rename_one(struct store *store, struct account_txn *txn,
		      struct account_folder *folder, struct cv_span to,
		      bool *moved_r, struct cv_error *err)
{
	int ret = store->driver->name_check(store->root, to, err);

	*moved_r = false;
	if (ret == CV_OK) {
		ret = store->driver->folder_rename(
			store->root, cv_span_of(folder->name), to, err);
		*moved_r = ret != CV_E_EXISTS && ret != CV_E_NOT_FOUND;
	}
	if (ret == CV_OK)
		ret = txn_folder_rename(txn, folder, to, err);
	return ret;
}

/* What was renamed on disk goes back when the commit fails. */
struct renamed { struct cv_span from, to; };

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct account_folder *const *)a)->name,
		      (*(struct account_folder *const *)b)->name);
}

/* A folder and its descendants, parents first: where a tree has directories,
 * children go with their parent. */
static void find_tree(struct store *store, const char *root,
		      struct cv_pool *pool, struct account_folder ***tree_r,
		      size_t *count_r)
{
	struct account_folder *folder;
	ARRAY(struct account_folder *) tree;
	size_t at = 0, len = strlen(root);

	array_init(&tree, pool);
	while ((folder = account_folder_next(store->account, &at)) != NULL) {
		if (!folder->deleted &&
		    strncmp(folder->name, root, len) == 0 &&
		    (folder->name[len] == '\0' || folder->name[len] == '/'))
			*array_add(&tree) = folder;
	}
	if (tree.count > 1)
		qsort(tree.items, tree.count, sizeof(*tree.items),
		      compare_names);
	*tree_r = tree.items;
	*count_r = tree.count;
}

static int rename_tree(struct store *store, struct account_txn *txn,
		       const char *from, const char *to, struct cv_pool *pool,
		       struct cv_error *err)
{
	struct account_folder **tree;
	ARRAY(struct renamed) done;
	bool undone = true;
	size_t count;
	int ret = CV_OK;

	array_init(&done, pool);
	find_tree(store, from, pool, &tree, &count);
	if (count == 0)
		ret = FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' does not exist",
			   from);
	for (size_t i = 0; i < count && ret == CV_OK; i++) {
		const char *name = pool_strdup(pool, tree[i]->name);
		struct cv_span target = cv_span_of(
			pool_printf(pool, "%s%s", to, name + strlen(from)));
		bool moved;

		if (account_folder_find(store->account, target) != NULL) {
			ret = FAIL(err, CV_E_EXISTS, "mailbox '%s' exists",
				   target.data);
			break;
		}
		ret = sync_before(store, tree[i], err);
		if (ret < 0)
			break;
		store_folder_forget(store, tree[i]);
		ret = rename_one(store, txn, tree[i], target, &moved, err);
		if (moved)
			*array_add(&done) = (struct renamed){
				cv_span_of(name), target,
			};
	}
	if (ret == CV_OK)
		ret = store_rename_done(txn, err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	for (size_t i = 0; i < done.count && ret < 0; i++)
		undone &= store->driver->folder_rename(
			store->root, done.items[i].to, done.items[i].from,
			NULL) == CV_OK;
	account_rollback(&txn);
	if (ret < 0 && undone)
		store_rename_withdraw(store, from, to);
	return ret;
}

/* [RFC9051 6.3.6] INBOX stays, its messages move. */
static int rename_inbox(struct cv_user *u, const char *new_name,
			struct cv_error *err)
{
	struct cv_mailbox *box;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range all = { 1, 0 };
	struct cv_set seqs = { &all, 1 };
	struct cv_pool *pool;
	int ret = mailbox_create(u, new_name, 0, err);

	if (ret < 0)
		return ret;
	ret = mailbox_open(u, "INBOX", CV_MAILBOX_READONLY, &box, err);
	if (ret < 0)
		return ret;
	all.last = box->count;
	pool = pool_create("rename");
	if (box->count > 0)
		ret = mailbox_copy(box, seqs, new_name, true, pool, &result,
				   err);
	if (ret == CV_NOT_FOUND)
		ret = FAIL(err, CV_E_TEMP, "mailbox 'INBOX' is being changed "
			   "by another program");
	if (ret == CV_OK)
		ret = annotations_copy(u, "INBOX", new_name, err);
	pool_destroy(&pool);
	mailbox_close(&box);
	return ret;
}

static int check_rename(const struct mailbox_ref *from,
			const struct mailbox_ref *to, struct cv_error *err)
{
	size_t len = strlen(from->name);

	if (from->store != to->store) {
		FAIL(err, CV_E_UNSUPPORTED, "renaming to a namespace with "
		     "another store (hint: create the new mailbox, move the "
		     "messages there, and delete the old one)");
		return error_set_client(err, "Can't rename a mailbox to "
					"another storage: create it there "
					"and move its messages.");
	}
	if (strncmp(to->name, from->name, len) == 0 && to->name[len] == '/') {
		FAIL(err, CV_E_PERM, "renaming a mailbox below itself");
		return error_set_client(err, "Can't rename a mailbox below "
					"itself.");
	}
	return CV_OK;
}

/* [RFC9051 6.3.6] A level that is no folder itself is renamed with what is
 * below it, if all of that may go. */
static int find_to_rename(struct cv_user *u, const char *name,
			  struct cv_pool *pool, struct mailbox_ref *from,
			  struct cv_error *err)
{
	struct account_folder *folder, **tree;
	size_t count;
	int ret = mailbox_find_for(u, name, MAILBOX_OP_DELETE, pool, from,
				   &folder, err);

	if (ret != CV_E_NOT_FOUND ||
	    mailbox_resolve(u, name, pool, from, NULL) != CV_OK)
		return ret;
	find_tree(from->store, from->name, pool, &tree, &count);
	for (size_t i = 0; i < count; i++) {
		ret = mailbox_permit(mailbox_rights(u, from->ns, tree[i]),
				     MAILBOX_OP_DELETE, name, err);
		if (ret != CV_OK)
			return ret;
	}
	return ret;
}

int mailbox_rename(struct cv_user *u, const char *name, const char *new_name,
		   struct cv_error *err)
{
	struct cv_pool *pool = pool_create("rename");
	struct mailbox_ref from, to;
	struct account_txn *txn;
	int ret = find_to_rename(u, name, pool, &from, err);

	if (ret == CV_OK)
		ret = mailbox_new_name_check(u, new_name, err);
	if (ret == CV_OK)
		ret = mailbox_resolve(u, new_name, pool, &to, err);
	if (ret == CV_OK)
		ret = mailbox_permit_create(u, &to, new_name, err);
	if (ret == CV_OK)
		ret = mailbox_changing(u, "rename", name, new_name, err);
	if (ret == CV_OK && strcmp(from.name, "INBOX") == 0) {
		ret = rename_inbox(u, new_name, err);
	} else if (ret == CV_OK) {
		ret = check_rename(&from, &to, err);
		if (ret == CV_OK)
			ret = store_folders_refresh(from.store, false, err);
		if (ret >= 0)
			ret = store_rename_announce(from.store, from.name,
						    to.name, err);
		if (ret == CV_OK)
			ret = store_begin(from.store, &txn, err);
		if (ret == CV_OK)
			ret = rename_tree(from.store, txn, from.name,
					  to.name, pool, err);
	}
	if (ret == CV_E_EXISTS)
		error_set_client(err, "Mailbox already exists.");
	else if (ret == CV_E_NOT_FOUND)
		error_set_client(err, "Mailbox doesn't exist.");
	pool_destroy(&pool);
	return ret;
}

/* --- subscribing --------------------------------------------------------------------- */

/* Where the subscriptions of a namespace without its own are kept: in the
 * nearest one that has some, under the whole name.  False: nowhere, for all
 * that keep some have a prefix that is not the name's. */
static bool subscription_place(struct cv_user *u, const char *name,
			       struct cv_pool *pool, struct mailbox_ref *ref)
{
	struct namespace *best = NULL;

	if (ref->ns->subscriptions && ref->ns->remote == NULL)
		return true;
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		struct namespace *ns = &u->namespaces[i];
		size_t len = strlen(ns->prefix);

		if (ns->subscriptions && strncmp(ns->prefix, name, len) == 0 &&
		    (best == NULL || len > strlen(best->prefix)))
			best = ns;
	}
	if (best == NULL)
		return false;
	ref->ns = best;
	ref->store = best->store;
	ref->name = mailbox_name_store(best, name + strlen(best->prefix),
				       pool);
	ref->span = cv_span_of(ref->name);
	return true;
}

/* What is kept nowhere is not subscribed: only the wish to be is refused. */
static int no_subscriptions(const char *name, bool on, struct cv_error *err)
{
	if (!on)
		return CV_OK;
	FAIL(err, CV_E_UNSUPPORTED, "no namespace keeps subscriptions of '%s' "
	     "(hint: let one with an empty prefix or one above it have "
	     "subscriptions = yes)", name);
	return error_set_client(err, "This namespace has no subscriptions.");
}

int mailbox_subscribe(struct cv_user *u, const char *name, bool on,
		      struct cv_error *err)
{
	struct cv_pool *pool = pool_create("subscribe");
	struct mailbox_ref ref;
	struct account_txn *txn = NULL;
	struct remote *remote = remote_find(u, name);
	int ret = CV_OK;

	/* kept by whoever subscribes, whatever the owner says */
	if (remote != NULL)
		ref = (struct mailbox_ref){ .ns = &remote->ns };
	else
		ret = mailbox_resolve(u, name, pool, &ref, err);
	if (ret == CV_OK)
		ret = mailbox_changing(u, on ? "subscribe" : "unsubscribe",
				       name, NULL, err);
	if (ret == CV_OK && !subscription_place(u, name, pool, &ref)) {
		ret = no_subscriptions(name, on, err);
		pool_destroy(&pool);
		return ret;
	}
	if (ret == CV_OK)
		ret = store_open(ref.store, err);
	if (ret == CV_OK)
		ret = store_subscriptions_refresh(ref.store, err);
	if (ret == CV_OK)
		ret = store_begin(ref.store, &txn, err);
	if (ret == CV_OK &&
	    account_is_subscribed(ref.store->account, ref.span) != on) {
		ret = txn_subscribe(txn, ref.span, on, err);
		if (ret == CV_OK)
			ret = account_commit(&txn, ACCOUNT_SYNC, err);
		if (ret == CV_OK)
			ret = store_subscriptions_publish(ref.store, err);
	}
	account_rollback(&txn);
	pool_destroy(&pool);
	return ret;
}

/* --- status --------------------------------------------------------------------------- */

static void count_flags(struct account_folder *folder,
			struct cv_mailbox_status *s)
{
	uint32_t rows = account_row_count(folder);

	s->deleted = s->recent = 0;
	s->deleted_bytes = 0;
	for (uint32_t row = 0; row < rows; row++) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		if (account_row_flags(folder, row) & ACCOUNT_DELETED) {
			account_row_get(folder, row, &m);
			s->deleted++;
			s->deleted_bytes += m.virtual_size > m.size ?
				m.virtual_size : m.size;
		}
		if (account_row_uid(folder, row) >= folder->recent_uid)
			s->recent++;
	}
}

/* A view fills in sizes that are not known yet. */
static int complete_sizes(struct cv_user *u, const char *name,
			  struct account_folder *folder, struct cv_error *err)
{
	struct cv_mailbox *box;
	int ret;

	if (account_row_count(folder) == 0)
		return CV_OK;
	ret = mailbox_open(u, name, CV_MAILBOX_READONLY, &box, err);
	if (ret < 0)
		return ret;
	ret = mailbox_fill_sizes(box, err);
	mailbox_close(&box);
	return ret;
}

static bool has_unknown_sizes(struct account_folder *folder)
{
	uint32_t rows = account_row_count(folder);
	struct account_message m;

	for (uint32_t row = 0; row < rows; row++) {
		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		if (m.virtual_size == 0 && m.size > 0)
			return true;
	}
	return false;
}

static void fill_status(struct account_folder *folder, uint32_t items,
			struct cv_mailbox_status *s)
{
	s->messages = folder->message_count;
	s->uidnext = folder->uidnext;
	s->uidvalidity = folder->uidvalidity;
	s->unseen = folder->unseen_count;
	s->size_bytes = folder->virtual_sum;
	s->highestmodseq = folder->highestmodseq == 0 ? 1 :
		folder->highestmodseq;
	memcpy(s->guid, folder->guid.bytes, sizeof(s->guid));
	s->recent = 0;
	if ((items & (CV_STATUS_DELETED | CV_STATUS_DELETED_BYTES)) != 0 ||
	    ((items & CV_STATUS_RECENT) != 0 &&
	     folder->recent_uid < folder->uidnext))
		count_flags(folder, s);
}

/* Many folders may be asked for at once: no descriptor is kept for one that
 * nobody has open. */
static void let_go(struct cv_user *u, struct store *store,
		   struct account_folder *folder)
{
	for (struct cv_mailbox *box = u->boxes; box != NULL; box = box->next) {
		if (box->folder == folder)
			return;
	}
	store_folder_forget(store, folder);
}

int mailbox_status(struct cv_user *u, const char *name, uint32_t items,
		   struct cv_mailbox_status *status_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("status");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct store_folder *sf;
	int ret = mailbox_find_for(u, name, MAILBOX_OP_STATUS, pool, &ref,
				   &folder, err);

	if (ret == CV_OK)
		ret = store_folder_get(ref.store, folder, &sf, err);
	if (ret == CV_OK)
		ret = store_folder_scan(sf, true, err);
	if (ret >= 0 &&
	    (items & (CV_STATUS_SIZE | CV_STATUS_DELETED_BYTES)) != 0 &&
	    has_unknown_sizes(folder))
		ret = complete_sizes(u, name, folder, err);
	/* the look has taken in what others did: it may have another name */
	if (ret >= 0 && (folder->deleted ||
			 !cv_span_is(ref.span, folder->name))) {
		let_go(u, ref.store, folder);
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is gone", name);
		ret = error_set_client(err, "Mailbox doesn't exist.");
	}
	if (ret >= 0) {
		fill_status(folder, items, status_r);
		let_go(u, ref.store, folder);
		ret = CV_OK;
	}
	pool_destroy(&pool);
	return ret;
}
