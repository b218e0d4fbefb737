/* test-imap-preauth.c - plugins/imap/imap-preauth: the time before login. */
#include "imap-mock.h"

#include <setjmp.h>
#include <cmocka.h>

#define GREETING "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR " \
	"LOGIN-REFERRALS ID ENABLE IDLE LANGUAGE AUTH=PLAIN AUTH=LOGIN] Ready.\r\n"

static struct cv_preauth *fresh(void)
{
	struct cv_preauth *p = mock_preauth_new();

	cv_text_reset(&p->out);
	return p;
}

static void feed(struct cv_preauth *p, const char *text)
{
	cv_text_reset(&p->out);
	mock_preauth_feed(p, text, strlen(text));
}

static void greeting_has_capabilities(void **state)
{
	struct cv_preauth *p = mock_preauth_new();

	assert_string_equal(cv_text_str(&p->out), GREETING);
	mock_preauth_free(&p);
}

static void insecure_connection_hides_mechanisms(void **state)
{
	struct cv_preauth *p = fresh();

	p->secure = false;
	p->tls_available = true;
	feed(p, "a CAPABILITY\r\n");
	assert_string_equal(cv_text_str(&p->out),
		"* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LANGUAGE "
		"STARTTLS LOGINDISABLED\r\na OK Capability completed.\r\n");
	feed(p, "a LOGIN u p\r\n");
	assert_memory_equal(p->out.data, "a NO [PRIVACYREQUIRED]", 22);
	feed(p, "a AUTHENTICATE PLAIN\r\n");
	assert_memory_equal(p->out.data, "a NO [PRIVACYREQUIRED]", 22);
	assert_int_equal(p->auth_begun, 0);
	mock_preauth_free(&p);
}

static void capability_setting_adds_and_replaces(void **state)
{
	struct cv_preauth *p = fresh();

	mock_settings.imap_capability = "+X-A X-B";
	mock_settings.imap_literal_minus = true;
	feed(p, "a CAPABILITY\r\n");
	assert_non_null(strstr(p->out.data, "LITERAL- SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LANGUAGE "
			       "X-A X-B AUTH=PLAIN"));
	assert_null(strstr(p->out.data, "LITERAL+"));
	mock_settings.imap_capability = "-IDLE +X-A X-A -id  +LITERAL- -SASL "
		"-LOGIN-REF=";
	feed(p, "a CAPABILITY\r\n");
	assert_non_null(strstr(p->out.data, "* CAPABILITY IMAP4rev1 IMAP4rev2 "
			       "SASL-IR LOGIN-REFERRALS ENABLE LANGUAGE X-A "
			       "LITERAL- AUTH=PLAIN"));
	mock_settings.imap_capability = "-IMAP4rev1 -IMAP4rev2 -LITERAL- "
		"-SASL-IR -LOGIN-REFERRALS -ID -ENABLE -IDLE -LANGUAGE +X";
	feed(p, "a CAPABILITY\r\n");
	assert_non_null(strstr(p->out.data, "* CAPABILITY X AUTH=PLAIN"));
	mock_settings.imap_capability = "IMAP4rev1 ONLY";
	feed(p, "a CAPABILITY\r\n");
	assert_non_null(strstr(p->out.data, "* CAPABILITY IMAP4rev1 ONLY "
			       "AUTH=PLAIN"));
	mock_init();
	mock_preauth_free(&p);
}

/* The whole conversation gives the same when it is cut anywhere. */
static void login_at_each_cut(void **state)
{
	static const char in[] = "a1 NOOP\r\nb1 LOGIN {5}\r\nalice "
		"\"pa\\\"ss\"\r\nc1 SELECT INBOX\r\n";
	size_t len = sizeof(in) - 1;

	for (size_t cut = 0; cut <= len; cut++) {
		struct cv_preauth *p = fresh();

		mock_preauth_feed(p, in, cut);
		mock_preauth_feed(p, in + cut, len - cut);
		assert_string_equal(cv_text_str(&p->out),
				    "a1 OK NOOP completed.\r\n+ OK\r\n");
		assert_string_equal(cv_text_str(&p->user), "alice");
		assert_string_equal(cv_text_str(&p->password), "pa\"ss");
		assert_int_equal(p->offers, 1);
		assert_string_equal(cv_text_str(&p->tag), "b1");
		mock_preauth_outcome(p, CV_OK, 0, "");
		assert_int_equal(p->handed_off, 1);
		assert_string_equal(cv_text_str(&p->tag), "b1");
		/* what was pipelined goes along unread */
		assert_int_equal(p->unread.len, 17);
		mock_preauth_free(&p);
	}
}

