/* test-meta.c - what every meta and bell driver must do: the same tests on
 * each, then the engine on each. */
#include "account-fixture.h"
#include "account/meta-memory.h"
#include "io/io-fault.h"

#include <poll.h>

/* A driver under test: how to open its one account, many times. */
struct driver {
	struct fixture *f;
	struct meta_memory *memory;	/* NULL: files */
};

static struct meta *open_meta(struct driver *d)
{
	struct meta_files_options options = { .dir_mode = 0700,
					      .file_mode = 0600 };
	struct meta *meta = NULL;

	if (d->memory != NULL)
		return meta_memory_open(d->memory);
	assert_ok(d->f, meta_files_open(io_posix(), d->f->dirfd, "culver",
					&options, &meta, &d->f->err));
	return meta;
}

static struct bell *open_bell(struct driver *d, struct meta *meta)
{
	return d->memory != NULL ? bell_memory_open(d->memory) :
		bell_files_open(io_posix(), meta_files_dirfd(meta), "culver");
}

static struct account *open_account(struct driver *d)
{
	struct account_options options = { .body_max = 1000 };
	struct account *account = NULL;
	struct meta *meta = open_meta(d);

	assert_ok(d->f, account_open_on(meta, open_bell(d, meta), &options,
					&account, &d->f->err));
	return account;
}

static int setup(void **state, bool in_memory)
{
	struct driver *d = calloc(1, sizeof(*d));
	void *fixture;

	fixture_setup(&fixture);
	d->f = fixture;
	if (in_memory)
		d->memory = meta_memory_create();
	*state = d;
	return 0;
}

static int setup_files(void **state)
{
	return setup(state, false);
}

static int setup_memory(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct driver *d = *state;
	void *fixture = d->f;

	meta_memory_destroy(&d->memory);
	free(d);
	return fixture_teardown(&fixture);
}

/* --- small helpers ------------------------------------------------------- */

static const struct meta_name first = { .kind = META_JOURNAL,
					.generation = 1 };

static enum meta_result checkpoint(struct meta *meta, uint64_t generation,
				   struct meta_object *old, uint64_t old_size,
				   const char *text)
{
	struct iovec vec = { (void *)(uintptr_t)text, strlen(text) };
	struct meta_checkpoint c = { .generation = generation, .vec = &vec,
				     .count = 1, .old = old,
				     .old_size = old_size };
	enum meta_result result;

	if (old != NULL) {
		c.mark = CV_SPAN("END");
		c.mark_at = old_size;
	}
	assert_int_equal(meta_lock(meta, 0), 0);
	result = meta_checkpoint(meta, &c);
	meta_unlock(meta);
	return result;
}

static struct meta_object *begin(struct meta *meta, const char *text)
{
	struct meta_object *journal;

	assert_int_equal(checkpoint(meta, 1, NULL, 0, text), META_DONE);
	journal = meta_open(meta, &first);
	assert_non_null(journal);
	return journal;
}

static enum meta_result commit(struct meta_object *journal, uint64_t at,
			       const char *text, unsigned char key)
{
	struct iovec vec[2] = {
		{ (void *)(uintptr_t)text, 1 },
		{ (void *)(uintptr_t)(text + 1), strlen(text + 1) },
	};
	struct meta_commit c = { .at = at, .vec = vec, .count = 2,
				 .sync = true };

	memset(c.key, key, sizeof(c.key));
	return meta_commit(journal, &c);
}

static void assert_content(struct meta_object *object, const char *text)
{
	char have[64] = "";

	assert_int_equal(meta_load(object, 0, have, sizeof(have) - 1),
			 strlen(text));
	assert_string_equal(have, text);
}

static uint64_t size_of(struct meta_object *object)
{
	struct meta_head head;

	assert_int_equal(meta_head(object, &head), 0);
	return head.size;
}

/* --- the table ----------------------------------------------------------- */

