/* test-mailbox-fault.c - every operation with each of its system calls
 * failing, and processes that die or work at the same time.
 *
 * After each failure a new session looks: what was acknowledged is there, what
 * was not is there wholly or not at all, and never twice. */
#include "mailbox-fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char body[] = "Subject: x\r\n\r\nbody\r\n";
enum { SEEN = CV_FLAG_SEEN, OPERATIONS_MAX = 400 };

typedef int operation(struct fixture *f);

static int op_save(struct fixture *f)
{
	return fixture_try_save(f, "INBOX", CV_SPAN(body), SEEN, NULL);
}

static int op_deliver(struct fixture *f)
{
	return fixture_try_save(f, "INBOX", CV_SPAN(body), 0, NULL);
}

static int op_save_big(struct fixture *f)
{
	return fixture_try_save_big(f, 100000, SEEN);
}

static int op_store(struct fixture *f) { return fixture_try_flag(f, 2); }
static int op_expunge(struct fixture *f) { return fixture_try_expunge(f); }
static int op_copy(struct fixture *f) { return fixture_try_copy(f, false); }
static int op_move(struct fixture *f) { return fixture_try_copy(f, true); }

/* The second message goes when a new one comes: both or neither. */
static int replace_into(struct fixture *f, const char *name)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.flags = SEEN | CV_FLAG_FLAGGED, .internal_date = INT64_MIN };
	struct cv_mailbox *box;
	struct cv_save *save;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = mailbox_api.save_begin(f->user, name, &save, &f->err);
	if (ret == CV_OK) {
		ret = mailbox_api.save_replace(save, box, 2, &f->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_add(save, &r, &f->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_write(save, body,
						     sizeof(body) - 1,
						     &f->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_finish(save, &f->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_commit(&save, f->pool, NULL,
						      NULL, &f->err);
		else
			mailbox_api.save_abort(&save);
	}
	mailbox_api.close(&box);
	return ret;
}

static int op_replace(struct fixture *f) { return replace_into(f, "INBOX"); }

static int op_replace_elsewhere(struct fixture *f)
{
	return replace_into(f, "other");
}

static int op_create(struct fixture *f) { return fixture_try_create(f); }
static int op_rename(struct fixture *f) { return fixture_try_rename(f); }

/* --- what a mailbox holds --------------------------------------------------------- */

struct census {
	uint32_t messages, flagged, deleted, other, renamed;
	bool has_made;
};

static uint32_t count(struct fixture *f, const char *name,
		      struct census *census)
{
	struct cv_mailbox *box;
	uint32_t messages;
	int ret = mailbox_api.open(f->user, name, 0, &box, &f->err);

	if (ret == CV_E_NOT_FOUND)
		return 0;
	ok(f, ret);
	messages = fixture_state(box).messages;
	for (uint32_t seq = 1; seq <= messages; seq++) {
		struct cv_message_data d = fixture_message(f, box, seq, 0);
		const char *text = fixture_body(f, box, seq);

		assert_int_equal(strncmp(text, "Subject: ", 9), 0);
		assert_string_equal(text + strlen(text) - 2, "\r\n");
		if (census == NULL)
			continue;
		census->flagged += (d.flags & CV_FLAG_FLAGGED) != 0;
		census->deleted += (d.flags & CV_FLAG_DELETED) != 0;
	}
	mailbox_api.close(&box);
	return messages;
}

static struct census look(struct fixture *f)
{
	struct census c = { 0 };
	struct cv_mailbox *box;

	c.messages = count(f, "INBOX", &c);
	c.other = count(f, "other", NULL);
	c.renamed = count(f, "renamed", NULL);
	if (mailbox_api.open(f->user, "made", 0, &box, &f->err) == CV_OK) {
		c.has_made = true;
		mailbox_api.close(&box);
	}
	return c;
}

static bool same(const struct census *a, const struct census *b)
{
	return a->messages == b->messages && a->flagged == b->flagged &&
		a->deleted == b->deleted && a->other == b->other &&
		a->renamed == b->renamed && a->has_made == b->has_made;
}

static void prepare(struct fixture *f)
{
	fixture_init(f, "");
	fixture_save(f, "INBOX", body, SEEN);
	fixture_save(f, "INBOX", body, SEEN | CV_FLAG_DELETED);
	fixture_save(f, "INBOX", body, SEEN);
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	fixture_save(f, "other", body, SEEN);
	fixture_logout(f);
}

/* One try with operation n failing; true when it never came to that. */
static bool run_failing(operation *op, enum io_fault_kind kind, uint64_t n,
			const struct census *before,
			const struct census *after)
{
	struct fixture f;
	struct census now;
	bool hit;
	int ret;

	prepare(&f);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	io_fault_arm(f.io, kind, n, false);
	ret = op(&f);
	hit = io_fault_hit(f.io);
	io_fault_arm(f.io, IO_FAULT_NONE, 0, false);
	fixture_logout(&f);
	f.io = NULL;
	fixture_login(&f);
	now = look(&f);
	if (ret >= 0 ? !same(&now, after) :
	    !same(&now, before) && !same(&now, after))
		fail_msg("kind %d at %llu: returned %d (%s), found %u "
			 "messages %u flagged %u deleted %u other %u renamed",
			 kind, (unsigned long long)n, ret, f.err.text,
			 now.messages, now.flagged, now.deleted, now.other,
			 now.renamed);
	fixture_deinit(&f);
	return !hit;
}

static void fail_each(operation *op)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_EIO, IO_FAULT_ENOSPC, IO_FAULT_SHORT, IO_FAULT_TORN,
		IO_FAULT_LATE,
	};
	struct census before, after;
	struct fixture f;

	log_set_level(NULL, LOG_LEVEL_FATAL);
	prepare(&f);
	fixture_login(&f);
	before = look(&f);
	ok(&f, op(&f));
	after = look(&f);
	assert_false(same(&before, &after));
	fixture_deinit(&f);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		uint64_t n = 1;

		while (!run_failing(op, kinds[k], n, &before, &after)) {
			n++;
			assert_true(n < OPERATIONS_MAX);
		}
	}
	log_set_level(NULL, LOG_LEVEL_INFO);
}

