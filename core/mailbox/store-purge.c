/* store-purge.c - where the bytes lie, put in order: what no message refers
 * to is freed, old mail goes to the alternative place.
 *
 * INVARIANT: the references that the driver is given are all that the journal
 * knows at that moment; the account's lock is held until it is done, so that
 * no commit makes another. */
#include "mailbox-private.h"
#include "mailbox-admin.h"

struct references {
	struct cv_pool *pool;
	ARRAY(struct cv_span) spans;
};

static int collect(struct references *refs, struct account_folder *folder,
		   struct cv_error *err)
{
	int ret = account_folder_load(folder, err);
	uint32_t rows;

	if (ret < 0)
		return ret;
	/* rows may be missing: what they refer to would look unused */
	if (folder->damaged)
		return FAIL(err, CV_E_TEMP, "mailbox '%s' is damaged: it has "
			    "to be scanned before a purge", folder->name);
	rows = account_row_count(folder);
	for (uint32_t row = 0; row < rows; row++) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		*array_add(&refs->spans) = pool_span(refs->pool, m.blob);
	}
	return CV_OK;
}

static int collect_all(struct references *refs, struct store *store,
		       struct cv_error *err)
{
	struct account_folder *folder;
	size_t at = 0;
	int ret = CV_OK;

	while (ret == CV_OK &&
	       (folder = account_folder_next(store->account, &at)) != NULL) {
		if (!folder->deleted)
			ret = collect(refs, folder, err);
	}
	return ret;
}

/* A folder of another server's that nobody has opened yet: its messages come
 * into the journal first. */
static int open_all(struct store *store, struct cv_error *err)
{
	struct account_folder *folder;
	struct store_folder *sf;
	size_t at = 0;
	int ret = CV_OK;

	while (ret >= 0 &&
	       (folder = account_folder_next(store->account, &at)) != NULL) {
		bool was_open = false;

		if (folder->deleted || (folder->attributes & ACCOUNT_NOSELECT))
			continue;
		for (sf = store->folders; sf != NULL; sf = sf->next)
			was_open |= sf->folder == folder;
		ret = store_folder_get(store, folder, &sf, err);
		if (ret == CV_OK)
			ret = store_folder_scan(sf, true, err);
		else if (ret == CV_E_NOT_FOUND)
			ret = CV_OK;
		if (!was_open)	/* each holds a descriptor */
			store_folder_forget(store, folder);
	}
	return ret < 0 ? ret : CV_OK;
}

int store_references(struct store *store, struct cv_pool *pool,
		     struct cv_span **refs_r, uint32_t *count_r,
		     struct cv_error *err)
{
	struct references refs = { .pool = pool };
	int ret;

	array_init(&refs.spans, pool);
	ret = collect_all(&refs, store, err);
	*refs_r = refs.spans.items;
	*count_r = (uint32_t)refs.spans.count;
	return ret;
}

int store_purge(struct store *store, bool convert, uint64_t *freed_r,
		struct cv_error *err)
{
	const struct cv_storage *driver = store->driver;
	struct references refs = { .pool = NULL };
	struct account_txn *txn;
	int ret;

	*freed_r = 0;
	if (!CV_HAS(driver, purge) || driver->purge == NULL)
		return FAIL(err, CV_E_UNSUPPORTED, "mail in '%s': %s has "
			    "nothing to purge", store->location.path,
			    driver->name);
	ret = store_folders_refresh(store, true, err);
	if (ret >= 0 && store->left_out)
		ret = FAIL(err, CV_E_DENIED, "mail in '%s': a mailbox may not "
			   "be opened, so its messages are not known",
			   store->location.path);
	if (ret >= 0)
		ret = open_all(store, err);
	if (ret == CV_OK)
		ret = store_begin(store, &txn, err);
	if (ret < 0)
		return ret;
	refs.pool = pool_create("purge");
	array_init(&refs.spans, refs.pool);
	ret = collect_all(&refs, store, err);
	if (ret == CV_OK)
		ret = driver->purge(store->root, refs.spans.items,
				    (uint32_t)refs.spans.count, convert,
				    freed_r, err);
	account_rollback(&txn);
	pool_destroy(&refs.pool);
	return ret;
}

int mailbox_purge(struct cv_user *user, bool convert, uint64_t *freed_r,
		  struct cv_error *err)
{
	uint64_t freed;
	int ret = CV_OK;

	*freed_r = 0;
	for (struct store *store = user->stores; store != NULL && ret >= 0;
	     store = store->next) {
		if (!CV_HAS(store->driver, purge) ||
		    store->driver->purge == NULL)
			continue;
		ret = store_open(store, err);
		if (ret == CV_OK)
			ret = store_purge(store, convert, &freed, err);
		if (ret != CV_OK)
			continue;
		*freed_r += freed;
		account_reserve(store->account, true);
	}
	return ret;
}