static void login_failures_have_codes(void **state)
{
	static const struct { uint32_t fail; const char *text, *reply; } t[] = {
		{ CV_AUTH_FAIL_CREDENTIALS, "",
		  "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n" },
		{ CV_AUTH_FAIL_TEMP, "", "a NO [UNAVAILABLE] Temporary "
		  "authentication failure.\r\n" },
		{ CV_AUTH_FAIL_EXPIRED, "see\r\na OK x",
		  "a NO [EXPIRED] seea OK x\r\n" },
		{ CV_AUTH_FAIL_DISABLED, "gone",
		  "a NO [AUTHORIZATIONFAILED] gone\r\n" },
		{ CV_AUTH_FAIL_LIMIT, "", "a NO [LIMIT] Maximum number of "
		  "connections exceeded.\r\n" },
		{ CV_AUTH_FAIL_ABORTED, "",
		  "a BAD Authentication aborted by client.\r\n" },
		{ CV_AUTH_FAIL_MECHANISM, "no", "a NO no\r\n" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_preauth *p = fresh();

		feed(p, "a LOGIN u p\r\nb NOOP\r\n");
		assert_string_equal(cv_text_str(&p->out), "");
		mock_preauth_outcome(p, CV_E_DENIED, t[i].fail, t[i].text);
		assert_memory_equal(p->out.data, t[i].reply,
				    strlen(t[i].reply));
		/* and the conversation goes on */
		assert_string_equal(p->out.data + strlen(t[i].reply),
				    "b OK NOOP completed.\r\n");
		mock_preauth_free(&p);
	}
}

static void sasl_exchange(void **state)
{
	struct cv_preauth *p = fresh();

	feed(p, "a AUTHENTICATE login\r\n");
	assert_string_equal(p->mechanism, "LOGIN");
	mock_protocol.auth_challenge(p, CV_SPAN("Username:"));
	assert_string_equal(p->out.data, "+ VXNlcm5hbWU6\r\n");
	feed(p, "YWxp");
	assert_int_equal(p->response.len, 0);
	feed(p, "Y2U=\r\nb NOOP\r\n");
	assert_string_equal(cv_text_str(&p->response), "alice");
	mock_protocol.auth_challenge(p, CV_SPAN_NONE);
	assert_memory_equal(p->out.data, "+ \r\n", 4);
	mock_preauth_free(&p);
}

static void sasl_initial_response(void **state)
{
	static const struct { const char *in, *mechanism, *initial; } t[] = {
		{ "a AUTHENTICATE PLAIN\r\n", "PLAIN", "" },
		{ "a AUTHENTICATE PLAIN =\r\n", "PLAIN+", "" },
		{ "a AUTHENTICATE PLAIN YWxpY2U=\r\n", "PLAIN+", "alice" },
		{ "a AUTHENTICATE PLAIN YWxpY2U\r\n", "", "" },
		{ "a AUTHENTICATE PLAIN ==\r\n", "", "" },
		{ "a AUTHENTICATE PLAIN YWxp YWxp\r\n", "", "" },
		{ "a AUTHENTICATE PLAIN \"YWxp\"\r\n", "", "" },
		{ "a AUTHENTICATE X-NONE\r\n", "", "" },
		{ "a AUTHENTICATE\r\n", "", "" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_preauth *p = fresh();

		feed(p, t[i].in);
		assert_string_equal(p->mechanism, t[i].mechanism);
		assert_string_equal(cv_text_str(&p->initial), t[i].initial);
		mock_preauth_free(&p);
	}
}

static void sasl_abort_and_bad_base64(void **state)
{
	struct cv_preauth *p = fresh();

	feed(p, "a AUTHENTICATE PLAIN\r\n");
	mock_protocol.auth_challenge(p, CV_SPAN_NONE);
	feed(p, "*\r\n");
	assert_true(p->aborted);
	mock_preauth_outcome(p, CV_E_DENIED, CV_AUTH_FAIL_ABORTED, "");
	assert_string_equal(p->out.data,
			    "a BAD Authentication aborted by client.\r\n");
	p->aborted = false;
	feed(p, "b AUTHENTICATE PLAIN\r\n");
	mock_protocol.auth_challenge(p, CV_SPAN_NONE);
	feed(p, "YWx\tpY2U=\r\nc NOOP\r\n");
	assert_true(p->aborted);
	mock_preauth_outcome(p, CV_E_DENIED, CV_AUTH_FAIL_ABORTED, "");
	assert_string_equal(p->out.data, "b BAD Invalid base64 data in "
			    "continued response\r\nc OK NOOP completed.\r\n");
	mock_preauth_free(&p);
}

static void sasl_line_is_bounded(void **state)
{
	struct cv_preauth *p = fresh();
	char *big = pool_alloc(p->pool, 20000);

	memset(big, 'A', 20000);
	feed(p, "a AUTHENTICATE PLAIN\r\n");
	mock_protocol.auth_challenge(p, CV_SPAN_NONE);
	mock_preauth_feed(p, big, 20000);
	assert_true(p->closed);
	mock_preauth_free(&p);
}

static void starttls_leaves_what_follows(void **state)
{
	struct cv_preauth *p = fresh();

	p->secure = false;
	p->tls_available = true;
	feed(p, "a STARTTLS\r\nb NOOP\r\n");
	assert_string_equal(p->out.data,
			    "a OK Begin TLS negotiation now.\r\n");
	assert_true(p->starttls);
	assert_int_equal(p->unread.len, 8);
	p->unread.len = 0;
	p->tls_active = true;
	mock_protocol.tls_started(p);
	feed(p, "c STARTTLS\r\n");
	assert_string_equal(p->out.data, "c BAD TLS is already active.\r\n");
	feed(p, "d CAPABILITY\r\n");
	assert_null(strstr(p->out.data, "STARTTLS"));
	assert_non_null(strstr(p->out.data, "AUTH=PLAIN"));
	mock_preauth_free(&p);
}

static void starttls_forgets_half_a_command(void **state)
{
	struct cv_preauth *p = fresh();

	p->tls_available = true;
	feed(p, "a STARTTLS\r\n");
	p->tls_active = true;
	mock_protocol.tls_started(p);
	feed(p, "b NOOP\r\n");
	assert_string_equal(p->out.data, "b OK NOOP completed.\r\n");
	mock_preauth_free(&p);
}

static void id_is_limited(void **state)
{
	struct cv_preauth *p = fresh();
	struct cv_text big;

	feed(p, "a ID (\"name\" \"x\" \"os\" NIL)\r\n");
	assert_string_equal(p->out.data, "* ID (\"name\" \"Culver\")\r\n"
			    "a OK ID completed.\r\n");
	assert_string_equal(cv_text_str(&p->client_id), "name=x");
	feed(p, "a ID NIL\r\n");
	assert_non_null(strstr(p->out.data, "a OK"));
	feed(p, "a ID (\"a\" \"x\" \"A\" \"y\")\r\n");
	assert_non_null(strstr(p->out.data, "a BAD"));
	feed(p, "a ID (\"a\")\r\n");
	assert_non_null(strstr(p->out.data, "a BAD"));
	cv_text_init(&big, p->pool);
	cv_text_append_str(&big, "a ID (");
	for (int i = 0; i < 31; i++)
		cv_text_append_f(&big, "\"f%d\" \"v\" ", i);
	cv_text_append_str(&big, ")\r\n");
	feed(p, big.data);
	assert_non_null(strstr(p->out.data, "a BAD"));
	assert_true(p->closed);
	mock_preauth_free(&p);
}

static void wrong_commands_close(void **state)
{
	static const char *const wrong[] = {
		"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
		"a X\r\na Y\r\na Z\r\n",
		"\r\n\r\n\r\n",
		"a SELECT INBOX\r\na NOOP x\r\na LOGIN u\r\n",
		"a NOOP {5000+}\r\n",
		"a NOOP (((\r\na NOOP ((\r\na NOOP )\r\n",
		"a ENABLE X\r\nb LOGIN u (p)\r\nc LOGOUT now\r\n",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cv_preauth *p = fresh();

		feed(p, wrong[i]);
		assert_true(p->closed);
		assert_non_null(strstr(p->out.data, "* BYE "));
		mock_preauth_free(&p);
	}
}

static void noops_do_not_go_on_for_ever(void **state)
{
	struct cv_preauth *p = fresh();

	for (int i = 0; i < 100; i++) {
		feed(p, "a NOOP\r\n");
		assert_false(p->closed);
	}
	feed(p, "a NOOP\r\n");
	assert_true(p->closed);
	mock_preauth_free(&p);
}

static void memory_stays_bounded(void **state)
{
	struct cv_preauth *p = fresh();
	static char big[1 << 20];

	memset(big, '(', sizeof(big));
	memcpy(big, "a NOOP ", 7);
	for (size_t at = 0; at + 1000 < sizeof(big) && !p->closed; at += 1000)
		mock_preauth_feed(p, big + at, 1000);
	assert_true(p->closed);
	assert_true(pool_size(p->pool) < 65536);
	mock_preauth_free(&p);
}

static void logout_and_closing(void **state)
{
	struct cv_preauth *p = fresh();

	feed(p, "a LOGOUT\r\nb NOOP\r\n");
	assert_string_equal(p->out.data, "* BYE Logging out\r\n"
			    "a OK Logout completed.\r\n");
	assert_true(p->closed);
	mock_preauth_free(&p);
	p = fresh();
	mock_protocol.closing(p, true);
	assert_string_equal(p->out.data,
			    "* BYE Disconnected for inactivity.\r\n");
	mock_preauth_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeting_has_capabilities),
		cmocka_unit_test(insecure_connection_hides_mechanisms),
		cmocka_unit_test(capability_setting_adds_and_replaces),
		cmocka_unit_test(login_at_each_cut),
		cmocka_unit_test(login_failures_have_codes),
		cmocka_unit_test(sasl_exchange),
		cmocka_unit_test(sasl_initial_response),
		cmocka_unit_test(sasl_abort_and_bad_base64),
		cmocka_unit_test(sasl_line_is_bounded),
		cmocka_unit_test(starttls_leaves_what_follows),
		cmocka_unit_test(starttls_forgets_half_a_command),
		cmocka_unit_test(id_is_limited),
		cmocka_unit_test(wrong_commands_close),
		cmocka_unit_test(noops_do_not_go_on_for_ever),
		cmocka_unit_test(memory_stays_bounded),
		cmocka_unit_test(logout_and_closing),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
