/* service.c - the life of a process: boot, start, confine, serve. */
#include "service-private.h"
#include "code-memory.h"
#include "event-memory.h"
#include "log-line.h"
#include "selftest.h"
#include "module/module.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#if defined(__GLIBC__) && !defined(WITH_SANITIZERS)
#define TRIM_POSSIBLE
#include <malloc.h>
#if __GLIBC_PREREQ(2, 35)
#include <sys/rseq.h>
#endif
#endif
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	EXIT_FAILED = 1, EXIT_BOOT = 2,
	BOOT_TIMEOUT_MSECS = 30000,
	ACCEPT_BURST = 64, MESSAGE_BURST = 64, DRAIN_BURSTS = 1024,
	HOLE_MIN = 32, HOLE_MAX = 65536,
	RSEQ_AREA_SIZE = 32,	/* what the C library registers */
	STACK_DROPPED = 128 * 1024,
};

/* --- what the master sends ------------------------------------------------ */

static int boot_settings(struct service *s, struct ipc_reader *r,
			 struct cv_error *err)
{
	int fd = ipc_get_fd(r), status = ipc_finish(r, err);
	struct settings_tree *tree;

	if (status == CV_OK)
		status = settings_snapshot_read(fd, &tree, err);
	if (fd >= 0)
		(void)close(fd);
	if (status == CV_OK)
		s->settings = tree;
	return status;
}

static int boot_listener(struct service *s, struct ipc_reader *r,
			 struct cv_error *err)
{
	struct service_listener listener = {
		.name = pool_strdup(s->pool, ipc_get_str(r, 4096)),
		.is_unix = ipc_get_bool(r),
		.ssl = ipc_get_bool(r),
		.haproxy = ipc_get_bool(r),
		.type = ipc_get_u32(r), .mode = ipc_get_u32(r),
		.uid = ipc_get_u32(r), .gid = ipc_get_u32(r),
		.fd = ipc_get_fd(r),
	};
	int status = ipc_finish(r, err);

	if (status == CV_OK)
		*array_add(&s->private->listeners) = listener;
	return status;
}

static int boot_port(struct service *s, struct ipc_reader *r,
		     struct cv_error *err)
{
	bool client = r->type == BOOT_MSG_PORT_CLIENT;
	struct service_port port = {
		.peer = pool_strdup(s->pool, ipc_get_str(r, BOOT_NAME_MAX)),
		.fd = ipc_get_fd(r),
	};
	int status = ipc_finish(r, err);

	if (status != CV_OK)
		return status;
	if (client)
		*array_add(&s->private->clients) = port;
	else
		*array_add(&s->private->servers) = port;
	return CV_OK;
}

static int boot_message(struct service *s, struct ipc_reader *r, bool *go_r,
			struct cv_error *err)
{
	switch (r->type) {
	case BOOT_MSG_SETTINGS:
		return boot_settings(s, r, err);
	case BOOT_MSG_LISTENER:
		return boot_listener(s, r, err);
	case BOOT_MSG_PORT_CLIENT:
	case BOOT_MSG_PORT_SERVER:
		return boot_port(s, r, err);
	case BOOT_MSG_GO:
		*go_r = true;
		return boot_go_get(r, s->pool, &s->private->go, err);
	default:
		return ipc_refuse(r, "master", err);
	}
}

static int boot(struct service *s, struct cv_error *err)
{
	struct ipc_reader r;
	bool go = false;

	while (!go) {
		int status = ipc_receive_wait(BOOT_FD, BOOT_TIMEOUT_MSECS, &r,
					      err);

		if (status == CV_EOF)
			return FAIL(err, CV_E_INTERNAL,
				    "the master went away");
		if (status == CV_OK)
			status = boot_message(s, &r, &go, err);
		if (status != CV_OK)
			return status;
	}
	if (s->settings == NULL)
		return FAIL(err, CV_E_INTERNAL, "the master sent no settings");
	return settings_get(s->settings, &general_settings_table, NULL,
			    s->pool, &s->private->general, err);
}

/* --- confinement ---------------------------------------------------------- */

void service_limit_memory(uint64_t bytes)
{
	struct rlimit limit = { bytes, bytes };

#ifdef WITH_SANITIZERS
	return;	/* shadow memory is address space, too */
#endif
	if (bytes != 0 && setrlimit(RLIMIT_AS, &limit) < 0)
		log_warning("service", "cannot set vsz_limit: %s",
			    strerror(errno));
}

