/* test-mailbox-modseq.c - what a client that knew the mailbox once has to be
 * told [RFC7162], and ids and previews of messages. */
#include "mailbox-fixture.h"

static const char mail_one[] = "Subject: one\r\n\r\nbody\r\n";

static void expunge(struct fixture *f, struct cv_mailbox *box, uint32_t first,
		    uint32_t last)
{
	fixture_store(f, box, first, last, CV_FLAGS_ADD, CV_FLAG_DELETED,
		      NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
}

static const char *vanished(struct fixture *f, struct cv_mailbox *box,
			    uint64_t since, const struct cv_set *uids,
			    int expected)
{
	struct cv_set gone;

	assert_int_equal(mailbox_api.vanished(box, since, uids, f->pool, &gone,
					      &f->err), expected);
	return fixture_set(f, gone);
}

static void vanished_since_a_modseq(void **state)
{
	static const struct cv_range some[] = { { 1, 2 }, { 5, 9 } };
	static const struct cv_set asked = { some, 2 };
	struct cv_mailbox *box;
	struct fixture f;
	uint64_t start, first, second;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 10; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	start = fixture_state(box).highestmodseq;
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK), "");
	expunge(&f, box, 2, 3);
	/* the view still shows them */
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK), "");
	first = fixture_sync(&f, box, 0).highestmodseq;
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK), "2:3");
	expunge(&f, box, 5, 6);
	second = fixture_sync(&f, box, 0).highestmodseq;
	assert_true(start < first && first < second);
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK), "2:3,7:8");
	assert_string_equal(vanished(&f, box, first, NULL, CV_OK), "7:8");
	assert_string_equal(vanished(&f, box, second, NULL, CV_OK), "");
	assert_string_equal(vanished(&f, box, start, &asked, CV_OK),
			    "2,7:8");
	/* came and went behind this view */
	fixture_save(&f, "INBOX", mail_one, CV_FLAG_DELETED);
	ok(&f, fixture_try_expunge(&f));
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK), "2:3,7:8");
	(void)fixture_sync(&f, box, 0);
	assert_string_equal(vanished(&f, box, start, NULL, CV_OK),
			    "2:3,7:8,11");
	/* another session has removed what this one still shows */
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(&f, fixture_try_expunge(&f));
	assert_string_equal(vanished(&f, box, second, NULL, CV_OK), "11");
	fixture_deinit(&f);
}

static void older_than_what_is_remembered(void **state)
{
	static const struct cv_range some[] = { { 1, 4 }, { 6, 400 } };
	static const struct cv_set asked = { some, 2 };
	struct cv_mailbox *box;
	struct fixture f;
	uint64_t start;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 6; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	start = fixture_state(box).highestmodseq;
	expunge(&f, box, 2, 3);
	expunge(&f, box, 6, 6);
	(void)fixture_sync(&f, box, 0);
	box->folder->expunge_floor = start + 1;
	assert_string_equal(vanished(&f, box, start, NULL, CV_CHANGED),
			    "2:3,6");
	assert_string_equal(vanished(&f, box, start, &asked, CV_CHANGED),
			    "2:3,6");
	fixture_deinit(&f);
}

