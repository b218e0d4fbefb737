/* test-dbox.c - sdbox and mdbox under the mailbox API: saving, copying,
 * power cuts, rebuilding, purge, the alternative place, and each operation
 * with each of its system calls failing.  The tree is in ~/Maildir, for the
 * fixture's sake. */
#include "dbox-fixture.h"

#include <sys/wait.h>

static const char body[] = "Subject: x\r\n\r\nbody\r\n";
static const char *const kinds[] = { "sdbox", "mdbox" };

enum { SEEN = CV_FLAG_SEEN, OPERATIONS_MAX = 600 };

/* LF on disk, CRLF or not: what BODY[] gives is what was stored. */
static void expect(struct fixture *f, const char *name, uint32_t count,
		   uint32_t first_uid)
{
	struct cv_mailbox *box = fixture_open(f, name);

	assert_int_equal(fixture_state(box).messages, count);
	for (uint32_t seq = 1; seq <= count; seq++) {
		const char *text = fixture_body(f, box, seq);

		assert_non_null(strstr(text, "Subject: "));
		assert_non_null(strstr(text, "body"));
	}
	if (first_uid != 0)
		assert_int_equal(mailbox_api.uid_of(box, 1), first_uid);
	mailbox_api.close(&box);
}

static void copy(struct fixture *f, const char *from, uint32_t first,
		 uint32_t last, const char *to, bool move)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { first, last };
	struct cv_set seqs = { &range, 1 };
	struct cv_mailbox *box = fixture_open(f, from);

	ok(f, mailbox_api.copy(box, seqs, to, move, f->pool, &result,
			       &f->err));
	mailbox_api.close(&box);
}

static void expunge(struct fixture *f, const char *name, uint32_t first,
		    uint32_t last)
{
	struct cv_mailbox *box = fixture_open(f, name);

	fixture_store(f, box, first, last, CV_FLAGS_ADD, CV_FLAG_DELETED,
		      NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
	mailbox_api.close(&box);
}

static void again(struct fixture *f)
{
	fixture_logout(f);
	fixture_login(f);
}

static void rotate(struct fixture *f)
{
	struct store *store = dbox_store(f);

	ok(f, store_open(store, &f->err));
	ok(f, account_rotate(store->account, time_monotonic_msecs() + 1000,
			     &f->err));
}

static const char *big_body(struct fixture *f)
{
	struct cv_text big;

	cv_text_init(&big, f->pool);
	cv_text_append_str(&big, "Subject: big\r\n\r\nbody\r\n");
	while (big.len < 700000)
		cv_text_append_str(&big, "filling the message\r\n");
	return cv_text_str(&big);
}

/* --- what every mail store does -------------------------------------------------- */

static void saved_mail_is_read_back_with_flags_and_keywords(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;
		struct cv_mailbox *box;
		struct cv_message_data d;

		dbox_init(&f, kinds[k], "");
		assert_int_equal(fixture_save(&f, "INBOX", body, 0), 1);
		assert_int_equal(fixture_save(&f, "INBOX", body, SEEN), 2);
		assert_int_equal(fixture_save(&f, "INBOX", big_body(&f), 0),
				 3);
		box = fixture_open(&f, "INBOX");
		fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED,
			      "$Key");
		mailbox_api.close(&box);
		rotate(&f);
		again(&f);
		expect(&f, "INBOX", 3, 1);
		box = fixture_open(&f, "INBOX");
		d = fixture_message(&f, box, 1, 0);
		assert_int_equal(d.flags, CV_FLAG_FLAGGED);
		assert_int_equal(d.keywords.count, 1);
		assert_string_equal(d.keywords.names[0], "$Key");
		d = fixture_message(&f, box, 2, 0);
		assert_int_equal(d.flags, SEEN);
		assert_int_equal(strlen(fixture_body(&f, box, 3)),
				 strlen(big_body(&f)));
		mailbox_api.close(&box);
		fixture_deinit(&f);
	}
}

