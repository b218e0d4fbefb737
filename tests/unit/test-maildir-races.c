/* test-maildir-races.c - other programs and other sessions at the worst
 * moment: the driver's calls are caught, so that it always comes then. */
#include "mailbox-fixture.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char mail[] = "Subject: x\n\nbody\n";

/* --- a driver whose calls can be caught ------------------------------------ */

static const struct cv_storage *real_driver;
static struct cv_storage caught;
static void (*before_scan)(void), (*after_scan)(void);
static void (*after_set_flags)(void), (*before_remove)(void);

static void call_once(void (**hook)(void))
{
	void (*f)(void) = *hook;

	*hook = NULL;
	if (f != NULL)
		f();
}

static int catch_scan(struct cv_storage_folder *folder, uint32_t scan,
		      cv_found_fn *fn, void *context, struct cv_error *err)
{
	int ret;

	call_once(&before_scan);
	ret = real_driver->scan(folder, scan, fn, context, err);
	call_once(&after_scan);
	return ret;
}

static int catch_set_flags(struct cv_storage_folder *folder,
			   struct cv_flag_update *updates, uint32_t count,
			   struct cv_error *err)
{
	int ret = real_driver->set_flags(folder, updates, count, err);

	call_once(&after_set_flags);
	return ret;
}

static int catch_remove(struct cv_storage_folder *folder,
			const struct cv_blob *blobs, uint32_t count,
			struct cv_error *err)
{
	call_once(&before_remove);
	return real_driver->remove(folder, blobs, count, err);
}

static void catch(struct cv_mailbox *box)
{
	real_driver = box->store->driver;
	caught = *real_driver;
	caught.scan = catch_scan;
	caught.set_flags = catch_set_flags;
	caught.remove = catch_remove;
	box->store->driver = &caught;
	before_scan = after_scan = after_set_flags = before_remove = NULL;
}

/* --- a Maildir --------------------------------------------------------------- */

static struct fixture *the_fixture;