/* The one right that the change of the user has left. */
static int keep_watching(struct cv_error *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		[CAP_TO_INDEX(CAP_DAC_READ_SEARCH)] = {
			.effective = CAP_TO_MASK(CAP_DAC_READ_SEARCH),
			.permitted = CAP_TO_MASK(CAP_DAC_READ_SEARCH),
		},
	};

	return syscall(SYS_capset, &head, data) < 0 ?
		FAIL_ERRNO(err, errno, "cannot keep CAP_DAC_READ_SEARCH") :
		CV_OK;
}

int service_drop_identity(struct service *s, struct cv_error *err)
{
	const struct boot_go *go = &s->private->go;
	bool keep = s->row->watches_all && geteuid() == 0 &&
		go->uid != BOOT_NO_ID;

	if (*go->chroot_dir != '\0' && geteuid() == 0 &&
	    (chroot(go->chroot_dir) < 0 || chdir("/") < 0))
		return FAIL_ERRNO(err, errno, "cannot chroot to '%s'",
				  go->chroot_dir);
	if (go->gid != BOOT_NO_ID && geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(go->gid) < 0))
		return FAIL_ERRNO(err, errno, "cannot become group %u",
				  go->gid);
	if (keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return FAIL_ERRNO(err, errno, "cannot keep a capability");
	if (go->uid != BOOT_NO_ID && geteuid() == 0 && setuid(go->uid) < 0)
		return FAIL_ERRNO(err, errno, "cannot become user %u",
				  go->uid);
	return keep ? keep_watching(err) : CV_OK;
}

bool service_may_go_on(const struct service *s, int status,
		       const struct cv_error *err)
{
	if (status == CV_OK)
		return true;
	if (s->private->general.sandbox == GENERAL_SANDBOX_REQUIRED)
		return false;
	log_debug("sandbox", "going on without: %s", err->text);
	return true;
}

static int confine_paths(struct service *s, struct cv_error *err)
{
	struct sandbox_paths paths;
	uint32_t allow = 0;
	int status;

	sandbox_paths_init(&paths, s->pool);
	if ((s->private->classes & SANDBOX_FILES) != 0 &&
	    !s->row->chroot_empty)
		sandbox_paths_add_common(&paths);
	for (const struct service_path *p = s->row->paths;
	     p != NULL && p->path != NULL; p++)
		sandbox_paths_add(&paths, p->path, p->write);
	for (size_t i = 0; i < s->private->paths.count; i++)
		sandbox_paths_add(&paths, s->private->paths.items[i].path,
				  s->private->paths.items[i].write);
	if ((s->private->classes & SANDBOX_CONNECT) != 0)
		allow |= SANDBOX_ALLOW_CONNECT;
	if ((s->private->classes & SANDBOX_EXEC) != 0)
		allow |= SANDBOX_ALLOW_EXECUTE;
	status = sandbox_landlock(&paths, allow, err);
	sandbox_paths_close(&paths);
	return status;
}

int service_confine(struct service *s, struct cv_error *err)
{
	struct sandbox_filter filter;
	int status;

	if (s->private->general.sandbox == GENERAL_SANDBOX_NO)
		return CV_OK;
	status = confine_paths(s, err);
	if (!service_may_go_on(s, status, err))
		return status;
	status = sandbox_filter_create(s->private->classes, s->pool, &filter,
				       err);
	if (status == CV_OK)
		status = sandbox_filter_apply(&filter, err);
	return service_may_go_on(s, status, err) ? CV_OK : status;
}

/* --- serving -------------------------------------------------------------- */

static void end_if_idle(struct service *s)
{
	if (s->private->retired && s->private->holds == 0)
		service_exit(s);
}

static void retire(struct service *s)
{
	s->private->retired = true;
	if (s->row->retire != NULL)
		s->row->retire(s);
	else
		end_if_idle(s);
}

