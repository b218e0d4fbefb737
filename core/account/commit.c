/* commit.c - a transaction from lock to unlock.
 *
 * The usual one costs: lock, fstat, pwrite, fdatasync, unlock. */
#include "account-private.h"

#include <errno.h>

enum { COMMIT_TRIES = 3 };

int account_begin(struct account *account, uint64_t deadline_msecs,
		  struct account_txn **txn_r, struct cv_error *err)
{
	struct cv_pool *pool;
	struct account_txn *txn;
	int status;

	BUG_IF(account->open_txn != NULL);
	if (account->options.readonly)
		return FAIL(err, CV_E_ACCESS, "account is open for reading "
			    "only");
	status = account_lock(account, deadline_msecs, err);
	if (status != CV_OK)
		return status;
	status = account_prepare(account, err);
	if (status < 0) {
		account_unlock(account);
		return status;
	}
	if (account->meta->reserve_used)
		meta_reserve(account->meta);
	pool = pool_create("transaction");
	txn = pool_new(pool, struct account_txn);
	txn->account = account;
	txn->pool = pool;
	txn->modseq = account->txn + 1;
	txn->last_uidvalidity = account->last_uidvalidity;
	journal_writer_init(&txn->writer, &account->journal, pool);
	cv_text_init(&txn->payload, pool);
	array_init(&txn->folders, pool);
	array_init(&txn->names, pool);
	array_init(&txn->keywords, pool);
	account->open_txn = txn;
	*txn_r = txn;
	return CV_OK;
}

uint64_t account_txn_modseq(const struct account_txn *txn)
{
	return txn->modseq;
}

void account_txn_raise(struct account_txn *txn, uint64_t modseq)
{
	BUG_IF(txn->writer.count > 0);
	if (modseq <= ACCOUNT_MODSEQ_MAX && txn->modseq < modseq)
		txn->modseq = modseq;
}

/* Folders that were made and not committed were never there. */
static void drop_pending(struct account *account)
{
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (folder->pending) {
			folder->pending = false;
			folder->f.deleted = true;
			folder_unload(folder);
		}
	}
}

static void txn_end(struct account_txn **txn_p)
{
	struct account_txn *txn = *txn_p;

	*txn_p = NULL;
	txn->account->open_txn = NULL;
	if (txn->has_pending)
		drop_pending(txn->account);
	account_unlock(txn->account);
	pool_destroy(&txn->pool);
}

void account_rollback(struct account_txn **txn)
{
	if (*txn != NULL)
		txn_end(txn);
}

/* The group as a reader would find it in the file. */
static void writer_batch(struct account_txn *txn, struct journal_batch *batch)
{
	struct journal_writer *w = &txn->writer;
	uint64_t offset = w->start;
	size_t at = 0;

	*batch = (struct journal_batch){ .txn = txn->modseq };
	array_init(&batch->records, txn->pool);
	while (at < w->text.len) {
		struct journal_record *r = array_add(&batch->records);
		const char *p = w->text.data + at;
		size_t padding;

		memcpy(&r->len, p, 4);
		memcpy(&r->type, p + 4, 2);
		memcpy(&r->flags, p + 6, 2);
		memcpy(&r->txn, p + 8, 8);
		memcpy(&r->payload_crc, p + 16, 4);
		r->offset = offset + RECORD_HEADER_SIZE;
		padding = format_align(r->len) - r->len;
		at += RECORD_HEADER_SIZE + padding;
		offset += RECORD_HEADER_SIZE + format_align(r->len);
		if ((r->flags & RECORD_OPAQUE) != 0)
			continue;
		r->data = (unsigned char *)(uintptr_t)p + RECORD_HEADER_SIZE;
		/* behind a body the text may be at any odd place */
		if ((uintptr_t)r->data % 8 != 0)
			r->data = (unsigned char *)pool_copy(
				txn->pool, p + RECORD_HEADER_SIZE, r->len);
		batch->payload_bytes += r->len;
		at += r->len;
	}
	batch->end = offset;
	batch->commit_time = (int64_t)time_now_usecs();
}

static bool wants_sync(const struct account *account,
		       enum account_durability durability)
{
	switch (account->options.fsync) {
	case ACCOUNT_FSYNC_ALWAYS:
		return durability != ACCOUNT_SYNC_LATER &&
			durability != ACCOUNT_HINT;
	case ACCOUNT_FSYNC_OPTIMIZED:
		return durability == ACCOUNT_SYNC;
	case ACCOUNT_FSYNC_NEVER:
		break;
	}
	return false;
}

/* The write or the sync failed: what is in the file now is in doubt, so the
 * journal goes on in a new file, without this group.  [security.md 3.3: a
 * failed sync is never retried] */
static void commit_failed(struct account_txn *txn,
			  const struct journal_batch *batch, bool written)
{
	struct account *account = txn->account;
	struct cv_error err = ERROR_NONE;
	struct meta_head head;
	struct cv_span mark;
	int status;

	if (meta_head(account->journal.object, &head) == 0 &&
	    head.size <= account->journal.end && !written)
		return;		/* nothing of it is there */
	log_error("account", "journal %llu is suspect after a failed commit: "
		  "beginning a new one",
		  (unsigned long long)account->journal.generation);
	account->must_rotate |= ROTATE_SUSPECT;
	account->failed_size = batch->end;
	/* for others, should we not succeed */
	account->meta->frees = true;
	mark = journal_format_ended(&account->journal, batch->end,
				    ENDED_SUSPECT, account->journal.end,
				    txn->pool);
	if (meta_spoil(account->journal.object, format_align(batch->end),
		       mark) == 0)
		account->failed_size = format_align(batch->end) + mark.len;
	apply_undone(account, batch->records.items, batch->records.count);
	status = rotate_locked(account, true, &err);
	if (status < 0)
		log_error("account", "cannot begin a new journal yet: %s",
			  err.text);
}

