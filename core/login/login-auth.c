/* login-auth.c - asking auth, and giving the connection to a session.
 *
 * The login process knows no passwords and decides nothing: it carries bytes
 * between the client and auth.  auth starts the session; the answer comes
 * from the session itself, over the status descriptor. */
#include "login-private.h"
#include "ipc/channel-binding.h"

#include <unistd.h>

enum {
	MECHANISMS_TIMEOUT_MSECS = 30000,
	OFFER_ROOM = 64,	/* for what surrounds tag and input */
};

/* --- answers to the machine ------------------------------------------------------ */

static void stop_waiting(struct cv_preauth *p)
{
	p->offered = false;
	if (p->status_fd >= 0) {
		login_watch_end(&p->status_watch);
		(void)close(p->status_fd);
		p->status_fd = -1;
	}
	if (p->transport_fd >= 0) {
		(void)close(p->transport_fd);
		p->transport_fd = -1;
	}
	(void)event_del(&p->answer_timer);
}

static int status_of_fail(uint32_t fail)
{
	switch (fail) {
	case CV_AUTH_FAIL_TEMP:
		return CV_E_TEMP;
	case CV_AUTH_FAIL_LIMIT:
		return CV_E_LIMIT;
	case CV_AUTH_FAIL_SYNTAX:
		return CV_E_SYNTAX;
	default:
		return CV_E_DENIED;
	}
}

static void set_referral(struct cv_auth_outcome *outcome,
			 const struct auth_answer *a)
{
	outcome->referral_host = a->referral_host;
	outcome->referral_user = a->referral_user;
	outcome->referral_port = a->referral_port;
}

/* a: of auth; NULL: the failure is our own, or the session's. */
static void tell_failure(struct cv_preauth *p, uint32_t fail,
			 const char *text, const struct auth_answer *a)
{
	struct cv_auth_outcome outcome = {
		CV_SIZED(cv_auth_outcome), .status = status_of_fail(fail),
		.fail = fail, .user = "", .text = text,
		.final_data = CV_SPAN_NONE,
		.referral_host = "", .referral_user = "",
	};

	if (a != NULL)
		set_referral(&outcome, a);
	p->wants_handoff = p->may_offer = false;
	p->user = NULL;
	p->phase = LOGIN_PROTOCOL;
	login_place_release(&p->place);
	p->process->protocol->auth_done(p, &outcome);
}

void login_auth_report_failure(struct cv_preauth *p)
{
	uint32_t fail = p->auth_failed;

	p->auth_failed = 0;
	tell_failure(p, fail, "", NULL);
}

static void fail_and_go_on(struct cv_preauth *p, uint32_t fail,
			   const char *text, const struct auth_answer *a)
{
	if (fail == CV_AUTH_FAIL_CREDENTIALS)
		p->attempts++;
	stop_waiting(p);
	tell_failure(p, fail, text, a);
	login_client_advance(p);
}

/* --- answers of auth -------------------------------------------------------------- */

static void accepted(struct cv_preauth *p, const struct auth_answer *a)
{
	struct cv_auth_outcome outcome = {
		CV_SIZED(cv_auth_outcome), .status = CV_OK, .text = a->text,
		.final_data = a->data,
	};

	set_referral(&outcome, a);
	stop_waiting(p);	/* auth did not take the offer */
	p->user = pool_strdup(p->pool, a->user);
	outcome.user = p->user;
	p->phase = LOGIN_DECIDED;
	login_place_keep(&p->place);
	p->process->protocol->auth_done(p, &outcome);
	if (!p->wants_handoff) {
		login_channel_abort(p);
		if (p->phase == LOGIN_DECIDED)
			p->phase = LOGIN_PROTOCOL;
		login_place_release(&p->place);
	}
	login_client_advance(p);
}

static void challenged(struct cv_preauth *p, const struct auth_answer *a)
{
	stop_waiting(p);
	p->phase = LOGIN_CHALLENGE;
	p->process->protocol->auth_challenge(p, a->data);
	login_client_advance(p);
}

void login_auth_answer(struct cv_preauth *p, uint32_t type,
		       const struct auth_answer *a)
{
	if (type == AUTH_MSG_FAIL) {
		login_channel_forget(p);
		if (p->phase == LOGIN_AUTH || p->phase == LOGIN_CHALLENGE ||
		    p->phase == LOGIN_HANDOFF)
			fail_and_go_on(p, a->fail, a->text, a);
	} else if (type == AUTH_MSG_OK && p->phase == LOGIN_AUTH) {
		accepted(p, a);
	} else if (type == AUTH_MSG_CHALLENGE && p->phase == LOGIN_AUTH) {
		challenged(p, a);
	}
}

void login_auth_lost(struct cv_preauth *p)
{
	/* a session that is on its way answers itself */
	if (p->phase == LOGIN_AUTH || p->phase == LOGIN_CHALLENGE)
		fail_and_go_on(p, CV_AUTH_FAIL_TEMP, "", NULL);
}

