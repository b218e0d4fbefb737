/* test-mailbox.c - core/mailbox over storage-maildir: the whole service. */
#include "mailbox-fixture.h"
#include "mailbox/mailbox-save-private.h"

#include <poll.h>

static const char mail_one[] =
	"From: Jane <jane@example.org>\r\n"
	"To: bob@example.org\r\n"
	"Subject: first\r\n"
	"Date: Tue, 01 Jan 2026 10:00:00 +0100\r\n"
	"Message-ID: <1@example.org>\r\n"
	"\r\n"
	"hello world\r\n";

static void a_saved_message_comes_back(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_message_data d;

	fixture_init(&f, "");
	assert_int_equal(fixture_save(&f, "INBOX", mail_one, 0), 1);
	assert_int_equal(fixture_count_files(&f, "new"), 1);
	box = fixture_open(&f, "inbox");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(fixture_state(box).recent, 1);
	assert_int_equal(fixture_state(box).first_unseen, 1);
	assert_int_equal(fixture_state(box).uidnext, 2);
	d = fixture_message(&f, box, 1, CV_MESSAGE_SIZE |
			    CV_MESSAGE_ENVELOPE | CV_MESSAGE_BODY);
	assert_int_equal(d.uid, 1);
	assert_int_equal(d.flags, CV_FLAG_RECENT);
	assert_int_equal(d.size_bytes, strlen(mail_one));
	assert_true(d.envelope.len > 0);
	assert_true(d.body.len > 0);
	assert_string_equal(fixture_body(&f, box, 1), mail_one);
	/* a session has seen it: it lies in cur/ */
	assert_int_equal(fixture_count_files(&f, "new"), 0);
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	fixture_logout(&f);
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).recent, 0);
	assert_string_equal(fixture_body(&f, box, 1), mail_one);
	fixture_deinit(&f);
}

/* What a save keeps of its messages until the commit. */
static size_t waiting_bytes(const struct cv_save *save)
{
	size_t bytes = pool_size(save->pool);

	for (size_t i = 0; i < save->messages.count; i++) {
		struct cv_pool *parser = save->messages.items[i]->parse_pool;

		bytes += parser == NULL ? 0 : pool_size(parser);
	}
	return bytes;
}

static void messages_that_wait_for_the_commit_are_small(void **state)
{
	enum { COUNT = 2000, EACH = 4096 };
	const char *keyword = "$Label";
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_save *save;
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
		.keywords = { &keyword, 1 },
	};
	struct cv_set uids;
	char body[200];

	fixture_init(&f, "");
	ok(&f, mailbox_api.save_begin(f.user, "INBOX", &save, &f.err));
	for (int i = 1; i <= COUNT; i++) {
		snprintf(body, sizeof(body), "Subject: %d\r\n\r\nbody\r\n", i);
		ok(&f, mailbox_api.save_add(save, &r, &f.err));
		ok(&f, mailbox_api.save_write(save, body, strlen(body),
					      &f.err));
		ok(&f, mailbox_api.save_finish(save, &f.err));
	}
	assert_in_range(waiting_bytes(save), 1, COUNT * EACH);
	ok(&f, mailbox_api.save_commit(&save, f.pool, NULL, &uids, &f.err));
	assert_string_equal(fixture_set(&f, uids), "1:2000");
	box = fixture_open(&f, "INBOX");
	for (uint32_t seq = 1; seq <= COUNT; seq += COUNT - 1) {
		snprintf(body, sizeof(body), "Subject: %u\r\n\r\nbody\r\n",
			 seq);
		assert_string_equal(fixture_body(&f, box, seq), body);
		assert_string_equal(fixture_message(&f, box, seq, 0)
				    .keywords.names[0], "$Label");
	}
	fixture_deinit(&f);
}