static void init(struct fixture *f, const char *settings)
{
	static const char *const dirs[] = { "", "/cur", "/new", "/tmp" };
	char path[400];

	fixture_init(f, settings);
	the_fixture = f;
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/home/Maildir%s", f->dir,
			 dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static bool exists(struct fixture *f, const char *path)
{
	char full[400];

	snprintf(full, sizeof(full), "%s/home/Maildir/%s", f->dir, path);
	return access(full, F_OK) == 0;
}

static void rm(struct fixture *f, const char *path)
{
	char full[400];

	snprintf(full, sizeof(full), "%s/home/Maildir/%s", f->dir, path);
	assert_int_equal(unlink(full), 0);
}

static uint32_t flags_of(struct fixture *f, struct cv_mailbox *box,
			 uint32_t seq)
{
	return fixture_message(f, box, seq, 0).flags & CV_FLAGS_STORED;
}

/* As a session sees it that comes later, and looks at all files. */
static void check_flags(struct fixture *f, const uint32_t *flags,
			uint32_t count)
{
	struct cv_mailbox *box;

	fixture_logout(f);
	fixture_login(f);
	box = fixture_open(f, "INBOX");
	ok(f, store_folder_scan_all(box->sf, &f->err));
	(void)fixture_sync(f, box, 0);
	assert_int_equal(fixture_state(box).messages, count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(flags_of(f, box, i + 1), flags[i]);
	mailbox_api.close(&box);
}

/* --- flags ------------------------------------------------------------------- */

static int to_child[2], to_parent[2];

static void tell(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void wait_for(int fd)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
}

/* The files have new names, the journal knows nothing of it: now the other
 * session looks, and it commits before we look ourselves. */
static void let_child_look(void)
{
	tell(to_child[1]);
	wait_for(to_parent[0]);
}

static void wait_for_child(void)
{
	wait_for(to_parent[0]);
}

static void tell_parent(void)
{
	tell(to_parent[1]);
}

static void child_run(struct fixture *f)
{
	struct cv_mailbox *box;

	fixture_login(f);
	box = fixture_open(f, "INBOX");
	catch(box);
	wait_for(to_child[0]);
	after_scan = tell_parent;
	ok(f, store_folder_scan_all(box->sf, &f->err));
	tell_parent();
	_exit(0);
}

static void a_flag_survives_a_scan_within_a_store(void **state)
{
	const uint32_t seen = CV_FLAG_SEEN | CV_FLAG_FLAGGED;
	const uint32_t expected[] = { seen, seen | CV_FLAG_ANSWERED, seen };
	struct fixture f, other;
	struct cv_mailbox *box;
	int status;
	pid_t pid;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	fixture_write(&f, "cur/1600000002.b:2,S", mail);
	fixture_write(&f, "cur/1600000003.c:2,S", mail);
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_parent), 0);
	box = fixture_open(&f, "INBOX");
	other = f;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child_run(&other);
	catch(box);
	/* time for the child to open it */
	(void)usleep(100000);
	fixture_rename(&f, "cur/1600000002.b:2,S", "cur/1600000002.b:2,RS");
	after_set_flags = let_child_look;
	before_scan = wait_for_child;
	fixture_store(&f, box, 1, 3, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	mailbox_api.close(&box);
	check_flags(&f, expected, 3);
	assert_true(exists(&f, "cur/1600000001.a:2,FS"));
	assert_true(exists(&f, "cur/1600000002.b:2,FRS"));
	assert_true(exists(&f, "cur/1600000003.c:2,FS"));
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	fixture_deinit(&f);
}

/* The journal has the flag already, and the file has lost it. */
static void a_store_of_what_is_so_already_counts(void **state)
{
	const uint32_t expected[] = { CV_FLAG_SEEN, CV_FLAG_SEEN };
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	fixture_write(&f, "cur/1600000002.b:2,S", mail);
	box = fixture_open(&f, "INBOX");
	fixture_rename(&f, "cur/1600000001.a:2,S", "cur/1600000001.a:2,");
	fixture_store(&f, box, 1, 2, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	mailbox_api.close(&box);
	check_flags(&f, expected, 2);
	assert_true(exists(&f, "cur/1600000001.a:2,S"));
	fixture_deinit(&f);
}

static int renames_left;

static void rename_again(void)
{
	static bool with;

	fixture_rename(the_fixture, with ? "cur/1600000001.a:2,RS" :
		       "cur/1600000001.a:2,S", with ?
		       "cur/1600000001.a:2,S" : "cur/1600000001.a:2,RS");
	with = !with;
	if (--renames_left > 0)
		after_scan = rename_again;
}

static void a_store_goes_on_while_another_program_renames(void **state)
{
	const uint32_t expected[] = { CV_FLAG_SEEN | CV_FLAG_FLAGGED |
				      CV_FLAG_ANSWERED };
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	box = fixture_open(&f, "INBOX");
	catch(box);
	fixture_rename(&f, "cur/1600000001.a:2,S", "cur/1600000001.a:2,RS");
	fixture_rename(&f, "cur/1600000001.a:2,RS", "cur/1600000001.a:2,S");
	renames_left = 5;
	rename_again();
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	assert_int_equal(renames_left, 0);
	mailbox_api.close(&box);
	check_flags(&f, expected, 1);
	fixture_deinit(&f);
}

/* Names that cannot be computed are looked up: what another program has made
 * of them meanwhile is not undone. */
static void an_odd_name_keeps_what_others_have_set(void **state)
{
	const uint32_t expected[] = { CV_FLAG_SEEN | CV_FLAG_FLAGGED |
				      CV_FLAG_ANSWERED };
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,SX", mail);
	box = fixture_open(&f, "INBOX");
	fixture_rename(&f, "cur/1600000001.a:2,SX", "cur/1600000001.a:2,RSX");
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	mailbox_api.close(&box);
	check_flags(&f, expected, 1);
	fixture_deinit(&f);
}

/* --- removal ----------------------------------------------------------------- */

/* A rotation makes files durable; what another program has removed or renamed
 * is not made anew beside it. */
static void a_rotation_brings_nothing_back(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *name;
	char path[300], to[320];

	(void)state;
	init(&f, "");
	fixture_save(&f, "INBOX", mail, CV_FLAG_SEEN);
	fixture_save(&f, "INBOX", mail, CV_FLAG_DRAFT);
	box = fixture_open(&f, "INBOX");
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	assert_int_equal(fixture_count_files(&f, "cur"), 2);
	name = fixture_file(&f, "cur");
	snprintf(path, sizeof(path), "cur/%s", name);
	rm(&f, path);
	name = fixture_file(&f, "cur");
	snprintf(path, sizeof(path), "cur/%s", name);
	snprintf(to, sizeof(to), "cur/%.*s:2,RS",
		 (int)(strchr(name, ':') - name), name);
	fixture_rename(&f, path, to);
	ok(&f, account_rotate(box->store->account,
			      time_monotonic_msecs() + 10000, &f.err));
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	assert_true(exists(&f, to));
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(flags_of(&f, box, 1),
			 CV_FLAG_SEEN | CV_FLAG_ANSWERED);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* What neither search nor scan sees, as a rename can hide it. */
static void hide_cur(void)
{
	fixture_rename(the_fixture, "cur", "away");
	assert_int_equal(mkdir(pool_printf(the_fixture->pool,
					   "%s/home/Maildir/cur",
					   the_fixture->dir), 0700), 0);
}

static void show_cur(void)
{
	assert_int_equal(rmdir(pool_printf(the_fixture->pool,
					   "%s/home/Maildir/cur",
					   the_fixture->dir)), 0);
	fixture_rename(the_fixture, "away", "cur");
}

static void hide_again(void)
{
	show_cur();
	before_scan = hide_cur;
	after_scan = show_cur;
}

static void what_was_expunged_does_not_come_back(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,ST", mail);
	fixture_write(&f, "cur/1600000002.b:2,S", mail);
	box = fixture_open(&f, "INBOX");
	catch(box);
	before_remove = hide_cur;
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	/* nor does the next scan see it, which looks twice */
	after_scan = hide_again;
	(void)store_folder_scan_all(box->sf, &f.err);
	assert_true(exists(&f, "cur/1600000001.a:2,ST"));
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	assert_false(exists(&f, "cur/1600000001.a:2,ST"));
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(fixture_message(&f, box, 1, 0).uid, 2);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* So many that they are not looked for one by one. */
static void many_that_were_missed_are_not_taken_for_gone(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char path[64];

	(void)state;
	init(&f, "");
	for (int i = 0; i < 250; i++) {
		snprintf(path, sizeof(path), "cur/1600000%03d.a:2,S", i);
		fixture_write(&f, path, mail);
	}
	box = fixture_open(&f, "INBOX");
	catch(box);
	before_scan = hide_cur;
	after_scan = hide_again;
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 250);
	/* gone they are when nobody is at work */
	hide_cur();
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 0);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- removal while another session looks ------------------------------------- */

enum { PATIENCE_MSECS = 500 };

/* Who holds the lock makes it wait: then it goes on later. */
static void let_child_try(void)
{
	struct pollfd fd = { .fd = to_parent[0], .events = POLLIN };

	tell(to_child[1]);
	if (poll(&fd, 1, PATIENCE_MSECS) > 0)
		wait_for(to_parent[0]);
}

static void (*child_steps)(struct fixture *f, struct cv_mailbox *box);

static void expunge_of_another(struct fixture *f, struct cv_mailbox *box)
{
	const struct cv_range range = { 2, 2 };
	const struct cv_set second = { &range, 1 };

	wait_for(to_child[0]);
	ok(f, mailbox_api.expunge(box, &second, &f->err));
	ok(f, store_folder_scan_all(box->sf, &f->err));
	tell_parent();
}

static void two_scans(struct fixture *f, struct cv_mailbox *box)
{
	for (int i = 0; i < 2; i++) {
		wait_for(to_child[0]);
		ok(f, store_folder_scan_all(box->sf, &f->err));
		tell_parent();
	}
}

/* Whoever copied it places it while it is being removed. */
static void place_between_two_scans(void)
{
	let_child_try();
	fixture_rename(the_fixture, "tmp/1600000001.a",
		       "cur/1600000001.a:2,ST");
	let_child_try();
}

/* So many that the next expunge syncs, and forgets them. */
static void many_tombstones(struct fixture *f, struct cv_mailbox *box)
{
	struct account_txn *txn;
	char key[20];

	ok(f, store_begin(box->store, &txn, &f->err));
	for (int i = 0; i < 63; i++) {
		snprintf(key, sizeof(key), "gone.%d.0", i);
		ok(f, txn_metadata(txn, box->folder, cv_span_of(key),
				   CV_SPAN("1500000000.x\n"), &f->err));
	}
	ok(f, account_commit(&txn, ACCOUNT_NO_SYNC, &f->err));
}

static void remove_first(struct fixture *f, struct cv_mailbox *box, bool move)
{
	const struct cv_range range = { 1, 1 };
	const struct cv_set first = { &range, 1 };
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };

	if (!move)
		ok(f, mailbox_api.expunge(box, &first, &f->err));
	else
		ok(f, mailbox_api.copy(box, first, "other", true, f->pool,
				       &result, &f->err));
}

static pid_t fork_child(struct fixture *f)
{
	struct cv_mailbox *box;
	pid_t pid;

	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_parent), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		wait_for(to_parent[0]);
		return pid;
	}
	fixture_login(f);
	box = fixture_open(f, "INBOX");
	tell_parent();
	child_steps(f, box);
	_exit(0);
}

