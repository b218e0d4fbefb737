/* test-connection.c - the blocking connection: every cut of the input, slow
 * readers, ends, orders to stop; and addresses. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#undef skip	/* a member of the table has that name */

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/address.h"
#include "session/connection.h"
#include "stream/stream.h"

static const struct conn_info info = {
	.local_ip = "192.0.2.1", .remote_ip = "198.51.100.7",
	.local_port = 143, .remote_port = 4711, .local_name = "",
};

struct pair { struct cv_pool *pool; struct cv_connection *c; int peer; };

static void pair_open(struct pair *p, struct cv_span input)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	p->pool = pool_create("test");
	p->peer = fds[1];
	p->c = connection_create(p->pool, fds[0], &info, input);
}

static void pair_close(struct pair *p)
{
	connection_close(p->c);
	(void)close(p->peer);
	pool_destroy(&p->pool);
}

static void put(struct pair *p, const char *data, size_t len)
{
	assert_int_equal(write(p->peer, data, len), (ssize_t)len);
}

static void the_descriptor_is_made_non_blocking(void **state)
{
	struct pair p = { .pool = pool_create("test") };
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p.peer = fds[1];
	p.c = connection_create(p.pool, fds[0], &info, CV_SPAN(""));
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	/* that of the other end is its owner's */
	assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
	pair_close(&p);
}

static void input_arrives_whole_at_each_cut(void **state)
{
	static const char text[] = "a001 NOOP\r\na002 LOGOUT\r\n";
	const size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t cut = 1; cut < len; cut++) {
		for (size_t early = 0; early <= cut; early += cut) {
			struct cv_error err = ERROR_NONE;
			struct pair p;

			/* early: what login had read already */
			pair_open(&p, cv_span(text, early));
			if (cut > early)
				put(&p, text + early, cut - early);
			while (connection_api.peek(p.c).len < cut)
				assert_int_equal(connection_api.fill(p.c,
					4096, 1000, &err), CV_OK);
			assert_int_equal(connection_api.fill(p.c, 4096, 0,
				&err), CV_E_TIMEOUT);
			put(&p, text + cut, len - cut);
			assert_int_equal(connection_api.fill(p.c, 4096, 1000,
				&err), CV_OK);
			assert_true(cv_span_equal(connection_api.peek(p.c),
						  cv_span(text, len)));
			connection_api.skip(p.c, len);
			assert_int_equal(connection_api.peek(p.c).len, 0);
			assert_int_equal(connection_api.bytes_in(p.c), len);
			pair_close(&p);
		}
	}
}

static void the_window_has_a_limit_and_grows_up_to_it(void **state)
{
	static char data[40000];
	struct cv_error err = ERROR_NONE;
	struct pair p;

	(void)state;
	memset(data, 'x', sizeof(data));
	pair_open(&p, CV_SPAN_NONE);
	put(&p, data, sizeof(data));
	while (connection_api.peek(p.c).len < 30000)
		assert_int_equal(connection_api.fill(p.c, 30000, 1000, &err),
				 CV_OK);
	assert_int_equal(connection_api.fill(p.c, 30000, 1000, &err),
			 CV_E_LIMIT);
	connection_api.skip(p.c, 29999);
	assert_int_equal(connection_api.fill(p.c, 30000, 1000, &err), CV_OK);
	pair_close(&p);
}

static void the_end_of_the_peer_is_told(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct pair p;

	(void)state;
	pair_open(&p, CV_SPAN_NONE);
	put(&p, "x", 1);
	assert_int_equal(shutdown(p.peer, SHUT_WR), 0);
	assert_int_equal(connection_api.fill(p.c, 100, 1000, &err), CV_OK);
	assert_int_equal(connection_api.fill(p.c, 100, 1000, &err), CV_EOF);
	/* nothing new comes: what is there is known already */
	assert_int_equal(connection_api.wait(p.c, -1, 1000, &err), CV_EOF);
	assert_int_equal(connection_api.peek(p.c).len, 1);
	connection_api.skip(p.c, 1);
	assert_int_equal(connection_api.wait(p.c, -1, 1000, &err), CV_EOF);
	pair_close(&p);
}

