/* test-auth-service.c - channels of login processes and lmtp, workers in a
 * process of their own, the hand-off. */
#include "auth-fixture.h"
#include "auth/auth-client.h"
#include "auth/auth-queue.h"
#include "auth/auth-worker-server.h"
#include "ipc/auth-message.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct ipc_writer out;
static struct ipc_reader in;
static int port[2] = { -1, -1 };	/* of the sessions' zygote */
static int ended_count, opened_count;
static pid_t workers[16];
static size_t worker_count;
static uint32_t idle_secs;	/* of use_workers */

static int test_session_port(void *context, const char *service)
{
	(void)context;
	return strcmp(service, "imap") == 0 ||
		strcmp(service, "deliver") == 0 ||
		strcmp(service, "store") == 0 ? port[0] : -1;
}

static void test_ended(void *context)
{
	(void)context;
	ended_count++;
}

/* A channel that is allowed this at the other end. */
static int open_channel_with(const char *role, uint32_t allowed)
{
	struct auth_client_config config = {
		.auth = fix.auth, .allowed = allowed,
		.name = role, .session_port = test_session_port,
		.ended = test_ended,
	};
	int fds[2];

	assert_int_equal(ipc_pair(fds, true, NULL), CV_OK);
	(void)auth_client_create(&config, fds[0]);
	opened_count++;
	return fds[1];
}

/* The same with what the role is allowed. */
static int open_channel(const char *role)
{
	return open_channel_with(role, auth_client_allowed(role));
}

static void worker_ended(void *context)
{
	(void)context;
	_exit(0);
}

/* A worker process for one channel. */
static int spawn_worker(void *context, int *fd_r, struct cv_error *err)
{
	int fds[2];

	(void)context;
	if (ipc_pair(fds, false, err) < 0)
		return CV_E_TEMP;
	workers[worker_count] = fork();
	assert_true(workers[worker_count] >= 0);
	if (workers[worker_count] == 0) {
		/* as after an exec: the test's ends are not ours */
		(void)close_range(3, (unsigned int)fds[1] - 1, 0);
		(void)close_range((unsigned int)fds[1] + 1, ~0u, 0);
		fix.auth->base = event_base_new();
		auth_worker_serve(fix.auth, fds[1], worker_ended, NULL);
		event_base_dispatch(fix.auth->base);
		_exit(1);
	}
	worker_count++;
	close(fds[1]);
	*fd_r = fds[0];
	return CV_OK;
}

static void use_workers(uint32_t max)
{
	struct auth_workers_config config = {
		.base = fix.base, .max = max, .idle_secs = idle_secs,
		.connect = spawn_worker,
	};

	fix.auth->workers = auth_workers_create(&config);
}

static int teardown(void **state)
{
	/* clients that have been left notice it before their engine goes */
	for (int i = 0; i < 200 && ended_count < opened_count; i++) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_int_equal(ended_count, opened_count);
	ended_count = opened_count = 0;
	fixture_teardown(state);
	for (size_t i = 0; i < worker_count; i++)
		(void)waitpid(workers[i], NULL, 0);
	worker_count = 0;
	for (int i = 0; i < 2; i++) {
		if (port[i] >= 0)
			close(port[i]);
		port[i] = -1;
	}
	return 0;
}

/* The next message, the loop running meanwhile; 0 when the channel ended. */
static uint32_t receive(int fd)
{
	uint64_t until = time_monotonic_msecs() + 10000;
	int ret;

	while (time_monotonic_msecs() < until) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		ret = ipc_receive(fd, &in, NULL);
		if (ret == CV_OK)
			return in.type;
		if (ret != CV_NOT_FOUND)
			return 0;
		usleep(1000);
	}
	fail_msg("no message came");
	return 0;
}

/* offered: -1, or the connection. */
static void send_offer(int fd, uint32_t id, const char *service,
		       const char *mechanism, struct cv_span initial,
		       int offered)
{
	struct auth_begin begin = {
		.id = id, .service = service, .mechanism = mechanism,
		.session_id = "s1", .cert_name = "", .client_id = "",
		.conn = { .local_ip = "192.0.2.1", .remote_ip = "192.0.2.2",
			  .local_name = "", .tls = true, .secure = true },
		.channel_binding = CV_SPAN(""),
		.has_initial = initial.data != NULL,
		.initial = initial.data == NULL ? CV_SPAN("") : initial,
		.offered = offered >= 0, .transport_fd = offered,
		.tag = CV_SPAN("a1"), .input = CV_SPAN("a2 NOOP\r\n"),
	};

	auth_begin_put(&out, &begin);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
}

