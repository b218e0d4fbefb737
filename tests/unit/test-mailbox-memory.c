/* test-mailbox-memory.c - the whole mailbox engine with nothing on disk: the
 * account on meta-memory.c, the messages in storage-memory. */
#include "mailbox-fixture.h"

#define BODY "Subject: a\r\n\r\nhello\r\n"

static const void *no_settings(struct cv_plugin *self)
{
	(void)self;
	return NULL;
}

static struct { uint64_t limit; } limited;

static const void *limit_settings(struct cv_plugin *self)
{
	(void)self;
	return &limited;
}

/* fixture_host with settings. */
static void begin(struct fixture *f, const char *settings)
{
	static struct cv_host host;

	fixture_init(f, settings);
	host = *module_host();
	host.provide = fixture_provide;
	host.log = fixture_log;
	host.service = fixture_service;
	host.settings = limited.limit == 0 ? no_settings : limit_settings;
	assert_int_equal(FIXTURE_DRIVER.init(&host, NULL, NULL), CV_OK);
}

static const char *large_body(struct fixture *f, size_t len)
{
	struct cv_text text;

	cv_text_init(&text, f->pool);
	cv_text_append_str(&text, "Subject: large\r\n\r\n");
	while (text.len < len)
		cv_text_append_str(&text, "0123456789abcdef\r\n");
	return cv_text_str(&text);
}

static void no_file_is_made(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char home[80];

	(void)state;
	begin(&f, "");
	fixture_save(&f, "INBOX", BODY, CV_FLAG_SEEN);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(fixture_body(&f, box, 1), BODY);
	mailbox_api.close(&box);
	snprintf(home, sizeof(home), "%s/home", f.dir);
	assert_int_equal(rmdir(home), 0);	/* empty */
	assert_int_equal(mkdir(home, 0700), 0);
	fixture_deinit(&f);
}

static void what_was_saved_is_there_after_the_next_login(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *large;

	(void)state;
	begin(&f, "");
	large = large_body(&f, 300000);
	ok(&f, mailbox_api.create(f.user, "a/b", 0, &f.err));
	fixture_save(&f, "a/b", BODY, CV_FLAG_FLAGGED);
	fixture_save(&f, "a/b", large, 0);
	fixture_logout(&f);
	fixture_login(&f);
	box = fixture_open(&f, "a/b");
	assert_int_equal(fixture_state(box).messages, 2);
	assert_string_equal(fixture_body(&f, box, 1), BODY);
	assert_string_equal(fixture_body(&f, box, 2), large);
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void messages_are_copied_moved_and_expunged(void **state)
{
	struct fixture f;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range first = { 1, 1 }, second = { 2, 2 };
	struct cv_mailbox *box, *other;

	(void)state;
	begin(&f, "");
	ok(&f, mailbox_api.create(f.user, "other", 0, &f.err));
	for (int i = 0; i < 3; i++)
		fixture_save(&f, "INBOX", large_body(&f, 100000), 0);
	box = fixture_open(&f, "INBOX");
	ok(&f, mailbox_api.copy(box, (struct cv_set){ &first, 1 }, "other",
				false, f.pool, &result, &f.err));
	ok(&f, mailbox_api.copy(box, (struct cv_set){ &second, 1 }, "other",
				true, f.pool, &result, &f.err));
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, "$One");
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 1);
	other = fixture_open(&f, "other");
	assert_int_equal(fixture_state(other).messages, 2);
	for (uint32_t seq = 1; seq <= 2; seq++)
		assert_string_equal(fixture_body(&f, other, seq),
				    large_body(&f, 100000));
	mailbox_api.close(&other);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void folders_are_renamed_and_removed(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	begin(&f, "");
	ok(&f, mailbox_api.create(f.user, "a/b", 0, &f.err));
	fixture_save(&f, "a/b", BODY, 0);
	ok(&f, mailbox_api.rename(f.user, "a", "c", &f.err));
	box = fixture_open(&f, "c/b");
	assert_string_equal(fixture_body(&f, box, 1), BODY);
	ok(&f, mailbox_api.remove(f.user, "c/b", &f.err));
	assert_int_equal(mailbox_api.open(f.user, "c/b", 0, &box, &f.err),
			 CV_E_NOT_FOUND);
	fixture_deinit(&f);
}

/* The account is lost, and made anew from what the messages say. */
static void the_account_is_rebuilt_from_the_messages(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_message_data m;
	uint32_t uidvalidity;

	(void)state;
	begin(&f, "");
	ok(&f, mailbox_api.create(f.user, "a", 0, &f.err));
	for (int i = 0; i < 4; i++)
		fixture_save(&f, "a", large_body(&f, 70000), 0);
	box = fixture_open(&f, "a");
	uidvalidity = fixture_state(box).uidvalidity;
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_DELETED, "$One");
	fixture_store(&f, box, 2, 2, CV_FLAGS_ADD, CV_FLAG_ANSWERED, "$Two");
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	mailbox_api.close(&box);
	fixture_logout(&f);
	meta_memory_destroy(&f.memory);
	fixture_login(&f);
	box = fixture_open(&f, "a");
	assert_int_equal(fixture_state(box).messages, 3);
	assert_int_equal(fixture_state(box).uidvalidity, uidvalidity);
	assert_int_equal(fixture_state(box).uidnext, 5);
	assert_int_equal(mailbox_api.uid_of(box, 3), 4);
	m = fixture_message(&f, box, 2, CV_MESSAGE_KEYWORDS);
	assert_int_equal(m.flags & CV_FLAGS_STORED, CV_FLAG_ANSWERED);
	assert_int_equal(m.keywords.count, 1);
	assert_string_equal(m.keywords.names[0], "$Two");
	assert_string_equal(fixture_body(&f, box, 3), large_body(&f, 70000));
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void no_room_leaves_no_message(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t uid;

	(void)state;
	limited.limit = 250000;
	begin(&f, "");
	fixture_save(&f, "INBOX", large_body(&f, 100000), 0);
	fixture_save(&f, "INBOX", large_body(&f, 100000), 0);
	assert_int_equal(fixture_try_save(&f, "INBOX", cv_span_of(
		large_body(&f, 100000)), 0, &uid), CV_E_NO_SPACE);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	assert_int_equal(fixture_save(&f, "INBOX", large_body(&f, 100000),
				      0), 3);
	mailbox_api.close(&box);
	fixture_deinit(&f);
	limited.limit = 0;
}

/* Answers of the meta driver get lost; nothing is stored twice or half. */
static void lost_answers_change_nothing(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	begin(&f, "");
	fixture_save(&f, "INBOX", BODY, 0);
	meta_memory_fail(f.memory, META_MEMORY_LOST, 2);
	fixture_save(&f, "INBOX", BODY, 0);
	meta_memory_fail(f.memory, META_MEMORY_SILENT, 2);
	fixture_save(&f, "INBOX", BODY, 0);
	meta_memory_fail(f.memory, META_MEMORY_FULL, 1);
	assert_int_equal(fixture_try_save(&f, "INBOX", CV_SPAN(BODY), 0,
					  NULL), CV_E_NO_SPACE);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	assert_int_equal(fixture_state(box).uidnext, 4);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_is_made),
		cmocka_unit_test(what_was_saved_is_there_after_the_next_login),
		cmocka_unit_test(messages_are_copied_moved_and_expunged),
		cmocka_unit_test(folders_are_renamed_and_removed),
		cmocka_unit_test(the_account_is_rebuilt_from_the_messages),
		cmocka_unit_test(no_room_leaves_no_message),
		cmocka_unit_test(lost_answers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
