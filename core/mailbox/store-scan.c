/* store-scan.c - what other programs did to a folder's blobs becomes records
 * of the journal.
 *
 * The scan itself holds no lock.  Under the lock only the difference is
 * applied, and only to messages that nobody has changed since the scan began.
 * A blob is gone when two scans have missed it and it cannot be found by name
 * either; where too many are missing to look for each, the scans count only if
 * nobody was at work meanwhile.  What this run of the machine cannot have lost (was_lost) is
 * believed to the disk; what a power cut may have undone, to the journal. */
#include "store-scan.h"

enum { SETTLE_TRIES = 3 };

static struct cv_keywords copy_keywords(struct cv_pool *pool,
					struct cv_keywords k)
{
	struct cv_keywords copy = { NULL, k.count };
	const char **names;

	if (k.count == 0)
		return copy;
	names = pool_new_array(pool, const char *, k.count);
	for (uint32_t i = 0; i < k.count; i++)
		names[i] = pool_strdup(pool, k.names[i]);
	copy.names = names;
	return copy;
}

static int take_found(void *context, const struct cv_found *found)
{
	struct scan *scan = context;
	struct found *f, *known;
	int ret = spare_memory_check(hash_growth(&scan->by_ref), scan->err);

	if (ret < 0)
		return ret;
	if (found->ref.len == 0 || found->ref.len > ACCOUNT_BLOB_MAX)
		return CV_OK;
	f = pool_new(scan->pool, struct found);
	f->f = *found;
	if (!CV_HAS(found, dropped_uid))
		f->f.dropped_uid = 0;
	f->f.ref = pool_span(scan->pool, found->ref);
	f->f.keywords = copy_keywords(scan->pool, found->keywords);
	f->pass = scan->pass;
	known = hash_add(&scan->by_ref, f->f.ref, f);
	if (known != NULL) {
		known->unsettled = known->pass == scan->pass &&
			scan->driver->settle != NULL;
		known->pass = scan->pass;
		if (known->unsettled) {
			struct found *first = pool_new(scan->pool,
						       struct found);

			*first = *known;
			*array_add(&scan->twice) = first;
			*array_add(&scan->twice) = f;
		}
		/* renamed while we looked: the later name is the newer */
		known->f.flags = f->f.flags;
		known->f.marks = f->f.marks;
		known->f.keywords = f->f.keywords;
		return CV_OK;
	}
	*array_add(&scan->found) = f;
	if (scan->driver->caps & CV_STORAGE_ORDERED)
		f->place = (uint32_t)scan->found.count;
	if (scan->driver->caps & CV_STORAGE_REMOTE)
		f->uid = found->uid;
	return CV_OK;
}

static void scan_reset(struct scan *scan)
{
	pool_reset(scan->pool);
	array_init(&scan->found, scan->pool);
	array_init(&scan->adopted, scan->pool);
	array_init(&scan->given, scan->pool);
	array_init(&scan->twice, scan->pool);
	hash_init(&scan->by_ref, scan->pool, false);
	scan->matched = NULL;
	scan->matched_rows = 0;
}

static int apply(struct scan *scan)
{
	int ret = CV_OK;

	scan->uidvalidity = scan->folder->uidvalidity;
	if (scan->driver->caps & CV_STORAGE_REMOTE)
		return scan_remote(scan);
	if (scan->first_time)
		ret = scan_take_over(scan);
	else
		ret = scan_compare(scan);
	if (ret == CV_OK)
		ret = scan_bury(scan);
	if (ret == CV_OK && !scan->first_time)
		ret = scan_take_uids(scan);
	if (ret == CV_OK)
		ret = scan_adopt(scan);
	if (ret == CV_OK)
		ret = scan_mirror_uids(scan);
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    (scan->boot_changed ||
	     (scan->tombstone_keys > 0 && !scan->disturbed))) {
		ret = scan->driver->sync(scan->sf->blobs,
					 account_txn_modseq(scan->txn),
					 scan->err);
		if (ret == CV_OK && !scan->unburied)
			ret = scan_tombstones_clear(scan->folder, scan->txn,
					       scan->err);
	}
	if (ret == CV_OK && scan->folder->damaged &&
	    scan->kind == CV_SCAN_ALL)
		ret = txn_folder_repaired(scan->txn, scan->folder, scan->err);
	return ret;
}

