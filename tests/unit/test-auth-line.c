/* test-auth-line.c - lines of the auth protocols, as parsed and as written. */
#include "auth/auth-line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct cv_pool *pool;

static int setup(void **state)
{
	(void)state;
	pool = pool_create("test");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

static int parse(uint32_t role, const char *text, struct auth_line *line)
{
	return auth_line_parse(role, cv_span_of(text), pool, line, NULL);
}

static void test_auth(void **state)
{
	struct auth_line line;

	(void)state;
	assert_int_equal(parse(AUTH_LINE_CLIENT, "AUTH\t7\tPLAIN\t"
		"service=smtp\tnologin\tlip=127.0.0.1\trip=2001:db8::1\t"
		"lport=25\trport=99999\tsecured\tsession=a\001tb\t"
		"no-penalty\tforward_x=y\tresp=YQBi\tservice=imap", &line),
		CV_E_SYNTAX);	/* a TAB in the session */
	assert_int_equal(parse(AUTH_LINE_CLIENT, "AUTH\t7\tPLAIN\t"
		"service=smtp\tnologin\tlip=127.0.0.1\trip=2001:db8::1\t"
		"lport=25\trport=99999\tsecured\tsession=ab\tno-penalty\t"
		"forward_x=y\tresp=YQBi\tservice=imap", &line), CV_OK);
	assert_int_equal(line.command, AUTH_LINE_AUTH);
	assert_int_equal(line.id, 7);
	assert_string_equal(line.mechanism, "PLAIN");
	assert_string_equal(line.service, "smtp");
	assert_string_equal(line.conn.local_ip, "127.0.0.1");
	assert_string_equal(line.conn.remote_ip, "2001:db8::1");
	assert_int_equal(line.conn.local_port, 25);
	assert_int_equal(line.conn.remote_port, 0);
	assert_true(line.conn.tls && line.conn.secure && line.no_penalty);
	assert_false(line.conn.cert_valid || line.data_is_bad);
	assert_string_equal(auth_reply_get(&line.forward, "forward_x"), "y");
	assert_true(line.has_data && cv_span_equal(line.data,
						   CV_SPAN("a\0b")));
}

static void test_auth_options(void **state)
{
	struct auth_line line;

	(void)state;
	assert_int_equal(parse(AUTH_LINE_CLIENT, "AUTH\t1\tEXTERNAL\t"
		"service=x\tvalid-client-cert\tcert_username=joe\tresp=",
		&line), CV_OK);
	assert_true(line.conn.cert_valid && line.conn.tls && line.has_data);
	assert_string_equal(line.conn.cert_name, "joe");
	assert_int_equal(line.data.len, 0);
	assert_int_equal(parse(AUTH_LINE_CLIENT, "AUTH\t1\tPLAIN\tservice=x\t"
		"secured=trusted\trip=zz\tresp=***", &line), CV_OK);
	assert_true(line.conn.secure && !line.conn.tls && line.data_is_bad);
	assert_string_equal(line.conn.remote_ip, "");
}

/* What is said by the one is none of the other's. */
static void test_roles(void **state)
{
	static const struct { const char *text; uint32_t roles; } cases[] = {
		{ "VERSION\t1\t3", 15 }, { "CPID\t5", 3 },
		{ "AUTH\t1\tPLAIN\tservice=x", 3 }, { "CONT\t1\t", 3 },
		{ "CANCEL\t1", 15 }, { "USER\t1\ta\tservice=x", 12 },
		{ "PASS\t1\ta\tservice=x", 12 }, { "LIST\t1", 12 },
		{ "REQUEST\t1\t2\t3\t00112233445566778899aabbccddeeff", 8 },
	};
	struct auth_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint32_t role = 1; role <= AUTH_LINE_MASTER; role++)
			assert_int_equal(parse(role, cases[i].text, &line),
					 (cases[i].roles >> (role - 1) & 1) ?
					 CV_OK : CV_E_SYNTAX);
	}
}