static void flags_are_in_file_names(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_message_data d;
	const char *name;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD,
		      CV_FLAG_SEEN | CV_FLAG_FLAGGED, "$Label");
	name = fixture_file(&f, "cur");
	assert_non_null(strstr(name, ":2,FSa"));
	d = fixture_message(&f, box, 1, 0);
	assert_int_equal(d.flags & CV_FLAGS_STORED,
			 CV_FLAG_SEEN | CV_FLAG_FLAGGED);
	assert_int_equal(d.keywords.count, 1);
	assert_string_equal(d.keywords.names[0], "$Label");
	fixture_store(&f, box, 1, 1, CV_FLAGS_REPLACE, CV_FLAG_ANSWERED,
		      NULL);
	name = fixture_file(&f, "cur");
	assert_non_null(strstr(name, ":2,R"));
	fixture_store(&f, box, 1, 1, CV_FLAGS_REMOVE, CV_FLAG_ANSWERED,
		      NULL);
	name = fixture_file(&f, "cur");
	assert_string_equal(strchr(name, ':'), ":2,");
	fixture_deinit(&f);
}

static void expunges_show_at_sync(void **state)
{
	struct fixture f;
	struct cv_mailbox *a, *b;
	struct cv_mailbox_changes c;

	fixture_init(&f, "");
	for (int i = 0; i < 5; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	a = fixture_open(&f, "INBOX");
	b = fixture_open(&f, "INBOX");
	fixture_store(&f, a, 2, 3, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	c = fixture_sync(&f, b, CV_SYNC_NO_EXPUNGES);
	assert_string_equal(fixture_set(&f, c.flags), "2:3");
	ok(&f, mailbox_api.expunge(a, NULL, &f.err));
	c = fixture_sync(&f, b, CV_SYNC_NO_EXPUNGES);
	assert_int_equal(c.messages, 5);
	assert_int_equal(c.expunged.count, 0);
	c = fixture_sync(&f, b, 0);
	assert_int_equal(c.messages, 3);
	assert_string_equal(fixture_set(&f, c.expunged), "2:3");
	assert_string_equal(fixture_set(&f, c.expunged_uids), "2:3");
	c = fixture_sync(&f, a, 0);
	assert_int_equal(c.messages, 3);
	assert_int_equal(mailbox_api.uid_of(a, 2), 4);
	assert_int_equal(fixture_count_files(&f, "cur"), 3);
	fixture_deinit(&f);
}

static void foreign_changes_are_taken_in(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	const char *name;
	char to[300], from[300];

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	/* delivered by another program */
	fixture_write(&f, "new/1700000000.1.host", "Subject: x\n\nbody\n");
	c = fixture_sync(&f, box, CV_SYNC_FULL);
	assert_int_equal(c.messages, 2);
	assert_int_equal(c.recent, 2);
	assert_string_equal(fixture_body(&f, box, 2),
			    "Subject: x\r\n\r\nbody\r\n");
	/* flagged by another program */
	assert_int_equal(fixture_count_files(&f, "cur"), 2);
	fixture_wait_tick();
	fixture_rename(&f, "cur/1700000000.1.host:2,",
		       "cur/1700000000.1.host:2,FS");
	c = fixture_sync(&f, box, CV_SYNC_FULL);
	assert_string_equal(fixture_set(&f, c.flags), "2");
	assert_int_equal(fixture_message(&f, box, 2, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED | CV_FLAG_SEEN);
	/* removed by another program */
	snprintf(from, sizeof(from), "%s/home/Maildir/cur/%s", f.dir,
		 "1700000000.1.host:2,FS");
	fixture_wait_tick();
	assert_int_equal(unlink(from), 0);
	c = fixture_sync(&f, box, CV_SYNC_FULL);
	assert_int_equal(c.messages, 1);
	assert_string_equal(fixture_set(&f, c.expunged), "2");
	/* renamed under a STORE that does not know of it */
	name = fixture_file(&f, "cur");
	snprintf(from, sizeof(from), "cur/%s", name);
	snprintf(to, sizeof(to), "cur/%sF", name);
	fixture_rename(&f, from, to);
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED | CV_FLAG_SEEN);
	assert_non_null(strstr(fixture_file(&f, "cur"), ":2,FS"));
	fixture_deinit(&f);
}

static void copies_share_their_bytes(void **state)
{
	struct fixture f;
	struct cv_mailbox *box, *other;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { 1, 2 };
	struct cv_set seqs = { &range, 1 };

	fixture_init(&f, "");
	for (int i = 0; i < 3; i++)
		fixture_save(&f, "INBOX", mail_one, CV_FLAG_SEEN);
	ok(&f, mailbox_api.create(f.user, "a.b", 0, &f.err));
	box = fixture_open(&f, "INBOX");
	ok(&f, mailbox_api.copy(box, seqs, "a.b", false, f.pool, &result,
				&f.err));
	assert_int_equal(result.count, 2);
	assert_string_equal(fixture_set(&f, result.uids), "1:2");
	other = fixture_open(&f, "a.b");
	assert_int_equal(fixture_state(other).messages, 2);
	assert_string_equal(fixture_body(&f, other, 2), mail_one);
	assert_int_equal(fixture_message(&f, other, 1, 0).flags,
			 CV_FLAG_SEEN | CV_FLAG_RECENT);
	ok(&f, mailbox_api.copy(box, seqs, "a.b", true, f.pool, &result,
				&f.err));
	assert_string_equal(fixture_set(&f, result.uids), "3:4");
	assert_int_equal(fixture_sync(&f, box, 0).messages, 1);
	assert_int_equal(fixture_sync(&f, other, 0).messages, 4);
	assert_string_equal(fixture_body(&f, other, 4), mail_one);
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	assert_int_equal(fixture_count_files(&f, ".a.b/cur"), 4);
	assert_int_equal(fixture_count_files(&f, ".a.b/tmp"), 0);
	fixture_deinit(&f);
}

/* A view and a save keep what they work in, though it is closed, renamed and
 * removed beside them. */
static void a_save_outlives_its_mailbox(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_save *save[2];
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
	};
	struct cv_set uids;

	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "a", 0, &f.err));
	box = fixture_open(&f, "a");
	for (int i = 0; i < 2; i++) {
		ok(&f, mailbox_api.save_begin(f.user, "a", &save[i], &f.err));
		ok(&f, mailbox_api.save_add(save[i], &r, &f.err));
		ok(&f, mailbox_api.save_write(save[i], mail_one,
					      strlen(mail_one), &f.err));
	}
	mailbox_api.close(&box);
	ok(&f, mailbox_api.save_finish(save[0], &f.err));
	ok(&f, mailbox_api.save_commit(&save[0], f.pool, NULL, &uids,
				       &f.err));
	box = fixture_open(&f, "a");
	assert_int_equal(fixture_state(box).messages, 1);
	ok(&f, mailbox_api.rename(f.user, "a", "b", &f.err));
	assert_int_equal(fixture_sync(&f, box, CV_SYNC_FULL).messages, 1);
	ok(&f, mailbox_api.remove(f.user, "b", &f.err));
	mailbox_api.close(&box);
	(void)mailbox_api.save_finish(save[1], &f.err);
	assert_int_equal(mailbox_api.save_commit(&save[1], f.pool, NULL,
						 &uids, &f.err),
			 CV_E_NOT_FOUND);
	fixture_deinit(&f);
	(void)state;
}

