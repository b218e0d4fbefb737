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

static void flags(struct fixture *f, struct account *account,
		  struct account_folder *folder, enum account_flag_op op,
		  uint32_t bits, const char *keyword, uint32_t first,
		  uint32_t last)
{
	struct account_txn *txn = fixture_begin(f, account);
	struct account_range range = { first, last };
	struct account_flag_change change = { .op = op, .flags = bits };
	uint32_t index;

	if (keyword != NULL) {
		assert_ok(f, txn_keyword(txn, folder, cv_span_of(keyword),
					 &index, &f->err));
		change.keywords = &index;
		change.keyword_count = 1;
	}
	assert_ok(f, txn_flags(txn, folder, &range, 1, &change, &f->err));
	fixture_commit(f, txn);
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
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_FLAGGED, "Work", 2, 5);
	assert_int_equal(flags_of(inbox, 2), ACCOUNT_FLAGGED | ACCOUNT_SEEN);
	assert_int_equal(flags_of(inbox, 3), ACCOUNT_FLAGGED);
	assert_int_equal(flags_of(inbox, 6), ACCOUNT_SEEN);
	assert_true(has_keyword(inbox, 5, "work"));
	assert_false(has_keyword(inbox, 6, "work"));
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, 0, "home", 4, 7);
	assert_true(has_keyword(inbox, 4, "HOME"));
	assert_true(has_keyword(inbox, 4, "Work"));
	flags(f, a, inbox, ACCOUNT_FLAGS_REMOVE, ACCOUNT_FLAGGED, "work", 1,
	      4);
	assert_false(has_keyword(inbox, 4, "Work"));
	assert_true(has_keyword(inbox, 4, "home"));
	assert_true(has_keyword(inbox, 5, "Work"));
	flags(f, a, inbox, ACCOUNT_FLAGS_REPLACE, ACCOUNT_SEEN, NULL, 1, 9);
	assert_false(has_keyword(inbox, 5, "Work"));
	assert_int_equal(inbox->unseen_count, 0);
	/* nothing changes: nothing is written, no modseq */
	modseq = account_txn_number(a);
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_SEEN, NULL, 1, 9);
	assert_int_equal(account_txn_number(a), modseq);
	/* only those that change get a new modseq */
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DELETED, NULL, 4, 4);
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DELETED, NULL, 3, 5);
	assert_true(account_row_find(inbox, 4, &row));
	assert_int_equal(account_row_modseq(inbox, row), modseq + 1);
	/* the driver's flags are nobody's news */
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_DRIVER_0, NULL, 4, 4);
	assert_int_equal(account_row_modseq(inbox, row), modseq + 1);
	assert_int_equal(inbox->highestmodseq, modseq + 2);
	assert_true((flags_of(inbox, 4) & ACCOUNT_DRIVER_0) != 0);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void expunge(struct fixture *f, struct account *account,
		    struct account_folder *folder, uint32_t first,
		    uint32_t last)
{
	struct account_txn *txn = fixture_begin(f, account);
	struct account_range range = { first, last };

	assert_ok(f, txn_expunge(txn, folder, &range, 1, &f->err));
	fixture_commit(f, txn);
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
	flags(f, a, inbox, ACCOUNT_FLAGS_ADD, ACCOUNT_SEEN, NULL, 1, 1);
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
	expunge(f, a, inbox, 5, 100);
	expunge(f, a, inbox, 2, 2);
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

struct laid_out { size_t count, calls; int result; char *bodies[8]; };

static int lay_out(void *context, struct account *account,
		   const struct account_body *bodies, size_t count,
		   struct cv_error *err)
{
	struct laid_out *laid = context;
	struct cv_pool *pool = pool_create("test");

	laid->calls++;
	for (size_t i = 0; i < count && laid->result == CV_OK; i++) {
		struct cv_span body;
		uint32_t row;

		assert_ptr_equal(bodies[i].folder->account, account);
		assert_true(account_row_find(bodies[i].folder, bodies[i].uid,
					     &row));
		assert_int_equal(account_body_read(bodies[i].folder, row,
						   pool, &body, err), CV_OK);
		assert_int_equal(body.len, bodies[i].size);
		laid->bodies[laid->count++] = strndup(body.data, body.len);
	}
	pool_destroy(&pool);
	return laid->result;
}

static void bodies_travel_in_the_journal_until_rotation(void **state)
{
	struct fixture *f = *state;
	struct laid_out laid = { .result = CV_E_TEMP };
	struct account_options options = { .lay_out = lay_out,
					   .context = &laid };
	struct account *a = fixture_open_with(f, io_posix(), &options);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_message m;
	struct cv_span body;
	uint32_t row;

	fixture_deliver(f, a, x, 1, "first body");
	fixture_deliver(f, a, x, 2, "second");
	fixture_deliver(f, a, x, 3, NULL);
	account_close(&a);
	a = fixture_open_with(f, io_posix(), &options);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_true(account_row_find(x, 1, &row));
	assert_ok(f, account_body_read(x, row, f->pool, &body, &f->err));
	assert_true(cv_span_is(body, "first body"));
	assert_true(account_row_find(x, 3, &row));
	assert_int_equal(account_body_read(x, row, f->pool, &body, &f->err),
			 CV_NOT_FOUND);
	/* cannot be laid out: put off */
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_true(account_row_find(x, 2, &row));
	account_row_get(x, row, &m);
	assert_true(m.has_body);
	laid.result = CV_OK;
	expunge(f, a, x, 2, 2);
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_int_equal(laid.calls, 2);
	assert_int_equal(laid.count, 1);
	assert_string_equal(laid.bodies[0], "first body");
	free(laid.bodies[0]);
	assert_true(account_row_find(x, 1, &row));
	account_row_get(x, row, &m);
	assert_false(m.has_body);
	account_close(&a);
}

static void rotation_keeps_everything(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f), *b = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_folder *y = fixture_folder(f, a, "y");
	struct account_changes changes;
	uint64_t since;
	char *before;

	for (unsigned int i = 1; i <= 300; i++)
		fixture_deliver(f, a, x, i, NULL);
	flags(f, a, x, ACCOUNT_FLAGS_ADD, 0, "one", 10, 200);
	flags(f, a, x, ACCOUNT_FLAGS_ADD, 0, "two", 150, 250);
	expunge(f, a, x, 100, 120);
	fixture_deliver(f, a, y, 1, NULL);
	since = account_txn_number(a);
	assert_int_equal(account_refresh(b, &f->err), CV_CHANGED);
	for (int round = 0; round < 4; round++) {
		before = fixture_dump(a, f->pool);
		assert_ok(f, account_rotate(a, 0, &f->err));
		assert_string_equal(fixture_dump(a, f->pool), before);
		assert_string_equal(fixture_dump_fresh(f), before);
		assert_true(account_refresh(b, &f->err) >= 0);
		assert_string_equal(fixture_dump(b, f->pool), before);
		fixture_deliver(f, a, x, 1000, NULL);
		flags(f, a, x, ACCOUNT_FLAGS_ADD, ACCOUNT_DRAFT, NULL, 5, 9);
		flags(f, a, x, ACCOUNT_FLAGS_REMOVE, ACCOUNT_DRAFT, NULL, 7,
		      7);
	}
	expunge(f, a, x, 6, 6);
	account_changes_get(x, since, 301, f->pool, &changes);
	assert_int_equal(changes.added.count, 1);
	assert_int_equal(changes.added.items[0].first, 301);
	assert_int_equal(changes.added.items[0].last, 304);
	assert_int_equal(changes.changed.count, 2);
	assert_int_equal(changes.changed.items[0].last, 5);
	assert_int_equal(changes.changed.items[1].first, 7);
	assert_int_equal(changes.expunged.count, 1);
	assert_int_equal(changes.expunged.items[0].first, 6);
	account_close(&a);
	account_close(&b);
}

