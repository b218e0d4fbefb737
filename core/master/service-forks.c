/* service-forks.c - the first process of a service whose row forks.
 *
 * It has the settings, the ports and what libraries have relocated, which all
 * that it forks share, and reads no message: when one waits in a port that
 * nobody takes, it forks a process, which starts, takes it, and ends when it
 * has been served.  So a service that nobody asks is one small process. */
#include "service-private.h"
#include "code-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORTS_MAX = 30, REAP_MSECS = 1000, FAILED_MSECS = 1000 };

struct forks {
	struct service *s;
	uint32_t children, limit;
	/* The end of a pipe to the one that is to take what waits; -1: none. */
	int starting_fd;
	uint64_t not_before;	/* of time_monotonic_msecs: it has failed */
	bool retired;
};

/* --- starting -------------------------------------------------------------- */

static int try_start(struct service *s, int fd)
{
	struct cv_error err = ERROR_NONE;
	int status;

	s->base = s->row->run == NULL ? event_base_new() : NULL;
	s->private->classes = s->row->syscalls;
	status = s->row->start == NULL ? CV_OK : s->row->start(s, &err);
	if (status != CV_OK)
		(void)!write(fd, err.text, strlen(err.text));
	return status == CV_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A process starts and ends again, so that what is wrong with the settings is
 * known before the first client. */
static int check_start(struct service *s, struct cv_error *err)
{
	char text[ERROR_TEXT_MAX];
	size_t len = 0;
	ssize_t got;
	int fds[2], status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return FAIL_ERRNO(err, errno, "pipe failed");
	pid = service_fork();
	if (pid == 0)
		_exit(try_start(s, fds[1]));
	(void)close(fds[1]);
	while (pid > 0 && len < sizeof(text) - 1 &&
	       ((got = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0 ||
		(got < 0 && errno == EINTR)))
		len += got > 0 ? (size_t)got : 0;
	(void)close(fds[0]);
	text[len] = '\0';
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		return FAIL(err, CV_E_TEMP, "fork failed");
	if (status == 0)
		return CV_OK;
	return FAIL(err, CV_E_CONFIG, "%s", len > 0 ? text :
		    "a process that was to try the settings crashed");
}

/* --- children -------------------------------------------------------------- */

/* CV_NOT_FOUND: in the parent. */
static int fork_one(struct forks *forks, bool watched, struct cv_error *err)
{
	struct service *s = forks->s;
	int fds[2] = { -1, -1 };
	pid_t pid;

	if (watched && pipe2(fds, O_CLOEXEC) < 0)
		return FAIL_ERRNO(err, errno, "pipe failed");
	pid = service_fork();
	if (pid != 0) {
		if (fds[1] >= 0)
			(void)close(fds[1]);
		if (pid < 0 && fds[0] >= 0)
			(void)close(fds[0]);
		else
			forks->starting_fd = fds[0];
		forks->children += pid > 0;
		return pid < 0 ? FAIL(err, CV_E_TEMP, "fork failed") :
			CV_NOT_FOUND;
	}
	if (fds[0] >= 0)
		(void)close(fds[0]);
	/* one that nobody has come to ends with us; see take_no_more */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	s->private->forked = true;
	s->private->first_taken_fd = fds[1];
	return CV_OK;
}

static void reap(struct forks *forks)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		forks->children--;
		if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS)
			log_error("service", "process %d ended with status "
				  "%d", (int)pid, WEXITSTATUS(status));
		else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
			log_error("service", "process %d was killed by "
				  "signal %d (%s)", (int)pid,
				  WTERMSIG(status),
				  strsignal(WTERMSIG(status)));
	}
}

/* --- the first process ----------------------------------------------------- */

/* False when the master is gone. */
static bool take_master(struct forks *forks)
{
	static struct ipc_reader r;
	int status = ipc_receive(BOOT_FD, &r, NULL);

	if (status == CV_OK && r.type == BOOT_MSG_RETIRE &&
	    ipc_finish(&r, NULL) == CV_OK)
		forks->retired = true;
	return status == CV_OK || status == CV_NOT_FOUND;
}

/* What to watch: the master; who is starting, or else the ports. */
static nfds_t collect(const struct forks *forks, struct pollfd *fds)
{
	const struct service_private *p = forks->s->private;
	nfds_t count = 0;

	fds[count++] = (struct pollfd){ BOOT_FD, POLLIN, 0 };
	if (forks->starting_fd >= 0)
		fds[count++] = (struct pollfd){ forks->starting_fd, POLLIN,
						0 };
	else if (forks->children < forks->limit &&
		 time_monotonic_msecs() >= forks->not_before)
		for (size_t i = 0; i < p->servers.count && i < PORTS_MAX; i++)
			fds[count++] = (struct pollfd){
				p->servers.items[i].fd, POLLIN, 0 };
	return count;
}

/* It has taken what waited, or ended before. */
static void started(struct forks *forks)
{
	char taken;

	forks->not_before = read(forks->starting_fd, &taken, 1) == 1 ? 0 :
		time_monotonic_msecs() + FAILED_MSECS;
	(void)close(forks->starting_fd);
	forks->starting_fd = -1;
}

/* CV_OK in a child. */
static int look(struct forks *forks, struct cv_error *err)
{
	struct pollfd fds[PORTS_MAX + 2];
	nfds_t count = collect(forks, fds);
	int n = poll(fds, count, forks->children > 0 ||
		     forks->not_before != 0 ? REAP_MSECS : -1);
	bool waits = false;

	reap(forks);
	if (n <= 0)
		return CV_NOT_FOUND;
	if (fds[0].revents != 0 && !take_master(forks))
		return CV_EOF;
	for (nfds_t i = 1; i < count; i++)
		waits |= fds[i].revents != 0;
	if (waits && forks->starting_fd >= 0) {
		started(forks);
		return CV_NOT_FOUND;
	}
	return waits ? fork_one(forks, true, err) : CV_NOT_FOUND;
}

int service_forks_run(struct service *s, struct cv_error *err)
{
	const struct boot_go *go = &s->private->go;
	struct forks forks = {
		.s = s, .limit = go->process_limit, .starting_fd = -1,
	};
	int status = check_start(s, err);

	if (status != CV_OK)
		return status;
	service_limit_memory(go->vsz_limit);
	(void)fcntl(BOOT_FD, F_SETFL, O_NONBLOCK);
	service_prepare_forks();
	code_memory_drop();
	service_tell_ready(s);
	for (uint32_t i = 0; i < go->process_min_avail; i++) {
		if (fork_one(&forks, false, err) == CV_OK)
			return CV_OK;
	}
	/* those that serve somebody end with that */
	while (!forks.retired) {
		status = look(&forks, err);
		if (status == CV_OK)
			return CV_OK;
		if (status == CV_EOF)
			break;
		if (status < 0)
			log_error("service", "%s", err->text);
	}
	exit(EXIT_SUCCESS);
}