static void test_broken(void **state)
{
	static const char *const texts[] = {
		"", "FOO", "auth\t1\tPLAIN\tservice=x", "AUTH", "AUTH\t1",
		"AUTH\tx\tPLAIN\tservice=x", "AUTH\t0\tPLAIN\tservice=x",
		"AUTH\t4294967296\tPLAIN\tservice=x", "AUTH\t1\tPLAIN",
		"AUTH\t1\t\tservice=x", "AUTH\t1\tPLAIN\tservice=",
		"AUTH\t1\tPLAIN\tservice=a\001", "AUTH\t1\tPLAIN\tservice=\0019",
		"AUTH\t1\tPLAIN\tservice=a\001nb", "CONT\t1", "CONT\t\tYQ==",
		"CANCEL", "CANCEL\t-1", "CPID\t0", "CPID", "VERSION",
		"VERSION\t1", "VERSION\t2\t0", "VERSION\t1\tx", "VERSION 1 1",
	};
	static const char *const master[] = {
		"USER\t1", "USER\t1\ta", "USER\tx\ta\tservice=x",
		"USER\t1\ta\0010b\tservice=x", "PASS\t1\ta", "LIST",
		"REQUEST\t1\t2\t3", "REQUEST\t1\t2\t3\t00",
		"REQUEST\t1\t2\t3\t00112233445566778899aabbccddeefg",
		("REQUEST\t1\t2\t3\t00112233445566778899aabbccddeeff\t"
		 "session_pid=x"),
	};
	struct auth_line line;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(AUTH_LINE_CLIENT, texts[i], &line),
				 CV_E_SYNTAX);
	for (size_t i = 0; i < sizeof(master) / sizeof(master[0]); i++)
		assert_int_equal(parse(AUTH_LINE_MASTER, master[i], &line),
				 CV_E_SYNTAX);
	assert_int_equal(auth_line_parse(AUTH_LINE_CLIENT,
		CV_SPAN("CONT\t1\tYQ\0=="), pool, &line, NULL), CV_E_SYNTAX);
}

static void test_master_lines(void **state)
{
	struct auth_line line;

	(void)state;
	assert_int_equal(parse(AUTH_LINE_USERDB,
		"USER\t4294967295\ta\001tb\tservice=lmtp\tdebug", &line),
		CV_OK);
	assert_string_equal(line.user, "a\tb");
	assert_int_equal(line.id, UINT32_MAX);
	assert_int_equal(parse(AUTH_LINE_MASTER, "REQUEST\t1\t2\t3\t"
		"00112233445566778899aabbccddeeff\tsession_pid=77", &line),
		CV_OK);
	assert_int_equal(line.pid, 2);
	assert_int_equal(line.client_id, 3);
	assert_int_equal(line.session_pid, 77);
	assert_int_equal(line.cookie.len, 16);
}

static void test_written(void **state)
{
	struct cv_text out;

	(void)state;
	cv_text_init(&out, pool);
	auth_line_put(&out, "reason", "a\tb\nc\rd\001e");
	auth_line_put(&out, "nologin", NULL);
	assert_string_equal(cv_text_str(&out), "\treason=a\001tb\001nc\001rd"
			    "\0011e\tnologin");
	cv_text_reset(&out);
	auth_line_escape(&out, CV_SPAN("\0"));
	assert_true(cv_span_equal(cv_text_span(&out), CV_SPAN("\0010")));
}

static void test_mechanisms(void **state)
{
	(void)state;
	assert_string_equal(auth_line_mechanism("PLAIN"), "plaintext");
	assert_string_equal(auth_line_mechanism("DIGEST-MD5"),
			    "dictionary\tactive\tmutual-auth");
	assert_string_equal(auth_line_mechanism("X-OWN"), "");
	assert_null(auth_line_mechanism("SCRAM-SHA-256-PLUS"));
	assert_null(auth_line_mechanism("APOP"));
	assert_null(auth_line_mechanism("apop"));
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(auth_line_limit(CV_SPAN("AUTH\t1\tPLAIN\tresp=")),
			 AUTH_LINE_MAX);
	assert_int_equal(auth_line_limit(CV_SPAN("AUTH\t1\tOAUTHBEARER\tx")),
			 AUTH_LINE_TOKEN_MAX);
	assert_int_equal(auth_line_limit(CV_SPAN("CONT\t1\tx")),
			 AUTH_LINE_TOKEN_MAX);
	assert_int_equal(auth_line_limit(CV_SPAN("CON")), AUTH_LINE_MAX);
	assert_int_equal(auth_line_limit(CV_SPAN("AUTH\t1")), AUTH_LINE_MAX);
	assert_int_equal(auth_line_limit(CV_SPAN("")), AUTH_LINE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_auth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auth_options, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_roles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_master_lines, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_mechanisms, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
