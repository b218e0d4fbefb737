/* store.c - an account over a tree of blobs. */
#include "mailbox-private.h"

/* --- drivers ------------------------------------------------------------------ */

enum { DRIVERS_MAX = 8 };
static const struct cv_storage *linked_in[DRIVERS_MAX];

void storage_register(const struct cv_storage *driver)
{
	uint32_t at = 0;

	while (at < DRIVERS_MAX && linked_in[at] != NULL &&
	       linked_in[at] != driver)
		at++;
	BUG_IF(at == DRIVERS_MAX);
	linked_in[at] = driver;
}

/* *at starts at 0: linked ones, then those of plugins. */
const struct cv_storage *storage_next(uint32_t *at)
{
	uint32_t provider;

	if (*at < DRIVERS_MAX && linked_in[*at] != NULL)
		return linked_in[(*at)++];
	if (*at < DRIVERS_MAX)
		*at = DRIVERS_MAX;
	provider = *at - DRIVERS_MAX;
	{
		const struct cv_storage *driver =
			module_provider_next(CV_PROVIDER_STORAGE, &provider);

		*at = provider + DRIVERS_MAX;
		return driver;
	}
}

const struct cv_storage *storage_find(const char *name)
{
	const struct cv_storage *driver;
	uint32_t at = 0;

	while ((driver = storage_next(&at)) != NULL) {
		if (strcmp(driver->name, name) == 0)
			return driver;
	}
	return NULL;
}

/* --- opening -------------------------------------------------------------------- */

int store_create(struct cv_user *user, const char *location,
		 struct store **store_r, struct cv_error *err)
{
	struct store *store = pool_new(user->pool, struct store);
	const struct mail_location *l = &store->location;
	int ret = mail_location_parse(user, location, &store->location, err);

	if (ret < 0)
		return ret;
	store->user = user;
	store->driver = storage_find(l->driver);
	if (store->driver == NULL)
		return FAIL(err, CV_E_CONFIG, "mail_location: no storage "
			    "driver '%s' (is the plugin storage-%s there?)",
			    l->driver, l->driver);
	store->config = (struct cv_storage_config){
		CV_SIZED(cv_storage_config), .pool = user->pool,
		.io_api = &storage_io_api, .io = (struct cv_io *)user->io,
		.path = l->path, .layout = l->layout, .inbox = l->inbox,
		.control = l->control, .dirname = l->dirname,
		.utf8_names = l->utf8, .hostname = user->hostname,
		.create = user->inspect == USER_INSPECT_NONE,
		.index = l->index, .user = user,
		.alt = l->alt, .subscriptions = l->subscriptions,
	};
	memcpy(store->config.boot_id, user->boot_id, 16);
	store->private_seen = user->private_seen || l->index_pvt[0] != '\0';
	store->next = user->stores;
	user->stores = store;
	*store_r = store;
	return CV_OK;
}

static int open_account(struct store *store, struct cv_error *err)
{
	const struct mail_settings *mail = &store->user->mail;
	struct account_options options = {
		.mmap_disable = mail->mmap_disable,
		/* which commits need a sync is said with each: what only
		 * saves a look at the disk never does */
		.fsync = mail->mail_fsync == MAIL_MAIL_FSYNC_NEVER ?
			ACCOUNT_FSYNC_NEVER : ACCOUNT_FSYNC_OPTIMIZED,
		/* 0: none; every message has at least two bytes */
		.body_max = mail->mail_journal_body_max == 0 ? 1 :
			(uint32_t)mail->mail_journal_body_max,
		.first_txn = store->user->first_modseq,
		.readonly = store->user->inspect != USER_INSPECT_NONE,
		.lay_out = store_lay_out,
		.context = store,
	};
	int ret = mail_location_account_open(
		store->user, &store->location,
		store->driver->account_dir(store->root), &options,
		&store->account, err);

	store->frozen = ret == CV_OK && account_is_readonly(store->account);
	store->passing = ret == CV_OK && account_is_passing(store->account);
	return ret;
}

/* Who holds the account for longer than this mends it. */
enum { MEND_MSECS = 2000 };

static int open_parts(struct store *store, struct cv_error *err)
{
	struct account_folder *folder;
	int ret = store->driver->root_open(&store->config, &store->root, err);

	if (ret == CV_OK)
		ret = open_account(store, err);
	if (ret < 0)
		return ret;
	account_mend(store->account, time_monotonic_msecs() + MEND_MSECS);
	if (account_is_new(store->account)) {
		ret = store_folders_refresh(store, true, err);
		if (ret >= 0)
			ret = store_subscriptions_refresh(store, err);
	} else {
		store_rename_resume(store);
	}
	if (ret >= 0 && store->has_inbox && !store->frozen &&
	    account_folder_find(store->account, CV_SPAN("INBOX")) == NULL) {
		ret = store_folder_create(store, CV_SPAN("INBOX"), 0, &folder,
					  err);
		/* to be looked at: it may have none */
		if (ret == CV_E_EXISTS ||
		    (ret < 0 && store->user->inspect != USER_INSPECT_NONE))
			ret = CV_OK;
	}
	return ret < 0 ? ret : CV_OK;
}

