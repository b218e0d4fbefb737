/* test-mailbox-broker.c - mail of another user, through a broker in a process
 * of its own. */
#include "broker-fixture.h"

#include <poll.h>

static const char *names(struct fixture *f, const char *pattern)
{
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = &pattern, .pattern_count = 1 };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	struct cv_text text;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_api.list_begin(f->user, &query, &list, &f->err));
	while (mailbox_api.list_next(list, &entry, &f->err) == CV_OK)
		cv_text_append_f(&text, "%s%s ", entry.name,
				 entry.attributes & CV_MAILBOX_NONEXISTENT ?
				 "?" : "");
	mailbox_api.list_end(&list);
	return cv_text_str(&text);
}

static void nothing_is_seen_without_rights(void **state)
{
	static const char *const boxes[] = {
		SHARED "INBOX", SHARED "Not", "shared/nobody@x/INBOX",
		"shared/bob@example.org/INBOX", SHARED, "shared/",
		SHARED "../x", SHARED "a//b",
	};
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	struct cv_mailbox *box;
	struct pair p;

	(void)state;
	alarm(120);
	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		struct fixture *f = &p.reader;

		assert_int_equal(mailbox_api.open(f->user, boxes[i], 0, &box,
						  &f->err), CV_E_NOT_FOUND);
		assert_string_equal(f->err.client, "Mailbox doesn't exist.");
		assert_int_equal(mailbox_api.status(f->user, boxes[i],
			CV_STATUS_MESSAGES, &s, &f->err), CV_E_NOT_FOUND);
		assert_string_equal(f->err.client, "Mailbox doesn't exist.");
		assert_int_equal(fixture_try_save(f, boxes[i],
			cv_span_of(mail_one), 0, NULL), CV_E_NOT_FOUND);
		assert_string_equal(f->err.client, "Mailbox doesn't exist.");
	}
	assert_int_equal(mailbox_api.create(p.reader.user, SHARED "x", 0,
					    &p.reader.err), CV_E_DENIED);
	assert_int_equal(mailbox_api.create(p.reader.user,
					    "shared/nobody@x/x", 0,
					    &p.reader.err), CV_E_DENIED);
	assert_string_equal(names(&p.reader, SHARED "*"), "");
	assert_string_equal(names(&p.reader, "*"), "INBOX ");
	pair_deinit(&p);
}