/* The first message is removed, and at the moment before its file goes
 * another session does its steps. */
static void meet(void (*steps)(struct fixture *, struct cv_mailbox *),
		 void (*hook)(void), bool move, uint32_t left)
{
	struct fixture f, other;
	struct cv_mailbox *box;
	int status;
	pid_t pid;

	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,ST", mail);
	fixture_write(&f, "cur/1600000002.b:2,ST", mail);
	fixture_write(&f, "cur/1600000003.c:2,S", mail);
	ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
	box = fixture_open(&f, "INBOX");
	many_tombstones(&f, box);
	child_steps = steps;
	other = f;
	pid = fork_child(&other);
	catch(box);
	if (hook == place_between_two_scans)
		fixture_rename(&f, "cur/1600000001.a:2,ST",
			       "tmp/1600000001.a");
	before_remove = hook;
	remove_first(&f, box, move);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	(void)fixture_sync(&f, box, 0);
	assert_false(exists(&f, "cur/1600000001.a:2,ST"));
	assert_int_equal(fixture_state(box).messages, left);
	assert_int_equal(fixture_state(box).uidnext, 4);
	mailbox_api.close(&box);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	fixture_deinit(&f);
}

static void what_is_being_expunged_is_no_new_message(void **state)
{
	(void)state;
	meet(expunge_of_another, let_child_try, false, 1);
}