static void on_master(evutil_socket_t fd, short what, void *context)
{
	struct service *s = context;
	struct cv_error err = ERROR_NONE;
	struct ipc_reader r;
	int status = ipc_receive((int)fd, &r, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	if (status != CV_OK) {
		/* without a master nobody would restart or stop us */
		service_exit(s);
		return;
	}
	if (r.type == BOOT_MSG_RETIRE && ipc_finish(&r, &err) == CV_OK)
		retire(s);
	else
		log_error("service", "%s", err.text);
}

struct port_event { struct service *s; const char *client; };

static void run_selftest(struct service *s, struct ipc_reader *r)
{
	struct cv_pool *pool;
	struct cv_error err = ERROR_NONE;
	struct selftest t;

	if (s->row->selftest != NULL) {
		s->row->selftest(s, r);
		return;
	}
	pool = pool_create("selftest");
	if (selftest_get(r, pool, &t, &err) == CV_OK)
		selftest_run(&t, module_flags());
	pool_destroy(&pool);
}

static void take_message(const struct port_event *port, struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	struct service *s = port->s;
	int fd;

	if (r->type == SELFTEST_MSG_RUN &&
	    strcmp(port->client, "admin") == 0) {
		run_selftest(s, r);
		return;
	}
	if (r->type != IPC_MSG_CHANNEL) {
		if (s->row->message != NULL)
			s->row->message(s, port->client, r);
		else if (ipc_refuse(r, port->client, &err) != CV_OK)
			log_error("service", "%s", err.text);
		return;
	}
	fd = ipc_get_socket(r);
	if (ipc_finish(r, &err) != CV_OK || s->row->channel == NULL) {
		log_error("service", "'%s' cannot open a channel: %s",
			  port->client, err.text);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	s->row->channel(s, port->client, fd);
}

/* Its one client is there: the others are for others. */
static void take_no_more(struct service *s)
{
	struct service_private *p = s->private;

	for (size_t i = 0; i < p->listening.count; i++)
		event_free(p->listening.items[i]);
	p->listening.count = 0;
	p->retired = true;
	(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (p->first_taken_fd >= 0) {
		(void)!write(p->first_taken_fd, "", 1);
		(void)close(p->first_taken_fd);
	}
	p->first_taken_fd = -1;
}

/* False when there is nothing more. */
static bool take_messages(const struct port_event *port, int fd)
{
	bool one = port->s->private->forked;
	struct cv_error err = ERROR_NONE;
	static struct ipc_reader r;

	for (int i = 0; i < MESSAGE_BURST; i++) {
		int status = ipc_receive_now(fd, &r, &err);

		if (status == CV_NOT_FOUND || status == CV_EOF)
			return false;
		if (status == CV_OK && one)
			take_no_more(port->s);
		if (status == CV_OK)
			take_message(port, &r);
		else
			log_error("service", "port of '%s': %s", port->client,
				  err.text);
		if (one && port->s->private->holds == 0)
			service_exit(port->s);
		if (one)
			return false;
	}
	return true;
}

static void on_port(evutil_socket_t fd, short what, void *context)
{
	(void)what;
	(void)take_messages(context, (int)fd);
}

void service_drain(struct service *s)
{
	const struct service_private *p = s->private;

	for (size_t i = 0; i < p->servers.count; i++) {
		struct port_event port = { s, p->servers.items[i].peer };

		for (int n = 0; n < DRAIN_BURSTS &&
		     take_messages(&port, p->servers.items[i].fd); n++)
			;
	}
}

struct accept_event {
	struct service *s;
	const struct service_listener *listener;
};

static void on_accept(evutil_socket_t fd, short what, void *context)
{
	const struct accept_event *a = context;

	(void)what;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int client = accept4((int)fd, NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			a->s->row->accept(a->s, a->listener, client);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN)
			log_error("service", "accept: %s", strerror(errno));
		return;
	}
}

static struct event *add_event(struct service *s, int fd,
			       event_callback_fn fn, void *context)
{
	struct event *event = event_new(s->base, fd, EV_READ | EV_PERSIST,
					fn, context);

	BUG_IF(event == NULL);
	BUG_IF(event_add(event, NULL) < 0);
	return event;
}

static void add_events(struct service *s)
{
	struct service_private *p = s->private;

	(void)fcntl(BOOT_FD, F_SETFL, O_NONBLOCK);
	/* its orders are for the first process */
	if (!p->forked)
		(void)add_event(s, BOOT_FD, on_master, s);
	for (size_t i = 0; i < p->servers.count; i++) {
		struct port_event *port = pool_new(s->pool,
						   struct port_event);

		*port = (struct port_event){ s, p->servers.items[i].peer };
		*array_add(&p->listening) = add_event(s,
			p->servers.items[i].fd, on_port, port);
	}
	for (size_t i = 0; i < p->listeners.count &&
	     s->row->accept != NULL; i++) {
		struct accept_event *a = pool_new(s->pool,
						  struct accept_event);

		*a = (struct accept_event){ s, &p->listeners.items[i] };
		*array_add(&p->accepting) = add_event(s,
			p->listeners.items[i].fd, on_accept, a);
	}
}

void service_tell_ready(struct service *s)
{
	struct ipc_writer w;

	(void)s;
	ipc_begin(&w, BOOT_MSG_READY);
	(void)ipc_send(BOOT_FD, &w, NULL);
}

static void tell_failed(const struct cv_error *err)
{
	struct ipc_writer w;

	ipc_begin(&w, BOOT_MSG_FAILED);
	ipc_put_str(&w, err->text);
	(void)ipc_send(BOOT_FD, &w, NULL);
}

/* A process that is woken for each message spends more on that than on the
 * message.  Signals end the wait. */
static void gather(struct service *s)
{
	uint64_t wait = s->row->gather_msecs, now = time_monotonic_msecs();

	if (now - s->private->woken_msecs <= 2 * wait)
		(void)poll(NULL, 0, (int)wait);
	s->private->woken_msecs = now;
}

static void dispatch(struct service *s)
{
	if (s->row->gather_msecs == 0) {
		(void)event_base_dispatch(s->base);
		return;
	}
	while (event_base_loop(s->base, EVLOOP_ONCE) == 0 &&
	       !event_base_got_break(s->base))
		gather(s);
}

static int serve(struct service *s, struct cv_error *err)
{
	int status;

	if (s->row->run != NULL)
		return s->row->run(s, err);
	service_limit_memory(s->private->go.vsz_limit);
	status = service_drop_identity(s, err);
	if (status == CV_OK)
		status = service_confine(s, err);
	if (status != CV_OK)
		return status;
	add_events(s);
	if (s->row->ready != NULL)
		status = s->row->ready(s, err);
	if (status != CV_OK)
		return status;
	if (!s->private->forked)
		service_tell_ready(s);
	service_give_back();	/* what the start needed */
	code_memory_drop();
	dispatch(s);
	return CV_OK;
}

static void set_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_DFL;
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGCHLD, &action, NULL);
}