static void copies_and_moves_share_the_bytes(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;

		dbox_init(&f, kinds[k], "");
		ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
		for (int i = 0; i < 3; i++)
			fixture_save(&f, "INBOX", body, 0);
		rotate(&f);
		copy(&f, "INBOX", 1, 3, "other", false);
		copy(&f, "INBOX", 1, 1, "INBOX", false);
		copy(&f, "INBOX", 2, 2, "other", true);
		again(&f);
		expect(&f, "INBOX", 3, 1);
		expect(&f, "other", 4, 1);
		/* the first goes; its copies stay */
		expunge(&f, "INBOX", 1, 1);
		again(&f);
		expect(&f, "INBOX", 2, 3);
		expect(&f, "other", 4, 1);
		fixture_deinit(&f);
	}
}

static void folders_are_made_renamed_and_removed(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;
		struct cv_mailbox *box;

		dbox_init(&f, kinds[k], "");
		ok(&f, mailbox_api.create(f.user, "a/b/\xc3\xa4", 0, &f.err));
		fixture_save(&f, "a/b/\xc3\xa4", body, 0);
		rotate(&f);
		ok(&f, mailbox_api.rename(f.user, "a/b/\xc3\xa4", "c/d",
					  &f.err));
		again(&f);
		expect(&f, "c/d", 1, 1);
		assert_int_equal(mailbox_api.open(f.user, "a/b/\xc3\xa4", 0,
						  &box, &f.err),
				 CV_E_NOT_FOUND);
		ok(&f, mailbox_api.remove(f.user, "c/d", &f.err));
		again(&f);
		assert_int_equal(mailbox_api.open(f.user, "c/d", 0, &box,
						  &f.err), CV_E_NOT_FOUND);
		/* nothing of it is left on disk */
		assert_int_equal(fixture_count_files(&f, "mailboxes"), 1);
		assert_true(mailbox_api.create(f.user, "a/../b", 0,
					       &f.err) < 0);
		assert_true(mailbox_api.create(f.user, "dbox-Mails", 0,
					       &f.err) < 0);
		fixture_deinit(&f);
	}
}

/* --- power cuts and lost journals --------------------------------------------------- */

