/* test-broker-freeze.c - a view of another user's mail as bytes, and back. */
#include "broker-fixture.h"

static const uint8_t freeze_key[MAILBOX_FREEZE_KEY_BYTES] = { 7, 3 };

static struct cv_span freeze(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_text text;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_freeze(box, freeze_key, &text, &f->err));
	return cv_text_span(&text);
}

/* Another process of the reader, another broker. */
static void reader_again(struct pair *p)
{
	user_destroy(&p->reader.user);
	while (waitpid(-1, NULL, 0) > 0)
		;
	reader_login(p);
}

static struct cv_mailbox *frozen_init(struct pair *p, struct cv_span *frozen_r)
{
	struct fixture *f = &p->reader;
	struct cv_mailbox *box;

	pair_init(p);
	for (int i = 0; i < 6; i++)
		fixture_save(&p->owner, "INBOX", mail_one, 0);
	grant(p, "INBOX", "lrswtei");
	box = fixture_open(f, SHARED "INBOX");
	fixture_store(f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	(void)fixture_sync(f, box, 0);
	*frozen_r = freeze(f, box);
	return box;
}

static void owner_works(struct pair *p)
{
	struct fixture *f = &p->owner;
	struct cv_mailbox *own = fixture_open(f, "INBOX");

	fixture_store(f, own, 2, 2, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	fixture_store(f, own, 4, 4, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL);
	ok(f, mailbox_api.expunge(own, NULL, &f->err));
	fixture_save(f, "INBOX", mail_two, 0);
	mailbox_api.close(&own);
}

static void a_view_of_anothers_mail_is_thawed(void **state)
{
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct cv_span frozen;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	box = frozen_init(&p, &frozen);
	mailbox_api.close(&box);
	reader_again(&p);
	owner_works(&p);
	ok(f, mailbox_thaw(f->user, frozen, freeze_key, &box, &f->err));
	assert_int_equal(fixture_state(box).messages, 6);
	assert_string_equal(fixture_state(box).name, SHARED "INBOX");
	assert_int_equal(mailbox_api.uid_of(box, 3), 3);
	assert_string_equal(fixture_body(f, box, 6), mail_one);
	assert_true(fixture_message(f, box, 1, 0).flags & CV_FLAG_SEEN);
	c = fixture_sync(f, box, CV_SYNC_NO_EXPUNGES);
	assert_int_equal(c.expunged.count, 0);
	/* just what has changed, and no more */
	c = fixture_sync(f, box, 0);
	assert_string_equal(fixture_set(f, c.expunged), "2");
	assert_int_equal(c.messages, 6);
	assert_int_equal(mailbox_api.uid_of(box, 6), 7);
	assert_true(fixture_message(f, box, 3, 0).flags & CV_FLAG_FLAGGED);
	assert_int_equal(fixture_sync(f, box, 0).flags.count, 0);
	pair_deinit(&p);
}

static void only_changed_flags_are_told(void **state)
{
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct cv_span frozen;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	box = frozen_init(&p, &frozen);
	mailbox_api.close(&box);
	reader_again(&p);
	owner_works(&p);
	ok(f, mailbox_thaw(f->user, frozen, freeze_key, &box, &f->err));
	c = fixture_sync(f, box, 0);
	assert_string_equal(fixture_set(f, c.expunged), "2");
	assert_string_equal(fixture_set(f, c.flags), "3");
	assert_int_equal(c.messages, 6);
	pair_deinit(&p);
}

/* The broker had ended before, so it could say nothing: the lists are
 * compared. */
static void a_view_whose_broker_is_gone_is_thawed_too(void **state)
{
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct cv_span frozen;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	box = frozen_init(&p, &frozen);
	kill_broker(&p);
	frozen = freeze(f, box);
	mailbox_api.close(&box);
	reader_again(&p);
	owner_works(&p);
	ok(f, mailbox_thaw(f->user, frozen, freeze_key, &box, &f->err));
	assert_int_equal(fixture_state(box).messages, 6);
	c = fixture_sync(f, box, 0);
	assert_string_equal(fixture_set(f, c.expunged), "2");
	assert_string_equal(fixture_set(f, c.flags), "1:5");
	assert_int_equal(c.messages, 6);
	pair_deinit(&p);
}

static void without_rights_nothing_is_thawed(void **state)
{
	struct remote_message m;
	struct cv_mailbox *box;
	struct cv_span frozen;
	struct cv_text text, fields;
	struct pair p;
	struct fixture *f = &p.reader;
	static const uint8_t none[MAILBOX_FREEZE_KEY_BYTES];
	int channel;

	(void)state;
	box = frozen_init(&p, &frozen);
	mailbox_api.close(&box);
	reader_again(&p);
	for (size_t len = 0; len < frozen.len; len++)
		assert_true(mailbox_thaw(f->user, cv_span(frozen.data, len),
					 freeze_key, &box, &f->err) < 0);
	grant(&p, "INBOX", "");
	assert_int_equal(mailbox_thaw(f->user, frozen, freeze_key, &box,
				      &f->err), CV_E_NOT_FOUND);
	/* bytes that the owner never gave away */
	ok(&p.owner, mailbox_api.create(p.owner.user, "Secret", 0,
					&p.owner.err));
	fixture_save(&p.owner, "Secret", mail_two, 0);
	box = fixture_open(&p.owner, "Secret");
	cv_text_init(&text, p.owner.pool);
	ok(&p.owner, mailbox_freeze(box, none, &text, &p.owner.err));
	ok(&p.owner, open_broker(&p, "jane@example.org", &channel,
				 &p.owner.err));
	for (size_t len = 0; len <= text.len; len++) {
		cv_text_init(&fields, p.owner.pool);
		remote_put_u32(&fields, 1);
		remote_put_span(&fields, cv_span(text.data, len));
		ok(f, remote_send(channel, REMOTE_MSG_REQUEST, REMOTE_THAW, "",
				  &fields, -1, &f->err));
		ok(f, remote_receive(channel, 10000, REMOTE_MSG_ANSWER,
				     p.owner.pool, &m, &f->err));
		assert_true(m.number != 0);
		assert_int_equal(m.payload.len, 0);
	}
	close(channel);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_view_of_anothers_mail_is_thawed),
		cmocka_unit_test(only_changed_flags_are_told),
		cmocka_unit_test(a_view_whose_broker_is_gone_is_thawed_too),
		cmocka_unit_test(without_rights_nothing_is_thawed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
