/* test-journal.c - the journal's file: every cut, every flipped byte, every
 * operation that fails, writers that are killed. */
#include "account-fixture.h"
#include "account/journal.h"

#include <sys/wait.h>

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
	int fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC |
			O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* Only journal.1 in a fresh account directory. */
static void only_journal(struct fixture *f, const char *data, size_t len)
{
	fixture_remove_account(f);
	assert_int_equal(mkdirat(f->dirfd, "culver", 0700), 0);
	write_file(f, "culver/journal.1", data, len);
}

static void no_log(enum log_level level, const char *category,
		   const char *line, size_t len, void *context)
{
	(void)level;
	(void)category;
	(void)line;
	(void)len;
	++*(unsigned int *)context;
}

static unsigned int logged;

static int quiet_setup(void **state)
{
	log_set_sink(no_log, &logged);
	return fixture_setup(state);
}

/* A few transactions of each kind; ends[i] is where the i-th group ends and
 * dumps[i] what is to be seen then. */
enum { STEPS = 6 };

struct sample {
	char *data;
	size_t len;
	size_t ends[STEPS + 1];
	char *dumps[STEPS + 1];
};

static size_t size_now(struct fixture *f)
{
	struct stat st;

	assert_int_equal(fstatat(f->dirfd, "culver/journal.1", &st, 0), 0);
	return (size_t)st.st_size;
}

static void step(struct fixture *f, struct account *a, int number)
{
	struct account_folder *x = account_folder_find(a, CV_SPAN("x"));
	struct account_txn *txn = fixture_begin(f, a);
	struct account_range range = { 1, 2 };
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_ADD,
		.flags = ACCOUNT_FLAGGED };
	uint32_t index;

	switch (number) {
	case 0:
		assert_ok(f, txn_folder_create(txn, CV_SPAN("x"), NULL, &x,
					       &f->err));
		break;
	case 1:
		fixture_append(f, txn, x, 1, "a body of some length");
		fixture_append(f, txn, x, 2, NULL);
		break;
	case 2:
		assert_ok(f, txn_keyword(txn, x, CV_SPAN("kw"), &index,
					 &f->err));
		change.keywords = &index;
		change.keyword_count = 1;
		assert_ok(f, txn_flags(txn, x, &range, 1, &change, &f->err));
		break;
	case 3:
		assert_ok(f, txn_subscribe(txn, CV_SPAN("x"), true, &f->err));
		assert_ok(f, txn_metadata(txn, x, CV_SPAN("k"), CV_SPAN("v"),
					  &f->err));
		break;
	case 4:
		range.last = 1;
		assert_ok(f, txn_expunge(txn, x, &range, 1, &f->err));
		break;
	default:
		fixture_append(f, txn, x, 3, "the last body");
		break;
	}
	fixture_commit(f, txn);
}

static struct sample make_sample(struct fixture *f)
{
	struct account *a = fixture_open(f);
	struct sample s;

	s.ends[0] = size_now(f);
	s.dumps[0] = fixture_dump(a, f->pool);
	for (int i = 0; i < STEPS; i++) {
		step(f, a, i);
		s.ends[i + 1] = size_now(f);
		s.dumps[i + 1] = fixture_dump(a, f->pool);
	}
	account_close(&a);
	s.data = read_file(f, "culver/journal.1", &s.len);
	assert_int_equal(s.len, s.ends[STEPS]);
	return s;
}

static void a_journal_cut_anywhere_ends_with_a_whole_group(void **state)
{
	struct fixture *f = *state;
	struct sample s = make_sample(f);
	int have = 0;

	for (size_t cut = s.ends[0]; cut <= s.len; cut++) {
		struct account *a;

		while (have < STEPS && s.ends[have + 1] <= cut)
			have++;
		only_journal(f, s.data, cut);
		a = fixture_open(f);
		assert_string_equal(fixture_dump(a, f->pool), s.dumps[have]);
		assert_false(account_is_damaged(a));
		if (cut % 7 == 0) {
			/* and it can be gone on with */
			struct account_txn *txn = fixture_begin(f, a);

			assert_ok(f, txn_subscribe(txn, CV_SPAN("on"), true,
						   &f->err));
			fixture_commit(f, txn);
			assert_string_equal(fixture_dump(a, f->pool),
					    fixture_dump_fresh(f));
		}
		account_close(&a);
	}
}

