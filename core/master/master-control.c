/* master-control.c - culveradm's way in: one UNIX socket in base_dir, for
 * root and the user of the server. */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { CONTROL_TIMEOUT_MSECS = 1000 };

int master_control_listen(struct master *m, struct cv_error *err)
{
	struct net_unix_options options = {
		.mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1,
		.type = SOCK_SEQPACKET,
	};
	const char *path = pool_printf(m->pool, "%s/master",
				       m->config->general.base_dir);

	int status = net_listen_unix(path, &options, &m->control_fd, err);

	if (status == CV_OK)
		master_socket_note(path, &m->control_file);
	return status;
}

static void answer(int fd, int status, const char *text, int channel)
{
	struct ipc_writer w;

	ipc_begin(&w, CONTROL_MSG_DONE);
	ipc_put_u32(&w, (uint32_t)-status);
	ipc_put_str(&w, text);
	if (channel >= 0)
		ipc_put_fd(&w, channel);
	(void)ipc_send(fd, &w, NULL);
}

static void send_status(const struct master *m, int fd)
{
	uint64_t now = time_monotonic_msecs();

	for (const struct master_process *p = m->processes; p != NULL;
	     p = p->next) {
		struct ipc_writer w;

		ipc_begin(&w, CONTROL_MSG_ROW);
		ipc_put_str(&w, p->name);
		ipc_put_u32(&w, (uint32_t)p->pid);
		ipc_put_u32(&w, p->retired ? 2 : p->ready ? 1 : 0);
		ipc_put_u64(&w, now - p->started_msecs);
		if (ipc_send(fd, &w, NULL) != CV_OK)
			return;
	}
	answer(fd, CV_OK, "", -1);
}

/* A channel to a service, made on behalf of the admin: the tool knows one
 * path only. */
static void open_channel(struct master *m, const char *service, int fd)
{
	struct cv_error err = ERROR_NONE;
	int channel;

	for (size_t i = 0; i < m->ports.count; i++) {
		const struct master_port *port = &m->ports.items[i];

		if (strcmp(port->client, "admin") != 0 ||
		    strcmp(port->server, service) != 0)
			continue;
		if (ipc_channel_open(port->fds[0], &channel, &err) != CV_OK) {
			answer(fd, CV_E_TEMP, err.text, -1);
			return;
		}
		answer(fd, CV_OK, "", channel);
		(void)close(channel);
		return;
	}
	answer(fd, CV_E_NOT_FOUND, "no such service runs", -1);
}

/* Passed on to the service as it is. */
static void send_selftest(struct master *m, const char *service, int fd,
			  const struct selftest *t)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_writer w;
	int status = CV_E_NOT_FOUND;

	ipc_begin(&w, SELFTEST_MSG_RUN);
	selftest_put(&w, t);
	for (size_t i = 0; i < m->ports.count; i++) {
		const struct master_port *port = &m->ports.items[i];

		if (strcmp(port->client, "admin") == 0 &&
		    strcmp(port->server, service) == 0)
			status = ipc_send(port->fds[0], &w, &err);
	}
	answer(fd, status, err.text, -1);
}

static void handle_selftest(struct master *m, int fd, struct ipc_reader *r)
{
	struct cv_pool *pool = pool_create("selftest");
	struct cv_error err = ERROR_NONE;
	const char *service = pool_strdup(pool, ipc_get_str(r, 63));
	struct selftest t;

	if (selftest_get(r, pool, &t, &err) == CV_OK) {
		send_selftest(m, service, fd, &t);
		(void)close(t.answer_fd);
	} else {
		answer(fd, CV_E_SYNTAX, err.text, -1);
	}
	pool_destroy(&pool);
}

/* Answered when it has ended, by master_control_reloaded. */
static void reload(struct master *m, int fd)
{
	if (m->reload_fd >= 0) {
		answer(fd, CV_E_TEMP, "another reload is under way", -1);
		return;
	}
	m->reload_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (m->reload_fd < 0) {
		answer(fd, CV_E_TEMP, "too many descriptors are open", -1);
		return;
	}
	(void)kill(getpid(), SIGHUP);
}

void master_control_problem(struct master *m, bool warning, const char *text)
{
	struct ipc_writer w;

	if (m->reload_fd < 0 || m->reload_wanted)
		return;
	ipc_begin(&w, CONTROL_MSG_PROBLEM);
	ipc_put_bool(&w, warning);
	ipc_put_str(&w, text);
	if (ipc_send(m->reload_fd, &w, NULL) == CV_OK)
		return;
	/* it does not read, or has gone: it gets no answer either */
	(void)close(m->reload_fd);
	m->reload_fd = -1;
}

void master_control_reloaded(struct master *m, int status, const char *text)
{
	if (m->reload_fd < 0 || m->reload_wanted)
		return;		/* the one that was asked for comes next */
	answer(m->reload_fd, status, text, -1);
	(void)close(m->reload_fd);
	m->reload_fd = -1;
}

static void handle(struct master *m, int fd, struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	char service[64];
	uint32_t type = r->type;

	service[0] = '\0';
	if (type == CONTROL_MSG_SELFTEST) {
		handle_selftest(m, fd, r);
		return;
	}
	if (type == CONTROL_MSG_OPEN) {
		struct cv_span name = ipc_get_span(r, sizeof(service) - 1);

		memcpy(service, name.data, name.len);
		service[name.len] = '\0';
	}
	if (ipc_finish(r, &err) != CV_OK) {
		answer(fd, CV_E_SYNTAX, err.text, -1);
		return;
	}
	switch (type) {
	case CONTROL_MSG_STOP:
		answer(fd, CV_OK, "", -1);
		(void)kill(getpid(), SIGTERM);
		return;
	case CONTROL_MSG_RELOAD:
		reload(m, fd);
		return;
	case CONTROL_MSG_STATUS:
		send_status(m, fd);
		return;
	case CONTROL_MSG_OPEN:
		open_channel(m, service, fd);
		return;
	default:
		answer(fd, CV_E_UNSUPPORTED, "unknown request", -1);
	}
}

/* One request a connection, answered at once but for a reload; a tool that
 * does not ask is not waited for longer than a second. */
void master_control_accept(struct master *m)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_reader r;
	const struct timeval patience = { CONTROL_TIMEOUT_MSECS / 1000, 0 };
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(m->control_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	/* nor for one that does not read a long answer */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid()))
		answer(fd, CV_E_DENIED, "only root and the server's own user "
		       "may do this", -1);
	else if (ipc_receive_wait(fd, CONTROL_TIMEOUT_MSECS, &r, &err) ==
		 CV_OK)
		handle(m, fd, &r);
	(void)close(fd);
}
