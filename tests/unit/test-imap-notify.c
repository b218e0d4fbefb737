/* test-imap-notify.c - NOTIFY [RFC5465]: its groups, what has become of
 * mailboxes since, and all of it in a session that sleeps; with mailboxes in
 * memory. */
#include "imap-mock-private.h"

#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#define DONE "a OK Notify completed.\r\n"
#define BAD(text) "a BAD " text "\r\n"
#define ARGS BAD("Error in IMAP command NOTIFY: Invalid arguments.")
#define TOGETHER BAD("MessageNew and MessageExpunge belong together.")
#define NEEDS BAD("FlagChange and AnnotationChange need MessageNew and " \
		  "MessageExpunge.")
#define ONLY_MESSAGES BAD("Only events of messages are for the selected " \
			  "mailbox.")
#define BADEVENT "a NO [BADEVENT (MessageNew MessageExpunge FlagChange " \
	"AnnotationChange MailboxName SubscriptionChange " \
	"MailboxMetadataChange ServerMetadataChange)] Unsupported event.\r\n"

static const struct script { const char *in, *out; } scripts[] = {
	{ "a NOTIFY NONE", DONE },
	{ "a NOTIFY none x", ARGS },
	{ "a NOTIFY", ARGS },
	{ "a NOTIFY SET", ARGS },
	{ "a NOTIFY SET STATUS", ARGS },
	{ "a NOTIFY SET x", ARGS },
	{ "a NOTIFY SET ()", BAD("Unknown mailbox filter.") },
	{ "a NOTIFY SET (selected)", ARGS },
	{ "a NOTIFY SET (selected MessageNew)", ARGS },
	{ "a NOTIFY SET (selected ())", ARGS },
	{ "a NOTIFY SET (selected ((x)))", ARGS },
	{ "a NOTIFY SET (selected NONE)", DONE },
	{ "a NOTIFY SET (selected (MessageNew MessageExpunge) x)", ARGS },
	{ "a NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))",
	  DONE },
	{ "a NOTIFY SET (selected (MessageNew (FOO) MessageExpunge))",
	  BAD("Unknown parameter FOO") },
	/* [RFC5465 8] */
	{ "a NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
	  BAD("Items of new messages are for the selected mailbox.") },
	/* [RFC5465 5] */
	{ "a NOTIFY SET (personal (MessageNew))", TOGETHER },
	{ "a NOTIFY SET (personal (MessageExpunge))", TOGETHER },
	{ "a NOTIFY SET (personal (FlagChange))", NEEDS },
	{ "a NOTIFY SET (personal (MailboxName AnnotationChange))", NEEDS },
	/* [RFC5465 6.1] */
	{ "a NOTIFY SET (selected (MailboxName))", ONLY_MESSAGES },
	{ "a NOTIFY SET (selected-delayed (MessageNew MessageExpunge "
	  "SubscriptionChange))", ONLY_MESSAGES },
	{ "a NOTIFY SET (selected NONE) (selected-delayed NONE)",
	  BAD("Only one filter may be for the selected mailbox.") },
	/* [RFC5465 3.1] */
	{ "a NOTIFY SET (personal (MessageNew MessageExpunge Foo))",
	  BADEVENT },
	{ "a NOTIFY SET (mailboxes (MailboxName))", ARGS },
	{ "a NOTIFY SET (mailboxes (INBOX a/b) (MailboxName)) (subtree a "
	  "(MessageNew MessageExpunge))", DONE },
	{ "a NOTIFY SET STATUS (mailboxes (INBOX a/b none) (MessageNew "
	  "MessageExpunge)) (selected NONE)",
	  "* STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 1001)\r\n"
	  "* STATUS a/b (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1003)\r\n" DONE },
	{ "a NOTIFY SET STATUS (subscribed (MessageNew MessageExpunge "
	  "FlagChange))",
	  "* STATUS a/b (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1003 UNSEEN 0 "
	  "HIGHESTMODSEQ 10)\r\n* STATUS f&APw-r (MESSAGES 0 UIDNEXT 1 "
	  "UIDVALIDITY 1004 UNSEEN 0 HIGHESTMODSEQ 10)\r\n" DONE },
};

