/* store-finish.c - what a process had committed when it was killed.
 *
 * The journal is right, and clients see what it says; but files of messages
 * that were saved are still hidden, and those of expunged ones still there,
 * and other programs see that.  A scan puts it right, but nothing on disk has
 * changed that would call for one.  So whoever opens a folder looks: the
 * tombstones say what was not removed, and few files are ever hidden.
 *
 * The process in question may as well be alive and about to do it: both may,
 * in any order (cv-storage.h). */
#include "mailbox-private.h"
#include "base/hash.h"

enum {
	HIDDEN_MAX = 4096,	/* files that are looked at */
	ROWS_MAX = 65536,	/* newest messages that they may be */
};

struct finishing {
	struct store_folder *sf;
	struct cv_pool *pool;
	struct hash_table hidden;
	ARRAY(uint32_t) uids;		/* of committed ones, descending */
};

static int take_hidden(void *context, const struct cv_found *found)
{
	struct finishing *f = context;

	if (f->hidden.count >= HIDDEN_MAX)
		return CV_EOF;
	hash_set(&f->hidden, pool_span(f->pool, found->ref), f);
	return CV_OK;
}

static void find_committed(struct finishing *f)
{
	struct account_folder *folder = f->sf->folder;
	uint32_t rows = account_row_count(folder);
	uint32_t last = rows > ROWS_MAX ? rows - ROWS_MAX : 0;

	for (uint32_t row = rows; row-- > last && f->hidden.count > 0;) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		if (hash_remove(&f->hidden, m.blob))
			*array_add(&f->uids) = m.uid;
	}
}

static int look_for_hidden(struct finishing *f, struct cv_error *err)
{
	const struct cv_storage *driver = f->sf->store->driver;
	int ret = driver->hidden(f->sf->blobs, take_hidden, f, err);

	if (ret >= 0)
		find_committed(f);
	return ret;
}

/* Under the lock: whoever had the account while it worked has gone, or is
 * done. */
static int place(struct finishing *f, struct cv_error *err)
{
	const struct cv_storage *driver = f->sf->store->driver;
	int ret = CV_OK;

	store_folder_numbers(f->sf);
	for (size_t i = f->uids.count; i-- > 0 && ret >= 0;) {
		struct cv_blob blob;
		uint32_t row;

		if (!account_row_find(f->sf->folder, f->uids.items[i], &row))
			continue;
		store_blob_get(f->sf->folder, row, f->pool, &blob);
		ret = driver->recover(f->sf->blobs, &blob, err);
		if (ret == CV_NOT_FOUND)	/* renamed since */
			ret = CV_OK;
	}
	return ret;
}

static int finish(struct finishing *f, struct cv_error *err)
{
	struct account_txn *txn;
	int ret = store_take_in(f->sf->store, &txn, err);

	if (ret < 0)
		return ret;
	store_folder_refresh(f->sf);
	if (!f->sf->folder->deleted)
		ret = place(f, err);
	if (ret >= 0 && !f->sf->folder->deleted)
		ret = store_tombstones_finish(f->sf, txn, f->pool, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	return account_commit(&txn, ACCOUNT_HINT, err);
}

void store_folder_finish(struct store_folder *sf)
{
	struct cv_error err = ERROR_NONE;
	struct finishing f = { .sf = sf };
	int ret;

	if (sf->store->frozen || !CV_HAS(sf->store->driver, hidden) ||
	    sf->store->driver->hidden == NULL)
		return;
	f.pool = pool_create("finish");
	hash_init(&f.hidden, f.pool, false);
	array_init(&f.uids, f.pool);
	ret = look_for_hidden(&f, &err);
	if (ret >= 0 && (f.uids.count > 0 ||
			 store_tombstones_unsaid(sf->folder)))
		ret = finish(&f, &err);
	if (ret < 0)
		log_warning("mail", "mailbox '%s': what was interrupted is "
			    "not finished: %s", sf->folder->name, err.text);
	pool_destroy(&f.pool);
}
