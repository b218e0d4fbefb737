/* test-snapshot.c - snapshots and catalogues with every byte flipped, cut
 * everywhere, swapped; and accounts that lost their journals. */
#include "account-fixture.h"
#include "account/snapshot.h"

enum { MESSAGES = 12 };

static unsigned int logged;

static void no_log(enum log_level level, const char *category,
		   const char *line, size_t len, void *context)
{
	(void)level;
	(void)category;
	(void)line;
	(void)len;
	++*(unsigned int *)context;
}

static int quiet_setup(void **state)
{
	log_set_sink(no_log, &logged);
	return fixture_setup(state);
}

/* A folder with keywords, expunges and a catalogue, in one snapshot. */
static struct account_guid make_folder(struct fixture *f, const char *name)
{
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, name);
	struct account_txn *txn = fixture_begin(f, a);
	struct account_range range = { 3, 6 };
	struct account_guid guid = x->guid;
	uint32_t index;
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_ADD,
		.flags = ACCOUNT_FLAGGED, .keywords = &index,
		.keyword_count = 1 };

	for (unsigned int i = 1; i <= MESSAGES; i++) {
		struct account_append append = { .size = 100 + i, .saved = 1,
			.blob = cv_span_of(pool_printf(f->pool, "blob-%u",
						       i)),
			.catalogue = cv_span_of(pool_printf(f->pool,
				"entry %u of some length", i)) };

		assert_ok(f, txn_append(txn, x, &append, NULL, &f->err));
	}
	fixture_commit(f, txn);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_keyword(txn, x, CV_SPAN("kw"), &index, &f->err));
	assert_ok(f, txn_flags(txn, x, &range, 1, &change, &f->err));
	range.first = range.last = 5;
	assert_ok(f, txn_expunge(txn, x, &range, 1, &f->err));
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	account_close(&a);
	return guid;
}

static char *path_of(struct fixture *f, const struct account_guid *guid,
		     const char *suffix)
{
	char hex[33];

	account_guid_format(guid, hex);
	return pool_printf(f->pool, "culver/%s.%s", hex, suffix);
}

static char *read_file(struct fixture *f, const char *name, size_t *len_r)
{
	int fd = openat(f->dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = pool_alloc(f->pool, (size_t)st.st_size + 1);
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	*len_r = (size_t)st.st_size;
	return data;
}

static void write_file(struct fixture *f, const char *name, const char *data,
		       size_t len)
{
	int fd;

	(void)unlinkat(f->dirfd, name, 0);
	fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Opens and looks at everything: the right state, or noticed damage. */
static bool is_right_or_damaged(struct fixture *f, const char *right)
{
	struct account *a = fixture_open(f);
	char *dump = fixture_dump(a, f->pool);
	size_t at = 0;
	struct account_folder *folder = account_folder_next(a, &at);
	bool result = strcmp(dump, right) == 0 ||
		(account_is_damaged(a) && folder->damaged);

	account_close(&a);
	return result;
}

static void a_flipped_byte_anywhere_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct account_guid guid = make_folder(f, "x");
	char *name = path_of(f, &guid, "2.snap"), *right, *data;
	size_t len;

	right = fixture_dump_fresh(f);
	data = read_file(f, name, &len);
	for (size_t at = 0; at < len; at++) {
		data[at] ^= (char)(1 << at % 8);
		write_file(f, name, data, len);
		data[at] ^= (char)(1 << at % 8);
		if (!is_right_or_damaged(f, right))
			fail_msg("byte %zu: unnoticed", at);
	}
	write_file(f, name, data, len);
	assert_string_equal(fixture_dump_fresh(f), right);
}

static void a_cut_anywhere_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct account_guid guid = make_folder(f, "x");
	char *name = path_of(f, &guid, "2.snap"), *right, *data;
	size_t len;

	right = fixture_dump_fresh(f);
	data = read_file(f, name, &len);
	for (size_t cut = 0; cut < len; cut++) {
		write_file(f, name, data, cut);
		if (!is_right_or_damaged(f, right))
			fail_msg("cut at %zu: unnoticed", cut);
	}
}

static void a_snapshot_of_another_folder_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct account_guid x = make_folder(f, "x"), y = make_folder(f, "y");
	char *data, *right;
	size_t len;

	right = fixture_dump_fresh(f);
	data = read_file(f, path_of(f, &y, "3.snap"), &len);
	write_file(f, path_of(f, &x, "2.snap"), data, len);
	assert_true(is_right_or_damaged(f, right));
	assert_string_not_equal(fixture_dump_fresh(f), right);
	/* nor one of another generation under this name */
	data = read_file(f, path_of(f, &x, "2.snap"), &len);
	assert_int_equal(unlinkat(f->dirfd, path_of(f, &x, "2.snap"), 0), 0);
	assert_true(is_right_or_damaged(f, right));
}

