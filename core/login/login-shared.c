/* login-shared.c - login processes that serve many clients each.
 *
 * The parent is the zygote of login-zygote.c, which here neither accepts nor
 * greets: it forks process_min_avail children and replaces those that end.
 * A child accepts from the listeners itself, keeps silent connections as the
 * zygote does otherwise, and serves all others in one event loop; as relay it
 * stays with those that have TLS.  Between the two lies a socket pair: a byte
 * from the child says that it has served its service_count and wants a
 * successor, its end from the parent that the child is retired.
 *
 * Weaker than a process for each client: who takes over such a process sees
 * the plaintext of all that it serves. */
#include "login-shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILD_CONTROL_FD = 6, CHILD_FIRST_FREE_FD = 7,
	SWEEP_SECONDS = 5, ACCEPT_BURST = 16,
	/* a child that ends sooner is not replaced at once */
	LIVED_MSECS = 1000,
};

/* --- the child ------------------------------------------------------------------ */

static struct {
	struct login_process *process;
	struct login_list list;		/* those that have not logged in */
	ARRAY(struct event *) accepts;
	struct event *control, *stop, *sweep;
	uint32_t served;
	bool accepting, retired;
	bool full;			/* the kernel has no descriptor left */
} child;

static int stop_fd = -1;

static void on_term(int number)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)number;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		_exit(EXIT_FAILURE);
	errno = saved;
}

/* The listeners of a full process are left to the others: when all of its
 * clients are relays, it cannot make a place. */
static void update_accepting(void)
{
	const struct boot_go *go = &child.process->service->private->go;
	bool wanted = !child.retired && !child.full &&
		(child.process->clients < go->client_limit ||
		 child.list.first != NULL);

	if (wanted == child.accepting)
		return;
	child.accepting = wanted;
	for (size_t i = 0; i < child.accepts.count; i++) {
		if (wanted)
			BUG_IF(event_add(child.accepts.items[i], NULL) < 0);
		else
			(void)event_del(child.accepts.items[i]);
	}
}

static void end_if_done(void)
{
	if (child.retired && child.process->clients == 0)
		_exit(EXIT_SUCCESS);
}

static void client_gone(struct login_process *process)
{
	(void)process;
	child.full = false;
	update_accepting();
	end_if_done();
}

static void client_relayed(struct login_process *process)
{
	(void)process;
	update_accepting();
}

static void child_retire(void)
{
	child.retired = true;
	update_accepting();
}

static void on_first_byte(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;

	(void)fd;
	if ((what & EV_TIMEOUT) != 0) {
		login_client_expel(p, false, "haproxy: Client timed out");
		return;
	}
	login_watch_end(&p->watch);
	login_client_serve(p);
}

static void make_place(const struct cv_preauth *newcomer)
{
	struct cv_preauth *victim = login_preauth_of(
		login_list_victim(&child.list, &newcomer->place));

	if (victim != NULL)
		login_client_expel(victim, false, "Too many connections in "
				   "this process (client_limit)");
}

/* The last one for this process: the parent makes another. */
static void count_client(void)
{
	uint32_t limit = child.process->service->private->go.service_count;

	if (limit == 0 || ++child.served < limit)
		return;
	if (write(CHILD_CONTROL_FD, "R", 1) < 0)
		log_debug("login", "cannot tell the parent: %s",
			  strerror(errno));
	child_retire();
}

static void take_client(const struct service_listener *listener, int fd)
{
	struct login_process *process = child.process;
	const struct boot_go *go = &process->service->private->go;
	struct cv_preauth *p = login_client_create(process, fd, listener);

	if (process->clients > go->client_limit)
		make_place(p);
	count_client();
	if (p->phase == LOGIN_CLOSING) {
		login_client_disconnect(p, p->close_reason);
		return;
	}
	login_list_add(&child.list, &p->place);
	login_watch_set(p, &p->watch, fd, EV_READ, on_first_byte);
	login_proxy_watch(p);
	update_accepting();
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
	(void)what;
	for (int i = 0; i < ACCEPT_BURST && child.accepting; i++) {
		int client = accept4((int)fd, NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			take_client(context, client);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			return;
		log_error("login", "accept: %s", strerror(errno));
		child.full = true;	/* until the next sweep */
		update_accepting();
	}
}

/* Silent connections have the same deadline as the others, and no timer. */
static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	uint64_t now = time_monotonic_msecs();
	struct cv_preauth *p = login_preauth_of(child.list.first), *next;

	(void)fd;
	(void)what;
	(void)context;
	child.full = false;
	for (; p != NULL; p = next) {
		next = login_preauth_of(p->place.next);
		if (p->phase == LOGIN_PARKED && now - p->connected_msecs >=
		    p->view->login.login_timeout)
			login_client_expel(p, true, "Inactivity");
	}
	update_accepting();
}

