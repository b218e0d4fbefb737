/* test-auth-peer.c - connections of other programs: whole talks, cut at each
 * point; limits; logins that a master asks for. */
#include "auth-fixture.h"
#include "auth/auth-peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static const char settings[] =
	"auth_mechanisms = plain login\nauth_failure_delay = 0\n"
	"passdb {\n driver = passwd-file\n args = scheme=PLAIN $USERS\n}\n"
	"userdb {\n driver = passwd-file\n args = $USERS\n}\n";
static const char users[] =
	"alice:{PLAIN}secret:1000:1001::/home/alice::userdb_quota_rule=x\n"
	"bob:{PLAIN}secret:1002:1002::/home/bob::nologin=y reason=no\n";
static const char hello[] = "VERSION\t1\t2\nCPID\t42\n";
static uint32_t ended;

static void on_ended(void *context)
{
	(void)context;
	ended++;
}

static int setup(void **state)
{
	FILE *file = fopen(fix.users, "w");

	(void)state;
	assert_non_null(file);
	assert_true(fputs(users, file) >= 0);
	assert_int_equal(fclose(file), 0);
	fixture_auth(settings);
	ended = 0;
	return 0;
}

static int teardown(void **state)
{
	auth_peers_destroy();
	return fixture_teardown(state);
}

static int open_peer(uint32_t role, bool restricted, uint32_t uid)
{
	struct auth_peer_config config = {
		.auth = fix.auth, .role = role, .name = "test",
		.restricted = restricted, .uid = uid, .pid = 5,
		.ended = on_ended,
	};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	auth_peer_create(&config, fds[0]);
	(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
	return fds[1];
}

static void say(int fd, struct cv_span text)
{
	while (text.len > 0) {
		ssize_t n = send(fd, text.data, text.len, MSG_NOSIGNAL);

		if (n < 0)
			return;		/* it has hung up already */
		text = cv_span_skip(text, (size_t)n);
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
	}
}

/* Everything up to a line that begins with this, or to the end; in text. */
static char text[1 << 20];
static bool hear(int fd, const char *until)
{
	uint64_t end = time_monotonic_msecs() + 10000;
	char last[64];
	size_t len = 0;

	text[0] = '\0';
	(void)snprintf(last, sizeof(last), "\n%s", until);
	while (time_monotonic_msecs() < end) {
		ssize_t n;

		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0)
			len += (size_t)n;
		text[len] = '\0';
		if (len > 0 && text[len - 1] == '\n' &&
		    (strncmp(text, until, strlen(until)) == 0 ||
		     strstr(text, last) != NULL))
			return true;
		if (n < 0)
			usleep(200);
	}
	fail_msg("'%s' did not come, but: %s", until, text);
	return false;
}

static const char talk[] =
	"VERSION\t1\t1\nCPID\t42\n"
	"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=AGFsaWNlAHNlY3JldA==\n"
	"AUTH\t2\tPLAIN\tservice=smtp\tresp=AGFsaWNlAHdyb25n\n"
	"AUTH\t3\tPLAIN\tservice=smtp\tresp=***\n"
	"AUTH\t4\tPLAIN\tservice=smtp\tresp=AGJvYgBzZWNyZXQ=\n"
	"CONT\t9\tYQ==\n";

static void check_talk(int fd)
{
	assert_true(hear(fd, "OK\t4"));
	assert_non_null(strstr(text, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n"
			       "MECH\tLOGIN\tplaintext\nSPID\t"));
	assert_non_null(strstr(text, "\nDONE\n"));
	assert_non_null(strstr(text, "\nOK\t1\tuser=alice\n"));
	assert_non_null(strstr(text, "\nFAIL\t3\tcode=invalid_base64\t"
			       "reason=Invalid base64 data in initial "
			       "response\n"));
	assert_non_null(strstr(text, "\nOK\t4\tuser=bob\tnologin\t"
			       "reason=no\n"));
	assert_non_null(strstr(text, "\nFAIL\t9\treason=Authentication "
			       "request timed out\n"));
	if (strstr(text, "FAIL\t2\tuser=alice\n") == NULL)
		assert_true(hear(fd, "FAIL\t2\tuser=alice\n"));
}

