/* script-service.c - runs post-login scripts.
 *
 * A session's child asks before it has become the user, and gives the port
 * away then.  Each request has a supervisor, forked from this process, that
 * starts the program, reads its standard error into the log, kills it when it
 * takes too long, and answers.  What the program reports comes from the user
 * and is taken as such. */
#include "script-service.h"

#include "ipc/script-message.h"
#include "master/sandbox.h"
#include "master/script-command.h"
#include "master/selftest.h"
#include "master/service-private.h"
#include "net/address.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CLIENT_FD = 5, ANSWER_FD = 6, FIRST_FREE_FD = 7,
	LOOK_EVERY_MSECS = 100, LINE_MAX_BYTES = 1000, LINES_MAX = 100,
	VARIABLES_MAX = USER_FIELDS_MAX + 32,
};

struct scripts {
	struct service *service;
	struct script_command command;
	bool as_user;			/* becomes the mail user */
	const char *helper;		/* this program's path */
	uint32_t children;
	struct event *on_child;
};

/* One run, in its supervisor. */
struct supervisor {
	const struct scripts *scripts;
	struct cv_pool *pool;
	struct script_run run;
	pid_t pid;
	int report_fd, stderr_fd;
	bool ended;
	int exit_status;
	char line[LINE_MAX_BYTES];
	size_t line_len;
	uint32_t lines;
};

/* --- the program -------------------------------------------------------------- */

struct environment { char *items[VARIABLES_MAX + 1]; uint32_t count; };

static void put_env(struct environment *env, struct cv_pool *pool,
		    const char *name, const char *value)
{
	if (env->count < VARIABLES_MAX)
		env->items[env->count++] = pool_printf(pool, "%s=%s", name,
						       value);
}

/* What would change how programs are found or started. */
static bool is_dangerous(const char *name)
{
	static const char *const names[] = {
		"PATH", "IFS", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "USER",
		"IP", "LOCAL_IP", "PROTO", "SERVICE", "USERDB_KEYS", "UID",
		"GID", "PYTHONPATH", "PYTHONHOME", "PERL5LIB", "PERL5OPT",
		"RUBYOPT", "RUBYLIB", "PERLLIB", "PERL5DB", "PYTHONSTARTUP",
		"NODE_OPTIONS", "GCONV_PATH", "LOCPATH", "NLSPATH",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return strncmp(name, "LD_", 3) == 0 || strncmp(name, "BASH_", 5) == 0 ||
		strncmp(name, "GLIBC_", 6) == 0 ||
		strpbrk(name, "= \t\r\n") != NULL || *name == '\0';
}

static void put_field(struct environment *env, struct cv_pool *pool,
		      const char *field, const char *value,
		      struct cv_text *keys)
{
	char *name = pool_strdup(pool, field);

	for (char *p = name; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	if (is_dangerous(name)) {
		log_warning("script", "the field %s of the userdb does not "
			    "become a variable of the script", field);
		return;
	}
	put_env(env, pool, name, value);
	if (keys->len > 0)
		cv_text_append_str(keys, " ");
	cv_text_append_str(keys, field);
}

static void make_environment(const struct supervisor *v,
			     struct environment *env)
{
	const struct user_info *user = &v->run.user;
	struct cv_text keys;

	cv_text_init(&keys, v->pool);
	put_env(env, v->pool, "PATH",
		"/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:"
		"/sbin");
	put_env(env, v->pool, "USER", user->name);
	put_env(env, v->pool, "IP", v->run.conn.remote_ip);
	put_env(env, v->pool, "LOCAL_IP", v->run.conn.local_ip);
	put_env(env, v->pool, "PROTO", v->run.service);
	put_env(env, v->pool, "SERVICE", v->run.service);
	put_env(env, v->pool, "UID", pool_printf(v->pool, "%u", user->uid));
	put_env(env, v->pool, "GID", pool_printf(v->pool, "%u", user->gid));
	if (*user->master_name != '\0')
		put_env(env, v->pool, "MASTER_USER", user->master_name);
	put_field(env, v->pool, "home", user->home, &keys);
	if (*user->mail != '\0')
		put_field(env, v->pool, "mail", user->mail, &keys);
	for (uint32_t i = 0; i < user->field_count; i++)
		put_field(env, v->pool, user->fields[i].name,
			  user->fields[i].value, &keys);
	put_env(env, v->pool, "USERDB_KEYS", cv_text_str(&keys));
}

static char **make_arguments(const struct supervisor *v)
{
	const struct script_command *command = &v->scripts->command;
	char **argv = pool_new_array(v->pool, char *, command->argc + 3);
	uint32_t i;

	for (i = 0; i < command->argc; i++)
		argv[i] = pool_strdup(v->pool, command->argv[i]);
	argv[i++] = pool_strdup(v->pool, v->scripts->helper);
	argv[i++] = pool_strdup(v->pool, "script-done");
	return argv;
}

static void complain(const char *what, const char *detail)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, detail);
	_exit(127);
}

