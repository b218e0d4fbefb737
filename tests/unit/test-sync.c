/* test-sync.c - commits that share a sync, and a sync that fails. */
#include "account-fixture.h"

#include <fcntl.h>

static struct account *open_faulty(struct fixture *f)
{
	struct account_options options = { 0 };

	return fixture_open_with(f, f->fault, &options);
}

static struct account_folder *find_x(struct account *a)
{
	return account_folder_find(a, CV_SPAN("x"));
}

static void flag(struct fixture *f, struct account *a, uint32_t uid,
		 enum account_durability durability)
{
	struct account_txn *txn = fixture_begin(f, a);
	struct account_range range = { uid, uid };
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_ADD,
					      .flags = ACCOUNT_FLAGGED };

	assert_ok(f, txn_flags(txn, find_x(a), &range, 1, &change, &f->err));
	assert_ok(f, account_commit(&txn, durability, &f->err));
}

static unsigned int flagged(struct account *a)
{
	struct account_folder *x = find_x(a);
	unsigned int n = 0;

	for (uint32_t row = 0; row < account_row_count(x); row++)
		n += (account_row_flags(x, row) & ACCOUNT_FLAGGED) != 0;
	return n;
}

/* With ten messages. */
static struct account *begin(struct fixture *f)
{
	struct account *a = open_faulty(f);
	struct account_folder *x = fixture_folder(f, a, "x");

	for (unsigned int i = 0; i < 10; i++)
		fixture_deliver(f, a, x, i, NULL);
	return a;
}

static void many_commits_share_one_sync(void **state)
{
	struct fixture *f = *state;
	struct account *a = begin(f);
	uint64_t before = io_fault_syncs(f->fault);

	for (uint32_t uid = 1; uid <= 10; uid++)
		flag(f, a, uid, ACCOUNT_SYNC_LATER);
	assert_int_equal(io_fault_syncs(f->fault), before);
	assert_int_equal(account_refresh(a, &f->err), CV_OK);
	assert_int_equal(io_fault_syncs(f->fault), before);
	assert_ok(f, account_sync(a, &f->err));
	assert_int_equal(io_fault_syncs(f->fault), before + 1);
	assert_ok(f, account_sync(a, &f->err));
	assert_int_equal(io_fault_syncs(f->fault), before + 1);
	account_close(&a);
}

static void a_synced_commit_covers_those_before_it(void **state)
{
	struct fixture *f = *state;
	struct account *a = begin(f);
	uint64_t before;

	flag(f, a, 1, ACCOUNT_SYNC_LATER);
	flag(f, a, 2, ACCOUNT_SYNC);
	before = io_fault_syncs(f->fault);
	assert_ok(f, account_sync(a, &f->err));
	assert_int_equal(io_fault_syncs(f->fault), before);
	account_close(&a);
}

static void a_failed_sync_takes_all_of_it_back(void **state)
{
	struct fixture *f = *state;
	struct account *a = begin(f), *b = fixture_open(f);
	uint64_t modseq;
	char *dump;

	flag(f, a, 1, ACCOUNT_SYNC);
	flag(f, a, 2, ACCOUNT_SYNC_LATER);
	flag(f, a, 3, ACCOUNT_SYNC_LATER);
	modseq = account_txn_number(a);
	/* somebody has seen it */
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	assert_int_equal(flagged(b), 3);
	io_fault_arm(f->fault, IO_FAULT_EIO, 1, false);
	assert_int_equal(account_sync(a, &f->err), CV_E_TEMP);
	assert_true(io_fault_hit(f->fault));
	assert_int_equal(flagged(a), 1);
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	assert_int_equal(flagged(b), 1);
	/* numbers do not go back */
	assert_true(account_txn_number(a) > modseq);
	assert_int_equal(account_txn_number(a), account_txn_number(b));
	dump = fixture_dump(a, f->pool);
	assert_string_equal(dump, fixture_dump_fresh(f));
	flag(f, a, 4, ACCOUNT_SYNC_LATER);
	assert_ok(f, account_sync(a, &f->err));
	assert_int_equal(flagged(a), 2);
	account_close(&a);
	account_close(&b);
}