static void recent_counts_once_read_only(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	ok(&f, mailbox_api.open(f.user, "INBOX", CV_MAILBOX_READONLY, &box,
				&f.err));
	for (uint32_t i = 1; i <= 3; i++) {
		fixture_save(&f, "INBOX", mail_one, 0);
		assert_int_equal(fixture_sync(&f, box, 0).recent, i);
	}
	fixture_deinit(&f);
	(void)state;
}

static void watching_wakes_for_everybody(void **state)
{
	struct fixture f, other;
	struct cv_mailbox *box;
	struct pollfd p;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	p.fd = mailbox_api.watch_fd(box);
	p.events = POLLIN;
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	fixture_write(&f, "new/1700000000.2.host", "Subject: x\n\nbody\n");
	assert_int_equal(poll(&p, 1, 1000), 1);
	mailbox_api.watch_clear(box);
	assert_int_equal(fixture_sync(&f, box, 0).messages, 2);
	/* what the sync itself has done is no news */
	mailbox_api.watch_clear(box);
	assert_int_equal(fixture_sync(&f, box, 0).messages, 2);
	mailbox_api.watch_clear(box);
	assert_int_equal(poll(&p, 1, 0), 0);
	other = f;
	fixture_login(&other);
	fixture_save(&other, "INBOX", mail_one, CV_FLAG_SEEN);
	assert_int_equal(poll(&p, 1, 1000), 1);
	mailbox_api.watch_clear(box);
	assert_int_equal(fixture_sync(&f, box, 0).messages, 3);
	fixture_logout(&other);
	fixture_deinit(&f);
}

