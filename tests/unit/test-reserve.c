/* test-reserve.c - an account on a full disk: what frees space is committed,
 * the rest is refused and leaves nothing. */
#include "account-fixture.h"

#include <sys/stat.h>

enum { SIZE = 65536 };

struct box {
	struct account *account;
	struct account_folder *inbox, *other;
};

static struct box open_box(struct fixture *f)
{
	struct account_options options = { 0 };
	struct box b;

	b.account = fixture_open_with(f, f->fault, &options);
	b.inbox = account_folder_find(b.account, CV_SPAN("INBOX"));
	b.other = account_folder_find(b.account, CV_SPAN("other"));
	return b;
}

/* With five messages in INBOX. */
static struct box make_box(struct fixture *f)
{
	struct box b = open_box(f);
	struct account_txn *txn;

	b.inbox = fixture_folder(f, b.account, "INBOX");
	b.other = fixture_folder(f, b.account, "other");
	for (unsigned int i = 0; i < 5; i++)
		fixture_deliver(f, b.account, b.inbox, i, "");
	txn = fixture_begin(f, b.account);
	assert_ok(f, txn_subscribe(txn, CV_SPAN("other"), true, &f->err));
	fixture_commit(f, txn);
	return b;
}

static off_t size_of(struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 :
		st.st_size;
}

/* --- operations ----------------------------------------------------------- */

typedef int operation(struct box *b, struct account_txn *txn,
		      struct cv_error *err);

static int run(struct box *b, operation *op, struct cv_error *err)
{
	struct account_txn *txn;
	int status = account_begin(b->account, 0, &txn, err);

	if (status != CV_OK)
		return status;
	assert_int_equal(op(b, txn, err), CV_OK);
	return account_commit(&txn, ACCOUNT_SYNC, err);
}

static int flag(struct box *b, struct account_txn *txn, uint32_t flags,
		enum account_flag_op op, struct cv_error *err)
{
	struct account_range range = { 1, 3 };
	struct account_flag_change change = { .op = op, .flags = flags };

	return txn_flags(txn, b->inbox, &range, 1, &change, err);
}

static int op_delete(struct box *b, struct account_txn *txn,
		     struct cv_error *err)
{
	return flag(b, txn, ACCOUNT_DELETED, ACCOUNT_FLAGS_ADD, err);
}

static int op_undelete(struct box *b, struct account_txn *txn,
		       struct cv_error *err)
{
	return flag(b, txn, ACCOUNT_DELETED, ACCOUNT_FLAGS_REMOVE, err);
}

static int op_replace(struct box *b, struct account_txn *txn,
		      struct cv_error *err)
{
	return flag(b, txn, ACCOUNT_DELETED | ACCOUNT_SEEN,
		    ACCOUNT_FLAGS_REPLACE, err);
}

static int op_replace_back(struct box *b, struct account_txn *txn,
			   struct cv_error *err)
{
	return flag(b, txn, ACCOUNT_DELETED, ACCOUNT_FLAGS_REPLACE, err);
}

static int op_flagged(struct box *b, struct account_txn *txn,
		   struct cv_error *err)
{
	return flag(b, txn, ACCOUNT_FLAGGED, ACCOUNT_FLAGS_ADD, err);
}

static int op_expunge(struct box *b, struct account_txn *txn,
		      struct cv_error *err)
{
	struct account_range range = { 1, 3 };

	return txn_expunge(txn, b->inbox, &range, 1, err);
}

static int op_remove(struct box *b, struct account_txn *txn,
		     struct cv_error *err)
{
	return txn_folder_delete(txn, b->other, err);
}

static int op_subscribe(struct box *b, struct account_txn *txn,
			struct cv_error *err)
{
	(void)b;
	return txn_subscribe(txn, CV_SPAN("INBOX"), true, err);
}

static int op_unsubscribe(struct box *b, struct account_txn *txn,
			  struct cv_error *err)
{
	(void)b;
	return txn_subscribe(txn, CV_SPAN("other"), false, err);
}

static int append(struct box *b, struct account_txn *txn,
		  const char *body, struct cv_error *err)
{
	struct account_append a = { .blob = CV_SPAN("blob"),
				    .body = cv_span_of(body) };

	return txn_append(txn, b->other, &a, NULL, err);
}

static int op_append(struct box *b, struct account_txn *txn,
		     struct cv_error *err)
{
	return append(b, txn, "another body", err);
}

