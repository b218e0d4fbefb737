/* test-account-annotations.c - annotations of messages in the journal and in
 * snapshots. */
#include "account-fixture.h"

static void annotate(struct fixture *f, struct account *a,
		     struct account_folder *folder, uint32_t uid,
		     const char *owner, const char *entry, const char *value)
{
	struct account_txn *txn = fixture_begin(f, a);

	assert_ok(f, txn_annotation(txn, folder, uid, cv_span_of(owner),
				    cv_span_of(entry), value == NULL ?
				    CV_SPAN_NONE : cv_span_of(value),
				    &f->err));
	fixture_commit(f, txn);
}

static void check(struct account_folder *folder, uint32_t uid,
		  const char *owner, const char *entry, const char *value)
{
	struct cv_span got = CV_SPAN_NONE;
	bool found = account_annotation_get(folder, uid, cv_span_of(owner),
					    cv_span_of(entry), &got);

	assert_int_equal(found, value != NULL);
	if (value != NULL)
		assert_true(cv_span_is(got, value));
}

static uint64_t modseq_of(struct account_folder *folder, uint32_t uid)
{
	uint32_t row;

	assert_true(account_row_find(folder, uid, &row));
	return account_row_modseq(folder, row);
}

static size_t count_of(struct account_folder *folder, uint32_t uid, bool gone)
{
	struct account_annotation a;
	size_t at = 0, count = 0;

	while (account_annotation_next(folder, uid, &at, &a))
		count += (a.value.data == NULL) == gone;
	return count;
}