static void send_begin(int fd, uint32_t id, const char *service,
		       const char *mechanism, struct cv_span initial)
{
	send_offer(fd, id, service, mechanism, initial, -1);
}

static void receive_answer(int fd, uint32_t type, struct auth_answer *answer_r)
{
	assert_int_equal(receive(fd), type);
	assert_int_equal(auth_answer_get(&in, answer_r, NULL), CV_OK);
}

#define JOE "auth_failure_delay = 0\n" \
	"auth_mechanisms = plain login\n" \
	"passdb {\n driver = passwd-file\n args = $USERS\n}\n" \
	"userdb {\n driver = passwd-file\n args = $USERS\n}\n"
#define JOE_CRYPT "{CRYPT}$6$II6QJq2sOtScIjXw$MbVIvyxnkNZnRyhqYtIdduEV9XKBU" \
	"aPU1IYkVyWJvcp74MGLTVcUfkbcXHzj6t05o4uPXbQvNFDeQGX0PQJlj1"

static void mechanisms_are_told(void **state)
{
	struct auth_mechanisms list;
	int fd;

	fixture_auth(JOE);
	fd = open_channel("imap-login");
	ipc_begin(&out, AUTH_MSG_MECHANISMS_GET);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	assert_int_equal(receive(fd), AUTH_MSG_MECHANISMS);
	assert_int_equal(auth_mechanisms_get(&in, fix.pool, &list, NULL),
			 CV_OK);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].name, "PLAIN");
	assert_int_equal(list.items[0].flags, AUTH_MECH_PLAINTEXT);
	close(fd);
	(void)state;
}