#define FAILING(name) \
	static void name##_fails_cleanly(void **state) \
	{ (void)state; fail_each(op_##name); }
FAILING(save)
FAILING(deliver)
FAILING(save_big)
FAILING(store)
FAILING(expunge)
FAILING(copy)
FAILING(move)
FAILING(replace)
FAILING(replace_elsewhere)
FAILING(create)
FAILING(rename)

/* --- processes -------------------------------------------------------------------- */

#ifdef FIXTURE_MBOX
#define assert_on_disk(f, folder, messages)
#else
static uint32_t count_files(struct fixture *f, const char *folder,
			    const char *dir)
{
	DIR *d = opendir(pool_printf(f->pool, "%s/home/Maildir/%s%s", f->dir,
				     folder, dir));
	struct dirent *e;
	uint32_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		(void)closedir(d);
	return n;
}

/* Another program sees what our sessions see. */
static void assert_on_disk(struct fixture *f, const char *folder,
			   uint32_t messages)
{
	assert_int_equal(count_files(f, folder, "new/") +
			 count_files(f, folder, "cur/"), messages);
}
#endif

/* Kills a process at each of its operations. */
static void kill_each(operation *op, const struct census *before,
		      const struct census *after)
{
	bool done = false;

	for (uint64_t n = 1; !done; n++) {
		struct fixture f;
		struct census now;
		int status;
		pid_t pid;

		assert_true(n < OPERATIONS_MAX);
		prepare(&f);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			f.io = io_fault_create(io_posix(), f.pool);
			fixture_login(&f);
			io_fault_arm(f.io, IO_FAULT_KILL, n, false);
			status = op(&f);
			_exit(status < 0 ? 1 : io_fault_hit(f.io) ? 2 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		fixture_login(&f);
		now = look(&f);
		/* file names change one by one, before the commit: a STORE
		 * that nobody acknowledged may have reached a part of them */
		if (op == op_store && now.flagged > before->flagged)
			now.flagged = after->flagged;
		if (!same(&now, after) && (done || !same(&now, before)))
			fail_msg("killed at %llu: %u messages %u flagged %u "
				 "deleted %u other", (unsigned long long)n,
				 now.messages, now.flagged, now.deleted,
				 now.other);
		assert_on_disk(&f, "", now.messages);
		assert_on_disk(&f, ".other/", now.other);
		fixture_deinit(&f);
	}
}

static void a_killed_process_leaves_no_trace(void **state)
{
	static operation *const ops[] = {
		op_save, op_deliver, op_save_big, op_store, op_expunge,
		op_copy, op_move, op_replace, op_replace_elsewhere,
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct census before, after;
		struct fixture f;

		prepare(&f);
		fixture_login(&f);
		before = look(&f);
		ok(&f, ops[i](&f));
		after = look(&f);
		fixture_deinit(&f);
		kill_each(ops[i], &before, &after);
	}
	log_set_level(NULL, LOG_LEVEL_INFO);
}

#ifndef FIXTURE_MBOX
static const struct cv_storage *placing;
static struct {
	struct cv_storage_folder *folder;
	struct cv_blob blob;
	char ref[256];
} late;

static void place_late(struct cv_storage_folder *folder,
		       const struct cv_blob *blobs, uint32_t count)
{
	assert_int_equal(count, 1);
	assert_true(blobs[0].ref.len < sizeof(late.ref));
	assert_int_equal(blobs[0].keywords.count, 0);
	memcpy(late.ref, blobs[0].ref.data, blobs[0].ref.len);
	late.folder = folder;
	late.blob = blobs[0];
	late.blob.ref.data = late.ref;
	late.blob.keywords.names = NULL;
}

/* So that what was looked at need not be looked at again. */
static void make_old(struct fixture *f, const char *dir)
{
	static const struct timespec times[2] = { { 1000000000, 0 },
						  { 1000000000, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, pool_printf(
		f->pool, "%s/home/Maildir/%s", f->dir, dir), times, 0), 0);
}

/* A session has as \Recent what another one has committed and not placed yet:
 * it lies where mail that was seen lies, whoever is quicker. */
static void what_was_not_placed_is_settled(void **state)
{
	struct cv_storage driver;
	struct cv_mailbox *box, *writing;
	struct fixture f, other;
	struct store *store;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", body, 0);
	mailbox_api.close(&(struct cv_mailbox *){ fixture_open(&f, "INBOX") });
	make_old(&f, "new");
	make_old(&f, "cur");
	mailbox_api.close(&(struct cv_mailbox *){ fixture_open(&f, "INBOX") });
	other = f;
	fixture_login(&other);
	writing = fixture_open(&other, "INBOX");
	store = other.user->namespaces[0].store;
	placing = store->driver;
	driver = *placing;
	driver.place = place_late;
	store->driver = &driver;
	fixture_save(&other, "INBOX", body, 0);
	assert_non_null(late.folder);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).recent, 1);
	placing->place(late.folder, &late.blob, 1);
	assert_int_equal(fixture_count_files(&f, "new"), 0);
	assert_int_equal(fixture_count_files(&f, "cur"), 2);
	store->driver = placing;
	mailbox_api.close(&writing);
	mailbox_api.close(&box);
	fixture_logout(&other);
	fixture_deinit(&f);
}
#endif

enum { WORKERS = 4, DELIVERIES = 25 };

static void work(struct fixture *f, int worker)
{
	char text[100];
	int ret;

	fixture_login(f);
	for (int i = 0; i < DELIVERIES; i++) {
		struct cv_mailbox *box;

		snprintf(text, sizeof(text), "Subject: %d.%d\r\n\r\nx\r\n",
			 worker, i);
		ret = fixture_try_save(f, "INBOX", cv_span_of(text),
				       i % 2 ? SEEN : 0, NULL);
		if (ret < 0)
			_exit(1);
		if (i % 5 != 0)
			continue;
		if (mailbox_api.open(f->user, "INBOX", 0, &box, &f->err) < 0 ||
		    mailbox_api.sync(box, CV_SYNC_FULL, NULL, &f->err) < 0 ||
		    fixture_try_store(f, box, 1, 3, CV_FLAGS_ADD,
				      CV_FLAG_FLAGGED, NULL) < 0)
			_exit(2);
		mailbox_api.close(&box);
	}
	fixture_logout(f);
	_exit(0);
}

static void processes_share_a_mailbox(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct hash_table subjects;
	uint32_t last = 0;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", body, 0);
	fixture_workers(&f, WORKERS, work);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages,
			 1 + WORKERS * DELIVERIES);
	hash_init(&subjects, f.pool, false);
	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		const char *text = fixture_body(&f, box, seq);

		assert_null(hash_find(&subjects, cv_span_of(text)));
		hash_set(&subjects, cv_span_of(text), box);
		assert_true(mailbox_api.uid_of(box, seq) > last);
		last = mailbox_api.uid_of(box, seq);
	}