/* The parent says, or its death does, that others accept now. */
static void on_control(evutil_socket_t fd, short what, void *context)
{
	char byte;

	(void)what;
	(void)context;
	if (read((int)fd, &byte, 1) < 0 &&
	    (errno == EAGAIN || errno == EINTR))
		return;
	(void)event_del(child.control);
	child_retire();
	end_if_done();
}

static void on_stop(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	child.process->client_gone = NULL;
	while (child.list.first != NULL)
		login_client_expel(login_preauth_of(child.list.first),
				   false, "Server is stopping");
	_exit(EXIT_SUCCESS);
}

/* All but the log, auth's port, the parent and the listeners. */
static int close_others(const struct service *s)
{
	unsigned int from = CHILD_FIRST_FREE_FD;

	(void)close(BOOT_FD);
	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < s->private->listeners.count; i++) {
			unsigned int fd = (unsigned int)
				s->private->listeners.items[i].fd;

			if (fd >= from && fd < next)
				next = fd;
		}
		if (next > from && close_range(from, next == ~0U ? next :
					       next - 1, 0) < 0)
			return -1;
		if (next == ~0U)
			return 0;
		from = next + 1;
	}
}

static struct event *child_event(int fd, event_callback_fn fn,
				 const void *context)
{
	struct event *event = event_new(child.process->base, fd,
		(short)(fd < 0 ? EV_PERSIST : EV_READ | EV_PERSIST), fn,
		(void *)context);

	BUG_IF(event == NULL);
	return event;
}

static void add_events(struct service *s)
{
	static const struct timeval every = { SWEEP_SECONDS, 0 };

	array_init(&child.accepts, s->pool);
	for (size_t i = 0; i < s->private->listeners.count; i++) {
		const struct service_listener *listener =
			&s->private->listeners.items[i];

		*array_add(&child.accepts) = child_event(listener->fd,
							 on_accept, listener);
	}
	child.control = child_event(CHILD_CONTROL_FD, on_control, NULL);
	child.stop = child_event(stop_fd, on_stop, NULL);
	child.sweep = child_event(-1, on_sweep, NULL);
	BUG_IF(event_add(child.control, NULL) < 0);
	BUG_IF(event_add(child.stop, NULL) < 0);
	BUG_IF(event_add(child.sweep, &every) < 0);
	update_accepting();
}