/* OK, HANDOFF, and what the zygote gets. */
static void a_login_becomes_a_session(void **state)
{
	struct auth_handoff handoff = {
		.id = 7, .tag = CV_SPAN("a1"), .input = CV_SPAN("a2 NOOP\r\n"),
	};
	struct session_start start;
	struct auth_answer answer;
	int fd, transport[2], status[2];
	char byte;

	write_file(fix.users, "joe:{PLAIN}secret:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	assert_int_equal(ipc_pair(transport, false, NULL), CV_OK);
	assert_int_equal(ipc_pair(status, false, NULL), CV_OK);
	fd = open_channel("imap-login");
	send_begin(fd, 7, "imap", "plain", CV_SPAN("\0joe\0secret"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(answer.id, 7);
	assert_string_equal(answer.user, "joe");
	handoff.transport_fd = transport[0];
	handoff.status_fd = status[0];
	auth_handoff_put(&out, &handoff);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	assert_int_equal(receive(port[1]), SESSION_MSG_START);
	assert_int_equal(session_start_get(&in, fix.pool, &start, NULL),
			 CV_OK);
	assert_string_equal(start.user.name, "joe");
	assert_int_equal(start.user.uid, 1000);
	assert_string_equal(start.session_id, "s1");
	assert_string_equal(start.conn.remote_ip, "192.0.2.2");
	assert_true(cv_span_is(start.tag, "a1"));
	assert_true(cv_span_is(start.input, "a2 NOOP\r\n"));
	assert_int_equal(write(start.transport_fd, "x", 1), 1);
	assert_int_equal(read(transport[1], &byte, 1), 1);
	close(start.transport_fd);
	close(start.status_fd);
	close(transport[0]);
	close(status[0]);
	/* nobody else has kept them */
	assert_int_equal(read(transport[1], &byte, 1), 0);
	assert_int_equal(read(status[1], &byte, 1), 0);
	close(transport[1]);
	close(status[1]);
	close(fd);
	(void)state;
}

/* Logs joe in, hands him over and closes the channel at once; the status
 * socket's other end. */
static int hand_off_last(int transport_r[2])
{
	struct auth_handoff handoff = {
		.id = 7, .tag = CV_SPAN("a1"), .input = CV_SPAN(""),
		.last = true,
	};
	struct auth_answer answer;
	int fd, status[2];

	write_file(fix.users, "joe:{PLAIN}secret:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(transport_r, true, NULL), CV_OK);
	assert_int_equal(ipc_pair(status, true, NULL), CV_OK);
	fd = open_channel("imap-login");
	send_begin(fd, 7, "imap", "plain", CV_SPAN("\0joe\0secret"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	handoff.transport_fd = transport_r[0];
	handoff.status_fd = status[0];
	auth_handoff_put(&out, &handoff);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	close(fd);
	close(transport_r[0]);
	close(status[0]);
	return status[1];
}

static void a_last_hand_off_ends_the_channel(void **state)
{
	struct session_start start;
	int transport[2], status;

	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	status = hand_off_last(transport);
	assert_int_equal(receive(port[1]), SESSION_MSG_START);
	assert_int_equal(ended_count, 1);
	assert_int_equal(session_start_get(&in, fix.pool, &start, NULL),
			 CV_OK);
	assert_string_equal(start.user.name, "joe");
	close(start.transport_fd);
	close(start.status_fd);
	close(transport[1]);
	close(status);
	(void)state;
}

/* There is no zygote, and no channel to say so on. */
static void a_last_hand_off_that_fails_is_told(void **state)
{
	struct session_started started;
	int transport[2], status = hand_off_last(transport);

	assert_int_not_equal(receive(status), 0);
	assert_int_equal(session_started_get(&in, &started, NULL), CV_OK);
	assert_int_equal(started.status, CV_E_TEMP);
	assert_int_equal(ended_count, 1);
	close(transport[1]);
	close(status);
	(void)state;
}

/* joe, and one end of a connection that is offered; the other end. */
static int set_up_offer(int transport_r[2])
{
	write_file(fix.users, "joe:{PLAIN}secret:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(transport_r, true, NULL), CV_OK);
	return open_channel("imap-login");
}

/* Nobody has the connection any more but the test. */
static void assert_not_kept(int transport[2])
{
	char byte;

	close(transport[0]);
	assert_int_equal(read(transport[1], &byte, 1), 0);
	close(transport[1]);
}

/* The session answers on the channel, which auth has left. */
static void an_offer_becomes_a_session_at_once(void **state)
{
	const struct session_started yes = {
		.status = CV_OK, .text = "", .pid = 5, .user = "joe",
	};
	struct session_started started;
	struct session_start start;
	int transport[2], fd;

	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	fd = set_up_offer(transport);
	send_offer(fd, 7, "imap", "PLAIN", CV_SPAN("\0joe\0secret"),
		   transport[0]);
	assert_int_equal(receive(port[1]), SESSION_MSG_START);
	assert_int_equal(ended_count, 1);
	assert_int_equal(session_start_get(&in, fix.pool, &start, NULL),
			 CV_OK);
	assert_string_equal(start.user.name, "joe");
	assert_true(cv_span_is(start.tag, "a1"));
	assert_true(cv_span_is(start.input, "a2 NOOP\r\n"));
	assert_int_equal(session_started_send(start.status_fd, &yes, NULL),
			 CV_OK);
	assert_int_equal(receive(fd), SESSION_MSG_STARTED);
	assert_int_equal(session_started_get(&in, &started, NULL), CV_OK);
	assert_string_equal(started.user, "joe");
	close(start.status_fd);
	assert_int_equal(receive(fd), 0);
	close(start.transport_fd);
	close(fd);
	assert_not_kept(transport);
	(void)state;
}

static void what_is_offered_is_not_kept_after_a_failure(void **state)
{
	struct auth_answer answer;
	int transport[2], fd;

	fd = set_up_offer(transport);
	send_offer(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0wrong"),
		   transport[0]);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_CREDENTIALS);
	/* there is no zygote; the channel is still there to say so */
	send_offer(fd, 2, "imap", "PLAIN", CV_SPAN("\0joe\0secret"),
		   transport[0]);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.id, 2);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_TEMP);
	assert_not_kept(transport);
	close(fd);
	(void)state;
}

/* Who is asked something first gets OK, and hands over as ever. */
static void a_challenge_withdraws_the_offer(void **state)
{
	struct auth_answer answer;
	int transport[2], fd;

	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	fd = set_up_offer(transport);
	send_offer(fd, 3, "imap", "LOGIN", CV_SPAN("joe"), transport[0]);
	receive_answer(fd, AUTH_MSG_CHALLENGE, &answer);
	assert_not_kept(transport);
	auth_continue_put(&out, 3, CV_SPAN("secret"));
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	receive_answer(fd, AUTH_MSG_OK, &answer);
	close(fd);
	(void)state;
}

/* Their answers would reach the session, or its answer them. */
static void nothing_is_offered_beside_other_requests(void **state)
{
	for (int first = 0; first < 2; first++) {
		int transport[2], fd;

		/* the first is under way when the second comes */
		write_file(fix.users, "joe:{PLAIN}secret:1:1\n");
		fixture_auth("auth_failure_delay = 10 secs\n"
			     "passdb {\n driver = passwd-file\n"
			     " args = $USERS\n}\n");
		assert_int_equal(ipc_pair(transport, true, NULL), CV_OK);
		fd = open_channel("imap-login");
		send_offer(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0wrong"),
			   first ? transport[0] : -1);
		send_offer(fd, 2, "imap", "PLAIN", CV_SPAN("\0joe\0wrong"),
			   first ? -1 : transport[0]);
		assert_int_equal(receive(fd), 0);
		assert_not_kept(transport);
		close(fd);
		if (first == 0)
			(void)teardown(state);
	}
}

static void wrong_passwords_and_mechanisms_fail(void **state)
{
	struct auth_answer answer;
	int fd;

	write_file(fix.users, "joe:{PLAIN}secret:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	fd = open_channel("imap-login");
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0wrong"));
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_CREDENTIALS);
	send_begin(fd, 1, "imap", "CRAM-MD5", CV_SPAN_NONE);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_MECHANISM);
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("joe\0secret"));
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_SYNTAX);
	/* an authorization id of somebody else wants a master passdb */
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("eve\0joe\0secret"));
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_CREDENTIALS);
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("joe\0joe\0secret"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	close(fd);
	(void)state;
}

