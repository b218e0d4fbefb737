/* test-anvil.c - leases and penalties, asked for by processes that may have
 * been taken over. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/anvil-message.h"
#include "master/anvil-service.h"

static struct service service;
static uint32_t holds;
static struct ipc_writer out;
static struct ipc_reader in;

/* The skeleton, as far as anvil uses it. */

void service_hold(struct service *s)
{
	(void)s;
	holds++;
}

void service_release(struct service *s)
{
	(void)s;
	assert_true(holds > 0);
	holds--;
}

/* Longer than ends of leases are let gather. */
static void run_loop(void)
{
	for (int i = 0; i < 8; i++) {
		(void)event_base_loop(service.base, EVLOOP_NONBLOCK);
		(void)usleep(10000);
	}
	(void)event_base_loop(service.base, EVLOOP_NONBLOCK);
}

static int setup(void **state)
{
	(void)state;
	service.base = event_base_new();
	assert_non_null(service.base);
	assert_int_equal(anvil_service_row.start(&service, NULL), CV_OK);
	return 0;
}

/* What the port of that client brings; fd stays the caller's. */
static void deliver(const char *client, int fd, const char *user,
		    uint32_t limit)
{
	struct anvil_connect c = {
		.user = user, .ip = "192.0.2.1", .service = "imap",
		.session_id = "s", .pid = 1, .limit = limit,
	};
	int port[2];

	assert_int_equal(ipc_pair(port, true, NULL), CV_OK);
	ipc_begin(&out, ANVIL_MSG_CONNECT);
	anvil_connect_put(&out, &c);
	ipc_put_fd(&out, fd);
	assert_int_equal(ipc_send(port[0], &out, NULL), CV_OK);
	assert_int_equal(ipc_receive(port[1], &in, NULL), CV_OK);
	anvil_service_row.message(&service, client, &in);
	(void)close(port[0]);
	(void)close(port[1]);
}

/* A process that makes a pair, sends one end here, and keeps the other. */
static pid_t spawn_owner(int *end_r)
{
	int pipe_fds[2], pair[2];
	pid_t pid;

	assert_int_equal(ipc_pair(pipe_fds, false, NULL), CV_OK);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ipc_pair(pair, false, NULL) != CV_OK)
			_exit(1);
		ipc_begin(&out, 1);
		ipc_put_fd(&out, pair[1]);
		(void)ipc_send(pipe_fds[0], &out, NULL);
		(void)close(pair[1]);
		for (;;)
			(void)pause();
	}
	(void)close(pipe_fds[0]);
	assert_int_equal(ipc_receive(pipe_fds[1], &in, NULL), CV_OK);
	*end_r = ipc_get_fd(&in);
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
	(void)close(pipe_fds[1]);
	return pid;
}

