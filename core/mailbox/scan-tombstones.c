/* scan-tombstones.c - which blobs were expunged, until their removal is
 * synced: what a scan still finds of them is no new message. */
#include "store-scan.h"

enum { TOMBSTONE_BYTES_MAX = 512 * 1024, TOMBSTONE_KEYS_MAX = 64 };

static const struct cv_span tombstone_prefix = CV_SPAN("gone.");

void scan_tombstones_load(struct scan *scan)
{
	struct cv_span key, value, ref;
	size_t at = 0;

	hash_init(&scan->tombstones, scan->pool, false);
	while (account_metadata_next(scan->folder->account, scan->folder,
				     &at, &key, &value)) {
		struct cv_span rest = pool_span(scan->pool, value);

		if (!cv_span_begins(key, tombstone_prefix))
			continue;
		scan->tombstone_keys++;
		while (cv_span_split(&rest, '\n', &ref)) {
			if (ref.len > 0)
				hash_set(&scan->tombstones, ref, scan);
		}
	}
}

int scan_tombstones_clear(struct account_folder *folder,
			    struct account_txn *txn, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("tombstones");
	ARRAY(struct cv_span) keys;
	struct cv_span key, value;
	size_t at = 0;
	int ret = CV_OK;

	array_init(&keys, pool);
	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (cv_span_begins(key, tombstone_prefix))
			*array_add(&keys) = pool_span(pool, key);
	}
	for (size_t i = 0; i < keys.count && ret == CV_OK; i++)
		ret = txn_metadata(txn, folder, keys.items[i], CV_SPAN_NONE,
				   err);
	pool_destroy(&pool);
	return ret;
}

static uint32_t count_tombstones(struct account_folder *folder)
{
	struct cv_span key, value;
	size_t at = 0;
	uint32_t count = 0;

	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value))
		count += cv_span_begins(key, tombstone_prefix);
	return count;
}

int store_tombstones_add(struct store_folder *sf, struct account_txn *txn,
			 const struct cv_blob *blobs, uint32_t count,
			 struct cv_error *err)
{
	struct cv_pool *pool = pool_create("tombstones");
	struct cv_text value;
	uint32_t i = 0, part = 0;
	int ret = CV_OK;

	/* once in a while what was removed is synced, and forgotten */
	if (count_tombstones(sf->folder) >= TOMBSTONE_KEYS_MAX) {
		ret = sf->store->driver->sync(
			sf->blobs, account_txn_number(sf->folder->account),
			err);
		if (ret == CV_OK)
			ret = scan_tombstones_clear(sf->folder, txn, err);
	}
	while (i < count && ret == CV_OK) {
		const char *key = pool_printf(
			pool, "gone.%llu.%u",
			(unsigned long long)account_txn_modseq(txn), part++);

		cv_text_init(&value, pool);
		for (; i < count && value.len < TOMBSTONE_BYTES_MAX; i++) {
			cv_text_append_span(&value, blobs[i].ref);
			cv_text_append_c(&value, '\n');
		}
		ret = txn_metadata(txn, sf->folder, cv_span_of(key),
				   cv_text_span(&value), err);
	}
	pool_destroy(&pool);
	return ret;
}
