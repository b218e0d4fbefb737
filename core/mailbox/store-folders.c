/* store-folders.c - the account's folders and the tree's, kept in step.
 *
 * The account is what LIST shows; the tree is looked at when its stamp says
 * that another program has made or removed a folder.  A scan holds no lock:
 * each difference is looked at again under it. */
#include "mailbox-private.h"

static const struct cv_span folders_stamp_key = CV_SPAN("folders-stamp");
static const struct cv_span subscriptions_stamp_key =
	CV_SPAN("subscriptions-stamp");
/* "from" NUL "to": a tree of folders that is being renamed, or was when a
 * process died */
static const struct cv_span rename_key = CV_SPAN("rename");

static void load_stamp(struct store *store, struct cv_span key,
		       struct cv_text *stamp)
{
	struct cv_span value;

	if (account_metadata_get(store->account, NULL, key, &value))
		cv_text_append_span(stamp, value);
}

/* --- folders -------------------------------------------------------------------- */

struct folder_scan {
	struct cv_pool *pool;
	struct hash_table names;
	ARRAY(const char *) list;
};

static int folder_found(void *context, const struct cv_folder_found *found)
{
	struct folder_scan *scan = context;
	char *name = pool_strdup(scan->pool, found->name);

	if (found->selectable &&
	    hash_find(&scan->names, cv_span_of(name)) == NULL) {
		hash_set(&scan->names, cv_span_of(name), name);
		*array_add(&scan->list) = name;
	}
	return CV_OK;
}

bool store_was_removed(struct store *store, struct cv_span name,
		       uint32_t uidvalidity)
{
	struct account_folder *folder;
	size_t at = 0;

	while ((folder = account_removed_next(store->account, &at)) != NULL) {
		if (folder->uidvalidity == uidvalidity &&
		    cv_span_equal(cv_span_of(folder->name), name))
			return true;
	}
	return false;
}

/* The GUID that another server gave a folder; NULL: none, or it is that of
 * another one. */
static const struct account_guid *guid_of(struct store *store,
					  const struct cv_takeover *takeover,
					  struct cv_pool *pool)
{
	struct account_guid *guid;
	struct account_folder *folder;
	size_t at = 0;

	if (!CV_HAS(takeover, guid) || !takeover->has_guid)
		return NULL;
	guid = pool_new(pool, struct account_guid);
	memcpy(guid->bytes, takeover->guid, sizeof(guid->bytes));
	if (account_folder_find_guid(store->account, guid) != NULL)
		return NULL;
	while ((folder = account_removed_next(store->account, &at)) != NULL) {
		if (account_guid_equal(&folder->guid, guid))
			return NULL;
	}
	return guid;
}

/* What a folder on disk will be in the account: with the UIDVALIDITY and the
 * GUID that another server gave it, unless they are asked for. */
struct adoption {
	struct account_folder_options options;
	bool attributes;		/* the other server may have left some */
	bool left_out;			/* or it is one already */
};

/* a->options.guid is in pool. */
static int look_at_folder(struct store *store, struct cv_span name,
			  struct cv_pool *pool, struct adoption *a,
			  struct cv_error *err)
{
	struct cv_takeover takeover = { CV_SIZED(cv_takeover) };
	struct cv_storage_folder *blobs;
	struct cv_pool *scratch;
	int ret;

	ret = store->driver->folder_open(store->root, name, CV_SPAN_NONE,
					 &blobs, err);
	if (ret < 0)
		return ret;
	scratch = pool_create("takeover");
	ret = store->driver->takeover(blobs, true, scratch, &takeover, err);
	if (ret == CV_OK && a->options.uidvalidity == 0 &&
	    !store_was_removed(store, name, takeover.uidvalidity))
		a->options.uidvalidity = takeover.uidvalidity;
	if (ret == CV_OK && a->options.guid == NULL)
		a->options.guid = guid_of(store, &takeover, pool);
	a->attributes = CV_HAS(&takeover, guid) && takeover.has_guid;
	store->driver->folder_close(&blobs);
	pool_destroy(&scratch);
	return ret < 0 ? ret : CV_OK;
}