/* Whatever is flipped: what is shown is a state that was, or the loss is
 * noticed. */
static void a_flipped_byte_anywhere_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct sample s = make_sample(f);

	for (size_t at = 0; at < s.len; at++) {
		struct account *a = NULL;
		struct account_options options = { 0 };
		bool known = false;
		char *dump;
		int status;

		s.data[at] ^= (char)(1 << at % 8);
		only_journal(f, s.data, s.len);
		s.data[at] ^= (char)(1 << at % 8);
		status = account_open(io_posix(), f->dirfd, "culver",
				      &options, &a, &f->err);
		if (status != CV_OK) {
			/* the version in the header cannot be told from a
			 * newer one only when its CRC is right too */
			fail_msg("byte %zu: %s", at, f->err.text);
		}
		dump = fixture_dump(a, f->pool);
		for (int i = 0; i <= STEPS; i++)
			known = known || strcmp(dump, s.dumps[i]) == 0;
		/* the padding of a body is not looked at */
		if (!known && !account_is_damaged(a))
			fail_msg("byte %zu: unnoticed\n%s", at, dump);
		account_close(&a);
	}
}

static void damage_in_the_middle_loses_only_its_group(void **state)
{
	struct fixture *f = *state;
	struct sample s = make_sample(f);
	struct account *a;
	struct account_folder *x;
	struct account_txn *txn;
	struct stat st;
	uint32_t row;

	s.data[s.ends[2] + 30] ^= 1;	/* in the flag change */
	only_journal(f, s.data, s.len);
	a = fixture_open(f);
	assert_true(account_is_damaged(a));
	x = account_folder_find(a, CV_SPAN("x"));
	assert_true(x->damaged);
	assert_true(account_is_subscribed(a, CV_SPAN("x")));
	assert_true(account_row_find(x, 3, &row));
	assert_false(account_row_find(x, 1, &row));
	assert_true(account_row_find(x, 2, &row));
	assert_int_equal(account_row_flags(x, row), ACCOUNT_SEEN);
	txn = fixture_begin(f, a);
	assert_ok(f, txn_folder_repaired(txn, x, &f->err));
	fixture_commit(f, txn);
	assert_false(x->damaged);
	assert_int_equal(fstatat(f->dirfd, "culver/damaged.1", &st, 0), 0);
	assert_int_equal(fstatat(f->dirfd, "culver/journal.1", &st, 0), -1);
	account_close(&a);
	a = fixture_open(f);
	assert_false(account_is_damaged(a));
	account_close(&a);
}

static void a_newer_format_is_refused_with_the_reason(void **state)
{
	struct fixture *f = *state;
	struct sample s = make_sample(f);
	struct account_options options = { 0 };
	struct account *a = NULL;
	uint16_t major = FORMAT_MAJOR + 1;
	uint32_t crc;

	memcpy(s.data + 8, &major, 2);
	crc = crc32c(0, s.data, JOURNAL_HEADER_SIZE - 4);
	memcpy(s.data + JOURNAL_HEADER_SIZE - 4, &crc, 4);
	only_journal(f, s.data, s.len);
	assert_int_equal(account_open(io_posix(), f->dirfd, "culver",
				      &options, &a, &f->err),
			 CV_E_UNSUPPORTED);
	assert_non_null(strstr(f->err.text, "newer"));
	assert_null(a);
}

