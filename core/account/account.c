/* account.c - opening, refreshing, locking. */
#include "account-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	DEFAULT_BODY_MAX = 64 * 1024,
	DEFAULT_ROTATE_SIZE = 4 * 1024 * 1024,
	OPEN_LOCK_MSECS = 30 * 1000,
	RELOAD_TRIES = 5,
	/* a commit older than this has been written back by the kernel */
	WRITTEN_BACK_USECS = 600 * 1000 * 1000,
};

/* --- finding the journal ------------------------------------------------- */

static bool parse_journal_name(const char *name, uint64_t *generation_r)
{
	struct cv_span span = cv_span_of(name);

	return cv_span_begins(span, CV_SPAN("journal.")) &&
		cv_span_to_u64(cv_span_skip(span, 8), UINT64_MAX / 2,
			       generation_r) && *generation_r > 0;
}

static int compare_down(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

struct generations { ARRAY(uint64_t) items; };	/* highest first */

static int list_generations(struct account *account, struct cv_pool *pool,
			    struct generations *found, struct cv_error *err)
{
	struct io_dir *dir = io_dir_open(account->io, account->dirfd, ".");
	const char *name;

	array_init(&found->items, pool);
	if (dir == NULL)
		return FAIL_ERRNO(err, errno, "cannot list account");
	while ((name = io_dir_next(dir, NULL)) != NULL) {
		uint64_t generation;

		if (parse_journal_name(name, &generation))
			*array_add(&found->items) = generation;
	}
	if (io_dir_close(&dir) < 0)
		return FAIL_ERRNO(err, errno, "cannot list account");
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
	char name[64];
	int fd, status;

	(void)snprintf(name, sizeof(name), "journal.%llu",
		       (unsigned long long)generation);
	fd = io_open_file(account->io, account->dirfd, name,
			  account->options.readonly ? O_RDONLY : O_RDWR, 0,
			  NULL);
	if (fd < 0 && errno == ENOENT) {
		*gone_r = true;
		return CV_NOT_FOUND;
	}
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", name);
	status = journal_open(journal_r, account->io, fd, generation, err);
	if (status == CV_OK)
		return CV_OK;
	io_close(account->io, fd);
	if (status != CV_E_SYNTAX)
		return error_prefix(err, "'%s'", name);
	log_error("account", "'%s': %s: trying an older generation", name,
		  err->text);
	account->damaged = true;
	return CV_NOT_FOUND;
}

/* --- reading it into memory ---------------------------------------------- */

static void reset_folder(struct folder *folder)
{
	folder->seen = false;
	folder->dirty = false;
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
	account->must_rotate = batch->damaged || batch->torn || batch->ended;
	if (batch->undone.count > 0)
		apply_undone(account, batch->undone.items,
			     batch->undone.count);
}

/* Replaces the whole state by what journal says. */
static void load_state(struct account *account, struct journal *journal,
		       const struct journal_batch *batch)
{
	uint64_t before = account->txn;

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
	apply_batch(account, batch);
	account->in_base = false;
	journal_accept(&account->journal, batch);
	for (size_t i = 0; i < account->folders.count; i++) {
		struct folder *folder = account->folders.items[i];

		if (!folder->seen && !folder->f.deleted)
			folder_remove(folder);
	}
	note_batch(account, batch);
}

/* Reads all of a journal and makes it the account's.  CV_NOT_FOUND: its state
 * section is damaged. */
static int take_journal(struct account *account, struct journal *journal,
			struct cv_error *err)
{
	struct cv_pool *pool = pool_create("journal batch");
	struct journal_batch batch;
	struct stat st;
	int status;

	if (io_fstat(account->io, journal->fd, &st) < 0)
		status = FAIL_ERRNO(err, errno, "cannot stat journal");
	else
		status = journal_read(journal, (uint64_t)st.st_size, pool,
				      &batch, err);
	if (status == CV_OK && batch.end < journal->base_size &&
	    !batch.damaged) {
		log_error("account", "journal %llu: state section is damaged",
			  (unsigned long long)journal->generation);
		account->damaged = true;
		status = CV_NOT_FOUND;
	}
	if (status == CV_OK) {
		load_state(account, journal, &batch);
		account->failed_size = 0;
		account->unsynced = account->journal.end >
			account->journal.synced &&
			account->journal.commit_time + WRITTEN_BACK_USECS >
			(int64_t)time_now_usecs();
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
		if (account->journal.end > account->journal.synced)
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

/* One fstat; more only when something is new. */
static int catch_up(struct account *account, struct cv_error *err)
{
	struct stat st;
	uint64_t before = account->txn;
	int status;

	if (io_fstat(account->io, account->journal.fd, &st) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat journal");
	if (st.st_nlink == 0 || account->must_reload) {
		status = account_reload(account, err);
		if (status == CV_NOT_FOUND)
			return FAIL(err, CV_E_TEMP, "account has vanished");
		return status != CV_OK ? status :
			account->txn != before ? CV_CHANGED : CV_OK;
	}
	if ((uint64_t)st.st_size <= account->journal.end)
		return CV_OK;
	if (account->failed_size != 0) {
		/* our own failed group, and nobody has gone on behind it */
		if ((uint64_t)st.st_size == account->failed_size)
			return CV_OK;
		status = account_reload(account, err);
		return status == CV_OK ? CV_CHANGED : status;
	}
	status = read_on(account, (uint64_t)st.st_size, err);
	if (status >= 0 && account->must_rotate) {
		status = move_on(account, err);
		if (status == CV_OK && account->txn != before)
			status = CV_CHANGED;
	}
	return status;
}

/* What could still be lost is not shown. */
static int sync_shown(struct account *account, struct cv_error *err)
{
	if (!account->unsynced ||
	    account->options.fsync == ACCOUNT_FSYNC_NEVER)
		return CV_OK;
	if (io_fdatasync(account->io, account->journal.fd) < 0)
		return FAIL_ERRNO(err, errno, "cannot sync journal");
	account->unsynced = false;
	account->journal.synced = account->journal.end;
	return CV_OK;
}

int account_refresh(struct account *account, struct cv_error *err)
{
	int status, synced;

	BUG_IF(account->open_txn != NULL);
	status = catch_up(account, err);
	if (status < 0)
		return status;
	synced = sync_shown(account, err);
	return synced < 0 ? synced : status;
}

/* --- lock ---------------------------------------------------------------- */

int account_lock(struct account *account, uint64_t deadline_msecs,
		 struct cv_error *err)
{
	if (account->lock_fd == -1)
		account->lock_fd = io_open_file(account->io, account->dirfd,
			"lock", O_RDWR | O_CREAT, account->options.file_mode,
			NULL);
	if (account->lock_fd == -1)
		return FAIL_ERRNO(err, errno, "cannot open 'lock'");
	if (io_lock(account->io, account->lock_fd, F_WRLCK,
		    deadline_msecs) == 0)
		return CV_OK;
	if (errno == ETIMEDOUT)
		return FAIL(err, CV_E_TIMEOUT, "account is locked by another "
			    "process for too long");
	return FAIL_ERRNO(err, errno, "cannot lock account");
}

void account_unlock(struct account *account)
{
	io_unlock(account->io, account->lock_fd);
}

int account_prepare(struct account *account, struct cv_error *err)
{
	int status = CV_OK;

	if (account->options.readonly)
		return FAIL(err, CV_E_DENIED, "account is open for reading "
			    "only");
	status = catch_up(account, err);
	if (status < 0)
		return status;
	if (account->must_rotate)
		status = move_on(account, err);
	if (status < 0)
		return status;
	if (account->unknown_records)
		return FAIL(err, CV_E_UNSUPPORTED, "journal has records of a "
			    "newer version: it is not written on");
	if (account->must_rotate || account->bad_snapshot) {
		status = rotate_locked(account, true, err);
		if (status < 0)
			return status;
	}
	return CV_OK;
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
	if (options->dir_mode == 0)
		options->dir_mode = 0700;
	if (options->file_mode == 0)
		options->file_mode = 0600;
}

/* The directory, made when it is not there. */
static int open_directory(struct account *account, int dirfd,
			  const char *dir, struct cv_error *err)
{
	struct io *io = account->io;
	int fd = io_open_dir(io, dirfd, dir);

	if (fd < 0 && errno == ENOENT && !account->options.readonly) {
		char *parent = pool_strdup(account->pool, dir);
		char *slash = strrchr(parent, '/');
		int parent_fd;

		if (io_mkdir(io, dirfd, dir, account->options.dir_mode) < 0 &&
		    errno != EEXIST)
			return FAIL_ERRNO(err, errno, "cannot create '%s'",
					  dir);
		if (slash != NULL)
			*(slash == parent ? slash + 1 : slash) = '\0';
		parent_fd = io_open_dir(io, dirfd, slash != NULL ? parent :
					".");
		if (parent_fd < 0 || io_fsync(io, parent_fd) < 0) {
			int status = FAIL_ERRNO(err, errno,
						"cannot sync parent of '%s'",
						dir);

			io_close(io, parent_fd);
			return status;
		}
		io_close(io, parent_fd);
		fd = io_open_dir(io, dirfd, dir);
	}
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", dir);
	account->dirfd = fd;
	return CV_OK;
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

static struct account *account_create(struct io *io,
				      const struct account_options *options)
{
	struct cv_pool *pool = pool_create("account");
	struct account *account = pool_new(pool, struct account);

	account->io = io;
	account->pool = pool;
	account->options = *options;
	apply_defaults(&account->options);
	account->dirfd = account->lock_fd = account->watch_fd = -1;
	account->journal.fd = -1;
	account->journal.io = io;
	account->state_pool = pool_create("account state");
	array_init(&account->folders, pool);
	hash_init(&account->guids, pool, false);
	array_init(&account->subscriptions, account->state_pool);
	hash_init(&account->subscribed, account->state_pool, false);
	array_init(&account->metadata.pairs, account->state_pool);
	hash_init(&account->names, account->state_pool, false);
	return account;
}

int account_open(struct io *io, int dirfd, const char *dir,
		 const struct account_options *options,
		 struct account **account_r, struct cv_error *err)
{
	struct account *account = account_create(io, options);
	struct cv_error error = ERROR_NONE;
	int status;

	account->dir = pool_strdup(account->pool, dir);
	status = open_directory(account, dirfd, dir, &error);
	if (status == CV_OK) {
		status = account_reload(account, &error);
		if (status == CV_NOT_FOUND)
			status = create_account(account, &error);
	}
	if (status == CV_OK && !account->options.readonly)
		status = sync_shown(account, &error);
	if (status != CV_OK) {
		account_close(&account);
		error_prefix(&error, "account '%s'", dir);
		if (err != NULL)
			*err = error;
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
	for (size_t i = 0; i < account->folders.count; i++) {
		folder_unload(account->folders.items[i]);
		catalogue_close(account->folders.items[i]);
	}
	journal_close(&account->journal);
	io_close(account->io, account->lock_fd);
	io_close(account->io, account->watch_fd);
	io_close(account->io, account->dirfd);
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
