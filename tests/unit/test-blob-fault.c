/* test-blob-fault.c - blob drivers when things go wrong, and when many work
 * at once; and what they may cost.  The same tests on each. */
#include "blob-fixture.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BODY "Subject: b\n\nhello\n"

/* --- a fault at each step -------------------------------------------------------------- */

/* What was promised. */
struct promise {
	struct cv_blob blob;
	struct cv_span body;
	bool put, removed;
};

struct workload {
	struct blob_fixture *b;
	struct promise one, two, copy;
	struct cv_span large;
};

static bool is_failure(int ret, enum io_fault_kind kind)
{
	/* CV_NOT_FOUND: what another program has removed looks like this */
	return ret == CV_E_TEMP || ret == CV_NOT_FOUND ||
		(ret == CV_E_NO_SPACE && kind == IO_FAULT_ENOSPC);
}

static bool put_promise(struct workload *w, struct promise *p,
			struct cv_span body, enum io_fault_kind kind)
{
	int ret = blob_try_put(w->b, w->b->folder, body, &p->blob);

	p->body = body;
	p->put = ret == CV_OK;
	assert_true(p->put || is_failure(ret, kind));
	return p->put;
}

/* Ends at the first failure that it is told of. */
static void work(struct workload *w, enum io_fault_kind kind)
{
	struct blob_fixture *b = w->b;
	struct cv_flag_update update;
	int ret;

	if (!put_promise(w, &w->one, CV_SPAN(BODY), kind))
		return;
	blob_place(b, b->folder, &w->one.blob);
	if (!put_promise(w, &w->two, w->large, kind))
		return;
	blob_place(b, b->folder, &w->two.blob);
	update = (struct cv_flag_update){
		CV_SIZED(cv_flag_update), .blob = w->one.blob,
		.flags = CV_FLAG_SEEN,
	};
	ret = b->d->set_flags(b->folder, &update, 1, &b->err);
	if (ret == CV_OK && update.status == CV_OK) {
		w->one.blob.flags = CV_FLAG_SEEN;
		w->one.blob.marks = update.marks;
	}
	w->copy = w->one;
	w->copy.put = false;
	ret = b->d->link(b->folder, b->folder, &w->one.blob, b->pool,
			 &w->copy.blob.ref, &b->err);
	if (ret == CV_OK && b->d->sync_hidden(b->folder, &b->err) == CV_OK) {
		w->copy.put = true;
		w->copy.blob.uid = 0;
		blob_place(b, b->folder, &w->copy.blob);
	}
	ret = b->d->remove(b->folder, &w->two.blob, 1, &b->err);
	w->two.put = false;
	w->two.removed = ret == CV_OK;
	if (b->d->sync(b->folder, 9, &b->err) != CV_OK)
		return;
}

/* recover stands for the scan that would follow. */
static void assert_kept(struct workload *w, struct promise *p)
{
	if (!p->put)
		return;
	assert_blob_in(w->b, w->b->folder, &p->blob, p->body);
	okb(w->b, w->b->d->recover(w->b->folder, &p->blob, &w->b->err));
	if ((p != &w->copy || !blob_has(w->b, CV_STORAGE_POOLED)) &&
	    blob_found(blob_scan(w->b), p->blob.ref) == NULL)
		fail_msg("%s: '%.*s' is not found (%s)", w->b->name,
			 CV_SPAN_ARG(p->blob.ref), p == &w->one ? "one" :
			 p == &w->two ? "two" : "copy");
	assert_blob_in(w->b, w->b->folder, &p->blob, p->body);
}

