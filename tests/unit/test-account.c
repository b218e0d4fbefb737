/* test-account.c - folders and messages through transactions, as the process
 * that commits, another that refreshes, and one that opens later see them. */
#include "account-fixture.h"

#include <poll.h>
#include <sys/wait.h>

static void an_empty_account_is_created_and_found_again(void **state)
{
	struct fixture *f = *state;
	struct account *account = fixture_open(f);
	struct account_guid guid = *account_guid(account);
	size_t at = 0;

	assert_true(account_is_new(account));
	assert_false(account_is_damaged(account));
	assert_null(account_folder_next(account, &at));
	assert_true(account_txn_number(account) > 0);
	account_close(&account);
	account = fixture_open(f);
	assert_false(account_is_new(account));
	assert_true(account_guid_equal(&guid, account_guid(account)));
	account_close(&account);
}

static void readonly_creates_nothing(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { .readonly = true };
	struct account *account = NULL;
	struct stat st;

	assert_int_equal(account_open(io_posix(), f->dirfd, "culver",
				      &options, &account, &f->err),
			 CV_E_NOT_FOUND);
	assert_null(account);
	assert_int_equal(fstatat(f->dirfd, "culver", &st, 0), -1);
}

static void messages_are_appended_and_seen_by_all(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *b = fixture_open(f);
	struct account_folder *inbox = fixture_folder(f, a, "INBOX");
	struct account_message m;
	uint32_t row;

	for (unsigned int i = 1; i <= 5; i++)
		assert_int_equal(fixture_deliver(f, a, inbox, i, NULL), i);
	assert_int_equal(inbox->message_count, 5);
	assert_int_equal(inbox->unseen_count, 3);
	assert_int_equal(inbox->uidnext, 6);
	assert_true(account_row_find(inbox, 3, &row));
	account_row_get(inbox, row, &m);
	assert_int_equal(m.size, 103);
	assert_int_equal(m.virtual_size, 113);
	assert_true(cv_span_is(m.blob, "3.M1P2.host,S=3"));
	assert_false(m.has_body);

	assert_null(account_folder_find(b, CV_SPAN("INBOX")));
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	assert_int_equal(account_refresh(b, &f->err), CV_OK);
	assert_non_null(account_folder_find(b, CV_SPAN("INBOX")));
	assert_string_equal(fixture_dump(a, f->pool),
			    fixture_dump(b, f->pool));
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
	account_close(&b);
}

static bool has_keyword(struct account_folder *folder, uint32_t uid,
			const char *name)
{
	uint32_t row, index;
	struct account_keywords k;

	assert_true(account_row_find(folder, uid, &row));
	if (!account_keyword_find(folder, cv_span_of(name), &index))
		return false;
	k = account_row_keywords(folder, row);
	for (uint32_t i = 0; i < k.count; i++) {
		if (k.indexes[i] == index)
			return true;
	}
	return false;
}

static uint32_t flags_of(struct account_folder *folder, uint32_t uid)
{
	uint32_t row;

	assert_true(account_row_find(folder, uid, &row));
	return account_row_flags(folder, row);
}

