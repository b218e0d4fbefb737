/* check.c - what is read only when it is asked for, and so would stay damaged:
 * bodies and catalogue entries in the journal, the catalogues, and snapshots
 * that are kept for slow readers. */
#include "account-private.h"

/* Damaged payloads of the journal, each told. */
static uint32_t check_payloads(struct account *account)
{
	struct journal *j = &account->journal;
	struct journal_scan *scan = journal_scan_begin(j, j->end);
	struct journal_record r;
	uint64_t at = JOURNAL_HEADER_SIZE, cost = 0;
	uint32_t crc, damaged = 0;

	for (; journal_scan_get(scan, at, &r, &crc, &cost);
	     at = r.offset + format_align(r.len)) {
		struct cv_pool *pool;

		if (r.data != NULL || r.len == 0)
			continue;
		pool = pool_create("journal payload");
		if (journal_read_payload(j, r.offset, r.len, r.payload_crc,
					 pool_alloc(pool, r.len), NULL) ==
		    CV_E_SYNTAX) {
			log_error("account", "journal %llu: %s at %llu is "
				  "damaged: it is left out",
				  (unsigned long long)j->generation,
				  r.type == RECORD_BODY ? "the message" :
				  "the catalogue entry",
				  (unsigned long long)at);
			damaged++;
		}
		pool_destroy(&pool);
	}
	journal_scan_end(&scan);
	return damaged;
}

static uint32_t check_catalogues(struct account *account)
{
	uint32_t damaged = 0;

	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (folder->f.deleted || folder->pending ||
		    catalogue_check(folder))
			continue;
		log_error("account", "folder '%s': the catalogue is damaged: "
			  "it is made anew", folder->f.name);
		damaged++;
	}
	return damaged;
}

static bool is_readable(struct account *account, const struct meta_name *name)
{
	struct snapshot snapshot;
	struct cv_error err = ERROR_NONE;
	bool good;
	int status = snapshot_open(&snapshot, account->meta, &name->folder,
				   name->generation, &account->guid,
				   account->options.mmap_disable, &err);

	if (status != CV_OK)
		return status != CV_E_SYNTAX;
	good = snapshot_check_blocks(&snapshot, 0, snapshot.blocks - 1);
	snapshot_close(&snapshot);
	return good;
}

/* One that no journal needs and nobody can read is removed. */
static uint32_t check_unused(struct account *account)
{
	struct cv_pool *pool = pool_create("unused snapshots");
	struct meta_names names = { .items = { 0 } };
	uint32_t damaged = 0;

	if (meta_list(account->meta, pool, &names) < 0)
		names.items.count = 0;
	for (size_t i = 0; i < names.items.count; i++) {
		const struct meta_name *name = &names.items.items[i];
		struct folder *folder = folder_find_guid(account,
							 &name->folder);

		if (name->kind != META_SNAPSHOT || folder == NULL ||
		    folder->snapshot_generation == name->generation ||
		    is_readable(account, name))
			continue;
		log_error("account", "folder '%s': snapshot %llu, which is "
			  "not used any more, is damaged: it is removed",
			  folder->f.name,
			  (unsigned long long)name->generation);
		meta_remove(account->meta, name);
		damaged++;
	}
	pool_destroy(&pool);
	return damaged;
}

/* Under the lock, and with the state up to date.  A new generation has no
 * payload that cannot be read: bodies were laid out, entries have moved. */
static int check_all(struct account *account, uint32_t *dropped_r,
		     struct cv_error *err)
{
	uint32_t damaged = check_payloads(account);

	if (damaged > 0) {
		account->damaged = account->journal_damaged = true;
		account->must_rotate |= ROTATE_SUSPECT;
	}
	*dropped_r = damaged + check_catalogues(account) +
		check_unused(account);
	return damaged == 0 ? CV_OK : rotate_locked(account, true, err);
}

int account_check(struct account *account, uint64_t deadline_msecs,
		  uint32_t *dropped_r, struct cv_error *err)
{
	int status;

	BUG_IF(account->open_txn != NULL);
	*dropped_r = 0;
	if (account->options.readonly || account->checked)
		return CV_OK;
	status = account_lock(account, deadline_msecs, err);
	if (status != CV_OK)
		return status;
	status = account_prepare(account, err);
	if (status >= 0)
		status = check_all(account, dropped_r, err);
	account_unlock(account);
	account->checked = status >= 0;
	return status < 0 ? status : CV_OK;
}
