/* login-client.c - one connection before its login: bytes in, bytes out,
 * the protocol's machine between. */
#include "login-private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_CHUNK = 4096, INPUT_FIRST = 1024 };

/* --- waiting ------------------------------------------------------------------ */

void login_watch_end(struct login_watch *watch)
{
	if (watch->made)
		(void)event_del(&watch->event);
	watch->made = false;
	watch->what = 0;
}

void login_watch_set(struct cv_preauth *p, struct login_watch *watch, int fd,
		     short what, event_callback_fn fn)
{
	if (watch->made && watch->what == what)
		return;
	login_watch_end(watch);
	if (what == 0 || fd < 0)
		return;
	BUG_IF(event_assign(&watch->event, p->process->base, fd,
			    (short)(what | EV_PERSIST), fn, p) < 0);
	BUG_IF(event_add(&watch->event, NULL) < 0);
	watch->made = true;
	watch->what = what;
}

/* --- beginning and end ----------------------------------------------------------- */

static void make_session_id(char *dst, size_t room)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char bytes[16];

	random_bytes(bytes, sizeof(bytes));
	BUG_IF(room <= sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		dst[i] = digits[bytes[i] & 63];
	dst[sizeof(bytes)] = '\0';
}

bool login_client_is_proxy(const struct cv_preauth *p)
{
	const struct cv_strings *nets = &p->view->login.login_trusted_networks;

	for (uint32_t i = 0; i < nets->count; i++) {
		if (net_address_in(&p->remote, nets->items[i]))
			return true;
	}
	return false;
}

bool login_client_is_trusted(const struct cv_preauth *p)
{
	uint8_t a[16], b[16];

	/* from this very host, whatever the address; where the client of a
	 * proxy on this host is, that does not say */
	net_address_bytes(&p->remote, a);
	net_address_bytes(&p->local, b);
	if (!p->haproxy && (net_address_is_loopback(&p->remote) ||
			    memcmp(a, b, sizeof(a)) == 0))
		return true;
	return login_client_is_proxy(p);
}

void login_client_set_addresses(struct cv_preauth *p)
{
	login_place_set_network(&p->place, &p->remote);
	net_address_ip(&p->remote, p->remote_ip);
	net_address_ip(&p->local, p->local_ip);
	p->conn = (struct conn_info){
		.local_ip = p->local_ip, .remote_ip = p->remote_ip,
		.local_port = net_address_port(&p->local),
		.remote_port = net_address_port(&p->remote),
		.local_name = "",
	};
	p->view = login_view_find(p->process, p);
	p->conn.secure = login_client_is_trusted(p);
}

static void find_addresses(struct cv_preauth *p)
{
	p->remote.len = sizeof(p->remote.u);
	if (getpeername(p->fd, &p->remote.u.any, &p->remote.len) < 0)
		p->remote.len = 0;
	if (net_local_address(p->fd, &p->local, NULL) != CV_OK)
		p->local.len = 0;
	login_client_set_addresses(p);
}

static struct cv_preauth *client_new(struct login_process *process, int fd,
				     bool implicit_tls, bool haproxy)
{
	struct cv_pool *pool = pool_create("login");
	struct cv_preauth *p = pool_new(pool, struct cv_preauth);

	/* passwords in memory that another client may be given next */
	if (process->shared)
		pool_set_secret(pool);
	p->pool = pool;
	p->process = process;
	p->fd = fd;
	p->status_fd = p->transport_fd = -1;
	p->phase = LOGIN_PARKED;
	cv_text_init(&p->out, pool);
	p->haproxy = haproxy;
	find_addresses(p);
	p->state = pool_alloc(pool, process->protocol->preauth_bytes);
	p->implicit_tls = implicit_tls;
	process->clients++;
	return p;
}