static void a_foreign_tail_does_not_pass(void **state)
{
	struct fixture *f = *state;
	struct sample first = make_sample(f), second;
	struct account *a;

	fixture_remove_account(f);
	second = make_sample(f);
	assert_int_equal(first.ends[3], second.ends[3]);
	/* the groups of the first account behind those of the second */
	memcpy(second.data + second.ends[3], first.data + first.ends[3],
	       first.len - first.ends[3]);
	only_journal(f, second.data, second.len);
	a = fixture_open(f);
	assert_string_equal(fixture_dump(a, f->pool), second.dumps[3]);
	account_close(&a);
	/* a group shifted by eight bytes */
	memmove(second.data + second.ends[3], second.data + second.ends[2],
		second.ends[3] - second.ends[2]);
	only_journal(f, second.data, second.ends[3] + second.ends[3] -
		     second.ends[2]);
	a = fixture_open(f);
	assert_string_equal(fixture_dump(a, f->pool), second.dumps[3]);
	account_close(&a);
}

static void wrong_kinds_of_file_are_refused(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { 0 };
	struct account *a = NULL;
	char path[96];

	assert_int_equal(mkdirat(f->dirfd, "culver", 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/culver/journal.7", f->dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(account_open(io_posix(), f->dirfd, "culver", &options,
				 &a, &f->err) < 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(account_open(io_posix(), f->dirfd, "culver", &options,
				 &a, &f->err) < 0);
	assert_int_equal(unlink(path), 0);
	/* an empty file and a large one full of nothing: begun anew */
	write_file(f, "culver/journal.7", "", 0);
	assert_int_equal(truncate(path, 1ll << 40), 0);
	a = fixture_open(f);
	assert_true(account_is_new(a));
	account_close(&a);
}

/* A valid journal that grew a terabyte of nothing is torn, not endless. */
static void a_huge_sparse_tail_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct sample s = make_sample(f);
	struct account *a;
	char path[96];

	only_journal(f, s.data, s.len);
	(void)snprintf(path, sizeof(path), "%s/culver/journal.1", f->dir);
	assert_int_equal(truncate(path, 1ll << 40), 0);
	a = fixture_open(f);
	assert_string_equal(fixture_dump(a, f->pool), s.dumps[STEPS]);
	account_close(&a);
}

/* --- faults -------------------------------------------------------------- */

/* One delivery with the n-th operation failing.  True when nothing failed any
 * more. */
static bool try_delivery(struct fixture *f, enum io_fault_kind kind,
			 uint64_t n, bool sticky, unsigned int *delivered)
{
	struct account_options options = { 0 };
	struct account *a = NULL, *reader = fixture_open(f);
	struct account_folder *x;
	struct account_txn *txn = NULL;
	bool hit;
	int status;
	uint32_t count;

	io_fault_arm(f->fault, IO_FAULT_NONE, 1, false);
	a = fixture_open_with(f, f->fault, &options);
	x = account_folder_find(a, CV_SPAN("x"));
	count = x->message_count;
	assert_int_equal(count, *delivered);
	io_fault_arm(f->fault, kind, n, sticky);
	status = account_begin(a, 0, &txn, &f->err);
	if (status == CV_OK) {
		(void)fixture_append(f, txn, x, count + 1, "body");
		status = account_commit(&txn, ACCOUNT_SYNC, &f->err);
	}
	hit = io_fault_hit(f->fault);
	if (status == CV_OK)
		++*delivered;
	else
		assert_true(status < 0);
	assert_int_equal(x->message_count, *delivered);
	/* as a reader that was there before sees it */
	assert_true(account_refresh(reader, &f->err) >= 0);
	x = account_folder_find(reader, CV_SPAN("x"));
	/* when the file can neither be synced nor marked, others may see the
	 * whole group */
	if (status < 0 && sticky && x->message_count == *delivered + 1)
		++*delivered;
	assert_int_equal(x->message_count, *delivered);
	assert_false(account_is_damaged(reader));
	/* the fault goes away: both can deliver at once */
	io_fault_arm(f->fault, IO_FAULT_NONE, 1, false);
	fixture_deliver(f, reader, x, 1000, NULL);
	x = account_folder_find(a, CV_SPAN("x"));
	fixture_deliver(f, a, x, 1001, NULL);
	*delivered += 2;
	assert_int_equal(x->message_count, *delivered);
	assert_true(account_refresh(reader, &f->err) >= 0);
	assert_string_equal(fixture_dump(a, f->pool),
			    fixture_dump(reader, f->pool));
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
	account_close(&reader);
	return !hit;
}