static void scripts_answer_at_each_cut_point(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char text[400];
		size_t len = (size_t)snprintf(text, sizeof(text), "%s\r\n",
					      scripts[i].in);

		/* steps of each size: each place is a cut in some of them */
		for (size_t step = 1; step <= len; step++) {
			struct cv_session *s = mock_session_new();
			const char *out = mock_session_play(
				s, cv_span(text, len), step);

			if (strcmp(out, scripts[i].out) != 0) {
				print_error("%s:\n%s\n", text, out);
				wrong++;
				step = len;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

/* Whatever is left out, at the end or anywhere: an answer, and no harm. */
static void a_command_that_lacks_something_is_answered(void **state)
{
	static const char whole[] = "a NOTIFY SET STATUS (selected-delayed "
		"(MessageNew (UID BODY.PEEK[HEADER.FIELDS (\"x\")]) "
		"MessageExpunge)) (subtree (\"a\" INBOX) (MailboxName))";

	(void)state;
	for (size_t from = 0; from < sizeof(whole); from++) {
		for (size_t len = 1; len < 9 && from + len <= sizeof(whole) - 1;
		     len++) {
			struct cv_session *s = mock_session_new();
			char text[400];

			snprintf(text, sizeof(text), "%.*s%s\r\nz NOOP\r\n",
				 (int)from, whole, whole + from + len);
			assert_non_null(strstr(mock_session_play(
				s, cv_span_of(text), 1000), "\r\nz OK"));
			mock_session_free(&s);
		}
	}
}

/* --- what has become of mailboxes ----------------------------------------- */

static void deliver_one(struct cv_session *s)
{
	mock_deliver(mock_box_find(&s->user, "a/b"), 0, "Subject: x\r\n\r\n");
}

static void see_one(struct cv_session *s)
{
	struct mock_box *box = mock_box_find(&s->user, "INBOX");

	box->messages[1].flags |= CV_FLAG_SEEN;
	box->messages[1].modseq = ++box->modseq;
}

static void rename_one(struct cv_session *s)
{
	assert_int_equal(mock_box_rename(&s->user, "Sent Items", "Gone",
					 NULL), CV_OK);
}

static void remove_one(struct cv_session *s)
{
	assert_int_equal(mock_box_remove(&s->user, "Sent Items", NULL),
			 CV_OK);
}

static void make_one(struct cv_session *s)
{
	mock_box_new(&s->user, "a/new");
}

static void subscribe_one(struct cv_session *s)
{
	mock_box_find(&s->user, "INBOX")->subscribed = true;
}

static void lose_lookup(struct cv_session *s)
{
	mock_box_find(&s->user, "a/b")->hidden = CV_PICTURE_LOOKUP |
		CV_PICTURE_READ;
}

static void lose_read(struct cv_session *s)
{
	mock_box_find(&s->user, "a/b")->hidden = CV_PICTURE_READ;
}

static void anew(struct cv_session *s)
{
	struct mock_box *box = mock_box_find(&s->user, "a/b");

	box->uidvalidity = 7777;
	box->uidnext = 1;
}

#define MESSAGES "a NOTIFY SET (personal (MessageNew MessageExpunge))"
#define FLAGS "a NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))"
#define NAMES "a NOTIFY SET (personal (MailboxName SubscriptionChange))"

static const struct change {
	const char *in;
	void (*what)(struct cv_session *s);
	const char *out;
} changes[] = {
	{ MESSAGES, deliver_one, "* STATUS a/b (MESSAGES 1 UIDNEXT 2)\r\n" },
	{ MESSAGES, see_one, "" },
	{ MESSAGES, rename_one, "" },
	{ MESSAGES, make_one, "" },
	{ MESSAGES, anew, "* STATUS a/b (MESSAGES 0 UIDNEXT 1 UIDVALIDITY "
	  "7777)\r\n" },
	/* [RFC5465 5.9] */
	{ MESSAGES, lose_lookup, "* LIST (\\HasNoChildren \\Subscribed "
	  "\\NoAccess) \"/\" a/b\r\n" },
	{ MESSAGES, lose_read, "* LIST (\\HasNoChildren \\Subscribed "
	  "\\NoAccess) \"/\" a/b\r\n" },
	{ FLAGS, see_one, "* STATUS INBOX (UIDVALIDITY 1001 UNSEEN 1)\r\n" },
	{ FLAGS, deliver_one, "* STATUS a/b (MESSAGES 1 UIDNEXT 2 "
	  "UIDVALIDITY 1003 UNSEEN 1)\r\n" },
	/* [RFC5465 5.4] */
	{ NAMES, rename_one, "* LIST (\\HasNoChildren \\Sent) \"/\" Gone "
	  "(\"OLDNAME\" (\"Sent Items\"))\r\n" },
	{ NAMES, remove_one, "* LIST (\\NonExistent) \"/\" \"Sent Items\""
	  "\r\n" },
	{ NAMES, subscribe_one, "* LIST (\\HasNoChildren \\Subscribed) \"/\" "
	  "INBOX\r\n" },
	{ NAMES, deliver_one, "" },
};

static void changes_are_told_once(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct cv_session *s = mock_session_new();
		char text[300], want[600];
		const char *out;

		s->meanwhile = changes[i].what;
		snprintf(text, sizeof(text), "s EXAMINE f&APw-r\r\n%s\r\n"
			 "b UID SEARCH ALL\r\nc NOOP\r\n", changes[i].in);
		snprintf(want, sizeof(want), DONE "* SEARCH\r\n%sb OK Search "
			 "completed.\r\nc OK NOOP completed.\r\n",
			 changes[i].out);
		out = mock_session_play(s, cv_span_of(text), 1000);
		if (strstr(out, want) == NULL) {
			print_error("%zu: %s", i, out);
			wrong++;
		}
		mock_session_free(&s);
	}
	assert_int_equal(wrong, 0);
}

/* --- asleep --------------------------------------------------------------- */

#define ASLEEP "s SELECT INBOX\r\na NOTIFY SET (selected-delayed (MessageNew " \
	"(UID BODY.PEEK[HEADER.FIELDS (\"x\")]) MessageExpunge)) " \
	"(mailboxes (a/b none) (MessageNew MessageExpunge FlagChange)) " \
	"(subtree a (MailboxName))\r\n"

static struct cv_span left_by(struct cv_pool *pool)
{
	struct cv_session *s = mock_session_new();
	struct cv_span left;

	s->sleeps = true;
	(void)mock_session_play(s, CV_SPAN(ASLEEP), 1000);
	assert_true(s->slept);
	left = pool_span(pool, cv_text_span(&s->left));
	mock_session_free(&s);
	return left;
}

static const char *woken_with(struct cv_session *s, struct cv_pool *pool,
			      struct cv_span left, size_t len)
{
	return mock_session_wake(s, cv_span(pool_copy(pool, left.data, len),
					    len), CV_SPAN("x NOOP\r\n"));
}

static void what_came_meanwhile_is_told_when_it_wakes(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_session *s = mock_session_new();

	(void)state;
	deliver_one(s);
	make_one(s);
	assert_non_null(strstr(
		woken_with(s, pool, left_by(pool), left_by(pool).len),
		"* STATUS a/b (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1003 UNSEEN "
		"1)\r\n* LIST (\\HasNoChildren) \"/\" a/new\r\n"));
	mock_session_free(&s);
	pool_destroy(&pool);
}

static void a_state_that_ends_early_is_refused(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_span left = left_by(pool);

	(void)state;
	for (size_t len = 0; len < left.len; len++) {
		struct cv_session *s = mock_session_new();

		assert_memory_equal(woken_with(s, pool, left, len), "* BYE ",
				    6);
		mock_session_free(&s);
	}
	pool_destroy(&pool);
}

static void any_damaged_byte_does_no_harm(void **state)
{
	static const unsigned char masks[] = { 1, 4, 16, 128, 255 };
	struct cv_pool *pool = pool_create("test");
	struct cv_span left = left_by(pool);

	(void)state;
	for (size_t i = 0; i < left.len; i++) {
		for (size_t k = 0; k < sizeof(masks); k++) {
			struct cv_session *s = mock_session_new();
			char *bytes = pool_copy(pool, left.data, left.len);
			const char *out;

			bytes[i] ^= (char)masks[k];
			out = woken_with(s, pool, cv_span(bytes, left.len),
					 left.len);
			/* refused, or it goes on */
			assert_true(strncmp(out, "* BYE ", 6) == 0 ||
				    strstr(out, "x OK") != NULL);
			mock_session_free(&s);
		}
	}
	pool_destroy(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer_at_each_cut_point),
		cmocka_unit_test(
			a_command_that_lacks_something_is_answered),
		cmocka_unit_test(changes_are_told_once),
		cmocka_unit_test(what_came_meanwhile_is_told_when_it_wakes),
		cmocka_unit_test(a_state_that_ends_early_is_refused),
		cmocka_unit_test(any_damaged_byte_does_no_harm),
	};

	mock_init();
	mock_settings.imap_hibernate_timeout = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
