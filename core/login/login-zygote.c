/* login-zygote.c - the parent of login processes.
 *
 * It accepts, lets the protocol's machine greet (which has seen no byte of
 * the client then), and waits for the first byte, unread, with all silent
 * connections in one epoll set: ten thousand of them cost a structure each.
 * With the first byte comes a fork; the child alone reads.
 *
 * A hostile child can harm one connection.  The zygote reads nothing from
 * its children but one empty-worded message whose sender the kernel names. */
#include "login-zygote.h"
#include "login-shared.h"
#include "login-spawner.h"
#include "master/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILD_AUTH_FD = 5, CHILD_NOTIFY_FD = 6, CHILD_CLIENT_FD = 7,
	SWEEP_SECONDS = 5,
	SPAWNER_PARKED = 256,	/* silent connections that make forks dear */
};

struct login_child {
	struct login_place place;	/* first: see victim; before login */
	struct login_child *next, *prev;
	pid_t pid;
};

struct login_zygote {
	struct login_process *process;
	struct sandbox_filter filter;
	struct event_base *child_base;
	struct login_list parked;
	struct login_child *children, *newest;	/* oldest first */
	struct login_list waiting;	/* children before login */
	int notify;
	struct event reaping;
	/* What sessions prove with whose connection they give back.  Children
	 * have it too: what it proves they are believed anyway. */
	uint8_t back_key[HASH_MAC_KEY_BYTES];
};

static struct login_zygote zygote;

/* --- lists ---------------------------------------------------------------------- */

static void park(struct cv_preauth *p)
{
	login_list_add(&zygote.parked, &p->place);
	service_hold(p->process->service);
}

static void unpark(struct cv_preauth *p)
{
	login_list_remove(&p->place);
	service_release(p->process->service);
}

/* place: the network it serves; NULL: not known here. */
static void child_add(pid_t pid, const struct login_place *place)
{
	static const struct timeval soon = { 1, 0 };
	struct login_child *child = calloc(1, sizeof(*child));

	BUG_IF(child == NULL);
	if (!evtimer_pending(&zygote.reaping, NULL))
		(void)event_add(&zygote.reaping, &soon);
	child->pid = pid;
	if (place != NULL)
		memcpy(child->place.network, place->network,
		       sizeof(place->network));
	child->prev = zygote.newest;
	if (zygote.newest != NULL)
		zygote.newest->next = child;
	else
		zygote.children = child;
	zygote.newest = child;
	login_list_add(&zygote.waiting, &child->place);
}

static void child_remove(struct login_child *child)
{
	if (child->prev != NULL)
		child->prev->next = child->next;
	else
		zygote.children = child->next;
	if (child->next != NULL)
		child->next->prev = child->prev;
	else
		zygote.newest = child->prev;
	login_list_remove(&child->place);
	free(child);
	service_release(zygote.process->service);
}

static struct login_child *child_find(pid_t pid)
{
	/* newest first: a login is short */
	for (struct login_child *c = zygote.newest; c != NULL; c = c->prev) {
		if (c->pid == pid)
			return c;
	}
	return NULL;
}

/* --- the child ----------------------------------------------------------------------- */

static struct login_process *child_process;
static volatile sig_atomic_t child_expelled;

static void on_child_term(int number)
{
	(void)number;
	child_expelled = 1;
	if (child_process != NULL)
		(void)event_base_loopbreak(child_process->base);
}

static void child_done(struct login_process *process)
{
	(void)process;
	_exit(EXIT_SUCCESS);
}

/* What a child needs lies in fixed places; the rest is closed unseen. */
static int child_move_fds(struct login_process *process, int client,
			  int first_free)
{
	if (client >= 0 && dup2(client, CHILD_CLIENT_FD) < 0)
		return -1;
	process->notify_fd = CHILD_NOTIFY_FD;
	(void)close(BOOT_FD);
	return close_range((unsigned int)first_free, ~0U, 0);
}