static void a_commit_needs_the_end_it_has_seen(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d), *b = open_meta(d);
	struct meta_object *one = begin(a, "head");
	struct meta_object *two = meta_open(b, &first);

	assert_int_equal(commit(one, 4, "+one", 1), META_DONE);
	assert_int_equal(commit(two, 4, "+two", 2), META_CONFLICT);
	assert_int_equal(commit(two, 9, "+two", 2), META_CONFLICT);
	assert_content(two, "head+one");
	assert_int_equal(commit(two, size_of(two), "+two", 2), META_DONE);
	assert_content(one, "head+one+two");
	meta_release(&one);
	meta_release(&two);
	meta_close(&a);
	meta_close(&b);
}

/* The head that was read under the lock is what is compared, too. */
static void a_commit_under_the_lock_compares_as_well(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d);
	struct meta_object *one = begin(a, "head");

	assert_int_equal(meta_lock(a, 0), 0);
	assert_int_equal(size_of(one), 4);
	assert_int_equal(commit(one, 2, "+bad", 1), META_CONFLICT);
	assert_int_equal(size_of(one), 4);
	assert_int_equal(commit(one, 4, "+one", 1), META_DONE);
	assert_int_equal(commit(one, 4, "+too", 2), META_CONFLICT);
	assert_int_equal(commit(one, 8, "+two", 2), META_DONE);
	meta_unlock(a);
	assert_content(one, "head+one+two");
	meta_release(&one);
	meta_close(&a);
}

static void a_commit_that_is_tried_again_counts_once(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d), *b = open_meta(d);
	struct meta_object *one = begin(a, "head");
	struct meta_object *two = meta_open(b, &first);

	assert_int_equal(commit(one, 4, "+one", 1), META_DONE);
	assert_int_equal(commit(one, 4, "+one", 1), META_DONE);
	assert_content(one, "head+one");
	/* also when somebody has gone on behind it */
	assert_int_equal(commit(two, 8, "+two", 2), META_DONE);
	assert_int_equal(commit(one, 4, "+one", 1), META_DONE);
	assert_content(one, "head+one+two");
	meta_release(&one);
	meta_release(&two);
	meta_close(&a);
	meta_close(&b);
}

static void nothing_is_there_before_it_is_made(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d);
	struct meta_names names;

	assert_null(meta_open(a, &first));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(meta_list(a, d->f->pool, &names), 0);
	assert_int_equal(names.items.count, 0);
	meta_close(&a);
}

static void a_checkpoint_ends_the_old_generation(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d), *b = open_meta(d);
	struct meta_name second = { .kind = META_JOURNAL, .generation = 2 };
	struct meta_object *old = begin(a, "head");
	struct meta_object *late = meta_open(b, &first), *new;
	struct meta_names names;
	struct meta_head head;

	assert_int_equal(checkpoint(a, 2, old, 4, "next"), META_DONE);
	new = meta_open(a, &second);
	assert_content(new, "next");
	/* whoever has the old one open sees the mark, and cannot commit */
	assert_content(late, "headEND");
	assert_int_equal(commit(late, 4, "+one", 1), META_CONFLICT);
	meta_remove(a, &first);
	assert_int_equal(meta_head(late, &head), 0);
	assert_true(head.replaced);
	assert_int_equal(commit(late, head.size, "+one", 1), META_CONFLICT);
	assert_int_equal(meta_list(b, d->f->pool, &names), 0);
	assert_int_equal(names.items.count, 1);
	assert_int_equal(names.items.items[0].generation, 2);
	meta_release(&old);
	meta_release(&late);
	meta_release(&new);
	meta_close(&a);
	meta_close(&b);
}

