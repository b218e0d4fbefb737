/* test-dbox-altmove.c - mail of mdbox goes to the alternative place and back:
 * out of our containers, and out of Dovecot's files.  Whatever fails, nothing
 * is lost, and when it was done again nothing is there twice. */
#include "dovecot-tree.h"

#include <dirent.h>

enum { OPERATIONS_MAX = 400 };

/* --- what there is ----------------------------------------------------------- */

static uint32_t show(struct fixture *f, const char *name)
{
	struct cv_mailbox *box = fixture_open(f, name);
	uint32_t count = fixture_state(box).messages;
	char want[100];

	for (uint32_t seq = 1; seq <= count; seq++) {
		const char *text = fixture_body(f, box, seq);
		int number = (int)mailbox_api.uid_of(box, seq) +
			(strcmp(name, "other") == 0 ? TREE_INBOX : 0);

		tree_text(number, want);
		assert_int_equal(strncmp(text, want, strlen(want)), 0);
	}
	mailbox_api.close(&box);
	return count;
}

static void expect_all(struct fixture *f)
{
	assert_int_equal(show(f, "INBOX"), TREE_INBOX);
	assert_int_equal(show(f, "other"), TREE_ALL - TREE_INBOX);
}

static uint32_t count_in(const char *path, const char *word)
{
	FILE *file = fopen(path, "rb");
	static char data[1 << 16];
	size_t len = file == NULL ? 0 : fread(data, 1, sizeof(data), file);
	uint32_t count = 0;
	char *at = data;

	if (file != NULL)
		fclose(file);
	while ((at = memmem(at, len - (size_t)(at - data), word,
			    strlen(word))) != NULL) {
		at++;
		count++;
	}
	return count;
}

