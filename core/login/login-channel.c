/* login-channel.c - the channel to auth: one for all connections of a
 * process, a request id for each of their attempts.
 *
 * INVARIANT: an id belongs to one connection from its BEGIN until auth has
 * forgotten it (FAIL, a started session, ABORT), and an answer goes to the
 * connection that has its id or to nobody. */
#include "login-private.h"

#include <fcntl.h>
#include <unistd.h>

/* Hundreds of processes that begin at once, and auth has not come to them.  A
 * process has one channel for all that it does, and can do nothing else before
 * it is there. */
enum { PORT_WAIT_MSECS = 5000 };

/* Messages are static: of a frame that large the compiler touches every page,
 * and a process that has just been forked pays for each. */

static struct cv_preauth **bucket_of(struct login_channel *channel,
				     uint32_t id)
{
	return &channel->asking[id % LOGIN_ASKING_BUCKETS];
}

static struct cv_preauth *find(struct login_channel *channel, uint32_t id)
{
	struct cv_preauth *p = *bucket_of(channel, id);

	while (p != NULL && p->auth_id != id)
		p = p->asking_next;
	return p;
}

void login_channel_begin(struct cv_preauth *p)
{
	struct login_channel *channel = &p->process->channel;
	struct cv_preauth **bucket;

	do {
		channel->last_id++;
	} while (channel->last_id == 0 ||
		 find(channel, channel->last_id) != NULL);
	p->auth_id = channel->last_id;
	bucket = bucket_of(channel, p->auth_id);
	p->asking_next = *bucket;
	*bucket = p;
}

void login_channel_forget(struct cv_preauth *p)
{
	struct cv_preauth **at;

	if (p->auth_id == 0)
		return;
	at = bucket_of(&p->process->channel, p->auth_id);
	while (*at != p)
		at = &(*at)->asking_next;
	*at = p->asking_next;
	p->asking_next = NULL;
	p->auth_id = 0;
}

void login_channel_close(struct login_process *process)
{
	struct login_channel *channel = &process->channel;

	if (channel->fd < 0)
		return;
	(void)event_del(&channel->event);
	ipc_queue_deinit(&channel->queue);
	(void)close(channel->fd);
	channel->fd = -1;
}

/* auth has died; the next attempt finds the new one.  What a connection does
 * about it may be a new attempt, so the old ones are taken aside first. */
static void lose_channel(struct login_process *process)
{
	struct login_channel *channel = &process->channel;
	struct cv_preauth *all = NULL, *p;

	login_channel_close(process);
	for (uint32_t i = 0; i < LOGIN_ASKING_BUCKETS; i++) {
		while ((p = channel->asking[i]) != NULL) {
			channel->asking[i] = p->asking_next;
			p->auth_id = 0;
			p->asking_next = all;
			all = p;
		}
	}
	while ((p = all) != NULL) {
		all = p->asking_next;
		p->asking_next = NULL;
		login_auth_lost(p);
	}
}

/* Whose connection auth was offered: the channel is theirs alone. */
static struct cv_preauth *find_offered(struct login_channel *channel)
{
	for (uint32_t i = 0; i < LOGIN_ASKING_BUCKETS; i++) {
		struct cv_preauth *p = channel->asking[i];

		if (p != NULL && p->offered)
			return p;
	}
	return NULL;
}

static void take_started(struct login_process *process, struct ipc_reader *r)
{
	struct cv_preauth *p = find_offered(&process->channel);
	struct cv_error err = ERROR_NONE;
	struct session_started s;

	if (session_started_get(r, &s, &err) != CV_OK)
		log_error("login", "session: %s", err.text);
	else if (p != NULL)
		login_auth_started(p, &s);
}

static void take_answer(struct login_process *process, struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	uint32_t type = r->type;
	struct auth_answer a;
	struct cv_preauth *p;

	if (type != AUTH_MSG_CHALLENGE && type != AUTH_MSG_OK &&
	    type != AUTH_MSG_FAIL) {
		(void)ipc_refuse(r, "auth", &err);
		log_error("login", "%s", err.text);
		return;
	}
	if (auth_answer_get(r, &a, &err) != CV_OK) {
		log_error("login", "auth: %s", err.text);
		return;
	}
	/* NULL: of an attempt that was aborted */
	p = a.id == 0 ? NULL : find(&process->channel, a.id);
	if (p != NULL)
		login_auth_answer(p, type, &a);
}

static void on_auth(evutil_socket_t fd, short what, void *context)
{
	struct login_process *process = context;
	struct cv_error err = ERROR_NONE;
	static struct ipc_reader r;
	int status = ipc_receive((int)fd, &r, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK && r.type == SESSION_MSG_STARTED)
		take_started(process, &r);
	else if (status == CV_OK)
		take_answer(process, &r);
	else
		lose_channel(process);
}

/* When auth has gone, its last answers are read before the end. */
static void on_moved(void *context, int status, const struct cv_error *err)
{
	if (status >= 0)
		return;
	log_error("login", "cannot tell auth: %s", err->text);
	lose_channel(context);
}

bool login_channel_open(struct login_process *process)
{
	struct login_channel *channel = &process->channel;
	struct ipc_queue_config queue = {
		.base = process->base, .bytes_max = LOGIN_QUEUE_BYTES,
		.fds_max = LOGIN_QUEUE_FDS, .moved = on_moved,
		.context = process,
	};
	struct cv_error err = ERROR_NONE;

	if (channel->fd >= 0)
		return true;
	if (ipc_channel_open_within(process->auth_port, PORT_WAIT_MSECS,
				    &channel->fd, &err) != CV_OK) {
		log_error("login", "cannot reach auth: %s", err.text);
		channel->fd = -1;
		return false;
	}
	(void)fcntl(channel->fd, F_SETFL, O_NONBLOCK);
	queue.fd = channel->fd;
	ipc_queue_init(&channel->queue, &queue);
	BUG_IF(event_assign(&channel->event, process->base, channel->fd,
			    EV_READ | EV_PERSIST, on_auth, process) < 0);
	BUG_IF(event_add(&channel->event, NULL) < 0);
	return true;
}

static int tell(struct login_process *process, const struct ipc_writer *w,
		int (*send)(struct ipc_queue *, const struct ipc_writer *,
			    struct cv_error *))
{
	struct cv_error err = ERROR_NONE;
	int status;

	if (process->channel.fd < 0)
		return CV_E_TEMP;
	status = send(&process->channel.queue, w, &err);
	if (status == CV_E_LIMIT)
		log_warning("login", "an attempt to log in is refused: %s",
			    err.text);
	else if (status < 0)
		log_error("login", "cannot tell auth: %s", err.text);
	return status;
}

int login_channel_send(struct login_process *process,
		       const struct ipc_writer *w)
{
	return tell(process, w, ipc_queue_send);
}

/* Not to be refused: auth would keep the attempt. */
void login_channel_abort(struct cv_preauth *p)
{
	static struct ipc_writer w;

	if (p->auth_id == 0)
		return;
	auth_abort_put(&w, p->auth_id);
	login_channel_forget(p);
	(void)tell(p->process, &w, ipc_queue_send_last);
}