static void objects_are_found_by_their_names(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d);
	struct meta_name snapshot = { META_SNAPSHOT, { { 1, 2, 3 } }, 7 };
	struct meta_name catalogue = { META_CATALOGUE, { { 1, 2, 3 } }, 0 };
	struct meta_object *s = meta_create(a, &snapshot);
	struct meta_object *c = meta_create(a, &catalogue);
	struct meta_names names;

	assert_int_equal(meta_write(s, 0, "snap", 4), 0);
	assert_int_equal(meta_finish(s), 0);
	assert_int_equal(meta_write(c, 0, "cat", 3), 0);
	assert_int_equal(meta_write(c, 3, "+1", 2), 0);
	meta_release(&s);
	meta_release(&c);
	assert_int_equal(meta_list(a, d->f->pool, &names), 0);
	assert_int_equal(names.items.count, 2);
	for (size_t i = 0; i < names.items.count; i++) {
		struct meta_object *o = meta_open(a, &names.items.items[i]);

		assert_content(o, names.items.items[i].kind == META_SNAPSHOT ?
			       "snap" : "cat+1");
		meta_release(&o);
	}
	/* another takes the place; who had the old one open keeps it */
	s = meta_open(a, &snapshot);
	c = meta_create(a, &snapshot);
	assert_int_equal(meta_write(c, 0, "other", 5), 0);
	assert_content(s, "snap");
	assert_content(c, "other");
	meta_release(&s);
	meta_release(&c);
	meta_close(&a);
}

static void one_writer_has_the_lock(void **state)
{
	struct driver *d = *state;
	struct meta *a = open_meta(d), *b = open_meta(d);

	assert_int_equal(meta_lock(a, 0), 0);
	assert_int_equal(meta_lock(b, 0), -1);
	assert_int_equal(errno, ETIMEDOUT);
	meta_unlock(a);
	assert_int_equal(meta_lock(b, 0), 0);
	meta_close(&b);
	/* closing gives it back */
	assert_int_equal(meta_lock(a, 0), 0);
	meta_unlock(a);
	meta_close(&a);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_commit_rings_the_bell(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d), *b = open_account(d);
	int fd = account_watch_fd(b);

	assert_true(fd >= 0);
	assert_false(is_readable(fd));
	fixture_folder(d->f, a, "x");
	assert_true(is_readable(fd));
	account_watch_clear(b);
	assert_false(is_readable(fd));
	assert_int_equal(account_refresh(b, NULL), CV_CHANGED);
	account_close(&a);
	account_close(&b);
}

/* --- the engine on it ---------------------------------------------------- */

static void the_engine_runs_on_it(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d), *b = open_account(d), *c;
	struct account_folder *x = fixture_folder(d->f, a, "x");
	struct account_range range = { 3, 5 };
	struct account_txn *txn;
	char *want;

	for (unsigned int i = 0; i < 20; i++)
		fixture_deliver(d->f, a, x, i, i % 4 == 0 ? "a body" : NULL);
	txn = fixture_begin(d->f, b);
	assert_ok(d->f, txn_expunge(txn, account_folder_find(b,
		CV_SPAN("x")), &range, 1, &d->f->err));
	fixture_commit(d->f, txn);
	assert_int_equal(account_refresh(a, &d->f->err), CV_CHANGED);
	assert_int_equal(x->message_count, 17);
	want = fixture_dump(a, d->f->pool);
	assert_string_equal(want, fixture_dump(b, d->f->pool));
	assert_ok(d->f, account_rotate(a, 0, &d->f->err));
	assert_int_equal(account_refresh(b, &d->f->err), CV_OK);
	assert_string_equal(want, fixture_dump(b, d->f->pool));
	c = open_account(d);
	assert_string_equal(want, fixture_dump(c, d->f->pool));
	account_close(&a);
	account_close(&b);
	account_close(&c);
}

static void lost_answers_do_not_change_what_is_there(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d);
	struct account_folder *x = fixture_folder(d->f, a, "x");
	uint64_t before = meta_memory_commits(d->memory);

	meta_memory_fail(d->memory, META_MEMORY_LOST, 2);
	assert_int_equal(fixture_deliver(d->f, a, x, 1, "b"), 1);
	meta_memory_fail(d->memory, META_MEMORY_SILENT, 2);
	assert_int_equal(fixture_deliver(d->f, a, x, 2, "b"), 2);
	assert_int_equal(meta_memory_commits(d->memory), before + 2);
	assert_int_equal(x->message_count, 2);
	account_close(&a);
	a = open_account(d);
	x = account_folder_find(a, CV_SPAN("x"));
	assert_int_equal(x->message_count, 2);
	assert_false(account_is_damaged(a));
	account_close(&a);
}