int store_open(struct store *store, struct cv_error *err)
{
	int ret;

	if (store->account != NULL)
		return CV_OK;
	ret = open_parts(store, err);
	if (ret < 0) {
		store_close(store);
		return error_prefix(err, "mail in '%s'",
				    store->location.path);
	}
	return CV_OK;
}

void store_close(struct store *store)
{
	while (store->folders != NULL)
		store_folder_forget(store, store->folders->folder);
	account_close(&store->account);
	if (store->root != NULL)
		store->driver->root_close(&store->root);
}

static uint64_t lock_deadline(const struct store *store)
{
	uint64_t wait = store->user->mail.mail_max_lock_timeout;

	if (wait == 0 || wait > MAILBOX_LOCK_MSECS)
		wait = MAILBOX_LOCK_MSECS;
	return time_monotonic_msecs() + wait;
}

int store_begin(struct store *store, struct account_txn **txn_r,
		struct cv_error *err)
{
	if (store->passing)
		return FAIL(err, CV_E_ACCESS, "mail in '%s' cannot be changed "
			    "(INDEX=MEMORY)", store->location.path);
	return store_take_in(store, txn_r, err);
}

int store_take_in(struct store *store, struct account_txn **txn_r,
		  struct cv_error *err)
{
	return account_begin(store->account, lock_deadline(store), txn_r,
			     err);
}

int store_hold(struct store *store, struct cv_error *err)
{
	return account_hold(store->account, lock_deadline(store), err);
}

int store_make_room(struct store *store)
{
	return account_make_room(store->account, lock_deadline(store), NULL);
}

void store_removing(struct store *store)
{
	/* the others have files that wait for the account in turn */
	if (store->driver->caps & CV_STORAGE_FOREIGN)
		(void)store_hold(store, NULL);
}

void store_removed(struct store *store)
{
	account_reserve(store->account, false);
	account_release(store->account);
}

void store_idle(struct store *store)
{
	struct cv_error err = ERROR_NONE;

	if (store->account == NULL || !account_wants_rotation(store->account))
		return;
	if (account_rotate(store->account, time_monotonic_msecs(), &err) < 0 &&
	    err.code != CV_E_TIMEOUT)
		log_warning("mail", "rotation is put off: %s", err.text);
}

/* --- folders ------------------------------------------------------------------------ */

void store_folder_numbers(struct store_folder *sf)
{
	const struct cv_storage *driver = sf->store->driver;

	if (driver->numbers != NULL)
		driver->numbers(sf->blobs, sf->folder->uidvalidity,
				sf->folder->uidnext);
}

bool store_is_remote(const struct store *store)
{
	return (store->driver->caps & CV_STORAGE_REMOTE) != 0;
}

int store_send(struct store_folder *sf, struct cv_blob *blobs,
	       uint32_t count, struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	int ret = sf->store->driver->send(sf->blobs, blobs, count, err);

	/* they are there now, whatever becomes of our look at them */
	if (ret == CV_OK && store_folder_scan_all(sf, &failed) < 0)
		log_warning("mail", "mailbox '%s': saved, but: %s",
			    sf->folder->name, failed.text);
	return ret;
}

bool store_has_uids(const struct store_folder *sf)
{
	const struct cv_storage *driver = sf->store->driver;

	return CV_HAS(driver, uids_write) && driver->uids_write != NULL;
}

int store_uids_add(struct store_folder *sf, const struct cv_blob *blobs,
		   uint32_t count, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_uid_ref *refs;
	int ret;

	if (!store_has_uids(sf) || count == 0)
		return CV_OK;
	pool = pool_create("uids");
	refs = pool_new_array(pool, struct cv_uid_ref, count);
	for (uint32_t i = 0; i < count; i++)
		refs[i] = (struct cv_uid_ref){ blobs[i].uid, blobs[i].ref };
	store_folder_numbers(sf);
	ret = sf->store->driver->uids_add(sf->blobs, refs, count,
					  sf->folder->message_count, err);
	pool_destroy(&pool);
	return ret;
}

void store_folder_refresh(struct store_folder *sf)
{
	struct cv_span state = account_folder_state(sf->folder);

	store_folder_numbers(sf);
	if (cv_span_equal(state, cv_text_span(&sf->state)))
		return;
	cv_text_reset(&sf->state);
	cv_text_append_span(&sf->state, state);
	sf->store->driver->state_set(sf->blobs, state);
}

/* A rename that was interrupted may have moved it already; a rotation that
 * comes before the rename is ended must not take its bodies for nobody's. */
