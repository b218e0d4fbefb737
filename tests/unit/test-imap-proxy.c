/* test-imap-proxy.c - plugins/imap: what a proxy knows of the IMAP that goes
 * by, cut at every byte. */
#include "imap-mock.h"
#include "imap-proxy.h"

#include <setjmp.h>
#include <cmocka.h>

static struct cv_pool *pool;

/* "C:" what the client sends, "S:" what the server does. */
struct step { char who; const char *bytes; };

static void feed(struct imap_proxy *p, const struct step *steps, size_t cut)
{
	for (; steps->who != '\0'; steps++) {
		struct cv_span all = cv_span_of(steps->bytes);
		size_t first = cut < all.len ? cut : all.len;
		struct cv_span parts[2] = {
			cv_span(all.data, first), cv_span_skip(all, first),
		};

		for (int i = 0; i < 2; i++) {
			if (steps->who == 'C')
				imap_proxy_client_sent(p, parts[i]);
			else
				(void)imap_proxy_server_sent(p, parts[i]);
		}
	}
}

static int broken_after(const struct step *steps, size_t cut,
			const char **words_r)
{
	struct imap_proxy *p = pool_new(pool, struct imap_proxy);
	struct cv_text words;
	int status;

	cv_text_init(&words, pool);
	feed(p, steps, cut);
	status = imap_proxy_broken(p, &words);
	*words_r = cv_text_str(&words);
	return status;
}

static void at_each_cut(const struct step *steps, int status,
			const char *words)
{
	const char *said;

	for (size_t cut = 0; cut < 120; cut++) {
		assert_int_equal(broken_after(steps, cut, &said), status);
		assert_string_equal(said, words);
	}
}

#define NO_ANSWER " NO [UNAVAILABLE] The server of this mail broke off " \
	"before it answered.\r\n"
#define BYE "* BYE [UNAVAILABLE] The server of this mail broke off.\r\n"

static void outside_of_a_mailbox_another_connection_may_go_on(void **state)
{
	static const struct step nothing[] = { { 0 } };
	static const struct step noop[] = {
		{ 'C', "a NOOP\r\n" }, { 'S', "a OK done\r\n" }, { 0 },
	};
	static const struct step open[] = {
		{ 'C', "a NOOP\r\nb LIST \"\" *\r\n" },
		{ 'S', "a OK\r\n* LIST () \"/\" x\r\n" }, { 0 },
	};
	static const struct step append[] = {
		{ 'C', "a APPEND x {12}\r\n" }, { 'S', "+ go\r\n" },
		{ 'C', "b SELECT x\r\n\r\n" },
		{ 'S', "a OK [APPENDUID 1 2] done\r\n" }, { 0 },
	};
	static const struct step failed[] = {
		{ 'C', "a SELECT x\r\n" }, { 'S', "a OK done\r\n" },
		{ 'C', "b SELECT y\r\n" }, { 'S', "b NO no such\r\n" }, { 0 },
	};
	static const struct step closed[] = {
		{ 'C', "a SELECT {1}\r\n" }, { 'S', "+ go\r\n" },
		{ 'C', "x\r\n" }, { 'S', "* 1 EXISTS\r\na OK done\r\n" },
		{ 'C', "b UNSELECT\r\n" }, { 'S', "b OK\r\n" }, { 0 },
	};

	(void)state;
	at_each_cut(nothing, CV_OK, "");
	at_each_cut(noop, CV_OK, "");
	at_each_cut(open, CV_OK, "b" NO_ANSWER);
	at_each_cut(append, CV_OK, "");
	at_each_cut(failed, CV_OK, "");
	at_each_cut(closed, CV_OK, "");
}

static void what_cannot_be_had_again_ends_the_session(void **state)
{
	static const struct step selected[] = {
		{ 'C', "a SELECT x\r\n" },
		{ 'S', "* 1 FETCH (BODY[] {5}\r\na NO )\r\na OK done\r\n" },
		{ 0 },
	};
	static const struct step notify[] = {
		{ 'C', "a NOTIFY SET (personal (MessageNew))\r\n" },
		{ 'S', "a OK\r\n" }, { 0 },
	};
	static const struct step idle[] = {
		{ 'C', "a IDLE\r\n" }, { 'S', "+ idling\r\n" }, { 0 },
	};
	static const struct step half[] = { { 'C', "a NOO" }, { 0 } };

	(void)state;
	at_each_cut(selected, CV_E_TEMP, BYE);
	at_each_cut(notify, CV_E_TEMP, BYE);
	at_each_cut(idle, CV_E_TEMP, BYE);
	at_each_cut(half, CV_E_TEMP, BYE);
}

static void nothing_is_said_into_a_response(void **state)
{
	static const struct step literal[] = {
		{ 'C', "a FETCH 1 BODY[]\r\n" },
		{ 'S', "* 1 FETCH (BODY[] {500}\r\nabc" }, { 0 },
	};
	static const struct step compressed[] = {
		{ 'C', "a COMPRESS DEFLATE\r\n" }, { 'S', "a OK on\r\n" },
		{ 'S', "\x01\x02\r\n" }, { 0 },
	};

	(void)state;
	at_each_cut(literal, CV_E_TEMP, "");
	at_each_cut(compressed, CV_E_TEMP, "");
}