/* When the answer never comes nothing is promised, and the state is read
 * again. */
static void an_outcome_that_stays_unknown_is_a_failure(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d);
	struct account_folder *x = fixture_folder(d->f, a, "x");
	struct account_txn *txn = fixture_begin(d->f, a);

	fixture_append(d->f, txn, x, 1, NULL);
	meta_memory_fail(d->memory, META_MEMORY_SILENT, 3);
	assert_int_equal(account_commit(&txn, ACCOUNT_SYNC, &d->f->err),
			 CV_E_TEMP);
	assert_int_equal(x->message_count, 0);
	assert_int_equal(account_refresh(a, &d->f->err), CV_CHANGED);
	assert_int_equal(x->message_count, 1);
	assert_int_equal(fixture_deliver(d->f, a, x, 2, NULL), 2);
	account_close(&a);
}

/* What culveradm looks at without changing it. */
static void a_copy_has_all_and_is_its_own(void **state)
{
	struct driver *d = *state;
	struct meta *meta = open_meta(d);
	struct meta_memory *memory = meta_memory_create();
	struct meta_object *journal = begin(meta, "begin"), *copied;
	struct meta *copy;

	assert_int_equal(commit(journal, 5, "-more", 1), META_DONE);
	assert_int_equal(meta_memory_copy(memory, meta), 0);
	copy = meta_memory_open(memory);
	copied = meta_open(copy, &first);
	assert_non_null(copied);
	assert_content(copied, "begin-more");
	/* each goes its way */
	assert_int_equal(commit(copied, 10, "+copy", 2), META_DONE);
	assert_content(journal, "begin-more");
	assert_int_equal(commit(journal, 10, "!", 3), META_DONE);
	assert_content(copied, "begin-more+copy");
	assert_content(journal, "begin-more!");
	meta_release(&copied);
	meta_release(&journal);
	meta_close(&copy);
	meta_close(&meta);
	meta_memory_destroy(&memory);
}

static void a_copy_of_nothing_is_empty(void **state)
{
	struct driver *d = *state;
	struct meta *meta = open_meta(d), *copy;
	struct meta_memory *memory = meta_memory_create();

	assert_int_equal(meta_memory_copy(memory, meta), 0);
	copy = meta_memory_open(memory);
	assert_null(meta_open(copy, &first));
	meta_close(&copy);
	meta_close(&meta);
	meta_memory_destroy(&memory);
}

/* Snapshots come along finished, and the account that is made of the copy has
 * its messages. */
static void an_account_of_a_copy_has_its_mail(void **state)
{
	struct driver *d = *state;
	struct account_options options = { .body_max = 1000 };
	struct account *a = open_account(d), *b = NULL;
	struct account_folder *x = fixture_folder(d->f, a, "x"), *y;
	struct meta_memory *memory = meta_memory_create();
	struct meta *from = open_meta(d), *to;

	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(fixture_deliver(d->f, a, x, i, NULL), i);
	assert_int_equal(meta_memory_copy(memory, from), 0);
	meta_close(&from);
	/* after the copy: not in it */
	assert_int_equal(fixture_deliver(d->f, a, x, 4, NULL), 4);
	to = meta_memory_open(memory);
	assert_ok(d->f, account_open_on(to, bell_memory_open(memory),
					&options, &b, &d->f->err));
	y = account_folder_find(b, CV_SPAN("x"));
	assert_non_null(y);
	assert_ok(d->f, account_folder_load(y, &d->f->err));
	assert_int_equal(y->message_count, 3);
	account_close(&b);
	account_close(&a);
	meta_memory_destroy(&memory);
}

static void a_full_disk_leaves_nothing(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d);
	struct account_folder *x = fixture_folder(d->f, a, "x");
	struct account_txn *txn = fixture_begin(d->f, a);

	fixture_append(d->f, txn, x, 1, NULL);
	meta_memory_fail(d->memory, META_MEMORY_FULL, 1);
	assert_int_equal(account_commit(&txn, ACCOUNT_SYNC, &d->f->err),
			 CV_E_NO_SPACE);
	assert_int_equal(fixture_deliver(d->f, a, x, 2, NULL), 1);
	account_close(&a);
}