static void they_are_set_changed_and_removed(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_annotation gone;
	uint64_t before;
	size_t at = 0;

	fixture_deliver(f, a, x, 1, "body");
	fixture_deliver(f, a, x, 2, "body");
	assert_false(account_annotated(x));
	before = modseq_of(x, 2);
	annotate(f, a, x, 1, "", "/comment", "shared");
	annotate(f, a, x, 1, "-", "/comment", "own");
	annotate(f, a, x, 1, "=jane", "/comment", "");
	assert_true(account_annotated(x));
	check(x, 1, "", "/comment", "shared");
	check(x, 1, "-", "/comment", "own");
	check(x, 1, "=jane", "/comment", "");
	check(x, 1, "", "/altsubject", NULL);
	check(x, 2, "", "/comment", NULL);
	assert_int_equal(modseq_of(x, 1), account_txn_number(a));
	assert_int_equal(x->highestmodseq, account_txn_number(a));
	assert_int_equal(modseq_of(x, 2), before);
	before = account_txn_number(a);
	/* what changes nothing is not written */
	annotate(f, a, x, 1, "", "/comment", "shared");
	annotate(f, a, x, 1, "", "/altsubject", NULL);
	annotate(f, a, x, 9, "", "/altsubject", NULL);
	assert_int_equal(account_txn_number(a), before);
	annotate(f, a, x, 1, "", "/comment", NULL);
	check(x, 1, "", "/comment", NULL);
	assert_int_equal(count_of(x, 1, false), 2);
	assert_int_equal(count_of(x, 1, true), 1);
	while (account_annotation_next(x, 1, &at, &gone)) {
		if (gone.value.data == NULL)
			assert_int_equal(gone.modseq, account_txn_number(a));
	}
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void rotations_keep_them(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char *before;

	for (unsigned int i = 1; i <= 20; i++) {
		fixture_deliver(f, a, x, i, NULL);
		annotate(f, a, x, i, "", "/comment", "one");
		annotate(f, a, x, i, "-", "/1.2/comment", "two");
	}
	before = fixture_dump(a, f->pool);
	for (int round = 0; round < 3; round++) {
		assert_ok(f, account_rotate(a, 0, &f->err));
		assert_string_equal(fixture_dump(a, f->pool), before);
		assert_string_equal(fixture_dump_fresh(f), before);
	}
	annotate(f, a, x, 3, "", "/comment", NULL);
	annotate(f, a, x, 4, "", "/comment", "three");
	before = fixture_dump(a, f->pool);
	assert_string_equal(fixture_dump_fresh(f), before);
	assert_ok(f, account_rotate(a, 0, &f->err));
	assert_string_equal(fixture_dump_fresh(f), before);
	check(x, 3, "", "/comment", NULL);
	check(x, 4, "", "/comment", "three");
	check(x, 5, "", "/comment", "one");
	assert_int_equal(count_of(x, 3, true), 0);
	account_close(&a);
}

/* The snapshot stays; what differs is in the state section. */
static void changes_in_a_large_folder_are_carried(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	struct account_range range = { 40, 40 };
	char hex[33], command[300], *before;

	for (unsigned int i = 1; i <= 3000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	annotate(f, a, x, 30, "", "/comment", "stays");
	annotate(f, a, x, 31, "", "/comment", "goes");
	annotate(f, a, x, 40, "", "/comment", "expunged");
	assert_ok(f, account_rotate(a, 0, &f->err));
	annotate(f, a, x, 31, "", "/comment", NULL);
	annotate(f, a, x, 32, "-", "/comment", "new");
	txn = fixture_begin(f, a);
	assert_ok(f, txn_expunge(txn, x, &range, 1, &f->err));
	fixture_commit(f, txn);
	before = fixture_dump(a, f->pool);
	for (int round = 0; round < 3; round++) {
		assert_ok(f, account_rotate(a, 0, &f->err));
		assert_string_equal(fixture_dump(a, f->pool), before);
		assert_string_equal(fixture_dump_fresh(f), before);
		check(x, 30, "", "/comment", "stays");
		check(x, 31, "", "/comment", NULL);
		check(x, 32, "-", "/comment", "new");
	}
	account_guid_format(&x->guid, hex);
	(void)snprintf(command, sizeof(command), "cd %s/culver && test -e "
		       "%s.2.snap && test $(ls *.snap | wc -l) = 1", f->dir,
		       hex);
	assert_int_equal(system(command), 0);
	account_close(&a);
}

/* Large values are worth many rows: a snapshot is written. */
static void large_values_are_not_carried(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	char *value = pool_alloc(f->pool, ACCOUNT_VALUE_MAX + 1);
	char hex[33], command[300];

	for (unsigned int i = 1; i <= 3000; i++)
		fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
	assert_ok(f, account_rotate(a, 0, &f->err));
	memset(value, 'v', ACCOUNT_VALUE_MAX);
	annotate(f, a, x, 1, "", "/comment", value);
	assert_ok(f, account_rotate(a, 0, &f->err));
	check(x, 1, "", "/comment", value);
	account_guid_format(&x->guid, hex);
	(void)snprintf(command, sizeof(command), "test -e %s/culver/%s.3.snap",
		       f->dir, hex);
	assert_int_equal(system(command), 0);
	account_close(&a);
}

static void an_expunge_and_a_reset_take_them_along(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_range range = { 1, 1 };
	struct account_txn *txn;

	fixture_deliver(f, a, x, 1, NULL);
	fixture_deliver(f, a, x, 2, NULL);
	annotate(f, a, x, 1, "", "/comment", "one");
	annotate(f, a, x, 2, "", "/comment", "two");
	txn = fixture_begin(f, a);
	assert_ok(f, txn_expunge(txn, x, &range, 1, &f->err));
	fixture_commit(f, txn);
	check(x, 1, "", "/comment", NULL);
	assert_int_equal(count_of(x, 1, true), 0);
	annotate(f, a, x, 1, "", "/comment", "of nobody");
	check(x, 1, "", "/comment", NULL);
	assert_ok(f, account_rotate(a, 0, &f->err));
	check(x, 2, "", "/comment", "two");
	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_reset(txn, x, 7, 2, &f->err));
	fixture_commit(f, txn);
	fixture_deliver(f, a, x, 2, NULL);
	check(x, 2, "", "/comment", NULL);
	assert_false(account_annotated(x));
	account_close(&a);
}

static void those_of_an_append_leave_its_modseq(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	struct account_txn *txn = fixture_begin(f, a);
	struct account_append append = { .size = 1, .modseq = 7 };
	uint32_t uid;

	assert_ok(f, txn_append(txn, x, &append, &uid, &f->err));
	assert_ok(f, txn_annotation(txn, x, uid, CV_SPAN(""),
				    CV_SPAN("/comment"), CV_SPAN("x"),
				    &f->err));
	fixture_commit(f, txn);
	check(x, uid, "", "/comment", "x");
	assert_int_equal(modseq_of(x, uid), 7);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

static void limits_hold(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char *big = pool_alloc(f->pool, ACCOUNT_VALUE_MAX + 2);
	struct account_txn *txn;
	char entry[32];

	memset(big, 'x', ACCOUNT_VALUE_MAX + 1);
	fixture_deliver(f, a, x, 1, NULL);
	txn = fixture_begin(f, a);
	assert_int_equal(txn_annotation(txn, x, 1, CV_SPAN(""), CV_SPAN("/x"),
		cv_span_of(big), &f->err), CV_E_LIMIT);
	assert_int_equal(txn_annotation(txn, x, 1, CV_SPAN(""), CV_SPAN(""),
		CV_SPAN("x"), &f->err), CV_E_LIMIT);
	assert_int_equal(txn_annotation(txn, x, 1, cv_span(big,
		ACCOUNT_OWNER_MAX + 1), CV_SPAN("/x"), CV_SPAN("x"),
		&f->err), CV_E_LIMIT);
	for (int i = 0; i < ACCOUNT_ANNOTATIONS_MAX + 2; i++) {
		(void)snprintf(entry, sizeof(entry), "/%d", i);
		assert_ok(f, txn_annotation(txn, x, 1, CV_SPAN(""),
			cv_span_of(entry), CV_SPAN("v"), &f->err));
	}
	fixture_commit(f, txn);
	assert_int_equal(count_of(x, 1, false), ACCOUNT_ANNOTATIONS_MAX);
	/* those that are gone do not grow without end */
	for (int i = 0; i < 200; i++) {
		(void)snprintf(entry, sizeof(entry), "/%d", i);
		annotate(f, a, x, 1, "", entry, NULL);
	}
	assert_int_equal(count_of(x, 1, false), ACCOUNT_ANNOTATIONS_MAX - 200);
	assert_int_equal(count_of(x, 1, true), 64);
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

/* A torn end at every byte: all of a group is there, or nothing. */
static void a_cut_journal_has_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char path[128], *whole, *before;
	struct stat st;
	off_t start;

	fixture_deliver(f, a, x, 1, NULL);
	before = fixture_dump(a, f->pool);
	(void)snprintf(path, sizeof(path), "%s/culver/journal.1", f->dir);
	assert_int_equal(stat(path, &st), 0);
	start = st.st_size;
	annotate(f, a, x, 1, "-", "/comment", "a value");
	whole = fixture_dump(a, f->pool);
	assert_string_equal(fixture_dump_fresh(f), whole);
	account_close(&a);
	assert_int_equal(stat(path, &st), 0);
	for (off_t size = st.st_size - 1; size >= start; size -= 3) {
		assert_int_equal(truncate(path, size), 0);
		assert_string_equal(fixture_dump_fresh(f), before);
	}
}

/* With its annotations in a damaged block the folder is damaged, and nothing
 * that is wrong is shown. */
static void a_damaged_section_is_not_shown(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char hex[33], path[160], *value = pool_alloc(f->pool, 200001);
	struct stat st;
	int fd;

	fixture_deliver(f, a, x, 1, NULL);
	memset(value, 'v', 200000);
	annotate(f, a, x, 1, "", "/comment", value);
	assert_ok(f, account_rotate(a, 0, &f->err));
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	account_guid_format(&x->guid, hex);
	(void)snprintf(path, sizeof(path), "%s/culver/%s.2.snap", f->dir, hex);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "w", 1, st.st_size - 1000), 1);
	close(fd);
	check(x, 1, "", "/comment", NULL);
	assert_true(x->damaged);
	account_close(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(they_are_set_changed_and_removed),
		TEST(rotations_keep_them),
		TEST(changes_in_a_large_folder_are_carried),
		TEST(large_values_are_not_carried),
		TEST(an_expunge_and_a_reset_take_them_along),
		TEST(those_of_an_append_leave_its_modseq),
		TEST(limits_hold),
		TEST(a_cut_journal_has_all_or_nothing),
		TEST(a_damaged_section_is_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
