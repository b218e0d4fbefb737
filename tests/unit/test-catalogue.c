/* test-catalogue.c - entries that were added later, as for messages that
 * another program has put there: that they are found, and what finding them
 * costs. */
#include "account-fixture.h"
#include "heap.h"

enum {
	FLUSHED_AT_ONCE = 70 * 1024,	/* an entry that does not wait */
};

/* So many messages of which nothing is known. */
static void add_messages(struct fixture *f, struct account *a,
			 struct account_folder *x, unsigned int count)
{
	struct account_txn *txn = fixture_begin(f, a);

	for (unsigned int i = 1; i <= count; i++)
		(void)fixture_append(f, txn, x, i, NULL);
	fixture_commit(f, txn);
}

static struct cv_span filled(char *buffer, size_t len, unsigned int with)
{
	memset(buffer, (int)with, len);
	return cv_span(buffer, len);
}

static void assert_entry(struct account_folder *x, uint32_t row, size_t len,
			 unsigned int with)
{
	struct cv_span entry;

	assert_int_equal(account_catalogue_find(x, row, &entry), CV_OK);
	assert_int_equal(entry.len, len);
	assert_int_equal((unsigned char)entry.data[0], with);
	assert_int_equal((unsigned char)entry.data[len - 1], with);
}

static void assert_absent(struct account_folder *x, uint32_t row)
{
	struct cv_span entry;

	assert_int_equal(account_catalogue_find(x, row, &entry),
			 CV_NOT_FOUND);
}

/* Each is looked for before it is made, between many writes. */
static void each_entry_is_indexed_once(void **state)
{
	enum { COUNT = 3000, EACH = 2500, BYTES_MAX = 500,
	       BUFFERS = 1024 * 1024 };
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char entry[EACH];
	size_t before, after;

	add_messages(f, a, x, COUNT);
	before = heap_used();
	for (uint32_t row = 0; row < COUNT; row++) {
		assert_absent(x, row);
		account_catalogue_put(x, row, filled(entry, EACH, row % 251));
	}
	after = heap_used();
	assert_true(after > before);
	assert_in_range(after - before, 1, COUNT * BYTES_MAX + BUFFERS);
	account_close(&a);
	a = fixture_open(f);
	x = account_folder_find(a, CV_SPAN("x"));
	for (uint32_t row = 0; row < COUNT; row++)
		assert_entry(x, row, EACH, row % 251);
	account_close(&a);
}

/* Each a little longer than all before: none fits where the last one was. */
static void longer_and_longer_entries_take_no_more_than_twice_the_last(
	void **state)
{
	enum { COUNT = 150, STEP = 4096, FIRST = 300 * 1024,
	       BYTES_MAX = 8 * 1024 * 1024 };
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char *buffer = pool_alloc(f->pool, FIRST + COUNT * STEP);
	size_t before;

	add_messages(f, a, x, COUNT);
	before = heap_used();
	for (uint32_t row = 0; row < COUNT; row++) {
		size_t len = FIRST + row * STEP;

		account_catalogue_put(x, row, filled(buffer, len, row));
		assert_entry(x, row, len, row);
	}
	assert_in_range(heap_used() - before, 1, BYTES_MAX);
	account_close(&a);
}

static void entries_of_two_processes_are_found_by_both(void **state)
{
	enum { COUNT = 20 };
	struct fixture *f = *state;
	struct account *both[2] = { fixture_open(f), NULL };
	struct account_folder *x[2] = { fixture_folder(f, both[0], "x") };
	char *buffer = pool_alloc(f->pool, FLUSHED_AT_ONCE);

	add_messages(f, both[0], x[0], COUNT + 1);
	both[1] = fixture_open(f);
	x[1] = account_folder_find(both[1], CV_SPAN("x"));
	for (uint32_t row = 0; row < COUNT; row++) {
		/* two of each in turn */
		struct account_folder *own = x[row / 2 % 2];

		assert_absent(own, row);
		account_catalogue_put(own, row, filled(buffer,
						       FLUSHED_AT_ONCE, row));
		for (uint32_t old = 0; old <= row; old++)
			assert_entry(own, old, FLUSHED_AT_ONCE, old);
	}
	for (int i = 0; i < 2; i++)
		account_close(&both[i]);
}

static void the_last_entry_of_a_message_counts(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	char *buffer = pool_alloc(f->pool, FLUSHED_AT_ONCE);

	add_messages(f, a, x, 2);
	for (unsigned int i = 1; i <= 5; i++) {
		account_catalogue_put(x, 0, filled(buffer, FLUSHED_AT_ONCE,
						   i));
		assert_entry(x, 0, FLUSHED_AT_ONCE, i);
		assert_absent(x, 1);
	}
	account_close(&a);
	a = fixture_open(f);
	assert_entry(account_folder_find(a, CV_SPAN("x")), 0, FLUSHED_AT_ONCE,
		     5);
	account_close(&a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_entry_is_indexed_once),
		TEST(longer_and_longer_entries_take_no_more_than_twice_the_last),
		TEST(entries_of_two_processes_are_found_by_both),
		TEST(the_last_entry_of_a_message_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
