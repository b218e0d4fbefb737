/* test-mailbox-shared.c - what many namespaces, limits and frozen views need
 * of core/mailbox. */
#include "mailbox-fixture.h"
#include "mailbox/mailbox-freeze.h"
#include "mailbox/mailbox-seen.h"
#include "cv-quota.h"

#include <sys/wait.h>

static const char mail_one[] = "Subject: one\r\n\r\nbody\r\n";
static const uint8_t key[MAILBOX_FREEZE_KEY_BYTES] = "a key of two processes";

/* --- quota --------------------------------------------------------------------- */

static uint64_t max_messages, max_bytes;
static uint32_t asked, estimated;

static int check(const struct cv_quota_request *r, struct cv_error *err)
{
	asked++;
	estimated += r->estimate;
	if ((max_messages > 0 &&
	     r->used_messages + r->add_messages > max_messages) ||
	    (max_bytes > 0 && r->used_bytes + r->add_bytes > max_bytes))
		return FAIL(err, CV_E_QUOTA, "full");
	return CV_OK;
}

static int limit(struct cv_user *u, const char *name,
		 struct cv_quota_limit *limit_r, struct cv_error *err)
{
	(void)u; (void)name; (void)err;
	if (max_messages == 0)
		return CV_NOT_FOUND;
	limit_r->root = "User quota";
	limit_r->messages = max_messages;
	return CV_OK;
}

static int set_limit(struct cv_user *u, const char *root,
		     const struct cv_quota_limit *to, struct cv_error *err)
{
	(void)u; (void)err;
	if (strcmp(root, "User quota") != 0)
		return CV_NOT_FOUND;
	if (to->changes & CV_QUOTA_MESSAGE)
		max_messages = to->messages;
	return CV_OK;
}

static const struct cv_quota test_quota = {
	CV_SIZED(cv_quota), .name = "test", .check = check, .limit = limit,
	.resources = CV_QUOTA_MESSAGE | CV_QUOTA_MAILBOX, .set = set_limit,
};

static const char two_namespaces[] =
	"namespace a {\n inbox = yes\n separator = /\n}\n"
	"namespace b {\n prefix = Old/\n separator = /\n"
	" location = maildir:~/old\n}\n"
	"namespace p {\n type = public\n prefix = Pub/\n separator = /\n"
	" location = maildir:~/pub\n}\n";

static void use_quota(uint64_t messages, uint64_t bytes)
{
	quota_register(&test_quota);
	max_messages = messages;
	max_bytes = bytes;
	asked = estimated = 0;
}

