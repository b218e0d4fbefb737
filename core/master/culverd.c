/* culverd - starts and watches all processes of the server.
 *
 * Runs as root (or as an ordinary user, and then so does everything).  Trusts
 * its configuration, and culveradm over a socket that only root and its own
 * user can open.  Never reads a byte of a client, never runs a plugin: the
 * configuration is read by a child, which gives back a checked snapshot.
 *
 * SIGHUP reloads, SIGTERM and SIGINT stop, SIGUSR1 reopens log files. */
#include "master.h"
#include "code-memory.h"
#include "log-line.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STOP_PATIENCE_MSECS = 10000, DESCRIPTORS_WANTED = 65536,
	HIGH_FD = 32,
};

static volatile sig_atomic_t got_hup, got_term, got_usr1;

static void on_signal(int number)
{
	if (number == SIGHUP)
		got_hup = 1;
	else if (number == SIGUSR1)
		got_usr1 = 1;
	else if (number != SIGCHLD)
		got_term = 1;
}

/* Blocked but while the loop waits, so that none is missed. */
static void catch_signals(sigset_t *unblocked_r)
{
	static const int numbers[] = {
		SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGCHLD,
	};
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(int); i++) {
		(void)sigaction(numbers[i], &action, NULL);
		(void)sigaddset(&blocked, numbers[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &blocked, unblocked_r);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(int); i++)
		(void)sigdelset(unblocked_r, numbers[i]);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

/* --- reload ------------------------------------------------------------------ */

/* Asked once, here: each process would say the same. */
static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static int check_walls(const struct master_config *config,
		       struct cv_error *err)
{
	if (config->general.sandbox == GENERAL_SANDBOX_REQUIRED &&
	    !has_landlock())
		return FAIL(err, CV_E_CONFIG, "sandbox = required, but there "
			    "is no Landlock here (an old kernel, or a "
			    "container that forbids it)");
	return CV_OK;
}

static void reload_failed(struct master *m, const char *what,
			  const struct cv_error *err)
{
	log_error("master", "%s: %s", what, err->text);
	master_control_reloaded(m, err->code < 0 ? err->code : CV_E_CONFIG,
				err->text);
}

static void reload_begin(struct master *m)
{
	struct cv_error err = ERROR_NONE;

	if (m->config_fd >= 0) {
		m->reload_wanted = true;	/* once more afterwards */
		return;
	}
	m->reload_wanted = false;
	notify_state("RELOADING=1");
	if (master_config_begin(m, &m->config_pid, &m->config_fd, &err) !=
	    CV_OK) {
		notify_state("READY=1");
		reload_failed(m, "cannot reload", &err);
	}
}

static void reload_end(struct master *m)
{
	struct master_config *config, *old = m->config;
	struct cv_error err = ERROR_NONE;
	int status = master_config_finish(m, m->config_fd, &config, &err);

	(void)close(m->config_fd);
	m->config_fd = -1;
	if (status == CV_OK) {
		status = check_walls(config, &err);
		if (status == CV_OK)
			status = master_listeners_open(m, config, old, &err);
		if (status != CV_OK)
			master_config_destroy(&config);
	}
	notify_state("READY=1");
	if (status != CV_OK) {
		reload_failed(m, "reload failed, the old settings stay in "
			      "force", &err);
		return;
	}
	m->config = config;
	m->generation++;
	master_processes_retire(m);
	master_config_destroy(&old);
	log_info("master", "settings reloaded");
	master_control_reloaded(m, CV_OK, "");
}

/* --- stop ---------------------------------------------------------------------- */

static void stop_begin(struct master *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	m->stop_deadline_msecs = time_monotonic_msecs() + STOP_PATIENCE_MSECS;
	notify_state("STOPPING=1");
	log_info("master", "stopping");
	for (struct master_process *p = m->processes; p != NULL;
	     p = p->next) {
		/* the log service hears the last words of the others */
		if (strcmp(p->name, "log") == 0)
			continue;
		(void)kill(m->config->general.shutdown_clients ? -p->pid :
			   p->pid, SIGTERM);
	}
	if (m->config->general.shutdown_clients)
		(void)master_groups_signal(m, SIGTERM);
}

static bool only_log_is_left(const struct master *m)
{
	for (const struct master_process *p = m->processes; p != NULL;
	     p = p->next) {
		if (strcmp(p->name, "log") != 0)
			return false;
	}
	return true;
}

/* True when everything has ended. */
static bool stop_continue(struct master *m)
{
	if (time_monotonic_msecs() >= m->stop_deadline_msecs) {
		master_processes_signal(m, SIGKILL);
		if (m->config->general.shutdown_clients)
			(void)master_groups_signal(m, SIGKILL);
		return m->processes == NULL;
	}
	/* systemd kills what is there when the master ends: sessions shall
	 * say goodbye first */
	if (m->config->general.shutdown_clients && master_groups_signal(m, 0))
		return false;
	if (only_log_is_left(m))
		master_processes_signal(m, SIGTERM);
	return m->processes == NULL;
}

/* --- the loop -------------------------------------------------------------------- */

static int wait_msecs(struct master *m)
{
	uint64_t now = time_monotonic_msecs();
	uint64_t next = master_processes_next(m, now);

	if (m->stopping)
		return 100;
	return next > 60000 ? 60000 : (int)next;
}

static void handle_signals(struct master *m)
{
	if (got_hup) {
		got_hup = 0;
		reload_begin(m);
	}
	if (got_usr1) {
		got_usr1 = 0;
		for (struct master_process *p = m->processes; p != NULL;
		     p = p->next) {
			if (strcmp(p->name, "log") == 0)
				(void)kill(p->pid, SIGUSR1);
		}
	}
	if (got_term)
		stop_begin(m);
	master_processes_reap(m);
}

static void wait_once(struct master *m, const sigset_t *unblocked)
{
	struct pollfd fds[256];
	struct master_process *owners[256];
	int msecs = wait_msecs(m);
	struct timespec limit = { msecs / 1000, (msecs % 1000) * 1000000L };
	nfds_t count = 2;

	fds[0] = (struct pollfd){ m->control_fd, POLLIN, 0 };
	fds[1] = (struct pollfd){ m->config_fd, POLLIN, 0 };
	for (struct master_process *p = m->processes; p != NULL && count < 256;
	     p = p->next) {
		owners[count] = p;
		fds[count++] = (struct pollfd){ p->boot_fd, POLLIN, 0 };
	}
	if (ppoll(fds, count, &limit, unblocked) <= 0)
		return;
	for (nfds_t i = 2; i < count; i++) {
		if (fds[i].revents != 0)
			master_process_message(m, owners[i]);
	}
	if (fds[1].revents != 0)
		reload_end(m);
	if (fds[0].revents != 0)
		master_control_accept(m);
}

static void run(struct master *m, const sigset_t *unblocked)
{
	for (;;) {
		handle_signals(m);
		if (m->stopping && stop_continue(m))
			return;
		if (m->reload_wanted && m->config_fd < 0)
			reload_begin(m);
		master_processes_start(m);
		wait_once(m, unblocked);
	}
}

/* --- start ------------------------------------------------------------------------- */

static int make_log_pairs(struct master *m, struct cv_error *err)
{
	int status, fds[2];

	status = ipc_pair(fds, true, err);
	if (status != CV_OK)
		return status;
	for (int i = 0; i < 2; i++) {
		m->log_fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		(void)close(fds[i]);
	}
	if (m->foreground)
		return CV_OK;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return FAIL_ERRNO(err, errno, "cannot make a pipe");
	for (int i = 0; i < 2; i++) {
		m->stderr_fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		(void)close(fds[i]);
	}
	return CV_OK;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (geteuid() == 0 && limit.rlim_max < DESCRIPTORS_WANTED)
		limit.rlim_max = DESCRIPTORS_WANTED;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ?
		limit.rlim_max : DESCRIPTORS_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static const char *pid_path(struct master *m)
{
	return pool_printf(m->pool, "%s/master.pid",
			   m->config->general.base_dir);
}

/* A living master of the same directory holds a lock on the file.  Taken
 * before any socket is replaced; goes along into the background. */
static int lock_pid(struct master *m, int *fd_r, struct cv_error *err)
{
	const char *path = pid_path(m);

	*fd_r = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*fd_r < 0)
		return FAIL_ERRNO(err, errno, "cannot write '%s'", path);
	if (flock(*fd_r, LOCK_EX | LOCK_NB) < 0)
		return FAIL(err, CV_E_EXISTS, "culverd is running already in "
			    "'%s'", m->config->general.base_dir);
	return CV_OK;
}

static int write_pid(struct master *m, int fd, struct cv_error *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len)
		return FAIL_ERRNO(err, errno, "cannot write '%s'",
				  pid_path(m));
	return CV_OK;	/* stays open, and with it the lock */
}