void login_auth_close(struct cv_preauth *p)
{
	login_channel_abort(p);
	login_watch_end(&p->status_watch);
	for (int *fds[] = { &p->status_fd, &p->transport_fd }, i = 0; i < 2;
	     i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

/* --- requests ------------------------------------------------------------------------ */

/* For TLS the session gets one end of a pair, and we stay. */
static int make_transport(struct cv_preauth *p, int *session_r)
{
	int fds[2];

	*session_r = p->fd;
	if (p->ssl == NULL)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, fds) < 0)
		return -1;
	p->transport_fd = fds[0];
	*session_r = fds[1];
	return 0;
}

/* BEGIN, from the machine's call to its return. */
static struct ipc_writer request;

static void send_request(struct cv_preauth *p, struct ipc_writer *w)
{
	p->phase = LOGIN_AUTH;
	if (login_channel_send(p->process, w) != CV_OK) {
		login_channel_forget(p);
		p->auth_failed = CV_AUTH_FAIL_TEMP;
	}
	OPENSSL_cleanse(w->data, w->len);
}

/* Auth only says "no valid certificate": the reason is known here. */
static void log_refused_cert(const struct cv_preauth *p)
{
	char text[1024];

	if (tls_session_cert_refused(p->ssl, text, sizeof(text)))
		log_info("login", "%s: rip=%s, session=<%s>", text,
			 p->remote_ip, p->session_id);
}

/* [RFC9266 3] the bindings of this connection have been used: what a second
 * authentication on it may have. */
static void identify_again(struct cv_preauth *p)
{
	struct cv_text kept;

	cv_text_init(&kept, p->pool);
	channel_binding_keep(&kept, p->conn.channel_binding);
	p->conn.channel_binding = cv_text_span(&kept);
}

void login_auth_identify(struct cv_preauth *p)
{
	struct cv_text bindings;

	if (p->identified)
		return;
	p->identified = true;
	if (p->ssl != NULL) {
		tls_session_cert(p->ssl, &p->view->ssl, p->pool,
				 &p->conn.cert_valid, &p->conn.cert_name);
		cv_text_init(&bindings, p->pool);
		tls_session_bindings(p->ssl, &bindings);
		p->conn.channel_binding = cv_text_span(&bindings);
	} else if (p->resumed) {
		identify_again(p);
	} else {
		login_proxy_cert(p, &p->conn.cert_valid, &p->conn.cert_name);
	}
}

/* Whoever looks for a place looks elsewhere first. */
static void tell_busy(struct cv_preauth *p)
{
	bool first = p->place.busy_until == 0;

	login_place_busy(&p->place);
	if (first)
		login_process_tell(p->process, LOGIN_NOTE_BUSY);
}

void login_auth_begin(struct cv_preauth *p, const char *mechanism,
		      bool has_initial, struct cv_span initial)
{
	struct auth_begin b = {
		.service = p->process->protocol_name, .mechanism = mechanism,
		.session_id = p->session_id, .client_id = p->client_id,
		.forward = p->forward,
		.has_initial = has_initial, .initial = initial,
	};

	p->mechanism = pool_strdup(p->pool, mechanism);
	login_auth_identify(p);
	if (p->ssl != NULL)
		log_refused_cert(p);
	/* in conn for whoever gets the connection back */
	b.conn = p->conn;
	b.cert_valid = p->conn.cert_valid;
	b.cert_name = p->conn.cert_name == NULL ? "" : p->conn.cert_name;
	b.channel_binding = p->conn.channel_binding;
	p->phase = LOGIN_AUTH;
	login_channel_abort(p);
	if (!login_channel_open(p->process)) {
		p->auth_failed = CV_AUTH_FAIL_TEMP;
		return;
	}
	tell_busy(p);
	login_channel_begin(p);
	b.id = p->auth_id;
	auth_begin_put(&request, &b);
	/* others of a shared process may write theirs meanwhile */
	p->asks = !p->process->shared;
	if (!p->asks)
		send_request(p, &request);
}

/* An exchange of one step, as far as we know, on a channel of its own. */
static bool can_offer(const struct cv_preauth *p)
{
	return p->may_offer && request.fd_count == 0 &&
		strcmp(p->mechanism, "PLAIN") == 0 &&
		p->in_len <= SESSION_INPUT_MAX &&
		request.len + p->in_len + SESSION_TAG_MAX + OFFER_ROOM <
		sizeof(request.data);
}

void login_auth_ask(struct cv_preauth *p, bool offer)
{
	int session_fd = -1;

	p->asks = false;
	if (offer && can_offer(p) && make_transport(p, &session_fd) == 0) {
		auth_offer_put(&request, p->handoff_tag,
			       cv_span(p->in, p->in_len), session_fd);
		p->offered = true;
	}
	send_request(p, &request);
	if (session_fd >= 0 && session_fd != p->fd)
		(void)close(session_fd);
}

