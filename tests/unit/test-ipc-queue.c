/* test-ipc-queue.c - what waits for a busy peer arrives whole and in order, or
 * is refused; nothing of it is left behind. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/ipc-queue.h"

enum { TYPE = 0x42, BYTES_MAX = 1 << 20, FDS_MAX = 40 };

static struct event_base *base;
static int fds[2];
static struct ipc_queue queue;
static int last_status;
static uint32_t moves;

static struct ipc_writer writer;
static struct ipc_reader reader;

/* The kernel, as this test has it: the next send but so many fails so. */
static enum { SEND_ALL, SEND_HALF, SEND_FAILS } send_how;
static uint32_t send_after;
static int send_errno;

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (send_how == SEND_ALL || send_after-- > 0)
		return (ssize_t)syscall(SYS_sendmsg, fd, msg, flags);
	if (send_how == SEND_HALF) {
		send_how = SEND_ALL;
		return 9;
	}
	send_how = SEND_ALL;
	errno = send_errno;
	return -1;
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

static void moved(void *context, int status, const struct cv_error *err)
{
	(void)err;
	assert_ptr_equal(context, &queue);
	last_status = status;
	moves++;
}

static int make(void **state)
{
	const int small = 4096;
	struct ipc_queue_config config = {
		.bytes_max = BYTES_MAX, .fds_max = FDS_MAX, .moved = moved,
		.context = &queue,
	};

	(void)state;
	base = event_base_new();
	if (base == NULL || ipc_pair(fds, true, NULL) != CV_OK ||
	    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small,
		       sizeof(small)) < 0)
		return -1;
	config.base = base;
	config.fd = fds[0];
	ipc_queue_init(&queue, &config);
	last_status = CV_OK;
	moves = 0;
	send_how = SEND_ALL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	ipc_queue_deinit(&queue);
	(void)close(fds[0]);
	if (fds[1] >= 0)
		(void)close(fds[1]);
	event_base_free(base);
	return 0;
}

static int say(uint32_t number, int fd)
{
	ipc_begin(&writer, TYPE);
	ipc_put_u32(&writer, number);
	ipc_put_str(&writer, "secret");
	if (fd >= 0)
		ipc_put_fd(&writer, fd);
	return ipc_queue_send(&queue, &writer, NULL);
}

static void turn(void)
{
	assert_true(event_base_loop(base, EVLOOP_ONCE |
				    EVLOOP_NONBLOCK) >= 0);
}

/* False: nothing is there. */
static bool hear(uint32_t number, bool with_fd)
{
	struct cv_error err = ERROR_NONE;
	int status = ipc_receive(fds[1], &reader, &err), fd;

	if (status == CV_NOT_FOUND)
		return false;
	assert_int_equal(status, CV_OK);
	assert_int_equal(reader.type, TYPE);
	assert_int_equal(ipc_get_u32(&reader), number);
	assert_string_equal(ipc_get_str(&reader, 100), "secret");
	if (with_fd) {
		fd = ipc_get_fd(&reader);
		assert_true(fd >= 0);
		(void)close(fd);
	}
	assert_int_equal(ipc_finish(&reader, &err), CV_OK);
	return true;
}

static void hear_all(uint32_t from, uint32_t to, bool with_fd)
{
	for (int turns = 0; from < to; turns++) {
		assert_true(turns < 10000);
		while (from < to && hear(from, with_fd))
			from++;
		/* for at most a moment: something waits, or all was heard */
		if (!ipc_queue_is_empty(&queue))
			assert_int_equal(event_base_loop(base, EVLOOP_ONCE),
					 0);
	}
	assert_false(hear(to, with_fd));
}

static void an_empty_queue_is_passed_by(void **state)
{
	(void)state;
	assert_int_equal(say(0, -1), CV_OK);
	assert_true(ipc_queue_is_empty(&queue));
	assert_null(queue.event);
	hear_all(0, 1, false);
	assert_int_equal(moves, 0);
}

/* Also where the socket has room: descriptors under way are counted for the
 * user. */
static void each_message_may_have_to_wait(void **state)
{
	static const int reasons[] = { EAGAIN, ETOOMANYREFS };

	(void)state;
	for (uint32_t n = 0; n < 16; n++) {
		send_how = SEND_FAILS;
		send_errno = reasons[n % 2];
		send_after = n / 2;
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(say(i, STDIN_FILENO), CV_OK);
		assert_int_equal(send_how, SEND_ALL);
		hear_all(0, 8, true);
	}
}

/* The first does not get out, and when there is room the others do not. */
static void the_first_may_have_to_wait_again(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8; n++) {
		send_how = SEND_FAILS;
		send_errno = EAGAIN;
		send_after = 0;
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(say(i, -1), CV_OK);
		assert_int_equal(queue.count, 8);
		send_how = SEND_FAILS;
		send_errno = ETOOMANYREFS;
		send_after = n;
		turn();
		assert_int_equal(queue.count, 8 - n);
		hear_all(0, 8, false);
	}
}

/* n are said, the peer reads one or none. */
static void order_is_kept_wherever_the_socket_is_full(void **state)
{
	uint32_t said = 0, heard = 0;

	(void)state;
	for (uint32_t n = 1; n < 60; n++) {
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(say(said++, -1), CV_OK);
		turn();
		if (hear(heard, false))
			heard++;
		turn();
	}
	assert_false(ipc_queue_is_empty(&queue));
	assert_int_equal(queue.count > 100, 1);
	hear_all(heard, said, false);
	assert_true(ipc_queue_is_empty(&queue));
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(queue.count, 0);
	assert_null(queue.event);
	assert_true(moves > 0);
	assert_int_equal(last_status, CV_OK);
}

