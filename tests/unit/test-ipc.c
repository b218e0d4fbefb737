/* test-ipc.c - messages between processes: what comes out is what went in,
 * and nothing that is cut, changed or wrongly typed is believed. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/auth-message.h"
#include "ipc/anvil-message.h"
#include "ipc/return-message.h"
#include "master/log-line.h"

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

static int status_pair[2] = { -1, -1 };

static int open_status(void **state)
{
	(void)state;
	return ipc_pair(status_pair, false, NULL);
}

static void sample_start(struct session_start *s)
{
	static const uint32_t groups[] = { 7, 9 };
	static const struct user_field fields[] = {
		{ "quota_rule", "*:bytes=10M" }, { "empty", "" },
	};

	*s = (struct session_start){
		.session_id = "abc", .tag = CV_SPAN("a\0b"),
		.input = CV_SPAN("a2 select"),
		.user = { .name = "u@example.org", .login_name = "u",
			  .master_name = "", .uid = 1000, .gid = 100,
			  .group_count = 2, .groups = groups,
			  .home = "/home/u", .chroot = "", .mail = "maildir:~",
			  .field_count = 2, .fields = fields },
		.conn = { "127.0.0.1", "192.0.2.1", 143, 5555, "mx", true,
			  true },
		.transport_fd = STDIN_FILENO, .status_fd = status_pair[1],
	};
}

static void a_session_start_arrives_unchanged(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("test");
	struct session_start out, in;
	struct ipc_writer w;
	struct ipc_reader r;
	int fds[2], before = open_fds();

	(void)state;
	assert_int_equal(ipc_pair(fds, true, &err), CV_OK);
	sample_start(&out);
	session_start_put(&w, &out);
	assert_int_equal(ipc_send(fds[0], &w, &err), CV_OK);
	assert_int_equal(ipc_receive(fds[1], &r, &err), CV_OK);
	assert_int_equal(r.type, SESSION_MSG_START);
	assert_int_equal(session_start_get(&r, pool, &in, &err), CV_OK);
	assert_string_equal(in.user.name, "u@example.org");
	assert_int_equal(in.user.uid, 1000);
	assert_int_equal(in.user.groups[1], 9);
	assert_string_equal(user_info_field(&in.user, "quota_rule"),
			    "*:bytes=10M");
	assert_null(user_info_field(&in.user, "quota"));
	assert_true(cv_span_equal(in.tag, CV_SPAN("a\0b")));
	assert_true(in.conn.tls);
	assert_int_equal(in.conn.remote_port, 5555);
	assert_true(in.transport_fd >= 0 && in.status_fd >= 0);
	assert_int_equal(fcntl(in.transport_fd, F_GETFD) & FD_CLOEXEC,
			 FD_CLOEXEC);
	(void)close(in.transport_fd);
	(void)close(in.status_fd);
	assert_int_equal(ipc_receive(fds[1], &r, &err), CV_NOT_FOUND);
	(void)close(fds[0]);
	assert_int_equal(ipc_receive(fds[1], &r, &err), CV_EOF);
	(void)close(fds[1]);
	assert_int_equal(open_fds(), before);
	pool_destroy(&pool);
}

/* The bytes of a message as they are on the wire. */
static struct cv_span wire(struct ipc_writer *w, char *buf, size_t room)
{
	struct cv_error err = ERROR_NONE;
	int fds[2];
	ssize_t n;