/* Debug lines are wanted for all, or for the categories of log_debug. */
static void set_log_levels(struct service *s)
{
	struct log_settings set;
	struct cv_span rest, word;

	if (settings_get(s->settings, &log_settings_table, NULL, s->pool,
			 &set, NULL) != CV_OK)
		return;
	if (set.mail_debug)
		log_set_level(NULL, LOG_LEVEL_DEBUG);
	rest = cv_span_of(set.log_debug);
	while (cv_span_split(&rest, ' ', &word)) {
		if (cv_span_begins(word, CV_SPAN("category=")))
			word = cv_span_skip(word, strlen("category="));
		if (word.len > 0)
			log_set_level(pool_copy(s->pool, word.data, word.len),
				      LOG_LEVEL_DEBUG);
	}
}

static int start(struct service *s, struct cv_error *err)
{
	int status;

	if (s->row == NULL)
		return FAIL(err, CV_E_CONFIG, "there is no service of the "
			    "name '%s'", s->name);
	settings_register_core();
	status = boot(s, err);
	if (status != CV_OK)
		return status;
	set_log_levels(s);
	if (s->row->forks && (status = service_forks_run(s, err)) != CV_OK)
		return status;
	if (s->row->run == NULL) {
		s->base = event_base_new();
		BUG_IF(s->base == NULL);
	}
	s->private->classes = s->row->syscalls;
	if (s->row->start != NULL)
		status = s->row->start(s, err);
	return status;
}

/* The numbers below stay free for what zygotes leave to their children at
 * fixed places. */
static void reserve_descriptors(void)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (null >= 0 && null < BOOT_FIRST_FREE_FD - 1)
		null = fcntl(null, F_DUPFD_CLOEXEC, 0);
}

int service_run(const char *name, const char *role)
{
	struct cv_error err = ERROR_NONE;
	struct service_private private = { .first_taken_fd = -1 };
	struct service s = { .name = name, .private = &private };
	int status;

	set_signals();
	event_memory_use();
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (fcntl(BOOT_FD, F_GETFD) < 0 || fcntl(BOOT_LOG_FD, F_GETFD) < 0) {
		(void)fprintf(stderr, "%s is started by culverd\n",
			      program_invocation_short_name);
		return EXIT_BOOT;
	}
	(void)fcntl(BOOT_FD, F_SETFD, FD_CLOEXEC);
	(void)fcntl(BOOT_LOG_FD, F_SETFD, FD_CLOEXEC);
	log_line_use(BOOT_LOG_FD, name);
	log_set_prefix(name);
	reserve_descriptors();
	s.pool = pool_create("service");
	array_init(&private.listeners, s.pool);
	array_init(&private.clients, s.pool);
	array_init(&private.servers, s.pool);
	array_init(&private.paths, s.pool);
	array_init(&private.accepting, s.pool);
	array_init(&private.listening, s.pool);
	s.row = service_row_find(role);
	status = start(&s, &err);
	if (status == CV_OK)
		status = serve(&s, &err);
	if (status == CV_OK)
		return EXIT_SUCCESS;
	log_fatal("service", "%s", err.text);
	if (!private.forked)
		tell_failed(&err);
	return EXIT_FAILED;
}