static void remove_below(struct fixture *f, const char *path)
{
	char full[300];

	snprintf(full, sizeof(full), "%s/home/Maildir/%s", f->dir, path);
	nftw(full, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void bodies_lost_in_a_power_cut_come_from_the_journal(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;

		dbox_init(&f, kinds[k], "");
		for (int i = 0; i < 3; i++)
			fixture_save(&f, "INBOX", body, 0);
		fixture_logout(&f);
		const char *folder = k == 0 ? "mailboxes/INBOX/dbox-Mails" :
			"storage";
		char full[300];

		/* the folder was synced, and no file: none is left */
		remove_below(&f, folder);
		snprintf(full, sizeof(full), "%s/home/Maildir/%s", f.dir,
			 folder);
		assert_int_equal(mkdir(full, 0700), 0);
		f.boot_id[0]++;
		fixture_login(&f);
		expect(&f, "INBOX", 3, 1);
		/* the rotation lays them out */
		rotate(&f);
		again(&f);
		expect(&f, "INBOX", 3, 1);
		/* new mail does not take their place */
		assert_int_equal(fixture_save(&f, "INBOX", body, 0), 4);
		rotate(&f);
		again(&f);
		expect(&f, "INBOX", 4, 1);
		fixture_deinit(&f);
	}
}

/* Bytes from..to of the first container, as a write leaves them that did not
 * reach the disk. */
static void zero_container(struct fixture *f, off_t from, off_t to)
{
	char full[300];
	int fd;

	snprintf(full, sizeof(full), "%s/home/Maildir/storage/c.1", f->dir);
	fd = open(full, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t at = from; at < to; at++)
		assert_int_equal(pwrite(fd, "", 1, at), 1);
	close(fd);
}

static uint32_t messages_in(struct fixture *f, const char *name)
{
	struct cv_mailbox *box = fixture_open(f, name);
	uint32_t count = fixture_state(box).messages;

	mailbox_api.close(&box);
	return count;
}

/* A record was made as large as its first mailbox wanted it; the one that it
 * is in now may want more, and the next one stands behind it. */
static void a_record_written_again_leaves_its_neighbour(void **state)
{
	static const char name[] = "a mailbox whose name is longer than that";

	(void)state;
	for (int lost = 1; lost <= 3; lost++) {
		struct fixture f;

		dbox_init(&f, "mdbox", "");
		ok(&f, mailbox_api.create(f.user, name, 0, &f.err));
		for (int i = 0; i < 3; i++)
			fixture_save(&f, "INBOX", body, 0);
		copy(&f, "INBOX", 1, 2, name, true);
		fixture_logout(&f);
		zero_container(&f, 64, lost == 1 ? 72 : 64 + 224 * lost);
		f.boot_id[0]++;
		fixture_login(&f);
		rotate(&f);
		again(&f);
		expect(&f, "INBOX", 1, 3);
		expect(&f, name, 2, 1);
		/* and who reads the container from its beginning finds each
		 * once, where that is known no more */
		remove_below(&f, "culver");
		again(&f);
		assert_int_equal(messages_in(&f, "INBOX") +
				 messages_in(&f, name), 3);
		fixture_deinit(&f);
	}
}

/* A rotation before anybody has ended the rename that a power cut broke off:
 * the folder lies under its new name, and its bodies in the journal. */
static void a_rename_cut_short_loses_no_body(void **state)
{
	struct fixture f;
	struct store *store;
	char from[300], to[300];

	(void)state;
	dbox_init(&f, "sdbox", "");
	ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
	fixture_save(&f, "other", body, 0);
	store = dbox_store(&f);
	ok(&f, store_open(store, &f.err));
	ok(&f, store_rename_announce(store, "other", "renamed", &f.err));
	fixture_logout(&f);
	snprintf(from, sizeof(from), "%s/home/Maildir/mailboxes/other", f.dir);
	snprintf(to, sizeof(to), "%s/home/Maildir/mailboxes/renamed", f.dir);
	assert_int_equal(rename(from, to), 0);
	remove_below(&f, "mailboxes/renamed/dbox-Mails");
	snprintf(to, sizeof(to), "%s/home/Maildir/mailboxes/renamed/dbox-Mails",
		 f.dir);
	assert_int_equal(mkdir(to, 0700), 0);
	f.boot_id[0]++;
	fixture_login(&f);
	rotate(&f);
	again(&f);
	expect(&f, "renamed", 1, 1);
	fixture_deinit(&f);
}

static void a_lost_journal_is_rebuilt_from_the_trailers(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;
		struct cv_mailbox *box;
		uint32_t validity;

		dbox_init(&f, kinds[k], "");
		ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
		for (int i = 0; i < 4; i++)
			fixture_save(&f, "INBOX", body, i == 2 ? SEEN : 0);
		fixture_save(&f, "other", body, CV_FLAG_FLAGGED);
		expunge(&f, "INBOX", 2, 2);
		box = fixture_open(&f, "INBOX");
		validity = fixture_state(box).uidvalidity;
		mailbox_api.close(&box);
		fixture_logout(&f);
		remove_below(&f, "culver");
		fixture_login(&f);
		box = fixture_open(&f, "INBOX");
		assert_int_equal(fixture_state(box).uidvalidity, validity);
		/* in a container the expunged one is there until a purge */
		assert_int_equal(fixture_state(box).messages, k == 0 ? 3 : 4);
		assert_int_equal(mailbox_api.uid_of(box, 1), 1);
		assert_int_equal(mailbox_api.uid_of(box, k == 0 ? 2 : 3), 3);
		assert_int_equal(fixture_message(&f, box, k == 0 ? 2 : 3,
						 0).flags, SEEN);
		mailbox_api.close(&box);
		box = fixture_open(&f, "other");
		assert_int_equal(fixture_state(box).messages, 1);
		assert_int_equal(fixture_message(&f, box, 1, 0).flags,
				 CV_FLAG_FLAGGED);
		mailbox_api.close(&box);
		fixture_deinit(&f);
	}
}

