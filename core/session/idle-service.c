/* idle-service.c - the process that holds connections whose sessions sleep:
 * for each the client's socket, a lease of anvil's, and some hundred bytes.
 *
 * It reads nothing of a client: the first byte, or a change of what is
 * watched, has the zygote of the service that the session came from make a
 * process again, and that is all this one can ask for.  Whose session it is
 * stands in the order, which it checks and cannot make.  It opens no file; to
 * hear of changes it has the right to look at any, but not to read.
 *
 * A session that gives its connection here keeps it until ASLEEP was sent; one
 * that ends before that is forgotten.  When this process dies its connections
 * end. */
#include "idle-service.h"
#include "idle-watch.h"

#include "ipc/anvil-message.h"
#include "ipc/idle-message.h"
#include "master/service-private.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HANDSHAKE_MSECS = 10000,	/* from the first word to SLEEP */
	RETRY_MSECS = 5,		/* the zygote's queue is full */
	RETRIES_MAX = 2000,
	TEXT_MAX = 2 * IDLE_LINE_MAX + 128,	/* to a client, at once */
	BLOCK_HEAD = 5,			/* of a stored block */
};

struct sleeper {
	struct sleeper *next, **prev;
	char *bytes;			/* where the rest points to */
	const char *service;		/* whose zygote wakes it */
	int channel;			/* to the session; -1: it sleeps */
	int transport, state_fd, lease;	/* -1: none */
	bool changed;			/* before it was asleep */
	uint32_t retries;
	const char *user, *id, *ip;
	struct idle_sleep sleep;
	uint64_t since;			/* monotonic milliseconds */
	struct idle_watch *watches;	/* NULL: none */
	uint32_t watch_count, watch_room;
	struct event input, anvil, timer;
	bool has_input, has_anvil;
};

static struct {
	struct service *service;
	uint8_t key[HASH_MAC_KEY_BYTES];
	struct idle_watches *watches;
	struct sleeper *sleepers;
	uint32_t count, limit;
	struct event *term;
} idle;

/* For all messages: frames this large cost. */
static struct ipc_reader received;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* --- one sleeper ------------------------------------------------------------- */

static void drop_watches(struct sleeper *s)
{
	for (uint32_t i = 0; i < s->watch_count; i++)
		idle_watch_drop(idle.watches, &s->watches[i]);
	free(s->watches);
	s->watches = NULL;
	s->watch_count = s->watch_room = 0;
}

static void forget(struct sleeper *s)
{
	if (s->has_input)
		(void)event_del(&s->input);
	if (s->has_anvil)
		(void)event_del(&s->anvil);
	(void)event_del(&s->timer);
	drop_watches(s);
	close_fd(&s->channel);
	close_fd(&s->transport);
	close_fd(&s->state_fd);
	close_fd(&s->lease);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	idle.count--;
	free(s->bytes);
	free(s);
	service_release(idle.service);
}

/* The client is told as its protocol says it; what it does not take at once
 * is lost. */
/* What the session has sent before ends at the border of a byte, and nothing
 * that comes later refers to it. */
static ssize_t send_text(const struct sleeper *s, const char *text, size_t len,
			 bool *whole_r)
{
	char out[TEXT_MAX + BLOCK_HEAD];
	size_t at = 0;
	ssize_t n;

	BUG_IF(len > TEXT_MAX);
	if (s->sleep.packed) {
		/* BFINAL 0, BTYPE 00, LEN, NLEN */
		out[at++] = 0;
		out[at++] = (char)(len & 0xff);
		out[at++] = (char)(len >> 8);
		out[at++] = (char)(~len & 0xff);
		out[at++] = (char)(~len >> 8 & 0xff);
	}
	memcpy(out + at, text, len);
	at += len;
	n = send(s->transport, out, at, MSG_DONTWAIT | MSG_NOSIGNAL);
	*whole_r = n == (ssize_t)at;
	return n;
}

static void end_with(struct sleeper *s, const char *why, const char *word)
{
	char line[TEXT_MAX];
	bool whole;
	int len = snprintf(line, sizeof(line), "%.*s%s%.*s",
			   CV_SPAN_ARG(s->sleep.bye), why,
			   CV_SPAN_ARG(s->sleep.bye_end));

	(void)send_text(s, line, (size_t)len, &whole);
	log_info("session", "%s(%s)<%s>: %s %.*s", s->service, s->user,
		 s->id, word, CV_SPAN_ARG(s->sleep.stats));
	forget(s);
}