static int scan_driver(struct scan *scan)
{
	uint32_t kind = scan->kind;

	scan->pass++;
	scan->twice.count = 0;
	scan->arrived_again = false;
	if (!(scan->driver->caps & CV_STORAGE_FOREIGN) && scan->first_time)
		kind |= CV_SCAN_FIRST;
	if (scan->folder->damaged &&
	    (!(scan->driver->caps & CV_STORAGE_FOREIGN) ||
	     (scan->driver->caps & CV_STORAGE_REMOTE)))
		kind |= CV_SCAN_DAMAGED;
	return scan->driver->scan(scan->sf->blobs, kind, take_found, scan,
				  scan->err);
}

/* After a restart of the machine the driver asks for a scan in any case. */
static bool is_disturbed(struct scan *scan)
{
	uint32_t kind = 0;

	return (scan->driver->caps & CV_STORAGE_FOREIGN) &&
		!scan->boot_changed &&
		scan->driver->check(scan->sf->blobs, false, &kind, NULL) ==
		CV_CHANGED && kind == CV_SCAN_ALL;
}

static int look_at_disk(struct scan *scan)
{
	int ret = scan_driver(scan);

	if (ret == CV_OK && scan->kind == CV_SCAN_ARRIVALS &&
	    (scan_count_missing(scan) > 0 || scan->arrived_again)) {
		scan->kind = CV_SCAN_ALL;
		ret = scan_driver(scan);
	}
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    scan_count_missing(scan) > 0 &&
	    !(scan->driver->caps & CV_STORAGE_REMOTE))
		ret = scan_driver(scan);
	scan->disturbed = ret == CV_OK && is_disturbed(scan);
	return ret;
}

/* What was looked at is looked at again. */
static int not_taken_in(struct scan *scan, int ret)
{
	cv_text_reset(&scan->sf->state);
	scan->driver->state_set(scan->sf->blobs, CV_SPAN_NONE);
	return ret;
}

/* Where nobody else works, what is found and not known was lost to the journal,
 * or has just come with the whole tree. */
static void say_found(const struct scan *scan, bool damaged)
{
	if ((scan->driver->caps & CV_STORAGE_FOREIGN) || scan->come == 0)
		return;
	if (scan->first_time && !damaged)
		log_info("mail", "mailbox '%s' was not known to the journal: "
			 "%u messages are taken from their files",
			 scan->folder->name, scan->come);
	else
		log_warning("mail", "mailbox '%s': %u messages that the "
			    "journal had lost were found in their files, and "
			    "are back with the flags that they were saved "
			    "with", scan->folder->name, scan->come);
}