/* What a later clock says: the driver asks for the time through libc. */
static time_t clock_ahead;
time_t __wrap_time(time_t *t);
time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t)
{
	time_t now = __real_time(t) + clock_ahead;

	if (t != NULL)
		*t = now;
	return now;
}

static void rubbish_is_removed_after_a_day(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", mail_one, CV_FLAG_SEEN);
	fixture_write(&f, "tmp/1600000000.left.behind", "half a mess");
	fixture_write(&f, "cur/1600000001.x:2,", "Subject: x\n\nbody\n");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(fixture_count_files(&f, "tmp"), 1);
	clock_ahead = 37 * 3600;
	fixture_write(&f, "cur/1600000002.x:2,", "Subject: x\n\nbody\n");
	assert_int_equal(fixture_sync(&f, box, CV_SYNC_FULL).messages, 3);
	clock_ahead = 0;
	assert_int_equal(fixture_count_files(&f, "tmp"), 0);
	fixture_deinit(&f);
}

/* What the view says is what the list of all UIDs says. */
static void check_view(struct fixture *f, struct cv_mailbox *box)
{
	struct account_folder *folder = box->folder;
	uint32_t rows = account_row_count(folder), count;
	uint32_t *uids = pool_new_array(f->pool, uint32_t, rows + 1);

	count = account_uids(folder, 0, uids);
	assert_int_equal(box->count, count);
	for (uint32_t i = 0; i < count; i++) {
		struct cv_range range = { uids[i], uids[i] };
		struct cv_set seqs, one = { &range, 1 };

		assert_int_equal(mailbox_api.uid_of(box, i + 1), uids[i]);
		ok(f, mailbox_api.uids_to_seqs(box, one, f->pool, &seqs));
		assert_int_equal(seqs.count, 1);
		assert_int_equal(seqs.ranges[0].first, i + 1);
	}
	assert_int_equal(mailbox_api.uid_of(box, count + 1), 0);
}

static void remove_one(struct fixture *f, struct cv_mailbox *box, uint32_t seq)
{
	fixture_store(f, box, seq, seq, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
}

/* With few gaps it is a few runs, with many a list; whatever comes and goes
 * later, its numbers are right. */
static void views_have_gaps(void **state)
{
	struct fixture f;
	struct cv_mailbox *early, *box;
	struct cv_mailbox_changes c;

	fixture_init(&f, "");
	for (int i = 0; i < 20; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	early = fixture_open(&f, "INBOX");
	check_view(&f, early);
	assert_null(early->uids);
	remove_one(&f, early, 7);
	remove_one(&f, early, 12);
	fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	assert_null(box->uids);
	assert_int_equal(box->run_count, 3);
	check_view(&f, box);
	c = fixture_sync(&f, early, 0);
	assert_string_equal(fixture_set(&f, c.expunged), "7,12");
	check_view(&f, early);
	/* new ones go on where the view ends */
	fixture_save(&f, "INBOX", mail_one, 0);
	(void)fixture_sync(&f, box, 0);
	assert_null(box->uids);
	assert_int_equal(box->run_count, 3);
	check_view(&f, box);
	remove_one(&f, box, 19);
	remove_one(&f, box, 20);
	(void)fixture_sync(&f, box, 0);
	fixture_save(&f, "INBOX", mail_one, 0);
	(void)fixture_sync(&f, box, 0);
	(void)fixture_sync(&f, early, 0);
	check_view(&f, box);
	check_view(&f, early);
	mailbox_api.close(&box);
	mailbox_api.close(&early);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_saved_message_comes_back),
		cmocka_unit_test(messages_that_wait_for_the_commit_are_small),
		cmocka_unit_test(flags_are_in_file_names),
		cmocka_unit_test(expunges_show_at_sync),
		cmocka_unit_test(views_have_gaps),
		cmocka_unit_test(foreign_changes_are_taken_in),
		cmocka_unit_test(a_save_outlives_its_mailbox),
		cmocka_unit_test(recent_counts_once_read_only),
		cmocka_unit_test(watching_wakes_for_everybody),
		cmocka_unit_test(rubbish_is_removed_after_a_day),
		cmocka_unit_test(copies_share_their_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
