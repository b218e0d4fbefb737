/* test-account-rotation.c - what of an account travels in the journal, and what
 * a rotation makes of it. */
#include "account-fixture.h"

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
	fixture_expunge(f, a, x, 2, 2);
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
	fixture_flags(f, a, x, ACCOUNT_FLAGS_ADD, 0, "one", 10, 200);
	fixture_flags(f, a, x, ACCOUNT_FLAGS_ADD, 0, "two", 150, 250);
	fixture_expunge(f, a, x, 100, 120);
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
		fixture_flags(f, a, x, ACCOUNT_FLAGS_ADD, ACCOUNT_DRAFT, NULL,
			      5, 9);
		fixture_flags(f, a, x, ACCOUNT_FLAGS_REMOVE, ACCOUNT_DRAFT,
			      NULL, 7,
			      7);
	}
	fixture_expunge(f, a, x, 6, 6);
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
	fixture_flags(f, a, x, ACCOUNT_FLAGS_ADD, ACCOUNT_FLAGGED, "k", 17, 30);
	fixture_expunge(f, a, x, 4000, 4010);
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
		fixture_expunge(f, a, x, 4900 + round, 4900 + round);
		fixture_expunge(f, a, x, 100 + 7 * round, 101 + 7 * round);
		fixture_expunge(f, a, x, 4996 + round, 4996 + round);
		fixture_expunge(f, a, x, 1 + round, 1 + round);
		fixture_deliver(f, a, x, 6000 + round, NULL);
		fixture_expunge(f, a, x, 2000 + 300 * round,
				2200 + 300 * round);
		for (uint32_t row = 0; row < account_row_count(x); row += 97)
			check_runs(f, x, row, 64, true);
		check_runs(f, x, account_row_count(x) - 1, 64, true);
		check_runs(f, x, 0, 2, false);
		assert_ok(f, account_rotate(a, 0, &f->err));
		check_runs(f, x, 0, 64, true);
	}
	/* too many to be worth it */
	for (uint32_t uid = 3000; uid < 3300; uid += 2)
		fixture_expunge(f, a, x, uid, uid);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(bodies_travel_in_the_journal_until_rotation),
		TEST(rotation_keeps_everything),
		TEST(small_changes_of_a_large_folder_are_carried),
		TEST(uids_are_runs),
		TEST(catalogue_entries_survive_rotation),
		TEST(a_replaced_catalogue_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