/* The message is somewhere already: its name moves. */
static int op_move(struct box *b, struct account_txn *txn,
		   struct cv_error *err)
{
	int status = append(b, txn, "", err);

	return status < 0 ? status : op_expunge(b, txn, err);
}

static int op_replace_message(struct box *b, struct account_txn *txn,
			      struct cv_error *err)
{
	int status = op_append(b, txn, err);

	return status < 0 ? status : op_expunge(b, txn, err);
}

static const struct { operation *op; bool frees; } operations[] = {
	{ op_delete, true }, { op_undelete, false }, { op_replace, true },
	{ op_flagged, false }, { op_expunge, true }, { op_remove, true },
	{ op_subscribe, false }, { op_unsubscribe, true },
	{ op_append, false }, { op_move, true }, { op_replace_message, false },
};

/* --- tests ---------------------------------------------------------------- */

static void a_new_account_has_a_reserve(void **state)
{
	struct fixture *f = *state;
	struct account *account = fixture_open(f);
	struct stat st;

	assert_int_equal(fstatat(f->dirfd, "culver/reserve", &st, 0), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_true(st.st_blocks * 512 >= SIZE);
	assert_int_equal(st.st_mode & 0777, 0600);
	account_close(&account);
}

/* Everything but what is in reserve is as it was: nobody has to begin a new
 * journal either. */
static void try_with_room(struct fixture *f, size_t i, uint64_t room)
{
	struct box b = make_box(f);
	char *before, *after;
	int status;

	/* its last use was long ago */
	if (operations[i].op == op_undelete)
		assert_int_equal(run(&b, op_delete, &f->err), CV_OK);
	before = fixture_dump(b.account, f->pool);
	io_fault_room(f->fault, room);
	status = run(&b, operations[i].op, &f->err);
	if (operations[i].frees)
		assert_int_equal(status, CV_OK);
	else if (status != CV_OK)
		assert_int_equal(status, CV_E_NO_SPACE);
	io_fault_room(f->fault, UINT64_MAX);
	after = fixture_dump(b.account, f->pool);
	assert_true((strcmp(before, after) == 0) == (status != CV_OK));
	assert_string_equal(fixture_dump_fresh(f), after);
	assert_int_equal(size_of(f, "culver/journal.2"), -1);
	fixture_deliver(f, b.account, b.inbox, 9, "the next");
	assert_int_equal(size_of(f, "culver/journal.2"), -1);
	account_close(&b.account);
	assert_int_equal(size_of(f, "culver/reserve"), SIZE);
	fixture_remove_account(f);
}

static void what_frees_space_needs_none(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
	     i++) {
		for (uint64_t room = 0; room < 400; room += room < 8 ? 1 : 13)
			try_with_room(f, i, room);
	}
}

/* What is left over of a block is gone each time. */
static void the_reserve_is_enough_for_several_commits(void **state)
{
	struct fixture *f = *state;
	struct box b = make_box(f);
	off_t size = SIZE;
	int commits = 0, status;

	for (;;) {
		io_fault_room(f->fault, 0);
		status = run(&b, commits % 2 == 0 ? op_replace :
			     op_replace_back, &f->err);
		if (status != CV_OK)
			break;
		assert_true(size_of(f, "culver/reserve") < size);
		size = size_of(f, "culver/reserve");
		commits++;
	}
	assert_int_equal(status, CV_E_NO_SPACE);
	assert_int_equal(size_of(f, "culver/reserve"), 0);
	assert_in_range(commits, 8, 16);
	/* there is no room: it stays as it is */
	account_close(&b.account);
	assert_int_equal(size_of(f, "culver/reserve"), 0);
	b = open_box(f);
	io_fault_room(f->fault, UINT64_MAX);
	assert_ok(f, account_rotate(b.account, 0, &f->err));
	assert_int_equal(size_of(f, "culver/reserve"), SIZE);
	account_close(&b.account);
}

/* A new journal that nothing can be written without takes it, too. */
static void a_torn_journal_is_replaced_on_a_full_disk(void **state)
{
	struct fixture *f = *state;
	struct box b = make_box(f);
	int fd = openat(f->dirfd, "culver/journal.1", O_WRONLY | O_APPEND);
	char *dump;

	assert_int_equal(write(fd, "a part of a group", 17), 17);
	close(fd);
	io_fault_room(f->fault, 0);
	assert_ok(f, run(&b, op_expunge, &f->err));
	dump = fixture_dump(b.account, f->pool);
	assert_int_equal(size_of(f, "culver/journal.1"), -1);
	assert_true(size_of(f, "culver/journal.2") > 0);
	assert_string_equal(fixture_dump_fresh(f), dump);
	io_fault_room(f->fault, UINT64_MAX);
	account_close(&b.account);
	assert_int_equal(size_of(f, "culver/reserve"), SIZE);
}