/* An outcome that nobody knows is asked for again with the same key. */
static enum meta_result try_commit(struct account_txn *txn, bool sync,
				   const unsigned char key[16])
{
	struct journal *journal = &txn->account->journal;
	enum meta_result result = META_UNKNOWN;

	for (int i = 0; i < COMMIT_TRIES && result == META_UNKNOWN; i++) {
		struct meta_commit commit = { .at = journal->end,
					      .sync = sync };

		memcpy(commit.key, key, sizeof(commit.key));
		commit.vec = journal_writer_vec(&txn->writer, CV_SPAN_NONE,
						txn->pool, &commit.count);
		result = meta_commit(journal->object, &commit);
	}
	return result;
}

/* What the group becomes in memory must have room there before it is in the
 * journal. */
static int check_memory(struct account_txn *txn, struct cv_error *err)
{
	const struct journal_writer *w = &txn->writer;
	/* as rows, each piece beside them, and as records on their way */
	uint64_t bytes = w->text.len + w->pieces.count *
		(sizeof(struct row_extra) + 3 * sizeof(struct iovec)) +
		(w->count + w->count / 4) * sizeof(struct journal_record);

	for (size_t i = 0; i < txn->folders.count; i++)
		bytes += rows_growth(txn->folders.items[i].folder, w->count,
				     w->text.len);
	return spare_memory_check(bytes, err);
}

static int write_group(struct account_txn *txn,
		       enum account_durability durability,
		       struct cv_error *err)
{
	struct account *account = txn->account;
	struct journal *journal = &account->journal;
	bool sync = wants_sync(account, durability);
	struct journal_batch batch;
	unsigned char key[16];
	int status;

	status = check_memory(txn, err);
	if (status < 0)
		return status;
	/* what was asked for in order to have room must not fail for want of
	 * it */
	account->meta->frees = txn->frees && !txn->grows;
	account_next_key(account, key);
	journal_writer_finish(&txn->writer, txn->modseq, journal->synced,
			      key);
	writer_batch(txn, &batch);
	switch (try_commit(txn, sync, key)) {
	case META_DONE:
		break;
	case META_CONFLICT:
		account->must_reload = true;
		return FAIL(err, CV_E_TEMP, "journal was changed by another "
			    "writer meanwhile: nothing was written");
	case META_UNKNOWN:
		account->must_reload = true;
		return FAIL(err, CV_E_TEMP, "whether the journal was written "
			    "cannot be found out");
	case META_NOT_WRITTEN:
		status = FAIL_ERRNO(err, errno, "cannot write journal");
		commit_failed(txn, &batch, false);
		return status;
	case META_NOT_SYNCED:
		status = FAIL_ERRNO(err, errno, "cannot sync journal");
		commit_failed(txn, &batch, true);
		return status;
	}
	if (durability == ACCOUNT_SYNC_LATER && account->later_from == 0 &&
	    account->options.fsync != ACCOUNT_FSYNC_NEVER) {
		account->later_from = journal->end;
		account->later_alone = true;
	}
	apply_batch(account, &batch);
	journal_accept(journal, &batch);
	if (sync)
		sync_done(account);
	account->is_new = false;
	bell_ring(account->bell, account->txn);
	return CV_OK;
}

/* Bytes since the state section, which may itself be large. */
static uint64_t journal_growth(const struct account *account)
{
	const struct journal *journal = &account->journal;

	return journal->end > journal->base_size ?
		journal->end - journal->base_size : 0;
}

static bool rotation_is_overdue(const struct account *account)
{
	return journal_growth(account) / 4 > account->options.rotate_size;
}

int account_commit(struct account_txn **txn_p,
		   enum account_durability durability, struct cv_error *err)
{
	struct account_txn *txn = *txn_p;
	struct account *account = txn->account;
	struct cv_error rotate_err = ERROR_NONE;
	int status = CV_OK;

	if (txn->writer.count > 0)
		status = write_group(txn, durability, err);
	account->meta->frees = false;
	if (status == CV_OK && rotation_is_overdue(account) &&
	    rotate_locked(account, false, &rotate_err) < 0)
		log_error("account", "cannot rotate journal: %s",
			  rotate_err.text);
	txn_end(txn_p);
	return status;
}

/* --- rotation on request ------------------------------------------------- */

bool account_wants_rotation(const struct account *account)
{
	return !account->options.readonly &&
		journal_growth(account) > account->options.rotate_size;
}

static int rotate_on_request(struct account *account, bool for_room,
			     uint64_t deadline_msecs, struct cv_error *err)
{
	int status;

	BUG_IF(account->open_txn != NULL);
	if (account->options.readonly)
		return FAIL(err, CV_E_ACCESS, "account is open for reading "
			    "only");
	status = account_lock(account, deadline_msecs, err);
	if (status != CV_OK)
		return status;
	status = account_prepare(account, err);
	if (status >= 0 && for_room && journal_growth(account) == 0) {
		status = CV_DECLINED;
	} else if (status >= 0) {
		account->meta->frees = for_room;
		status = rotate_locked(account, false, err);
	}
	account_unlock(account);
	return status;
}

int account_rotate(struct account *account, uint64_t deadline_msecs,
		   struct cv_error *err)
{
	int status = rotate_on_request(account, false, deadline_msecs, err);

	return status < 0 ? status : CV_OK;
}

int account_make_room(struct account *account, uint64_t deadline_msecs,
		      struct cv_error *err)
{
	return rotate_on_request(account, true, deadline_msecs, err);
}