static int make_folder(struct store *store, struct account_txn *txn,
		       struct cv_span name, const struct adoption *a,
		       struct account_folder **folder_r, struct cv_error *err)
{
	int ret = txn_folder_create(txn, name, &a->options, folder_r, err);

	if (ret == CV_OK && a->attributes)
		ret = store_attributes_take(store, txn, *folder_r, err);
	return ret;
}

static int adopt_folder(struct store *store, struct account_txn *txn,
			struct cv_span name,
			const struct account_folder_options *as,
			struct account_folder **folder_r,
			struct cv_error *err)
{
	struct adoption a = { .options = *as };
	struct cv_pool *pool = pool_create("takeover");
	int ret = look_at_folder(store, name, pool, &a, err);

	if (ret == CV_OK)
		ret = make_folder(store, txn, name, &a, folder_r, err);
	pool_destroy(&pool);
	return ret;
}

bool store_folder_absent(struct store *store, struct cv_span name)
{
	struct cv_storage_folder *blobs;
	int ret = store->driver->folder_open(store->root, name,
					     CV_SPAN_NONE, &blobs, NULL);

	if (ret == CV_OK)
		store->driver->folder_close(&blobs);
	return ret == CV_E_NOT_FOUND;
}

/* True when the folder is really not there any more. */
static bool is_gone(struct store *store, struct account_folder *folder)
{
	return store_folder_absent(store, cv_span_of(folder->name));
}

/* A folder that may not be opened keeps nobody from the others; once there is
 * a way into it, it is taken over with all that it has. */
static void leave_out(struct store *store, struct cv_span name,
		      const struct cv_error *why)
{
	if (!store->told_denied)
		log_warning("mail", "mailbox '%.*s' in '%s' is not listed: %s",
			    CV_SPAN_ARG(name), store->location.path,
			    why->text);
	store->told_denied = true;
	store->left_out = true;
}

/* One that vanishes meanwhile, or may not be entered, keeps nobody from the
 * others. */
static int adopt_or_leave(struct store *store, struct account_txn *txn,
			  struct cv_span name, struct adoption *a,
			  struct cv_pool *pool, struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	struct account_folder *folder;
	int ret = CV_OK;

	if (pool != NULL)
		ret = look_at_folder(store, name, pool, a, &failed);
	a->left_out = ret < 0;
	if (ret == CV_OK && (pool == NULL || a->options.uidvalidity != 0)) {
		ret = make_folder(store, txn, name, a, &folder, &failed);
		a->left_out = true;	/* it is done */
	}
	if (ret == CV_E_DENIED || ret == CV_E_ACCESS)
		leave_out(store, name, &failed);
	if (ret >= 0 || ret == CV_E_DENIED || ret == CV_E_ACCESS ||
	    ret == CV_E_NOT_FOUND || ret == CV_E_EXISTS)
		return CV_OK;
	if (err != NULL)
		*err = failed;
	return ret;
}

/* Those that have a UIDVALIDITY come first: one that is made up now must not be
 * one of theirs. */
static int adopt_folders(struct store *store, struct folder_scan *scan,
			 struct account_txn *txn, struct cv_error *err)
{
	size_t count = scan->list.count;
	struct adoption *found = pool_new_array(scan->pool, struct adoption,
						count + 1);
	int ret = CV_OK;

	for (size_t i = 0; i < 2 * count && ret == CV_OK; i++) {
		struct adoption *a = &found[i % count];
		struct cv_span name = cv_span_of(scan->list.items[i % count]);

		if (account_folder_find(store->account, name) == NULL &&
		    !a->left_out)
			ret = adopt_or_leave(store, txn, name, a, i < count ?
					     scan->pool : NULL, err);
	}
	return ret;
}