#ifndef FIXTURE_MBOX
	assert_int_equal(fixture_count_files(&f, "cur"),
			 1 + WORKERS * DELIVERIES);
#endif
	fixture_deinit(&f);
}

/* --- power cuts --------------------------------------------------------------------- */

#ifndef FIXTURE_MBOX
static void what_a_power_cut_took_comes_back(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char path[600];

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", body, SEEN);
	fixture_save(&f, "INBOX", body, SEEN);
	box = fixture_open(&f, "INBOX");
	fixture_store(&f, box, 2, 2, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	snprintf(path, sizeof(path), "cp %s/home/Maildir/cur/*T %s/kept",
		 f.dir, f.dir);
	assert_int_equal(system(path), 0);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	fixture_logout(&f);
	/* the rename and the unlink were not synced, nor was the file */
	snprintf(path, sizeof(path), "cd %s/home/Maildir/cur && rm * && "
		 "cp %s/kept revived:2,ST", f.dir, f.dir);
	assert_int_equal(system(path), 0);
	f.boot_id[0]++;
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	/* the revived file has another name here: a message of its own */
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(mailbox_api.uid_of(box, 1), 1);
	assert_int_equal(fixture_message(&f, box, 1, 0).flags,
			 SEEN | CV_FLAG_FLAGGED);
	assert_string_equal(fixture_body(&f, box, 1), body);
	assert_int_equal(fixture_count_files(&f, "cur"), 2);
	fixture_deinit(&f);
}

static void lost_renames_and_unlinks_are_done_again(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *name, *gone;
	char from[400], to[400], command[900];

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", body, SEEN | CV_FLAG_DELETED);
	box = fixture_open(&f, "INBOX");
	gone = fixture_file(&f, "cur");
	snprintf(command, sizeof(command), "cp '%s/home/Maildir/cur/%s' "
		 "%s/kept", f.dir, gone, f.dir);
	assert_int_equal(system(command), 0);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	fixture_save(&f, "INBOX", body, SEEN);
	fixture_sync(&f, box, CV_SYNC_FULL);
	name = fixture_file(&f, "cur");
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	fixture_logout(&f);
	snprintf(from, sizeof(from), "cur/%s", fixture_file(&f, "cur"));
	snprintf(to, sizeof(to), "cur/%s", name);
	fixture_rename(&f, from, to);
	snprintf(command, sizeof(command), "cp %s/kept "
		 "'%s/home/Maildir/cur/%s'", f.dir, f.dir, gone);
	assert_int_equal(system(command), 0);
	f.boot_id[0]++;
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, SEEN | CV_FLAG_FLAGGED);
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	assert_non_null(strstr(fixture_file(&f, "cur"), ":2,FS"));
	fixture_deinit(&f);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(save_fails_cleanly),
		cmocka_unit_test(deliver_fails_cleanly),
		cmocka_unit_test(save_big_fails_cleanly),
		cmocka_unit_test(store_fails_cleanly),
		cmocka_unit_test(expunge_fails_cleanly),
		cmocka_unit_test(copy_fails_cleanly),
		cmocka_unit_test(move_fails_cleanly),
		cmocka_unit_test(replace_fails_cleanly),
		cmocka_unit_test(replace_elsewhere_fails_cleanly),
		cmocka_unit_test(create_fails_cleanly),
		cmocka_unit_test(rename_fails_cleanly),
		cmocka_unit_test(a_killed_process_leaves_no_trace),
#ifndef FIXTURE_MBOX
		cmocka_unit_test(what_was_not_placed_is_settled),
#endif
		cmocka_unit_test(processes_share_a_mailbox),
#ifndef FIXTURE_MBOX
		cmocka_unit_test(what_a_power_cut_took_comes_back),
		cmocka_unit_test(lost_renames_and_unlinks_are_done_again),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