static void test_each_cut(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= strlen(talk); cut++) {
		int fd = open_peer(AUTH_LINE_CLIENT, false, 0);

		say(fd, cv_span(talk, cut));
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		say(fd, cv_span_of(talk + cut));
		check_talk(fd);
		close(fd);
	}
}

static void test_byte_by_byte(void **state)
{
	int fd = open_peer(AUTH_LINE_CLIENT, false, 0);

	(void)state;
	for (size_t i = 0; i < strlen(talk); i++)
		say(fd, cv_span(talk + i, 1));
	check_talk(fd);
	close(fd);
}

static void test_challenges(void **state)
{
	int fd = open_peer(AUTH_LINE_CLIENT, false, 0);

	(void)state;
	say(fd, cv_span_of(hello));
	say(fd, CV_SPAN("AUTH\t1\tLOGIN\tservice=smtp\n"));
	assert_true(hear(fd, "CONT\t1\tVXNlcm5hbWU6\n"));
	say(fd, CV_SPAN("CONT\t1\tYWxpY2U=\n"));
	assert_true(hear(fd, "CONT\t1\tUGFzc3dvcmQ6\n"));
	say(fd, CV_SPAN("CONT\t1\tc2VjcmV0\n"));
	/* and not once more what was asked before */
	assert_true(hear(fd, "OK\t1\tuser=alice\n"));
	say(fd, CV_SPAN("AUTH\t1\tPLAIN\tservice=smtp\n"));
	assert_true(hear(fd, "CONT\t1\t\n"));
	say(fd, CV_SPAN("CANCEL\t1\nCONT\t1\tYQ==\n"));
	assert_true(hear(fd, "FAIL\t1\treason=Auth"));
	say(fd, CV_SPAN("AUTH\t1\tPLAIN\tservice=smtp\n"));
	assert_true(hear(fd, "CONT\t1\t\n"));
	say(fd, CV_SPAN("CONT\t1\t?\n"));
	assert_true(hear(fd, "FAIL\t1\tcode=invalid_base64\treason=Invalid "
			 "base64 data in continued response\n"));
	close(fd);
}

/* Who breaks the rules is gone, and only they. */
static void test_broken(void **state)
{
	static const char *const texts[] = {
		"CPID\t42\n", "AUTH\t1\tPLAIN\tservice=x\n", "VERSION\t2\t0\n",
		"VERSION\t1\t2\nVERSION\t1\t2\n",
		"VERSION\t1\t2\nAUTH\t1\tPLAIN\tservice=x\n",
		"VERSION\t1\t2\nCPID\t1\nCPID\t2\n",
		"VERSION\t1\t2\nCPID\t1\nAUTH\t1\tNOPE\tservice=x\n",
		"VERSION\t1\t2\nCPID\t1\nUSER\t1\talice\tservice=x\n",
		("VERSION\t1\t2\nCPID\t1\nAUTH\t1\tPLAIN\tservice=x\n"
		 "AUTH\t1\tPLAIN\tservice=x\n"),
	};
	int good = open_peer(AUTH_LINE_CLIENT, false, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = open_peer(AUTH_LINE_CLIENT, false, 0);

		say(fd, cv_span_of(texts[i]));
		assert_false(hear(fd, "no such line"));
		assert_int_equal(ended, i + 1);
		close(fd);
	}
	say(good, cv_span_of(talk));
	check_talk(good);
	close(good);
}

