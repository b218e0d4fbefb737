/* test-imap-sleep.c - what IMAP leaves for the process that goes on with a
 * session; whole, and with each byte damaged [security.md B24]. */
#include "imap-mock-session.h"

#include <setjmp.h>
#include <cmocka.h>

#define BEGIN "s SELECT INBOX\r\na SEARCH RETURN (SAVE) UNSEEN\r\n"
#define GO_ON "c SEARCH $\r\nd FETCH 1:* UID\r\ne UID SEARCH *\r\n"
#define BYE "* BYE "

/* Copied: the session that left it ends. */
static struct cv_span left_by(struct cv_pool *pool, const char *script)
{
	struct cv_session *s = mock_session_new();
	struct cv_span left;

	s->sleeps = true;
	(void)mock_session_play(s, cv_span_of(script), 1000);
	assert_true(s->slept);
	left = pool_span(pool, cv_text_span(&s->left));
	mock_session_free(&s);
	return left;
}

static void a_silent_session_goes_on(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_session *s = mock_session_new();

	(void)state;
	assert_string_equal(mock_session_wake(s, left_by(pool, BEGIN),
					      cv_span_of(GO_ON)),
			    "* SEARCH 2 3\r\nc OK Search completed.\r\n"
			    "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n"
			    "* 3 FETCH (UID 3)\r\nd OK Fetch completed.\r\n"
			    "* SEARCH 3\r\ne OK Search completed.\r\n");
	mock_session_free(&s);
	pool_destroy(&pool);
}

static void one_in_idle_goes_on_in_idle(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_session *s = mock_session_new();

	(void)state;
	assert_string_equal(mock_session_wake(s, left_by(pool, BEGIN
					      "idle7 IDLE\r\n"),
					      CV_SPAN("DONE\r\nx NOOP\r\n")),
			    "idle7 OK Idle completed.\r\n"
			    "x OK NOOP completed.\r\n");
	mock_session_free(&s);
	pool_destroy(&pool);
}

/* It is refused, or it goes on and answers within its mailbox. */
static void check_damaged(struct cv_span left)
{
	struct cv_session *s = mock_session_new();
	const char *out = mock_session_wake(s, left, CV_SPAN(
		"DONE\r\n" GO_ON "z NOOP\r\n"));

	if (strncmp(out, BYE, strlen(BYE)) != 0) {
		if (strstr(out, "\r\nz OK") == NULL)
			fail_msg("no end: %s", out);
		assert_null(strstr(out, "* 4 FETCH"));
		assert_null(strstr(out, " 4\r\n"));
	}
	mock_session_free(&s);
}

static void a_state_that_ends_early_is_refused(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_span left = left_by(pool, BEGIN);

	(void)state;
	for (size_t len = 0; len < left.len; len++) {
		struct cv_session *s = mock_session_new();
		const char *out = mock_session_wake(
			s, cv_span(pool_copy(pool, left.data, len), len),
			CV_SPAN("x NOOP\r\n"));

		assert_memory_equal(out, BYE, strlen(BYE));
		mock_session_free(&s);
	}
	pool_destroy(&pool);
}

/* In each byte. */
static void damage(const char *script)
{
	static const unsigned char masks[] = { 1, 2, 4, 16, 64, 128, 255 };
	struct cv_pool *pool = pool_create("test");
	struct cv_span left = left_by(pool, script);

	for (size_t i = 0; i < left.len; i++) {
		for (size_t k = 0; k < sizeof(masks); k++) {
			char *bytes = pool_copy(pool, left.data, left.len);

			bytes[i] ^= (char)masks[k];
			check_damaged(cv_span(bytes, left.len));
		}
	}
	pool_destroy(&pool);
}

static void any_damaged_byte_does_no_harm(void **state)
{
	(void)state;
	damage(BEGIN "idle7 IDLE\r\n");
	/* [RFC5267 4] with results that are kept up to date */
	damage(BEGIN "k UID SEARCH RETURN (ALL UPDATE) UNSEEN NOT TEXT \"x\"\r\n"
	       "l SEARCH RETURN (UPDATE) OR SEEN KEYWORD a\r\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_silent_session_goes_on),
		cmocka_unit_test(one_in_idle_goes_on_in_idle),
		cmocka_unit_test(a_state_that_ends_early_is_refused),
		cmocka_unit_test(any_damaged_byte_does_no_harm),
	};

	mock_init();
	mock_settings.imap_hibernate_timeout = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