static void become_user(const struct supervisor *v)
{
	const struct user_info *user = &v->run.user;

	if (!v->scripts->as_user || geteuid() != 0)
		return;
	if (user->uid == 0 || user->gid == 0 || user->uid == BOOT_NO_ID ||
	    user->gid == BOOT_NO_ID)
		complain("script", "never runs as root");
	if (setgroups(user->group_count, (const gid_t *)user->groups) < 0 ||
	    setgid(user->gid) < 0 || setuid(user->uid) < 0)
		complain("cannot become the user", strerror(errno));
}

/* [Dovecot 2.3 script-login] the script's output is the client's, its last
 * arguments are what it must run in the end. */
__attribute__((noreturn))
static void run_program(const struct supervisor *v, int report, int errors)
{
	struct environment env = { .count = 0 };
	char **argv = make_arguments(v);
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	make_environment(v, &env);
	(void)setsid();
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	if (null < 0 || dup2(errors, STDERR_FILENO) < 0 ||
	    dup2(null, STDIN_FILENO) < 0 ||
	    dup2(CLIENT_FD, STDOUT_FILENO) < 0 ||
	    dup2(report, SCRIPT_REPORT_FD) < 0)
		_exit(127);
	(void)close_range(SCRIPT_REPORT_FD + 1, ~0U, 0);
	become_user(v);
	if (*v->run.user.home == '\0' || chdir(v->run.user.home) < 0)
		(void)!chdir("/");
	(void)execve(argv[0], argv, env.items);
	complain(argv[0], strerror(errno));
	_exit(127);
}

static int start_program(struct supervisor *v, struct cv_error *err)
{
	int report[2], errors[2];
	int status = ipc_pair(report, false, err);

	if (status != CV_OK)
		return status;
	if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0)
		return FAIL_ERRNO(err, errno, "cannot make a pipe");
	(void)fcntl(errors[1], F_SETFL, 0);
	v->pid = fork();
	if (v->pid < 0)
		return FAIL_ERRNO(err, errno, "cannot fork");
	if (v->pid == 0)
		run_program(v, report[1], errors[1]);
	(void)close(report[1]);
	(void)close(errors[1]);
	(void)close(CLIENT_FD);
	v->report_fd = report[0];
	v->stderr_fd = errors[0];
	return CV_OK;
}

/* --- watching it ------------------------------------------------------------------ */

static void log_stderr_line(struct supervisor *v)
{
	if (v->line_len > 0 && v->lines++ < LINES_MAX)
		log_warning("script", "%s of user %s: %.*s",
			    v->scripts->command.argv[0], v->run.user.name,
			    (int)v->line_len, v->line);
	v->line_len = 0;
}

static void read_stderr(struct supervisor *v)
{
	char buffer[1024];
	ssize_t got = -1;

	for (int i = 0; v->stderr_fd >= 0 && i < 64; i++) {
		got = read(v->stderr_fd, buffer, sizeof(buffer));
		if (got <= 0)
			break;
		for (ssize_t at = 0; at < got; at++) {
			if (buffer[at] == '\n' ||
			    v->line_len == sizeof(v->line))
				log_stderr_line(v);
			if (buffer[at] != '\n')
				v->line[v->line_len++] = buffer[at];
		}
	}
	if (got == 0) {
		(void)close(v->stderr_fd);
		v->stderr_fd = -1;
	}
}

static void look_for_end(struct supervisor *v)
{
	if (!v->ended && waitpid(v->pid, &v->exit_status, WNOHANG) == v->pid)
		v->ended = true;
}