static void damage_does_not_spread_and_can_be_repaired(void **state)
{
	struct fixture *f = *state;
	struct account_guid x = make_folder(f, "x");
	struct account *a;
	struct account_folder *folder;
	struct account_txn *txn;
	uint32_t uidnext, validity, uid;

	(void)make_folder(f, "y");
	write_file(f, path_of(f, &x, "2.snap"), "rubbish", 7);
	a = fixture_open(f);
	folder = account_folder_find(a, CV_SPAN("x"));
	uidnext = folder->uidnext;
	validity = folder->uidvalidity;
	assert_int_equal(account_row_count(folder), 0);
	assert_true(folder->damaged);
	assert_false(account_folder_find(a, CV_SPAN("y"))->damaged);
	assert_int_equal(account_row_count(account_folder_find(a,
					   CV_SPAN("y"))), MESSAGES - 1);
	/* what a scan finds again gets UIDs that were never used */
	uid = fixture_deliver(f, a, folder, 1, NULL);
	assert_int_equal(uid, uidnext);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_repaired(txn, folder, &f->err));
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	account_close(&a);
	a = fixture_open(f);
	folder = account_folder_find(a, CV_SPAN("x"));
	assert_int_equal(account_row_count(folder), 1);
	assert_int_equal(folder->uidvalidity, validity);
	assert_false(folder->damaged);
	assert_false(account_is_damaged(a));
	account_close(&a);
}

static void folders_come_back_when_all_journals_are_lost(void **state)
{
	struct fixture *f = *state;
	struct account_guid guid = make_folder(f, "x");
	struct account *a = fixture_open(f);
	struct account_guid account = *account_guid(a);
	struct account_folder *x = account_folder_find(a, CV_SPAN("x"));
	uint32_t validity = x->uidvalidity, uidnext = x->uidnext, row;
	uint64_t txn = account_txn_number(a);
	struct account_message m;

	account_close(&a);
	assert_int_equal(unlinkat(f->dirfd, "culver/journal.2", 0), 0);
	a = fixture_open(f);
	assert_true(account_is_damaged(a));
	assert_true(account_is_new(a));
	assert_true(account_guid_equal(&account, account_guid(a)));
	assert_true(account_txn_number(a) >= txn);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_non_null(x);
	assert_true(account_guid_equal(&guid, &x->guid));
	assert_true(x->damaged);
	assert_int_equal(x->uidvalidity, validity);
	assert_true(x->uidnext > uidnext);
	assert_int_equal(x->message_count, MESSAGES - 1);
	assert_true(account_row_find(x, 4, &row));
	account_row_get(x, row, &m);
	assert_int_equal(m.flags, ACCOUNT_FLAGGED);
	assert_int_equal(m.keywords.count, 1);
	assert_false(account_row_find(x, 5, &row));
	account_close(&a);
	/* the second time it is an account like any other */
	a = fixture_open(f);
	assert_false(account_is_new(a));
	assert_non_null(account_folder_find(a, CV_SPAN("x")));
	account_close(&a);
}

static void a_damaged_catalogue_entry_is_absent(void **state)
{
	struct fixture *f = *state;
	struct account_guid guid = make_folder(f, "x");
	char *name = path_of(f, &guid, "cat"), *data;
	size_t len;

	data = read_file(f, name, &len);
	for (size_t at = 0; at < len; at += 5) {
		struct account *a;
		struct account_folder *x;
		unsigned int absent = 0;

		data[at] ^= 0x10;
		write_file(f, name, data, len);
		data[at] ^= 0x10;
		a = fixture_open(f);
		x = account_folder_find(a, CV_SPAN("x"));
		for (uint32_t row = 0; row < account_row_count(x); row++) {
			struct cv_span entry;

			if (account_catalogue_find(x, row, &entry) != CV_OK) {
				absent++;
				continue;
			}
			assert_true(cv_span_is(entry, pool_printf(f->pool,
				"entry %u of some length",
				account_row_uid(x, row))));
		}
		/* one entry, or all when the header is hit */
		assert_true(absent <= 1 || at < 64);
		account_close(&a);
	}
	/* without the file all are absent, and nothing else is wrong */
	assert_int_equal(unlinkat(f->dirfd, name, 0), 0);
	struct account *a = fixture_open(f);
	struct cv_span entry;

	assert_int_equal(account_catalogue_find(account_folder_find(a,
		CV_SPAN("x")), 0, &entry), CV_NOT_FOUND);
	account_close(&a);
}