static void what_does_not_fit_is_not_saved(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range all = { 1, 2 };
	struct cv_quota_usage usage = { CV_SIZED(cv_quota_usage) };

	fixture_init(&f, two_namespaces);
	use_quota(3, 0);
	ok(&f, mailbox_api.create(f.user, "Old/x", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Pub/x", 0, &f.err));
	fixture_save(&f, "INBOX", mail_one, 0);
	fixture_save(&f, "Old/x", mail_one, 0);
	fixture_save(&f, "INBOX", mail_one, 0);
	assert_int_equal(fixture_try_save(&f, "INBOX", cv_span_of(mail_one),
					  0, NULL), CV_E_QUOTA);
	assert_int_equal(fixture_try_save(&f, "Old/x", cv_span_of(mail_one),
					  0, NULL), CV_E_QUOTA);
	/* what is not the user's own does not count */
	fixture_save(&f, "Pub/x", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(mailbox_api.copy(box, (struct cv_set){ &all, 1 },
					  "Old/x", false, f.pool, &result,
					  &f.err), CV_E_QUOTA);
	/* a move takes nothing more */
	ok(&f, mailbox_api.copy(box, (struct cv_set){ &all, 1 }, "Old/x",
				true, f.pool, &result, &f.err));
	assert_int_equal(result.count, 2);
	ok(&f, mailbox_api.quota(f.user, "INBOX", 0, &usage, &f.err));
	assert_int_equal(usage.used_messages, 3);
	assert_int_equal(usage.used_bytes, 3 * strlen(mail_one));
	assert_int_equal(usage.messages, 3);
	assert_int_equal(mailbox_api.quota(f.user, "INBOX", 1, &usage,
					   &f.err), CV_NOT_FOUND);
	/* an expunge makes room */
	fixture_sync(&f, box, 0);
	mailbox_api.close(&box);
	box = fixture_open(&f, "Old/x");
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	fixture_save(&f, "INBOX", mail_one, 0);
	assert_true(estimated > 0 && asked > estimated);
	fixture_deinit(&f);
	use_quota(0, 0);
}

/* One process of many that save until it is full. */
static int save_until_full(struct fixture *f, int number)
{
	int saved = 0;

	f->user = NULL;
	fixture_login(f);
	for (int i = 0; i < 40; i++) {
		/* two accounts, so that both have to be locked */
		int ret = fixture_try_save(f, (i + number) % 2 == 0 ?
					   "INBOX" : "Old/x",
					   cv_span_of(mail_one), 0, NULL);

		if (ret == CV_OK)
			saved++;
		else if (ret != CV_E_QUOTA)
			return 200;
	}
	return saved;
}

static void racing_saves_never_pass_the_limit(void **state)
{
	enum { PROCESSES = 4, LIMIT = 50 };
	struct fixture f;
	pid_t children[PROCESSES];
	uint64_t saved = 0;
	struct cv_quota_usage usage = { CV_SIZED(cv_quota_usage) };

	fixture_init(&f, two_namespaces);
	use_quota(LIMIT, 0);
	ok(&f, mailbox_api.create(f.user, "Old/x", 0, &f.err));
	fixture_save(&f, "INBOX", mail_one, 0);
	fixture_logout(&f);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(save_until_full(&f, i));
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0),
				 children[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 40);
		saved += (uint64_t)WEXITSTATUS(status);
	}
	assert_int_equal(saved, LIMIT - 1);
	fixture_login(&f);
	ok(&f, mailbox_api.quota(f.user, "INBOX", 0, &usage, &f.err));
	assert_int_equal(usage.used_messages, LIMIT);
	fixture_deinit(&f);
	use_quota(0, 0);
}

/* --- autoexpunge --------------------------------------------------------------- */

static void set_saved(struct fixture *f, const char *mailbox, int64_t when)
{
	struct cv_save *save;
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
		.save_date = when,
	};

	ok(f, mailbox_api.save_begin(f->user, mailbox, &save, &f->err));
	ok(f, mailbox_api.save_add(save, &r, &f->err));
	ok(f, mailbox_api.save_write(save, mail_one, strlen(mail_one),
				     &f->err));
	ok(f, mailbox_api.save_finish(save, &f->err));
	ok(f, mailbox_api.save_commit(&save, f->pool, NULL, NULL, &f->err));
}

static uint32_t count_in(struct fixture *f, const char *mailbox)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };

	ok(f, mailbox_api.status(f->user, mailbox, CV_STATUS_MESSAGES, &s,
				 &f->err));
	return s.messages;
}

static void old_and_surplus_messages_are_expunged(void **state)
{
	struct fixture f;
	uint32_t expunged;

	fixture_init(&f, "namespace a {\n inbox = yes\n separator = /\n"
		     " mailbox Trash {\n  autoexpunge = 30d\n }\n"
		     " mailbox Lists/* {\n  autoexpunge_max_mails = 2\n }\n"
		     "}\n");
	ok(&f, mailbox_autoexpunge(f.user, &expunged, &f.err));
	assert_int_equal(expunged, 0);
	ok(&f, mailbox_api.create(f.user, "Trash", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Lists/a", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Lists/b", 0, &f.err));
	set_saved(&f, "Trash", time_now() - 31 * 86400);
	set_saved(&f, "Trash", time_now() - 31 * 86400);
	set_saved(&f, "Trash", time_now() - 29 * 86400);
	set_saved(&f, "INBOX", time_now() - 31 * 86400);
	for (int i = 0; i < 5; i++)
		set_saved(&f, i == 4 ? "Lists/b" : "Lists/a", 0);
	ok(&f, mailbox_autoexpunge(f.user, &expunged, &f.err));
	assert_int_equal(expunged, 4);
	assert_int_equal(count_in(&f, "Trash"), 1);
	assert_int_equal(count_in(&f, "INBOX"), 1);
	assert_int_equal(count_in(&f, "Lists/a"), 2);
	assert_int_equal(count_in(&f, "Lists/b"), 1);
	ok(&f, mailbox_autoexpunge(f.user, &expunged, &f.err));
	assert_int_equal(expunged, 0);
	fixture_deinit(&f);
}