static void what_is_being_moved_is_no_new_message(void **state)
{
	(void)state;
	meet(expunge_of_another, let_child_try, true, 1);
}

/* A process dies between the commit of an expunge and the removal of the file;
 * then others expunge so much that they forget what they removed. */
static void what_a_dead_process_expunged_stays_expunged(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct account_txn *txn;

	(void)state;
	init(&f, "");
	fixture_write(&f, "cur/1600000001.a:2,ST", mail);
	fixture_write(&f, "cur/1600000002.b:2,ST", mail);
	fixture_write(&f, "cur/1600000003.c:2,S", mail);
	box = fixture_open(&f, "INBOX");
	remove_first(&f, box, false);
	fixture_write(&f, "cur/1600000001.a:2,ST", mail);
	ok(&f, store_begin(box->store, &txn, &f.err));
	/* what it did not live to say */
	ok(&f, txn_metadata(txn, box->folder, cv_span_of(pool_printf(
		f.pool, "removed.%llu",
		(unsigned long long)box->sf->expunged)), CV_SPAN_NONE,
			    &f.err));
	ok(&f, account_commit(&txn, ACCOUNT_NO_SYNC, &f.err));
	many_tombstones(&f, box);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	assert_false(exists(&f, "cur/1600000001.a:2,ST"));
	ok(&f, store_folder_scan_all(box->sf, &f.err));
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(fixture_state(box).uidnext, 4);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* A scan that cannot see its file must not end its tombstone. */
static void what_was_not_placed_yet_is_no_new_message(void **state)
{
	(void)state;
	meet(two_scans, place_between_two_scans, false, 2);
	meet(two_scans, place_between_two_scans, true, 2);
}

/* --- names -------------------------------------------------------------------- */

static void rename_other(struct fixture *f, struct cv_mailbox *box)
{
	(void)box;
	wait_for(to_child[0]);
	ok(f, mailbox_api.rename(f->user, "other", "third", &f->err));
	tell_parent();
}

static void a_status_is_not_that_of_another_name(void **state)
{
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };
	struct fixture f, other;
	struct cv_mailbox *box;
	int status;
	pid_t pid;

	(void)state;
	init(&f, "");
	ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
	box = fixture_open(&f, "INBOX");
	child_steps = rename_other;
	other = f;
	pid = fork_child(&other);
	catch(box);
	before_scan = let_child_try;
	assert_int_equal(mailbox_api.status(f.user, "other",
					    CV_STATUS_MESSAGES, &st, &f.err),
			 CV_E_NOT_FOUND);
	assert_null(before_scan);
	ok(&f, mailbox_api.status(f.user, "third", CV_STATUS_MESSAGES, &st,
				  &f.err));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	mailbox_api.close(&box);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	fixture_deinit(&f);
}