static void a_scan_brings_back_nothing_that_was_expunged(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;
		struct cv_mailbox *box;

		dbox_init(&f, kinds[k], "");
		for (int i = 0; i < 4; i++)
			fixture_save(&f, "INBOX", body, 0);
		rotate(&f);
		expunge(&f, "INBOX", 2, 3);
		again(&f);
		box = fixture_open(&f, "INBOX");
		ok(&f, store_folder_scan_all(box->sf, &f.err));
		mailbox_api.close(&box);
		again(&f);
		expect(&f, "INBOX", 2, 1);
		fixture_deinit(&f);
	}
}

/* --- mdbox alone --------------------------------------------------------------------- */

static uint64_t purge(struct fixture *f)
{
	uint64_t freed = 0;

	ok(f, store_open(dbox_store(f), &f->err));
	ok(f, store_purge(dbox_store(f), false, &freed, &f->err));
	return freed;
}

static void purge_frees_what_nobody_refers_to(void **state)
{
	struct fixture f;

	(void)state;
	dbox_init(&f, "mdbox", "");
	ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
	for (int i = 0; i < 6; i++)
		fixture_save(&f, "INBOX", body, 0);
	rotate(&f);
	copy(&f, "INBOX", 1, 2, "other", false);
	assert_int_equal(purge(&f), 0);
	expunge(&f, "INBOX", 1, 3);
	/* 1 and 2 are still in other */
	assert_true(purge(&f) > 0);
	assert_int_equal(purge(&f), 0);
	expect(&f, "INBOX", 3, 4);
	expect(&f, "other", 2, 1);
	/* the container was taken from those who append */
	fixture_save(&f, "INBOX", body, 0);
	rotate(&f);
	again(&f);
	expect(&f, "INBOX", 4, 4);
	expect(&f, "other", 2, 1);
	expunge(&f, "INBOX", 1, 4);
	expunge(&f, "other", 1, 2);
	assert_true(purge(&f) > 0);
	/* nothing is left but, perhaps, nothing */
	assert_int_equal(fixture_count_files(&f, "storage"), 0);
	fixture_deinit(&f);
}

static void containers_rotate_by_size(void **state)
{
	struct fixture f;

	(void)state;
	dbox_init(&f, "mdbox", "");
	dbox_fixture_settings.rotate_size = 1000;
	for (int i = 0; i < 12; i++)
		fixture_save(&f, "INBOX", body, 0);
	/* and the second name of the last one */
	assert_true(fixture_count_files(&f, "storage") >= 4);
	expect(&f, "INBOX", 12, 1);
	fixture_deinit(&f);
}

static void a_message_on_its_way_survives_a_purge(void **state)
{
	struct fixture f;
	struct cv_save *save;
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
	};
	struct cv_mailbox *box;
	struct cv_set uids;

	(void)state;
	dbox_init(&f, "mdbox", "");
	fixture_save(&f, "INBOX", body, CV_FLAG_DELETED);
	fixture_save(&f, "INBOX", body, 0);
	box = fixture_open(&f, "INBOX");
	ok(&f, mailbox_api.save_begin(f.user, "INBOX", &save, &f.err));
	ok(&f, mailbox_api.save_add(save, &r, &f.err));
	ok(&f, mailbox_api.save_write(save, body, strlen(body), &f.err));
	ok(&f, mailbox_api.save_finish(save, &f.err));
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	assert_true(purge(&f) > 0);
	ok(&f, mailbox_api.save_commit(&save, f.pool, NULL, &uids, &f.err));
	mailbox_api.close(&box);
	rotate(&f);
	again(&f);
	expect(&f, "INBOX", 2, 2);
	fixture_deinit(&f);
}

