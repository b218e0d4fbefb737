/* scan-tombstones.c - which blobs were expunged, until their removal is
 * synced: what a scan still finds of them is no new message. */
#include "store-scan.h"

#include <stdio.h>

enum { TOMBSTONE_BYTES_MAX = 512 * 1024, TOMBSTONE_KEYS_MAX = 64 };

/* gone.MODSEQ.PART: references; removed.MODSEQ: their blobs are removed, but
 * that may not be synced */
static const struct cv_span tombstone_prefix = CV_SPAN("gone.");
static const struct cv_span removed_prefix = CV_SPAN("removed.");

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
		if (cv_span_begins(key, tombstone_prefix) ||
		    cv_span_begins(key, removed_prefix))
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

/* Whether this is a tombstone that nobody has said anything of; number_r: its
 * modseq. */
static bool is_unsaid(struct account_folder *folder, struct cv_span key,
		      struct cv_span *number_r)
{
	struct cv_span number, value;
	char said[40];

	if (!cv_span_begins(key, tombstone_prefix))
		return false;
	number = cv_span_skip(key, tombstone_prefix.len);
	if (!cv_span_split(&number, '.', number_r))
		return false;
	(void)snprintf(said, sizeof(said), "removed.%.*s",
		       CV_SPAN_ARG(*number_r));
	return !account_metadata_get(folder->account, folder,
				     cv_span_of(said), &value);
}

/* Whoever expunged these has not said that their blobs are removed: it may
 * have died before. */
static void find_unsaid(struct account_folder *folder, struct hash_table *refs)
{
	struct cv_span key, value, ref;
	size_t at = 0;

	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		struct cv_span rest, number;

		if (!is_unsaid(folder, key, &number))
			continue;
		rest = pool_span(refs->pool, value);
		while (cv_span_split(&rest, '\n', &ref)) {
			if (ref.len > 0)
				hash_set(refs, ref, folder);
		}
	}
}

bool store_tombstones_unsaid(struct account_folder *folder)
{
	struct cv_span key, value, number;
	size_t at = 0;

	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (is_unsaid(folder, key, &number))
			return true;
	}
	return false;
}

static int remove_unsaid(struct store_folder *sf, struct cv_pool *pool,
			 struct cv_error *err)
{
	ARRAY(struct cv_blob) blobs;
	struct hash_table refs;
	const struct hash_entry *e;
	uint32_t rows = account_row_count(sf->folder);
	size_t at = 0;

	hash_init(&refs, pool, false);
	find_unsaid(sf->folder, &refs);
	for (uint32_t row = 0; row < rows && refs.count > 0; row++) {
		struct account_message m;

		if (!account_row_alive(sf->folder, row))
			continue;
		account_row_get(sf->folder, row, &m);
		(void)hash_remove(&refs, m.blob);
	}
	array_init(&blobs, pool);
	while ((e = hash_next(&refs, &at)) != NULL)
		*array_add(&blobs) = (struct cv_blob){
			CV_SIZED(cv_blob), .ref = e->key,
		};
	return blobs.count == 0 ? CV_OK :
		sf->store->driver->remove(sf->blobs, blobs.items,
					  (uint32_t)blobs.count, err);
}

/* Their blobs are gone, and stay so. */
static int forget_all(struct store_folder *sf, struct account_txn *txn,
		      struct cv_pool *pool, struct cv_error *err)
{
	int ret = remove_unsaid(sf, pool, err);

	if (ret == CV_OK)
		ret = sf->store->driver->sync(
			sf->blobs, account_txn_number(sf->folder->account),
			err);
	return ret < 0 ? ret : scan_tombstones_clear(sf->folder, txn, err);
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
	if (count_tombstones(sf->folder) >= TOMBSTONE_KEYS_MAX)
		ret = forget_all(sf, txn, pool, err);
	sf->expunged = account_txn_modseq(txn);
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

void store_tombstones_removed(struct store_folder *sf)
{
	sf->removed = sf->expunged;
}

int store_tombstones_say(struct store_folder *sf, struct account_txn *txn,
			 struct cv_error *err)
{
	char key[40];

	if (sf->removed == 0)
		return CV_OK;
	(void)snprintf(key, sizeof(key), "removed.%llu",
		       (unsigned long long)sf->removed);
	sf->removed = 0;
	return txn_metadata(txn, sf->folder, cv_span_of(key), CV_SPAN("1"),
			    err);
}

/* Each number once: the parts of one transaction have it in common. */
static int say_all(struct account_folder *folder, struct account_txn *txn,
		   struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span key, value, number;
	struct hash_table numbers;
	const struct hash_entry *e;
	size_t at = 0;
	int ret = CV_OK;

	hash_init(&numbers, pool, false);
	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (is_unsaid(folder, key, &number))
			hash_set(&numbers, pool_span(pool, number), folder);
	}
	at = 0;
	while (ret == CV_OK && (e = hash_next(&numbers, &at)) != NULL)
		ret = txn_metadata(txn, folder, cv_span_of(pool_printf(
				pool, "removed.%.*s", CV_SPAN_ARG(e->key))),
				   CV_SPAN("1"), err);
	return ret;
}

int store_tombstones_finish(struct store_folder *sf, struct account_txn *txn,
			    struct cv_pool *pool, struct cv_error *err)
{
	int ret = remove_unsaid(sf, pool, err);

	return ret < 0 ? ret : say_all(sf->folder, txn, pool, err);
}