static const char *instance_path(struct master *m)
{
	return pool_printf(m->pool, "%s/instance",
			   m->config->general.base_dir);
}

/* Which configuration this is the server of: culveradm finds us by it when
 * the file has become unreadable.  Only in place when it is whole. */
static int write_instance(struct master *m, struct cv_error *err)
{
	const char *path = instance_path(m);
	const char *aside = pool_printf(m->pool, "%s.new", path);
	const char *text = pool_printf(m->pool, "%s\n", m->config_path);
	size_t len = strlen(text);
	int fd;

	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
		  O_NOFOLLOW, 0644);
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot write '%s'", aside);
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644) < 0 ||
	    rename(aside, path) < 0) {
		(void)close(fd);
		return FAIL_ERRNO(err, errno, "cannot write '%s'", path);
	}
	(void)close(fd);
	return CV_OK;
}

static void go_to_background(void)
{
	pid_t pid = fork();
	int null;

	if (pid > 0)
		_exit(EXIT_SUCCESS);
	if (pid < 0) {
		perror("fork");
		exit(EXIT_FAILURE);
	}
	(void)setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	(void)close(null);
}

static int read_config(struct master *m, struct cv_error *err)
{
	pid_t pid;
	int fd, status = master_config_begin(m, &pid, &fd, err), end;

	if (status != CV_OK)
		return status;
	status = master_config_finish(m, fd, &m->config, err);
	(void)close(fd);
	while (waitpid(pid, &end, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void warn_of_missing_walls(const struct master_config *config)
{
	if (config->general.sandbox == GENERAL_SANDBOX_AUTO &&
	    !has_landlock())
		log_warning("sandbox", "there is no Landlock here (an old "
			    "kernel, or a container that forbids it): "
			    "processes may read what their users may "
			    "(hint: sandbox = required refuses to run so)");
}

static int prepare(struct master *m, struct cv_error *err)
{
	int pid_fd, status = read_config(m, err);

	if (status == CV_OK)
		status = check_walls(m->config, err);
	if (status == CV_OK)
		status = lock_pid(m, &pid_fd, err);
	if (status == CV_OK)
		status = master_listeners_open(m, m->config, NULL, err);
	if (status == CV_OK)
		status = make_log_pairs(m, err);
	if (status != CV_OK)
		return status;
	if (!m->foreground)
		go_to_background();
	status = write_pid(m, pid_fd, err);
	if (status == CV_OK)
		status = write_instance(m, err);
	if (status == CV_OK)
		status = master_control_listen(m, err);
	return status;
}

static void usage(FILE *to)
{
	(void)fprintf(to,
		"usage: culverd [-F] [-c file] [-x dir] [-V]\n"
		"  -F       stay in the foreground, log to the terminal too\n"
		"  -c file  configuration, default %s/culver.conf\n"
		"  -x dir   where culver-service is, default %s\n"
		"  -V       print the version\n",
		CULVER_SYSCONFDIR, CULVER_SERVICEDIR);
}

static void parse_options(struct master *m, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "Fc:x:Vh", long_options,
				     NULL)) != -1) {
		switch (option) {
		case 'F':
			m->foreground = true;
			break;
		case 'c':
			m->config_path = optarg;
			break;
		case 'x':
			m->service_dir = optarg;
			break;
		case 'V':
			(void)printf("%s\n", PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(64);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(64);
	}
}

/* The reader runs in our directory; paths must mean the same on a reload. */
static const char *absolute(struct cv_pool *pool, const char *path)
{
	char *real = realpath(path, NULL);
	const char *copy = real == NULL ? path : pool_strdup(pool, real);

	free(real);
	return copy;
}

/* Whatever our caller left open is no business of the services. */
static void close_strangers(const struct master *m)
{
	int first = STDERR_FILENO + 1;

	for (size_t i = 0; i < m->inherited.count; i++) {
		if (m->inherited.items[i] > first)
			(void)close_range((unsigned int)first, (unsigned int)
					  m->inherited.items[i] - 1, 0);
		first = m->inherited.items[i] + 1;
	}
	(void)close_range((unsigned int)first, ~0U, 0);
}

int main(int argc, char **argv)
{
	struct master m = {
		.config_path = CULVER_SYSCONFDIR "/culver.conf",
		.service_dir = CULVER_SERVICEDIR,
		.root = geteuid() == 0, .log_fds = { -1, -1 },
		.stderr_fds = { -1, -1 }, .control_fd = -1, .config_fd = -1,
		.reload_fd = -1,
		.config_pid = -1,
	};
	struct cv_error err = ERROR_NONE;
	sigset_t unblocked;
	int status;

	parse_options(&m, argc, argv);
	m.pool = pool_create("master");
	array_init(&m.left_groups, m.pool);
	array_init(&m.ports, m.pool);
	array_init(&m.inherited, m.pool);
	m.config_path = absolute(m.pool, m.config_path);
	m.service_dir = absolute(m.pool, m.service_dir);
	settings_register_core();
	master_listeners_inherit(&m);
	close_strangers(&m);
	raise_descriptors();
	random_bytes(m.secret, sizeof(m.secret));
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	status = prepare(&m, &err);
	if (status != CV_OK) {
		(void)fprintf(stderr, "culverd: %s\n", err.text);
		return status == CV_E_CONFIG ? SETTINGS_EXIT_BAD :
			EXIT_FAILURE;
	}
	catch_signals(&unblocked);
	log_line_use(m.log_fds[0], "master");
	log_set_prefix("master");
	log_info("master", "Culver %s starting up", PACKAGE_VERSION);
	warn_of_missing_walls(m.config);
	master_processes_start(&m);
	notify_state("READY=1");
	code_memory_drop();
	run(&m, &unblocked);
	master_listeners_remove(m.config);
	master_socket_remove(&m.control_file);
	(void)unlink(instance_path(&m));
	(void)unlink(pid_path(&m));
	return EXIT_SUCCESS;
}