/* --- the alternative place --------------------------------------------------------------- */

static void altmove(struct fixture *f, uint32_t first, uint32_t last,
		    bool back)
{
	struct account_range range = { first, last };
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	ok(f, store_altmove(box->sf, &range, 1, back, &f->err));
	mailbox_api.close(&box);
}

static void old_mail_moves_to_the_alternative_place_and_back(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture f;

		dbox_init(&f, kinds[k], ":ALT=~/alt");
		for (int i = 0; i < 5; i++)
			fixture_save(&f, "INBOX", body, 0);
		rotate(&f);
		altmove(&f, 2, 4, false);
		again(&f);
		expect(&f, "INBOX", 5, 1);
		assert_int_equal(fixture_count_files(
			&f, k == 0 ? "mailboxes/INBOX/dbox-Mails" :
			"storage"), k == 0 ? 2 : 1);
		assert_int_equal(fixture_count_files(
			&f, k == 0 ? "../alt/mailboxes/INBOX/dbox-Mails" :
			"../alt/storage"), k == 0 ? 3 : 1);
		altmove(&f, 3, 3, true);
		expunge(&f, "INBOX", 2, 2);
		if (k == 1)
			assert_true(purge(&f) > 0);
		again(&f);
		expect(&f, "INBOX", 4, 1);
		altmove(&f, 1, 5, true);
		remove_below(&f, "../alt");
		again(&f);
		expect(&f, "INBOX", 4, 1);
		fixture_deinit(&f);
	}
}

/* --- faults ---------------------------------------------------------------------------------- */

typedef int operation(struct fixture *f);

static int op_save(struct fixture *f)
{
	return fixture_try_save(f, "INBOX", CV_SPAN(body), SEEN, NULL);
}

static int op_save_big(struct fixture *f)
{
	return fixture_try_save(f, "INBOX", cv_span_of(big_body(f)), 0,
				NULL);
}

static int op_copy(struct fixture *f) { return fixture_try_copy(f, false); }
static int op_move(struct fixture *f) { return fixture_try_copy(f, true); }

