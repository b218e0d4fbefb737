/* address.c - socket addresses, and listening sockets. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 };

bool net_address_parse(struct net_address *address_r, const char *ip,
		       uint16_t port)
{
	struct cv_span span = cv_span_of(ip);
	char text[NET_IP_TEXT];

	*address_r = (struct net_address){ 0 };
	if (cv_span_is(span, "*"))
		span = CV_SPAN("0.0.0.0");
	if (span.len > 2 && span.data[0] == '[' &&
	    span.data[span.len - 1] == ']')
		span = cv_span(span.data + 1, span.len - 2);
	if (span.len == 0 || span.len >= sizeof(text))
		return false;
	memcpy(text, span.data, span.len);
	text[span.len] = '\0';
	if (inet_pton(AF_INET, text, &address_r->u.v4.sin_addr) == 1) {
		address_r->u.v4.sin_family = AF_INET;
		address_r->u.v4.sin_port = htons(port);
		address_r->len = sizeof(address_r->u.v4);
		return true;
	}
	memset(&address_r->u, 0, sizeof(address_r->u));
	if (inet_pton(AF_INET6, text, &address_r->u.v6.sin6_addr) != 1)
		return false;
	address_r->u.v6.sin6_family = AF_INET6;
	address_r->u.v6.sin6_port = htons(port);
	address_r->len = sizeof(address_r->u.v6);
	return true;
}

static bool is_mapped(const struct net_address *address)
{
	return address->u.any.sa_family == AF_INET6 &&
		IN6_IS_ADDR_V4MAPPED(&address->u.v6.sin6_addr);
}

void net_address_ip(const struct net_address *address,
		    char text[static NET_IP_TEXT])
{
	const void *bytes = &address->u.v4.sin_addr;
	int family = address->u.any.sa_family;

	text[0] = '\0';
	if (is_mapped(address)) {
		family = AF_INET;
		bytes = address->u.v6.sin6_addr.s6_addr + 12;
	} else if (family == AF_INET6) {
		bytes = &address->u.v6.sin6_addr;
	} else if (family != AF_INET) {
		return;
	}
	if (inet_ntop(family, bytes, text, NET_IP_TEXT) == NULL)
		text[0] = '\0';
}

uint16_t net_address_port(const struct net_address *address)
{
	switch (address->u.any.sa_family) {
	case AF_INET:
		return ntohs(address->u.v4.sin_port);
	case AF_INET6:
		return ntohs(address->u.v6.sin6_port);
	default:
		return 0;
	}
}

void net_address_bytes(const struct net_address *address,
		       uint8_t bytes_r[static 16])
{
	memset(bytes_r, 0, 16);
	if (address->u.any.sa_family == AF_INET6) {
		memcpy(bytes_r, address->u.v6.sin6_addr.s6_addr, 16);
	} else if (address->u.any.sa_family == AF_INET) {
		bytes_r[10] = bytes_r[11] = 0xff;
		memcpy(bytes_r + 12, &address->u.v4.sin_addr, 4);
	}
}

bool net_address_is_loopback(const struct net_address *address)
{
	static const uint8_t one[16] = { [15] = 1 };
	uint8_t bytes[16];

	if (address->u.any.sa_family == AF_UNIX)
		return true;
	net_address_bytes(address, bytes);
	return memcmp(bytes, one, 16) == 0 ||
		(bytes[10] == 0xff && bytes[11] == 0xff && bytes[12] == 127 &&
		 (address->u.any.sa_family == AF_INET || is_mapped(address)));
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> (bits % 8))) == 0;
}

bool net_address_in(const struct net_address *address, const char *network)
{
	struct cv_span rest = cv_span_of(network), ip;
	struct net_address base;
	uint8_t a[16], b[16];
	char text[NET_IP_TEXT];
	uint64_t bits, most;

	if (address->u.any.sa_family != AF_INET &&
	    address->u.any.sa_family != AF_INET6)
		return false;
	if (!cv_span_split(&rest, '/', &ip) || ip.len >= sizeof(text))
		return false;
	memcpy(text, ip.data, ip.len);
	text[ip.len] = '\0';
	if (!net_address_parse(&base, text, 0))
		return false;
	most = base.u.any.sa_family == AF_INET ? 32 : 128;
	bits = most;
	if (rest.data != NULL && !cv_span_to_u64(rest, most, &bits))
		return false;
	net_address_bytes(address, a);
	net_address_bytes(&base, b);
	return bits_equal(a, b, (unsigned int)(bits + 128 - most));
}

int net_local_address(int fd, struct net_address *address_r,
		      struct cv_error *err)
{
	address_r->len = sizeof(address_r->u);
	if (getsockname(fd, &address_r->u.any, &address_r->len) < 0)
		return FAIL_ERRNO(err, errno, "getsockname failed");
	return CV_OK;
}

static int prepare_inet(int fd, const struct net_address *address,
			bool reuse_port)
{
	const int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
				     sizeof(one)) < 0)
		return -1;
	if (address->u.any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -1;
	/* Connections inherit it.  Replies leave in whole bursts, so waiting
	 * for the client's delayed ACK of the one before only costs 40 ms. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, &address->u.any, address->len) < 0)
		return -1;
	return listen(fd, LISTEN_BACKLOG);
}

int net_listen_inet(const struct net_address *address, bool reuse_port,
		    int *fd_r, struct cv_error *err)
{
	char ip[NET_IP_TEXT];
	int number;

	*fd_r = socket(address->u.any.sa_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd_r >= 0 && prepare_inet(*fd_r, address, reuse_port) == 0)
		return CV_OK;
	number = errno;
	if (*fd_r >= 0)
		(void)close(*fd_r);
	*fd_r = -1;
	net_address_ip(address, ip);
	return FAIL_ERRNO(err, number, "cannot listen on %s port %u", ip,
			  net_address_port(address));
}

static int fill_path(struct net_address *address, const char *path,
		     struct cv_error *err)
{
	size_t len = strlen(path);

	*address = (struct net_address){ 0 };
	if (len == 0 || len >= sizeof(address->u.local.sun_path))
		return FAIL(err, CV_E_CONFIG, "socket path '%s' is longer "
			    "than the system's limit of %zu", path,
			    sizeof(address->u.local.sun_path) - 1);
	address->u.local.sun_family = AF_UNIX;
	memcpy(address->u.local.sun_path, path, len + 1);
	address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   len + 1);
	return CV_OK;
}

static int bind_unix(int fd, const struct net_address *address,
		     const struct net_unix_options *options)
{
	const char *path = address->u.local.sun_path;
	mode_t old = umask(0177);
	int status = bind(fd, &address->u.any, address->len);

	(void)umask(old);
	if (status < 0)
		return -1;
	if ((options->uid != (uid_t)-1 || options->gid != (gid_t)-1) &&
	    lchown(path, options->uid, options->gid) < 0)
		return -1;
	if (chmod(path, options->mode) < 0)
		return -1;
	return listen(fd, LISTEN_BACKLOG);
}

int net_listen_unix(const char *path, const struct net_unix_options *options,
		    int *fd_r, struct cv_error *err)
{
	struct net_address address;
	char aside[sizeof(address.u.local.sun_path)];
	struct stat st;
	int number;

	*fd_r = -1;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return FAIL(err, CV_E_EXISTS, "'%s' exists and is not a "
			    "socket: move it away", path);
	if (snprintf(aside, sizeof(aside), "%s.new", path) >=
	    (int)sizeof(aside))
		return FAIL(err, CV_E_CONFIG, "socket path '%s' is too long",
			    path);
	if (fill_path(&address, aside, err) != CV_OK)
		return err == NULL ? CV_E_CONFIG : err->code;
	(void)unlink(aside);
	*fd_r = socket(AF_UNIX, options->type | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0);
	if (*fd_r >= 0 && bind_unix(*fd_r, &address, options) == 0 &&
	    rename(aside, path) == 0)
		return CV_OK;
	number = errno;
	if (*fd_r >= 0)
		(void)close(*fd_r);
	*fd_r = -1;
	(void)unlink(aside);
	return FAIL_ERRNO(err, number, "cannot listen on '%s'", path);
}

int net_connect_unix(const char *path, int type, int *fd_r,
		     struct cv_error *err)
{
	struct net_address address;
	int number;

	*fd_r = -1;
	if (fill_path(&address, path, err) != CV_OK)
		return err == NULL ? CV_E_CONFIG : err->code;
	*fd_r = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (*fd_r >= 0 &&
	    connect(*fd_r, &address.u.any, address.len) == 0)
		return CV_OK;
	number = errno;
	if (*fd_r >= 0)
		(void)close(*fd_r);
	*fd_r = -1;
	return FAIL_ERRNO(err, number, "cannot connect to '%s'", path);
}