/* What somebody else was told to be there stays there: it goes into a new
 * file, and ours with it. */
static void a_failed_sync_does_not_take_back_what_others_did(void **state)
{
	struct fixture *f = *state;
	struct account *a = begin(f), *b = fixture_open(f);

	flag(f, a, 1, ACCOUNT_SYNC_LATER);
	flag(f, b, 2, ACCOUNT_SYNC);
	flag(f, a, 3, ACCOUNT_SYNC_LATER);
	io_fault_arm(f->fault, IO_FAULT_EIO, 1, false);
	assert_ok(f, account_sync(a, &f->err));
	assert_true(io_fault_hit(f->fault));
	assert_int_equal(flagged(a), 3);
	account_close(&a);
	a = fixture_open(f);
	assert_int_equal(flagged(a), 3);
	account_close(&a);
	account_close(&b);
}

/* Whatever fails from then on, what was answered with success is there, and
 * nothing is damaged. */
static void a_disk_that_stays_broken_promises_nothing(void **state)
{
	struct fixture *f = *state;

	for (uint64_t n = 1; n < 40; n++) {
		struct account *a = begin(f), *fresh;
		int status;

		flag(f, a, 1, ACCOUNT_SYNC_LATER);
		io_fault_arm(f->fault, IO_FAULT_EIO, n, true);
		status = account_sync(a, NULL);
		if (status == CV_OK) {
			assert_false(io_fault_hit(f->fault) && n == 1);
		}
		/* later syncs prove nothing for it */
		if (status != CV_OK)
			(void)account_sync(a, NULL);
		io_fault_arm(f->fault, IO_FAULT_NONE, 0, false);
		account_close(&a);
		fresh = fixture_open(f);
		assert_false(account_is_damaged(fresh));
		if (status == CV_OK)
			assert_int_equal(flagged(fresh), 1);
		account_close(&fresh);
		fixture_remove_account(f);
	}
}

/* Who reads while somebody else writes may see half a group.  Ours lies before
 * it: that is no reason for a new journal. */
static void half_a_group_of_somebody_else_is_no_failure(void **state)
{
	struct fixture *f = *state;
	struct account *a = begin(f), *b = fixture_open(f);
	char path[128], group[4096];
	struct stat st;
	off_t start, half;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/culver/journal.1", f->dir);
	flag(f, a, 1, ACCOUNT_SYNC_LATER);
	assert_int_equal(stat(path, &st), 0);
	start = st.st_size;
	flag(f, b, 2, ACCOUNT_SYNC);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size - start, 2, sizeof(group));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, group, sizeof(group), start),
			 st.st_size - start);
	half = (st.st_size - start) / 2;
	assert_int_equal(ftruncate(fd, start + half), 0);
	assert_true(account_refresh(a, &f->err) >= 0);
	assert_int_equal(pwrite(fd, group + half,
				(size_t)(st.st_size - start - half),
				start + half), st.st_size - start - half);
	assert_int_equal(close(fd), 0);
	assert_ok(f, account_sync(a, &f->err));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(account_refresh(a, &f->err), CV_CHANGED);
	assert_int_equal(flagged(a), 2);
	account_close(&a);
	account_close(&b);
}

static void fsync_never_means_never(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { .fsync = ACCOUNT_FSYNC_NEVER };
	struct account *a = begin(f);
	uint64_t before;

	account_close(&a);
	a = fixture_open_with(f, f->fault, &options);
	before = io_fault_syncs(f->fault);
	flag(f, a, 1, ACCOUNT_SYNC_LATER);
	assert_ok(f, account_sync(a, &f->err));
	account_close(&a);
	assert_int_equal(io_fault_syncs(f->fault), before);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_commits_share_one_sync),
		TEST(a_synced_commit_covers_those_before_it),
		TEST(a_failed_sync_takes_all_of_it_back),
		TEST(a_failed_sync_does_not_take_back_what_others_did),
		TEST(a_disk_that_stays_broken_promises_nothing),
		TEST(half_a_group_of_somebody_else_is_no_failure),
		TEST(fsync_never_means_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