/* --- frozen views ---------------------------------------------------------------- */

static struct cv_span freeze(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_text text;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_freeze(box, key, &text, &f->err));
	return cv_text_span(&text);
}

static void expunge_seqs(struct fixture *f, const char *name, uint32_t first,
			 uint32_t last)
{
	struct cv_mailbox *box = fixture_open(f, name);

	fixture_store(f, box, first, last, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
	mailbox_api.close(&box);
}

static void a_thawed_view_goes_on_where_it_was(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct cv_span frozen;

	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "x", 0, &f.err));
	for (int i = 0; i < 10; i++)
		fixture_save(&f, "x", mail_one, 0);
	box = fixture_open(&f, "x");
	frozen = freeze(&f, box);
	mailbox_api.close(&box);
	fixture_logout(&f);
	fixture_login(&f);
	/* meanwhile: 2, 3 and 9 go, 5 gets a flag, two come, one of them
	 * goes, and the mailbox has another name */
	expunge_seqs(&f, "x", 9, 9);
	expunge_seqs(&f, "x", 2, 3);
	box = fixture_open(&f, "x");
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	mailbox_api.close(&box);
	fixture_save(&f, "x", mail_one, 0);
	fixture_save(&f, "x", mail_one, 0);
	expunge_seqs(&f, "x", 8, 8);
	ok(&f, mailbox_api.rename(f.user, "x", "y", &f.err));
	ok(&f, mailbox_thaw(f.user, frozen, key, &box, &f.err));
	assert_int_equal(fixture_state(box).messages, 10);
	assert_int_equal(fixture_state(box).recent, 10);
	assert_string_equal(fixture_state(box).name, "y");
	assert_int_equal(mailbox_api.uid_of(box, 9), 9);
	c = fixture_sync(&f, box, CV_SYNC_NO_EXPUNGES);
	assert_int_equal(c.expunged.count, 0);
	assert_int_equal(c.messages, 11);
	c = fixture_sync(&f, box, 0);
	assert_int_equal(c.expunged.count, 2);
	assert_int_equal(c.expunged.ranges[0].first, 2);
	assert_int_equal(c.expunged.ranges[0].last, 3);
	assert_int_equal(c.expunged.ranges[1].first, 9);
	assert_int_equal(c.messages, 8);
	assert_int_equal(mailbox_api.uid_of(box, 7), 10);
	assert_int_equal(mailbox_api.uid_of(box, 8), 12);
	fixture_deinit(&f);
}

