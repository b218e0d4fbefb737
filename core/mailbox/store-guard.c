/* store-guard.c - messages that other programs add while ours are committed,
 * where UIDs are to ascend as messages lie in a file. */
#include "mailbox-private.h"

/* The lock stays between the transactions, and the guard with it: nothing comes
 * in between. */
static int scan_first(struct store_folder *sf, struct quota_hold *hold,
		      struct account_txn **txn, struct cv_error *err)
{
	int ret = store_hold(sf->store, err);

	account_rollback(txn);
	sf->guard_holds = ret == CV_OK;
	if (ret == CV_OK)
		ret = store_folder_scan_all(sf, err);
	if (ret >= 0)
		ret = store_begin(sf->store, txn, err);
	return ret < 0 ? ret : quota_again(hold, err);
}

int store_guard(struct store_folder *sf, struct quota_hold *hold,
		struct account_txn **txn, struct cv_error *err)
{
	const struct cv_storage *driver = sf->store->driver;
	struct cv_error unheard = ERROR_NONE;
	int ret;

	if (sf->guarded || !CV_HAS(driver, guard_end) ||
	    driver->guard_begin == NULL)
		return CV_OK;
	store_folder_numbers(sf);
	ret = driver->guard_begin(sf->blobs, &unheard);
	if (ret < 0 || ret == CV_NOT_FOUND)
		return CV_OK;
	sf->guarded = true;
	return ret == CV_CHANGED ? scan_first(sf, hold, txn, err) : CV_OK;
}

void store_unguard(struct store_folder *sf)
{
	if (sf->guarded)
		sf->store->driver->guard_end(sf->blobs);
	if (sf->guard_holds)
		account_release(sf->store->account);
	sf->guarded = sf->guard_holds = false;
}