	assert_int_equal(ipc_pair(fds, true, &err), CV_OK);
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	n = recv(fds[1], buf, room, 0);
	assert_true(n > 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return cv_span(buf, (size_t)n);
}

static int read_start(const char *data, size_t len, struct cv_pool *pool)
{
	struct cv_error err = ERROR_NONE;
	int fds[2] = { dup(STDIN_FILENO), dup(status_pair[1]) };
	struct session_start in;
	struct ipc_reader r;
	int status = ipc_reader_init(&r, cv_span(data, len), fds, 2, &err);

	if (status != CV_OK)
		return status;
	status = session_start_get(&r, pool, &in, &err);
	if (status == CV_OK) {
		(void)close(in.transport_fd);
		(void)close(in.status_fd);
	}
	return status;
}

static void a_message_is_passed_on_with_its_descriptors(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("test");
	struct session_start out, back;
	struct ipc_writer w;
	struct ipc_reader r;
	int one[2], two[2], before = open_fds();

	(void)state;
	assert_int_equal(ipc_pair(one, true, &err), CV_OK);
	assert_int_equal(ipc_pair(two, true, &err), CV_OK);
	sample_start(&out);
	out.key = CV_SPAN("key");
	session_start_put(&w, &out);
	assert_int_equal(ipc_send(one[0], &w, &err), CV_OK);
	assert_int_equal(ipc_receive(one[1], &r, &err), CV_OK);
	/* to look at the key changes nothing */
	assert_true(cv_span_is(session_start_key(&r), "key"));
	assert_int_equal(ipc_forward(two[0], &r, &err), CV_OK);
	assert_int_equal(session_start_get(&r, pool, &back, &err), CV_OK);
	close(back.transport_fd);
	close(back.status_fd);
	assert_int_equal(ipc_receive(two[1], &r, &err), CV_OK);
	assert_int_equal(session_start_get(&r, pool, &back, &err), CV_OK);
	assert_true(cv_span_is(back.key, "key"));
	assert_string_equal(back.user.name, "u@example.org");
	close(back.transport_fd);
	close(back.status_fd);
	/* who reads no more is as good as gone */
	assert_int_equal(shutdown(two[1], SHUT_RD), 0);
	assert_int_equal(ipc_send(one[0], &w, &err), CV_OK);
	assert_int_equal(ipc_receive_now(one[1], &r, &err), CV_OK);
	assert_int_equal(ipc_forward(two[0], &r, &err), CV_EOF);
	assert_int_equal(session_start_get(&r, pool, &back, &err), CV_OK);
	close(back.transport_fd);
	close(back.status_fd);
	assert_int_equal(ipc_receive_now(one[1], &r, &err), CV_NOT_FOUND);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
	assert_int_equal(open_fds(), before);
	pool_destroy(&pool);
}

static void a_cut_message_is_refused_at_each_length(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct session_start out;
	struct ipc_writer w;
	char buf[4096];
	struct cv_span whole;
	int before = open_fds();

	(void)state;
	sample_start(&out);
	session_start_put(&w, &out);
	whole = wire(&w, buf, sizeof(buf));
	assert_int_equal(read_start(whole.data, whole.len, pool), CV_OK);
	for (size_t len = 0; len < whole.len; len++) {
		char cut[4096];
		uint32_t claimed = (uint32_t)len;

		memcpy(cut, whole.data, len);
		assert_int_equal(read_start(cut, len, pool), CV_E_SYNTAX);
		/* also when the header was made to match */
		if (len < sizeof(claimed))
			continue;
		memcpy(cut, &claimed, sizeof(claimed));
		assert_int_equal(read_start(cut, len, pool), CV_E_SYNTAX);
	}
	assert_int_equal(open_fds(), before);
	pool_destroy(&pool);
}

static void a_changed_byte_never_leaks_a_descriptor(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct session_start out;
	struct ipc_writer w;
	char buf[4096];
	struct cv_span whole;
	int before = open_fds();

	(void)state;
	sample_start(&out);
	session_start_put(&w, &out);
	whole = wire(&w, buf, sizeof(buf));
	for (size_t i = 0; i < whole.len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			buf[i] = (char)(buf[i] ^ (1 << bit));
			(void)read_start(buf, whole.len, pool);
			buf[i] = (char)(buf[i] ^ (1 << bit));
		}
		pool_reset(pool);
	}
	assert_int_equal(open_fds(), before);
	pool_destroy(&pool);
}