static void a_logout_is_the_end(void **state)
{
	static const struct step logout[] = {
		{ 'C', "a LOGOUT\r\n" },
		{ 'S', "* BYE now\r\na OK done\r\n" }, { 0 },
	};

	(void)state;
	at_each_cut(logout, CV_EOF, "");
}

static void idle_ends_with_done(void **state)
{
	static const struct step done[] = {
		{ 'C', "a IDLE\r\n" }, { 'S', "+ idling\r\n" },
		{ 'C', "DONE\r\n" }, { 'S', "a OK\r\n" }, { 0 },
	};

	(void)state;
	at_each_cut(done, CV_OK, "");
}

static void the_goodbye_of_a_server_is_kept_back(void **state)
{
	static const char text[] = "a OK done\r\n* BYE I restart\r\n";
	struct imap_proxy *p = pool_new(pool, struct imap_proxy);
	struct cv_text words;

	(void)state;
	cv_text_init(&words, pool);
	imap_proxy_client_sent(p, CV_SPAN("a NOOP\r\n"));
	assert_int_equal(imap_proxy_server_sent(p, cv_span_of(text)), 11);
	assert_int_equal(imap_proxy_broken(p, &words), CV_OK);
	/* one that came in pieces was heard */
	assert_int_equal(imap_proxy_server_sent(p, CV_SPAN("* B")), 3);
	assert_int_equal(imap_proxy_server_sent(p, CV_SPAN("YE x\r\n")), 6);
	assert_int_equal(imap_proxy_broken(p, &words), CV_EOF);
}

static bool is_idle_after(const struct step *steps, size_t cut)
{
	struct imap_proxy *p = pool_new(pool, struct imap_proxy);

	feed(p, steps, cut);
	return imap_proxy_is_idle(p);
}

static void a_session_is_idle_between_commands(void **state)
{
	static const struct { bool idle; struct step steps[6]; } cases[] = {
		{ true, { { 0 } } },
		{ false, { { 'C', "a NOOP\r\n" }, { 0 } } },
		{ true, { { 'C', "a NOOP\r\n" }, { 'S', "a OK\r\n" } } },
		/* what is not there whole will not be done */
		{ true, { { 'C', "a NOO" } } },
		{ true, { { 'C', "a APPEND x {12}\r\n" },
			  { 'S', "+ go\r\n" }, { 'C', "b\r\n" } } },
		{ false, { { 'C', "a NOOP\r\nb NOOP\r\n" },
			   { 'S', "a OK\r\n" } } },
		{ false, { { 'C', "a NOOP\r\n" },
			   { 'S', "a OK\r\n* 1 FETCH (BODY[] {9}\r\na" } } },
		/* nobody knows when it ends */
		{ true, { { 'C', "a IDLE\r\n" }, { 'S', "+ idling\r\n" },
			  { 'S', "* 4 EXISTS\r\n" } } },
		{ false, { { 'C', "a NOOP\r\nb IDLE\r\n" },
			   { 'S', "* 4 EXISTS\r\n" } } },
		/* [RFC4978 3] nothing of it can be read */
		{ true, { { 'C', "a COMPRESS DEFLATE\r\n" },
			  { 'S', "a OK on\r\n" }, { 'C', "\x01\x02\n" } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut < 40; cut++)
			assert_int_equal(is_idle_after(cases[i].steps, cut),
					 cases[i].idle);
	}
}

static void many_and_long_commands_are_not_followed(void **state)
{
	struct imap_proxy *p = pool_new(pool, struct imap_proxy);
	struct cv_text words;

	(void)state;
	cv_text_init(&words, pool);
	for (int i = 0; i < PROXY_TAGS_MAX + 1; i++)
		imap_proxy_client_sent(p, CV_SPAN("a NOOP\r\n"));
	assert_true(p->pinned);
	assert_int_equal(imap_proxy_broken(p, &words), CV_E_TEMP);
	/* but they are counted */
	for (int i = 0; i < PROXY_TAGS_MAX + 1; i++) {
		assert_false(imap_proxy_is_idle(p));
		(void)imap_proxy_server_sent(p, CV_SPAN("* 1 EXISTS\r\n"
							"a OK\r\n"));
	}
	assert_true(imap_proxy_is_idle(p));
	*p = (struct imap_proxy){ .tag_count = 0 };
	for (int i = 0; i < 100000; i++)
		imap_proxy_client_sent(p, CV_SPAN("long "));
	imap_proxy_client_sent(p, CV_SPAN("\r\n"));
	assert_int_equal(p->tag_count, 1);
}

static int setup(void **state)
{
	(void)state;
	mock_init();
	pool = pool_create("test");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			outside_of_a_mailbox_another_connection_may_go_on),
		cmocka_unit_test(what_cannot_be_had_again_ends_the_session),
		cmocka_unit_test(nothing_is_said_into_a_response),
		cmocka_unit_test(a_logout_is_the_end),
		cmocka_unit_test(idle_ends_with_done),
		cmocka_unit_test(the_goodbye_of_a_server_is_kept_back),
		cmocka_unit_test(a_session_is_idle_between_commands),
		cmocka_unit_test(many_and_long_commands_are_not_followed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