void login_auth_continue(struct cv_preauth *p, struct cv_span data)
{
	static struct ipc_writer w;

	if (p->phase != LOGIN_CHALLENGE || p->auth_id == 0) {
		p->auth_failed = CV_AUTH_FAIL_TEMP;
		return;
	}
	auth_continue_put(&w, p->auth_id, data);
	send_request(p, &w);
}

void login_auth_abort(struct cv_preauth *p)
{
	login_channel_abort(p);
	p->auth_failed = CV_AUTH_FAIL_ABORTED;
}

/* --- the hand-off ---------------------------------------------------------------------- */

static void session_runs(struct cv_preauth *p, uint32_t pid)
{
	int fd = p->transport_fd;

	login_log_success(p, pid);
	p->transport_fd = -1;
	stop_waiting(p);
	login_channel_forget(p);
	(void)event_del(&p->timer);
	if (p->ssl == NULL)
		login_client_destroy(&p);
	else
		login_relay_start(p, fd);
}

/* CV_E_DENIED: of the server that has the user's mail. */
static uint32_t fail_of_start(int status)
{
	return status == CV_E_LIMIT ? CV_AUTH_FAIL_LIMIT :
		status == CV_E_DENIED ? CV_AUTH_FAIL_CREDENTIALS :
		CV_AUTH_FAIL_TEMP;
}

static void session_answers(struct cv_preauth *p,
			    const struct session_started *s)
{
	login_channel_forget(p);
	if (s->status == CV_OK)
		session_runs(p, s->pid);
	else
		fail_and_go_on(p, fail_of_start(s->status), s->text, NULL);
}

void login_auth_started(struct cv_preauth *p,
			const struct session_started *s)
{
	/* the channel is the session's now, which closes it */
	login_channel_close(p->process);
	p->user = pool_strdup(p->pool, s->user);
	session_answers(p, s);
}

static void on_status(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;
	struct cv_error err = ERROR_NONE;
	struct session_started s = { .status = CV_E_TEMP, .text = "" };
	static struct ipc_reader r;
	int status = ipc_receive((int)fd, &r, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK)
		status = session_started_get(&r, &s, &err);
	if (status != CV_OK)
		s = (struct session_started){ .status = status, .text = "" };
	session_answers(p, &s);
}

static int send_handoff(struct cv_preauth *p, int session_fd, int status_fd)
{
	struct auth_handoff h = {
		.id = p->auth_id, .tag = p->handoff_tag,
		.input = cv_span(p->in, p->in_len),
		.last = !p->process->shared, .transport_fd = session_fd, .status_fd = status_fd,
	};
	static struct ipc_writer w;
	int status;

	/* the auth that said yes has died */
	if (p->auth_id == 0)
		return CV_E_TEMP;
	auth_handoff_put(&w, &h);
	status = login_channel_send(p->process, &w);
	OPENSSL_cleanse(w.data, w.len);
	if (status != CV_OK || !h.last)
		return status;
	login_channel_forget(p);
	/* closed now, the channel's end wakes nobody later */
	if (ipc_queue_is_empty(&p->process->channel.queue))
		login_channel_close(p->process);
	return status;
}

void login_auth_hand_off(struct cv_preauth *p)
{
	const struct timeval limit = { LOGIN_HANDOFF_MSECS / 1000, 0 };
	int session_fd, fds[2] = { -1, -1 }, status = CV_E_TEMP;

	p->wants_handoff = false;
	p->phase = LOGIN_HANDOFF;
	login_watch_end(&p->watch);
	if (make_transport(p, &session_fd) == 0) {
		if (ipc_pair(fds, false, NULL) == CV_OK)
			status = send_handoff(p, session_fd, fds[1]);
		if (session_fd != p->fd)
			(void)close(session_fd);
	}
	if (fds[1] >= 0)
		(void)close(fds[1]);
	p->status_fd = fds[0];
	if (status != CV_OK) {
		login_channel_abort(p);
		stop_waiting(p);
		p->auth_failed = CV_AUTH_FAIL_TEMP;
		return;
	}
	(void)event_add(&p->answer_timer, &limit);
	login_watch_set(p, &p->status_watch, p->status_fd, EV_READ,
			on_status);
}

/* --- before the first connection ---------------------------------------------------------- */

int login_auth_mechanisms(struct login_process *process, struct cv_pool *pool,
			  struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int fd, status;

	status = ipc_channel_open(process->auth_port, &fd, err);
	if (status != CV_OK)
		return status;
	ipc_begin(&w, AUTH_MSG_MECHANISMS_GET);
	status = ipc_send(fd, &w, err);
	if (status == CV_OK)
		status = ipc_receive_wait(fd, MECHANISMS_TIMEOUT_MSECS, &r,
					  err);
	(void)close(fd);
	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "auth closed the channel");
	if (status != CV_OK)
		return status;
	if (r.type != AUTH_MSG_MECHANISMS)
		return ipc_refuse(&r, "auth", err);
	return auth_mechanisms_get(&r, pool, &process->mechanisms, err);
}