static void output_leaves_before_waiting(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct pair p;
	char buf[64];

	(void)state;
	pair_open(&p, CV_SPAN_NONE);
	connection_api.print(p.c, "* %s %d\r\n", "OK", 7);
	assert_int_equal(read(p.peer, buf, sizeof(buf)), -1);
	assert_int_equal(connection_api.fill(p.c, 100, 0, &err),
			 CV_E_TIMEOUT);
	assert_int_equal(read(p.peer, buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "* OK 7\r\n", 8);
	assert_int_equal(connection_api.bytes_out(p.c), 8);
	pair_close(&p);
}

static void a_reader_that_does_not_read_fails_the_connection(void **state)
{
	static char data[1 << 20];
	struct cv_error err = ERROR_NONE;
	struct pair p;

	(void)state;
	pair_open(&p, CV_SPAN_NONE);
	connection_set_send_timeout(p.c, 50);
	connection_api.write(p.c, data, sizeof(data));
	assert_true(connection_api.failed(p.c));
	assert_int_equal(connection_api.flush(p.c, &err), CV_E_TEMP);
	pair_close(&p);
}

static void *drain(void *context)
{
	const struct pair *p = context;
	size_t total = 0;
	char buf[5000];

	for (;;) {
		ssize_t n = read(p->peer, buf, sizeof(buf));

		if (n == 0)
			return (void *)total;
		if (n > 0)
			total += (size_t)n;
		else
			(void)usleep(1000);
	}
}

static void streams_are_sent_whole(void **state)
{
	const uint64_t len = 300000;
	char path[] = "/tmp/culver-test-XXXXXX";
	struct cv_error err = ERROR_NONE;
	struct pair p;
	pthread_t thread;
	void *total;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	pair_open(&p, CV_SPAN_NONE);
	assert_int_equal(pthread_create(&thread, NULL, drain, &p), 0);
	connection_api.write(p.c, "ab", 2);
	assert_int_equal(connection_api.write_stream(p.c, stream_open_file(
		p.pool, fd, 0, len, false, "test"), len, &err), CV_OK);
	assert_int_equal(connection_api.write_stream(p.c, stream_open_memory(
		p.pool, CV_SPAN("cdef")), 4, &err), CV_OK);
	assert_int_equal(connection_api.flush(p.c, &err), CV_OK);
	assert_false(connection_api.failed(p.c));
	connection_close(p.c);
	assert_int_equal(pthread_join(thread, &total), 0);
	assert_int_equal((size_t)total, len + 6);
	(void)close(fd);
	(void)close(p.peer);
	pool_destroy(&p.pool);
}

/* [security.md C14] */
static void a_stream_that_ends_early_ends_the_connection(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct pair p;

	(void)state;
	pair_open(&p, CV_SPAN_NONE);
	assert_true(connection_api.write_stream(p.c, stream_open_memory(
		p.pool, CV_SPAN("abc")), 4, &err) < 0);
	assert_true(connection_api.failed(p.c));
	pair_close(&p);
}

static bool stop_asked;

static bool stop_check(void *context)
{
	char byte;
	int fd = *(int *)context;

	assert_int_equal(read(fd, &byte, 1), 1);
	stop_asked = true;
	return byte == 's';
}

static void an_order_to_stop_ends_the_waiting(void **state)
{
	struct cv_error err = ERROR_NONE;
	volatile sig_atomic_t stop = 0;
	struct pair p;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pair_open(&p, CV_SPAN_NONE);
	connection_set_stop(p.c, &fds[0], stop_check, &fds[0], &stop);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(connection_api.fill(p.c, 100, 20, &err),
			 CV_E_TIMEOUT);
	assert_true(stop_asked);
	assert_int_equal(write(fds[1], "s", 1), 1);
	assert_int_equal(connection_api.fill(p.c, 100, 5000, &err),
			 CV_E_TEMP);
	stop = 1;
	assert_int_equal(connection_api.wait(p.c, -1, 5000, &err), CV_E_TEMP);
	pair_close(&p);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void bytes_behind_starttls_are_a_reason_to_refuse(void **state)
{
	struct cv_error err = ERROR_NONE;
	struct pair p;
	int server;

	(void)state;
	pair_open(&p, CV_SPAN("NOOP\r\n"));
	assert_false(connection_api.can_starttls(p.c));
	assert_int_equal(connection_api.starttls(p.c, &err),
			 CV_E_UNSUPPORTED);
	/* never reaches TLS */
	connection_set_tls(p.c, (struct tls_server *)&server);
	assert_true(connection_api.can_starttls(p.c));
	assert_int_equal(connection_api.starttls(p.c, &err), CV_E_SYNTAX);
	pair_close(&p);
}

static void a_record_is_kept_of_both_directions(void **state)
{
	char dir[] = "/tmp/culver-test-XXXXXX", path[64];
	struct cv_error err = ERROR_NONE;
	struct stat st;
	struct pair p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	pair_open(&p, CV_SPAN("early"));
	assert_int_equal(connection_set_rawlog(p.c, dir, "a/b", &err), CV_OK);
	put(&p, "late", 4);
	assert_int_equal(connection_api.fill(p.c, 100, 1000, &err), CV_OK);
	connection_api.write(p.c, "out", 3);
	assert_int_equal(connection_api.flush(p.c, &err), CV_OK);
	pair_close(&p);
	(void)snprintf(path, sizeof(path), "%s/a_b.in", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(st.st_mode & 0777, 0600);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/a_b.out", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* --- addresses ------------------------------------------------------------ */

static void addresses_are_read_and_written(void **state)
{
	static const struct { const char *in, *out; } good[] = {
		{ "192.0.2.1", "192.0.2.1" }, { "*", "0.0.0.0" },
		{ "::", "::" }, { "[2001:db8::1]", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
	};
	static const char *const bad[] = {
		"", "localhost", "1.2.3", "1.2.3.4.5", "[::1", ":::",
		"1.2.3.4/8",
	};
	struct net_address a;
	char text[NET_IP_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(net_address_parse(&a, good[i].in, 143));
		net_address_ip(&a, text);
		assert_string_equal(text, good[i].out);
		assert_int_equal(net_address_port(&a), 143);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(net_address_parse(&a, bad[i], 143));
}

static void networks_contain_addresses(void **state)
{
	static const struct { const char *ip, *network; bool in; } cases[] = {
		{ "10.1.2.3", "10.0.0.0/8", true },
		{ "11.1.2.3", "10.0.0.0/8", false },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.4", "10.1.2.3", false },
		{ "10.1.2.4", "10.1.2.0/29", true },
		{ "10.1.2.8", "10.1.2.0/29", false },
		{ "::ffff:10.1.2.3", "10.0.0.0/8", true },
		{ "2001:db8::1", "2001:db8::/32", true },
		{ "2001:db9::1", "2001:db8::/32", false },
		{ "10.1.2.3", "0.0.0.0/0", true },
		{ "2001:db8::1", "0.0.0.0/0", false },
		{ "10.1.2.3", "10.0.0.0/33", false },
		{ "10.1.2.3", "10.0.0.0/x", false },
		{ "10.1.2.3", "nonsense", false },
	};
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(net_address_parse(&a, cases[i].ip, 0));
		assert_int_equal(net_address_in(&a, cases[i].network),
				 cases[i].in);
	}
	assert_true(net_address_parse(&a, "127.9.9.9", 0));
	assert_true(net_address_is_loopback(&a));
	assert_true(net_address_parse(&a, "::1", 0));
	assert_true(net_address_is_loopback(&a));
	assert_true(net_address_parse(&a, "192.0.2.1", 0));
	assert_false(net_address_is_loopback(&a));
}

static void a_socket_replaces_a_socket_and_nothing_else(void **state)
{
	struct net_unix_options options = { .mode = 0620, .uid = (uid_t)-1,
		.gid = (gid_t)-1, .type = SOCK_STREAM };
	char dir[] = "/tmp/culver-test-XXXXXX", path[64];
	struct cv_error err = ERROR_NONE;
	struct stat st;
	int one, two, client;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(net_listen_unix(path, &options, &one, &err), CV_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	assert_int_equal(net_listen_unix(path, &options, &two, &err), CV_OK);
	assert_int_equal(net_connect_unix(path, SOCK_STREAM, &client, &err),
			 CV_OK);
	(void)close(client);
	(void)close(one);
	(void)close(two);
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(net_listen_unix(path, &options, &one, &err),
			 CV_E_EXISTS);
	(void)rmdir(path);
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_descriptor_is_made_non_blocking),
		cmocka_unit_test(input_arrives_whole_at_each_cut),
		cmocka_unit_test(the_window_has_a_limit_and_grows_up_to_it),
		cmocka_unit_test(the_end_of_the_peer_is_told),
		cmocka_unit_test(output_leaves_before_waiting),
		cmocka_unit_test(
			a_reader_that_does_not_read_fails_the_connection),
		cmocka_unit_test(streams_are_sent_whole),
		cmocka_unit_test(a_stream_that_ends_early_ends_the_connection),
		cmocka_unit_test(an_order_to_stop_ends_the_waiting),
		cmocka_unit_test(bytes_behind_starttls_are_a_reason_to_refuse),
		cmocka_unit_test(a_record_is_kept_of_both_directions),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(networks_contain_addresses),
		cmocka_unit_test(a_socket_replaces_a_socket_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