static int op_expunge(struct fixture *f)
{
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = fixture_try_store(f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED,
				NULL);
	if (ret >= 0)
		ret = mailbox_api.expunge(box, NULL, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static int op_purge(struct fixture *f)
{
	uint64_t freed;
	int ret = store_open(dbox_store(f), &f->err);

	return ret < 0 ? ret : store_purge(dbox_store(f), false, &freed,
					   &f->err);
}

static int op_altmove(struct fixture *f)
{
	struct account_range range = { 2, 2 };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = store_altmove(box->sf, &range, 1, false, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static const struct {
	const char *name;
	operation *run;
	bool multi_only;
	int inbox, other;		/* what it changes in them */
} operations[] = {
	{ "save", op_save, false, 1, 0 },
	{ "save big", op_save_big, false, 1, 0 },
	{ "copy", op_copy, false, 0, 2 },
	{ "move", op_move, false, -2, 2 },
	{ "expunge", op_expunge, false, -1, 0 },
	{ "purge", op_purge, true, 0, 0 },
	{ "altmove", op_altmove, false, 0, 0 },
};
enum { COUNT = sizeof(operations) / sizeof(operations[0]) };

static uint32_t messages(struct fixture *f, const char *name)
{
	struct cv_mailbox *box = fixture_open(f, name);
	uint32_t count = fixture_state(box).messages;

	for (uint32_t seq = 1; seq <= count; seq++)
		assert_non_null(strstr(fixture_body(f, box, seq), "body"));
	mailbox_api.close(&box);
	return count;
}

static void prepare(struct fixture *f, const char *kind)
{
	dbox_init(f, kind, ":ALT=~/alt");
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	for (int i = 0; i < 4; i++)
		fixture_save(f, "INBOX", body, 0);
	expunge(f, "INBOX", 4, 4);
	rotate(f);
	fixture_logout(f);
}

static void check(struct fixture *f, size_t which, bool acknowledged)
{
	uint32_t inbox, other;

	fixture_login(f);
	inbox = messages(f, "INBOX");
	other = messages(f, "other");
	if (acknowledged) {
		assert_int_equal((int)inbox, 3 + operations[which].inbox);
		assert_int_equal((int)other, operations[which].other);
	} else {
		assert_in_range(inbox + other, 2, 5);
		assert_in_range(inbox, 1, 4);
	}
	/* and all goes on */
	assert_true(fixture_save(f, "INBOX", body, 0) > 0);
	rotate(f);
	again(f);
	assert_int_equal(messages(f, "INBOX"), inbox + 1);
	assert_int_equal(messages(f, "other"), other);
}

/* True when the operation made fewer calls than that. */
static bool fail_at(const char *kind, size_t which, enum io_fault_kind fault,
		    uint64_t n)
{
	struct fixture f;
	bool done;
	int ret;

	prepare(&f, kind);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	io_fault_arm(f.io, fault, n, false);
	ret = operations[which].run(&f);
	done = !io_fault_hit(f.io);
	io_fault_arm(f.io, IO_FAULT_NONE, 0, false);
	fixture_logout(&f);
	f.io = NULL;
	check(&f, which, ret >= 0);
	fixture_deinit(&f);
	return done;
}

static bool kill_at(const char *kind, size_t which, uint64_t n)
{
	struct fixture f;
	bool done;
	int status;
	pid_t pid;

	prepare(&f, kind);
	pid = fork();
	if (pid == 0) {
		f.io = io_fault_create(io_posix(), f.pool);
		fixture_login(&f);
		io_fault_arm(f.io, IO_FAULT_KILL, n, false);
		status = operations[which].run(&f);
		_exit(status < 0 ? 1 : io_fault_hit(f.io) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	check(&f, which, done);
	fixture_deinit(&f);
	return done;
}

static void fail_everything(const char *kind, bool multi)
{
	static const enum io_fault_kind faults[] = {
		IO_FAULT_EIO, IO_FAULT_ENOSPC, IO_FAULT_SHORT, IO_FAULT_TORN,
		IO_FAULT_LATE,
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	for (size_t o = 0; o < COUNT; o++) {
		uint64_t n;

		if (operations[o].multi_only && !multi)
			continue;
		for (size_t i = 0; i < 5; i++) {
			n = 1;
			while (!fail_at(kind, o, faults[i], n))
				assert_true(++n < OPERATIONS_MAX);
		}
		n = 1;
		while (!kill_at(kind, o, n))
			assert_true(++n < OPERATIONS_MAX);
		assert_true(n > 5);
	}
	log_set_level(NULL, LOG_LEVEL_INFO);
}

static void each_call_of_sdbox_may_fail(void **state)
{
	(void)state;
	fail_everything("sdbox", false);
}

static void each_call_of_mdbox_may_fail(void **state)
{
	(void)state;
	fail_everything("mdbox", true);
}

/* --- processes ------------------------------------------------------------------------------------ */

enum { WORKERS = 4, DELIVERIES = 25 };

static void work(struct fixture *f, int worker)
{
	uint64_t freed;
	char text[100];

	fixture_login(f);
	for (int i = 0; i < DELIVERIES; i++) {
		snprintf(text, sizeof(text), "Subject: %d.%d\r\n\r\nbody\r\n",
			 worker, i);
		if (fixture_try_save(f, "INBOX", cv_span_of(text), 0,
				     NULL) < 0)
			_exit(1);
		if (worker == 0 && i % 5 == 0 &&
		    (store_open(dbox_store(f), &f->err) < 0 ||
		     store_purge(dbox_store(f), false, &freed, &f->err) < 0))
			_exit(2);
	}
	fixture_logout(f);
	_exit(0);
}

static void processes_share_containers_with_a_purge(void **state)
{
	struct hash_table subjects;
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	dbox_init(&f, "mdbox", "");
	fixture_save(&f, "INBOX", body, 0);
	fixture_save(&f, "INBOX", body, 0);
	expunge(&f, "INBOX", 1, 1);
	fixture_workers(&f, WORKERS, work);
	rotate(&f);
	again(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages,
			 1 + WORKERS * DELIVERIES);
	hash_init(&subjects, f.pool, false);
	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		const char *text = fixture_body(&f, box, seq);

		assert_null(hash_find(&subjects, cv_span_of(text)));
		hash_set(&subjects, cv_span_of(text), box);
	}
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- two first looks at a new folder -------------------------------------------- */

static const struct cv_storage *real_driver;
static struct fixture *the_other;
static uint32_t uidvalidity;

static uint32_t status_of(struct fixture *f)
{
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };

	ok(f, mailbox_api.status(f->user, "again", CV_STATUS_MESSAGES |
				 CV_STATUS_UIDVALIDITY, &st, &f->err));
	assert_int_equal(st.messages, 0);
	return st.uidvalidity;
}

static int look_second(struct cv_storage_folder *folder, uint32_t scan,
		       cv_found_fn *fn, void *context, struct cv_error *err)
{
	if (uidvalidity == 0)
		uidvalidity = status_of(the_other);
	return real_driver->scan(folder, scan, fn, context, err);
}

/* What an earlier folder of its name has left is of no concern to it. */
static void a_new_folder_is_taken_over_once(void **state)
{
	struct cv_storage caught;
	struct fixture f, other;
	uint32_t seen;

	(void)state;
	dbox_init(&f, "mdbox", "");
	ok(&f, mailbox_api.create(f.user, "again", 0, &f.err));
	(void)fixture_save(&f, "again", body, 0);
	ok(&f, mailbox_api.remove(f.user, "again", &f.err));
	ok(&f, mailbox_api.create(f.user, "again", 0, &f.err));
	other = f;
	fixture_login(&other);
	the_other = &other;
	uidvalidity = 0;
	real_driver = dbox_store(&f)->driver;
	caught = *real_driver;
	caught.scan = look_second;
	dbox_store(&f)->driver = &caught;
	seen = status_of(&f);
	assert_int_equal(seen, uidvalidity);
	dbox_store(&f)->driver = real_driver;
	user_destroy(&other.user);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_mail_is_read_back_with_flags_and_keywords),
		cmocka_unit_test(copies_and_moves_share_the_bytes),
		cmocka_unit_test(folders_are_made_renamed_and_removed),
		cmocka_unit_test(bodies_lost_in_a_power_cut_come_from_the_journal),
		cmocka_unit_test(a_record_written_again_leaves_its_neighbour),
		cmocka_unit_test(a_rename_cut_short_loses_no_body),
		cmocka_unit_test(a_lost_journal_is_rebuilt_from_the_trailers),
		cmocka_unit_test(a_scan_brings_back_nothing_that_was_expunged),
		cmocka_unit_test(purge_frees_what_nobody_refers_to),
		cmocka_unit_test(containers_rotate_by_size),
		cmocka_unit_test(a_message_on_its_way_survives_a_purge),
		cmocka_unit_test(old_mail_moves_to_the_alternative_place_and_back),
		cmocka_unit_test(each_call_of_sdbox_may_fail),
		cmocka_unit_test(each_call_of_mdbox_may_fail),
		cmocka_unit_test(processes_share_containers_with_a_purge),
		cmocka_unit_test(a_new_folder_is_taken_over_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