static void child_confine(void)
{
	struct cv_error err = ERROR_NONE;

	if (zygote.filter.count == 0)
		return;
	if (sandbox_filter_apply(&zygote.filter, &err) != CV_OK) {
		log_fatal("login", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
}

__attribute__((noreturn))
static void child_run(struct cv_preauth *p)
{
	struct login_process *process = p->process;
	struct sigaction action = { .sa_handler = on_child_term };

	process->base = zygote.child_base;
	process->client_gone = child_done;
	process->ends_with_client = true;
	child_process = process;
	(void)sigaction(SIGTERM, &action, NULL);
	if (child_move_fds(process, p->fd, CHILD_CLIENT_FD + 1) < 0)
		_exit(EXIT_FAILURE);
	p->fd = CHILD_CLIENT_FD;
	child_confine();
	login_client_serve(p);
	/* who has given the right password is let in */
	while (!child_expelled || p->phase == LOGIN_DECIDED ||
	       p->phase == LOGIN_HANDOFF)
		(void)event_base_loop(process->base, EVLOOP_ONCE);
	if (p->phase == LOGIN_RELAY)
		login_client_destroy(&p);
	else
		login_client_expel(p, false, "Server has no place left or "
				   "is stopping");
	_exit(EXIT_SUCCESS);
}

static pid_t fork_child(struct login_process *process)
{
	if (tls_server_before_fork(process->view.tls))
		service_prepare_forks();
	return service_fork();
}

/* --- making places ------------------------------------------------------------------------ */

static void parked_drop(struct cv_preauth *p, bool timeout,
			const char *reason)
{
	unpark(p);
	login_client_expel(p, timeout, reason);
}

_Static_assert(offsetof(struct login_child, place) == 0,
	       "a place is cast to its child");

/* One that ends keeps its process for a moment, but no place. */
static void make_place(const struct service *s,
		       const struct login_place *newcomer)
{
	struct login_place *place;
	struct login_child *victim;

	if (zygote.waiting.count < s->private->go.process_limit)
		return;
	place = login_list_victim(&zygote.waiting, newcomer);
	if (place == NULL)
		return;
	victim = (struct login_child *)(void *)place;
	login_list_remove(place);
	(void)kill(victim->pid, SIGTERM);
	log_warning("login", "process_limit reached: %s is dropped",
		    place->busy_until == 0 ? "a connection without a login" :
		    "a connection that did not come to a login");
}

/* --- the end of a child ------------------------------------------------------------------- */

static void child_ended(pid_t pid, int status)
{
	struct login_child *child;

	if (login_shared_ended(pid, status) || login_spawner_ended(pid))
		return;
	if (WIFSIGNALED(status))
		log_error("login", "login process %d was killed by "
			  "signal %d", (int)pid, WTERMSIG(status));
	child = child_find(pid);
	if (child != NULL)
		child_remove(child);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		child_ended(pid, status);
}

/* SIGCHLD is blocked, and pending: a child that has ended can wait for its
 * burial until there is something else to do, or a second has passed. */
static void reap_pending(void)
{
	static const struct timespec at_once;
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	if (zygote.children != NULL &&
	    sigtimedwait(&child, NULL, &at_once) == SIGCHLD)
		reap();
}

static void on_reaping(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval soon = { 1, 0 };

	(void)fd;
	(void)what;
	(void)context;
	reap_pending();
	if (zygote.children != NULL)
		(void)event_add(&zygote.reaping, &soon);
}

static void on_child(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	reap();
}

/* --- events -------------------------------------------------------------------------------- */

static void on_first_byte(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;
	int unread;
	pid_t pid;

	if ((what & EV_TIMEOUT) != 0) {
		parked_drop(p, false, "haproxy: Client timed out");
		return;
	}
	login_watch_end(&p->watch);
	/* readable, and nothing to read: it has gone without a word */
	if (ioctl((int)fd, FIONREAD, &unread) == 0 && unread == 0) {
		unpark(p);
		login_client_disconnect(p, "Connection closed");
		return;
	}
	service_hold(p->process->service);
	unpark(p);
	reap_pending();
	make_place(p->process->service, &p->place);
	/* the spawner begins with the greeting, which here is not due yet */
	pid = zygote.parked.count < SPAWNER_PARKED || p->haproxy ? -1 :
		login_spawner_fork(p, child_run);
	if (pid == 0) {
		service_release(p->process->service);
		/* for whoever else may have it, too */
		(void)shutdown(p->fd, SHUT_RDWR);
		login_client_disconnect(p, "Internal error");
		return;
	}
	if (pid < 0)
		pid = fork_child(p->process);
	if (pid == 0)
		child_run(p);
	if (pid < 0) {
		log_error("login", "cannot fork: %s", strerror(errno));
		service_release(p->process->service);
		login_client_disconnect(p, "the server has no process left");
		return;
	}
	child_add(pid, &p->place);	/* has taken over the hold */
	login_client_destroy(&p);
}

void login_zygote_accept(struct service *s,
			 const struct service_listener *listener, int fd)
{
	struct login_process *process = s->context;
	const struct boot_go *go = &s->private->go;
	struct cv_preauth *p = login_client_create(process, fd, listener);
	struct login_place *victim;

	if (p->phase == LOGIN_CLOSING) {
		login_client_disconnect(p, p->close_reason);
		return;
	}
	if (zygote.parked.count >= go->client_limit &&
	    (victim = login_list_victim(&zygote.parked, &p->place)) != NULL)
		parked_drop(login_preauth_of(victim), false, "Too many connections before "
			    "login (client_limit)");
	park(p);
	login_watch_set(p, &p->watch, fd, EV_READ, on_first_byte);
	login_proxy_watch(p);
}

/* --- connections that come back ------------------------------------------------- */

__attribute__((noreturn))
static void child_resume(struct login_process *process, struct ipc_reader *r)
{
	struct cv_pool *pool = pool_create("returned");
	struct cv_error err = ERROR_NONE;
	struct conn_info conn;
	struct cv_span input;
	int fd;

	/* it serves this one alone, also where others serve many */
	process->shared = false;
	if (return_get(r, zygote.back_key, pool, &conn, &input, &fd, &err) !=
	    CV_OK) {
		log_error("login", "%s", err.text);
		_exit(EXIT_SUCCESS);
	}
	child_run(login_client_resume(process, fd, &conn, input));
}

static void drop_fds(struct ipc_reader *r)
{
	for (uint32_t i = r->fd_taken; i < r->fd_count; i++)
		(void)close(r->fds[i]);
}

void login_zygote_message(struct service *s, const char *client,
			  struct ipc_reader *r)
{
	static const struct login_place nowhere;
	struct login_process *process = s->context;
	struct cv_error err = ERROR_NONE;
	pid_t pid;

	if (r->type != RETURN_MSG_CLIENT ||
	    process->protocol->resumed == NULL) {
		(void)ipc_refuse(r, client, &err);
		log_error("login", "%s", err.text);
		return;
	}
	reap_pending();
	make_place(s, &nowhere);
	service_hold(s);
	pid = fork_child(process);
	if (pid == 0)
		child_resume(process, r);
	drop_fds(r);
	if (pid > 0) {
		child_add(pid, NULL);	/* has taken over the hold */
		return;
	}
	log_error("login", "cannot fork: %s", strerror(errno));
	service_release(s);
}

/* One byte from a child (LOGIN_NOTE_*); who it was says the kernel. */
static void on_notify(evutil_socket_t fd, short what, void *context)
{
	char byte;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} room;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room.bytes, .msg_controllen = sizeof(room),
	};
	struct login_child *child;
	struct cmsghdr *cmsg;
	struct ucred who;

	(void)what;
	(void)context;
	if (recvmsg((int)fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg == NULL || cmsg->cmsg_type != SCM_CREDENTIALS)
		return;
	memcpy(&who, CMSG_DATA(cmsg), sizeof(who));
	child = child_find(who.pid);
	if (child != NULL && byte == LOGIN_NOTE_BUSY)
		login_place_busy(&child->place);
	else if (child != NULL && byte == LOGIN_NOTE_RELAY)
		login_list_remove(&child->place);
}

/* Silent connections have the same deadline as the others. */
static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	uint64_t now = time_monotonic_msecs();
	struct cv_preauth *first;

	(void)fd;
	(void)what;
	(void)context;
	while ((first = login_preauth_of(zygote.parked.first)) != NULL &&
	       now - first->connected_msecs >=
	       first->view->login.login_timeout)
		parked_drop(first, true, "Inactivity");
}

