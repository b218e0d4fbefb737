/* session-forward-relay.c - bytes between a client and the server that has
 * its mail, and what happens when one of them goes. */
#include "session-forward.h"
#include "connection-private.h"

#include "base/time-util.h"
#include "net/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LAST_WORDS_SECS = 30, GOODBYE_MAX = 4096,
	STOP_MSECS = 5000,	/* for the answers of what the server does */
};

struct relay {
	struct forward *f;
	short client_events, far_events;	/* to be waited for */
	bool client_eof;	/* it has said all it had to say */
	bool far_told;		/* and the server knows */
	bool far_gone, client_gone;
	bool ending;		/* words are the last */
	uint64_t stop_at;	/* monotonic msecs: it stops, when the server
				 * has answered, then at the latest; 0: no */
	sigset_t waiting;	/* SIGTERM may come now */
};

static bool is_empty(const struct forward_way *way)
{
	return way->start == way->end;
}

static size_t room(struct forward_way *way)
{
	if (way->start == way->end)
		way->start = way->end = 0;
	return sizeof(way->data) - way->end;
}

static void added(struct forward_way *way, ssize_t n)
{
	way->end += (size_t)n;
}

static void left(struct forward_way *way, ssize_t n)
{
	way->start += (size_t)n;
	way->bytes += (uint64_t)n;
}

/* Our own words come between the server's, never into one of its lines: they
 * are only said before its first and after its last one. */
static void take_words(struct relay *r)
{
	struct forward_way *down = &r->f->down;
	struct cv_text *words = &r->f->words;
	size_t n = words->len;

	if (n == 0 || !is_empty(down))
		return;
	(void)room(down);
	if (n > sizeof(down->data))
		n = sizeof(down->data);
	memcpy(down->data, words->data, n);
	down->end = n;
	memmove(words->data, words->data + n, words->len - n);
	words->len -= n;
}

