/* test-proxy-header.c - the PROXY protocol: every header at every cut point,
 * nothing read beyond it, and nothing believed that is malformed. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "net/proxy-header.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V4_BODY "\xc0\x00\x02\x01" "\xc6\x33\x64\x02" "\x01\x02" "\x03\xe1"
#define V6_BODY "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" "\xff\xff" "\0\x19"
/* authority mx.example; TLS, verified, with "CN" jane */
#define AUTHORITY "\x02\0\x0a" "mx.example"
#define SSL_GOOD "\x20\0\x0c" "\x03\0\0\0\0" "\x22\0\x04" "jane"
#define SSL_UNVERIFIED "\x20\0\x0c" "\x03\0\0\0\x01" "\x22\0\x04" "jane"

struct good {
	const char *data;
	size_t len;
	const char *remote, *local;	/* "" none */
	unsigned int remote_port, local_port;
	bool tls, cert;
	const char *cert_name, *local_name;
};
#define GOOD(text, ...) { (text), sizeof(text) - 1, __VA_ARGS__ }

static const struct good goods[] = {
	GOOD("PROXY TCP4 192.0.2.1 198.51.100.2 258 993\r\n",
	     "192.0.2.1", "198.51.100.2", 258, 993, false, false, "", ""),
	GOOD("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n",
	     "2001:db8::1", "2001:db8::2", 65535, 0, false, false, "", ""),
	/* the longest of version 1 has 107 bytes [PROXY 2.1] */
	GOOD("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
	     "", "", 0, 0, false, false, "", ""),
	GOOD("PROXY UNKNOWN\r\n", "", "", 0, 0, false, false, "", ""),
	GOOD(V2 "\x21\x11\0\x0c" V4_BODY,
	     "192.0.2.1", "198.51.100.2", 258, 993, false, false, "", ""),
	GOOD(V2 "\x21\x21\0\x24" V6_BODY,
	     "2001:db8::1", "2001:db8::2", 65535, 25, false, false, "", ""),
	GOOD(V2 "\x21\x11\0\x28" V4_BODY AUTHORITY SSL_GOOD,
	     "192.0.2.1", "198.51.100.2", 258, 993, true, true, "jane",
	     "mx.example"),
	GOOD(V2 "\x21\x11\0\x1b" V4_BODY SSL_UNVERIFIED,
	     "192.0.2.1", "198.51.100.2", 258, 993, true, false, "jane", ""),
	/* a health check; a UNIX socket; a family that nobody knows */
	GOOD(V2 "\x20\0\0\0", "", "", 0, 0, false, false, "", ""),
	GOOD(V2 "\x20\x11\0\x0c" V4_BODY, "", "", 0, 0, false, false, "", ""),
	GOOD(V2 "\x21\0\0\x02" "xx", "", "", 0, 0, false, false, "", ""),
	GOOD(V2 "\x21\xf1\0\x02" "xx", "", "", 0, 0, false, false, "", ""),
};