/* Without a lock two may write at once: one wins, the other does it again on
 * what is there then. */
static void without_a_lock_one_of_two_writers_begins_again(void **state)
{
	struct driver *d = *state;
	struct account *a = open_account(d), *b = open_account(d);
	struct account_folder *x = fixture_folder(d->f, a, "x"), *y;
	struct account_txn *one, *two;

	meta_memory_unlocked(d->memory);
	assert_true(account_refresh(b, &d->f->err) >= 0);
	y = account_folder_find(b, CV_SPAN("x"));
	one = fixture_begin(d->f, a);
	two = fixture_begin(d->f, b);
	assert_int_equal(fixture_append(d->f, one, x, 1, NULL), 1);
	assert_int_equal(fixture_append(d->f, two, y, 2, NULL), 1);
	fixture_commit(d->f, one);
	assert_int_equal(account_commit(&two, ACCOUNT_SYNC, &d->f->err),
			 CV_E_TEMP);
	assert_int_equal(fixture_deliver(d->f, b, y, 2, NULL), 2);
	assert_true(account_refresh(a, &d->f->err) >= 0);
	assert_string_equal(fixture_dump(a, d->f->pool),
			    fixture_dump(b, d->f->pool));
	/* nor can a checkpoint lose what came meanwhile */
	one = fixture_begin(d->f, a);
	fixture_append(d->f, one, x, 3, NULL);
	fixture_commit(d->f, one);
	assert_ok(d->f, account_rotate(b, 0, &d->f->err));
	assert_int_equal(y->message_count, 3);
	account_close(&a);
	account_close(&b);
}

/* --- files, with each call failing ---------------------------------------- */

struct attempt {
	enum meta_result committed, replaced;
	bool finished, marked, hit;
	uint64_t end;			/* of the old journal, as seen then */
};

static const struct meta_name second = { .kind = META_JOURNAL,
					 .generation = 2 };
static const struct meta_name snapshot = { META_SNAPSHOT, { { 1 } }, 2 };

static bool save_snapshot(struct meta *meta)
{
	struct meta_object *s = meta_create(meta, &snapshot);
	bool ok = s != NULL && meta_write(s, 0, "snap", 4) == 0 &&
		meta_finish(s) == 0;

	meta_release(&s);
	return ok;
}

/* A commit, a snapshot, a new generation; what fails is not tried again. */
static void try_all(struct meta *meta, struct meta_object *old,
		    struct attempt *a)
{
	struct iovec vec = { (void *)(uintptr_t)"next", 4 };
	struct meta_checkpoint c = { .generation = 2, .vec = &vec, .count = 1,
				     .old = old, .mark = CV_SPAN("END") };
	struct meta_head head;

	a->committed = a->replaced = META_NOT_WRITTEN;
	if (meta_lock(meta, 0) < 0)
		return;
	a->committed = commit(old, 8, "+two", 2);
	a->finished = save_snapshot(meta);
	if (meta_head(old, &head) == 0) {
		c.old_size = c.mark_at = a->end = head.size;
		a->replaced = meta_checkpoint(meta, &c);
		a->marked = c.marked;
	}
	meta_unlock(meta);
}

static void assert_attempt(struct driver *d, struct meta *meta,
			   const struct attempt *a)
{
	struct meta_object *old = meta_open(meta, &first), *new, *snap;
	char have[64] = "", want[64];
	ssize_t len = meta_load(old, 0, have, sizeof(have) - 1);

	/* what was there stays; of what failed there may be a part */
	assert_true(len >= 8 && len <= 15);
	assert_memory_equal(have, "head+one", 8);
	if (a->committed == META_DONE || a->committed == META_NOT_SYNCED)
		assert_memory_equal(have + 8, "+two", 4);
	(void)snprintf(want, sizeof(want), "head+one+two");
	if (!a->marked)
		assert_memory_equal(have, want, (size_t)len);
	else
		assert_memory_equal(have, want, (size_t)a->end);
	new = meta_open(meta, &second);
	if (a->replaced == META_DONE) {
		assert_non_null(new);
		assert_content(new, "next");
	} else {
		assert_null(new);
	}
	snap = meta_open(meta, &snapshot);
	if (a->finished) {
		assert_non_null(snap);
		assert_content(snap, "snap");
	}
	(void)d;
	meta_release(&old);
	meta_release(&new);
	meta_release(&snap);
}