static void flag_changes_are_told_after_thawing(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct cv_span frozen;

	fixture_init(&f, "");
	for (int i = 0; i < 4; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	frozen = freeze(&f, box);
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	mailbox_api.close(&box);
	ok(&f, mailbox_thaw(f.user, frozen, key, &box, &f.err));
	c = fixture_sync(&f, box, 0);
	assert_int_equal(c.flags.count, 1);
	assert_int_equal(c.flags.ranges[0].first, 3);
	assert_int_equal(c.messages, 4);
	assert_false(c.messages_changed);
	fixture_deinit(&f);
}

static void only_the_very_bytes_are_thawed(void **state)
{
	struct fixture f;
	struct cv_mailbox *box, *other = NULL;
	struct cv_span frozen;
	uint8_t wrong[MAILBOX_FREEZE_KEY_BYTES] = "another key";
	char *copy;

	fixture_init(&f, "");
	for (int i = 0; i < 9; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	expunge_seqs(&f, "INBOX", 3, 4);
	box = fixture_open(&f, "INBOX");
	frozen = freeze(&f, box);
	for (size_t len = 0; len < frozen.len; len++)
		assert_true(mailbox_thaw(f.user, cv_span(frozen.data, len),
					 key, &other, &f.err) < 0);
	copy = pool_copy(f.pool, frozen.data, frozen.len);
	for (size_t at = 0; at < frozen.len; at++) {
		copy[at] ^= 0x10;
		assert_true(mailbox_thaw(f.user, cv_span(copy, frozen.len),
					 key, &other, &f.err) < 0);
		copy[at] ^= 0x10;
	}
	assert_int_equal(mailbox_thaw(f.user, frozen, wrong, &other, &f.err),
			 CV_E_DENIED);
	ok(&f, mailbox_thaw(f.user, frozen, key, &other, &f.err));
	assert_int_equal(fixture_state(other).messages, 7);
	fixture_deinit(&f);
}

static void a_view_of_what_is_gone_is_not_thawed(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_span frozen;

	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "x", 0, &f.err));
	fixture_save(&f, "x", mail_one, 0);
	box = fixture_open(&f, "x");
	frozen = freeze(&f, box);
	mailbox_api.close(&box);
	ok(&f, mailbox_api.remove(f.user, "x", &f.err));
	assert_int_equal(mailbox_thaw(f.user, frozen, key, &box, &f.err),
			 CV_E_NOT_FOUND);
	ok(&f, mailbox_api.create(f.user, "x", 0, &f.err));
	assert_int_equal(mailbox_thaw(f.user, frozen, key, &box, &f.err),
			 CV_E_NOT_FOUND);
	fixture_deinit(&f);
}

/* What begins like a frozen view and was signed, but says nonsense. */
static void nonsense_with_a_good_signature_is_refused(void **state)
{
	struct fixture f;
	struct cv_mailbox *box, *other = NULL;
	struct cv_text text;

	fixture_init(&f, "");
	for (int i = 0; i < 9; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	/* a UID that was not given yet */
	mailbox_view_uids(box)[box->count - 1] = 77;
	cv_text_init(&text, f.pool);
	ok(&f, mailbox_freeze(box, key, &text, &f.err));
	assert_int_equal(mailbox_thaw(f.user, cv_text_span(&text), key,
				      &other, &f.err), CV_E_SYNTAX);
	mailbox_view_uids(box)[box->count - 1] = 9;
	/* more transactions than the account has had */
	box->modseq += UINT64_C(1) << 60;
	cv_text_reset(&text);
	ok(&f, mailbox_freeze(box, key, &text, &f.err));
	assert_int_equal(mailbox_thaw(f.user, cv_text_span(&text), key,
				      &other, &f.err), CV_E_NOT_FOUND);
	fixture_deinit(&f);
}

static const char public_spaces[] =
	"namespace a {\n inbox = yes\n separator = /\n}\n"
	"namespace p {\n type = public\n prefix = Pub/\n separator = /\n"
	" location = maildir:~/pub%s\n}\n";

static struct fixture *public_init(struct fixture *f, const char *key_text)
{
	char text[300];

	snprintf(text, sizeof(text), public_spaces, key_text);
	fixture_init(f, text);
	ok(f, mailbox_api.create(f->user, "Pub/x", 0, &f->err));
	for (int i = 0; i < 4; i++)
		fixture_save(f, "Pub/x", mail_one, i == 0 ? CV_FLAG_SEEN |
			     CV_FLAG_FLAGGED : 0);
	return f;
}

static void what_only_the_reader_has_seen_is_frozen_with_it(void **state)
{
	struct fixture f;
	struct cv_mailbox *box, *other;
	struct cv_mailbox_changes c;
	struct cv_span frozen;

	(void)state;
	public_init(&f, ":INDEXPVT=~/seen");
	box = fixture_open(&f, "Pub/x");
	/* what is still to be told of our own */
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	frozen = freeze(&f, box);
	mailbox_api.close(&box);
	fixture_logout(&f);
	fixture_login(&f);
	other = fixture_open(&f, "Pub/x");
	fixture_store(&f, other, 1, 1, CV_FLAGS_REMOVE, CV_FLAG_SEEN, NULL);
	fixture_store(&f, other, 2, 2, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	mailbox_api.close(&other);
	ok(&f, mailbox_thaw(f.user, frozen, key, &box, &f.err));
	/* as the client knows it, until it is told */
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_SEEN | CV_FLAG_FLAGGED);
	c = fixture_sync(&f, box, 0);
	assert_string_equal(fixture_set(&f, c.flags), "1:3");
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED);
	assert_true(fixture_message(&f, box, 2, 0).flags & CV_FLAG_SEEN);
	assert_true(fixture_message(&f, box, 3, 0).flags & CV_FLAG_SEEN);
	assert_int_equal(fixture_sync(&f, box, 0).flags.count, 0);
	fixture_deinit(&f);
}