#define BAD(text) CV_SPAN(text)
static const struct cv_span bads[] = {
	BAD("A"), BAD("\x16\x03\x01"), BAD("a LOGIN x y\r\n"), BAD("\r\n\r\nQ"),
	BAD("PROXY\r"), BAD("PROXY \r\n"), BAD("PROXY TCP4\r\n"),
	BAD("PROXY UNKNOWN\n"), BAD("PROXY UNKNOWN6\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
	BAD("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
	BAD("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
	BAD("PROXY TCP4 * 192.0.2.2 1 2\r\n"),
	BAD("PROXY TCP4 ::1 ::1 1 2\r\n"),
	BAD("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
	BAD("PROXY TCP6 [::1] ::1 1 2\r\n"),
	BAD("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
	BAD("PROXY UNKNOWN 00000000001111111111222222222233333333334444444444"
	    "5555555555666666666677777777778888888888999999999900000"),
	BAD(V2 "\x31\x11\0\x0c" V4_BODY),	/* version 3 */
	BAD(V2 "\x22\x11\0\x0c" V4_BODY),	/* command 2 */
	BAD(V2 "\x21\x11\0\x0b" V4_BODY),
	BAD(V2 "\x21\x21\0\x0c" V4_BODY),
	BAD(V2 "\x21\x31\0\x0c" V4_BODY),
	BAD(V2 "\x21\x11\x10\0"),		/* 4096 and 16 */
	BAD(V2 "\x21\x11\0\x0e" V4_BODY "\x02\0"),
	BAD(V2 "\x21\x11\0\x10" V4_BODY "\x02\0\x02" "x"),
	BAD(V2 "\x21\x11\0\x13" V4_BODY "\x20\0\x04" "\x01\0\0\0"),
	BAD(V2 "\x21\x11\0\x15" V4_BODY "\x20\0\x06" "\x01\0\0\0\0" "\x22"),
};

static void assert_good(const struct good *g, const struct proxy_header *h)
{
	char text[NET_IP_TEXT];

	assert_int_equal(h->has_addresses, g->remote[0] != '\0');
	net_address_ip(&h->remote, text);
	assert_string_equal(text, g->remote);
	net_address_ip(&h->local, text);
	assert_string_equal(text, g->local);
	assert_int_equal(net_address_port(&h->remote), g->remote_port);
	assert_int_equal(net_address_port(&h->local), g->local_port);
	assert_int_equal(h->tls, g->tls);
	assert_int_equal(h->cert_valid, g->cert);
	assert_string_equal(h->cert_name, g->cert_name);
	assert_string_equal(h->local_name, g->local_name);
}

static void headers_are_understood_and_cut_ones_waited_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		const struct good *g = &goods[i];
		struct proxy_header h;
		char more[256];
		size_t used;

		for (size_t len = 0; len < g->len; len++)
			assert_int_equal(proxy_header_parse(g->data, len, &h,
				&used, NULL), CV_NOT_FOUND);
		memcpy(more, g->data, g->len);
		memset(more + g->len, '\n', 20);
		assert_int_equal(proxy_header_parse(more, g->len + 20, &h,
						    &used, NULL), CV_OK);
		assert_int_equal(used, g->len);
		assert_good(g, &h);
	}
}

static void malformed_headers_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct cv_error err = ERROR_NONE;
		struct proxy_header h;
		size_t used;

		if (proxy_header_parse(bads[i].data, bads[i].len, &h, &used,
				       &err) != CV_E_SYNTAX)
			fail_msg("number %zu was not refused", i);
		assert_non_null(strstr(err.text, "PROXY header"));
		assert_false(h.has_addresses || h.tls || h.cert_valid);
	}
}

/* Over a socket, in two pieces, with the client's bytes right behind. */
static void read_in_two(const struct good *g, size_t cut)
{
	struct proxy_reader reader = { 0 };
	struct proxy_header h;
	char rest[8];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	assert_int_equal(proxy_header_read(fds[0], &reader, &h, NULL),
			 CV_NOT_FOUND);
	if (cut > 0) {
		assert_int_equal(write(fds[1], g->data, cut), cut);
		assert_int_equal(proxy_header_read(fds[0], &reader, &h, NULL),
				 CV_NOT_FOUND);
		/* nothing is left that would wake the reader at once */
		assert_int_equal(recv(fds[0], rest, 1, MSG_PEEK), -1);
	}
	assert_int_equal(write(fds[1], g->data + cut, g->len - cut),
			 g->len - cut);
	assert_int_equal(write(fds[1], "\x16\x03\n", 3), 3);
	assert_int_equal(proxy_header_read(fds[0], &reader, &h, NULL), CV_OK);
	assert_good(g, &h);
	assert_int_equal(read(fds[0], rest, sizeof(rest)), 3);
	assert_memory_equal(rest, "\x16\x03\n", 3);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void what_follows_a_header_stays_in_the_socket(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		for (size_t cut = 0; cut < goods[i].len; cut++)
			read_in_two(&goods[i], cut);
	}
}

static void a_peer_that_closes_is_told_from_one_that_is_slow(void **state)
{
	struct proxy_reader reader = { 0 };
	struct proxy_header h;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    fds), 0);
	assert_int_equal(write(fds[1], "PROXY ", 6), 6);
	assert_int_equal(proxy_header_read(fds[0], &reader, &h, NULL),
			 CV_NOT_FOUND);
	(void)close(fds[1]);
	assert_int_equal(proxy_header_read(fds[0], &reader, &h, NULL), CV_EOF);
	(void)close(fds[0]);
}

/* One that has controls in it would forge log lines. */
static void names_with_controls_are_not_taken(void **state)
{
	static const char text[] = V2 "\x21\x11\0\x11" V4_BODY
		"\x02\0\x02" "a\n";
	struct proxy_header h;
	size_t used;

	(void)state;
	assert_int_equal(proxy_header_parse(text, sizeof(text) - 1, &h, &used,
					    NULL), CV_OK);
	assert_string_equal(h.local_name, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			headers_are_understood_and_cut_ones_waited_for),
		cmocka_unit_test(malformed_headers_are_refused_with_a_reason),
		cmocka_unit_test(what_follows_a_header_stays_in_the_socket),
		cmocka_unit_test(
			a_peer_that_closes_is_told_from_one_that_is_slow),
		cmocka_unit_test(names_with_controls_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