static void test_line_limits(void **state)
{
	static char line[AUTH_LINE_TOKEN_MAX + 100];
	int fd = open_peer(AUTH_LINE_CLIENT, false, 0);

	(void)state;
	memset(line, 'A', sizeof(line));
	say(fd, cv_span_of(hello));
	say(fd, CV_SPAN("AUTH\t1\tPLAIN\tservice=smtp\tresp="));
	say(fd, cv_span(line, AUTH_LINE_MAX));
	assert_false(hear(fd, "no such line"));
	close(fd);
	/* a ticket may be longer, not much longer */
	fd = open_peer(AUTH_LINE_CLIENT, false, 0);
	say(fd, cv_span_of(hello));
	say(fd, CV_SPAN("CONT\t1\t"));
	say(fd, cv_span(line, AUTH_LINE_TOKEN_MAX - 100));
	say(fd, CV_SPAN("\n"));
	assert_true(hear(fd, "FAIL\t1\treason=Auth"));
	say(fd, CV_SPAN("CONT\t1\t"));
	say(fd, cv_span(line, AUTH_LINE_TOKEN_MAX));
	assert_false(hear(fd, "no such line"));
	close(fd);
}

static void test_too_many(void **state)
{
	int fd = open_peer(AUTH_LINE_CLIENT, false, 0);
	char line[64];

	(void)state;
	say(fd, cv_span_of(hello));
	for (int i = 1; i <= AUTH_PEER_REQUESTS_MAX + 1; i++) {
		(void)snprintf(line, sizeof(line),
			       "AUTH\t%d\tPLAIN\tservice=x\n", i);
		say(fd, cv_span_of(line));
	}
	(void)snprintf(line, sizeof(line), "FAIL\t%d\tcode=temp_fail\n",
		       AUTH_PEER_REQUESTS_MAX + 1);
	assert_true(hear(fd, line));
	close(fd);
}

/* Answers pile up for one that does not read: it is not read from, either. */
static void test_slow(void **state)
{
	static const char ask[] = "CONT\t1\tYQ==\n";
	int fd = open_peer(AUTH_LINE_CLIENT, false, 0);
	size_t sent = 0;

	(void)state;
	say(fd, cv_span_of(hello));
	for (int i = 0; i < 200000; i++) {
		if (send(fd, ask, strlen(ask), MSG_NOSIGNAL) < 0)
			break;
		sent++;
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
	}
	assert_true(sent < 200000);
	assert_int_equal(ended, 0);
	while (sent > 0) {
		assert_true(hear(fd, "FAIL\t1\t"));
		for (const char *at = text; (at = strstr(at, "FAIL\t1\t")) !=
		     NULL; at++)
			sent--;
	}
	close(fd);
}

static void test_master(void **state)
{
	int fd = open_peer(AUTH_LINE_USERDB, false, 0);

	(void)state;
	say(fd, CV_SPAN("VERSION\t1\t1\nUSER\t1\talice\tservice=lmtp\n"));
	assert_true(hear(fd, "USER\t1\talice\tuid=1000\tgid=1001\t"
			 "home=/home/alice\tquota_rule=x\n"));
	say(fd, CV_SPAN("USER\t2\tnobody\tservice=lmtp\n"));
	assert_true(hear(fd, "NOTFOUND\t2\n"));
	say(fd, CV_SPAN("PASS\t3\tbob\tservice=lmtp\n"));
	assert_true(hear(fd, "PASS\t3\tuser=bob\tnologin=y\treason=no\n"));
	say(fd, CV_SPAN("LIST\t4\tservice=doveadm\n"));
	assert_true(hear(fd, "DONE\t4\t\n"));
	assert_string_equal(text, "LIST\t4\talice\nLIST\t4\tbob\nDONE\t4\t\n");
	say(fd, CV_SPAN("AUTH\t5\tPLAIN\tservice=x\n"));
	assert_false(hear(fd, "no such line"));
	close(fd);
}

static void test_restricted(void **state)
{
	int fd = open_peer(AUTH_LINE_USERDB, true, 1000);

	(void)state;
	say(fd, CV_SPAN("VERSION\t1\t1\nUSER\t1\talice\tservice=lmtp\n"));
	assert_true(hear(fd, "USER\t1\talice\tuid=1000"));
	say(fd, CV_SPAN("USER\t2\tbob\tservice=lmtp\n"));
	assert_true(hear(fd, "FAIL\t2\n"));
	say(fd, CV_SPAN("PASS\t3\talice\tservice=lmtp\n"));
	assert_true(hear(fd, "FAIL\t3\n"));
	say(fd, CV_SPAN("LIST\t4\n"));
	assert_true(hear(fd, "DONE\t4\tfail\n"));
	close(fd);
}

