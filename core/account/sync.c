/* sync.c - commits that wait for a common sync (ACCOUNT_SYNC_LATER).
 *
 * Such groups are in the file and in memory already, and others may have read
 * them and gone on behind them.  When their sync fails it is not tried again
 * [security.md 3.3]: if nobody has gone on they are taken back, as after any
 * failed commit; else all goes into a new file, whose own sync counts. */
#include "account-private.h"

#include <errno.h>

enum { LOCK_MSECS = 5000 };

void sync_done(struct account *account)
{
	account->unsynced = false;
	account->later_from = 0;
	account->journal.synced = account->journal.end;
}

/* Marks the groups as void, for us and for everybody else. */
static int take_back(struct account *account, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("taking back");
	struct journal *journal = &account->journal;
	struct cv_span mark = journal_format_ended(journal, journal->end,
		ENDED_SUSPECT, account->later_from, pool);
	int status = CV_OK;

	account->meta->frees = true;
	if (meta_spoil(journal->object, format_align(journal->end), mark) < 0)
		status = FAIL_ERRNO(err, errno, "cannot mark journal");
	account->meta->frees = false;
	pool_destroy(&pool);
	if (status == CV_OK)
		status = account_reload(account, err);
	return status;
}

/* Under the lock.  *durable_r: what was to be synced is so by now. */
static int recover(struct account *account, bool *durable_r,
		   struct cv_error *err)
{
	uint64_t generation = account->journal.generation;
	int status = account_catch_up(account, err);

	*durable_r = false;
	if (status < 0)
		return status;
	if (account->journal.generation != generation) {
		*durable_r = true;
		return CV_OK;
	}
	if (account->later_alone && !account->must_rotate &&
	    take_back(account, err) == CV_OK) {
		account->later_from = 0;
		return rotate_locked(account, true, err);
	}
	account->must_rotate |= ROTATE_SUSPECT;
	status = rotate_locked(account, true, err);
	*durable_r = status == CV_OK;
	return status;
}

int account_sync(struct account *account, struct cv_error *err)
{
	struct cv_error second = ERROR_NONE;
	bool durable = false;
	int status;

	if (account->later_from == 0)
		return CV_OK;
	/* one that failed before is asked in a new file; what is torn (perhaps
	 * just being written by somebody else) lies behind ours */
	errno = EIO;
	if (!(account->must_rotate & ROTATE_SUSPECT) &&
	    meta_sync(account->journal.object) == 0) {
		sync_done(account);
		return CV_OK;
	}
	status = FAIL_ERRNO(err, errno, "cannot sync journal");
	log_error("account", "journal %llu is suspect after a failed sync: "
		  "beginning a new one",
		  (unsigned long long)account->journal.generation);
	if (account_lock(account, time_monotonic_msecs() + LOCK_MSECS,
			 &second) != CV_OK) {
		account->must_rotate |= ROTATE_SUSPECT;
		return status;
	}
	if (recover(account, &durable, &second) < 0)
		log_error("account", "cannot begin a new journal yet: %s",
			  second.text);
	account_unlock(account);
	if (!durable)
		return status;
	account->later_from = 0;
	return CV_OK;
}
