/* login-spawner.c - a fork copies every descriptor and every page of its
 * parent: with ten thousand silent connections that takes milliseconds, and
 * hundreds of them beginning to speak at once would have all others wait.
 *
 * So a zygote with many connections has a child with none, which forks for
 * it.  It is given a connection's socket and what identifies it, makes the
 * rest anew by the same calls as the zygote did, and checks that the machine
 * says what the client has already read; when not, the zygote forks itself.
 * The new process is the zygote's child, not the spawner's (CLONE_PARENT).
 *
 * Trusts the zygote alone, which it is a copy of; reads no byte of a client;
 * has the zygote's sandbox. */
#include "login-spawner.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SPAWNER_FD = 7, SPAWNER_FIRST_FREE_FD = 8,
	SPAWNER_MSG_FORK = 1,	/* str id, u64 connected, bool tls,
				 * bytes greeting, u32 sent; the socket */
	SPAWNER_MSG_PID,	/* u32, 0: not possible */
	ANSWER_MSECS = 5000, GREETING_MAX = 16384,
};

static struct {
	pid_t pid;
	int fd;
} spawner = { -1, -1 };

static struct ipc_writer request, reply;
static struct ipc_reader received;

/* --- the spawner ------------------------------------------------------------------ */

static struct cv_preauth *take_request(struct login_process *process,
				       struct ipc_reader *r)
{
	struct login_parked parked = { .fd = -1 };
	struct cv_preauth *p;

	if (r->type != SPAWNER_MSG_FORK) {
		(void)ipc_refuse(r, "zygote", NULL);
		return NULL;
	}
	parked.session_id = ipc_get_str(r, LOGIN_SESSION_ID_MAX);
	parked.connected_msecs = ipc_get_u64(r);
	parked.implicit_tls = ipc_get_bool(r);
	parked.greeting = ipc_get_span(r, GREETING_MAX);
	parked.greeting_sent = ipc_get_u32(r);
	parked.fd = ipc_get_fd(r);
	if (ipc_finish(r, NULL) == CV_OK &&
	    (p = login_client_recreate(process, &parked)) != NULL)
		return p;
	if (parked.fd >= 0)
		(void)close(parked.fd);
	return NULL;
}

static void take(struct login_process *process,
		 void (*run)(struct cv_preauth *p))
{
	struct cv_preauth *p = take_request(process, &received);
	pid_t pid = 0;

	if (p != NULL) {
		if (tls_server_before_fork(process->view.tls))
			service_prepare_forks();
		/* fork() has no way to say whose child it shall be; all
		 * arguments but the flags are zero, whatever their order */
		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL,
				     NULL, NULL, NULL);
		if (pid == 0) {
			run(p);
			_exit(EXIT_FAILURE);
		}
		if (pid < 0)
			log_error("login", "cannot fork: %s",
				  strerror(errno));
		login_client_destroy(&p);
	}
	ipc_begin(&reply, SPAWNER_MSG_PID);
	ipc_put_u32(&reply, pid > 0 ? (uint32_t)pid : 0);
	(void)ipc_send(SPAWNER_FD, &reply, NULL);
}

__attribute__((noreturn))
static void spawner_run(struct login_process *process, int fd,
			void (*run)(struct cv_preauth *p))
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
	if (dup2(fd, SPAWNER_FD) < 0 || close(BOOT_FD) < 0 ||
	    close_range(SPAWNER_FIRST_FREE_FD, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	/* ends with the zygote */
	while (ipc_receive(SPAWNER_FD, &received, NULL) == CV_OK)
		take(process, run);
	_exit(EXIT_SUCCESS);
}

/* --- the zygote -------------------------------------------------------------------- */

static bool start(struct login_process *process,
		  void (*run)(struct cv_preauth *p))
{
	int fds[2];

	if (spawner.fd >= 0)
		return true;
	if (ipc_pair(fds, false, NULL) != CV_OK)
		return false;
	spawner.pid = service_fork();
	if (spawner.pid == 0)
		spawner_run(process, fds[1], run);
	(void)close(fds[1]);
	if (spawner.pid < 0) {
		(void)close(fds[0]);
		return false;
	}
	spawner.fd = fds[0];
	return true;
}

static void stop(void)
{
	if (spawner.fd >= 0)
		(void)close(spawner.fd);
	spawner.fd = -1;
}

bool login_spawner_ended(pid_t pid)
{
	if (spawner.pid < 0 || pid != spawner.pid)
		return false;
	stop();
	spawner.pid = -1;
	return true;
}

pid_t login_spawner_fork(struct cv_preauth *p,
			 void (*run)(struct cv_preauth *p))
{
	uint32_t pid;
	int status;

	if (!start(p->process, run))
		return -1;
	ipc_begin(&request, SPAWNER_MSG_FORK);
	ipc_put_str(&request, p->session_id);
	ipc_put_u64(&request, p->connected_msecs);
	ipc_put_bool(&request, p->implicit_tls);
	ipc_put_span(&request, cv_text_span(&p->out));
	ipc_put_u32(&request, (uint32_t)p->out_sent);
	ipc_put_fd(&request, p->fd);
	if (ipc_send(spawner.fd, &request, NULL) != CV_OK) {
		stop();
		return -1;
	}
	status = ipc_receive_wait(spawner.fd, ANSWER_MSECS, &received, NULL);
	pid = status == CV_OK ? ipc_get_u32(&received) : 0;
	if (status == CV_OK && received.type == SPAWNER_MSG_PID &&
	    ipc_finish(&received, NULL) == CV_OK)
		return pid == 0 ? -1 : (pid_t)pid;
	/* two processes on one connection would mix their answers */
	log_warning("login", "the spawner gives no answer");
	stop();
	return 0;
}