static int reader_of(struct ipc_writer *w, struct ipc_reader *r)
{
	char buf[IPC_MESSAGE_MAX];
	struct cv_error err = ERROR_NONE;

	return ipc_reader_init(r, wire(w, buf, sizeof(buf)), NULL, 0, &err);
}

static void a_wrong_type_or_order_fails_and_stays_failed(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	struct ipc_reader r;

	(void)state;
	ipc_begin(&w, 5);
	ipc_put_u32(&w, 17);
	ipc_put_str(&w, "text");
	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(ipc_get_u64(&r), 0);
	assert_int_equal(ipc_get_u32(&r), 0);
	assert_string_equal(ipc_get_str(&r, 10), "");
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);

	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(ipc_get_u32(&r), 17);
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);

	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(ipc_get_count(&r, 16), 0);
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);

	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(ipc_get_u32(&r), 17);
	assert_string_equal(ipc_get_str(&r, 3), "");
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);

	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(ipc_get_u32(&r), 17);
	assert_string_equal(ipc_get_str(&r, 4), "text");
	assert_int_equal(ipc_get_fd(&r), -1);
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);
}

static void a_nul_inside_a_string_is_refused_but_not_in_a_span(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	struct ipc_reader r;

	(void)state;
	ipc_begin(&w, 5);
	ipc_put_span(&w, CV_SPAN("user\0evil"));
	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_true(cv_span_equal(ipc_get_span(&r, 100),
				  CV_SPAN("user\0evil")));
	assert_int_equal(ipc_finish(&r, &err), CV_OK);
	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_string_equal(ipc_get_str(&r, 100), "");
	assert_int_equal(ipc_finish(&r, &err), CV_E_SYNTAX);
}