static int run(struct scan *scan, bool first_time)
{
	bool remember, damaged = scan->folder->damaged;
	int ret;

	scan_reset(scan);
	scan->first_time = first_time;
	scan->skipped = false;
	scan->come = 0;
	scan->txn_before = account_txn_number(scan->folder->account);
	scan->uidnext_before = scan->folder->uidnext;
	scan->boot_changed = scan->driver->was_lost(scan->sf->blobs,
						    UINT64_MAX);
	ret = look_at_disk(scan);
	for (int i = 0; i < SETTLE_TRIES && ret == CV_OK &&
	     scan_settle(scan); i++) {
		scan_reset(scan);
		ret = look_at_disk(scan);
	}
	if (ret == CV_OK)
		ret = store_take_in(scan->sf->store, &scan->txn, scan->err);
	if (ret < 0)
		return not_taken_in(scan, ret);
	if (scan->folder->deleted) {
		account_rollback(&scan->txn);
		return FAIL(scan->err, CV_E_NOT_FOUND, "mailbox is gone");
	}
	/* somebody else took it over meanwhile */
	if (first_time && (scan->folder->uidnext > 1 ||
			   account_folder_state(scan->folder).len > 0)) {
		/* what was found belongs to no message of it */
		if (!(scan->driver->caps & CV_STORAGE_FOREIGN) &&
		    !scan->folder->damaged) {
			account_rollback(&scan->txn);
			return CV_OK;
		}
		scan->first_time = false;
	}
	scan_tombstones_load(scan);
	ret = apply(scan);
	/* a server tells only what has changed since the state */
	remember = !scan->skipped ||
		!(scan->driver->caps & CV_STORAGE_REMOTE);
	if (ret == CV_OK && remember)
		ret = store_folder_save_state(scan->sf, scan->txn, scan->err);
	if (ret < 0) {
		account_rollback(&scan->txn);
		return not_taken_in(scan, ret);
	}
	if (!remember)
		(void)not_taken_in(scan, CV_OK);
	ret = account_commit(&scan->txn, scan->changed || first_time ?
			     ACCOUNT_SYNC : ACCOUNT_HINT, scan->err);
	if (ret < 0)
		return not_taken_in(scan, ret);
	say_found(scan, damaged);
	if (ret == CV_OK && scan->adopted.count > 0) {
		store_folder_numbers(scan->sf);
		scan->driver->adopted(scan->sf->blobs, scan->adopted.items,
				      (uint32_t)scan->adopted.count);
	}
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    scan->driver->clean != NULL)
		scan->driver->clean(scan->sf->blobs);
	return ret;
}

static int scan_kind(struct store_folder *sf, uint32_t kind, bool *found_r,
		     struct cv_error *err)
{
	struct account_folder *folder = sf->folder;
	struct scan scan = {
		.sf = sf, .folder = folder, .driver = sf->store->driver,
		.kind = kind, .err = err,
	};
	bool first_time = account_folder_state(folder).len == 0 &&
		folder->uidnext <= 1 && folder->message_count == 0;
	int ret;

	scan.pool = pool_create("scan");
	ret = run(&scan, first_time);
	*found_r = scan.found.count > 0;
	pool_destroy(&scan.pool);
	if (ret < 0)
		return error_prefix(err, "mailbox '%s'", folder->name);
	return scan.changed ? CV_CHANGED : CV_OK;
}

/* A full disk keeps nobody from reading what is known. */
static int scan_if_there_is_room(struct store_folder *sf, uint32_t kind,
				 struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	bool found = true;
	int ret = scan_kind(sf, kind, &found, &failed);

	if (ret == CV_E_NO_SPACE && (sf->folder->uidnext > 1 || !found)) {
		log_warning("mail", "changes by other programs are not taken "
			    "in: %s", failed.text);
		return CV_OK;
	}
	if (ret < 0 && err != NULL)
		*err = failed;
	return ret;
}

int store_folder_scan(struct store_folder *sf, bool thorough,
		      struct cv_error *err)
{
	const struct cv_storage *driver = sf->store->driver;
	uint32_t kind = CV_SCAN_ALL;
	int ret;

	ret = account_folder_load(sf->folder, err);
	if (ret < 0 || sf->store->frozen)
		return ret;
	store_folder_refresh(sf);
	ret = driver->check(sf->blobs, thorough, &kind, err);
	if (ret == CV_OK && sf->folder->damaged) {
		kind = CV_SCAN_ALL;
		ret = CV_CHANGED;
	}
	return ret == CV_CHANGED ? scan_if_there_is_room(sf, kind, err) : ret;
}

int store_folder_scan_all(struct store_folder *sf, struct cv_error *err)
{
	bool found;
	int ret;

	ret = account_folder_load(sf->folder, err);
	if (ret < 0 || sf->store->frozen)
		return ret;
	store_folder_refresh(sf);
	return scan_kind(sf, CV_SCAN_ALL, &found, err);
}