static void end_owner(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_has_one_lease_whatever_it_says(void **state)
{
	int end, own[2];
	pid_t pid = spawn_owner(&end);

	(void)state;
	deliver("imap", end, "victim", 10);
	assert_int_equal(holds, 1);
	for (int i = 0; i < 20; i++)
		deliver("imap", end, "victim", 10);
	assert_int_equal(holds, 1);
	(void)close(end);
	/* another process still gets in, as the places are not taken */
	assert_int_equal(ipc_pair(own, true, NULL), CV_OK);
	deliver("imap", own[1], "victim", 2);
	(void)close(own[1]);
	assert_int_equal(holds, 2);
	assert_int_equal(ipc_receive(own[0], &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_GRANTED);
	(void)close(own[0]);
	end_owner(pid);
	run_loop();
	assert_int_equal(holds, 0);
}

/* Its number may come back before the loop has seen the end. */
static void a_lease_that_has_ended_makes_room_at_once(void **state)
{
	int one[2], two[2];

	(void)state;
	assert_int_equal(ipc_pair(one, true, NULL), CV_OK);
	assert_int_equal(ipc_pair(two, true, NULL), CV_OK);
	deliver("imap", one[1], "u", 1);
	(void)close(one[1]);
	assert_int_equal(holds, 1);
	(void)close(one[0]);
	deliver("imap", two[1], "u", 1);
	(void)close(two[1]);
	assert_int_equal(ipc_receive(two[0], &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_GRANTED);
	assert_int_equal(holds, 1);
	(void)close(two[0]);
	run_loop();
	assert_int_equal(holds, 0);
}

/* A sender that keeps our end, too, keeps it readable for ever. */
static void a_kept_copy_does_not_outlive_its_lease(void **state)
{
	int one[2];

	(void)state;
	assert_int_equal(ipc_pair(one, true, NULL), CV_OK);
	deliver("imap", one[1], "u", 1);
	(void)close(one[0]);
	run_loop();
	assert_int_equal(holds, 0);
	run_loop();
	assert_int_equal(holds, 0);
	(void)close(one[1]);
}

static void the_limit_is_kept(void **state)
{
	int end, own[2];
	pid_t pid = spawn_owner(&end);

	(void)state;
	deliver("imap", end, "u", 1);
	(void)close(end);
	assert_int_equal(ipc_pair(own, true, NULL), CV_OK);
	deliver("imap", own[1], "u", 1);
	(void)close(own[1]);
	assert_int_equal(ipc_receive(own[0], &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_LIMIT);
	(void)close(own[0]);
	end_owner(pid);
	run_loop();
	assert_int_equal(holds, 0);
}

/* An event loop refuses such a descriptor, and anvil would die of it. */
static void a_lease_is_a_socket_of_ours(void **state)
{
	int null = open("/dev/null", O_RDWR), stream[2], queue[2];

	(void)state;
	assert_true(null >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_int_equal(pipe(queue), 0);
	deliver("imap", null, "u", 0);
	deliver("imap", stream[0], "u", 0);
	deliver("imap", queue[0], "u", 0);
	assert_int_equal(holds, 0);
	(void)close(null);
	for (int i = 0; i < 2; i++) {
		(void)close(stream[i]);
		(void)close(queue[i]);
	}
}

static void only_sessions_take_leases(void **state)
{
	int own[2];

	(void)state;
	assert_int_equal(ipc_pair(own, true, NULL), CV_OK);
	deliver("auth", own[1], "u", 0);
	assert_int_equal(holds, 0);
	(void)close(own[0]);
	(void)close(own[1]);
}

/* --- channels -------------------------------------------------------------- */

static int open_channel(const char *client)
{
	int fds[2];

	assert_int_equal(ipc_pair(fds, true, NULL), CV_OK);
	anvil_service_row.channel(&service, client, fds[1]);
	return fds[0];
}

static void add_penalty(int fd, const char *ip)
{
	ipc_begin(&out, ANVIL_MSG_PENALTY_ADD);
	ipc_put_str(&out, ip);
	ipc_put_u32(&out, 0);
	(void)ipc_send(fd, &out, NULL);
	run_loop();
}

static uint32_t count_penalty(int auth, const char *ip)
{
	uint32_t count;

	ipc_begin(&out, ANVIL_MSG_PENALTY_GET);
	ipc_put_u32(&out, 7);
	ipc_put_str(&out, ip);
	assert_int_equal(ipc_send(auth, &out, NULL), CV_OK);
	run_loop();
	assert_int_equal(ipc_receive(auth, &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_PENALTY);
	assert_int_equal(ipc_get_u32(&in), 7);
	count = ipc_get_u32(&in);
	(void)ipc_get_u64(&in);
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
	return count;
}

static void a_session_says_nothing_of_penalties(void **state)
{
	int auth = open_channel("auth"), session = open_channel("imap");

	(void)state;
	add_penalty(auth, "192.0.2.7");
	assert_int_equal(count_penalty(auth, "192.0.2.7"), 1);
	add_penalty(session, "192.0.2.7");
	add_penalty(session, "192.0.2.8");
	assert_int_equal(count_penalty(auth, "192.0.2.7"), 1);
	assert_int_equal(count_penalty(auth, "192.0.2.8"), 0);
	assert_int_equal(holds, 1);
	(void)close(session);
	(void)close(auth);
	run_loop();
	assert_int_equal(holds, 0);
}

static void auth_does_not_list_or_kick(void **state)
{
	int auth = open_channel("auth");

	(void)state;
	ipc_begin(&out, ANVIL_MSG_WHO);
	assert_int_equal(ipc_send(auth, &out, NULL), CV_OK);
	run_loop();
	assert_int_equal(ipc_receive(auth, &in, NULL), CV_EOF);
	assert_int_equal(holds, 0);
	(void)close(auth);
}

/* The peer has kept a copy of our end, has made it blocking, and has taken
 * the message away that had woken us. */
static void a_channel_made_blocking_does_not_stop_anvil(void **state)
{
	int fds[2], kept;

	(void)state;
	assert_int_equal(ipc_pair(fds, true, NULL), CV_OK);
	kept = dup(fds[1]);
	anvil_service_row.channel(&service, "auth", fds[1]);
	assert_int_equal(fcntl(kept, F_SETFL, 0), 0);
	(void)alarm(10);
	for (int i = 0; i < 1000; i++) {	/* nobody reads the answers */
		ipc_begin(&out, ANVIL_MSG_PENALTY_GET);
		ipc_put_u32(&out, 1);
		ipc_put_str(&out, "192.0.2.9");
		(void)ipc_send_now(fds[0], &out, NULL);
		(void)event_base_loop(service.base, EVLOOP_NONBLOCK);
	}
	(void)alarm(0);
	(void)close(kept);
	(void)close(fds[0]);
	run_loop();
	assert_int_equal(holds, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_one_lease_whatever_it_says),
		cmocka_unit_test(a_lease_that_has_ended_makes_room_at_once),
		cmocka_unit_test(a_kept_copy_does_not_outlive_its_lease),
		cmocka_unit_test(the_limit_is_kept),
		cmocka_unit_test(a_lease_is_a_socket_of_ours),
		cmocka_unit_test(only_sessions_take_leases),
		cmocka_unit_test(a_session_says_nothing_of_penalties),
		cmocka_unit_test(auth_does_not_list_or_kick),
		cmocka_unit_test(a_channel_made_blocking_does_not_stop_anvil),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
