/* scan-twice.c - one reference, two files: what rsync or a restored copy of a
 * tree leaves, or a file that was renamed while we looked.
 *
 * The driver finds out which, under the lock, and makes one file of two with
 * the same bytes, or two messages of two others.  What it cannot mend (a tree
 * that is not ours to write) keeps the flags that the journal knows, so that
 * they do not change with each scan. */
#include "store-scan.h"

/* For so long others wait for the lock; the rest is for a later scan. */
enum { SETTLE_MSECS = 2000 };

/* As the journal has it; NULL: not at all. */
static const struct cv_blob *find_blob(struct scan *scan,
				       struct hash_table *rows,
				       struct cv_span ref)
{
	struct cv_blob *blob;
	void *value = hash_find(rows, ref);

	if (value == NULL)
		return NULL;
	blob = pool_new(rows->pool, struct cv_blob);
	store_blob_get(scan->folder, (uint32_t)((uintptr_t)value - 1),
		       rows->pool, blob);
	return blob;
}

/* The rows of what was found twice, plus one. */
static void index_rows(struct scan *scan, struct hash_table *rows)
{
	uint32_t count = account_row_count(scan->folder);

	for (uint32_t row = 0; row < count; row++) {
		struct account_message m;
		const struct found *f;

		if (!account_row_alive(scan->folder, row))
			continue;
		account_row_get(scan->folder, row, &m);
		f = hash_find(&scan->by_ref, m.blob);
		if (f != NULL && f->unsettled)
			hash_set(rows, f->f.ref,
				 (void *)(uintptr_t)(row + 1));
	}
}

static bool settle_all(struct scan *scan, struct cv_pool *pool)
{
	struct hash_table rows;
	uint64_t end = time_monotonic_msecs() + SETTLE_MSECS;
	bool again = false;

	hash_init(&rows, pool, false);
	index_rows(scan, &rows);
	for (size_t i = 0; i + 1 < scan->twice.count &&
	     time_monotonic_msecs() < end; i += 2) {
		const struct cv_found *a = &scan->twice.items[i]->f;
		const struct cv_found *b = &scan->twice.items[i + 1]->f;
		struct cv_error err = ERROR_NONE;
		int ret = scan->driver->settle(scan->sf->blobs, a, b,
					       find_blob(scan, &rows, a->ref),
					       &err);

		if (ret < 0)
			log_debug("mail", "mailbox '%s': a message has two "
				  "files: %s", scan->folder->name, err.text);
		if (ret == CV_CHANGED)
			again = true;
		else if (ret == CV_OK)
			((struct found *)hash_find(&scan->by_ref, a->ref))
				->unsettled = false;
	}
	return again;
}

bool scan_settle(struct scan *scan)
{
	struct cv_pool *pool;
	struct cv_error err = ERROR_NONE;
	bool again = false;

	if (scan->twice.count == 0 ||
	    store_take_in(scan->sf->store, &scan->txn, &err) < 0)
		return false;
	pool = pool_create("scan twice");
	if (!scan->folder->deleted)
		again = settle_all(scan, pool);
	pool_destroy(&pool);
	account_rollback(&scan->txn);
	return again;
}