static void check_promises(struct workload *w)
{
	struct blob_fixture *b = w->b;
	struct cv_blob after;
	struct blob_scan *scan;

	assert_kept(w, &w->one);
	assert_kept(w, &w->two);
	assert_kept(w, &w->copy);
	scan = blob_scan(b);
	/* nothing but what was promised; what was to be removed may be there
	 * when that failed */
	for (uint32_t i = 0; i < scan->found.count; i++) {
		struct cv_span ref = scan->found.items[i].ref;

		assert_true((w->one.put &&
			     cv_span_equal(ref, w->one.blob.ref)) ||
			    (w->copy.put &&
			     cv_span_equal(ref, w->copy.blob.ref)) ||
			    (!w->two.removed &&
			     cv_span_equal(ref, w->two.blob.ref)));
	}
	/* and the folder goes on */
	after = blob_save(b, "after\n");
	assert_blob(b, &after, "after\n");
}

static void fail_at_each_step(void **state, enum io_fault_kind kind)
{
	struct blob_fixture *b = *state;
	struct workload w = { .b = b };
	struct cv_text large;
	bool hit = true;

	cv_text_init(&large, b->pool);
	cv_text_append_str(&large, "Subject: large\r\n\r\n");
	while (large.len < 150000)
		cv_text_append_str(&large, "a line of a large message\r\n");
	w.large = cv_text_span(&large);
	for (uint64_t n = 1; hit; n++) {
		assert_true(n < 1000);
		w.one = w.two = w.copy = (struct promise){ .put = false };
		io_fault_arm(b->io, kind, n, false);
		work(&w, kind);
		hit = io_fault_hit(b->io);
		io_fault_arm(b->io, IO_FAULT_NONE, 0, false);
		blob_reopen(b);
		check_promises(&w);
		/* the next one begins with an empty folder */
		b->d->folder_close(&b->folder);
		okb(b, b->d->folder_remove(b->root, cv_span_of(b->name),
					   &b->err));
		blob_purge(b, NULL, 0);
		b->life++;
		b->name = pool_printf(b->pool, "box%u", (unsigned int)n);
		blob_make_folder(b, b->name);
		b->folder = blob_open_folder(b, b->name, CV_SPAN_NONE);
	}
}

static void an_error_at_each_step(void **state)
{
	fail_at_each_step(state, IO_FAULT_EIO);
}

static void no_space_at_each_step(void **state)
{
	fail_at_each_step(state, IO_FAULT_ENOSPC);
}

static void a_torn_write_at_each_step(void **state)
{
	fail_at_each_step(state, IO_FAULT_TORN);
}

static void a_late_error_at_each_step(void **state)
{
	fail_at_each_step(state, IO_FAULT_LATE);
}

/* Half of what was asked for: no failure at all. */
static void short_reads_and_writes(void **state)
{
	struct blob_fixture *b = *state;
	bool hit = true;

	for (uint64_t n = 1; hit; n++) {
		struct cv_blob blob;

		assert_true(n < 1000);
		io_fault_arm(b->io, IO_FAULT_SHORT, n, false);
		blob = blob_save(b, BODY);
		assert_blob(b, &blob, BODY);
		assert_non_null(blob_found(blob_scan(b), blob.ref));
		hit = io_fault_hit(b->io);
		io_fault_arm(b->io, IO_FAULT_NONE, 0, false);
		okb(b, b->d->remove(b->folder, &blob, 1, &b->err));
		blob_purge(b, NULL, 0);
	}
}

/* The disk stays full: nothing is promised, nothing that was is lost. */
static void a_disk_that_stays_full(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob before = blob_save(b, BODY), blob;
	struct cv_span large = cv_span(
		memset(pool_alloc(b->pool, 300000), 'x', 300000), 300000);

	((char *)(uintptr_t)large.data)[large.len - 1] = '\n';
	io_fault_arm(b->io, IO_FAULT_ENOSPC, 1, true);
	for (int i = 0; i < 3; i++) {
		int small = blob_try_put(b, b->folder, CV_SPAN(BODY), &blob);
		int big = blob_try_put(b, b->folder, large, &blob);

		if (blob_has(b, CV_STORAGE_ONE_PROCESS))
			continue;	/* it has no disk */
		assert_int_equal(small, CV_E_NO_SPACE);
		assert_int_equal(big, CV_E_NO_SPACE);
	}
	/* removing needs no space */
	if (!blob_has(b, CV_STORAGE_ONE_PROCESS))
		assert_blob(b, &before, BODY);
	io_fault_arm(b->io, IO_FAULT_NONE, 0, false);
	blob_reopen(b);
	assert_blob(b, &before, BODY);
	if (!blob_has(b, CV_STORAGE_ONE_PROCESS))
		assert_int_equal(blob_scan(b)->found.count, 1);
}

