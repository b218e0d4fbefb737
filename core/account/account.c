/* account.c - opening, refreshing, locking. */
#include "account-private.h"

#include <errno.h>
#include <stdlib.h>

enum {
	DEFAULT_BODY_MAX = 64 * 1024,
	DEFAULT_ROTATE_SIZE = 4 * 1024 * 1024,
	OPEN_LOCK_MSECS = 30 * 1000,
	RELOAD_TRIES = 5,
	CATCH_UP_TRIES = 10,
	/* a commit older than this has been written back by the kernel */
	WRITTEN_BACK_USECS = 600 * 1000 * 1000,
};

/* --- finding the journal ------------------------------------------------- */

static int compare_down(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

struct generations { ARRAY(uint64_t) items; };	/* highest first */

static int list_generations(struct account *account, struct cv_pool *pool,
			    struct generations *found, struct cv_error *err)
{
	struct meta_names names;

	array_init(&found->items, pool);
	if (meta_list(account->meta, pool, &names) < 0)
		return FAIL_ERRNO(err, errno, "cannot list account");
	for (size_t i = 0; i < names.items.count; i++) {
		if (names.items.items[i].kind == META_JOURNAL)
			*array_add(&found->items) =
				names.items.items[i].generation;
	}
	if (found->items.count > 1)
		qsort(found->items.items, found->items.count,
		      sizeof(uint64_t), compare_down);
	return CV_OK;
}

/* Opens one generation.  CV_NOT_FOUND: it is gone or damaged. */
static int open_generation(struct account *account, uint64_t generation,
			   struct journal *journal_r, bool *gone_r,
			   struct cv_error *err)
{
	struct meta_name name = { .kind = META_JOURNAL,
				  .generation = generation };
	struct meta_object *object = meta_open(account->meta, &name);
	unsigned long long number = generation;
	struct cv_error error = ERROR_NONE;
	int status;

	if (object == NULL && errno == ENOENT) {
		*gone_r = true;
		return CV_NOT_FOUND;
	}
	if (object == NULL)
		return FAIL_ERRNO(err, errno, "cannot open journal %llu",
				  number);
	status = journal_open(journal_r, object, generation, &error);
	if (status == CV_OK)
		return CV_OK;
	meta_release(&object);
	if (status != CV_E_SYNTAX)
		return FAIL(err, status, "journal %llu: %s", number,
			    error.text);
	log_error("account", "journal %llu: %s: trying an older generation",
		  number, error.text);
	account->damaged = true;
	return CV_NOT_FOUND;
}

/* --- reading it into memory ---------------------------------------------- */

static void reset_folder(struct folder *folder)
{
	folder->seen = false;
	folder->dirty = false;
	folder->bad_snapshot = false;
	folder->state = CV_SPAN_NONE;
	array_init(&folder->metadata.pairs, folder->f.account->state_pool);
	folder_unload(folder);
	folder->f.name = pool_strdup(folder->f.account->state_pool,
				     folder->f.name);
}

static void reset_state(struct account *account)
{
	struct cv_pool *old = account->state_pool;

	account->state_pool = pool_create("account state");
	hash_init(&account->names, account->state_pool, false);
	array_init(&account->metadata.pairs, account->state_pool);
	array_init(&account->subscriptions, account->state_pool);
	hash_init(&account->subscribed, account->state_pool, false);
	for (size_t i = 0; i < account->folders.count; i++)
		reset_folder(account->folders.items[i]);
	pool_destroy(&old);
}

/* What the batch says about the file. */
static void note_batch(struct account *account,
		       const struct journal_batch *batch)
{
	if (batch->damaged) {
		log_error("account", "journal %llu is damaged in the middle: "
			  "transactions were lost, folders will be scanned",
			  (unsigned long long)account->journal.generation);
		account->damaged = account->journal_damaged = true;
		for (size_t i = 0; i < account->folders.count; i++)
			account->folders.items[i]->f.damaged = true;
	}
	account->must_rotate = (batch->torn ? ROTATE_TORN : 0) |
		(batch->damaged || batch->ended ? ROTATE_SUSPECT : 0);
	if (batch->undone.count > 0)
		apply_undone(account, batch->undone.items,
			     batch->undone.count);
}

/* Replaces the whole state by what journal says. */
static void load_state(struct account *account, struct journal *journal,
		       const struct journal_batch *batch)
{
	uint64_t before = account->txn;

	if (account->journal.generation != journal->generation)
		account->later_from = 0;	/* it carried over all */
	journal_close(&account->journal);
	account->must_reload = false;
	account->bad_snapshot = account->journal_damaged = false;
	account->journal = *journal;
	account->guid = journal->guid;
	reset_state(account);
	for (size_t i = 0; journal->base_txn > before &&
	     i < account->folders.count; i++) {
		/* changes in between are not known one by one */
		account->folders.items[i]->change_count = 0;
		account->folders.items[i]->changes_floor = journal->base_txn;
	}
	account->in_base = true;
	account->salvaging = batch->salvaged;
	apply_batch(account, batch);
	account->in_base = account->salvaging = false;
	recover_uidnext(account);
	journal_accept(&account->journal, batch);
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (!folder->seen && !folder->f.deleted)
			folder_remove(folder);
	}
	note_batch(account, batch);
}