static void flags_and_keywords_change_in_ranges(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *inbox = fixture_folder(f, a, "INBOX");
	uint64_t modseq;
	uint32_t row;

	for (unsigned int i = 1; i <= 9; i++)
		fixture_deliver(f, a, inbox, i, NULL);
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_FLAGGED, "Work",
		      2, 5);
	assert_int_equal(flags_of(inbox, 2), ACCOUNT_FLAGGED | ACCOUNT_SEEN);
	assert_int_equal(flags_of(inbox, 3), ACCOUNT_FLAGGED);
	assert_int_equal(flags_of(inbox, 6), ACCOUNT_SEEN);
	assert_true(has_keyword(inbox, 5, "work"));
	assert_false(has_keyword(inbox, 6, "work"));
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, 0, "home", 4, 7);
	assert_true(has_keyword(inbox, 4, "HOME"));
	assert_true(has_keyword(inbox, 4, "Work"));
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_REMOVE, ACCOUNT_FLAGGED,
		      "work", 1,
		      4);
	assert_false(has_keyword(inbox, 4, "Work"));
	assert_true(has_keyword(inbox, 4, "home"));
	assert_true(has_keyword(inbox, 5, "Work"));
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_REPLACE, ACCOUNT_SEEN, NULL, 1,
		      9);
	assert_false(has_keyword(inbox, 5, "Work"));
	assert_int_equal(inbox->unseen_count, 0);
	/* nothing changes: nothing is written, no modseq */
	modseq = account_txn_number(a);
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_SEEN, NULL, 1, 9);
	assert_int_equal(account_txn_number(a), modseq);
	/* only those that change get a new modseq */
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DELETED, NULL, 4,
		      4);
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DELETED, NULL, 3,
		      5);
	assert_true(account_row_find(inbox, 4, &row));
	assert_int_equal(account_row_modseq(inbox, row), modseq + 1);
	/* the driver's flags are nobody's news */
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DRIVER_0, NULL, 4,
		      4);
	assert_int_equal(account_row_modseq(inbox, row), modseq + 1);
	assert_int_equal(inbox->highestmodseq, modseq + 2);
	assert_true((flags_of(inbox, 4) & ACCOUNT_DRIVER_0) != 0);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void a_folder_that_is_taken_over_keeps_the_modseqs_of_before(
	void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *inbox = fixture_folder(f, a, "INBOX");
	struct account_append one = { .size = 1, .modseq = 5 };
	struct account_changes changes;
	struct account_txn *txn = fixture_begin(f, a);
	uint64_t taken = account_txn_modseq(txn);
	uint32_t row;

	assert_ok(f, txn_append(txn, inbox, &one, NULL, &f->err));
	assert_ok(f, txn_folder_taken(txn, inbox, 7, &f->err));
	fixture_commit(f, txn);
	assert_true(taken > 7);
	assert_int_equal(inbox->highestmodseq, 7);
	assert_true(account_row_find(inbox, 1, &row));
	assert_int_equal(account_row_modseq(inbox, row), 5);
	/* who knows 7 knows all, who knows less not what was expunged */
	account_changes_get(inbox, 7, 0, f->pool, &changes);
	assert_true(changes.expunges_complete && changes.changed.count == 0);
	account_changes_get(inbox, 4, 0, f->pool, &changes);
	assert_false(changes.expunges_complete);
	assert_int_equal(changes.changed.count, 1);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	fixture_flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_SEEN, NULL, 1, 1);
	assert_int_equal(inbox->highestmodseq, taken + 1);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void uids_of_expunged_messages_are_not_used_again(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *inbox = fixture_folder(f, a, "INBOX");
	struct account_changes changes;
	uint64_t before;
	uint32_t row;

	for (unsigned int i = 1; i <= 6; i++)
		fixture_deliver(f, a, inbox, i, NULL);
	before = account_txn_number(a);
	fixture_expunge(f, a, inbox, 5, 100);
	fixture_expunge(f, a, inbox, 2, 2);
	assert_int_equal(inbox->message_count, 3);
	assert_false(account_row_find(inbox, 2, &row));
	assert_int_equal(fixture_deliver(f, a, inbox, 7, NULL), 7);
	account_changes_get(inbox, before, 7, f->pool, &changes);
	assert_int_equal(changes.expunged.count, 2);
	assert_int_equal(changes.expunged.items[0].first, 2);
	assert_int_equal(changes.expunged.items[1].first, 5);
	assert_int_equal(changes.expunged.items[1].last, 6);
	assert_int_equal(changes.added.count, 1);
	assert_int_equal(changes.added.items[0].first, 7);
	assert_int_equal(changes.changed.count, 0);
	assert_true(changes.expunges_complete);
	/* the same from a process that has only the files */
	account_close(&a);
	a = fixture_open(f);
	inbox = account_folder_find(a, CV_SPAN("INBOX"));
	account_changes_get(inbox, before, 7, f->pool, &changes);
	assert_int_equal(changes.expunged.count, 2);
	assert_int_equal(changes.added.count, 1);
	account_close(&a);
}