/* --- beginning and end ---------------------------------------------------------- */

static int make_child_base(struct cv_error *err)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return FAIL(err, CV_E_TEMP, "libevent has no memory");
	/* poll has no state in the kernel: one base, made here, serves every
	 * child */
	(void)event_config_avoid_method(config, "epoll");
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	zygote.child_base = event_base_new_with_config(config);
	event_config_free(config);
	return zygote.child_base == NULL ?
		FAIL(err, CV_E_INTERNAL, "libevent cannot poll") : CV_OK;
}

static int make_notify(struct cv_error *err)
{
	int fds[2], on = 1, status = ipc_pair(fds, false, err);

	if (status != CV_OK)
		return status;
	zygote.notify = fds[0];
	if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    dup2(fds[1], CHILD_NOTIFY_FD) < 0)
		return FAIL_ERRNO(err, errno, "cannot make the notification "
				  "socket");
	(void)close(fds[1]);
	return CV_OK;
}

int login_zygote_prepare(struct login_process *process, struct cv_error *err)
{
	struct service *s = process->service;
	int status = make_child_base(err);

	zygote.process = process;
	if (status == CV_OK)
		status = make_notify(err);
	if (status != CV_OK)
		return status;
	memcpy(zygote.back_key, s->private->go.secret,
	       sizeof(zygote.back_key));
	explicit_bzero(s->private->go.secret, sizeof(s->private->go.secret));
	if (process->auth_port < 0 ||
	    dup2(process->auth_port, CHILD_AUTH_FD) < 0)
		return FAIL(err, CV_E_INTERNAL, "there is no port to auth");
	process->auth_port = CHILD_AUTH_FD;
	if (s->private->general.sandbox == GENERAL_SANDBOX_NO)
		return CV_OK;
	status = sandbox_filter_narrow(s->private->classes,
				       process->shared ? SANDBOX_EVENTS : 0,
				       s->pool, &zygote.filter, err);
	return service_may_go_on(s, status, err) ? CV_OK : status;
}