/* Makes a mailbox, lets it be written to a snapshot, and deletes it; until the
 * other has met it, which on a busy machine takes longer. */
static void come_and_go(struct fixture *f, const volatile int *opened)
{
	uint64_t end = time_monotonic_msecs() + 60000;

	fixture_login(f);
	for (int i = 0; i < 300 || (*opened == 0 &&
				    time_monotonic_msecs() < end); i++) {
		struct cv_mailbox *box;

		ok(f, mailbox_api.create(f->user, "gone", 0, &f->err));
		(void)fixture_save(f, "gone", mail, 0);
		box = fixture_open(f, "gone");
		ok(f, account_rotate(box->store->account, end, &f->err));
		mailbox_api.close(&box);
		ok(f, mailbox_api.remove(f->user, "gone", &f->err));
		box = fixture_open(f, "INBOX");
		ok(f, account_rotate(box->store->account, end, &f->err));
		mailbox_api.close(&box);
	}
	fixture_logout(f);
	_exit(0);
}

static void a_mailbox_is_deleted_while_another_session_opens_it(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	volatile int *opened = mmap(NULL, sizeof(*opened),
				    PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	(void)state;
	assert_true(opened != MAP_FAILED);
	init(&f, "");
	fixture_logout(&f);
	pid = fork();
	if (pid == 0)
		come_and_go(&f, opened);
	fixture_login(&f);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int ret = mailbox_api.open(f.user, "gone", 0, &box, &f.err);

		if (ret != CV_OK && ret != CV_E_NOT_FOUND)
			fail_msg("%d %s", ret, f.err.text);
		if (ret != CV_OK)
			continue;
		*opened = 1;
		assert_false(account_is_damaged(box->store->account));
		mailbox_api.close(&box);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(*opened, 1);
	(void)munmap((void *)opened, sizeof(*opened));
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_survives_a_scan_within_a_store),
		cmocka_unit_test(a_store_of_what_is_so_already_counts),
		cmocka_unit_test(
			a_store_goes_on_while_another_program_renames),
		cmocka_unit_test(an_odd_name_keeps_what_others_have_set),
		cmocka_unit_test(a_rotation_brings_nothing_back),
		cmocka_unit_test(what_was_expunged_does_not_come_back),
		cmocka_unit_test(many_that_were_missed_are_not_taken_for_gone),
		cmocka_unit_test(what_a_dead_process_expunged_stays_expunged),
		cmocka_unit_test(what_is_being_expunged_is_no_new_message),
		cmocka_unit_test(what_is_being_moved_is_no_new_message),
		cmocka_unit_test(what_was_not_placed_yet_is_no_new_message),
		cmocka_unit_test(a_status_is_not_that_of_another_name),
		cmocka_unit_test(
			a_mailbox_is_deleted_while_another_session_opens_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