static uint64_t next_time(const struct sleeper *s)
{
	uint64_t slept, left = s->sleep.keepalive_msecs;

	if (s->channel >= 0)
		return HANDSHAKE_MSECS;
	if (s->retries > 0)
		return RETRY_MSECS;
	if (s->sleep.limit_msecs == 0)
		return left;
	slept = time_monotonic_msecs() - s->since;
	slept = slept >= s->sleep.limit_msecs ? 1 :
		s->sleep.limit_msecs - slept;
	return left == 0 || slept < left ? slept : left;
}

/* Its timer is assigned when it comes into being. */
static void wait_for_time(struct sleeper *s)
{
	uint64_t msecs = next_time(s);
	struct timeval after = {
		(time_t)(msecs / 1000), (suseconds_t)(msecs % 1000 * 1000),
	};

	if (msecs == 0)
		(void)event_del(&s->timer);
	else
		BUG_IF(event_add(&s->timer, &after) < 0);
}

static void wake(struct sleeper *s)
{
	struct idle_wake order = {
		.order = s->sleep.order.bytes,
		.proof = s->sleep.order.proof_wake,
		.transport_fd = s->transport, .state_fd = s->state_fd,
		.state = s->sleep.state,
	};
	struct ipc_writer *w = &ipc_scratch;
	struct cv_error err = ERROR_NONE;
	int port = service_port(idle.service, s->service);
	int status;

	idle_wake_put(w, &order);
	status = port < 0 ? FAIL(&err, CV_E_DENIED, "no way to service '%s'",
				 s->service) : ipc_send_now(port, w, &err);
	if (status == CV_E_TEMP && ++s->retries < RETRIES_MAX) {
		/* what it was woken by stays there */
		if (s->has_input)
			(void)event_del(&s->input);
		s->has_input = false;
		wait_for_time(s);
		return;
	}
	if (status != CV_OK)
		log_error("idle", "%s(%s)<%s>: cannot be woken: %s",
			  s->service, s->user, s->id, err.text);
	forget(s);
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	wake(context);
}

static void on_changed(void *sleeper)
{
	struct sleeper *s = sleeper;

	if (s->channel >= 0)
		s->changed = true;
	else if (s->sleep.wakes)
		wake(s);
}

/* --- time ----------------------------------------------------------------------- */

static void keep_alive(struct sleeper *s)
{
	bool whole;
	ssize_t n = send_text(s, s->sleep.keepalive.data,
			      s->sleep.keepalive.len, &whole);

	/* a part of a line cannot be taken back, and a client that takes
	 * none is not there */
	if (n >= 0 && !whole)
		forget(s);
	else if (n < 0 && errno != EAGAIN)
		wake(s);
	else
		wait_for_time(s);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
	struct sleeper *s = context;
	uint64_t now = time_monotonic_msecs();

	(void)fd;
	(void)what;
	if (s->channel >= 0) {
		log_warning("idle", "a session of '%s' began to give its "
			    "connection away and did not go on", s->service);
		forget(s);
	} else if (s->retries > 0) {
		wake(s);
	} else if (s->sleep.limit_msecs != 0 &&
		   now - s->since >= s->sleep.limit_msecs) {
		end_with(s, "Disconnected for inactivity.",
			 "Disconnected: Inactivity");
	} else {
		keep_alive(s);
	}
}

/* --- anvil ------------------------------------------------------------------------- */

/* Its place was asked for when the session began: there is no limit. */
static void lease_begin(struct sleeper *s, event_callback_fn fn)
{
	struct anvil_connect connect = {
		.user = s->user, .ip = s->ip, .service = s->service,
		.session_id = s->id, .pid = (uint32_t)getpid(),
	};
	struct ipc_writer *w = &ipc_scratch;
	int port = service_port(idle.service, "anvil"), fds[2];

	if (port < 0 || ipc_pair(fds, true, NULL) != CV_OK)
		return;
	ipc_begin(w, ANVIL_MSG_CONNECT);
	anvil_connect_put(w, &connect);
	ipc_put_fd(w, fds[1]);
	if (ipc_send_now(port, w, NULL) != CV_OK) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return;
	}
	(void)close(fds[1]);
	s->lease = fds[0];
	BUG_IF(event_assign(&s->anvil, idle.service->base, s->lease,
			    EV_READ | EV_PERSIST, fn, s) < 0);
	BUG_IF(event_add(&s->anvil, NULL) < 0);
	s->has_anvil = true;
}