/* [RFC7162 3.2] */
static void known_modseq_waits_for_expunges(void **state)
{
	struct cv_mailbox *a, *b;
	struct cv_mailbox_changes c;
	struct fixture f;
	uint64_t before, flagged;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 4; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	a = fixture_open(&f, "INBOX");
	b = fixture_open(&f, "INBOX");
	fixture_store(&f, a, 1, 1, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	c = fixture_sync(&f, b, CV_SYNC_NO_EXPUNGES);
	before = c.highestmodseq;
	assert_int_equal(before, fixture_state(b).highestmodseq);
	expunge(&f, a, 4, 4);
	fixture_store(&f, a, 2, 2, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	c = fixture_sync(&f, b, CV_SYNC_NO_EXPUNGES);
	assert_string_equal(fixture_set(&f, c.flags), "2");
	flagged = fixture_message(&f, b, 2, 0).modseq;
	assert_true(c.highestmodseq < flagged);
	assert_true(c.highestmodseq >= before);
	c = fixture_sync(&f, b, CV_SYNC_NO_EXPUNGES);
	assert_true(c.highestmodseq < flagged);
	c = fixture_sync(&f, b, 0);
	assert_string_equal(fixture_set(&f, c.expunged), "4");
	assert_int_equal(c.highestmodseq, flagged);
	fixture_deinit(&f);
}

static void save_mail(struct fixture *f, const char *header)
{
	char text[400];

	snprintf(text, sizeof(text), "Subject: x\r\n%s\r\nSome words\r\n"
		 "> of another\r\n", header);
	fixture_save(f, "INBOX", text, 0);
}

static bool same_thread(struct fixture *f, struct cv_mailbox *box, uint32_t a,
			uint32_t b)
{
	struct cv_message_data x = fixture_message(f, box, a,
						   CV_MESSAGE_THREAD);
	struct cv_message_data y = fixture_message(f, box, b,
						   CV_MESSAGE_THREAD);

	assert_true(x.has_thread && y.has_thread);
	return memcmp(x.thread, y.thread, 16) == 0;
}

static void answers_share_a_thread(void **state)
{
	struct cv_search_node node = { .op = CV_SEARCH_THREAD };
	struct cv_search_query query = { CV_SIZED(cv_search_query),
					 .nodes = &node, .count = 1 };
	struct cv_message_data d;
	struct cv_mailbox *box;
	struct cv_set found;
	struct fixture f;
	uint8_t id[16];

	(void)state;
	fixture_init(&f, "");
	save_mail(&f, "Message-ID: <root@x>\r\n");
	save_mail(&f, "Message-ID: <b@x>\r\nIn-Reply-To: <root@x>\r\n");
	save_mail(&f, "Message-ID: <c@x>\r\n"
		  "References: <root@x>\r\n <b@x>\r\n");
	save_mail(&f, "Message-ID: <d@x>\r\nReferences: <b@x>\r\n");
	save_mail(&f, "");
	save_mail(&f, "");
	box = fixture_open(&f, "INBOX");
	assert_true(same_thread(&f, box, 1, 2));
	assert_true(same_thread(&f, box, 1, 3));
	assert_false(same_thread(&f, box, 1, 4));
	assert_false(same_thread(&f, box, 5, 6));
	d = fixture_message(&f, box, 1, CV_MESSAGE_THREAD);
	memcpy(id, d.thread, 16);
	node.text = cv_span((const char *)id, 16);
	ok(&f, mailbox_api.search(box, &query, f.pool, &found, &f.err));
	assert_string_equal(fixture_set(&f, found), "1:3");
	d = fixture_message(&f, box, 4, 0);
	assert_false(d.has_thread);
	memcpy(id, d.guid, 16);
	node.op = CV_SEARCH_GUID;
	ok(&f, mailbox_api.search(box, &query, f.pool, &found, &f.err));
	assert_string_equal(fixture_set(&f, found), "4");
	node.text.len = 15;
	ok(&f, mailbox_api.search(box, &query, f.pool, &found, &f.err));
	assert_string_equal(fixture_set(&f, found), "");
	fixture_deinit(&f);
}

static void previews_are_kept_at_save(void **state)
{
	static char large[200000];
	struct cv_message_data d;
	struct cv_mailbox *box;
	struct fixture f;
	size_t at;

	(void)state;
	fixture_init(&f, "");
	save_mail(&f, "");
	/* larger than what the journal takes */
	at = (size_t)snprintf(large, sizeof(large), "Subject: x\r\n\r\n"
			      "It is long\r\n");
	while (at + 80 < sizeof(large))
		at += (size_t)snprintf(large + at, sizeof(large) - at,
				       "%078d\r\n", 0);
	fixture_save(&f, "INBOX", large, 0);
	/* its text lies behind what is looked at */
	at = (size_t)snprintf(large, sizeof(large), "Subject: x\r\n"
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Type: image/png\r\n\r\n");
	while (at + 160 < sizeof(large))
		at += (size_t)snprintf(large + at, sizeof(large) - at,
				       "%078d\r\n", 0);
	(void)snprintf(large + at, sizeof(large) - at,
		       "\r\n--b\r\n\r\nBehind it\r\n--b--\r\n");
	fixture_save(&f, "INBOX", large, 0);
	box = fixture_open(&f, "INBOX");
	d = fixture_message(&f, box, 1, CV_MESSAGE_PREVIEW_LAZY);
	assert_true(cv_span_is(d.preview, "Some words"));
	d = fixture_message(&f, box, 2, CV_MESSAGE_PREVIEW_LAZY);
	assert_true(cv_span_begins_icase(d.preview, CV_SPAN("It is long 0")));
	d = fixture_message(&f, box, 3, CV_MESSAGE_PREVIEW_LAZY);
	assert_null(d.preview.data);
	d = fixture_message(&f, box, 3, CV_MESSAGE_PREVIEW);
	assert_true(cv_span_is(d.preview, "Behind it"));
	fixture_deinit(&f);
}

static void previews_are_made_when_asked_for(void **state)
{
	struct cv_message_data d;
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	save_mail(&f, "");
	fixture_save(&f, "INBOX", "Subject: x\r\n\r\n", 0);
	box = fixture_open(&f, "INBOX");
	d = fixture_message(&f, box, 1, CV_MESSAGE_KEYWORDS);
	assert_null(d.preview.data);
	d = fixture_message(&f, box, 1, CV_MESSAGE_PREVIEW);
	assert_true(cv_span_is(d.preview, "Some words"));
	d = fixture_message(&f, box, 2, CV_MESSAGE_PREVIEW);
	assert_non_null(d.preview.data);
	assert_int_equal(d.preview.len, 0);
	d = fixture_message(&f, box, 1, CV_MESSAGE_PREVIEW |
			    CV_MESSAGE_ENVELOPE);
	assert_true(cv_span_is(d.preview, "Some words"));
	assert_true(d.envelope.len > 0);
	fixture_deinit(&f);
}

static int count_calls(void *context, uint64_t done, uint64_t total)
{
	uint32_t *calls = context;

	assert_true(done < total);
	return ++*calls == 3 ? CV_E_TEMP : CV_OK;
}

static void progress_is_told_and_may_end_a_search(void **state)
{
	struct cv_search_node node = { .op = CV_SEARCH_ALL };
	struct cv_search_query query = { CV_SIZED(cv_search_query),
					 .nodes = &node, .count = 1 };
	struct cv_mailbox *box;
	struct cv_set found;
	struct fixture f;
	uint32_t calls = 0;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 40; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	mailbox_api.set_progress(f.user, count_calls, &calls);
	ok(&f, mailbox_api.search(box, &query, f.pool, &found, &f.err));
	assert_int_equal(calls, 0);
	for (int i = 0; i < 3; i++) {
		/* time has passed */
		f.user->progress.next_msecs = 1;
		assert_int_equal(mailbox_api.search(
			box, &query, f.pool, &found, &f.err),
			i < 2 ? CV_OK : CV_E_TEMP);
	}
	mailbox_api.set_progress(f.user, NULL, NULL);
	ok(&f, mailbox_api.search(box, &query, f.pool, &found, &f.err));
	assert_int_equal(calls, 3);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vanished_since_a_modseq),
		cmocka_unit_test(older_than_what_is_remembered),
		cmocka_unit_test(known_modseq_waits_for_expunges),
		cmocka_unit_test(answers_share_a_thread),
		cmocka_unit_test(previews_are_kept_at_save),
		cmocka_unit_test(previews_are_made_when_asked_for),
		cmocka_unit_test(progress_is_told_and_may_end_a_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
