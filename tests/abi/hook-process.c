/* hook-process.c - a throwaway plugin: a program of its own decides about
 * deliveries.  It shows that the synchronous hooks carry a decision from
 * another process: the session waits, for a bounded time, and a program that
 * hangs, dies or talks nonsense costs that time and one process.
 *
 * The program reads "SENDER RECIPIENT\n" and writes one line: "ok",
 * "reject TEXT", "later TEXT" or "file MAILBOX". */
#include "cv-delivery.h"
#include "cv-host.h"
#include "cv-plugin.h"
#include "cv-hook.h"
#include "cv-text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MSECS = 500, LINE_MAX_BYTES = 1000 };

static struct cv_plugin *self_;
static const char *program;

static pid_t start(int *fd_r)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 0);
		dup2(fds[1], 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	*fd_r = fds[0];
	return pid;
}

/* One line, or nothing when the time is over or the peer has gone. */
static bool read_line(int fd, char *line, size_t size)
{
	uint64_t until = cv_api->monotonic_msecs() + WAIT_MSECS;
	size_t len = 0;

	while (len < size - 1) {
		uint64_t now = cv_api->monotonic_msecs();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (now >= until ||
		    poll(&p, 1, (int)(until - now)) <= 0)
			return false;
		got = recv(fd, line + len, size - 1 - len, 0);
		if (got <= 0)
			return false;
		len += (size_t)got;
		line[len] = '\0';
		if (strchr(line, '\n') != NULL) {
			*strchr(line, '\n') = '\0';
			return true;
		}
	}
	return false;
}

static int answer(struct cv_delivery_ctx *ctx, const char *line)
{
	if (strcmp(line, "ok") == 0)
		return CV_DECLINED;
	if (strncmp(line, "file ", 5) == 0) {
		ctx->mailbox_name = cv_span_copy(ctx->pool,
						 cv_span_of(line + 5));
		return CV_DECLINED;
	}
	if (strncmp(line, "reject ", 7) == 0) {
		cv_api->error_set_client(ctx->err, "%s", line + 7);
		return CV_E_PERM;
	}
	if (strncmp(line, "later ", 6) == 0) {
		cv_api->error_set_client(ctx->err, "%s", line + 6);
		return CV_E_TEMP;
	}
	return CV_FAIL(ctx->err, CV_E_INTERNAL, "%s said '%.100s'", program,
		       line);
}

static int received(struct cv_delivery_ctx *ctx)
{
	char line[LINE_MAX_BYTES];
	bool answered;
	int fd, len, status;
	pid_t pid = start(&fd);

	if (pid < 0)
		return CV_FAIL(ctx->err, CV_E_INTERNAL, "cannot start %s",
			       program);
	len = snprintf(line, sizeof(line), "%.*s %.*s\n",
		       CV_SPAN_ARG(ctx->sender), CV_SPAN_ARG(ctx->recipient));
	answered = len < (int)sizeof(line) &&
		send(fd, line, (size_t)len, MSG_NOSIGNAL) == len &&
		read_line(fd, line, sizeof(line));
	close(fd);
	/* whatever it still does, nobody waits for it */
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!answered)
		return CV_FAIL(ctx->err, CV_E_INTERNAL, "%s gave no answer",
			       program);
	return answer(ctx, line);
}

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	self_ = self;
	program = getenv("HOOK_PROGRAM");
	if (program == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "HOOK_PROGRAM is not set");
	return cv_on_message_received(self, CV_PRIO_NORMAL, received, err);
}

CV_PLUGIN_DEFINE("hook-process", 0,
	.license = "MIT", .version = "1.0", .flags = CV_PLUGIN_EXECUTES,
	.summary = "a program decides about deliveries (a test)",
	.init = init);
