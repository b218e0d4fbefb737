/* test-annotations-freeze.c - which annotations a client knows of, for the
 * process that goes on with its session; whole, and with each byte damaged
 * [security.md B24]. */
#include "mailbox-fixture.h"
#include "mailbox/mailbox-freeze.h"
#include "mailbox/mailbox-route.h"

static const uint8_t freeze_key[MAILBOX_FREEZE_KEY_BYTES] = { 7, 3 };
static const char spaces[] =
	"namespace a {\n inbox = yes\n separator = /\n}\n"
	"namespace p {\n prefix = Other/\n separator = /\n"
	" location = maildir:~/other\n}\n";

/* Another process of the user. */
static void again(struct fixture *f)
{
	fixture_logout(f);
	fixture_login(f);
}

static void set(struct fixture *f, const char *name, const char *entry,
		const char *value)
{
	struct cv_metadata m = { cv_span_of(entry), value == NULL ?
		CV_SPAN_NONE : cv_span_of(value) };

	ok(f, mailbox_api.metadata_set(f->user, name, &m, 1, &f->err));
}

/* Another session of the user, at the same time. */
static void other_sets(struct fixture *f, const char *name, const char *entry,
		       const char *value)
{
	struct cv_user *own = f->user;
	struct cv_error err = f->err;

	fixture_login(f);
	set(f, name, entry, value);
	fixture_logout(f);
	f->user = own;
	f->err = err;
	ok(f, account_refresh(mailbox_own_store(own)->account, &f->err));
}

static struct cv_span frozen(struct fixture *f)
{
	struct cv_text out;

	cv_text_init(&out, f->pool);
	ok(f, annotations_freeze(f->user, freeze_key, &out, &f->err));
	return cv_text_span(&out);
}

/* "mailbox entry," of each. */
static const char *changes(struct fixture *f)
{
	struct cv_metadata_change *list;
	struct cv_text out;
	uint32_t count;

	ok(f, annotations_changes(f->user, f->pool, &list, &count, &f->err));
	cv_text_init(&out, f->pool);
	for (uint32_t i = 0; i < count; i++)
		cv_text_append_f(&out, "%s %.*s,", list[i].mailbox_name,
			       CV_SPAN_ARG(list[i].entry));
	return cv_text_str(&out);
}

static struct cv_span watched_init(struct fixture *f)
{
	fixture_init(f, spaces);
	ok(f, mailbox_api.create(f->user, "Other/x", 0, &f->err));
	set(f, "Other/x", "/shared/a", "1");
	set(f, "INBOX", "/shared/a", "2");
	set(f, "", "/private/b", "3");
	assert_int_equal(frozen(f).len, 0);
	assert_string_equal(changes(f), "");
	return frozen(f);
}

static void another_process_tells_what_has_changed(void **state)
{
	struct fixture f;
	struct cv_span known = watched_init(&f);
	const char *told;

	(void)state;
	again(&f);
	set(&f, "Other/x", "/shared/a", NULL);
	set(&f, "INBOX", "/shared/a", "2");
	set(&f, "INBOX", "/shared/c", "new");
	/* nothing of it is open yet */
	again(&f);
	ok(&f, annotations_thaw(f.user, known, freeze_key, &f.err));
	told = changes(&f);
	/* in the order of GUIDs, which are random */
	if (told[0] == 'I')
		assert_string_equal(told, "INBOX /shared/c,Other/x /shared/a,");
	else
		assert_string_equal(told, "Other/x /shared/a,INBOX /shared/c,");
	assert_string_equal(changes(&f), "");
	/* and is kept once more */
	known = frozen(&f);
	again(&f);
	ok(&f, annotations_thaw(f.user, known, freeze_key, &f.err));
	assert_string_equal(changes(&f), "");
	fixture_deinit(&f);
}

static void what_was_not_told_keeps_the_session_awake(void **state)
{
	struct fixture f;
	struct cv_text out;

	(void)state;
	(void)watched_init(&f);
	other_sets(&f, "INBOX", "/shared/a", "other");
	cv_text_init(&out, f.pool);
	assert_int_equal(annotations_freeze(f.user, freeze_key, &out, &f.err),
			 CV_E_TEMP);
	assert_int_equal(out.len, 0);
	assert_string_equal(changes(&f), "INBOX /shared/a,");
	assert_true(frozen(&f).len > 0);
	fixture_deinit(&f);
}

/* Its own, and what the server notes for itself. */
static void what_is_no_news_lets_it_sleep(void **state)
{
	struct account_txn *txn;
	struct fixture f;

	(void)state;
	(void)watched_init(&f);
	set(&f, "INBOX", "/shared/a", "own");
	assert_true(frozen(&f).len > 0);
	assert_string_equal(changes(&f), "");
	ok(&f, account_begin(mailbox_own_store(f.user)->account, 0, &txn,
			     &f.err));
	ok(&f, txn_metadata(txn, NULL, CV_SPAN("note"), CV_SPAN("of ours"),
			    &f.err));
	ok(&f, account_commit(&txn, ACCOUNT_SYNC, &f.err));
	assert_true(frozen(&f).len > 0);
	assert_string_equal(changes(&f), "");
	fixture_deinit(&f);
}

static void any_damaged_byte_does_no_harm(void **state)
{
	static const unsigned char masks[] = { 1, 16, 128, 255 };
	struct fixture f;
	struct cv_span known = watched_init(&f);

	(void)state;
	for (size_t i = 0; i < known.len * sizeof(masks); i++) {
		char *bytes = pool_copy(f.pool, known.data, known.len);
		int ret;

		bytes[i / sizeof(masks)] ^= (char)masks[i % sizeof(masks)];
		annotations_unwatch(f.user);
		ret = annotations_thaw(f.user, cv_span(bytes, known.len),
				       freeze_key, &f.err);
		if (ret != CV_OK)
			assert_int_equal(ret, CV_E_SYNTAX);
		(void)changes(&f);
	}
	for (size_t len = 1; len < known.len; len++) {
		annotations_unwatch(f.user);
		assert_int_equal(annotations_thaw(
			f.user, cv_span(known.data, len), freeze_key, &f.err),
			CV_E_SYNTAX);
	}
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_tells_what_has_changed),
		cmocka_unit_test(what_was_not_told_keeps_the_session_awake),
		cmocka_unit_test(what_is_no_news_lets_it_sleep),
		cmocka_unit_test(any_damaged_byte_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