/* Sync looks into it for each message: it has to be short, and in order. */
static void what_is_still_to_be_told_is_kept_in_order(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	public_init(&f, ":INDEXPVT=~/seen");
	box = fixture_open(&f, "Pub/x");
	for (int i = 0; i < 3; i++) {
		fixture_store(&f, box, 4, 4, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
		fixture_store(&f, box, 1, 2, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	}
	assert_int_equal(box->seen->news.count, 2);
	assert_int_equal(box->seen->news.items[0].last, 2);
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	assert_int_equal(box->seen->news.count, 1);
	assert_int_equal(box->seen->news.items[0].first, 1);
	assert_int_equal(box->seen->news.items[0].last, 4);
	assert_string_equal(fixture_set(&f, fixture_sync(&f, box, 0).flags),
			    "1:4");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* Who is to keep \Seen has changed: the numbers that the client knows would
 * stand for something else. */
static void one_that_is_set_up_otherwise_is_not_thawed(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_span frozen;

	(void)state;
	public_init(&f, ":INDEXPVT=~/seen");
	box = fixture_open(&f, "Pub/x");
	frozen = freeze(&f, box);
	box->store->private_seen = false;
	mailbox_api.close(&box);
	assert_int_equal(mailbox_thaw(f.user, frozen, key, &box, &f.err),
			 CV_E_NOT_FOUND);
	assert_null(box);
	fixture_deinit(&f);
}

static void a_provider_may_take_new_limits(void **state)
{
	struct fixture f;
	struct cv_quota_limit to = { CV_SIZED(cv_quota_limit),
		.messages = 7, .changes = CV_QUOTA_MESSAGE };
	struct cv_quota_usage usage = { CV_SIZED(cv_quota_usage) };

	(void)state;
	fixture_init(&f, two_namespaces);
	use_quota(3, 0);
	assert_int_equal(mailbox_api.quota_resources(f.user),
			 CV_QUOTA_MESSAGE | CV_QUOTA_MAILBOX |
			 CV_QUOTA_SETTABLE);
	ok(&f, mailbox_api.quota_set(f.user, "User quota", &to, &f.err));
	ok(&f, mailbox_api.quota(f.user, "INBOX", 0, &usage, &f.err));
	assert_int_equal(usage.messages, 7);
	assert_int_equal(usage.resources, CV_QUOTA_MESSAGE |
			 CV_QUOTA_MAILBOX);
	assert_int_equal(mailbox_api.quota_set(f.user, "other", &to, &f.err),
			 CV_E_DENIED);
	/* what is public counts for nobody */
	assert_int_equal(mailbox_api.quota(f.user, "Pub/x", 0, &usage,
					   &f.err), CV_NOT_FOUND);
	use_quota(0, 0);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_provider_may_take_new_limits),
		cmocka_unit_test(what_does_not_fit_is_not_saved),
		cmocka_unit_test(racing_saves_never_pass_the_limit),
		cmocka_unit_test(old_and_surplus_messages_are_expunged),
		cmocka_unit_test(a_thawed_view_goes_on_where_it_was),
		cmocka_unit_test(flag_changes_are_told_after_thawing),
		cmocka_unit_test(only_the_very_bytes_are_thawed),
		cmocka_unit_test(a_view_of_what_is_gone_is_not_thawed),
		cmocka_unit_test(what_only_the_reader_has_seen_is_frozen_with_it),
		cmocka_unit_test(what_is_still_to_be_told_is_kept_in_order),
		cmocka_unit_test(one_that_is_set_up_otherwise_is_not_thawed),
		cmocka_unit_test(nonsense_with_a_good_signature_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