static void add_event(struct service *s, int fd, short what,
		      event_callback_fn fn, const struct timeval *every)
{
	struct event *event = event_new(s->base, fd,
					(short)(what | EV_PERSIST), fn, s);

	BUG_IF(event == NULL);
	BUG_IF(event_add(event, every) < 0);
}

static void block_child_signal(void)
{
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
}

int login_zygote_ready(struct service *s, struct cv_error *err)
{
	static const struct timeval every = { SWEEP_SECONDS, 0 };

	(void)err;
	zygote.process->base = s->base;
	BUG_IF(evtimer_assign(&zygote.reaping, s->base, on_reaping, NULL) <
	       0);
	add_event(s, zygote.notify, EV_READ, on_notify, NULL);
	if (zygote.process->shared) {
		add_event(s, SIGCHLD, EV_SIGNAL, on_child, NULL);
		service_stop_accepting(s);
		service_prepare_forks();
		login_shared_start(zygote.process, &zygote.filter);
		return CV_OK;
	}
	block_child_signal();
	add_event(s, -1, 0, on_sweep, &every);
	service_prepare_forks();
	return CV_OK;
}

/* A child as it serves clients: the same descriptors, the same filter. */
void login_zygote_selftest(struct service *s, struct ipc_reader *r)
{
	struct login_process *process = s->context;
	struct cv_error err = ERROR_NONE;
	struct selftest t;
	pid_t pid;

	if (selftest_get(r, s->pool, &t, &err) != CV_OK)
		return;
	service_hold(s);
	pid = service_fork();
	if (pid == 0) {
		if (child_move_fds(process, t.answer_fd,
				   CHILD_CLIENT_FD + 1) < 0)
			_exit(EXIT_FAILURE);
		t.answer_fd = CHILD_CLIENT_FD;
		child_confine();
		selftest_run(&t, module_flags());
		_exit(EXIT_SUCCESS);
	}
	(void)close(t.answer_fd);
	if (pid > 0)
		child_add(pid, NULL);
	else
		service_release(s);
}

/* Silent connections stay with this process until they speak or their time
 * is up; new ones go to the successor. */
void login_zygote_retire(struct service *s)
{
	service_stop_accepting(s);
	login_shared_retire();
	service_hold(s);
	service_release(s);
}
