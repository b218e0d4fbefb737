/* store-lay-out.c - rotation: bodies that are in the journal become files that
 * are really there. */
#include "mailbox-private.h"

enum { BATCH = 256 };

static int lay_out_one(struct store *store, const struct account_body *body,
		       struct cv_pool *pool, struct cv_error *err)
{
	struct store_folder *sf;
	struct cv_blob blob;
	struct cv_span bytes;
	uint32_t row;
	int ret;

	if (body->folder->deleted ||
	    !account_row_find(body->folder, body->uid, &row))
		return CV_OK;
	ret = account_body_read(body->folder, row, pool, &bytes, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	ret = store_folder_get(store, body->folder, &sf, err);
	if (ret == CV_E_NOT_FOUND)
		return CV_OK;	/* removed by another program */
	if (ret < 0)
		return ret;
	store_blob_get(body->folder, row, pool, &blob);
	return store->driver->lay_out(sf->blobs, &blob, bytes, err);
}

/* A rotation may come before the first scan after a power cut, which finds out
 * by was_lost which renames have to be done again. */
static int sync_blobs(struct store_folder *sf, struct cv_error *err)
{
	const struct cv_storage *driver = sf->store->driver;
	bool unknown = driver->was_lost(sf->blobs, UINT64_MAX);

	return driver->sync(sf->blobs, unknown ? 0 :
			    account_txn_number(sf->store->account), err);
}

/* --- those that lie there -------------------------------------------------------- */

/* How many from the first are in the same folder, and the folder; NULL: it is
 * not there. */
static size_t batch_of(struct store *store, const struct account_body *bodies,
		       size_t count, struct store_folder **sf_r)
{
	size_t n = 1;

	if (bodies[0].folder->deleted ||
	    store_folder_get(store, bodies[0].folder, sf_r, NULL) != CV_OK)
		*sf_r = NULL;
	while (n < count && n < BATCH && bodies[n].folder == bodies[0].folder)
		n++;
	return n;
}

/* Those that are not synced with the driver's own means are read from the
 * journal, and held against what is there. */
static void sync_placed(struct store_folder *sf,
			const struct account_body *bodies, size_t count,
			struct cv_pool *pool, bool *done)
{
	const struct cv_storage *driver = sf->store->driver;
	struct cv_blob_sync *items;
	uint32_t row, used = 0, *at;

	if (!CV_HAS(driver, sync_placed) || driver->sync_placed == NULL ||
	    driver->was_lost(sf->blobs, UINT64_MAX))
		return;
	items = pool_new_array(pool, struct cv_blob_sync, count);
	at = pool_new_array(pool, uint32_t, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!account_row_find(bodies[i].folder, bodies[i].uid, &row))
			continue;
		items[used].size = (uint32_t)sizeof(items[used]);
		items[used].bytes = bodies[i].size;
		store_blob_get(bodies[i].folder, row, pool,
			       &items[used].blob);
		at[used++] = i;
	}
	driver->sync_placed(sf->blobs, items, used);
	for (uint32_t i = 0; i < used; i++)
		done[at[i]] = items[i].synced;
}

static int lay_out_batch(struct store *store,
			 const struct account_body *bodies, size_t count,
			 struct store_folder *sf, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("lay out"), *one;
	bool done[BATCH] = { false };
	int ret = CV_OK;

	if (sf != NULL)
		sync_placed(sf, bodies, count, pool, done);
	one = pool_create("lay out one");
	for (size_t i = 0; i < count && ret == CV_OK; i++) {
		if (done[i])
			continue;
		pool_reset(one);
		ret = lay_out_one(store, &bodies[i], one, err);
	}
	pool_destroy(&one);
	pool_destroy(&pool);
	return ret;
}

int store_lay_out(void *context, struct account *account,
		  const struct account_body *bodies, size_t count,
		  struct cv_error *err)
{
	struct store *store = context;
	struct store_folder *sf;
	int ret = CV_OK;

	(void)account;
	store->laying_out = true;
	for (size_t i = 0, n; i < count && ret == CV_OK; i += n) {
		n = batch_of(store, bodies + i, count - i, &sf);
		ret = lay_out_batch(store, bodies + i, n, sf, err);
	}
	for (sf = store->folders; sf != NULL && ret == CV_OK; sf = sf->next) {
		bool ours = false;

		for (size_t i = 0; i < count && !ours; i++)
			ours = bodies[i].folder == sf->folder;
		if (ours)
			ret = sync_blobs(sf, err);
	}
	store->laying_out = false;
	return ret;
}