static void mail_is_read_and_seen_is_the_readers(void **state)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	struct cv_search_node unseen[] = {
		{ .op = CV_SEARCH_NOT, .first_child = 1 },
		{ .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_SEEN },
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = unseen, .count = 2 };
	struct cv_mailbox *box, *own, *second;
	struct cv_mailbox_changes c;
	struct cv_set found;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	fixture_save(&p.owner, "INBOX", mail_two, CV_FLAG_SEEN);
	grant(&p, "INBOX", "lrs");
	assert_string_equal(names(f, SHARED "*"), SHARED "INBOX ");
	box = fixture_open(f, SHARED "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(fixture_state(box).first_unseen, 1);
	assert_int_equal(fixture_state(box).permanent_flags, CV_FLAG_SEEN);
	assert_string_equal(fixture_body(f, box, 1), mail_one);
	assert_string_equal(fixture_body(f, box, 2), mail_two);
	/* the owner has seen it; the reader has not */
	assert_false(fixture_message(f, box, 2, 0).flags & CV_FLAG_SEEN);
	second = fixture_open(f, SHARED "INBOX");
	fixture_store(f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
	assert_true(fixture_message(f, box, 1, 0).flags & CV_FLAG_SEEN);
	ok(f, mailbox_api.search(box, &query, f->pool, &found, &f->err));
	assert_string_equal(fixture_set(f, found), "2");
	ok(f, mailbox_api.status(f->user, SHARED "INBOX", CV_STATUS_UNSEEN |
				 CV_STATUS_MESSAGES, &s, &f->err));
	assert_int_equal(s.messages, 2);
	assert_int_equal(s.unseen, 1);
	c = fixture_sync(f, second, 0);
	assert_string_equal(fixture_set(f, c.flags), "1");
	own = fixture_open(&p.owner, "INBOX");
	assert_false(fixture_message(&p.owner, own, 1, 0).flags &
		     CV_FLAG_SEEN);
	assert_true(fixture_message(&p.owner, own, 2, 0).flags &
		    CV_FLAG_SEEN);
	/* what a later session of the reader finds */
	mailbox_api.close(&box);
	mailbox_api.close(&second);
	user_destroy(&f->user);
	reader_login(&p);
	assert_string_equal(names(f, "*"), "INBOX shared? "
			    "shared/jane@example.org? " SHARED "INBOX ");
	box = fixture_open(f, SHARED "INBOX");
	assert_true(fixture_message(f, box, 1, 0).flags & CV_FLAG_SEEN);
	pair_deinit(&p);
}

static void changes_go_both_ways(void **state)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range all = { 1, 2 };
	struct cv_mailbox *box, *own;
	struct cv_mailbox_changes c;
	struct pollfd bell = { .events = POLLIN };
	struct pair p;
	struct fixture *f = &p.reader;
	struct cv_message_data d;
	struct cv_set gone;
	uint64_t since;

	(void)state;
	pair_init(&p);
	grant(&p, "INBOX", "lrswtei");
	box = fixture_open(f, SHARED "INBOX");
	own = fixture_open(&p.owner, "INBOX");
	bell.fd = mailbox_api.watch_fd(box);
	assert_true(bell.fd >= 0);
	/* saved by one, seen by the other */
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	assert_int_equal(poll(&bell, 1, 10000), 1);
	mailbox_api.watch_clear(box);
	c = fixture_sync(f, box, 0);
	assert_int_equal(c.messages, 1);
	assert_int_equal(fixture_save(f, SHARED "INBOX", mail_two,
				      CV_FLAG_SEEN | CV_FLAG_FLAGGED), 2);
	c = fixture_sync(&p.owner, own, 0);
	assert_int_equal(c.messages, 2);
	assert_int_equal(fixture_message(&p.owner, own, 2, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED);
	(void)fixture_sync(f, box, 0);
	assert_int_equal(fixture_message(f, box, 2, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED | CV_FLAG_SEEN);
	/* flags */
	fixture_store(f, box, 1, 1, CV_FLAGS_REPLACE, CV_FLAG_ANSWERED,
		      "$Key");
	c = fixture_sync(&p.owner, own, 0);
	assert_string_equal(fixture_set(&p.owner, c.flags), "1");
	assert_int_equal(fixture_message(&p.owner, own, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_ANSWERED);
	/* copies */
	ok(f, mailbox_api.create(f->user, "Mine", 0, &f->err));
	ok(f, mailbox_api.copy(box, (struct cv_set){ &all, 1 }, "Mine", false,
			       f->pool, &result, &f->err));
	assert_int_equal(result.count, 2);
	mailbox_api.close(&box);
	box = fixture_open(f, "Mine");
	assert_string_equal(fixture_body(f, box, 2), mail_two);
	assert_int_equal(fixture_message(f, box, 2, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED | CV_FLAG_SEEN);
	ok(f, mailbox_api.copy(box, (struct cv_set){ &all, 1 },
			       SHARED "INBOX", true, f->pool, &result,
			       &f->err));
	c = fixture_sync(f, box, 0);
	assert_int_equal(c.messages, 0);
	c = fixture_sync(&p.owner, own, 0);
	assert_int_equal(c.messages, 4);
	mailbox_api.close(&box);
	/* expunges */
	box = fixture_open(f, SHARED "INBOX");
	since = fixture_state(box).highestmodseq;
	fixture_store(f, box, 1, 3, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
	c = fixture_sync(f, box, 0);
	assert_string_equal(fixture_set(f, c.expunged), "1:3");
	assert_int_equal(c.messages, 1);
	assert_true(c.highestmodseq > since);
	assert_int_equal(c.highestmodseq, fixture_state(box).highestmodseq);
	assert_int_equal(mailbox_api.vanished(box, since, NULL, f->pool,
					      &gone, &f->err), CV_OK);
	assert_string_equal(fixture_set(f, gone), "1:3");
	d = fixture_message(f, box, 1, CV_MESSAGE_THREAD |
			    CV_MESSAGE_PREVIEW);
	assert_true(d.has_thread);
	assert_true(cv_span_is(d.preview, "other body"));
	c = fixture_sync(&p.owner, own, 0);
	assert_int_equal(c.messages, 1);
	/* moved out: both rights are needed */
	grant(&p, "INBOX", "lre");
	c = fixture_sync(f, box, 0);
	all.last = 1;
	assert_int_equal(mailbox_api.copy(box, (struct cv_set){ &all, 1 },
					  "Mine", true, f->pool, &result,
					  &f->err), CV_E_DENIED);
	grant(&p, "INBOX", "lret");
	c = fixture_sync(f, box, 0);
	ok(f, mailbox_api.copy(box, (struct cv_set){ &all, 1 }, "Mine", true,
			       f->pool, &result, &f->err));
	c = fixture_sync(&p.owner, own, 0);
	assert_int_equal(c.messages, 0);
	pair_deinit(&p);
}

static void rights_are_changed_by_who_may(void **state)
{
	struct cv_acl_entry *entries;
	const char *rights;
	uint32_t count;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	pair_init(&p);
	grant(&p, "INBOX", "lr");
	ok(f, mailbox_api.my_rights(f->user, SHARED "INBOX", f->pool,
				    &rights, &f->err));
	assert_string_equal(rights, "lr");
	assert_int_equal(mailbox_api.acl_get(f->user, SHARED "INBOX",
		f->pool, &entries, &count, &f->err), CV_E_DENIED);
	assert_int_equal(mailbox_api.acl_set(f->user, SHARED "INBOX",
		CV_SPAN("bob@example.org"), CV_ACL_ADD, CV_SPAN("a"),
		&f->err), CV_E_DENIED);
	assert_int_equal(mailbox_api.my_rights(f->user, SHARED "Not",
		f->pool, &rights, &f->err), CV_E_NOT_FOUND);
	grant(&p, "INBOX", "lra");
	ok(f, mailbox_api.acl_set(f->user, SHARED "INBOX", CV_SPAN("$staff"),
				  CV_ACL_REPLACE, CV_SPAN("lrd"), &f->err));
	ok(f, mailbox_api.acl_set(f->user, SHARED "INBOX", CV_SPAN("$staff"),
				  CV_ACL_REMOVE, CV_SPAN("r"), &f->err));
	ok(f, mailbox_api.acl_get(f->user, SHARED "INBOX", f->pool, &entries,
				  &count, &f->err));
	assert_int_equal(count, 3);
	assert_string_equal(entries[0].identifier, "jane@example.org");
	assert_string_equal(entries[0].rights, "lrwstipekxancd");
	assert_string_equal(entries[1].identifier, "bob@example.org");
	assert_string_equal(entries[1].rights, "lra");
	assert_string_equal(entries[2].identifier, "$staff");
	assert_string_equal(entries[2].rights, "lted");
	ok(f, mailbox_api.acl_required(f->user, SHARED "INBOX",
				       CV_SPAN("owner"), f->pool, &rights,
				       &f->err));
	assert_string_equal(rights, "la");
	assert_int_equal(mailbox_api.acl_set(f->user, SHARED "INBOX",
		CV_SPAN("x"), CV_ACL_ADD, CV_SPAN("z"), &f->err),
		CV_E_SYNTAX);
	ok(f, mailbox_api.acl_delete(f->user, SHARED "INBOX",
				     CV_SPAN("$staff"), &f->err));
	assert_int_equal(mailbox_api.acl_delete(f->user, SHARED "INBOX",
		CV_SPAN("$staff"), &f->err), CV_NOT_FOUND);
	/* the owner has them in any case */
	ok(&p.owner, mailbox_api.my_rights(p.owner.user, "INBOX", f->pool,
					   &rights, &f->err));
	assert_string_equal(rights, "lrwstipekxancd");
	pair_deinit(&p);
}

static void a_killed_broker_costs_one_command(void **state)
{
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	struct cv_mailbox *box;
	struct cv_mailbox_changes c;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	pair_init(&p);
	grant(&p, "INBOX", "lrswtei");
	for (int i = 0; i < 3; i++)
		fixture_save(&p.owner, "INBOX", mail_one, 0);
	box = fixture_open(f, SHARED "INBOX");
	kill_broker(&p);
	/* an order is not given twice */
	{
		struct cv_range one = { 1, 1 };
		struct cv_store_request r = { CV_SIZED(cv_store_request),
			.seqs = { &one, 1 }, .change = CV_FLAGS_ADD,
			.flags = CV_FLAG_FLAGGED,
			.unchanged_since = UINT64_MAX };

		assert_int_equal(mailbox_api.store(box, &r, f->pool, NULL,
						   &f->err), CV_E_TEMP);
		ok(f, mailbox_api.store(box, &r, f->pool, NULL, &f->err));
	}
	kill_broker(&p);
	/* meanwhile one message goes and one comes */
	{
		struct cv_mailbox *own = fixture_open(&p.owner, "INBOX");

		fixture_store(&p.owner, own, 2, 2, CV_FLAGS_ADD,
			      CV_FLAG_DELETED, NULL);
		ok(&p.owner, mailbox_api.expunge(own, NULL, &p.owner.err));
		fixture_save(&p.owner, "INBOX", mail_two, 0);
	}
	/* the numbers are still those of before */
	assert_int_equal(fixture_message(f, box, 3, 0).uid, 3);
	assert_int_equal(mailbox_api.message(box, 2, 0, &d, &f->err),
			 CV_NOT_FOUND);
	c = fixture_sync(f, box, CV_SYNC_NO_EXPUNGES);
	assert_int_equal(c.messages, 3);
	c = fixture_sync(f, box, 0);
	assert_string_equal(fixture_set(f, c.expunged), "2");
	assert_int_equal(c.messages, 3);
	assert_string_equal(fixture_body(f, box, 3), mail_two);
	/* none can be had */
	kill_broker(&p);
	p.refuse = true;
	assert_int_equal(mailbox_api.sync(box, 0, NULL, &f->err), CV_E_TEMP);
	assert_int_equal(mailbox_api.sync(box, 0, NULL, &f->err), CV_E_TEMP);
	p.refuse = false;
	c = fixture_sync(f, box, 0);
	assert_int_equal(c.messages, 3);
	pair_deinit(&p);
}

/* A save of one message that has begun and has these bytes. */
static struct cv_save *begin_save(struct fixture *f, bool binary,
				  struct cv_span bytes, int expected)
{
	struct cv_save *save;
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.internal_date = INT64_MIN, .binary = binary };

	ok(f, mailbox_api.save_begin(f->user, SHARED "INBOX", &save,
				     &f->err));
	ok(f, mailbox_api.save_add(save, &r, &f->err));
	assert_int_equal(mailbox_api.save_write(save, bytes.data, bytes.len,
						&f->err), expected);
	return save;
}

static void a_broker_that_is_killed_saves_nothing(void **state)
{
	struct cv_save *save;
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	pair_init(&p);
	grant(&p, "INBOX", "lrswtei");
	save = begin_save(f, false, cv_span_of(mail_one), CV_OK);
	kill_broker(&p);
	assert_int_equal(mailbox_api.save_finish(save, &f->err), CV_E_TEMP);
	mailbox_api.save_abort(&save);
	assert_int_equal(fixture_save(f, SHARED "INBOX", mail_one, 0), 1);
	pair_deinit(&p);
}

static void what_cannot_be_encoded_is_not_committed(void **state)
{
	static const char nul[] = "Sub\0ject: x\r\n\r\nx\r\n";
	struct cv_save *save;
	struct cv_set uids;
	struct pair p;
	struct fixture *f = &p.reader;
	uint32_t uidvalidity;

	(void)state;
	pair_init(&p);
	grant(&p, "INBOX", "lrswtei");
	save = begin_save(f, true, cv_span(nul, sizeof(nul) - 1),
			  CV_E_SYNTAX);
	(void)mailbox_api.save_finish(save, &f->err);
	assert_int_equal(mailbox_api.save_commit(&save, f->pool, &uidvalidity,
						 &uids, &f->err), CV_E_SYNTAX);
	assert_null(save);
	assert_int_equal(fixture_save(f, SHARED "INBOX", mail_one, 0), 1);
	pair_deinit(&p);
}

/* Whoever speaks to a broker cannot make it crash, nor show what it must
 * not. */
static void nonsense_is_refused(void **state)
{
	struct remote_message m;
	struct cv_text fields;
	struct pair p;
	uint32_t seed = 1;
	int channel;

	(void)state;
	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	ok(&p.owner, open_broker(&p, "jane@example.org", &channel,
				 &p.owner.err));
	cv_text_init(&fields, p.owner.pool);
	for (int i = 0; i < 5000; i++) {
		uint32_t op = (uint32_t)i % (REMOTE_OPS + 2);
		struct cv_error err = ERROR_NONE;

		cv_text_reset(&fields);
		for (uint32_t n = (uint32_t)i % 40; n > 0; n--) {
			seed = seed * 1103515245 + 12345;
			cv_text_append_c(&fields, (char)(seed % 5 == 0 ?
							 seed >> 16 : 0));
		}
		ok(&p.owner, remote_send(channel, REMOTE_MSG_REQUEST, op, "",
					 &fields, -1, &err));
		if (remote_receive(channel, 10000, REMOTE_MSG_ANSWER,
				   p.owner.pool, &m, &err) != CV_OK)
			fail_msg("request %d: %s", i, err.text);
		/* without a right there is nothing to be had but "no" */
		if (m.number == 0 && op != REMOTE_LIST &&
		    op != REMOTE_ANNOTATIONS &&
		    op != REMOTE_CLOSE && op != REMOTE_SAVE_ABORT)
			fail_msg("request %d of kind %u was served", i, op);
		assert_true(m.number != 0 || m.payload.len == 0);
		assert_int_equal(m.fd, -1);
	}
	close(channel);
	pair_deinit(&p);
}

/* The same with every right, and an open view: it may be served, or not. */
static void nonsense_of_the_entitled_is_survived(void **state)
{
	struct remote_message m;
	struct cv_text fields;
	struct pair p;
	uint32_t seed = 99, served = 0;
	int channel;

	(void)state;
	pair_init(&p);
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	grant(&p, "INBOX", "lrswipkxtea");
	ok(&p.owner, open_broker(&p, "jane@example.org", &channel,
				 &p.owner.err));
	cv_text_init(&fields, p.owner.pool);
	for (int i = 0; i < 5000; i++) {
		uint32_t op = (uint32_t)i % REMOTE_OPS;

		cv_text_reset(&fields);
		/* what most requests begin with: the view, or a name */
		if (op >= REMOTE_OPEN && op <= REMOTE_SEARCH)
			remote_put_u32(&fields, 0);
		if (op == REMOTE_OPEN)
			remote_put_u32(&fields, 0);
		if (op <= REMOTE_OPEN || op == REMOTE_SAVE_BEGIN)
			remote_put_str(&fields, "INBOX");
		/* all of what is zero is "nothing" */
		put_noise(&fields, &seed, (uint32_t)i % 3 * 4);
		ok(&p.owner, remote_send(channel, REMOTE_MSG_REQUEST, op, "",
					 &fields, -1, &p.owner.err));
		ok(&p.owner, remote_receive(channel, 10000,
					    REMOTE_MSG_ANSWER, p.owner.pool,
					    &m, &p.owner.err));
		served += m.number == 0;
		if (m.fd >= 0)
			close(m.fd);
	}
	assert_true(served > 100);
	close(channel);
	pair_deinit(&p);
}

static void box_is_empty(struct fixture *f)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	assert_int_equal(fixture_state(box).messages, 0);
	mailbox_api.close(&box);
}

/* Nor does a session believe a broker. */
static void a_broker_that_lies_is_left(void **state)
{
	struct pair p;
	struct fixture *f = &p.reader;
	uint32_t opened = 0;

	(void)state;
	pair_init(&p);
	p.lie = true;
	for (int i = 0; i < 300; i++) {
		struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
		struct cv_mailbox_changes c = {
			CV_SIZED(cv_mailbox_changes) };
		struct cv_message_data d = { CV_SIZED(cv_message_data) };
		struct cv_mailbox *box;

		(void)names(f, SHARED "*");
		(void)mailbox_api.status(f->user, SHARED "INBOX",
			CV_STATUS_MESSAGES | CV_STATUS_UNSEEN, &s, &f->err);
		(void)fixture_try_save(f, SHARED "INBOX",
				       cv_span_of(mail_one), 0, NULL);
		if (mailbox_api.open(f->user, SHARED "INBOX", 0, &box,
				     &f->err) < 0)
			continue;
		opened++;
		assert_int_equal(fixture_state(box).messages, 3);
		(void)mailbox_api.message(box, 1, 0, &d, &f->err);
		(void)mailbox_api.sync(box, 0, &c, &f->err);
		(void)mailbox_api.expunge(box, NULL, &f->err);
		mailbox_api.close(&box);
	}
	assert_true(opened > 10);
	/* and nothing of it has come into the reader's own mail */
	box_is_empty(f);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_seen_without_rights),
		cmocka_unit_test(mail_is_read_and_seen_is_the_readers),
		cmocka_unit_test(changes_go_both_ways),
		cmocka_unit_test(rights_are_changed_by_who_may),
		cmocka_unit_test(a_killed_broker_costs_one_command),
		cmocka_unit_test(a_broker_that_is_killed_saves_nothing),
		cmocka_unit_test(what_cannot_be_encoded_is_not_committed),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(nonsense_of_the_entitled_is_survived),
		cmocka_unit_test(a_broker_that_lies_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