/* The caller closes its own at once, as a hand-off does. */
static void descriptors_travel_with_their_message(void **state)
{
	int before = open_fds(), fd;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(say(i, fd), CV_OK);
		(void)close(fd);
	}
	assert_true(queue.fds > 0);
	assert_int_equal(open_fds(), before + (int)queue.fds);
	hear_all(0, 30, true);
	assert_int_equal(queue.fds, 0);
	assert_int_equal(open_fds(), before);
}

static void a_peer_that_never_reads_meets_the_bound(void **state)
{
	struct cv_error err = ERROR_NONE;
	uint32_t said = 0;
	size_t bytes;

	(void)state;
	while (said < 1000000 && say(said, -1) == CV_OK)
		said++;
	assert_int_equal(ipc_queue_send(&queue, &writer, &err), CV_E_LIMIT);
	assert_non_null(strstr(err.text, "the receiver is busy"));
	assert_true(queue.bytes <= BYTES_MAX);
	assert_true(queue.bytes > BYTES_MAX - 1000);
	assert_int_equal(moves, 0);
	/* what ends something is let in; and what was refused is not said */
	bytes = queue.bytes;
	ipc_begin(&writer, TYPE);
	ipc_put_u32(&writer, said);
	ipc_put_str(&writer, "secret");
	assert_int_equal(ipc_queue_send_last(&queue, &writer, NULL), CV_OK);
	assert_true(queue.bytes > bytes);
	assert_int_equal(say(said + 1, -1), CV_E_LIMIT);
	hear_all(0, said + 1, false);
	assert_int_equal(say(said + 1, -1), CV_OK);
	hear_all(said + 1, said + 2, false);
}

static void the_bound_of_descriptors_is_met(void **state)
{
	struct cv_error err = ERROR_NONE;
	uint32_t said = 0;
	int before = open_fds();

	(void)state;
	while (said < 100000 && say(said, STDIN_FILENO) == CV_OK)
		said++;
	assert_int_equal(ipc_queue_send(&queue, &writer, &err), CV_E_LIMIT);
	assert_non_null(strstr(err.text, "descriptors"));
	assert_int_equal(queue.fds, FDS_MAX);
	assert_int_equal(open_fds(), before + FDS_MAX);
	hear_all(0, said, true);
	assert_int_equal(say(said, STDIN_FILENO), CV_OK);
	hear_all(said, said + 1, true);
}

static void what_is_dropped_is_closed(void **state)
{
	int before = open_fds();

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(say(i, STDIN_FILENO), CV_OK);
	assert_true(open_fds() > before);
	ipc_queue_deinit(&queue);
	assert_int_equal(open_fds(), before);
	assert_int_equal(say(30, -1), CV_EOF);
	ipc_queue_deinit(&queue);
}

static void a_peer_that_goes_is_noticed(void **state)
{
	int before = open_fds();

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(say(i, STDIN_FILENO), CV_OK);
	(void)close(fds[1]);
	fds[1] = -1;
	turn();
	assert_int_equal(moves, 1);
	assert_int_equal(last_status, CV_EOF);
	assert_true(ipc_queue_is_empty(&queue));
	assert_int_equal(open_fds(), before - 1);
	assert_int_equal(say(30, -1), CV_EOF);
}

/* The kernel cuts what is larger than half of the buffer: half a message is an
 * error, not a message. */
static void a_short_write_is_an_error(void **state)
{
	struct cv_error err = ERROR_NONE;

	(void)state;
	send_how = SEND_HALF;
	send_after = 0;
	ipc_begin(&writer, TYPE);
	assert_int_equal(ipc_queue_send(&queue, &writer, &err),
			 CV_E_INTERNAL);
	assert_non_null(strstr(err.text, "wmem_default"));
}

static void a_short_write_later_ends_the_queue(void **state)
{
	int before = open_fds();

	(void)state;
	send_how = SEND_FAILS;
	send_errno = EAGAIN;
	send_after = 0;
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(say(i, STDIN_FILENO), CV_OK);
	assert_int_equal(queue.count, 4);
	send_how = SEND_HALF;
	send_after = 2;
	turn();
	assert_int_equal(moves, 1);
	assert_int_equal(last_status, CV_E_INTERNAL);
	assert_true(ipc_queue_is_empty(&queue));
	assert_int_equal(open_fds(), before);
	assert_int_equal(say(4, -1), CV_EOF);
}

static void too_large_for_a_message_is_refused(void **state)
{
	static char huge[IPC_MESSAGE_MAX];

	(void)state;
	ipc_begin(&writer, TYPE);
	ipc_put_span(&writer, cv_span(huge, sizeof(huge)));
	assert_int_equal(ipc_queue_send(&queue, &writer, NULL), CV_E_LIMIT);
	assert_int_equal(ipc_queue_send_last(&queue, &writer, NULL),
			 CV_E_LIMIT);
	assert_int_equal(say(0, -1), CV_OK);
	hear_all(0, 1, false);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_queue_is_passed_by),
		CASE(each_message_may_have_to_wait),
		CASE(the_first_may_have_to_wait_again),
		CASE(order_is_kept_wherever_the_socket_is_full),
		CASE(descriptors_travel_with_their_message),
		CASE(a_peer_that_never_reads_meets_the_bound),
		CASE(the_bound_of_descriptors_is_met),
		CASE(what_is_dropped_is_closed),
		CASE(a_peer_that_goes_is_noticed),
		CASE(a_short_write_is_an_error),
		CASE(a_short_write_later_ends_the_queue),
		CASE(too_large_for_a_message_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