/* How many records of a message are in the containers of a directory. */
static uint32_t copies_in(struct fixture *f, const char *below, int number)
{
	char path[200], file[500], word[32];
	const struct dirent *entry;
	uint32_t count = 0;
	DIR *dir;

	snprintf(word, sizeof(word), "this is body %d.", number);
	tree_path(f, below, path);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if ((entry->d_name[0] != 'm' && entry->d_name[0] != 'c') ||
		    strcmp(entry->d_name, "c.append") == 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		count += count_in(file, word);
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

static uint32_t copies(struct fixture *f, int number)
{
	return copies_in(f, "storage", number) +
		copies_in(f, "../alt/storage", number);
}

/* 2 to 4 of INBOX are there, all others here, each once. */
static void expect_moved(struct fixture *f, bool moved)
{
	for (int i = 1; i <= TREE_ALL; i++) {
		bool away = moved && i >= 2 && i <= 4;

		assert_int_equal(copies_in(f, "storage", i), !away);
		assert_int_equal(copies_in(f, "../alt/storage", i), away);
	}
}

/* --- doing it ------------------------------------------------------------------- */

static int altmove(struct fixture *f, bool back)
{
	struct account_range range = { 2, 4 };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = store_altmove(box->sf, &range, 1, back, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static int purge(struct fixture *f)
{
	uint64_t freed;
	int ret = store_open(dbox_store(f), &f->err);

	return ret < 0 ? ret : store_purge(dbox_store(f), false, &freed,
					   &f->err);
}

static void lose_journal(struct fixture *f)
{
	char path[200];

	fixture_logout(f);
	tree_path(f, "culver", path);
	nftw(path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	fixture_login(f);
}

static void rotate(struct fixture *f)
{
	struct store *store = dbox_store(f);

	ok(f, store_open(store, &f->err));
	ok(f, account_rotate(store->account, time_monotonic_msecs() + 1000,
			     &f->err));
}

/* The same messages in containers of ours. */
static void own_init(struct fixture *f)
{
	dbox_init(f, "mdbox", ":ALT=~/alt");
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	for (int i = 1; i <= TREE_ALL; i++) {
		char text[100];

		tree_text(i, text);
		fixture_save(f, i <= TREE_INBOX ? "INBOX" : "other", text, 0);
	}
	rotate(f);
	fixture_logout(f);
}

/* --- Dovecot's files --------------------------------------------------------------- */

static void what_is_known_leaves_dovecots_file(void **state)
{
	struct fixture f;

	(void)state;
	tree_init(&f);
	fixture_login(&f);
	/* the other folder was never opened: it is looked at first */
	ok(&f, altmove(&f, false));
	assert_int_equal(fixture_count_files(&f, "storage"), 3);
	expect_moved(&f, true);
	expect_all(&f);
	ok(&f, altmove(&f, true));
	expect_moved(&f, false);
	expect_all(&f);
	lose_journal(&f);
	expect_all(&f);
	fixture_deinit(&f);
}

static void slurp(const struct fixture *f, const char *name, char *dst,
		  size_t *len_r)
{
	char path[200];
	FILE *file;

	tree_path(f, name, path);
	file = fopen(path, "rb");
	assert_non_null(file);
	*len_r = fread(dst, 1, 8192, file);
	fclose(file);
}

static void what_is_not_known_stays_in_dovecots_file(void **state)
{
	static char before[8192], after[8192];
	static const char *const lost[] = {
		"mailboxes/other/dbox-Mails/dovecot.index",
		"storage/dovecot.map.index",
	};

	(void)state;
	for (int i = 0; i < 1; i++) {
		struct fixture f;
		size_t len, now;

		tree_init(&f);
		tree_lose(&f, lost[i]);
		slurp(&f, "storage/m.1", before, &len);
		assert_true(len > 500 && len < sizeof(before));
		fixture_login(&f);
		log_set_level(NULL, LOG_LEVEL_FATAL);
		ok(&f, altmove(&f, false));
		log_set_level(NULL, LOG_LEVEL_INFO);
		slurp(&f, "storage/m.1", after, &now);
		assert_int_equal(now, len);
		assert_memory_equal(before, after, len);
		assert_int_equal(fixture_count_files(&f, "../alt/storage"),
				 0);
		assert_int_equal(show(&f, "INBOX"), TREE_INBOX);
		fixture_deinit(&f);
	}
}

static void a_file_that_cannot_be_read_to_its_end_stays(void **state)
{
	struct fixture f;
	char path[200];
	FILE *file;

	(void)state;
	tree_init(&f);
	tree_path(&f, "storage/m.1", path);
	file = fopen(path, "ab");
	assert_non_null(file);
	fputs("what is this", file);
	fclose(file);
	fixture_login(&f);
	log_set_level(NULL, LOG_LEVEL_FATAL);
	ok(&f, altmove(&f, false));
	log_set_level(NULL, LOG_LEVEL_INFO);
	expect_moved(&f, false);
	expect_all(&f);
	fixture_deinit(&f);
}

/* --- what broke off ------------------------------------------------------------------ */

static void copy_file(struct fixture *f, const char *from, const char *to)
{
	char a[200], b[200], data[8192];
	FILE *in, *out;
	size_t len;

	tree_path(f, from, a);
	tree_path(f, to, b);
	in = fopen(a, "rb");
	out = fopen(b, "wb");
	assert_true(in != NULL && out != NULL);
	len = fread(data, 1, sizeof(data), in);
	assert_int_equal(fwrite(data, 1, len, out), len);
	fclose(in);
	fclose(out);
}

/* The new place has it, and the old one still. */
static void break_off(struct fixture *f, bool foreign)
{
	static const char *const names[] = { "storage/c.1", "storage/m.1" };

	if (foreign)
		tree_init(f);
	else
		own_init(f);
	fixture_login(f);
	copy_file(f, names[foreign], "kept");
	ok(f, altmove(f, false));
	copy_file(f, "kept", names[foreign]);
	assert_int_equal(copies(f, 2), 2);
	fixture_logout(f);
	fixture_login(f);
	expect_all(f);
}

static void the_next_run_ends_what_broke_off(void **state)
{
	(void)state;
	for (int foreign = 0; foreign < 2; foreign++) {
		struct fixture f;

		break_off(&f, foreign);
		lose_journal(&f);
		expect_all(&f);
		ok(&f, altmove(&f, false));
		expect_moved(&f, true);
		expect_all(&f);
		fixture_deinit(&f);
	}
}

static void a_purge_takes_doubles_away(void **state)
{
	(void)state;
	for (int foreign = 0; foreign < 2; foreign++) {
		struct fixture f;

		break_off(&f, foreign);
		ok(&f, purge(&f));
		for (int i = 1; i <= TREE_ALL; i++)
			assert_int_equal(copies(&f, i), 1);
		expect_all(&f);
		fixture_deinit(&f);
	}
}

/* What is damaged at the new place is copied there once more. */
static void a_damaged_copy_is_no_copy(void **state)
{
	struct fixture f;
	char path[200], data[8192], *at;
	size_t len;
	FILE *file;

	(void)state;
	break_off(&f, false);
	slurp(&f, "../alt/storage/c.1", data, &len);
	at = memmem(data, len, "this is body 3", 14);
	assert_non_null(at);
	*at = 'X';
	tree_path(&f, "../alt/storage/c.1", path);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
	ok(&f, altmove(&f, false));
	expect_moved(&f, true);
	expect_all(&f);
	fixture_deinit(&f);
}

static void a_target_that_cannot_be_read_is_left_alone(void **state)
{
	struct fixture f;
	char path[200], data[8192];
	size_t len, now;

	(void)state;
	break_off(&f, false);
	tree_path(&f, "../alt/storage/c.1", path);
	slurp(&f, "../alt/storage/c.1", data, &len);
	assert_int_equal(truncate(path, 40), 0);
	log_set_level(NULL, LOG_LEVEL_FATAL);
	ok(&f, altmove(&f, false));
	log_set_level(NULL, LOG_LEVEL_INFO);
	slurp(&f, "../alt/storage/c.1", data, &now);
	assert_int_equal(now, 40);
	expect_all(&f);
	fixture_deinit(&f);
}

/* --- what comes meanwhile --------------------------------------------------------------- */

static struct fixture *the_other;
static struct cv_save *on_its_way;

/* Before the lock on a container, another session appends to it. */
static int lock_later(struct cv_io *io, int fd, int type, uint32_t msecs)
{
	struct fixture *f = the_other;
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
	};
	static char text[100000];	/* too large for the journal */
	size_t len;

	the_other = NULL;
	if (f != NULL) {
		tree_text(TREE_INBOX + 1, text);
		len = strlen(text);
		memset(text + len, '.', sizeof(text) - len - 1);
		ok(f, mailbox_api.save_begin(f->user, "INBOX", &on_its_way,
					     &f->err));
		ok(f, mailbox_api.save_add(on_its_way, &r, &f->err));
		ok(f, mailbox_api.save_write(on_its_way, text, strlen(text),
					     &f->err));
		ok(f, mailbox_api.save_finish(on_its_way, &f->err));
	}
	return storage_io_api.lock(io, fd, type, msecs);
}

static int op_altmove(struct fixture *f) { return altmove(f, false); }

static void mail_that_comes_meanwhile_is_kept(void **state)
{
	static int (*const runs[])(struct fixture *) = { op_altmove, purge };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct cv_io_api slow = storage_io_api;
		struct fixture f, other;
		struct cv_mailbox *box;
		struct cv_set uids;

		own_init(&f);
		other = f;
		fixture_login(&f);
		fixture_login(&other);
		box = fixture_open(&f, "INBOX");
		if (i == 1) {
			fixture_store(&f, box, 1, 1, CV_FLAGS_ADD,
				      CV_FLAG_DELETED, NULL);
			ok(&f, mailbox_api.expunge(box, NULL, &f.err));
		}
		mailbox_api.close(&box);
		slow.lock = lock_later;
		dbox_store(&f)->config.io_api = &slow;
		the_other = &other;
		ok(&f, runs[i](&f));
		assert_null(the_other);
		dbox_store(&f)->config.io_api = &storage_io_api;
		ok(&other, mailbox_api.save_commit(&on_its_way, other.pool,
						   NULL, &uids, &other.err));
		fixture_logout(&other);
		rotate(&f);
		fixture_logout(&f);
		fixture_login(&f);
		assert_int_equal(show(&f, "INBOX"), TREE_INBOX + 1 - i);
		fixture_deinit(&f);
	}
}

/* --- faults ------------------------------------------------------------------------------- */

struct fault_case { bool foreign, back; };

static void prepare(struct fixture *f, struct fault_case c)
{
	if (c.foreign)
		tree_init(f);
	else
		own_init(f);
	fixture_login(f);
	expect_all(f);
	if (c.back)
		ok(f, altmove(f, false));
	fixture_logout(f);
}

static void check(struct fixture *f, struct fault_case c)
{
	fixture_login(f);
	expect_all(f);
	for (int i = 1; i <= TREE_ALL; i++)
		assert_in_range(copies(f, i), 1, 2);
	lose_journal(f);
	expect_all(f);
	ok(f, altmove(f, c.back));
	expect_moved(f, !c.back);
	ok(f, purge(f));
	expect_moved(f, !c.back);
	expect_all(f);
}

/* True when it never came to call n. */
static bool fail_at(struct fault_case c, enum io_fault_kind fault, uint64_t n)
{
	struct fixture f;
	bool done;

	prepare(&f, c);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	io_fault_arm(f.io, fault, n, false);
	(void)altmove(&f, c.back);
	done = !io_fault_hit(f.io);
	io_fault_arm(f.io, IO_FAULT_NONE, 0, false);
	fixture_logout(&f);
	f.io = NULL;
	check(&f, c);
	fixture_deinit(&f);
	return done;
}

static bool kill_at(struct fault_case c, uint64_t n)
{
	struct fixture f;
	int status;
	pid_t pid;

	prepare(&f, c);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		f.io = io_fault_create(io_posix(), f.pool);
		fixture_login(&f);
		io_fault_arm(f.io, IO_FAULT_KILL, n, false);
		_exit(altmove(&f, c.back) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	check(&f, c);
	fixture_deinit(&f);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void each_call_may_fail(void **state)
{
	static const enum io_fault_kind faults[] = {
		IO_FAULT_EIO, IO_FAULT_ENOSPC, IO_FAULT_SHORT, IO_FAULT_TORN,
		IO_FAULT_LATE,
	};

	(void)state;
	log_set_level(NULL, LOG_LEVEL_FATAL);
	for (int i = 0; i < 4; i++) {
		struct fault_case c = { i / 2 != 0, i % 2 != 0 };
		uint64_t n;

		for (size_t k = 0; k < 5; k++) {
			n = 1;
			while (!fail_at(c, faults[k], n))
				assert_true(++n < OPERATIONS_MAX);
			assert_true(n > 5);
		}
		n = 1;
		while (!kill_at(c, n))
			assert_true(++n < OPERATIONS_MAX);
		assert_true(n > 5);
	}
	log_set_level(NULL, LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_leaves_dovecots_file),
		cmocka_unit_test(what_is_not_known_stays_in_dovecots_file),
		cmocka_unit_test(a_file_that_cannot_be_read_to_its_end_stays),
		cmocka_unit_test(the_next_run_ends_what_broke_off),
		cmocka_unit_test(a_purge_takes_doubles_away),
		cmocka_unit_test(a_damaged_copy_is_no_copy),
		cmocka_unit_test(a_target_that_cannot_be_read_is_left_alone),
		cmocka_unit_test(mail_that_comes_meanwhile_is_kept),
		cmocka_unit_test(each_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