/* It read a part of what somebody had no room for. */
static void a_reader_forgets_what_was_cut_off(void **state)
{
	struct fixture *f = *state;
	struct box b = make_box(f);
	off_t size = size_of(f, "culver/journal.1");
	int fd = openat(f->dirfd, "culver/journal.1", O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "a part of a group", 17), 17);
	assert_int_equal(account_refresh(b.account, &f->err), CV_OK);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	fixture_deliver(f, b.account, b.inbox, 9, "the next");
	assert_int_equal(size_of(f, "culver/journal.2"), -1);
	account_close(&b.account);
}

static void assert_content(struct fixture *f, const char *path, char c,
			   off_t size)
{
	int fd = openat(f->dirfd, path, O_RDONLY);
	char have = 0;

	assert_int_equal(size_of(f, path), size);
	assert_int_equal(pread(fd, &have, 1, 0), 1);
	assert_int_equal(have, c);
	close(fd);
}

/* What is not ours is neither cut nor filled. */
static void a_file_of_somebody_else_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct box b = make_box(f);
	int fd = openat(f->dirfd, "mail", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(unlinkat(f->dirfd, "culver/reserve", 0), 0);
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			assert_int_equal(linkat(f->dirfd, "mail", f->dirfd,
						"culver/reserve", 0), 0);
		else if (i == 1)
			assert_int_equal(symlinkat("../mail", f->dirfd,
						   "culver/reserve"), 0);
		else
			assert_int_equal(renameat(f->dirfd, "mail", f->dirfd,
						  "culver/reserve"), 0);
		if (i == 2)
			assert_int_equal(ftruncate(fd, SIZE + 1), 0);
		assert_ok(f, account_rotate(b.account, 0, &f->err));
		io_fault_room(f->fault, 0);
		assert_int_equal(run(&b, op_delete, &f->err), CV_E_NO_SPACE);
		io_fault_room(f->fault, UINT64_MAX);
		assert_content(f, i == 2 ? "culver/reserve" : "mail", 'x',
			       i == 2 ? SIZE + 1 : 1);
		assert_int_equal(unlinkat(f->dirfd, "culver/reserve", 0), 0);
	}
	close(fd);
	account_close(&b.account);
}

/* Where blocks cannot be asked for they are written. */
static int no_fallocate(struct io *io, int fd, int mode, uint64_t offset,
			uint64_t len)
{
	(void)io; (void)fd; (void)mode; (void)offset; (void)len;
	errno = EOPNOTSUPP;
	return -1;
}

static void without_fallocate_it_is_written(void **state)
{
	struct fixture *f = *state;
	struct io_ops ops = *io_posix()->ops;
	struct io io = { &ops };
	struct account_options options = { 0 };
	struct account *account;
	struct stat st;

	ops.fallocate = no_fallocate;
	account = fixture_open_with(f, &io, &options);
	assert_int_equal(fstatat(f->dirfd, "culver/reserve", &st, 0), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_true(st.st_blocks * 512 >= SIZE);
	account_close(&account);
}

/* It costs a commit nothing, full disks apart. */
static void it_is_not_touched_by_commits(void **state)
{
	struct fixture *f = *state;
	struct box b = make_box(f);

	assert_int_equal(unlinkat(f->dirfd, "culver/reserve", 0), 0);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
	     i++) {
		if (operations[i].op != op_append &&
		    operations[i].op != op_replace_message)
			assert_int_equal(run(&b, operations[i].op, &f->err),
					 CV_OK);
		if (operations[i].op == op_remove)
			b.other = b.inbox;
	}
	account_close(&b.account);
	assert_int_equal(size_of(f, "culver/reserve"), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_new_account_has_a_reserve),
		TEST(what_frees_space_needs_none),
		TEST(the_reserve_is_enough_for_several_commits),
		TEST(a_torn_journal_is_replaced_on_a_full_disk),
		TEST(a_reader_forgets_what_was_cut_off),
		TEST(a_file_of_somebody_else_is_left_alone),
		TEST(without_fallocate_it_is_written),
		TEST(it_is_not_touched_by_commits),
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