static void what_does_not_fit_is_not_sent(void **state)
{
	static char big[IPC_MESSAGE_MAX];
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	int fds[2];

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(ipc_pair(fds, true, &err), CV_OK);
	for (size_t len = IPC_MESSAGE_MAX - 64; len < IPC_MESSAGE_MAX; len++) {
		ipc_begin(&w, 5);
		ipc_put_span(&w, cv_span(big, len));
		ipc_put_u32(&w, 1);
		if (len > IPC_MESSAGE_MAX - 23)
			assert_int_equal(ipc_send(fds[0], &w, &err),
					 CV_E_LIMIT);
		assert_true(w.len <= sizeof(w.data));
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_full_queue_is_a_temporary_failure(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	int fds[2], status = CV_OK;

	(void)state;
	assert_int_equal(ipc_pair(fds, true, &err), CV_OK);
	ipc_begin(&w, 5);
	for (int i = 0; i < 100000 && status == CV_OK; i++)
		status = ipc_send(fds[0], &w, &err);
	assert_int_equal(status, CV_E_TEMP);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_channel_opens_over_a_port(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	struct ipc_reader r;
	int port[2], channel, server, before = open_fds();

	(void)state;
	assert_int_equal(ipc_pair(port, true, &err), CV_OK);
	assert_int_equal(ipc_channel_open(port[0], &channel, &err), CV_OK);
	assert_int_equal(ipc_receive(port[1], &r, &err), CV_OK);
	assert_int_equal(r.type, IPC_MSG_CHANNEL);
	server = ipc_get_fd(&r);
	assert_int_equal(ipc_finish(&r, &err), CV_OK);
	auth_abort_put(&w, 42);
	assert_int_equal(ipc_send(channel, &w, &err), CV_OK);
	assert_int_equal(ipc_receive(server, &r, &err), CV_OK);
	assert_int_equal(ipc_refuse(&r, "login", &err), CV_E_SYNTAX);
	(void)close(server);
	assert_int_equal(ipc_send(channel, &w, &err), CV_EOF);
	assert_int_equal(ipc_receive_wait(channel, 100, &r, &err), CV_EOF);
	(void)close(channel);
	(void)close(port[0]);
	assert_int_equal(ipc_channel_open(port[1], &channel, &err),
			 CV_E_TEMP);
	(void)close(port[1]);
	assert_int_equal(open_fds(), before);
}

/* Who does not wait is told at once, who does comes through when there is
 * room. */
static void a_full_port_is_waited_for(void **state)
{
	struct cv_error err = ERROR_NONE;
	static struct ipc_reader r;
	int port[2], channel, status = CV_OK, opened = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(ipc_pair(port, true, &err), CV_OK);
	while (opened < 5000 && status == CV_OK) {
		status = ipc_channel_open(port[0], &channel, &err);
		if (status == CV_OK)
			(void)close(channel);
		opened += status == CV_OK;
	}
	assert_int_equal(status, CV_E_TEMP);
	assert_int_equal(channel, -1);
	assert_int_equal(ipc_channel_open_within(port[0], 20, &channel, &err),
			 CV_E_TEMP);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)usleep(50 * 1000);
		_exit(ipc_receive(port[1], &r, &err) == CV_OK ? 0 : 1);
	}
	assert_int_equal(ipc_channel_open_within(port[0], 60000, &channel,
						 &err), CV_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(channel);
	(void)close(port[1]);
	/* a port that is closed is not */
	assert_int_equal(ipc_channel_open_within(port[0], 60000, &channel,
						 &err), CV_E_TEMP);
	(void)close(port[0]);
}

static void an_auth_request_arrives_unchanged(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("test");
	struct auth_begin out = {
		.id = 3, .service = "imap", .mechanism = "PLAIN",
		.session_id = "sid", .conn = { .local_ip = "::1" },
		.cert_name = "", .has_initial = true,
		.initial = CV_SPAN("\0user\0pass"),
		.forward = CV_SPAN("a=b\tc=d"),
	}, in;
	struct ipc_writer w;
	struct ipc_reader r;

	(void)state;
	auth_begin_put(&w, &out);
	assert_int_equal(reader_of(&w, &r), CV_OK);
	assert_int_equal(auth_begin_get(&r, pool, &in, &err), CV_OK);
	assert_int_equal(in.id, 3);
	assert_true(cv_span_equal(in.forward, out.forward));
	assert_string_equal(in.mechanism, "PLAIN");
	assert_string_equal(in.conn.local_ip, "::1");
	assert_string_equal(in.conn.remote_ip, "");
	assert_true(cv_span_equal(in.initial, out.initial));
	assert_true(in.has_initial);
	assert_false(in.offered);
	assert_int_equal(in.transport_fd, -1);
	pool_destroy(&pool);
}

/* Sent and received, descriptors included. */
static void pass(const struct ipc_writer *w, struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	int fds[2];

	assert_int_equal(ipc_pair(fds, true, &err), CV_OK);
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	assert_int_equal(ipc_receive(fds[1], r, &err), CV_OK);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_begin_may_offer_the_connection(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_error err = ERROR_NONE;
	struct auth_begin out = {
		.id = 3, .service = "imap", .mechanism = "PLAIN",
		.session_id = "sid", .cert_name = "", .offered = true,
		.tag = CV_SPAN("a1"), .input = CV_SPAN("a2 NOOP\r\n"),
	}, in;
	struct ipc_writer w;
	struct ipc_reader r;
	int null = open("/dev/null", O_RDWR), before;

	(void)state;
	assert_true(null >= 0);
	out.transport_fd = null;
	before = open_fds();
	auth_begin_put(&w, &out);
	pass(&w, &r);
	assert_int_equal(auth_begin_get(&r, pool, &in, &err), CV_OK);
	assert_true(in.offered && in.transport_fd >= 0);
	assert_true(cv_span_equal(in.tag, out.tag));
	assert_true(cv_span_equal(in.input, out.input));
	(void)close(in.transport_fd);
	/* a descriptor without the rest: refused, and not kept */
	out.offered = false;
	auth_begin_put(&w, &out);
	ipc_put_fd(&w, null);
	pass(&w, &r);
	assert_int_equal(auth_begin_get(&r, pool, &in, &err), CV_E_SYNTAX);
	assert_int_equal(in.transport_fd, -1);
	assert_int_equal(open_fds(), before);
	(void)close(null);
	pool_destroy(&pool);
}

static void what_is_no_channel_is_not_taken_for_one(void **state)
{
	int null = open("/dev/null", O_RDWR), lone, stream[2];
	int before = open_fds();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	lone = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_true(null >= 0 && lone >= 0);
	for (int i = 0; i < 4; i++) {
		const int fds[] = { null, lone, stream[0], status_pair[0] };
		struct auth_handoff out = {
			.id = 1, .transport_fd = status_pair[0],
			.status_fd = fds[i],
		}, in;
		struct ipc_writer w;
		struct ipc_reader r;
		bool good = fds[i] == status_pair[0];

		auth_handoff_put(&w, &out);
		assert_int_equal(ipc_send(status_pair[0], &w, NULL), CV_OK);
		assert_int_equal(ipc_receive(status_pair[1], &r, NULL),
				 CV_OK);
		assert_int_equal(auth_handoff_get(&r, &in, NULL),
				 good ? CV_OK : CV_E_SYNTAX);
		if (!good)
			continue;
		(void)close(in.transport_fd);
		(void)close(in.status_fd);
	}
	(void)close(lone);
	(void)close(stream[0]);
	(void)close(stream[1]);
	assert_int_equal(open_fds(), before);
	(void)close(null);
}

static int send_line(struct cv_span text, const char *service,
		     const char *category)
{
	struct log_line out = {
		.level = LOG_LEVEL_INFO, .service = service,
		.category = category, .text = text, .pid = 1,
	}, in;
	struct ipc_writer w;
	struct ipc_reader r;

	log_line_put(&w, &out);
	assert_int_equal(reader_of(&w, &r), CV_OK);
	return log_line_get(&r, &in, NULL);
}

/* A process that has been taken over does not clean what it logs. */
/* The one who refuses us closes before it has read all that we said. */
static void last_words_are_heard_behind_a_reset(void **state)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int fds[2];

	(void)state;
	assert_int_equal(ipc_pair(fds, false, NULL), CV_OK);
	ipc_begin(&w, 1);
	assert_int_equal(ipc_send(fds[0], &w, NULL), CV_OK);
	ipc_begin(&w, 2);
	ipc_put_str(&w, "no");
	assert_int_equal(ipc_send(fds[1], &w, NULL), CV_OK);
	close(fds[1]);
	assert_int_equal(ipc_receive(fds[0], &r, NULL), CV_OK);
	assert_int_equal(r.type, 2);
	assert_string_equal(ipc_get_str(&r, 10), "no");
	assert_int_equal(ipc_finish(&r, NULL), CV_OK);
	assert_int_equal(ipc_receive(fds[0], &r, NULL), CV_EOF);
	close(fds[0]);
}

static void a_log_line_cannot_become_two(void **state)
{
	(void)state;
	assert_int_equal(send_line(CV_SPAN("auth: ok \xc3\xa4 \\x0a"), "auth",
				   "auth"), CV_OK);
	assert_int_equal(send_line(CV_SPAN("a\nNov 1 auth: b"), "x", "y"),
			 CV_E_SYNTAX);
	assert_int_equal(send_line(CV_SPAN("a\0b"), "x", "y"), CV_E_SYNTAX);
	assert_int_equal(send_line(CV_SPAN("\x1b[2J"), "x", "y"),
			 CV_E_SYNTAX);
	assert_int_equal(send_line(CV_SPAN("\xff"), "x", "y"), CV_E_SYNTAX);
	assert_int_equal(send_line(CV_SPAN("a"), "x\nMESSAGE=b", "y"),
			 CV_E_SYNTAX);
	assert_int_equal(send_line(CV_SPAN("a"), "x", "y\",\"level\":\"Info"),
			 CV_E_SYNTAX);
}

/* One byte of the order at a time is changed; at the end, none. */
static void what_is_given_back_proves_whose_it_is(void **state)
{
	static const uint8_t key[HASH_MAC_KEY_BYTES] = { 1, 2, 3 };
	static const uint8_t other[HASH_MAC_KEY_BYTES] = { 1, 2, 4 };
	const struct conn_info conn = {
		.local_ip = "192.0.2.1", .remote_ip = "192.0.2.2",
		.local_port = 143, .remote_port = 4000, .local_name = "x",
		.secure = true, .cert_valid = true, .cert_name = "alice",
		.channel_binding = CV_SPAN("bound"),
	};
	struct cv_pool *pool = pool_create("test");
	static struct ipc_writer w;
	static struct ipc_reader r;
	struct return_order order;
	struct conn_info got;
	struct cv_span input;
	int fds[2], fd;

	(void)state;
	assert_int_equal(return_order_make(&conn, key, pool, &order, NULL),
			 CV_OK);
	assert_int_equal(ipc_pair(fds, false, NULL), CV_OK);
	for (size_t i = 0; i <= order.bytes.len + 1; i++) {
		struct return_order sent = order;
		char *copy = pool_copy(pool, order.bytes.data,
				       order.bytes.len);
		bool good = i > order.bytes.len;
		int status;

		if (i < order.bytes.len)
			copy[i] ^= 1;
		sent.bytes.data = copy;
		return_put(&w, &sent, CV_SPAN("a LOGIN"), fds[0]);
		assert_int_equal(ipc_send(fds[0], &w, NULL), CV_OK);
		assert_int_equal(ipc_receive(fds[1], &r, NULL), CV_OK);
		status = return_get(&r, i == order.bytes.len ? other : key,
				    pool, &got, &input, &fd, NULL);
		assert_int_equal(status, good ? CV_OK : CV_E_DENIED);
		assert_int_equal(fd >= 0, good);
		if (!good)
			continue;
		(void)close(fd);
		assert_string_equal(got.remote_ip, "192.0.2.2");
		assert_int_equal(got.remote_port, 4000);
		assert_true(got.secure && got.cert_valid && !got.tls);
		assert_string_equal(got.cert_name, "alice");
		assert_true(cv_span_is(got.channel_binding, "bound"));
		assert_true(cv_span_is(input, "a LOGIN"));
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_start_arrives_unchanged),
		cmocka_unit_test(
			a_message_is_passed_on_with_its_descriptors),
		cmocka_unit_test(a_cut_message_is_refused_at_each_length),
		cmocka_unit_test(a_changed_byte_never_leaks_a_descriptor),
		cmocka_unit_test(a_wrong_type_or_order_fails_and_stays_failed),
		cmocka_unit_test(
			a_nul_inside_a_string_is_refused_but_not_in_a_span),
		cmocka_unit_test(what_does_not_fit_is_not_sent),
		cmocka_unit_test(a_full_queue_is_a_temporary_failure),
		cmocka_unit_test(a_channel_opens_over_a_port),
		cmocka_unit_test(a_full_port_is_waited_for),
		cmocka_unit_test(an_auth_request_arrives_unchanged),
		cmocka_unit_test(a_begin_may_offer_the_connection),
		cmocka_unit_test(what_is_no_channel_is_not_taken_for_one),
		cmocka_unit_test(last_words_are_heard_behind_a_reset),
		cmocka_unit_test(a_log_line_cannot_become_two),
		cmocka_unit_test(what_is_given_back_proves_whose_it_is),
	};

	return cmocka_run_group_tests(tests, open_status, NULL);
}