static void on_anvil(evutil_socket_t fd, short what, void *context)
{
	struct sleeper *s = context;
	struct cv_error err = ERROR_NONE;
	int status = ipc_receive_now((int)fd, &received, &err);
	uint32_t type = received.type;

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK) {
		(void)ipc_finish(&received, NULL);
		if (type == ANVIL_MSG_KICK)
			end_with(s, "Disconnected by the administrator.",
				 "Kicked");
		return;
	}
	/* it has been started anew, and gets to know us */
	(void)event_del(&s->anvil);
	s->has_anvil = false;
	close_fd(&s->lease);
	lease_begin(s, on_anvil);
}

/* --- falling asleep ------------------------------------------------------------------ */

/* The first says how many are to come; a session may begin again. */
static int make_room(struct sleeper *s, uint32_t total, struct cv_error *err)
{
	if (s->watch_room == total && s->watch_count < total)
		return CV_OK;
	drop_watches(s);
	if (total > IDLE_WATCHES_MAX)
		return FAIL(err, CV_E_LIMIT, "%u things are too many to watch",
			    total);
	s->watches = calloc(total + 1, sizeof(*s->watches));
	BUG_IF(s->watches == NULL);
	s->watch_room = total;
	return CV_OK;
}

static int take_watches(struct sleeper *s, bool *last_r, struct cv_error *err)
{
	uint32_t total = ipc_get_u32(&received);
	int status;

	*last_r = ipc_get_bool(&received);
	status = make_room(s, total, err);
	while (status == CV_OK && ipc_fds_left(&received) > 0) {
		int fd = ipc_get_fd(&received);

		status = s->watch_count == s->watch_room ?
			FAIL(err, CV_E_SYNTAX, "more to watch than was "
			     "announced") :
			idle_watch_add(idle.watches,
				       &s->watches[s->watch_count++], fd, s,
				       err);
		(void)close(fd);
	}
	return status == CV_OK ? ipc_finish(&received, err) :
		(ipc_finish(&received, NULL), status);
}

static void refuse(struct sleeper *s, uint32_t type,
		   const struct cv_error *err)
{
	log_debug("idle", "%s: %s", s->service, err->text);
	(void)idle_answer_send(s->channel, type, false, err->text, NULL);
	forget(s);
}

static void take_watch(struct sleeper *s)
{
	struct cv_error err = ERROR_NONE;
	bool last;
	int status = take_watches(s, &last, &err);

	if (status == CV_OK && last)
		status = idle_answer_send(s->channel, IDLE_MSG_WATCHING, true,
					  "", &err);
	if (status != CV_OK)
		refuse(s, IDLE_MSG_WATCHING, &err);
}

static bool is_stream_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		type == SOCK_STREAM;
}

static void keep(char **at, struct cv_span *span)
{
	if (span->len > 0)
		memcpy(*at, span->data, span->len);
	span->data = *at;
	*at += span->len;
	*(*at)++ = '\0';
}

/* All that is kept, in one piece. */
static void keep_all(struct sleeper *s, const struct session_start *start)
{
	struct idle_sleep *sleep = &s->sleep;
	struct cv_span user = cv_span_of(start->user.name);
	struct cv_span id = cv_span_of(start->session_id);
	struct cv_span ip = cv_span_of(start->conn.remote_ip);
	struct cv_span *const kept[] = {
		&user, &id, &ip, &sleep->order.bytes, &sleep->state,
		&sleep->keepalive, &sleep->bye, &sleep->bye_end,
		&sleep->stats,
	};
	size_t size = 0, count = sizeof(kept) / sizeof(kept[0]);
	char *at;

	for (size_t i = 0; i < count; i++)
		size += kept[i]->len + 1;
	s->bytes = at = malloc(size);
	BUG_IF(at == NULL);
	for (size_t i = 0; i < count; i++)
		keep(&at, kept[i]);
	s->user = user.data;
	s->id = id.data;
	s->ip = ip.data;
}

static int take_over(struct sleeper *s, struct cv_pool *pool,
		     struct cv_error *err)
{
	struct idle_sleep *sleep = &s->sleep;
	struct session_start *start = pool_new(pool, struct session_start);
	int status = idle_sleep_get(&received, sleep, err);