static void sweep(struct fixture *f, enum io_fault_kind kind, bool sticky)
{
	struct account *a = fixture_open(f);
	unsigned int delivered = 0;
	uint64_t n = 1;
	bool done = false;

	fixture_folder(f, a, "x");
	account_close(&a);
	for (; !done; n++) {
		done = try_delivery(f, kind, n, sticky, &delivered);
		assert_true(n < 1000);
	}
	/* more than the last round met a fault */
	assert_true(n > 2);
}

static void each_operation_of_a_delivery_may_fail_with_eio(void **state)
{
	sweep(*state, IO_FAULT_EIO, false);
}

static void each_operation_of_a_delivery_may_fail_for_good(void **state)
{
	sweep(*state, IO_FAULT_EIO, true);
}

static void the_disk_may_be_full_at_each_write(void **state)
{
	sweep(*state, IO_FAULT_ENOSPC, true);
}

static void each_write_may_be_torn(void **state)
{
	sweep(*state, IO_FAULT_TORN, false);
}

static void each_write_may_be_torn_for_good(void **state)
{
	sweep(*state, IO_FAULT_TORN, true);
}

static void each_write_may_be_done_but_fail(void **state)
{
	sweep(*state, IO_FAULT_LATE, false);
}

/* Short reads and writes are not errors. */
static void short_reads_and_writes_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { 0 };
	struct account *a;
	struct account_folder *x;

	io_fault_arm(f->fault, IO_FAULT_SHORT, 1, true);
	a = fixture_open_with(f, f->fault, &options);
	x = fixture_folder(f, a, "x");
	for (unsigned int i = 1; i <= 20; i++)
		fixture_deliver(f, a, x, i, "some body");
	assert_true(io_fault_hit(f->fault));
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

/* Creation, rotation: the old state or the new one, never less. */
static void each_operation_of_a_rotation_may_fail(void **state)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_EIO, IO_FAULT_ENOSPC, IO_FAULT_TORN, IO_FAULT_LATE,
	};
	struct fixture *f = *state;
	struct account_options options = { 0 };
	unsigned int number = 1, faults = 0;

	for (size_t k = 0; k < 8; k++) {
		for (uint64_t n = 1; n < 500; n++) {
			struct account *a;
			struct account_folder *x;
			bool hit;
			char *before;

			io_fault_arm(f->fault, IO_FAULT_NONE, 1, false);
			a = fixture_open_with(f, f->fault, &options);
			x = account_folder_find(a, CV_SPAN("x"));
			if (x == NULL)
				x = fixture_folder(f, a, "x");
			fixture_deliver(f, a, x, number++, NULL);
			before = fixture_dump(a, f->pool);
			io_fault_arm(f->fault, kinds[k / 2], n, k % 2 == 1);
			(void)account_rotate(a, 0, &f->err);
			hit = io_fault_hit(f->fault);
			faults += hit;
			io_fault_arm(f->fault, IO_FAULT_NONE, 1, false);
			assert_true(account_refresh(a, &f->err) >= 0);
			assert_string_equal(fixture_dump(a, f->pool), before);
			assert_string_equal(fixture_dump_fresh(f), before);
			fixture_deliver(f, a, x, number++, NULL);
			assert_string_equal(fixture_dump(a, f->pool),
					    fixture_dump_fresh(f));
			assert_false(account_is_damaged(a));
			account_close(&a);
			if (!hit)
				break;
		}
	}
	assert_true(faults > 50);
}