static void many_blocks_are_checked_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	char *name = path_of(f, &x->guid, "2.snap"), *data, *right;
	struct account_message m;
	size_t len;
	uint32_t row;

	for (unsigned int i = 1; i <= 20000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	right = fixture_dump(a, f->pool);
	account_close(&a);
	assert_string_equal(fixture_dump_fresh(f), right);
	data = read_file(f, name, &len);
	assert_true(len > 20 * SNAPSHOT_BLOCK);
	/* a block at the end: of the blob references */
	data[len - 70000] ^= 1;
	write_file(f, name, data, len);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_true(account_row_find(x, 100, &row));
	account_row_get(x, row, &m);
	assert_int_equal(m.size, 200);
	assert_false(x->damaged);
	for (row = 0; row < 20000 && !x->damaged; row++)
		account_row_get(x, row, &m);
	assert_true(x->damaged);
	/* the rest is saved in a new snapshot */
	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_repaired(txn, x, &f->err));
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_int_equal(account_row_count(x), 20000);
	for (row = 0; row < 20000; row++) {
		account_row_get(x, row, &m);
		assert_int_equal(m.uid, row + 1);
		assert_int_equal(m.size, 100 + m.uid);
	}
	assert_false(x->damaged);
	account_close(&a);
}

/* The user owns the file and may cut it while it is mapped: pages that are
 * gone are damage, not the end of the process [security.md F3]. */
static void a_file_cut_while_it_is_mapped_is_damage(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	char *name = path_of(f, &x->guid, "2.snap");
	struct account_message m;

	for (unsigned int i = 1; i <= 20000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	/* every block was looked at, and found good */
	for (uint32_t row = 0; row < 20000; row++)
		account_row_get(x, row, &m);
	assert_false(x->damaged);
	assert_int_equal(truncate(pool_printf(f->pool, "%s/%s", f->dir,
					      name), 4096), 0);
	for (uint32_t row = 0; row < 20000 && !x->damaged; row++) {
		account_row_get(x, row, &m);
		if (!x->damaged)
			assert_int_equal(m.size, 100 + m.uid);
	}
	assert_true(x->damaged);
	/* it is told to everybody, and gone on with */
	fixture_deliver(f, a, x, 1, NULL);
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_true(x->damaged);
	assert_int_equal(x->uidnext, 20002);
	account_close(&a);
}

/* Entries of messages that are gone go as well, once they are half of it. */
static void a_catalogue_is_compacted(void **state)
{
	enum { EACH = 40000, COUNT = 60 };
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *late = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x"), *y;
	struct account_txn *txn = fixture_begin(f, a);
	struct account_range range = { 1, COUNT - 10 };
	char *entry = pool_alloc(f->pool, EACH);
	char *name = path_of(f, &x->guid, "cat");
	struct cv_span found;
	struct stat st;

	for (unsigned int i = 1; i <= COUNT; i++) {
		struct account_append append = { .size = i, .saved = 1,
			.catalogue = { pool_copy(f->pool, entry, EACH),
				       EACH } };

		memset((char *)(uintptr_t)append.catalogue.data, (int)i, EACH);
		assert_ok(f, txn_append(txn, x, &append, NULL, &f->err));
	}
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_true(account_refresh(late, &f->err) >= 0);
	y = account_folder_find(late, CV_SPAN("x"));
	assert_int_equal(account_catalogue_find(y, COUNT - 1, &found), CV_OK);
	assert_int_equal(fstatat(f->dirfd, name, &st, 0), 0);
	assert_true(st.st_size > (off_t)EACH * COUNT);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_expunge(txn, x, &range, 1, &f->err));
	fixture_commit(f, txn);
	for (int i = 0; i < 2; i++) {
		/* the first notes its size, the second finds it small */
		assert_ok(f, account_rotate(a, 0, &f->err));
		fixture_deliver(f, a, x, 1, NULL);
	}
	assert_int_equal(fstatat(f->dirfd, name, &st, 0), 0);
	assert_true(st.st_size < (off_t)EACH * 11);
	assert_true(account_refresh(late, &f->err) >= 0);
	for (uint32_t uid = COUNT - 9; uid <= COUNT; uid++) {
		uint32_t row;

		assert_true(account_row_find(x, uid, &row));
		assert_int_equal(account_catalogue_find(x, row, &found),
				 CV_OK);
		assert_int_equal(found.len, EACH);
		assert_int_equal(found.data[7], uid);
		/* also for who has the old file open */
		assert_true(account_row_find(y, uid, &row));
		assert_int_equal(account_catalogue_find(y, row, &found),
				 CV_OK);
		assert_int_equal(found.data[EACH - 1], uid);
	}
	account_close(&a);
	account_close(&late);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, quiet_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flipped_byte_anywhere_is_noticed),
		TEST(a_cut_anywhere_is_noticed),
		TEST(a_snapshot_of_another_folder_does_not_pass),
		TEST(damage_does_not_spread_and_can_be_repaired),
		TEST(folders_come_back_when_all_journals_are_lost),
		TEST(a_damaged_catalogue_entry_is_absent),
		TEST(many_blocks_are_checked_one_by_one),
		TEST(a_file_cut_while_it_is_mapped_is_damage),
		TEST(a_catalogue_is_compacted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