static void small_changes_of_a_large_folder_are_carried(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	char name[64], command[256], *before;

	for (unsigned int i = 1; i <= 5000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	flags(f, a, x, ACCOUNT_FLAGS_ADD, ACCOUNT_FLAGGED, "k", 17, 30);
	expunge(f, a, x, 4000, 4010);
	fixture_deliver(f, a, x, 9000, NULL);
	before = fixture_dump(a, f->pool);
	for (int round = 0; round < 3; round++) {
		assert_ok(f, account_rotate(a, 0, &f->err));
		assert_string_equal(fixture_dump(a, f->pool), before);
		assert_string_equal(fixture_dump_fresh(f), before);
	}
	/* one snapshot, that of the first rotation */
	account_guid_format(&x->guid, name);
	(void)snprintf(command, sizeof(command),
		       "cd %s/culver && test -e %s.2.snap && "
		       "test $(ls *.snap | wc -l) = 1 && test -e journal.5 && "
		       "test $(ls journal.* | wc -l) = 1", f->dir, name);
	assert_int_equal(system(command), 0);
	account_close(&a);
}

/* As many runs as there is room for, or none; and they say what the list of
 * UIDs says. */
static void check_runs(struct fixture *f, struct account_folder *folder,
		       uint32_t row, uint32_t room, bool wanted)
{
	struct account_run *runs = pool_new_array(f->pool, struct account_run,
						  room + 1);
	uint32_t rows = account_row_count(folder), count, living, at = 0;
	uint32_t *uids = pool_new_array(f->pool, uint32_t, rows + 1);
	bool found = account_uids_runs(folder, row, runs, room, &count,
				       &living);

	assert_int_equal(found, wanted);
	if (!found)
		return;
	assert_int_equal(living, account_uids(folder, row, uids));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t end = i + 1 < count ? runs[i + 1].at : living;

		assert_int_equal(runs[i].at, at);
		assert_true(end > at);
		for (; at < end; at++)
			assert_int_equal(uids[at],
					 runs[i].uid + (at - runs[i].at));
	}
	assert_int_equal(at, living);
}