__attribute__((noreturn))
static void child_run(struct login_process *process, int control,
		      const struct sandbox_filter *filter)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	struct cv_error err = ERROR_NONE;

	(void)sigaction(SIGCHLD, &action, NULL);
	if (dup2(control, CHILD_CONTROL_FD) < 0 ||
	    close_others(process->service) < 0)
		_exit(EXIT_FAILURE);
	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	action.sa_handler = on_term;
	(void)sigaction(SIGTERM, &action, NULL);
	child.process = process;
	process->base = event_base_new();
	if (stop_fd < 0 || process->base == NULL)
		_exit(EXIT_FAILURE);
	process->client_gone = client_gone;
	process->client_relayed = client_relayed;
	if (filter->count > 0 && sandbox_filter_apply(filter, &err) != CV_OK) {
		log_fatal("login", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
	add_events(process->service);
	(void)event_base_dispatch(process->base);
	_exit(EXIT_FAILURE);
}

/* --- the parent -------------------------------------------------------------------- */

struct shared_child {
	struct shared_child *next;
	pid_t pid;
	int control;			/* -1: retired */
	struct event *event;
	uint64_t started_msecs;
};

static struct {
	struct login_process *process;
	const struct sandbox_filter *filter;
	struct shared_child *children;
	uint32_t wanted, active;
	struct event *later;
	bool retired, crashed;
} parent;

static void let_go(struct shared_child *c)
{
	if (c->control < 0)
		return;
	event_free(c->event);
	(void)close(c->control);
	c->control = -1;
	parent.active--;
}

static void try_again_later(void)
{
	static const struct timeval pause = { 1, 0 };

	BUG_IF(event_add(parent.later, &pause) < 0);
}

static bool start_child(event_callback_fn on_word)
{
	struct service *s = parent.process->service;
	struct shared_child *c;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       fds) < 0)
		return false;
	pid = service_fork();
	if (pid == 0)
		child_run(parent.process, fds[1], parent.filter);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return false;
	}
	c = calloc(1, sizeof(*c));
	BUG_IF(c == NULL);
	*c = (struct shared_child){
		.next = parent.children, .pid = pid, .control = fds[0],
		.started_msecs = time_monotonic_msecs(),
		.event = event_new(s->base, fds[0], EV_READ | EV_PERSIST,
				   on_word, c),
	};
	BUG_IF(c->event == NULL || event_add(c->event, NULL) < 0);
	parent.children = c;
	parent.active++;
	service_hold(s);
	return true;
}

static void fill_up(event_callback_fn on_word)
{
	while (!parent.retired && parent.active < parent.wanted) {
		if (start_child(on_word))
			continue;
		log_error("login", "cannot fork: %s", strerror(errno));
		try_again_later();
		return;
	}
}

static void on_word(evutil_socket_t fd, short what, void *context)
{
	struct shared_child *c = context;
	char byte;
	ssize_t n = read((int)fd, &byte, 1);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* it has died; SIGCHLD tells of what */
		(void)event_del(c->event);
		return;
	}
	let_go(c);
	fill_up(on_word);
}

static void on_later(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	fill_up(on_word);
}

static void log_end(pid_t pid, int status)
{
	struct ipc_writer w;

	if (!WIFSIGNALED(status)) {
		log_error("login", "shared login process %d ended with "
			  "status %d", (int)pid, WEXITSTATUS(status));
		return;
	}
	log_error("login", "shared login process %d was killed by signal %d "
		  "(%s)", (int)pid, WTERMSIG(status),
		  strsignal(WTERMSIG(status)));
	if (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM ||
	    parent.crashed || parent.retired)
		return;
	/* who has learnt addresses from the crash shall find others */
	parent.crashed = true;
	ipc_begin(&w, BOOT_MSG_REFRESH);
	(void)ipc_send(BOOT_FD, &w, NULL);
}

bool login_shared_ended(pid_t pid, int status)
{
	struct shared_child **at = &parent.children, *c;
	bool young;

	while (*at != NULL && (*at)->pid != pid)
		at = &(*at)->next;
	c = *at;
	if (c == NULL)
		return false;
	*at = c->next;
	young = time_monotonic_msecs() - c->started_msecs < LIVED_MSECS;
	if (c->control >= 0 || status != 0)
		log_end(pid, status);
	let_go(c);
	free(c);
	if (young)
		try_again_later();
	else
		fill_up(on_word);
	service_release(parent.process->service);
	return true;
}

void login_shared_retire(void)
{
	parent.retired = true;
	for (struct shared_child *c = parent.children; c != NULL; c = c->next)
		let_go(c);
}

static uint32_t count_processes(const struct boot_go *go)
{
	uint32_t wanted = go->process_min_avail;
	cpu_set_t cpus;

	if (wanted == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		wanted = (uint32_t)CPU_COUNT(&cpus);
	if (wanted > go->process_limit)
		wanted = go->process_limit;
	return wanted > 0 ? wanted : 1;
}

void login_shared_start(struct login_process *process,
			const struct sandbox_filter *filter)
{
	parent.process = process;
	parent.filter = filter;
	parent.wanted = count_processes(&process->service->private->go);
	parent.later = event_new(process->service->base, -1, 0, on_later,
				 NULL);
	BUG_IF(parent.later == NULL);
	fill_up(on_word);
}
