/* selftest.c - what must fail in every role. */
#include "selftest.h"
#include "cv-plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SELFTEST_PATH_MAX = 4096, SELFTEST_NAME_MAX = 255 };

void selftest_put(struct ipc_writer *w, const struct selftest *t)
{
	ipc_put_str(w, t->user);
	ipc_put_str(w, t->home);
	ipc_put_u32(w, t->uid);
	ipc_put_u32(w, t->gid);
	ipc_put_str(w, t->foreign_mail);
	ipc_put_u32(w, t->port);
	ipc_put_u32(w, t->pid);
	ipc_put_fd(w, t->answer_fd);
}

int selftest_get(struct ipc_reader *r, struct cv_pool *pool,
		 struct selftest *t_r, struct cv_error *err)
{
	int status;

	t_r->user = pool_strdup(pool, ipc_get_str(r, SELFTEST_NAME_MAX));
	t_r->home = pool_strdup(pool, ipc_get_str(r, SELFTEST_PATH_MAX));
	t_r->uid = ipc_get_u32(r);
	t_r->gid = ipc_get_u32(r);
	t_r->foreign_mail = pool_strdup(pool,
		ipc_get_str(r, SELFTEST_PATH_MAX));
	t_r->port = ipc_get_count(r, UINT16_MAX);
	t_r->pid = ipc_get_u32(r);
	t_r->answer_fd = ipc_get_fd(r);
	status = ipc_finish(r, err);
	if (status != CV_OK && t_r->answer_fd >= 0)
		(void)close(t_r->answer_fd);
	return status;
}

/* Each: 0 when it succeeded, which it must not; else errno. */

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int try_foreign_mail(const struct selftest *t)
{
	return try_open(t->foreign_mail, O_RDONLY);
}

static int try_foreign_write(const struct selftest *t)
{
	return try_open(t->foreign_mail, O_WRONLY);
}

static int try_shadow(const struct selftest *t)
{
	(void)t;
	return try_open("/etc/shadow", O_RDONLY);
}

static int try_create(const struct selftest *t)
{
	int number;

	(void)t;
	number = try_open("/tmp/culver-selftest", O_WRONLY | O_CREAT);
	if (number == 0)
		(void)unlink("/tmp/culver-selftest");
	return number;
}

static int try_exec(const struct selftest *t)
{
	char *argv[] = { (char *)"true", NULL };

	(void)t;
	(void)execve("/bin/true", argv, argv + 1);
	return errno;
}

static int try_connect(const struct selftest *t)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)t->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), number = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		number = errno;
	(void)close(fd);
	return number;
}

static int try_ptrace(const struct selftest *t)
{
	if (ptrace(PTRACE_ATTACH, (pid_t)t->pid, NULL, NULL) < 0)
		return errno;
	(void)ptrace(PTRACE_DETACH, (pid_t)t->pid, NULL, NULL);
	return 0;
}

static int try_kill(const struct selftest *t)
{
	return kill((pid_t)t->pid, SIGUSR1) < 0 ? errno : 0;
}

static int try_root(const struct selftest *t)
{
	(void)t;
	if (geteuid() == 0)
		return EPERM;	/* is root already: its other walls count */
	return setuid(0) < 0 ? errno : 0;
}

static int try_chroot(const struct selftest *t)
{
	(void)t;
	return chroot("/") < 0 ? errno : 0;
}

static const struct {
	const char *name;
	int (*try)(const struct selftest *t);
	bool scripts_may;	/* the user's own rights are the wall */
	uint32_t declared;	/* a plugin that declares this may */
} attempts[] = {
	{ "read another user's mail", try_foreign_mail, true },
	{ "write another user's mail", try_foreign_write, true },
	{ "read /etc/shadow", try_shadow, false },
	{ "create a file in /tmp", try_create, true },
	{ "connect to a port", try_connect, false, CV_PLUGIN_CONNECTS },
	{ "trace a process", try_ptrace, false },
	{ "signal a process", try_kill, false },
	{ "become root", try_root, false },
	{ "change the root directory", try_chroot, false },
	/* last, as a success does not come back */
	{ "run a program", try_exec, true, CV_PLUGIN_EXECUTES },
};

static void run_attempts(const struct selftest *t, bool script,
			 uint32_t declared_flags)
{
	struct ipc_writer w;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int number;
		bool declared;

		if (script && attempts[i].scripts_may)
			continue;
		declared = (attempts[i].declared & declared_flags) != 0;
		number = declared ? 0 : attempts[i].try(t);
		ipc_begin(&w, SELFTEST_MSG_ROW);
		ipc_put_str(&w, attempts[i].name);
		ipc_put_bool(&w, declared || number != 0);
		ipc_put_str(&w, declared ? "not tried: a loaded plugin "
			    "declares that it does this" : number == 0 ?
			    "succeeded" : strerror(number));
		(void)ipc_send(t->answer_fd, &w, NULL);
	}
	ipc_begin(&w, SELFTEST_MSG_END);
	(void)ipc_send(t->answer_fd, &w, NULL);
	(void)close(t->answer_fd);
}

void selftest_run(const struct selftest *t, uint32_t declared_flags)
{
	run_attempts(t, false, declared_flags);
}

void selftest_run_script(const struct selftest *t)
{
	run_attempts(t, true, 0);
}