/* Could the loss of a record be noticed by somebody who has been shown what
 * comes before it? */
static bool record_matters(const struct journal_record *record)
{
	uint32_t what;

	switch (record->type) {
	case RECORD_COMMIT:
	case RECORD_FOLDER_STATE:
		return false;
	case RECORD_FOLDER_SET:
		if (record->data == NULL || record->len !=
		    sizeof(struct account_guid) + 2 * sizeof(what))
			return true;
		memcpy(&what, record->data + sizeof(struct account_guid),
		       sizeof(what));
		return what != FOLDER_SET_RECENT;
	default:
		return true;
	}
}

static bool tail_matters(const struct account *account,
			 const struct journal_batch *batch)
{
	for (size_t i = batch->records.count; i > 0; i--) {
		const struct journal_record *r = &batch->records.items[i - 1];

		if (r->offset <= account->journal.synced)
			return false;
		if (record_matters(r))
			return true;
	}
	return false;
}

/* Reads all of a journal and makes it the account's. */
static int take_journal(struct account *account, struct journal *journal,
			struct cv_error *err)
{
	struct cv_pool *pool = pool_create("journal batch");
	struct journal_batch batch;
	struct meta_head head;
	int status;

	if (meta_head(journal->object, &head) < 0)
		status = FAIL_ERRNO(err, errno, "cannot stat journal");
	else
		status = journal_read(journal, head.size, pool, &batch, err);
	if (status == CV_OK && batch.salvaged)
		log_error("account", "journal %llu: state section is damaged: "
			  "what is left of it is taken",
			  (unsigned long long)journal->generation);
	if (status == CV_OK) {
		load_state(account, journal, &batch);
		account->failed_size = 0;
		account->unsynced = account->journal.end >
			account->journal.synced &&
			account->journal.commit_time + WRITTEN_BACK_USECS >
			(int64_t)time_now_usecs() &&
			tail_matters(account, &batch);
	}
	pool_destroy(&pool);
	if (status != CV_OK)
		journal_close(journal);
	return status;
}

/* Takes the newest good generation above `above`.  *gone_r: one was there and
 * vanished meanwhile.  CV_NOT_FOUND: there is none. */
static int take_newest(struct account *account, uint64_t above, bool *gone_r,
		       struct cv_error *err)
{
	struct cv_pool *pool = pool_create("generations");
	struct generations found;
	int status = list_generations(account, pool, &found, err);

	*gone_r = false;
	if (status == CV_OK)
		status = CV_NOT_FOUND;
	for (size_t i = 0; status == CV_NOT_FOUND &&
	     i < found.items.count && found.items.items[i] > above; i++) {
		struct journal journal;

		status = open_generation(account, found.items.items[i],
					 &journal, gone_r, err);
		if (status == CV_OK)
			status = take_journal(account, &journal, err);
	}
	pool_destroy(&pool);
	return status;
}

int account_reload(struct account *account, struct cv_error *err)
{
	bool gone = true;
	int status = CV_NOT_FOUND;

	/* a generation may be replaced while we look */
	for (int i = 0; gone && i < RELOAD_TRIES &&
	     status == CV_NOT_FOUND; i++)
		status = take_newest(account, 0, &gone, err);
	return status;
}

/* --- refresh ------------------------------------------------------------- */

/* Applies what is new in the journal up to size. */
static int read_on(struct account *account, uint64_t size,
		   struct cv_error *err)
{
	struct cv_pool *pool = pool_create("journal batch");
	struct journal_batch batch;
	uint64_t before = account->txn;
	int status = journal_read(&account->journal, size, pool, &batch, err);

	if (status == CV_OK) {
		apply_batch(account, &batch);
		journal_accept(&account->journal, &batch);
		account->later_alone = false;
		if (account->journal.end > account->journal.synced &&
		    tail_matters(account, &batch))
			account->unsynced = true;
		note_batch(account, &batch);
	}
	pool_destroy(&pool);
	return status != CV_OK ? status :
		account->txn != before ? CV_CHANGED : CV_OK;
}

/* The file must not be written on: somebody may have begun a newer one
 * already, and died before the old file was removed. */
static int move_on(struct account *account, struct cv_error *err)
{
	bool gone;
	int status = take_newest(account, account->journal.generation, &gone,
				 err);

	return status == CV_NOT_FOUND ? CV_OK : status;
}