/* --- many at once ------------------------------------------------------------------------ */

enum { WRITERS = 4, EACH = 40 };

struct shared {
	uint32_t uidnext;
	uint32_t count;
	struct { char ref[200]; uint32_t ref_len, uid, writer, number, marks; }
	saved[WRITERS * EACH];
};

static void text_of(char *dst, size_t size, uint32_t writer, uint32_t number)
{
	snprintf(dst, size, "Subject: %u %u\n\nof writer %u, number %u\n",
		 writer, number, writer, number);
}

static void save_shared(struct blob_fixture *b, struct shared *s, int lock_fd,
			uint32_t writer, uint32_t number)
{
	struct cv_blob blob;
	char text[100];
	uint32_t at;

	text_of(text, sizeof(text), writer, number);
	okb(b, blob_try_put(b, b->folder, cv_span_of(text), &blob));
	/* the account's lock */
	while (flock(lock_fd, LOCK_EX) < 0)
		;
	b->uidnext = s->uidnext;
	blob_place(b, b->folder, &blob);
	s->uidnext = b->uidnext;
	at = s->count++;
	memcpy(s->saved[at].ref, blob.ref.data, blob.ref.len);
	s->saved[at].ref_len = (uint32_t)blob.ref.len;
	s->saved[at].uid = blob.uid;
	s->saved[at].marks = blob.marks;
	s->saved[at].writer = writer;
	s->saved[at].number = number;
	flock(lock_fd, LOCK_UN);
}

static int open_lock(struct blob_fixture *b)
{
	return open(pool_printf(b->pool, "%s/lock", b->dir),
		    O_RDWR | O_CREAT, 0600);
}

static void write_in_process(struct blob_fixture *b, struct shared *s,
			     uint32_t writer)
{
	int lock_fd = open_lock(b);

	blob_reopen(b);
	for (uint32_t i = 0; i < EACH; i++)
		save_shared(b, s, lock_fd, writer, i);
	b->d->folder_close(&b->folder);
	b->d->root_close(&b->root);
	_exit(0);
}

/* One process with a root for each. */
static void write_in_turn(struct blob_fixture *b, struct shared *s)
{
	struct blob_fixture writers[WRITERS];
	int lock_fd = open_lock(b);

	for (int w = 0; w < WRITERS; w++) {
		writers[w] = *b;
		blob_open_root(&writers[w]);
		writers[w].folder = blob_open_folder(&writers[w], "box",
						     CV_SPAN_NONE);
	}
	for (uint32_t i = 0; i < EACH; i++) {
		for (uint32_t w = 0; w < WRITERS; w++)
			save_shared(&writers[w], s, lock_fd, w, i);
	}
	for (int w = 0; w < WRITERS; w++) {
		b->d->folder_close(&writers[w].folder);
		b->d->root_close(&writers[w].root);
	}
	close(lock_fd);
}

static void check_shared(struct blob_fixture *b, struct shared *s)
{
	struct blob_scan *scan = blob_scan(b);
	struct hash_table seen;

	hash_init(&seen, b->pool, false);
	assert_int_equal(s->count, WRITERS * EACH);
	assert_int_equal(scan->found.count, WRITERS * EACH);
	for (uint32_t i = 0; i < s->count; i++) {
		struct cv_blob blob = {
			CV_SIZED(cv_blob), .uid = s->saved[i].uid,
			.marks = s->saved[i].marks,
			.ref = cv_span(s->saved[i].ref, s->saved[i].ref_len),
		};
		char text[100];

		text_of(text, sizeof(text), s->saved[i].writer,
			s->saved[i].number);
		blob.bytes = strlen(text);
		blob.virtual_bytes = blob_virtual_size(cv_span_of(text));
		assert_null(hash_find(&seen, blob.ref));
		hash_set(&seen, blob.ref, s);
		assert_non_null(blob_found(scan, blob.ref));
		assert_blob(b, &blob, text);
	}
}