static void folders_are_renamed_deleted_and_reset(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x"), *y, *z;
	struct account_txn *txn = fixture_begin(f, a);
	uint32_t validity = x->uidvalidity;

	assert_int_equal(txn_folder_create(txn, CV_SPAN("x"), NULL, &y,
					   &f->err), CV_E_EXISTS);
	assert_ok(f, txn_folder_rename(txn, x, CV_SPAN("x/y"), &f->err));
	assert_ok(f, txn_folder_create(txn, CV_SPAN("x"), NULL, &y,
				       &f->err));
	assert_int_equal(fixture_append(f, txn, y, 1, NULL), 1);
	fixture_commit(f, txn);
	assert_string_equal(x->name, "x/y");
	assert_ptr_equal(account_folder_find(a, CV_SPAN("x")), y);
	assert_true(y->uidvalidity > validity);
	validity = y->uidvalidity;

	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_delete(txn, y, &f->err));
	assert_int_equal(txn_folder_attributes(txn, y, 1, &f->err),
			 CV_E_NOT_FOUND);
	assert_ok(f, txn_folder_create(txn, CV_SPAN("x"), NULL, &z,
				       &f->err));
	fixture_commit(f, txn);
	assert_true(y->deleted);
	assert_true(z->uidvalidity > validity);
	assert_int_equal(z->message_count, 0);

	for (unsigned int i = 1; i <= 3; i++)
		fixture_deliver(f, a, z, i, NULL);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_reset(txn, z, 0, 0, &f->err));
	fixture_commit(f, txn);
	assert_int_equal(z->message_count, 0);
	assert_int_equal(account_row_count(z), 0);
	assert_int_equal(z->uidnext, 1);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void metadata_state_and_subscriptions_are_kept(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	struct cv_span value;

	assert_ok(f, txn_subscribe(txn, CV_SPAN("gone"), true, &f->err));
	assert_ok(f, txn_subscribe(txn, CV_SPAN("x"), true, &f->err));
	assert_ok(f, txn_metadata(txn, NULL, CV_SPAN("k"), CV_SPAN("v"),
				  &f->err));
	assert_ok(f, txn_metadata(txn, x, CV_SPAN("k"), CV_SPAN("w"),
				  &f->err));
	assert_ok(f, txn_metadata(txn, x, CV_SPAN("e"), CV_SPAN(""),
				  &f->err));
	assert_ok(f, txn_folder_state(txn, x, CV_SPAN("stamp"), &f->err));
	assert_ok(f, txn_folder_attributes(txn, x, ACCOUNT_SENT, &f->err));
	assert_ok(f, txn_folder_recent(txn, x, 5, &f->err));
	fixture_commit(f, txn);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_subscribe(txn, CV_SPAN("x"), false, &f->err));
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	assert_true(account_is_subscribed(a, CV_SPAN("gone")));
	assert_false(account_is_subscribed(a, CV_SPAN("x")));
	assert_true(account_metadata_get(a, x, CV_SPAN("k"), &value));
	assert_true(cv_span_is(value, "w"));
	assert_true(account_metadata_get(a, x, CV_SPAN("e"), &value));
	assert_int_equal(value.len, 0);
	assert_true(cv_span_is(account_folder_state(x), "stamp"));
	assert_int_equal(x->attributes, ACCOUNT_SENT);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_metadata(txn, NULL, CV_SPAN("k"), CV_SPAN_NONE,
				  &f->err));
	fixture_commit(f, txn);
	assert_false(account_metadata_get(a, NULL, CV_SPAN("k"), &value));
	account_close(&a);
}

static void a_rollback_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x"), *y;
	char *before = fixture_dump(a, f->pool);
	struct account_txn *txn = fixture_begin(f, a);

	fixture_append(f, txn, x, 1, "body");
	assert_ok(f, txn_folder_create(txn, CV_SPAN("y"), NULL, &y,
				       &f->err));
	assert_ok(f, txn_folder_delete(txn, x, &f->err));
	account_rollback(&txn);
	assert_string_equal(fixture_dump(a, f->pool), before);
	assert_string_equal(fixture_dump_fresh(f), before);
	assert_int_equal(fixture_deliver(f, a, x, 1, NULL), 1);
	account_close(&a);
}