/* One look at the head; more only when something is new. */
static int catch_up_once(struct account *account, struct cv_error *err)
{
	struct meta_head head;
	uint64_t before = account->txn;
	int status;

	if (meta_head(account->journal.object, &head) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat journal");
	if (head.replaced || account->must_reload) {
		status = account_reload(account, err);
		if (status == CV_NOT_FOUND)
			return FAIL(err, CV_E_TEMP, "account has vanished");
		return status != CV_OK ? status :
			account->txn != before ? CV_CHANGED : CV_OK;
	}
	if (head.size <= account->journal.end) {
		/* what somebody had no room for was cut off again */
		account->must_rotate &= ~(unsigned int)ROTATE_TORN;
		return CV_OK;
	}
	if (account->failed_size != 0) {
		/* our own failed group, and nobody has gone on behind it */
		if (head.size == account->failed_size)
			return CV_OK;
		status = account_reload(account, err);
		return status == CV_OK ? CV_CHANGED : status;
	}
	status = read_on(account, head.size, err);
	if (status >= 0 && account->must_rotate) {
		status = move_on(account, err);
		if (status == CV_OK && account->txn != before)
			status = CV_CHANGED;
	}
	return status;
}

/* A snapshot may go while it is looked for, when two rotations follow each
 * other: what was read without it is not the state of anything. */
int account_catch_up(struct account *account, struct cv_error *err)
{
	uint64_t before = account->txn;
	int status = catch_up_once(account, err);

	for (int tries = 0; status >= 0 && account->must_reload; tries++) {
		if (tries == CATCH_UP_TRIES)
			return FAIL(err, CV_E_TEMP, "the account is written "
				    "anew faster than it can be read");
		status = catch_up_once(account, err);
	}
	return status == CV_OK && account->txn != before ? CV_CHANGED :
		status;
}

/* What could still be lost is not shown. */
static int sync_shown(struct account *account, struct cv_error *err)
{
	if (!account->unsynced ||
	    account->options.fsync == ACCOUNT_FSYNC_NEVER)
		return CV_OK;
	if (meta_sync(account->journal.object) < 0) {
		/* a sync that succeeds later would prove nothing */
		if (account->later_from != 0)
			account->must_rotate |= ROTATE_SUSPECT;
		return FAIL_ERRNO(err, errno, "cannot sync journal");
	}
	sync_done(account);
	return CV_OK;
}

int account_refresh(struct account *account, struct cv_error *err)
{
	int status, synced;

	BUG_IF(account->open_txn != NULL);
	status = account_catch_up(account, err);
	if (status < 0)
		return status;
	synced = sync_shown(account, err);
	return synced < 0 ? synced : status;
}

/* --- lock ---------------------------------------------------------------- */

int account_lock(struct account *account, uint64_t deadline_msecs,
		 struct cv_error *err)
{
	if (account->held || meta_lock(account->meta, deadline_msecs) == 0)
		return CV_OK;
	if (errno == ETIMEDOUT)
		return FAIL(err, CV_E_TIMEOUT, "account is locked by another "
			    "process for too long");
	return FAIL_ERRNO(err, errno, "cannot lock account");
}

void account_unlock(struct account *account)
{
	if (!account->held)
		meta_unlock(account->meta);
}

int account_hold(struct account *account, uint64_t deadline_msecs,
		 struct cv_error *err)
{
	int status = account->open_txn != NULL ? CV_OK :
		account_lock(account, deadline_msecs, err);

	account->held = status == CV_OK;
	return status;
}

void account_reserve(struct account *account, bool always)
{
	if (account->options.readonly ||
	    (!always && !account->meta->reserve_used) ||
	    account_lock(account, 0, NULL) != CV_OK)
		return;
	meta_reserve(account->meta);
	account_unlock(account);
}

void account_release(struct account *account)
{
	if (account->held)
		meta_unlock(account->meta);
	account->held = false;
}

bool account_is_readonly(const struct account *account)
{
	return account->options.readonly;
}

bool account_is_passing(const struct account *account)
{
	return account->options.passing;
}

/* Nobody is writing: whoever wrote last died over it, or the file was cut.
 * How much was behind the tear is not known, and blobs are. */
static void doubt_all(struct account *account)
{
	log_warning("account", "journal %llu ends within a transaction: "
		    "folders will be scanned",
		    (unsigned long long)account->journal.generation);
	for (size_t i = 0; i < account->folders.count; i++)
		account->folders.items[i]->f.damaged = true;
}

int account_prepare(struct account *account, struct cv_error *err)
{
	int status = CV_OK;

	if (account->options.readonly)
		return FAIL(err, CV_E_ACCESS, "account is open for reading "
			    "only");
	status = account_catch_up(account, err);
	if (status < 0)
		return status;
	if (account->must_rotate)
		status = move_on(account, err);
	if (status < 0)
		return status;
	if (account->unknown_records)
		return FAIL(err, CV_E_UNSUPPORTED, "journal has records of a "
			    "newer version: it is not written on");
	if (account->must_rotate & ROTATE_TORN)
		doubt_all(account);
	if (account->must_rotate || account->bad_snapshot) {
		status = rotate_locked(account, true, err);
		if (status < 0)
			return status;
	}
	return CV_OK;
}

void account_mend(struct account *account, uint64_t deadline_msecs)
{
	struct cv_error err = ERROR_NONE;

	if (!(account->must_rotate & ROTATE_TORN) ||
	    account->options.readonly ||
	    account_lock(account, deadline_msecs, NULL) != CV_OK)
		return;
	if (account_prepare(account, &err) < 0)
		log_warning("account", "what the end of a journal has lost is "
			    "not looked for yet: %s", err.text);
	account_unlock(account);
}

/* --- opening ------------------------------------------------------------- */

static void apply_defaults(struct account_options *options)
{
	if (options->body_max == 0)
		options->body_max = DEFAULT_BODY_MAX;
	if (options->body_max > ACCOUNT_BODY_MAX)
		options->body_max = ACCOUNT_BODY_MAX;
	if (options->rotate_size == 0)
		options->rotate_size = DEFAULT_ROTATE_SIZE;
}

static int create_account(struct account *account, struct cv_error *err)
{
	int status;

	if (account->options.readonly)
		return FAIL(err, CV_E_NOT_FOUND, "there is no account");
	status = account_lock(account, time_monotonic_msecs() +
			      OPEN_LOCK_MSECS, err);
	if (status != CV_OK)
		return status;
	/* another process may have been faster */
	status = account_reload(account, err);
	if (status == CV_NOT_FOUND)
		status = rotate_create(account, err);
	account_unlock(account);
	return status;
}

static struct account *account_create(struct meta *meta, struct bell *bell,
				      const struct account_options *options)
{
	struct cv_pool *pool = pool_create("account");
	struct account *account = pool_new(pool, struct account);

	account->meta = meta;
	account->bell = bell;
	account->pool = pool;
	account->options = *options;
	apply_defaults(&account->options);
	account->state_pool = pool_create("account state");
	array_init(&account->folders, pool);
	hash_init(&account->guids, pool, false);
	array_init(&account->subscriptions, account->state_pool);
	hash_init(&account->subscribed, account->state_pool, false);
	array_init(&account->metadata.pairs, account->state_pool);
	hash_init(&account->names, account->state_pool, false);
	return account;
}

int account_open_on(struct meta *meta, struct bell *bell,
		    const struct account_options *options,
		    struct account **account_r, struct cv_error *err)
{
	struct account *account = account_create(meta, bell, options);
	int status;

	status = account_reload(account, err);
	if (status == CV_NOT_FOUND)
		status = create_account(account, err);
	if (status == CV_OK && !account->options.readonly)
		status = sync_shown(account, err);
	if (status != CV_OK) {
		account_close(&account);
		return status > 0 ? CV_E_TEMP : status;
	}
	*account_r = account;
	return CV_OK;
}

void account_close(struct account **account_p)
{
	struct account *account = *account_p;

	if (account == NULL)
		return;
	*account_p = NULL;
	if (account->open_txn != NULL)
		account_rollback(&account->open_txn);
	/* nobody waits for it any more, but it was meant to stay */
	(void)account_sync(account, NULL);
	account_reserve(account, false);
	for (size_t i = 0; i < account->folders.count; i++) {
		folder_unload(account->folders.items[i]);
		catalogue_close(account->folders.items[i]);
	}
	journal_close(&account->journal);
	bell_close(&account->bell);
	meta_close(&account->meta);
	pool_destroy(&account->state_pool);
	pool_destroy(&account->pool);
}

/* --- small answers ------------------------------------------------------- */

const struct account_guid *account_guid(const struct account *account)
{
	return &account->guid;
}

bool account_is_new(const struct account *account)
{
	return account->is_new;
}

bool account_is_damaged(const struct account *account)
{
	return account->damaged;
}

uint64_t account_txn_number(const struct account *account)
{
	return account->txn;
}

bool account_body_fits(const struct account *account, uint64_t size)
{
	return size > 0 && size <= account->options.body_max;
}

void account_next_key(struct account *account, unsigned char key[16])
{
	if (account->key[0] == 0)
		random_bytes(&account->key, sizeof(account->key));
	account->key[1]++;
	memcpy(key, account->key, 16);
}

int account_watch_fd(struct account *account)
{
	return bell_watch(account->bell);
}

int account_watch_open(struct account *account)
{
	return bell_place(account->bell);
}

void account_watch_clear(struct account *account)
{
	bell_clear(account->bell);
}