static void creation_may_fail_anywhere(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { 0 };
	unsigned int failures = 0;

	for (uint64_t n = 1; n < 200; n++) {
		struct account *a = NULL;
		int status;

		io_fault_arm(f->fault, IO_FAULT_EIO, n, false);
		status = account_open(f->fault, f->dirfd, "culver", &options,
				      &a, &f->err);
		account_close(&a);
		if (!io_fault_hit(f->fault))
			break;
		failures += status != CV_OK;
		a = fixture_open(f);
		fixture_folder(f, a, "x");
		account_close(&a);
		fixture_remove_account(f);
	}
	assert_true(failures > 5);
}

/* --- processes ----------------------------------------------------------- */

static void writers_in_many_processes_take_turns(void **state)
{
	enum { WRITERS = 6, EACH = 40 };
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	uint32_t row;

	for (int w = 0; w < WRITERS; w++) {
		if (fork() != 0)
			continue;
		struct account_options options = { .rotate_size = 4096 };
		struct account *mine = fixture_open_with(f, io_posix(),
							 &options);
		struct account_folder *folder =
			account_folder_find(mine, CV_SPAN("x"));

		for (unsigned int i = 0; i < EACH; i++)
			fixture_deliver(f, mine, folder,
					(unsigned int)w * 1000 + i, NULL);
		account_close(&mine);
		_exit(0);
	}
	for (int w = 0; w < WRITERS; w++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_true(account_refresh(a, &f->err) >= 0);
	assert_int_equal(x->message_count, WRITERS * EACH);
	for (uint32_t uid = 1; uid <= WRITERS * EACH; uid++)
		assert_true(account_row_find(x, uid, &row));
	assert_string_equal(fixture_dump(a, f->pool), fixture_dump_fresh(f));
	account_close(&a);
}

/* Reads on until all is there; what is seen is always whole. */
static void read_along(struct fixture *f, uint32_t total)
{
	struct account *a = fixture_open(f);
	struct account_folder *x = account_folder_find(a, CV_SPAN("x"));
	uint32_t seen = 0;
	uint64_t end = time_monotonic_msecs() + 60000;

	while (seen < total) {
		uint32_t alive = 0;

		assert_true(account_refresh(a, &f->err) >= 0);
		assert_ok(f, account_folder_load(x, &f->err));
		for (uint32_t row = 0; row < account_row_count(x); row++)
			alive += account_row_alive(x, row);
		assert_int_equal(alive, x->message_count);
		assert_int_equal(x->uidnext, alive + 1);
		assert_true(alive >= seen);
		assert_false(account_is_damaged(a));
		assert_true(time_monotonic_msecs() < end);
		seen = alive;
	}
	account_close(&a);
}

static void readers_see_whole_groups_while_others_write(void **state)
{
	enum { WRITERS = 2, READERS = 2, EACH = 150 };
	struct fixture *f = *state;
	struct account *a = fixture_open(f);

	fixture_folder(f, a, "x");
	account_close(&a);
	for (int p = 0; p < WRITERS + READERS; p++) {
		struct account_options options = { .rotate_size = 1024 };

		if (fork() != 0)
			continue;
		if (p >= WRITERS) {
			read_along(f, WRITERS * EACH);
			_exit(0);
		}
		a = fixture_open_with(f, io_posix(), &options);
		for (unsigned int i = 0; i < EACH; i++)
			fixture_deliver(f, a, account_folder_find(a,
					CV_SPAN("x")), i, NULL);
		account_close(&a);
		_exit(0);
	}
	for (int p = 0; p < WRITERS + READERS; p++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

/* A child delivers and reports each success; it is killed at its n-th
 * operation.  Nothing reported is lost, nothing is there twice or in part. */
static void a_writer_killed_anywhere_loses_nothing_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct account_options options = { .rotate_size = 2048 };
	unsigned int killed = 0, acknowledged = 0, attempts = 0;
	struct account *a = fixture_open(f);

	fixture_folder(f, a, "x");
	account_close(&a);
	for (uint64_t n = 1; n < 120; n++) {
		int fds[2], status;
		pid_t pid;
		char c;
		struct account_folder *x;
		unsigned int acks = 0;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0) {
			struct account_folder *folder;

			io_fault_arm(f->fault, IO_FAULT_KILL, n, false);
			a = fixture_open_with(f, f->fault, &options);
			folder = account_folder_find(a, CV_SPAN("x"));
			for (unsigned int i = 0; i < 8; i++) {
				fixture_deliver(f, a, folder, i, NULL);
				if (write(fds[1], "k", 1) != 1)
					_exit(1);
				(void)account_rotate(a, 0, NULL);
			}
			_exit(0);
		}
		close(fds[1]);
		while (read(fds[0], &c, 1) == 1)
			acks++;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		acknowledged += acks;
		attempts += acks + (WIFSIGNALED(status) ? 1 : 0);
		a = fixture_open(f);
		x = account_folder_find(a, CV_SPAN("x"));
		assert_true(x->message_count >= acknowledged);
		assert_true(x->message_count <= attempts);
		acknowledged = attempts = x->message_count;
		assert_false(account_is_damaged(a));
		account_close(&a);
	}
	assert_true(killed > 50);
}

/* Whoever has the old journal open when a rotation is cut off must not go on
 * writing on it beside the new one. */
static void a_rotation_killed_anywhere_splits_nothing(void **state)
{
	struct fixture *f = *state;
	struct account *a = fixture_open(f);
	struct account_folder *x = fixture_folder(f, a, "x");
	unsigned int killed = 0;
	int status = 1;

	for (uint64_t n = 1; status != 0; n++) {
		pid_t pid;

		fixture_deliver(f, a, x, (unsigned int)n, NULL);
		pid = fork();
		if (pid == 0) {
			struct account_options options = { 0 };
			struct account *child = fixture_open_with(f,
				f->fault, &options);

			io_fault_arm(f->fault, IO_FAULT_KILL, n, false);
			(void)account_rotate(child, 0, NULL);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
		fixture_deliver(f, a, x, 1000, NULL);
		assert_int_equal(x->message_count, 2 * n);
		assert_string_equal(fixture_dump(a, f->pool),
				    fixture_dump_fresh(f));
		assert_true(n < 200);
	}
	assert_true(killed > 15);
	account_close(&a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, quiet_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_journal_cut_anywhere_ends_with_a_whole_group),
		TEST(a_flipped_byte_anywhere_is_noticed),
		TEST(damage_in_the_middle_loses_only_its_group),
		TEST(a_newer_format_is_refused_with_the_reason),
		TEST(a_foreign_tail_does_not_pass),
		TEST(wrong_kinds_of_file_are_refused),
		TEST(a_huge_sparse_tail_is_bounded),
		TEST(each_operation_of_a_delivery_may_fail_with_eio),
		TEST(each_operation_of_a_delivery_may_fail_for_good),
		TEST(the_disk_may_be_full_at_each_write),
		TEST(each_write_may_be_torn),
		TEST(each_write_may_be_torn_for_good),
		TEST(each_write_may_be_done_but_fail),
		TEST(short_reads_and_writes_do_no_harm),
		TEST(each_operation_of_a_rotation_may_fail),
		TEST(creation_may_fail_anywhere),
		TEST(writers_in_many_processes_take_turns),
		TEST(readers_see_whole_groups_while_others_write),
		TEST(a_writer_killed_anywhere_loses_nothing_acknowledged),
		TEST(a_rotation_killed_anywhere_splits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