static void uids_are_runs(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn;

	check_runs(f, x, 0, 0, true);
	txn = fixture_begin(f, a);
	for (unsigned int i = 1; i <= 5000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	check_runs(f, x, 0, 1, true);
	check_runs(f, x, 4999, 1, true);
	check_runs(f, x, 0, 0, false);
	/* in the journal, then in a snapshot, then in a journal behind it */
	for (uint32_t round = 0; round < 3; round++) {
		expunge(f, a, x, 4900 + round, 4900 + round);
		expunge(f, a, x, 100 + 7 * round, 101 + 7 * round);
		expunge(f, a, x, 4996 + round, 4996 + round);
		expunge(f, a, x, 1 + round, 1 + round);
		fixture_deliver(f, a, x, 6000 + round, NULL);
		expunge(f, a, x, 2000 + 300 * round, 2200 + 300 * round);
		for (uint32_t row = 0; row < account_row_count(x); row += 97)
			check_runs(f, x, row, 64, true);
		check_runs(f, x, account_row_count(x) - 1, 64, true);
		check_runs(f, x, 0, 2, false);
		assert_ok(f, account_rotate(a, 0, &f->err));
		check_runs(f, x, 0, 64, true);
	}
	/* too many to be worth it */
	for (uint32_t uid = 3000; uid < 3300; uid += 2)
		expunge(f, a, x, uid, uid);
	check_runs(f, x, 0, 1000, false);
	account_close(&a);
}

static void catalogue_entries_survive_rotation(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	struct cv_span entry;
	uint32_t row;

	for (unsigned int i = 1; i <= 50; i++) {
		struct account_append append = {
			.size = 1, .blob = CV_SPAN("b"),
			.catalogue = i == 50 ? CV_SPAN_NONE :
				cv_span_of(pool_printf(f->pool, "entry %u",
						       i)),
		};

		assert_ok(f, txn_append(txn, x, &append, NULL, &f->err));
	}
	fixture_commit(f, txn);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 1; i < 50; i++) {
			assert_true(account_row_find(x, i, &row));
			assert_int_equal(account_catalogue_find(x, row,
					 &entry), CV_OK);
			assert_true(cv_span_is(entry, pool_printf(f->pool,
					"entry %u", i)));
		}
		assert_ok(f, account_rotate(a, 0, &f->err));
	}
	assert_true(account_row_find(x, 50, &row));
	assert_int_equal(account_catalogue_find(x, row, &entry),
			 CV_NOT_FOUND);
	account_catalogue_put(x, row, CV_SPAN("late"));
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_true(account_row_find(x, 50, &row));
	assert_int_equal(account_catalogue_find(x, row, &entry), CV_OK);
	assert_true(cv_span_is(entry, "late"));
	account_close(&a);
}

/* Another process has compacted it, or made it anew. */
static void a_replaced_catalogue_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	struct account_append append = {
		.size = 1, .blob = CV_SPAN("b"), .catalogue = CV_SPAN("first"),
	};
	char command[300];
	struct cv_span entry;
	uint32_t row;

	assert_ok(f, txn_append(txn, x, &append, NULL, &f->err));
	append.catalogue = CV_SPAN_NONE;
	assert_ok(f, txn_append(txn, x, &append, NULL, &f->err));
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_true(account_row_find(x, 1, &row));
	assert_int_equal(account_catalogue_find(x, row, &entry), CV_OK);
	(void)snprintf(command, sizeof(command),
		       "rm $(ls -d %s/culver/*.cat)", f->dir);
	assert_int_equal(system(command), 0);
	assert_true(account_row_find(x, 2, &row));
	account_catalogue_put(x, row, CV_SPAN("late"));
	account_close(&a);
	a = fixture_open(f);
	assert_non_null(account_folder_find(a, CV_SPAN("x")));
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
		TEST(bodies_travel_in_the_journal_until_rotation),
		TEST(rotation_keeps_everything),
		TEST(small_changes_of_a_large_folder_are_carried),
		TEST(uids_are_runs),
		TEST(catalogue_entries_survive_rotation),
		TEST(a_replaced_catalogue_is_let_go),
		TEST(limits_are_refused),
		TEST(the_lock_has_a_deadline),
		TEST(the_watch_tells_of_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
