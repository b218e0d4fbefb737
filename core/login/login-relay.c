/* login-relay.c - after login: TLS outside, plain bytes inside.
 *
 * A process of its own gives back what memory it can when it has been silent
 * for a while.
 *
 * One buffer of 16 KiB each way, while there is something in it; a side is read
 * only when the other has taken what came before, so a slow reader stops the
 * fast writer. */
#include "login-private.h"
#include "net/tls-memory.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUIET_SECONDS = 2 };		/* until memory is given back */

struct relay_buffer {
	size_t at, len;
	char *data;			/* NULL: empty */
};

struct login_relay {
	int fd;				/* the session's side */
	struct login_watch client, session;
	bool client_eof, session_eof;
	bool session_deaf;		/* it may have said something still */
	bool read_wants_write, write_wants_read;
	bool unanswered;		/* the session has more than it said */
	struct relay_buffer up, down;	/* to the session, to the client */
};

/* --- buffers ------------------------------------------------------------- */

static char *buffer_room(struct relay_buffer *b)
{
	if (b->data == NULL)
		b->data = malloc(LOGIN_RELAY_BUFFER);
	BUG_IF(b->data == NULL);
	return b->data;
}

/* The process may have other clients: nothing of this one stays. */
static void buffer_drop(struct relay_buffer *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->at + b->len);
	free(b->data);
	*b = (struct relay_buffer){ 0 };
}

static void buffer_filled(struct relay_buffer *b, ssize_t n)
{
	if (n > 0)
		b->len = (size_t)n;
	else
		buffer_drop(b);
}

static void buffer_sent(struct relay_buffer *b, size_t n)
{
	b->at += n;
	b->len -= n;
	if (b->len == 0)
		buffer_drop(b);
}

/* --- the two ends -------------------------------------------------------- */

void login_relay_destroy(struct cv_preauth *p)
{
	struct login_relay *relay = p->relay;

	if (relay == NULL)
		return;
	p->relay = NULL;
	login_watch_end(&relay->client);
	login_watch_end(&relay->session);
	(void)close(relay->fd);
	buffer_drop(&relay->up);
	buffer_drop(&relay->down);
}

/* All of these: true when something moved. */

static bool read_client(struct cv_preauth *p, struct login_relay *relay)
{
	int n;

	relay->read_wants_write = false;
	if (relay->client_eof || relay->session_deaf || relay->up.len > 0)
		return false;
	ERR_clear_error();
	n = SSL_read(p->ssl, buffer_room(&relay->up), LOGIN_RELAY_BUFFER);
	buffer_filled(&relay->up, n);
	if (n > 0)
		return true;
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return false;
	case SSL_ERROR_WANT_WRITE:
		relay->read_wants_write = true;
		return false;
	default:
		ERR_clear_error();
		relay->client_eof = true;
		(void)shutdown(relay->fd, SHUT_WR);
		return true;
	}
}

static bool write_session(struct login_relay *relay)
{
	ssize_t n;

	if (relay->up.len == 0)
		return false;
	n = send(relay->fd, relay->up.data + relay->up.at, relay->up.len,
		 MSG_NOSIGNAL);
	if (n > 0) {
		buffer_sent(&relay->up, (size_t)n);
		relay->unanswered = true;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	buffer_drop(&relay->up);
	relay->session_deaf = true;
	return true;
}

static bool read_session(struct login_relay *relay)
{
	bool again;
	ssize_t n;

	if (relay->session_eof || relay->down.len > 0)
		return false;
	n = recv(relay->fd, buffer_room(&relay->down), LOGIN_RELAY_BUFFER, 0);
	again = n < 0 && (errno == EAGAIN || errno == EINTR);
	buffer_filled(&relay->down, n);
	if (n > 0)
		return true;
	if (again)
		return false;
	relay->session_eof = true;
	return true;
}

static bool write_client(struct cv_preauth *p, struct login_relay *relay)
{
	int n;

	relay->write_wants_read = false;
	if (relay->down.len == 0)
		return false;
	ERR_clear_error();
	n = SSL_write(p->ssl, relay->down.data + relay->down.at,
		      (int)relay->down.len);
	if (n > 0) {
		buffer_sent(&relay->down, (size_t)n);
		relay->unanswered = false;
		return true;
	}
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		relay->write_wants_read = true;
		return false;
	case SSL_ERROR_WANT_WRITE:
		return false;
	default:
		ERR_clear_error();
		buffer_drop(&relay->down);
		relay->client_eof = relay->session_eof = true;
		return true;
	}
}

static bool is_over(const struct login_relay *relay)
{
	return relay->session_eof && relay->down.len == 0;
}

static void set_watches(struct cv_preauth *p, struct login_relay *relay,
			event_callback_fn fn)
{
	short client = 0, session = 0;

	if ((!relay->client_eof && !relay->session_deaf &&
	     relay->up.len == 0) ||
	    relay->write_wants_read)
		client |= EV_READ;
	if ((relay->down.len > 0 && !relay->write_wants_read) ||
	    relay->read_wants_write)
		client |= EV_WRITE;
	if (!relay->session_eof && relay->down.len == 0)
		session |= EV_READ;
	if (relay->up.len > 0)
		session |= EV_WRITE;
	login_watch_set(p, &relay->client, p->fd, client, fn);
	login_watch_set(p, &relay->session, relay->fd, session, fn);
}

/* Relays have little to do most of the time, and are many: what the handshake
 * and the last bytes needed goes back. */
static void on_quiet(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	tls_memory_give_back();
	service_give_back();
}

/* It may have been a part of a command, and the client not send the rest before
 * it has an ACK, which the kernel would keep for 40 ms. */
static void acknowledge(struct cv_preauth *p, struct login_relay *relay)
{
	int one = 1;

	if (relay->unanswered)
		(void)setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &one,
				 sizeof(one));
	relay->unanswered = false;
}

static void on_relay(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval quiet = { QUIET_SECONDS, 0 };
	struct cv_preauth *p = context;
	struct login_relay *relay = p->relay;
	bool moved;
	int rounds = 0;

	(void)fd;
	(void)what;
	/* bounded, so that in a shared process others have their turn */
	do {
		moved = read_client(p, relay);
		moved |= write_session(relay);
		moved |= read_session(relay);
		moved |= write_client(p, relay);
	} while (moved && !is_over(relay) && ++rounds < 64);
	if (!is_over(relay)) {
		set_watches(p, relay, on_relay);
		acknowledge(p, relay);
		if (!p->process->shared)
			(void)event_add(&p->timer, &quiet);
		/* bytes inside OpenSSL would not wake us again; a change of
		 * the watch would undo this */
		if (moved && relay->client.made)
			event_active(&relay->client.event, EV_READ, 0);
		return;
	}
	if (!relay->client_eof)
		(void)SSL_shutdown(p->ssl);
	ERR_clear_error();
	login_client_end(p);
}

void login_relay_start(struct cv_preauth *p, int fd)
{
	struct login_process *process = p->process;

	p->phase = LOGIN_RELAY;
	login_list_remove(&p->place);
	if (process->client_relayed != NULL)
		process->client_relayed(process);
	p->relay = pool_new(p->pool, struct login_relay);
	p->relay->fd = fd;
	login_process_tell(process, LOGIN_NOTE_RELAY);
	/* its deadline is over; the time is the relay's now */
	BUG_IF(event_assign(&p->timer, process->base, -1, 0, on_quiet, p) <
	       0);
	on_relay(-1, 0, p);
}