	if (status != CV_OK)
		return status;
	s->transport = sleep->transport_fd;
	s->state_fd = sleep->state_fd;
	status = idle_order_read(sleep->order.bytes, sleep->order.proof_idle,
				 idle.key, pool, start, err);
	if (status != CV_OK)
		return status;
	if (!is_stream_socket(s->transport) ||
	    (sleep->keepalive_msecs > 0 && sleep->keepalive_msecs < 1000))
		return FAIL(err, CV_E_SYNTAX, "a session gives away what is "
			    "no connection");
	(void)fcntl(s->transport, F_SETFL, O_NONBLOCK);
	keep_all(s, start);
	return CV_OK;
}

static void take_sleep(struct sleeper *s)
{
	struct cv_pool *pool = pool_create("sleep");
	struct cv_error err = ERROR_NONE;
	int status = take_over(s, pool, &err);

	pool_destroy(&pool);
	if (status == CV_OK)
		status = idle_answer_send(s->channel, IDLE_MSG_ASLEEP, true,
					  "", &err);
	if (status != CV_OK) {
		log_error("idle", "%s: %s", s->service, err.text);
		refuse(s, IDLE_MSG_ASLEEP, &err);
		return;
	}
	(void)event_del(&s->input);
	close_fd(&s->channel);
	s->since = time_monotonic_msecs();
	lease_begin(s, on_anvil);
	BUG_IF(event_assign(&s->input, idle.service->base, s->transport,
			    EV_READ, on_input, s) < 0);
	BUG_IF(event_add(&s->input, NULL) < 0);
	if (s->changed && s->sleep.wakes)
		wake(s);
	else
		wait_for_time(s);
}

static void on_session(evutil_socket_t fd, short what, void *context)
{
	struct sleeper *s = context;
	struct cv_error err = ERROR_NONE;
	int status = ipc_receive_now((int)fd, &received, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	/* it goes on by itself, or has ended */
	if (status != CV_OK) {
		forget(s);
	} else if (received.type == IDLE_MSG_WATCH) {
		take_watch(s);
	} else if (received.type == IDLE_MSG_SLEEP) {
		take_sleep(s);
	} else {
		(void)ipc_refuse(&received, s->service, &err);
		log_error("idle", "%s", err.text);
		forget(s);
	}
}

static void idle_channel(struct service *service, const char *client, int fd)
{
	struct sleeper *s;

	/* with those that only begin: each has a descriptor */
	if (idle.count >= idle.limit) {
		(void)idle_answer_send(fd, IDLE_MSG_WATCHING, false,
				       "client_limit of service idle is "
				       "reached", NULL);
		(void)close(fd);
		return;
	}
	s = calloc(1, sizeof(*s));
	BUG_IF(s == NULL);
	s->service = client;
	s->channel = fd;
	s->transport = s->state_fd = s->lease = -1;
	s->next = idle.sleepers;
	s->prev = &idle.sleepers;
	if (s->next != NULL)
		s->next->prev = &s->next;
	idle.sleepers = s;
	idle.count++;
	service_hold(service);
	BUG_IF(event_assign(&s->input, service->base, fd,
			    EV_READ | EV_PERSIST, on_session, s) < 0);
	BUG_IF(event_add(&s->input, NULL) < 0);
	s->has_input = true;
	BUG_IF(evtimer_assign(&s->timer, service->base, on_time, s) < 0);
	wait_for_time(s);
}

/* --- the process ------------------------------------------------------------------------ */

static void on_term(evutil_socket_t number, short what, void *context)
{
	struct sleeper *next;

	(void)number;
	(void)what;
	for (struct sleeper *s = idle.sleepers; s != NULL; s = next) {
		next = s->next;
		if (s->channel >= 0)
			forget(s);
		else
			end_with(s, "Server shutting down.",
				 "Disconnected: Server shutting down");
	}
	service_exit(context);
}

static int idle_start(struct service *s, struct cv_error *err)
{
	(void)err;
	idle.service = s;
	idle.limit = s->private->go.client_limit;
	memcpy(idle.key, s->private->go.secret, sizeof(idle.key));
	s->context = &idle;
	return CV_OK;
}

static int idle_ready(struct service *s, struct cv_error *err)
{
	idle.term = evsignal_new(s->base, SIGTERM, on_term, s);
	BUG_IF(idle.term == NULL);
	BUG_IF(event_add(idle.term, NULL) < 0);
	return idle_watches_create(s->base, s->pool, on_changed,
				   &idle.watches, err);
}

const struct service_row idle_service_row = {
	.name = "idle",
	.user = SERVICE_USER_INTERNAL,
	.watches_all = true,
	.syscalls = SANDBOX_EVENTS | SANDBOX_WATCH,
	.start = idle_start,
	.ready = idle_ready,
	.channel = idle_channel,
};