static void login_asks_twice(void **state)
{
	struct auth_answer answer;
	int fd;

	write_file(fix.users, "joe:{PLAIN}secret:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	fd = open_channel("imap-login");
	send_begin(fd, 3, "imap", "LOGIN", CV_SPAN_NONE);
	receive_answer(fd, AUTH_MSG_CHALLENGE, &answer);
	assert_true(cv_span_is(answer.data, "Username:"));
	auth_continue_put(&out, 3, CV_SPAN("joe"));
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	receive_answer(fd, AUTH_MSG_CHALLENGE, &answer);
	assert_true(cv_span_is(answer.data, "Password:"));
	auth_continue_put(&out, 3, CV_SPAN("secret"));
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	receive_answer(fd, AUTH_MSG_OK, &answer);
	/* a new one with the same id only after the old one is gone */
	auth_abort_put(&out, 3);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	send_begin(fd, 3, "imap", "LOGIN", CV_SPAN("joe"));
	receive_answer(fd, AUTH_MSG_CHALLENGE, &answer);
	assert_true(cv_span_is(answer.data, "Password:"));
	close(fd);
	(void)state;
}

/* [security.md A26, A27]: slow hashes block nobody */
static void hashes_are_checked_by_workers(void **state)
{
	struct auth_answer answer;
	int fd, ok = 0;

	write_file(fix.users, "joe:" JOE_CRYPT ":1:1\n"
		   "ann:{PLAIN}quick:1:1\n");
	fixture_auth(JOE);
	use_workers(2);
	fd = open_channel("imap-login");
	for (uint32_t i = 0; i < 12; i++)
		send_begin(fd, i, "imap", "PLAIN", i % 3 == 0 ?
			   CV_SPAN("\0joe\0s") : CV_SPAN("\0joe\0t"));
	send_begin(fd, 99, "imap", "PLAIN", CV_SPAN("\0ann\0quick"));
	for (int i = 0; i < 13; i++) {
		assert_true(receive(fd) != 0);
		assert_int_equal(auth_answer_get(&in, &answer, NULL), CV_OK);
		ok += in.type == AUTH_MSG_OK;
		if (i == 2)
			assert_true(answer.id == 99 || ok <= 2);
	}
	assert_int_equal(ok, 5);
	assert_int_equal(worker_count, 2);
	close(fd);
	(void)state;
}

/* The one worker does nothing at all meanwhile, and six logins wait for it;
 * who needs no slow hash is let in before them. */
static void a_storm_of_slow_hashes_stops_nobody_else(void **state)
{
	struct auth_answer answer;
	int fd;

	(void)state;
	write_file(fix.users, "joe:" JOE_CRYPT ":1:1\n"
		   "ann:{PLAIN}quick:1:1\n");
	fixture_auth(JOE);
	use_workers(1);
	fd = open_channel("imap-login");
	send_begin(fd, 50, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(worker_count, 1);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	for (uint32_t i = 0; i < 6; i++)
		send_begin(fd, i, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	send_begin(fd, 99, "imap", "PLAIN", CV_SPAN("\0ann\0quick"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(answer.id, 99);
	assert_int_equal(kill(workers[0], SIGCONT), 0);
	for (int i = 0; i < 6; i++) {
		receive_answer(fd, AUTH_MSG_OK, &answer);
		assert_true(answer.id < 6);
	}
	assert_int_equal(worker_count, 1);
	close(fd);
}

static bool all_workers_ended(void)
{
	for (size_t i = 0; i < worker_count; i++) {
		if (waitpid(workers[i], NULL, WNOHANG) != workers[i])
			return false;
	}
	return true;
}

static bool joe_may_in(void)
{
	struct auth_answer answer;
	int fd = open_channel("imap-login");

	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	close(fd);
	return true;
}

/* Its process is no more, and the next job has another. */
static void a_worker_without_a_job_is_let_go(void **state)
{
	uint64_t until = time_monotonic_msecs() + 20000;

	(void)state;
	write_file(fix.users, "joe:" JOE_CRYPT ":1:1\n");
	fixture_auth(JOE);
	idle_secs = 1;
	use_workers(2);
	idle_secs = 0;
	assert_true(joe_may_in());
	assert_int_equal(worker_count, 1);
	while (!all_workers_ended() && time_monotonic_msecs() < until) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_true(time_monotonic_msecs() < until);
	worker_count = 0;
	assert_true(joe_may_in());
	assert_int_equal(worker_count, 1);
}

static void a_killed_worker_fails_its_job_alone(void **state)
{
	struct auth_answer answer;
	int fd;

	write_file(fix.users, "joe:" JOE_CRYPT ":1:1\n");
	fixture_auth(JOE);
	use_workers(1);
	fd = open_channel("imap-login");
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	(void)kill(workers[0], SIGSTOP);
	send_begin(fd, 2, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	for (int i = 0; i < 20; i++) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	(void)kill(workers[0], SIGKILL);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_TEMP);
	send_begin(fd, 3, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(worker_count, 2);
	close(fd);
	(void)state;
}

static void send_lookup(int fd, uint32_t type, uint32_t id, const char *user,
			const char *target, const int fds[2])
{
	struct auth_user_request u = {
		.id = id, .service = "lmtp", .user = user, .session_id = "l1",
		.conn = { .local_ip = "", .remote_ip = "", .local_name = "" },
		.target = target,
		.transport_fd = fds == NULL ? -1 : fds[0],
		.status_fd = fds == NULL ? -1 : fds[1],
	};

	auth_user_request_put(&out, type, &u);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
}

static void lmtp_looks_users_up(void **state)
{
	struct session_start start;
	struct auth_answer answer;
	struct user_info info;
	uint32_t id;
	int fd, a[2], b[2], both[2];

	write_file(fix.users, "joe:x:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	assert_int_equal(ipc_pair(a, false, NULL), CV_OK);
	assert_int_equal(ipc_pair(b, false, NULL), CV_OK);
	fd = open_channel("lmtp");
	send_lookup(fd, AUTH_MSG_USER_LOOKUP, 5, "joe", "", NULL);
	assert_int_equal(receive(fd), AUTH_MSG_USER);
	assert_int_equal(auth_user_get(&in, fix.pool, &id, &info, NULL),
			 CV_OK);
	assert_int_equal(id, 5);
	assert_string_equal(info.home, "/home/joe");
	send_lookup(fd, AUTH_MSG_USER_LOOKUP, 6, "nobody", "", NULL);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.fail, CV_AUTH_FAIL_CREDENTIALS);
	both[0] = a[0];
	both[1] = b[0];
	send_lookup(fd, AUTH_MSG_USER_OPEN, 7, "joe", "deliver", both);
	assert_int_equal(receive(port[1]), SESSION_MSG_START);
	assert_int_equal(session_start_get(&in, fix.pool, &start, NULL),
			 CV_OK);
	assert_int_equal(start.user.uid, 1000);
	close(start.transport_fd);
	close(start.status_fd);
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(answer.id, 7);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close(fd);
	(void)state;
}

static void send_bind(int fd, const char *user)
{
	const char *names[] = { "staff" };
	const struct cv_strings groups = { names, 1 };

	ipc_begin(&out, AUTH_MSG_BIND);
	auth_accessor_put(&out, user, &groups);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
}

/* A session's channel opens brokers for its own user, and nothing else. */
static void a_bound_channel_opens_brokers_alone(void **state)
{
	struct session_start start;
	struct auth_answer answer;
	int fd, a[2];

	write_file(fix.users, "joe:x:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	assert_int_equal(ipc_pair(a, false, NULL), CV_OK);
	{
		int both[2] = { a[0], -1 };

		fd = open_channel_with("imap", AUTH_CLIENT_BIND);
		send_bind(fd, "ann");
		send_lookup(fd, AUTH_MSG_USER_OPEN, 1, "nobody", "store",
			    both);
		receive_answer(fd, AUTH_MSG_FAIL, &answer);
		assert_int_equal(answer.fail, CV_AUTH_FAIL_CREDENTIALS);
		send_lookup(fd, AUTH_MSG_USER_OPEN, 2, "joe", "store", both);
		assert_int_equal(receive(port[1]), SESSION_MSG_START);
		assert_int_equal(session_start_get(&in, fix.pool, &start,
						   NULL), CV_OK);
		assert_string_equal(start.user.name, "joe");
		assert_int_equal(start.user.uid, 1000);
		assert_true(cv_span_equal(start.input,
					  CV_SPAN("ann\0staff")));
		close(start.transport_fd);
		receive_answer(fd, AUTH_MSG_OK, &answer);
		/* nobody's deliverer or session */
		send_lookup(fd, AUTH_MSG_USER_OPEN, 3, "joe", "deliver",
			    both);
		assert_int_equal(receive(fd), 0);
		close(fd);
	}
	/* what it says of users it does not get to know */
	fd = open_channel_with("imap", AUTH_CLIENT_BIND);
	send_bind(fd, "ann");
	send_lookup(fd, AUTH_MSG_USER_LOOKUP, 1, "joe", "", NULL);
	assert_int_equal(receive(fd), 0);
	close(fd);
	/* nobody else either */
	fd = open_channel_with("imap", AUTH_CLIENT_BIND);
	send_bind(fd, "ann");
	send_bind(fd, "eve");
	assert_int_equal(receive(fd), 0);
	close(fd);
	/* without a user there are no brokers */
	{
		int both[2] = { a[0], -1 };

		fd = open_channel_with("imap", AUTH_CLIENT_BIND);
		send_lookup(fd, AUTH_MSG_USER_OPEN, 1, "joe", "store", both);
		assert_int_equal(receive(fd), 0);
		close(fd);
		fd = open_channel("lmtp");
		send_lookup(fd, AUTH_MSG_USER_OPEN, 1, "joe", "store", both);
		assert_int_equal(receive(fd), 0);
		close(fd);
		fd = open_channel("lmtp");
		send_bind(fd, "ann");
		assert_int_equal(receive(fd), 0);
		close(fd);
	}
	close(a[0]);
	close(a[1]);
	(void)state;
}

enum { ASKERS = 10, EACH = 30 };

static void send_opens(int fd, uint32_t count, int transport)
{
	int both[2] = { transport, -1 };

	for (uint32_t id = 1; id <= count; id++) {
		send_lookup(fd, AUTH_MSG_USER_OPEN, id, "joe", "deliver",
			    both);
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
	}
}

/* More at once than the zygote's socket holds. */
static void send_burst(int askers_r[ASKERS], int transport)
{
	write_file(fix.users, "joe:x:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	for (int i = 0; i < ASKERS; i++) {
		askers_r[i] = open_channel("lmtp");
		send_opens(askers_r[i], EACH, transport);
	}
	assert_true(auth_queue_is_waiting(port[0]));
}

/* What the zygote is told: as many orders, and no more. */
static void receive_starts(uint32_t count)
{
	struct session_start start;

	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(receive(port[1]), SESSION_MSG_START);
		assert_int_equal(session_start_get(&in, fix.pool, &start,
						   NULL), CV_OK);
		close(start.transport_fd);
	}
	for (int i = 0; i < 10; i++) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
	assert_int_equal(ipc_receive(port[1], &in, NULL), CV_NOT_FOUND);
	assert_false(auth_queue_is_waiting(port[0]));
}

/* Nobody is refused, and each is answered in the order of asking. */
static void a_zygote_that_is_busy_is_waited_for(void **state)
{
	struct auth_answer answer;
	int askers[ASKERS], a[2];

	assert_int_equal(ipc_pair(a, false, NULL), CV_OK);
	send_burst(askers, a[0]);
	receive_starts(ASKERS * EACH);
	for (int i = 0; i < ASKERS; i++) {
		for (uint32_t id = 1; id <= EACH; id++) {
			receive_answer(askers[i], AUTH_MSG_OK, &answer);
			assert_int_equal(answer.id, id);
		}
		close(askers[i]);
	}
	close(a[0]);
	close(a[1]);
	(void)state;
}

/* Of a client that goes, those that wait go as well; another's stay. */
static void who_waits_for_a_zygote_goes_with_the_client(void **state)
{
	int askers[ASKERS], gone, after, a[2];

	assert_int_equal(ipc_pair(a, false, NULL), CV_OK);
	send_burst(askers, a[0]);
	gone = open_channel("lmtp");
	send_opens(gone, 5, a[0]);
	after = open_channel("lmtp");
	send_opens(after, 5, a[0]);
	close(gone);
	while (ended_count == 0)
		event_base_loop(fix.base, EVLOOP_ONCE);
	receive_starts(ASKERS * EACH + 5);
	assert_int_equal(ended_count, 1);
	for (int i = 0; i < ASKERS; i++)
		close(askers[i]);
	close(after);
	close(a[0]);
	close(a[1]);
	(void)state;
}

/* Opens a session of the user and gives back the key in its order. */
static struct cv_span key_of(int fd, uint32_t id, const char *user)
{
	struct auth_answer answer;
	struct session_start start;
	struct cv_span early;
	int a[2], b[2], both[2];

	assert_int_equal(ipc_pair(a, false, NULL), CV_OK);
	assert_int_equal(ipc_pair(b, false, NULL), CV_OK);
	both[0] = a[0];
	both[1] = b[0];
	send_lookup(fd, AUTH_MSG_USER_OPEN, id, user, "deliver", both);
	assert_int_equal(receive(port[1]), SESSION_MSG_START);
	early = pool_span(fix.pool, session_start_key(&in));
	assert_int_equal(session_start_get(&in, fix.pool, &start, NULL),
			 CV_OK);
	close(start.transport_fd);
	close(start.status_fd);
	receive_answer(fd, AUTH_MSG_OK, &answer);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	assert_int_equal(early.len, SESSION_KEY_MAX);
	assert_true(cv_span_equal(early, start.key));
	return early;
}

static void the_key_of_a_process_names_user_and_userdb(void **state)
{
	struct cv_span joe, jane;
	int fd;

	write_file(fix.users, "joe:x:1000:1001::/home/joe::\n"
		   "jane:x:1000:1001::/home/joe::\n");
	fixture_auth(JOE);
	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	fd = open_channel("lmtp");
	joe = key_of(fd, 1, "joe");
	jane = key_of(fd, 2, "jane");
	assert_true(cv_span_equal(joe, key_of(fd, 3, "joe")));
	/* also when nothing but the name is different */
	assert_false(cv_span_equal(joe, jane));
	write_file(fix.users, "joe:x:1000:1001::/home/elsewhere::\n");
	assert_false(cv_span_equal(joe, key_of(fd, 4, "joe")));
	close(fd);
	(void)state;
}

/* Each of these costs the client its channel and no one else anything. */
static void clients_that_break_the_rules_are_dropped(void **state)
{
	int fd, pair[2], other;
	struct auth_answer answer;

	write_file(fix.users, "joe:{PLAIN}secret:1:1::/home/joe::\n");
	fixture_auth(JOE);
	other = open_channel("imap-login");
	/* lmtp may not log in, imap-login may not look up */
	fd = open_channel("lmtp");
	send_begin(fd, 1, "lmtp", "PLAIN", CV_SPAN("\0joe\0secret"));
	assert_int_equal(receive(fd), 0);
	close(fd);
	fd = open_channel("imap-login");
	send_lookup(fd, AUTH_MSG_USER_LOOKUP, 1, "joe", "", NULL);
	assert_int_equal(receive(fd), 0);
	close(fd);
	/* not even to another protocol */
	fd = open_channel("imap-login");
	send_begin(fd, 1, "pop3", "PLAIN", CV_SPAN("\0joe\0secret"));
	assert_int_equal(receive(fd), 0);
	close(fd);
	/* lmtp gets no imap session */
	assert_int_equal(ipc_pair(pair, false, NULL), CV_OK);
	fd = open_channel("lmtp");
	send_lookup(fd, AUTH_MSG_USER_OPEN, 1, "joe", "imap", pair);
	assert_int_equal(receive(fd), 0);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	/* a response to nothing */
	fd = open_channel("imap-login");
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0secret"));
	auth_continue_put(&out, 1, CV_SPAN("x"));
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(receive(fd), 0);
	close(fd);
	/* an id twice */
	fd = open_channel("imap-login");
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN_NONE);
	receive_answer(fd, AUTH_MSG_CHALLENGE, &answer);
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN_NONE);
	assert_int_equal(receive(fd), 0);
	close(fd);
	assert_int_equal(ended_count, 6);
	send_begin(other, 1, "imap", "PLAIN", CV_SPAN("\0joe\0secret"));
	receive_answer(other, AUTH_MSG_OK, &answer);
	close(other);
	(void)state;
}

/* [security.md A27] the one who fails waits, others do not */
static void failures_are_told_late(void **state)
{
	struct auth_answer answer;
	uint64_t start;
	int fd;

	write_file(fix.users, "joe:{PLAIN}secret:1:1\n");
	fixture_auth("auth_failure_delay = 300 msecs\n"
		     "passdb {\n driver = passwd-file\n args = $USERS\n}\n");
	fd = open_channel("imap-login");
	start = time_monotonic_msecs();
	send_begin(fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0wrong"));
	send_begin(fd, 2, "imap", "PLAIN", CV_SPAN("\0joe\0secret"));
	receive_answer(fd, AUTH_MSG_OK, &answer);
	assert_int_equal(answer.id, 2);
	assert_true(time_monotonic_msecs() - start < 200);
	receive_answer(fd, AUTH_MSG_FAIL, &answer);
	assert_int_equal(answer.id, 1);
	assert_true(time_monotonic_msecs() - start >= 290);
	close(fd);
	(void)state;
}

static void a_client_that_goes_aborts_everything(void **state)
{
	int fd;

	write_file(fix.users, "joe:" JOE_CRYPT ":1:1\n");
	fixture_auth(JOE);
	use_workers(1);
	fd = open_channel("imap-login");
	for (uint32_t i = 0; i < 5; i++)
		send_begin(fd, i, "imap", "PLAIN", CV_SPAN("\0joe\0s"));
	event_base_loop(fix.base, EVLOOP_NONBLOCK);
	close(fd);
	for (int i = 0; i < 100 && ended_count == 0; i++) {
		event_base_loop(fix.base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_int_equal(ended_count, 1);
	(void)state;
}

static void flush(int fd, const char *user, uint32_t expected)
{
	ipc_begin(&out, AUTH_MSG_CACHE_FLUSH);
	ipc_put_u32(&out, user == NULL ? 0 : 1);
	if (user != NULL)
		ipc_put_str(&out, user);
	assert_int_equal(ipc_send(fd, &out, NULL), CV_OK);
	assert_int_equal(receive(fd), AUTH_MSG_CACHE_FLUSHED);
	assert_int_equal(ipc_get_u32(&in), expected);
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
}

static void the_cache_is_flushed_for_the_admin(void **state)
{
	struct auth_answer answer;
	int fd, login_fd;

	write_file(fix.users, "joe:{PLAIN}x\nann:{PLAIN}x\n");
	fixture_auth("auth_cache_size = 1M\n" JOE);
	login_fd = open_channel("imap-login");
	send_begin(login_fd, 1, "imap", "PLAIN", CV_SPAN("\0joe\0x"));
	receive_answer(login_fd, AUTH_MSG_OK, &answer);
	send_begin(login_fd, 2, "imap", "PLAIN", CV_SPAN("\0ann\0x"));
	receive_answer(login_fd, AUTH_MSG_OK, &answer);
	fd = open_channel("admin");
	flush(fd, "nobody", 0);
	flush(fd, "joe", 1);
	flush(fd, NULL, 1);
	flush(fd, NULL, 0);
	/* not for others */
	ipc_begin(&out, AUTH_MSG_CACHE_FLUSH);
	ipc_put_u32(&out, 0);
	assert_int_equal(ipc_send(login_fd, &out, NULL), CV_OK);
	assert_int_equal(receive(login_fd), 0);
	close(fd);
	close(login_fd);
	(void)state;
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mechanisms_are_told),
		TEST(a_login_becomes_a_session),
		TEST(a_last_hand_off_ends_the_channel),
		TEST(a_last_hand_off_that_fails_is_told),
		TEST(an_offer_becomes_a_session_at_once),
		TEST(what_is_offered_is_not_kept_after_a_failure),
		TEST(a_challenge_withdraws_the_offer),
		TEST(nothing_is_offered_beside_other_requests),
		TEST(wrong_passwords_and_mechanisms_fail),
		TEST(login_asks_twice),
		TEST(hashes_are_checked_by_workers),
		TEST(a_storm_of_slow_hashes_stops_nobody_else),
		TEST(a_worker_without_a_job_is_let_go),
		TEST(a_killed_worker_fails_its_job_alone),
		TEST(lmtp_looks_users_up),
		TEST(a_bound_channel_opens_brokers_alone),
		TEST(a_zygote_that_is_busy_is_waited_for),
		TEST(who_waits_for_a_zygote_goes_with_the_client),
		TEST(the_key_of_a_process_names_user_and_userdb),
		TEST(clients_that_break_the_rules_are_dropped),
		TEST(failures_are_told_late),
		TEST(a_client_that_goes_aborts_everything),
		TEST(the_cache_is_flushed_for_the_admin),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