static bool has_altmove(const struct cv_storage *driver)
{
	return CV_HAS(driver, altmove) && driver->altmove != NULL;
}

static bool has_altmove_known(const struct cv_storage *driver)
{
	return CV_HAS(driver, altmove_known) && driver->altmove_known != NULL;
}

struct chosen {
	struct store_folder *sf;
	struct references refs;		/* of all messages, once asked for */
	ARRAY(struct cv_blob) blobs;
};

static int live(void *context, const struct cv_span **refs_r,
		uint32_t *count_r, struct cv_error *err)
{
	struct chosen *c = context;
	int ret = CV_OK;

	if (c->refs.spans.count == 0)
		ret = collect_all(&c->refs, c->sf->store, err);
	*refs_r = c->refs.spans.items;
	*count_r = (uint32_t)c->refs.spans.count;
	return ret;
}

static int move_chosen(struct chosen *c, bool back, struct cv_error *err)
{
	const struct cv_storage *driver = c->sf->store->driver;
	uint32_t count = (uint32_t)c->blobs.count;

	return has_altmove_known(driver) ?
		driver->altmove_known(c->sf->blobs, c->blobs.items, count,
				      back, live, c, err) :
		driver->altmove(c->sf->blobs, c->blobs.items, count, back,
				err);
}

int store_altmove(struct store_folder *sf, const struct account_range *uids,
		  size_t count, bool back, struct cv_error *err)
{
	struct store *store = sf->store;
	struct chosen c = { .sf = sf };
	struct account_txn *txn;
	int ret = CV_OK;

	if (!has_altmove(store->driver) && !has_altmove_known(store->driver))
		return FAIL(err, CV_E_UNSUPPORTED, "%s has no alternative "
			    "place for mail", store->driver->name);
	if (has_altmove_known(store->driver) && !store->all_scanned)
		ret = open_all(store, err);
	if (ret == CV_OK)
		ret = store_begin(store, &txn, err);
	if (ret < 0)
		return ret;
	store->all_scanned = true;
	c.refs.pool = pool_create("altmove");
	array_init(&c.refs.spans, c.refs.pool);
	array_init(&c.blobs, c.refs.pool);
	for (size_t i = 0; i < count; i++) {
		uint32_t row = account_row_lower(sf->folder, uids[i].first);

		for (; row < account_row_count(sf->folder) &&
		     account_row_uid(sf->folder, row) <= uids[i].last; row++) {
			if (account_row_alive(sf->folder, row))
				store_blob_get(sf->folder, row, c.refs.pool,
					       array_add(&c.blobs));
		}
	}
	ret = move_chosen(&c, back, err);
	account_rollback(&txn);
	pool_destroy(&c.refs.pool);
	return ret;
}

/* --- of a view ------------------------------------------------------------------- */

/* UIDs of the view, and whether one of them is still in the journal: only
 * what the driver has got can be moved. */
static bool take_uids(struct cv_mailbox *box, struct cv_set seqs,
		      struct account_range *uids, uint32_t *count_r)
{
	struct account_message m;
	bool has_body = false;
	uint32_t count = 0, row;

	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last && seq <= box->count; seq++) {
			if (!mailbox_row(box, seq, &row))
				continue;
			account_row_get(box->folder, row, &m);
			has_body |= m.has_body;
			uids[count++] = (struct account_range){ m.uid, m.uid };
		}
	}
	*count_r = count;
	return has_body;
}

int mailbox_altmove(struct cv_mailbox *box, struct cv_set seqs, bool back,
		    void (*progress)(void *context, uint64_t done,
				     uint64_t total), void *context,
		    struct cv_error *err)
{
	enum { BATCH = 1000 };
	struct cv_pool *pool = pool_create("altmove uids");
	struct account_range *uids = pool_new_array(
		pool, struct account_range, (size_t)box->count + 1);
	uint32_t count;
	int ret = CV_OK;

	if (take_uids(box, seqs, uids, &count))
		ret = account_rotate(box->store->account,
				     time_monotonic_msecs() +
				     MAILBOX_LOCK_MSECS, err);
	for (uint32_t at = 0; ret == CV_OK && at < count; at += BATCH) {
		uint32_t n = count - at < BATCH ? count - at : BATCH;

		ret = store_altmove(box->sf, uids + at, n, back, err);
		if (ret == CV_OK && progress != NULL)
			progress(context, at + n, count);
	}
	pool_destroy(&pool);
	return ret;
}