struct cv_preauth *login_client_create(struct login_process *process, int fd,
				       const struct service_listener *l)
{
	struct cv_preauth *p = client_new(process, fd, l->ssl, l->haproxy);

	p->connected_msecs = time_monotonic_msecs();
	make_session_id(p->session_id, sizeof(p->session_id));
	if (p->haproxy)
		login_proxy_admit(p);
	if (p->haproxy || p->implicit_tls)
		return p;	/* the client speaks first */
	process->protocol->connected(p);
	if (p->out.len > 0) {
		ssize_t n = send(fd, p->out.data, p->out.len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			p->out_sent = (size_t)n;
	}
	return p;
}

struct cv_preauth *login_client_recreate(struct login_process *process,
					 const struct login_parked *parked)
{
	struct cv_preauth *p = client_new(process, parked->fd,
					  parked->implicit_tls, false);

	p->connected_msecs = parked->connected_msecs;
	BUG_IF(strlen(parked->session_id) >= sizeof(p->session_id));
	memcpy(p->session_id, parked->session_id,
	       strlen(parked->session_id) + 1);
	if (!p->implicit_tls)
		process->protocol->connected(p);
	if (p->phase == LOGIN_PARKED &&
	    parked->greeting_sent <= parked->greeting.len &&
	    cv_span_equal(cv_text_span(&p->out), parked->greeting)) {
		p->out_sent = parked->greeting_sent;
		return p;
	}
	p->fd = -1;	/* the caller's */
	login_client_destroy(&p);
	return NULL;
}

static void set_peer(struct net_address *address, const char *ip,
		     uint32_t port)
{
	if (!net_address_parse(address, ip, (uint16_t)port))
		*address = (struct net_address){ 0 };
}

struct cv_preauth *login_client_resume(struct login_process *process, int fd,
				       const struct conn_info *conn,
				       struct cv_span input)
{
	struct cv_preauth *p = client_new(process, fd, false, false);

	p->connected_msecs = time_monotonic_msecs();
	make_session_id(p->session_id, sizeof(p->session_id));
	p->resumed = true;
	/* the descriptor may be that of a TLS relay */
	set_peer(&p->remote, conn->remote_ip, conn->remote_port);
	set_peer(&p->local, conn->local_ip, conn->local_port);
	login_client_set_addresses(p);
	p->conn = *conn;
	p->conn.local_ip = p->local_ip;
	p->conn.remote_ip = p->remote_ip;
	p->in_room = input.len < INPUT_FIRST ? INPUT_FIRST : input.len;
	p->in = pool_alloc(p->pool, p->in_room);
	if (input.len > 0)
		memcpy(p->in, input.data, input.len);
	p->in_len = input.len;
	process->protocol->resumed(p);
	return p;
}

void login_client_destroy(struct cv_preauth **pp)
{
	struct cv_preauth *p = *pp;
	struct login_process *process = p->process;
	struct cv_pool *pool = p->pool;

	*pp = NULL;
	if (process->ends_with_client) {
		login_channel_abort(p);
		process->client_gone(process);
	}
	login_list_remove(&p->place);
	login_watch_end(&p->watch);
	login_auth_close(p);
	login_relay_destroy(p);
	if (p->has_timers) {
		(void)event_del(&p->timer);
		(void)event_del(&p->answer_timer);
	}
	if (p->ssl != NULL)
		SSL_free(p->ssl);
	if (p->fd >= 0)
		(void)close(p->fd);
	pool_destroy(&pool);
	process->clients--;
	if (process->client_gone != NULL)
		process->client_gone(process);
}

/* --- output ------------------------------------------------------------------------ */

static ssize_t tls_result(struct cv_preauth *p, int n)
{
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
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

static ssize_t send_some(struct cv_preauth *p, const void *data, size_t len)
{
	int n;

	if (p->ssl == NULL)
		return send(p->fd, data, len, MSG_NOSIGNAL);
	ERR_clear_error();
	n = SSL_write(p->ssl, data, len > 16384 ? 16384 : (int)len);
	return n > 0 ? n : tls_result(p, n);
}

/* CV_OK: all sent; CV_CHANGED: the rest must wait; CV_EOF: the peer is gone. */
static int flush_output(struct cv_preauth *p)
{
	while (p->out_sent < p->out.len) {
		ssize_t n = send_some(p, p->out.data + p->out_sent,
				      p->out.len - p->out_sent);

		if (n > 0) {
			p->out_sent += (size_t)n;
			continue;
		}
		return n < 0 && (errno == EAGAIN || errno == EINTR) ?
			CV_CHANGED : CV_EOF;
	}
	cv_text_reset(&p->out);
	p->out_sent = 0;
	return CV_OK;
}

static void say_last(struct cv_preauth *p, const char *reason)
{
	login_log_disconnect(p, reason);
	(void)flush_output(p);
	if (p->ssl != NULL && SSL_is_init_finished(p->ssl))
		(void)SSL_shutdown(p->ssl);
	ERR_clear_error();
}

void login_client_disconnect(struct cv_preauth *p, const char *reason)
{
	say_last(p, reason);
	login_client_end(p);
}

void login_client_expel(struct cv_preauth *p, bool timeout,
			const char *reason)
{
	if ((p->ssl == NULL && !p->implicit_tls && !p->awaits_proxy) ||
	    (p->ssl != NULL && SSL_is_init_finished(p->ssl)))
		p->process->protocol->closing(p, timeout);
	say_last(p, reason);
	login_client_destroy(&p);
}

/* --- input --------------------------------------------------------------------------- */

static ssize_t receive_some(struct cv_preauth *p, void *dst, size_t room)
{
	int n;

	if (p->ssl == NULL)
		return recv(p->fd, dst, room, 0);
	ERR_clear_error();
	n = SSL_read(p->ssl, dst, (int)room);
	return n > 0 ? n : tls_result(p, n);
}

/* Most say little: what a new process does not touch costs it nothing. */
static bool grow_input(struct cv_preauth *p)
{
	size_t max = p->process->protocol->preauth_line_max;
	size_t room = p->in_room == 0 ? INPUT_FIRST : p->in_room * 2;

	if (p->in_room >= max)
		return false;
	if (room > max)
		room = max;
	p->in = pool_grow(p->pool, p->in, p->in_room, room);
	p->in_room = room;
	return true;
}

/* CV_OK: something came; CV_CHANGED: nothing yet; CV_EOF; CV_E_LIMIT. */
static int fill_input(struct cv_preauth *p)
{
	size_t room;
	ssize_t n;

	if (p->in_len == p->in_room && !grow_input(p))
		return CV_E_LIMIT;
	room = p->in_room - p->in_len;
	n = receive_some(p, p->in + p->in_len,
			 room < READ_CHUNK ? room : READ_CHUNK);
	if (n > 0) {
		p->in_len += (size_t)n;
		return CV_OK;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? CV_CHANGED :
		CV_EOF;
}

/* May the machine be given input now? */
static bool machine_listens(const struct cv_preauth *p)
{
	return (p->phase == LOGIN_PROTOCOL || p->phase == LOGIN_CHALLENGE) &&
		!p->starttls;
}

static void feed_machine(struct cv_preauth *p)
{
	while (p->in_len > 0 && machine_listens(p)) {
		size_t used = p->process->protocol->input(p,
			cv_span(p->in, p->in_len));

		BUG_IF(used > p->in_len);
		if (used == 0)
			return;
		memmove(p->in, p->in + used, p->in_len - used);
		p->in_len -= used;
	}
}

/* --- TLS -------------------------------------------------------------------------------- */

static void tls_done(struct cv_preauth *p)
{
	p->conn.tls = p->conn.secure = true;
	p->conn.local_name = tls_session_local_name(p->ssl);
	p->identified = false;
	(void)event_del(&p->answer_timer);
	p->phase = LOGIN_PROTOCOL;
	if (p->starttls) {
		p->starttls = false;
		p->process->protocol->tls_started(p);
	} else {
		p->process->protocol->connected(p);
	}
}

static void tls_begin(struct cv_preauth *p)
{
	const struct timeval limit = { LOGIN_TLS_MSECS / 1000, 0 };

	p->phase = LOGIN_HANDSHAKE;
	if (p->view->tls != NULL)
		p->ssl = tls_server_session(p->view->tls, p->fd);
	if (p->ssl != NULL && p->process->shared)
		(void)SSL_set_options(p->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	(void)event_add(&p->answer_timer, &limit);
}

/* CV_OK: encrypted; CV_CHANGED: wait; CV_EOF: failed (disconnected). */
static int tls_advance(struct cv_preauth *p, short *what_r)
{
	char text[256], reason[300];
	int n;

	if (p->ssl == NULL) {
		login_client_disconnect(p, "TLS is not configured (ssl_cert, "
					"ssl_key)");
		return CV_EOF;
	}
	/* what another connection has left there is not about this one */
	ERR_clear_error();
	n = SSL_do_handshake(p->ssl);
	if (n == 1) {
		tls_done(p);
		return CV_OK;
	}
	switch (SSL_get_error(p->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*what_r = EV_READ;
		return CV_CHANGED;
	case SSL_ERROR_WANT_WRITE:
		*what_r = EV_WRITE;
		return CV_CHANGED;
	default:
		break;
	}
	tls_error_text(text, sizeof(text));
	(void)snprintf(reason, sizeof(reason), "TLS handshaking: %s", text);
	login_client_disconnect(p, reason);
	return CV_EOF;
}

/* --- the machine's turn ------------------------------------------------------------------ */

/* The answer to STARTTLS is on its way and nothing may have come behind the
 * command: what did is not the client's, or a client's mistake that must not
 * be executed [RFC3501 6.2.1] [security.md A12]. */
static bool starttls_now(struct cv_preauth *p)
{
	if (p->in_len > 0) {
		login_client_disconnect(p, "bytes behind STARTTLS");
		return false;
	}
	tls_begin(p);
	return true;
}

static short wanted(const struct cv_preauth *p, int sent)
{
	short what = 0;

	if (sent == CV_CHANGED)
		what |= EV_WRITE;
	if (p->phase == LOGIN_PROTOCOL || p->phase == LOGIN_CHALLENGE) {
		if (p->out.len < LOGIN_OUTPUT_MAX && !p->starttls)
			what |= EV_READ;
	}
	return what;
}

/* Output is dealt with; true when p goes on. */
static bool after_flush(struct cv_preauth *p, int sent)
{
	if (sent == CV_EOF) {
		login_client_disconnect(p, "Connection closed");
		return false;
	}
	if (sent != CV_OK)
		return true;
	if (p->phase == LOGIN_CLOSING) {
		login_client_disconnect(p, p->close_reason);
		return false;
	}
	if (p->wants_handoff)
		login_auth_hand_off(p);
	return true;
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;
	int status;

	(void)fd;
	if (p->phase == LOGIN_PROXY || p->phase == LOGIN_HANDSHAKE ||
	    (what & EV_READ) == 0) {
		login_client_advance(p);
		return;
	}
	do {
		status = fill_input(p);
		if (status == CV_E_LIMIT) {
			login_client_disconnect(p, "Input line too long");
			return;
		}
		if (status == CV_EOF) {
			login_client_disconnect(p, "Connection closed");
			return;
		}
		/* decrypted bytes inside OpenSSL would not wake us again */
	} while (status == CV_OK && p->ssl != NULL &&
		 SSL_pending(p->ssl) > 0 &&
		 p->in_len < p->process->protocol->preauth_line_max);
	login_client_advance(p);
}

/* The header of the proxy is there: now the connection begins. */
static void proxy_done(struct cv_preauth *p)
{
	p->phase = LOGIN_PROTOCOL;
	if (p->implicit_tls)
		tls_begin(p);
	else
		p->process->protocol->connected(p);
}

void login_client_advance(struct cv_preauth *p)
{
	short what = 0;
	int sent;

	if (p->phase == LOGIN_PROXY) {
		int status = login_proxy_advance(p);

		if (status == CV_EOF)
			return;
		if (status == CV_CHANGED) {
			login_watch_set(p, &p->watch, p->fd, EV_READ,
					on_ready);
			return;
		}
		proxy_done(p);
	}
	for (;;) {
		bool failed;

		if (p->phase == LOGIN_HANDSHAKE) {
			int status = tls_advance(p, &what);

			if (status == CV_EOF)
				return;
			if (status == CV_CHANGED) {
				login_watch_set(p, &p->watch, p->fd, what,
						on_ready);
				return;
			}
		}
		feed_machine(p);
		if (p->asks && flush_output(p) != CV_EOF)
			login_auth_ask(p, p->out.len == 0);
		failed = p->auth_failed != 0;
		if (failed)
			login_auth_report_failure(p);
		sent = flush_output(p);
		if (!after_flush(p, sent))
			return;
		/* what is behind it is here already; or the hand-off failed */
		if (failed || p->auth_failed != 0)
			continue;
		if (p->starttls && sent == CV_OK) {
			if (!starttls_now(p))
				return;
			continue;
		}
		break;
	}
	if (machine_listens(p) &&
	    p->in_len >= p->process->protocol->preauth_line_max) {
		login_client_disconnect(p, "Input line too long");
		return;
	}
	login_watch_set(p, &p->watch, p->fd, wanted(p, sent), on_ready);
}

/* --- serving ---------------------------------------------------------------------------------- */

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	login_client_expel(context, true, "Inactivity during login");
}

static void on_no_answer(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;

	(void)fd;
	(void)what;
	login_client_disconnect(p, p->phase == LOGIN_PROXY ?
				"haproxy: Client timed out" :
				p->phase == LOGIN_HANDSHAKE ?
				"TLS handshake timed out" :
				"the session did not start in time");
}

/* The deadline counts from the connection, not from the last byte
 * [security.md A2]. */
static void add_deadline(struct cv_preauth *p)
{
	uint64_t limit = p->view->login.login_timeout;
	uint64_t spent = time_monotonic_msecs() - p->connected_msecs;
	uint64_t left = limit > spent ? limit - spent : 1;
	const struct timeval tv = {
		(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000),
	};

	BUG_IF(event_assign(&p->timer, p->process->base, -1, 0, on_timeout,
			    p) < 0);
	BUG_IF(event_assign(&p->answer_timer, p->process->base, -1, 0,
			    on_no_answer, p) < 0);
	p->has_timers = true;
	(void)event_add(&p->timer, &tv);
}

void login_client_serve(struct cv_preauth *p)
{
	add_deadline(p);
	p->phase = LOGIN_PROTOCOL;
	if (p->awaits_proxy)
		login_proxy_begin(p);
	else if (p->implicit_tls)
		tls_begin(p);
	if (p->phase != LOGIN_PROTOCOL || p->resumed) {
		login_client_advance(p);
		return;
	}
	on_ready(p->fd, EV_READ, p);
}