static int explain_end(const struct supervisor *v, struct cv_error *err)
{
	const char *path = v->scripts->command.argv[0];

	if (WIFSIGNALED(v->exit_status))
		return FAIL(err, CV_E_TEMP, "script %s was killed by "
			    "signal %d", path, WTERMSIG(v->exit_status));
	return FAIL(err, CV_E_TEMP, "script %s ended with status %d and did "
		    "not exec \"$@\": the user is not let in", path,
		    WEXITSTATUS(v->exit_status));
}

static int receive_report(struct supervisor *v,
			  struct script_fields *fields_r,
			  struct cv_error *err)
{
	struct ipc_reader r;
	int status = ipc_receive_wait(v->report_fd, 0, &r, err);

	if (status != CV_OK)
		return CV_NOT_FOUND;
	if (r.type != SCRIPT_MSG_FIELDS)
		return ipc_refuse(&r, "script", err);
	return script_fields_get(&r, v->pool, fields_r, err);
}

/* Until it reports, ends, takes too long, or nobody waits any more. */
static int watch(struct supervisor *v, struct script_fields *fields_r,
		 struct cv_error *err)
{
	const struct script_command *command = &v->scripts->command;
	uint64_t deadline = time_monotonic_msecs() +
		(uint64_t)command->timeout_secs * 1000;

	for (;;) {
		struct pollfd fds[] = {
			{ v->report_fd, v->ended ? 0 : POLLIN, 0 },
			{ v->stderr_fd, POLLIN, 0 }, { ANSWER_FD, POLLIN, 0 },
		};
		int status;

		look_for_end(v);
		status = receive_report(v, fields_r, err);
		if (status != CV_NOT_FOUND)
			return status;
		if (v->ended)
			return explain_end(v, err);
		if (time_monotonic_msecs() >= deadline)
			return FAIL(err, CV_E_TIMEOUT, "script %s did not "
				    "end within %u seconds, and was killed",
				    command->argv[0], command->timeout_secs);
		(void)poll(fds, 3, LOOK_EVERY_MSECS);
		read_stderr(v);
		if ((fds[2].revents & (POLLHUP | POLLERR)) != 0)
			return FAIL(err, CV_EOF, "the client went away while "
				    "script %s ran", command->argv[0]);
		/* its end has been closed, and it has not ended yet */
		if ((fds[0].revents & POLLHUP) != 0)
			(void)poll(NULL, 0, 10);
	}
}

static void answer(int fd, int status, const struct script_fields *fields)
{
	struct ipc_writer w;

	ipc_begin(&w, SCRIPT_MSG_END);
	ipc_put_u32(&w, (uint32_t)-status);
	script_fields_put(&w, fields);
	(void)ipc_send_now(fd, &w, NULL);
}

__attribute__((noreturn))
static void supervise(const struct scripts *scripts, struct script_run *run,
		      struct cv_pool *pool)
{
	struct supervisor *v = pool_new(pool, struct supervisor);
	struct script_fields fields = { 0 };
	struct cv_error err = ERROR_NONE;
	int status;

	v->scripts = scripts;
	v->pool = pool;
	v->run = *run;
	if (dup2(run->client_fd, CLIENT_FD) < 0 ||
	    dup2(run->answer_fd, ANSWER_FD) < 0)
		_exit(EXIT_FAILURE);
	(void)close_range(FIRST_FREE_FD, ~0U, 0);
	status = start_program(v, &err);
	if (status == CV_OK)
		status = watch(v, &fields, &err);
	if (v->stderr_fd > 0)
		read_stderr(v);
	log_stderr_line(v);
	if (status != CV_OK) {
		fields.count = 0;
		if (v->pid > 0)
			(void)kill(-v->pid, SIGKILL);
		log_error("script", "user %s: %s", run->user.name, err.text);
	}
	answer(ANSWER_FD, status, &fields);
	_exit(EXIT_SUCCESS);
}

/* --- the service ---------------------------------------------------------------------- */

static void run_script(struct scripts *scripts, struct script_run *run,
		       struct cv_pool *pool)
{
	const struct script_fields none = { 0 };
	pid_t pid = -1;