static int apply_folders(struct store *store, struct folder_scan *scan,
			 struct account_txn *txn, struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0;
	int ret = adopt_folders(store, scan, txn, err);

	if (ret < 0)
		return ret;
	while ((folder = account_folder_next(store->account, &at)) != NULL) {
		if (folder->deleted || strcmp(folder->name, "INBOX") == 0 ||
		    hash_find(&scan->names,
			      cv_span_of(folder->name)) != NULL ||
		    !is_gone(store, folder))
			continue;
		log_info("mail", "mailbox '%s' was removed by another "
			 "program", folder->name);
		ret = txn_folder_delete(txn, folder, err);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

/* --- renames that ended early --------------------------------------------------- */

static struct cv_span announcement(struct cv_pool *pool, const char *from,
				   const char *to)
{
	struct cv_text value;

	cv_text_init(&value, pool);
	cv_text_append(&value, from, strlen(from) + 1);
	cv_text_append_str(&value, to);
	return cv_text_span(&value);
}

int store_rename_announce(struct store *store, const char *from,
			  const char *to, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("rename");
	struct account_txn *txn;
	int ret = store_begin(store, &txn, err);

	if (ret == CV_OK) {
		ret = txn_metadata(txn, NULL, rename_key,
				   announcement(pool, from, to), err);
		if (ret < 0)
			account_rollback(&txn);
		else
			ret = account_commit(&txn, ACCOUNT_SYNC, err);
	}
	pool_destroy(&pool);
	return ret;
}

int store_rename_done(struct account_txn *txn, struct cv_error *err)
{
	return txn_metadata(txn, NULL, rename_key, CV_SPAN_NONE, err);
}

void store_rename_withdraw(struct store *store, const char *from,
			   const char *to)
{
	struct cv_pool *pool = pool_create("rename");
	struct account_txn *txn;
	struct cv_span value;

	if (store_begin(store, &txn, NULL) == CV_OK) {
		/* another one may have been announced since */
		if (account_metadata_get(store->account, NULL, rename_key,
					 &value) &&
		    cv_span_equal(value, announcement(pool, from, to)) &&
		    store_rename_done(txn, NULL) == CV_OK)
			(void)account_commit(&txn, ACCOUNT_SYNC, NULL);
		else
			account_rollback(&txn);
	}
	pool_destroy(&pool);
}

bool store_rename_target(struct store *store, const char *name,
			 struct cv_pool *pool, struct cv_span *target_r)
{
	struct cv_span value;
	const char *from;
	size_t len;

	if (!account_metadata_get(store->account, NULL, rename_key, &value))
		return false;
	from = pool_copy(pool, value.data, value.len);
	len = strlen(from);
	if (len >= value.len || strncmp(name, from, len) != 0 ||
	    (name[len] != '\0' && name[len] != '/'))
		return false;
	*target_r = cv_span_of(pool_printf(pool, "%s%s", from + len + 1,
					   name + len));
	return account_folder_find(store->account, *target_r) == NULL;
}

/* The folders of the tree that have their new name on disk get it. */
static int apply_rename(struct store *store, struct folder_scan *scan,
			struct account_txn *txn, const char *from,
			const char *to, struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0, len = strlen(from);
	int ret = CV_OK;

	while (ret == CV_OK && (folder = account_folder_next(store->account,
							     &at)) != NULL) {
		struct cv_span target;

		if (folder->deleted || strncmp(folder->name, from, len) != 0 ||
		    (folder->name[len] != '\0' && folder->name[len] != '/'))
			continue;
		target = cv_span_of(pool_printf(scan->pool, "%s%s", to,
						folder->name + len));
		if (hash_find(&scan->names, target) == NULL ||
		    account_folder_find(store->account, target) != NULL ||
		    !is_gone(store, folder))
			continue;
		log_info("mail", "mailbox '%s': the rename to '%s' that was "
			 "interrupted is ended", folder->name, target.data);
		store_folder_forget(store, folder);
		ret = txn_folder_rename(txn, folder, target, err);
	}
	return ret;
}

static int finish_rename(struct store *store, struct folder_scan *scan,
			 struct cv_error *err)
{
	struct account_txn *txn;
	struct cv_span value;
	int ret;

	if (!account_metadata_get(store->account, NULL, rename_key, &value))
		return CV_OK;
	ret = store_take_in(store, &txn, err);
	if (ret < 0)
		return ret;
	/* whoever announced it may have ended it in the meantime */
	if (account_metadata_get(store->account, NULL, rename_key, &value)) {
		const char *from = pool_copy(scan->pool, value.data,
					     value.len);
		size_t len = strlen(from);

		if (len < value.len)
			ret = apply_rename(store, scan, txn, from,
					   from + len + 1, err);
	}
	if (ret == CV_OK)
		return account_commit(&txn, ACCOUNT_SYNC, err);
	account_rollback(&txn);
	return ret;
}

static int refresh_folders(struct store *store, bool force,
			   struct cv_error *err)
{
	struct folder_scan scan;
	struct account_txn *txn;
	struct cv_text stamp;
	int ret;

	scan.pool = pool_create("folders");
	cv_text_init(&stamp, scan.pool);
	load_stamp(store, folders_stamp_key, &stamp);
	ret = store->driver->folders_check(store->root, &stamp, err);
	if (ret < 0 || (ret == CV_OK && !force)) {
		pool_destroy(&scan.pool);
		return ret;
	}
	hash_init(&scan.names, scan.pool, false);
	array_init(&scan.list, scan.pool);
	ret = store->driver->folders_scan(store->root, folder_found, &scan,
					  err);
	store->left_out = ret == CV_CHANGED;
	if (ret >= 0)
		ret = finish_rename(store, &scan, err);
	if (ret == CV_OK)
		ret = store_take_in(store, &txn, err);
	if (ret == CV_OK) {
		struct cv_span old = CV_SPAN_NONE;

		ret = apply_folders(store, &scan, txn, err);
		/* whether there is a way in is not seen by a stamp */
		if (store->left_out && stamp.len > 0)
			stamp.data[0] ^= 0x7f;
		(void)account_metadata_get(store->account, NULL,
					   folders_stamp_key, &old);
		if (ret == CV_OK && stamp.len > 0 &&
		    !cv_span_equal(old, cv_text_span(&stamp)))
			ret = txn_metadata(txn, NULL, folders_stamp_key,
					   cv_text_span(&stamp), err);
		if (ret < 0)
			account_rollback(&txn);
		else
			ret = account_commit(&txn, ACCOUNT_SYNC, err);
	}
	pool_destroy(&scan.pool);
	return ret < 0 ? ret : CV_CHANGED;
}

/* A full disk keeps nobody from what is known. */
static int without_room(const struct store *store, const struct cv_error *err)
{
	log_warning("mail", "changes by other programs in '%s' are not taken "
		    "in: %s", store->location.path, err->text);
	return CV_OK;
}

int store_folders_refresh(struct store *store, bool force,
			  struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	int ret;

	if (store->frozen)
		return CV_OK;
	ret = refresh_folders(store, force, &failed);
	if (ret == CV_E_NO_SPACE && !force)
		return without_room(store, &failed);
	if (ret < 0 && err != NULL)
		*err = failed;
	return ret;
}

void store_rename_resume(struct store *store)
{
	struct cv_span value;

	if (account_metadata_get(store->account, NULL, rename_key, &value))
		(void)store_folders_refresh(store, true, NULL);
}

int store_folder_create_as(struct store *store, struct cv_span name,
			   const struct account_folder_options *as,
			   struct cv_span acl,
			   struct account_folder **folder_r,
			   struct cv_error *err)
{
	struct account_txn *txn;
	int ret = store_take_in(store, &txn, err);

	if (ret < 0)
		return ret;
	if (account_folder_find(store->account, name) != NULL) {
		account_rollback(&txn);
		return FAIL(err, CV_E_EXISTS, "mailbox '%.*s' exists",
			    CV_SPAN_ARG(name));
	}
	/* what another program has just made is taken over with its UIDs */
	ret = store->driver->folder_create(store->root, name, err);
	if (ret == CV_OK || ret == CV_E_EXISTS)
		ret = adopt_folder(store, txn, name, as, folder_r, err);
	if (ret == CV_OK && acl.data != NULL)
		ret = txn_metadata(txn, *folder_r, CV_SPAN("acl"), acl, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	return account_commit(&txn, ACCOUNT_SYNC, err);
}

int store_folder_create(struct store *store, struct cv_span name,
			uint32_t use, struct account_folder **folder_r,
			struct cv_error *err)
{
	const struct account_folder_options as = {
		.attributes = use >> MAILBOX_USE_SHIFT,
	};

	return store_folder_create_as(store, name, &as, CV_SPAN_NONE,
				      folder_r, err);
}

/* --- subscriptions ------------------------------------------------------------------ */

static int apply_subscriptions(struct store *store,
			       const struct cv_strings *names,
			       struct cv_span stamp, struct cv_error *err)
{
	struct account_txn *txn;
	struct cv_pool *pool = pool_create("subscriptions");
	struct hash_table wanted;
	const char *name;
	size_t at = 0;
	int ret = store_take_in(store, &txn, err);

	hash_init(&wanted, pool, false);
	for (uint32_t i = 0; i < names->count && ret == CV_OK; i++) {
		struct cv_span s = cv_span_of(names->items[i]);

		hash_set(&wanted, s, txn);
		if (s.len > 0 && s.len <= MAILBOX_NAME_BYTES_MAX &&
		    !account_is_subscribed(store->account, s))
			ret = txn_subscribe(txn, s, true, err);
	}
	while (ret == CV_OK && (name = account_subscription_next(
					store->account, &at)) != NULL) {
		if (hash_find(&wanted, cv_span_of(name)) == NULL)
			ret = txn_subscribe(txn, cv_span_of(name), false,
					    err);
	}
	if (ret == CV_OK)
		ret = txn_metadata(txn, NULL, subscriptions_stamp_key, stamp,
				   err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	pool_destroy(&pool);
	return ret;
}

int store_subscriptions_refresh(struct store *store, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text stamp;
	struct cv_strings names = { NULL, 0 };
	int ret;

	if (store->driver->subscriptions_read == NULL || store->frozen)
		return CV_OK;
	pool = pool_create("subscriptions");
	cv_text_init(&stamp, pool);
	load_stamp(store, subscriptions_stamp_key, &stamp);
	ret = store->driver->subscriptions_read(store->root, &stamp, pool,
						&names, err);
	if (ret == CV_CHANGED) {
		struct cv_error failed = ERROR_NONE;

		ret = apply_subscriptions(store, &names,
					  cv_text_span(&stamp), &failed);
		if (ret == CV_E_NO_SPACE)
			ret = without_room(store, &failed);
		else if (ret < 0 && err != NULL)
			*err = failed;
	}
	pool_destroy(&pool);
	return ret;
}

static int publish_subscriptions(struct store *store, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text stamp;
	ARRAY(const char *) names;
	struct cv_strings strings;
	struct account_txn *txn;
	const char *name;
	size_t at = 0;
	int ret;

	if (store->driver->subscriptions_write == NULL)
		return CV_OK;
	pool = pool_create("subscriptions");
	array_init(&names, pool);
	cv_text_init(&stamp, pool);
	ret = store_begin(store, &txn, err);
	while (ret == CV_OK && (name = account_subscription_next(
					store->account, &at)) != NULL)
		*array_add(&names) = name;
	if (ret == CV_OK) {
		strings = (struct cv_strings){ names.items,
					       (uint32_t)names.count };
		ret = store->driver->subscriptions_write(store->root,
							 &strings, &stamp,
							 err);
		if (ret == CV_OK)
			ret = txn_metadata(txn, NULL, subscriptions_stamp_key,
					   cv_text_span(&stamp), err);
		if (ret == CV_OK)
			ret = account_commit(&txn, ACCOUNT_NO_SYNC, err);
		else
			account_rollback(&txn);
	}
	pool_destroy(&pool);
	return ret;
}

int store_subscriptions_publish(struct store *store, struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	int ret = publish_subscriptions(store, &failed);

	/* the account knows; the file is written with the next change */
	if (ret == CV_E_NO_SPACE) {
		log_warning("mail", "subscriptions in '%s' wait for room to be "
			    "written for other programs: %s",
			    store->location.path, failed.text);
		return CV_OK;
	}
	if (ret < 0 && err != NULL)
		*err = failed;
	return ret;
}