/* --- for the rows ---------------------------------------------------------- */

int service_port(const struct service *s, const char *server)
{
	for (size_t i = 0; i < s->private->clients.count; i++) {
		if (strcmp(s->private->clients.items[i].peer, server) == 0)
			return s->private->clients.items[i].fd;
	}
	return -1;
}

#ifdef TRIM_POSSIBLE
/* What start-up has freed lies all over the heap, and children that allocate
 * there copy a page for nearly each allocation, after having sorted the free
 * lists on as many.  So it is taken, never to be used; its pages are given
 * back already, and new memory comes from one place. */
static void fill_holes(void)
{
	const char *top = (char *)sbrk(0) - mallinfo2().keepcost;

	for (size_t size = HOLE_MAX; size >= HOLE_MIN; size /= 2) {
		void *hole;

		while ((hole = malloc(size)) != NULL && (char *)hole < top)
			;
		free(hole);
	}
}
#endif

#ifdef TRIM_POSSIBLE
/* Deep calls of the start have left pages below, which children that call as
 * deep would copy; new ones are cheaper. */
static void drop_stack(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t end = (here & ~(page - 1)) - page;

	/* what is not mapped there is skipped; the kernel keeps a gap of a
	 * megabyte below every stack free */
	(void)madvise((void *)(end - STACK_DROPPED), STACK_DROPPED,
		      MADV_DONTNEED);
}

/* Restartable sequences have the kernel write into a page of each thread
 * whenever it comes back from another: for the C library's sched_getcpu(),
 * which nobody calls. */
static void leave_rseq(void)
{
#if defined(RSEQ_SIG) && defined(__x86_64__)
	/* the thread's pointer, from which the offset counts */
	const char *self = (const char *)pthread_self();

	if (__rseq_size > 0)
		(void)syscall(SYS_rseq, self + __rseq_offset, RSEQ_AREA_SIZE,
			      RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}
#endif

void service_give_back(void)
{
#ifdef TRIM_POSSIBLE
	(void)malloc_trim(0);
	drop_stack();
#endif
}

void service_prepare_forks(void)
{
#ifdef TRIM_POSSIBLE
	(void)malloc_trim(0);
	fill_holes();
	drop_stack();
	leave_rseq();
#endif
}

pid_t service_fork(void)
{
#if defined(TRIM_POSSIBLE) && __GLIBC_PREREQ(2, 34)
	return _Fork();
#else
	return fork();
#endif
}

int service_channel_open(const struct service *s, const char *server,
			 int *channel_r, struct cv_error *err)
{
	int port = service_port(s, server);

	*channel_r = -1;
	if (port < 0)
		return FAIL(err, CV_E_DENIED, "'%s' has no port to '%s'",
			    s->name, server);
	return ipc_channel_open(port, channel_r, err);
}

const struct service_listener *
service_listener_at(const struct service *s, uint32_t index)
{
	return index < s->private->listeners.count ?
		&s->private->listeners.items[index] : NULL;
}

void service_hold(struct service *s)
{
	s->private->holds++;
}

void service_release(struct service *s)
{
	BUG_IF(s->private->holds == 0);
	s->private->holds--;
	end_if_idle(s);
}

void service_stop_accepting(struct service *s)
{
	for (size_t i = 0; i < s->private->accepting.count; i++)
		event_free(s->private->accepting.items[i]);
	s->private->accepting.count = 0;
}

void service_exit(struct service *s)
{
	if (s->base != NULL)
		(void)event_base_loopbreak(s->base);
	else
		exit(EXIT_SUCCESS);
}

void service_add_path(struct service *s, const char *path, bool write)
{
	struct service_path *added = array_add(&s->private->paths);

	added->path = pool_strdup(s->pool, path);
	added->write = write;
}

void service_add_syscalls(struct service *s, uint32_t classes)
{
	s->private->classes |= classes;
}