static bool read_client(struct relay *r)
{
	struct forward_way *up = &r->f->up;
	size_t space = room(up);
	ssize_t n;

	if (r->client_eof || r->ending || r->stop_at != 0 || space == 0 ||
	    r->f->far == NULL)
		return false;
	n = recv(SESSION_TRANSPORT_FD, up->data + up->end, space, 0);
	if (n > 0) {
		added(up, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		r->client_events |= POLLIN;
		return false;
	}
	r->client_eof = true;
	return true;
}

static bool write_client(struct relay *r)
{
	struct forward_way *down = &r->f->down;
	ssize_t n;

	take_words(r);
	if (is_empty(down) || r->client_gone)
		return false;
	n = send(SESSION_TRANSPORT_FD, down->data + down->start,
		 down->end - down->start, MSG_NOSIGNAL);
	if (n > 0) {
		left(down, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		r->client_events |= POLLOUT;
		return false;
	}
	r->client_gone = r->client_eof = true;
	return true;
}

/* They are in the buffer already. */
static void take_from_far(struct forward *f, struct cv_span bytes)
{
	size_t pass = 0;

	if (f->goodbye.len == 0)
		pass = f->protocol->server_sent(f->state, bytes);
	added(&f->down, (ssize_t)pass);
	bytes = cv_span_skip(bytes, pass);
	if (f->goodbye.len + bytes.len > GOODBYE_MAX)
		bytes.len = GOODBYE_MAX - f->goodbye.len;
	cv_text_append_span(&f->goodbye, bytes);
}

static bool read_far(struct relay *r)
{
	struct forward *f = r->f;
	size_t space = room(&f->down);
	short events = 0;
	ssize_t n;

	/* what is ours goes first */
	if (f->far == NULL || r->far_gone || r->ending || space == 0 ||
	    f->words.len > 0)
		return false;
	n = client_read_now(f->far, f->down.data + f->down.end, space,
			    &events);
	r->far_events |= events;
	if (n < 0)
		return false;
	if (n == 0) {
		r->far_gone = true;
		return true;
	}
	take_from_far(f, cv_span(f->down.data + f->down.end, (size_t)n));
	return true;
}

static bool write_far(struct relay *r)
{
	struct forward *f = r->f;
	short events = 0;
	ssize_t n;

	/* a command of which a part is not there is not done either */
	if (f->far == NULL || r->far_gone || r->stop_at != 0 ||
	    is_empty(&f->up))
		return false;
	n = client_write_now(f->far, f->up.data + f->up.start,
			     f->up.end - f->up.start, &events);
	r->far_events |= events;
	if (n < 0)
		return false;
	if (n == 0) {
		r->far_gone = true;
		return true;
	}
	f->protocol->client_sent(f->state,
				 cv_span(f->up.data + f->up.start,
					 (size_t)n));
	left(&f->up, n);
	return true;
}

/* The client has closed its half: so the server may answer what it has been
 * asked and end the session. */
static void pass_end(struct relay *r)
{
	struct forward *f = r->f;

	if (!r->client_eof || r->far_told || f->far == NULL ||
	    !is_empty(&f->up))
		return;
	client_end_output(f->far);
	r->far_told = true;
}

static void say_goodbye(struct relay *r, const char *reason)
{
	r->f->protocol->closing(r->f->state, reason, &r->f->words);
	r->ending = true;
}

static bool is_idle(const struct forward *f)
{
	return f->far == NULL || !CV_HAS(f->protocol, is_idle) ||
		f->protocol->is_idle(f->state);
}

/* True: it has waited long enough. */
static bool stop_when_idle(struct relay *r)
{
	if (r->stop_at == 0 || r->ending)
		return false;
	if (!is_idle(r->f) && time_monotonic_msecs() < r->stop_at)
		return false;
	say_goodbye(r, session_stop_reason(r->f->s));
	return true;
}

/* What the server has said is with the client already. */
static void far_broke(struct relay *r)
{
	struct forward *f = r->f;
	int status;

	r->far_gone = false;
	client_close(&f->far);
	if (r->client_eof) {
		r->ending = true;
		return;
	}
	status = f->protocol->broken(f->state, &f->words);
	if (status != CV_OK && f->goodbye.len > 0) {
		cv_text_reset(&f->words);
		cv_text_append_span(&f->words, cv_text_span(&f->goodbye));
	}
	cv_text_reset(&f->goodbye);
	if (status == CV_OK)
		log_info("proxy", "%s:%u has closed the connection: another "
			 "one is made when the client goes on",
			 f->target.host, f->target.port);
	else
		r->ending = true;
}

/* The client goes on: so does the session, elsewhere. */
static void go_on(struct relay *r)
{
	struct cv_error err = ERROR_NONE;

	if (forward_reconnect(r->f, &err) == CV_OK) {
		log_info("proxy", "connected to %s:%u again",
			 r->f->target.host, r->f->target.port);
		return;
	}
	log_error("proxy", "%s", err.text);
	client_close(&r->f->far);
	say_goodbye(r, "The server of this mail cannot be reached.");
}

static bool client_waits(struct relay *r)
{
	char byte;
	ssize_t n;

	if (!is_empty(&r->f->up))
		return true;
	n = recv(SESSION_TRANSPORT_FD, &byte, 1, MSG_PEEK);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		r->client_eof = r->ending = true;
	r->client_events |= POLLIN;
	return n > 0;
}

/* True: something has happened, look again before waiting. */
static bool move(struct relay *r)
{
	bool moved;

	r->client_events = r->far_events = 0;
	moved = read_client(r);
	moved |= write_far(r);
	moved |= read_far(r);
	moved |= write_client(r);
	pass_end(r);
	if (r->far_gone && is_empty(&r->f->down)) {
		far_broke(r);
		moved = true;
	}
	moved |= stop_when_idle(r);
	if (r->f->far == NULL && !r->ending && client_waits(r)) {
		go_on(r);
		moved = true;
	}
	return moved;
}

static bool is_over(const struct relay *r)
{
	return r->client_gone || (r->ending && is_empty(&r->f->down) &&
				  r->f->words.len == 0);
}

static void check_stop(struct relay *r, const struct pollfd *lease)
{
	if (lease->revents != 0)
		(void)session_check_lease(r->f->s);
	if (session_stopping(r->f->s) && r->stop_at == 0)
		r->stop_at = time_monotonic_msecs() + STOP_MSECS;
}

/* NULL: for ever. */
static const struct timespec *limit(const struct relay *r,
				    struct timespec *room)
{
	uint64_t now = time_monotonic_msecs();
	uint64_t msecs = r->stop_at > now ? r->stop_at - now : 1;

	if (!r->ending && r->stop_at != 0)
		*room = (struct timespec){
			.tv_sec = (time_t)(msecs / 1000),
			.tv_nsec = (long)(msecs % 1000 * 1000000),
		};
	else if (r->ending || r->far_told)
		*room = (struct timespec){ .tv_sec = LAST_WORDS_SECS };
	else
		return NULL;
	return room;
}

/* CV_E_TIMEOUT: who is to hear the last words does not listen. */
static int wait_for_both(struct relay *r, struct cv_error *err)
{
	struct pollfd fds[3] = {
		{ SESSION_TRANSPORT_FD, r->client_events, 0 },
		{ -1, r->far_events, 0 },
		{ session_lease(r->f->s), POLLIN, 0 },
	};
	struct timespec room;
	bool more;
	int n;

	if (r->f->far != NULL && r->far_events != 0)
		fds[1].fd = client_descriptor(r->f->far, &more);
	/* a client that is not listened to has not gone */
	if (fds[0].events == 0)
		fds[0].fd = -1;
	n = ppoll(fds, 3, limit(r, &room), &r->waiting);
	if (n < 0 && errno != EINTR)
		return FAIL_ERRNO(err, errno, "poll failed");
	if (n == 0 && (r->ending || r->stop_at == 0))
		return FAIL(err, CV_E_TIMEOUT, "no answer to the end");
	if (n <= 0)
		fds[2].revents = 0;
	check_stop(r, &fds[2]);
	return CV_OK;
}

int forward_relay(struct forward *f, struct cv_error *err)
{
	struct relay r = { .f = f };
	int status = CV_OK;

	session_block_term(&r.waiting);
	while (status == CV_OK && !is_over(&r)) {
		if (!move(&r) && !is_over(&r))
			status = wait_for_both(&r, err);
	}
	if (status == CV_OK && !r.client_gone && !r.client_eof)
		transport_linger(SESSION_TRANSPORT_FD, !is_empty(&f->up));
	return status;
}
