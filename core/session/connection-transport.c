/* connection-transport.c - waiting for the peer, and bytes from and to it,
 * plain or through TLS. */
#include "connection-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
	TLS_HANDSHAKE_MSECS = 20000, TLS_WRITE_MAX = 16384,
	LINGER_MSECS = 1000, LINGER_BYTES = 256 * 1024,
};

/* --- waiting ------------------------------------------------------------- */

bool transport_is_stopped(const struct cv_connection *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/* What came was not answered: the rest is still to come, and many clients do
 * not send it (the line end behind a literal, in a write of its own) before
 * they have an ACK of the first, which the kernel would keep for 40 ms to send
 * it with the answer. */
static void acknowledge_part(struct cv_connection *c, short events)
{
	int one = 1;

	if ((events & POLLIN) == 0 || !c->unanswered)
		return;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	c->unanswered = false;
}

/* events on the client, or a message on other_fd.  CV_OK: the client;
 * CV_CHANGED: other_fd; CV_E_TIMEOUT; CV_E_TEMP: stopped. */
int transport_wait(struct cv_connection *c, short events, int other_fd,
		   uint32_t timeout_msecs, struct cv_error *err)
{
	uint64_t end = time_monotonic_msecs() + timeout_msecs;
	struct pollfd fds[3] = {
		{ c->fd, events, 0 }, { -1, POLLIN, 0 },
		{ other_fd, POLLIN, 0 },
	};

	acknowledge_part(c, events);
	for (;;) {
		uint64_t now = time_monotonic_msecs();
		uint64_t left = now >= end ? 0 : end - now;
		int n;

		if (transport_is_stopped(c))
			return FAIL(err, CV_E_TEMP, "stopped");
		fds[1].fd = c->stop_fd == NULL ? -1 : *c->stop_fd;
		n = poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return FAIL_ERRNO(err, errno, "poll failed");
		if (n < 0)
			continue;
		if (fds[1].revents != 0 && c->stop_check(c->stop_context))
			return FAIL(err, CV_E_TEMP, "stopped");
		if (fds[0].revents != 0)
			return CV_OK;
		if (fds[2].revents != 0)
			return CV_CHANGED;
		if (left == 0)
			return FAIL(err, CV_E_TIMEOUT, "the client was "
				    "silent for too long");
	}
}

/* --- transport: plain or TLS --------------------------------------------- */

/* > 0 bytes; 0 end; -1 with errno, EAGAIN: *events_r is to be waited for. */
static ssize_t tls_result(struct cv_connection *c, int n, short *events_r)
{
	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*events_r = POLLIN;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*events_r = POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		errno = ECONNRESET;
		return -1;
	}
}

static ssize_t transport_read(struct cv_connection *c, void *dst, size_t room,
			      short *events_r)
{
	int n;

	*events_r = POLLIN;
	if (c->ssl == NULL)
		return recv(c->fd, dst, room, 0);
	n = SSL_read(c->ssl, dst, room > INT32_MAX ? INT32_MAX : (int)room);
	return n > 0 ? n : tls_result(c, n, events_r);
}

ssize_t transport_write(struct cv_connection *c, const void *data,
			size_t len, short *events_r)
{
	int n;

	*events_r = POLLOUT;
	if (c->ssl == NULL)
		return send(c->fd, data, len, MSG_NOSIGNAL);
	n = SSL_write(c->ssl, data,
		      len > TLS_WRITE_MAX ? TLS_WRITE_MAX : (int)len);
	return n > 0 ? n : tls_result(c, n, events_r);
}

bool transport_would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* CV_OK: *got_r bytes; CV_NOT_FOUND: none yet; CV_EOF. */
int transport_receive(struct cv_connection *c, char *dst, size_t room,
		      size_t *got_r, short *events_r)
{
	ssize_t n = transport_read(c, dst, room, events_r);

	if (n > 0) {
		c->bytes_in += (uint64_t)n;
		c->unanswered = true;
		*got_r = (size_t)n;
		return CV_OK;
	}
	if (n < 0 && (transport_would_block() || errno == EINTR))
		return CV_NOT_FOUND;
	c->peer_closed = true;
	return CV_EOF;
}

/* Closing with input unread makes the kernel send a reset, and then the client's
 * kernel may throw away what was said last (BYE and why) (RFC 9293 3.6.1). */
void transport_linger(int fd, bool unread)
{
	uint64_t end = time_monotonic_msecs() + LINGER_MSECS, now;
	char data[16384];
	size_t left = LINGER_BYTES;
	int waiting = 0;
	ssize_t n = 1;

	/* who has sent what nobody has read is likely to send more */
	if ((!unread &&
	     (ioctl(fd, FIONREAD, &waiting) < 0 || waiting == 0)) ||
	    shutdown(fd, SHUT_WR) < 0)
		return;
	while (n > 0 && left > 0 && (now = time_monotonic_msecs()) < end) {
		struct pollfd ready = { fd, POLLIN, 0 };

		if (poll(&ready, 1, (int)(end - now)) <= 0)
			break;
		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		left -= n > 0 && (size_t)n < left ? (size_t)n : n > 0 ? left :
			0;
	}
}

/* --- TLS inside the process ---------------------------------------------- */

void connection_set_tls(struct cv_connection *c, struct tls_server *tls)
{
	c->tls = tls;
}

bool connection_can_starttls(struct cv_connection *c)
{
	return c->tls != NULL && c->ssl == NULL;
}

static int handshake(struct cv_connection *c, struct cv_error *err)
{
	for (;;) {
		int n = SSL_do_handshake(c->ssl), status;
		short events = 0;

		if (n == 1)
			return CV_OK;
		if (tls_result(c, n, &events) == 0 || !transport_would_block())
			return FAIL(err, CV_E_SYNTAX,
				    "the TLS handshake failed");
		status = transport_wait(c, events, -1, TLS_HANDSHAKE_MSECS,
					err);
		if (status != CV_OK)
			return status;
	}
}

int connection_starttls(struct cv_connection *c, struct cv_error *err)
{
	int status;

	if (!connection_can_starttls(c))
		return FAIL(err, CV_E_UNSUPPORTED, "TLS is not configured");
	/* nothing received before the handshake survives it */
	if (c->in_end > c->in_at)
		return FAIL(err, CV_E_SYNTAX, "bytes behind STARTTLS");
	if (connection_flush(c, err) != CV_OK)
		return CV_E_TEMP;
	c->ssl = tls_server_session(c->tls, c->fd);
	if (c->ssl == NULL)
		return FAIL(err, CV_E_TEMP, "no memory for TLS");
	status = handshake(c, err);
	if (status != CV_OK) {
		c->failed = c->peer_closed = true;
		return status;
	}
	c->tls_started = true;
	return CV_OK;
}