static int open_blobs(struct store *store, struct account_folder *folder,
		      struct store_folder *sf, struct cv_error *err)
{
	struct cv_span state = cv_text_span(&sf->state), target;
	int ret = store->driver->folder_open(store->root,
					     cv_span_of(folder->name), state,
					     &sf->blobs, err);

	if (ret == CV_E_NOT_FOUND &&
	    store_rename_target(store, folder->name, sf->pool, &target))
		ret = store->driver->folder_open(store->root, target, state,
						 &sf->blobs, err);
	return ret;
}

int store_folder_get(struct store *store, struct account_folder *folder,
		     struct store_folder **sf_r, struct cv_error *err)
{
	struct cv_span state = account_folder_state(folder);
	struct cv_pool *pool;
	struct store_folder *sf = store->folders;
	int ret;

	while (sf != NULL && sf->folder != folder)
		sf = sf->next;
	if (sf != NULL) {
		store_folder_refresh(sf);
		*sf_r = sf;
		return CV_OK;
	}
	pool = pool_create("folder");
	sf = pool_new(pool, struct store_folder);
	sf->pool = pool;
	sf->store = store;
	sf->folder = folder;
	cv_text_init(&sf->state, pool);
	cv_text_append_span(&sf->state, state);
	ret = open_blobs(store, folder, sf, err);
	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	store_folder_numbers(sf);
	sf->next = store->folders;
	store->folders = sf;
	*sf_r = sf;
	return CV_OK;
}

static void folder_close(struct store_folder *sf)
{
	struct cv_pool *pool = sf->pool;

	sf->store->driver->folder_close(&sf->blobs);
	pool_destroy(&pool);
}

void store_folder_hold(struct store_folder *sf)
{
	sf->holds++;
}

void store_folder_release(struct store_folder *sf)
{
	if (--sf->holds == 0 && sf->forgotten)
		folder_close(sf);
}

void store_folder_forget(struct store *store, struct account_folder *folder)
{
	struct store_folder **at = &store->folders;

	while (*at != NULL) {
		struct store_folder *sf = *at;

		if (sf->folder == folder) {
			*at = sf->next;
			sf->forgotten = true;
			if (sf->holds == 0)
				folder_close(sf);
			return;
		}
		at = &sf->next;
	}
}

int store_folder_save_state(struct store_folder *sf, struct account_txn *txn,
			    struct cv_error *err)
{
	struct cv_pool *pool = pool_create("state");
	struct cv_text state;
	int ret = CV_OK;

	cv_text_init(&state, pool);
	if (sf->store->driver->state(sf->blobs, &state) &&
	    !cv_span_equal(cv_text_span(&state), cv_text_span(&sf->state))) {
		cv_text_reset(&sf->state);
		cv_text_append_span(&sf->state, cv_text_span(&state));
		ret = txn_folder_state(txn, sf->folder,
				       cv_text_span(&sf->state), err);
	}
	pool_destroy(&pool);
	return ret;
}

void store_folder_publish(struct store_folder *sf)
{
	struct account_txn *txn;
	struct cv_error err = ERROR_NONE;

	if (store_take_in(sf->store, &txn, &err) < 0)
		return;
	if (sf->folder->deleted || store_tombstones_say(sf, txn, &err) < 0 ||
	    store_folder_save_state(sf, txn, &err) < 0) {
		account_rollback(&txn);
		return;
	}
	if (account_commit(&txn, ACCOUNT_NO_SYNC, &err) < 0)
		log_warning("mail", "mailbox '%s': its state is not kept: %s",
			    sf->folder->name, err.text);
}

/* --- messages for the driver ----------------------------------------------------------- */

struct cv_keywords store_keywords_get(struct account_folder *folder,
				      struct account_keywords indexes,
				      struct cv_pool *pool)
{
	struct cv_keywords keywords = { NULL, 0 };
	const char **names;

	if (indexes.count == 0)
		return keywords;
	names = pool_new_array(pool, const char *, indexes.count);
	/* copies: a commit may begin a new journal and load all anew */
	for (uint32_t i = 0; i < indexes.count; i++)
		names[i] = pool_strdup(pool, account_keyword_name(
					       folder, indexes.indexes[i]));
	keywords.names = names;
	keywords.count = indexes.count;
	return keywords;
}

void store_blob_get(struct account_folder *folder, uint32_t row,
		    struct cv_pool *pool, struct cv_blob *blob_r)
{
	struct account_message m;

	account_row_get(folder, row, &m);
	*blob_r = (struct cv_blob){
		CV_SIZED(cv_blob), .ref = pool_span(pool, m.blob),
		.flags = m.flags & CV_FLAGS_STORED,
		.keywords = store_keywords_get(folder, m.keywords, pool),
		.received = m.received, .bytes = m.size,
		.virtual_bytes = m.virtual_size, .modseq = m.written,
		.marks = m.flags >> MAILBOX_MARK_SHIFT & 0xf,
		.uid = m.uid,
	};
	memcpy(blob_r->guid, m.guid.bytes, sizeof(blob_r->guid));
}