static void many_write_at_once(void **state)
{
	struct blob_fixture *b = *state;
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[WRITERS];
	int status;

	assert_true(s != MAP_FAILED);
	s->uidnext = 1;
	if (blob_has(b, CV_STORAGE_ONE_PROCESS)) {
		write_in_turn(b, s);
	} else {
		for (uint32_t w = 0; w < WRITERS; w++) {
			pids[w] = fork();
			if (pids[w] == 0)
				write_in_process(b, s, w);
		}
		for (int w = 0; w < WRITERS; w++) {
			assert_int_equal(waitpid(pids[w], &status, 0),
					 pids[w]);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
	}
	b->uidnext = s->uidnext;
	blob_reopen(b);
	check_shared(b, s);
	munmap(s, sizeof(*s));
}

/* --- what it costs --------------------------------------------------------------------------- */

static void a_check_is_two_calls(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_text kept;
	uint32_t scan;

	for (int i = 0; i < 50; i++)
		(void)blob_save(b, BODY);
	okb(b, b->d->sync(b->folder, 7, &b->err));
	(void)blob_scan(b);
	cv_text_init(&kept, b->pool);
	(void)b->d->state(b->folder, &kept);
	b->d->state_set(b->folder, cv_text_span(&kept));
	(void)b->d->check(b->folder, false, &scan, &b->err);
	blob_calls = 0;
	(void)b->d->check(b->folder, false, &scan, &b->err);
	assert_in_range(blob_calls, 0, 2);
}

/* Calls grow with the messages, and not faster. */
static void a_scan_costs_as_much_as_there_is(void **state)
{
	struct blob_fixture *b = *state;
	unsigned int few, many;

	for (int i = 0; i < 100; i++)
		(void)blob_save(b, BODY);
	blob_reopen(b);
	blob_calls = 0;
	assert_int_equal(blob_scan(b)->found.count, 100);
	few = blob_calls;
	assert_in_range(few, 0, 100 * 6 + 60);
	for (int i = 0; i < 900; i++)
		(void)blob_save(b, BODY);
	blob_reopen(b);
	blob_calls = 0;
	assert_int_equal(blob_scan(b)->found.count, 1000);
	many = blob_calls;
	assert_in_range(many, 0, few * 10 + 60);
}

/* A message costs the same in a large folder. */
static void a_message_costs_the_same_in_a_large_folder(void **state)
{
	struct blob_fixture *b = *state;
	unsigned int few, many;
	struct cv_blob blob;

	(void)blob_save(b, BODY);
	blob_calls = 0;
	blob = blob_save(b, BODY);
	assert_blob(b, &blob, BODY);
	few = blob_calls;
	assert_in_range(few, 0, 40);
	for (int i = 0; i < 1000; i++)
		(void)blob_save(b, BODY);
	blob_calls = 0;
	blob = blob_save(b, BODY);
	assert_blob(b, &blob, BODY);
	many = blob_calls;
	assert_in_range(many, 0, few + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_at_each_step),
		cmocka_unit_test(no_space_at_each_step),
		cmocka_unit_test(a_torn_write_at_each_step),
		cmocka_unit_test(a_late_error_at_each_step),
		cmocka_unit_test(short_reads_and_writes),
		cmocka_unit_test(a_disk_that_stays_full),
		cmocka_unit_test(many_write_at_once),
		cmocka_unit_test(a_check_is_two_calls),
		cmocka_unit_test(a_scan_costs_as_much_as_there_is),
		cmocka_unit_test(a_message_costs_the_same_in_a_large_folder),
	};

	return blob_run("faults", tests, BLOB_COUNT(tests));
}