static void limits_are_refused(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	char name[16];
	uint32_t index;
	struct account_append append = { .uid = UINT32_MAX, .size = 1 };

	for (unsigned int i = 0; i < ACCOUNT_KEYWORD_MAX; i++) {
		(void)snprintf(name, sizeof(name), "k%u", i);
		assert_ok(f, txn_keyword(txn, x, cv_span_of(name), &index,
					 &f->err));
		assert_int_equal(index, i);
	}
	assert_int_equal(txn_keyword(txn, x, CV_SPAN("more"), &index,
				     &f->err), CV_E_LIMIT);
	assert_ok(f, txn_keyword(txn, x, CV_SPAN("K7"), &index, &f->err));
	assert_int_equal(index, 7);
	assert_int_equal(txn_append(txn, x, &append, NULL, &f->err),
			 CV_E_LIMIT);
	assert_int_equal(txn_metadata(txn, x, CV_SPAN(""), CV_SPAN("v"),
				      &f->err), CV_E_LIMIT);
	fixture_commit(f, txn);
	assert_int_equal(account_keyword_count(x), ACCOUNT_KEYWORD_MAX);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void the_lock_has_a_deadline(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *b = fixture_open(f);
	struct account_txn *txn = fixture_begin(f, a), *other = NULL;
	uint64_t start = time_monotonic_msecs();

	assert_int_equal(account_begin(b, start + 50, &other, &f->err),
			 CV_E_TIMEOUT);
	assert_true(time_monotonic_msecs() - start >= 50);
	account_rollback(&txn);
	other = fixture_begin(f, b);
	account_rollback(&other);
	account_close(&a);
	account_close(&b);
}

static void the_watch_tells_of_commits(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *b = fixture_open(f);
	struct pollfd poll_fd = { .fd = account_watch_fd(b),
				  .events = POLLIN };

	assert_true(poll_fd.fd >= 0);
	account_watch_clear(b);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	fixture_folder(f, a, "x");
	assert_int_equal(poll(&poll_fd, 1, 1000), 1);
	account_watch_clear(b);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	account_close(&a);
	account_close(&b);
}

static void delete_folder(struct fixture *f, struct account *account,
			  struct account_folder *folder)
{
	struct account_txn *txn = fixture_begin(f, account);

	assert_ok(f, txn_folder_delete(txn, folder, &f->err));
	fixture_commit(f, txn);
}

/* Makes folders, has them written to snapshots, and deletes them. */
static void come_and_go(struct fixture *f, int rounds)
{
	struct account *account = fixture_open(f);
	uint64_t wait = time_monotonic_msecs() + 60000;

	for (int i = 0; i < rounds; i++) {
		struct account_folder *folder = fixture_folder(f, account,
							       "gone");

		fixture_deliver(f, account, folder, 1, NULL);
		assert_ok(f, account_rotate(account, wait, &f->err));
		delete_folder(f, account, folder);
		assert_ok(f, account_rotate(account, wait, &f->err));
	}
	account_close(&account);
	_exit(0);
}

static void a_folder_comes_and_goes_while_another_looks(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	pid_t child = fork();
	int status;

	if (child == 0)
		come_and_go(f, 500);
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct account_folder *folder;
		size_t at = 0;

		assert_ok(f, account_refresh(a, &f->err));
		while ((folder = account_folder_next(a, &at)) != NULL) {
			int ret = account_folder_load(folder, &f->err);

			assert_false(folder->damaged);
			assert_false(account_is_damaged(a));
			/* rotated away: again */
			assert_true(ret == CV_OK || ret == CV_E_TEMP);
		}
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	account_close(&a);
}

/* The old journal is there still: a backup has made a link to it, or whoever
 * began the new one has died at once. */
static void a_deleted_folder_is_no_damage(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *b;
	struct account_folder *folder = fixture_folder(f, a, "gone");
	uint64_t wait = time_monotonic_msecs() + 5000;
	char command[300];

	fixture_deliver(f, a, folder, 1, NULL);
	assert_ok(f, account_rotate(a, wait, &f->err));
	b = fixture_open(f);
	(void)snprintf(command, sizeof(command), "cd %s/culver && "
		       "for f in journal.*; do ln $f kept.$f; done", f->dir);
	assert_int_equal(system(command), 0);
	delete_folder(f, a, folder);
	assert_ok(f, account_rotate(a, wait, &f->err));
	account_close(&a);
	folder = account_folder_find(b, CV_SPAN("gone"));
	assert_non_null(folder);
	assert_int_equal(account_folder_load(folder, &f->err), CV_E_TEMP);
	assert_false(folder->damaged);
	assert_false(account_is_damaged(b));
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	assert_true(folder->deleted);
	assert_null(account_folder_find(b, CV_SPAN("gone")));
	account_close(&b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_account_is_created_and_found_again),
		TEST(readonly_creates_nothing),
		TEST(messages_are_appended_and_seen_by_all),
		TEST(flags_and_keywords_change_in_ranges),
		TEST(a_folder_that_is_taken_over_keeps_the_modseqs_of_before),
		TEST(uids_of_expunged_messages_are_not_used_again),
		TEST(folders_are_renamed_deleted_and_reset),
		TEST(a_folder_comes_and_goes_while_another_looks),
		TEST(a_deleted_folder_is_no_damage),
		TEST(metadata_state_and_subscriptions_are_kept),
		TEST(a_rollback_leaves_nothing),
		TEST(limits_are_refused),
		TEST(the_lock_has_a_deadline),
		TEST(the_watch_tells_of_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