static void test_request(void **state)
{
	int client = open_peer(AUTH_LINE_LOGIN, false, 0);
	int master = open_peer(AUTH_LINE_MASTER, false, 0);
	char line[128], cookie[33];

	(void)state;
	say(client, cv_span_of(hello));
	assert_true(hear(client, "DONE"));
	memcpy(cookie, strstr(text, "COOKIE\t") + 7, 32);
	cookie[32] = '\0';
	say(client, CV_SPAN("AUTH\t1\tPLAIN\tservice=imap\t"
			    "resp=AGFsaWNlAHNlY3JldA==\n"));
	assert_true(hear(client, "OK\t1\tuser=alice\n"));
	say(master, CV_SPAN("VERSION\t1\t1\nREQUEST\t6\t42\t1\t"
			    "00112233445566778899aabbccddeeff\n"));
	assert_true(hear(master, "FAIL\t6\n"));
	(void)snprintf(line, sizeof(line), "REQUEST\t7\t42\t1\t%s\t"
		       "session_pid=5\n", cookie);
	say(master, cv_span_of(line));
	assert_true(hear(master, "USER\t7\talice\t"));
	assert_non_null(strstr(text, "\tuid=1000\tgid=1001\t"));
	/* once only */
	say(master, cv_span_of(line));
	assert_true(hear(master, "FAIL\t7\n"));
	/* not for another process, and not after that */
	say(client, CV_SPAN("AUTH\t1\tPLAIN\tservice=imap\t"
			    "resp=AGFsaWNlAHNlY3JldA==\n"));
	assert_true(hear(client, "OK\t1\tuser=alice\n"));
	(void)snprintf(line, sizeof(line), "REQUEST\t8\t42\t1\t%s\t"
		       "session_pid=6\n", cookie);
	say(master, cv_span_of(line));
	assert_true(hear(master, "FAIL\t8\n"));
	close(client);
	close(master);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(auth_peer_role("/run/x/auth-client"),
			 AUTH_LINE_CLIENT);
	assert_int_equal(auth_peer_role("/var/spool/postfix/private/auth"),
			 AUTH_LINE_CLIENT);
	assert_int_equal(auth_peer_role("/run/my-master/auth"),
			 AUTH_LINE_CLIENT);
	assert_int_equal(auth_peer_role("/run/x/auth-userdb"),
			 AUTH_LINE_USERDB);
	assert_int_equal(auth_peer_role("auth-master"), AUTH_LINE_MASTER);
	assert_int_equal(auth_peer_role("/run/login/login"), AUTH_LINE_LOGIN);
}

/* Last: there is no way back. */
static void test_retire(void **state)
{
	int idle = open_peer(AUTH_LINE_CLIENT, false, 0);
	int busy = open_peer(AUTH_LINE_CLIENT, false, 0);

	(void)state;
	say(busy, cv_span_of(hello));
	say(busy, CV_SPAN("AUTH\t1\tPLAIN\tservice=smtp\n"));
	assert_true(hear(busy, "CONT\t1"));
	auth_peers_retire();
	assert_false(hear(idle, "no such line"));
	say(busy, CV_SPAN("CONT\t1\tAGFsaWNlAHNlY3JldA==\n"));
	assert_true(hear(busy, "OK\t1\tuser=alice\n"));
	assert_false(hear(busy, "no such line"));
	close(idle);
	close(busy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_cut), TEST(test_byte_by_byte),
		TEST(test_challenges), TEST(test_broken),
		TEST(test_line_limits), TEST(test_too_many), TEST(test_slow),
		TEST(test_master), TEST(test_restricted), TEST(test_request),
		TEST(test_names), TEST(test_retire),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