	if (scripts->children >= scripts->service->private->go.process_limit)
		log_warning("script", "process_limit (%u) reached: raise it "
			    "in service %s",
			    scripts->service->private->go.process_limit,
			    scripts->service->name);
	else
		pid = fork();
	if (pid == 0)
		supervise(scripts, run, pool);
	if (pid > 0) {
		scripts->children++;
		service_hold(scripts->service);
	} else {
		answer(run->answer_fd, CV_E_LIMIT, &none);
	}
	(void)close(run->client_fd);
	(void)close(run->answer_fd);
}

static void script_message(struct service *s, const char *client,
			   struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	struct script_run run;
	struct cv_pool *pool;
	int status;

	if (r->type != SCRIPT_MSG_RUN) {
		(void)ipc_refuse(r, client, &err);
		log_error("script", "%s", err.text);
		return;
	}
	pool = pool_create("script");
	status = script_run_get(r, pool, &run, &err);
	if (status == CV_OK)
		run_script(s->context, &run, pool);
	else
		log_error("script", "%s: %s", client, err.text);
	pool_destroy(&pool);
}

/* In a child that has become the user, as a script has. */
static void script_selftest(struct service *s, struct ipc_reader *r)
{
	struct scripts *scripts = s->context;
	struct cv_pool *pool = pool_create("selftest");
	struct cv_error err = ERROR_NONE;
	struct selftest t;
	pid_t pid = -1;

	if (selftest_get(r, pool, &t, &err) == CV_OK) {
		pid = fork();
		if (pid == 0 && (geteuid() != 0 || !scripts->as_user ||
				 (setgroups(0, NULL) == 0 &&
				  setgid(t.gid) == 0 && setuid(t.uid) == 0)))
			selftest_run_script(&t);
		if (pid == 0)
			_exit(EXIT_SUCCESS);
		(void)close(t.answer_fd);
	}
	if (pid > 0) {
		scripts->children++;
		service_hold(s);
	}
	pool_destroy(&pool);
}

static void on_child(evutil_socket_t fd, short what, void *context)
{
	struct scripts *scripts = context;

	(void)fd;
	(void)what;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
		if (scripts->children == 0)
			continue;
		scripts->children--;
		service_release(scripts->service);
	}
}

static int script_ready(struct service *s, struct cv_error *err)
{
	struct scripts *scripts = s->context;

	scripts->on_child = evsignal_new(s->base, SIGCHLD, on_child, scripts);
	if (scripts->on_child == NULL ||
	    event_add(scripts->on_child, NULL) < 0)
		return FAIL(err, CV_E_INTERNAL, "cannot watch children");
	return CV_OK;
}

static int find_helper(struct scripts *scripts, struct cv_error *err)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		return FAIL_ERRNO(err, errno, "cannot read /proc/self/exe");
	scripts->helper = pool_copy(scripts->service->pool, path, (size_t)len);
	return CV_OK;
}

static int script_start(struct service *s, struct cv_error *err)
{
	struct scripts *scripts = pool_new(s->pool, struct scripts);
	struct settings_scope scope = { 0 };
	struct service_settings set;
	int status;

	scripts->service = s;
	s->context = scripts;
	if (!settings_block_find(s->settings, "service", SETTINGS_ROOT,
				 s->name, &scope.block))
		return FAIL(err, CV_E_CONFIG, "service %s is not in the "
			    "settings", s->name);
	status = settings_get(s->settings, &service_settings_table, &scope,
			      s->pool, &set, err);
	if (status == CV_OK)
		status = script_command_parse(set.executable, s->pool,
					      &scripts->command, err);
	if (status == CV_OK)
		status = find_helper(scripts, err);
	if (status != CV_OK)
		return status;
	scripts->as_user = scripts->command.as_user || *set.user == '\0';
	/* a program may look at what its uid may; the uid is its wall */
	service_add_path(s, "/", true);
	if (scripts->command.network)
		service_add_syscalls(s, SANDBOX_CONNECT);
	return CV_OK;
}

const struct service_row script_service_row = {
	.name = "script",
	.user = SERVICE_USER_ROOT,
	.syscalls = SANDBOX_FILES | SANDBOX_EVENTS | SANDBOX_EXEC |
		SANDBOX_FORK | SANDBOX_BIRTH | SANDBOX_PROGRAM,
	.start = script_start,
	.ready = script_ready,
	.message = script_message,
	.selftest = script_selftest,
};