/* True when the n-th call failed. */
static bool fail_call(struct driver *d, enum io_fault_kind kind, uint64_t n)
{
	struct meta_files_options options = { .dir_mode = 0700,
					      .file_mode = 0600 };
	struct io *io = io_fault_create(io_posix(), d->f->pool);
	struct meta *clean = NULL, *meta = NULL;
	struct meta_object *old;
	struct attempt a = { .hit = false };
	char dir[40];

	(void)snprintf(dir, sizeof(dir), "fault-%d-%d", (int)kind, (int)n);
	assert_ok(d->f, meta_files_open(io_posix(), d->f->dirfd, dir,
					&options, &clean, &d->f->err));
	old = begin(clean, "head");
	assert_int_equal(commit(old, 4, "+one", 1), META_DONE);
	meta_release(&old);
	assert_ok(d->f, meta_files_open(io, d->f->dirfd, dir, &options, &meta,
					&d->f->err));
	old = meta_open(meta, &first);
	assert_non_null(old);
	io_fault_arm(io, kind, n, false);
	try_all(meta, old, &a);
	a.hit = io_fault_hit(io);
	io_fault_arm(io, IO_FAULT_NONE, 0, false);
	meta_release(&old);
	meta_close(&meta);
	assert_attempt(d, clean, &a);
	/* what only took longer did not fail */
	if (!a.hit || kind == IO_FAULT_SHORT)
		assert_true(a.committed == META_DONE && a.finished &&
			    a.replaced == META_DONE);
	meta_close(&clean);
	return a.hit;
}

static void each_call_that_fails_leaves_what_was_there(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_EIO, IO_FAULT_EINTR, IO_FAULT_ENOSPC, IO_FAULT_SHORT,
		IO_FAULT_TORN, IO_FAULT_LATE,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint64_t n = 1;

		while (fail_call(*state, kinds[i], n)) {
			n++;
			assert_true(n < 100);
		}
		assert_true(n > 2);
	}
}

#define ON_BOTH(test) \
	cmocka_unit_test_setup_teardown(test, setup_files, teardown), \
	cmocka_unit_test_setup_teardown(test, setup_memory, teardown)
#define IN_MEMORY(test) \
	cmocka_unit_test_setup_teardown(test, setup_memory, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_commit_needs_the_end_it_has_seen),
		ON_BOTH(a_commit_under_the_lock_compares_as_well),
		ON_BOTH(a_commit_that_is_tried_again_counts_once),
		ON_BOTH(nothing_is_there_before_it_is_made),
		ON_BOTH(a_checkpoint_ends_the_old_generation),
		ON_BOTH(objects_are_found_by_their_names),
		ON_BOTH(one_writer_has_the_lock),
		ON_BOTH(a_commit_rings_the_bell),
		ON_BOTH(the_engine_runs_on_it),
		cmocka_unit_test_setup_teardown(
			each_call_that_fails_leaves_what_was_there,
			setup_files, teardown),
		ON_BOTH(a_copy_has_all_and_is_its_own),
		ON_BOTH(a_copy_of_nothing_is_empty),
		ON_BOTH(an_account_of_a_copy_has_its_mail),
		IN_MEMORY(lost_answers_do_not_change_what_is_there),
		IN_MEMORY(an_outcome_that_stays_unknown_is_a_failure),
		IN_MEMORY(a_full_disk_leaves_nothing),
		IN_MEMORY(without_a_lock_one_of_two_writers_begins_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
