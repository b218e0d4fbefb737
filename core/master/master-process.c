/* master-process.c - starting, reaping, restarting. */
#include "master.h"
#include "ipc/idle-message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	DELAY_FIRST_MSECS = 250, DELAY_MAX_MSECS = 5000,
	/* one that cannot even start will not by being tried more often */
	DELAY_FAILED_MAX_MSECS = 60000,
	LIVED_LONG_MSECS = 10000,	/* then the first delay again */
	REFRESH_EVERY_MSECS = 10000,
};

/* --- ports ------------------------------------------------------------------ */

/* Who may talk to whom, by role.  Everything else has no way. */
static bool may_talk(enum role_kind client, enum role_kind server)
{
	switch (server) {
	case ROLE_AUTH:
		return client == ROLE_LOGIN || client == ROLE_SESSION;
	case ROLE_ANVIL:
		return client == ROLE_AUTH || client == ROLE_SESSION ||
			client == ROLE_IDLE;
	case ROLE_SESSION:
		return client == ROLE_AUTH || client == ROLE_IDLE;
	case ROLE_AUTH_WORKER:
		return client == ROLE_AUTH;
	case ROLE_SCRIPT:
	case ROLE_IDLE:
		return client == ROLE_SESSION;
	case ROLE_LOGIN:
		return client == ROLE_SESSION;
	case ROLE_LOG:
		return false;
	}
	return false;
}

/* The session service of a protocol gives connections back to its own login
 * service, and to no other. */
static bool may_reach(const struct master_service *client,
		      const struct master_service *server)
{
	size_t len = strlen(client->name);

	if (!may_talk(client->kind, server->kind))
		return false;
	return server->kind != ROLE_LOGIN ||
		(strncmp(server->name, client->name, len) == 0 &&
		 strcmp(server->name + len, "-login") == 0);
}

static struct master_port *port_get(struct master *m, const char *client,
				    const char *server)
{
	struct master_port *port;

	for (size_t i = 0; i < m->ports.count; i++) {
		port = &m->ports.items[i];
		if (strcmp(port->client, client) == 0 &&
		    strcmp(port->server, server) == 0)
			return port;
	}
	port = array_add(&m->ports);
	(void)snprintf(port->client, sizeof(port->client), "%s", client);
	(void)snprintf(port->server, sizeof(port->server), "%s", server);
	/* non-blocking: a full queue is an answer, not a reason to hang */
	if (ipc_pair(port->fds, true, NULL) != CV_OK)
		log_error("master", "cannot make the port of %s to %s: %s",
			  client, server, strerror(errno));
	return port;
}

/* --- what a new process is told --------------------------------------------- */

static int send_fd(int to, uint32_t type, const char *name, int fd,
		   struct cv_error *err)
{
	struct ipc_writer w;

	ipc_begin(&w, type);
	ipc_put_str(&w, name);
	ipc_put_fd(&w, fd);
	return ipc_send(to, &w, err);
}

static int send_listener(int to, const struct master_listener *listener,
			 struct cv_error *err)
{
	struct ipc_writer w;

	ipc_begin(&w, BOOT_MSG_LISTENER);
	ipc_put_str(&w, listener->name);
	ipc_put_bool(&w, listener->is_unix);
	ipc_put_bool(&w, listener->ssl);
	ipc_put_bool(&w, listener->haproxy);
	ipc_put_u32(&w, listener->type);
	ipc_put_u32(&w, listener->file.mode);
	ipc_put_u32(&w, listener->file.uid);
	ipc_put_u32(&w, listener->file.gid);
	ipc_put_fd(&w, listener->fd);
	return ipc_send(to, &w, err);
}

static int send_ports(struct master *m, const struct master_service *own,
		      int to, struct cv_error *err)
{
	int status = CV_OK;

	for (size_t i = 0; status == CV_OK &&
	     i < m->config->services.count; i++) {
		const struct master_service *peer =
			&m->config->services.items[i];

		if (may_reach(own, peer))
			status = send_fd(to, BOOT_MSG_PORT_CLIENT, peer->name,
				port_get(m, own->name, peer->name)->fds[0],
				err);
		if (status == CV_OK && may_reach(peer, own))
			status = send_fd(to, BOOT_MSG_PORT_SERVER, peer->name,
				port_get(m, peer->name, own->name)->fds[1],
				err);
	}
	if (status == CV_OK)
		status = send_fd(to, BOOT_MSG_PORT_SERVER, "admin",
			port_get(m, "admin", own->name)->fds[1], err);
	return status;
}

static int send_go(const struct master *m, const struct master_service *own,
		   int to, struct cv_error *err)
{
	struct boot_go go = {
		.uid = own->uid, .gid = own->gid,
		.chroot_dir = own->chroot_dir, .generation = m->generation,
		.process_limit = own->process_limit,
		.client_limit = own->client_limit,
		.service_count = own->set.service_count,
		.process_min_avail = own->set.process_min_avail,
		.idle_kill_msecs = own->idle_kill_msecs,
		.vsz_limit = own->vsz_limit, .hostname = m->config->hostname,
	};
	struct idle_keys keys;
	struct ipc_writer w;

	if (own->kind == ROLE_SESSION) {
		memcpy(go.secret, m->secret, sizeof(go.secret));
	} else if (own->kind == ROLE_IDLE) {
		/* what it checks with makes nothing wake */
		idle_keys_derive(m->secret, &keys);
		memcpy(go.secret, keys.idle, sizeof(keys.idle));
	} else if (own->kind == ROLE_LOGIN) {
		idle_keys_derive(m->secret, &keys);
		memcpy(go.secret, keys.back, sizeof(keys.back));
	}
	boot_go_put(&w, &go);
	return ipc_send(to, &w, err);
}

/* Keys and passwords only for those who use them. */
static bool needs_secrets(const struct master_service *service)
{
	switch (service->kind) {
	case ROLE_LOGIN:
	case ROLE_AUTH:
	case ROLE_AUTH_WORKER:
		return true;
	case ROLE_SESSION:
		/* speaks TLS itself when it has listeners (lmtp) */
		return service->listeners.count > 0;
	case ROLE_LOG:
	case ROLE_ANVIL:
	case ROLE_SCRIPT:
	case ROLE_IDLE:
		return false;
	}
	return false;
}

static int send_log_sources(const struct master *m, int to,
			    struct cv_error *err)
{
	int status = send_fd(to, BOOT_MSG_PORT_SERVER, "log-lines",
			     m->log_fds[1], err);

	if (status == CV_OK && m->stderr_fds[0] >= 0)
		status = send_fd(to, BOOT_MSG_PORT_CLIENT, "stderr",
				 m->stderr_fds[0], err);
	return status;
}

static int send_boot(struct master *m, const struct master_service *service,
		     int to, struct cv_error *err)
{
	struct ipc_writer w;
	int status;

	ipc_begin(&w, BOOT_MSG_SETTINGS);
	ipc_put_fd(&w, needs_secrets(service) ? m->config->secret_fd :
		   m->config->public_fd);
	status = ipc_send(to, &w, err);
	for (size_t i = 0; status == CV_OK && i < service->listeners.count;
	     i++)
		status = send_listener(to, &service->listeners.items[i], err);
	if (status == CV_OK)
		status = send_ports(m, service, to, err);
	if (status == CV_OK && service->kind == ROLE_LOG)
		status = send_log_sources(m, to, err);
	if (status == CV_OK)
		status = send_go(m, service, to, err);
	return status;
}

/* --- starting ------------------------------------------------------------------ */

static const char *program_of(const struct master_service *service)
{
	return service->kind == ROLE_LOG || service->kind == ROLE_ANVIL ||
		service->kind == ROLE_IDLE ? "culver-housekeeper" :
		"culver-service";
}

static void run_service(const struct master *m,
			const struct master_service *service, int boot)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	const char *program = program_of(service);
	char path[4096];
	sigset_t none;
	int low = open("/dev/null", O_RDWR | O_CLOEXEC);
	int null = fcntl(low, F_DUPFD_CLOEXEC, 32);

	(void)snprintf(path, sizeof(path), "%s/%s", m->service_dir, program);
	(void)setpgid(0, 0);
	/* the master's handler would swallow an order to stop */
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* all sources lie above the fixed numbers */
	if (dup2(boot, BOOT_FD) < 0 || dup2(m->log_fds[0], BOOT_LOG_FD) < 0 ||
	    dup2(null, STDIN_FILENO) < 0)
		_exit(127);
	if (!m->foreground || m->stderr_fds[1] >= 0)
		(void)dup2(null, STDOUT_FILENO);
	if (m->stderr_fds[1] >= 0)
		(void)dup2(m->stderr_fds[1], STDERR_FILENO);
	(void)execl(path, program, service->name,
		    service->kind == ROLE_SCRIPT ? "script" : NULL,
		    (char *)NULL);
	(void)fprintf(stderr, "cannot run '%s': %s\n", path, strerror(errno));
	_exit(127);
}

static int start_process(struct master *m, struct master_service *service,
			 struct cv_error *err)
{
	struct master_process *p;
	int fds[2], status = master_pair(fds, err);
	pid_t pid;

	if (status != CV_OK)
		return status;
	pid = fork();
	if (pid == 0)
		run_service(m, service, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return FAIL_ERRNO(err, errno, "cannot fork");
	}
	(void)setpgid(pid, pid);
	p = calloc(1, sizeof(*p));
	BUG_IF(p == NULL);
	*p = (struct master_process){
		.next = m->processes, .service = service, .pid = pid,
		.boot_fd = fds[0], .started_msecs = time_monotonic_msecs(),
	};
	(void)snprintf(p->name, sizeof(p->name), "%s", service->name);
	m->processes = p;
	service->running++;
	status = send_boot(m, service, fds[0], err);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	return status == CV_EOF ? CV_OK : status;	/* reaping tells why */
}

void master_processes_start(struct master *m)
{
	uint64_t now = time_monotonic_msecs();

	if (m->stopping || m->config == NULL)
		return;
	for (size_t i = 0; i < m->config->services.count; i++) {
		struct master_service *service = &m->config->services.items[i];

		while (service->running < service->processes &&
		       now >= service->not_before_msecs) {
			struct cv_error err = ERROR_NONE;

			if (start_process(m, service, &err) == CV_OK)
				continue;
			log_error("master", "cannot start %s: %s",
				  service->name, err.text);
			service->not_before_msecs = now + DELAY_FIRST_MSECS;
		}
	}
}

uint64_t master_processes_next(struct master *m, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; !m->stopping && m->config != NULL &&
	     i < m->config->services.count; i++) {
		const struct master_service *service =
			&m->config->services.items[i];
		uint64_t at = service->not_before_msecs;

		if (service->running >= service->processes)
			continue;
		if (at <= now)
			return 0;
		if (at - now < next)
			next = at - now;
	}
	return next;
}

/* --- what a process says ------------------------------------------------------------ */

static void retire(struct master_process *p)
{
	struct ipc_writer w;

	ipc_begin(&w, BOOT_MSG_RETIRE);
	if (p->boot_fd >= 0)
		(void)ipc_send(p->boot_fd, &w, NULL);
	p->retired = true;
	if (p->service != NULL)
		p->service->running--;
	p->service = NULL;
}

static void refresh(struct master_process *p)
{
	struct master_service *service = p->service;
	uint64_t now = time_monotonic_msecs();

	if (service == NULL ||
	    (service->refreshed_msecs != 0 &&
	     now - service->refreshed_msecs < REFRESH_EVERY_MSECS))
		return;
	service->refreshed_msecs = now;
	retire(p);
}

void master_process_message(struct master *m, struct master_process *p)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_reader r;
	int status = ipc_receive(p->boot_fd, &r, &err);

	(void)m;
	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK && r.type == BOOT_MSG_FAILED) {
		/* it has logged the reason itself */
		(void)ipc_get_str(&r, ERROR_TEXT_MAX);
		status = ipc_finish(&r, &err);
	} else if (status == CV_OK && r.type == BOOT_MSG_READY) {
		status = ipc_finish(&r, &err);
		p->ready = p->ready || status == CV_OK;
	} else if (status == CV_OK && r.type == BOOT_MSG_REFRESH) {
		status = ipc_finish(&r, &err);
		if (status == CV_OK)
			refresh(p);
	} else if (status == CV_OK) {
		status = ipc_refuse(&r, p->name, &err);
	}
	if (status == CV_OK)
		return;
	if (status != CV_EOF)
		log_error("master", "%s", err.text);
	(void)close(p->boot_fd);
	p->boot_fd = -1;
}

static bool has_message(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* --- ending ---------------------------------------------------------------------- */

static void describe_end(const struct master *m,
			 const struct master_process *p, int status)
{
	if (m->stopping || p->retired) {
		log_debug("master", "%s (pid %d) has ended", p->name,
			  (int)p->pid);
	} else if (WIFSIGNALED(status)) {
		log_error("master", "%s (pid %d) was killed by signal %d "
			  "(%s)", p->name, (int)p->pid, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	} else {
		log_error("master", "%s (pid %d) ended with status %d",
			  p->name, (int)p->pid, WEXITSTATUS(status));
	}
}

static void plan_restart(struct master_service *service,
			 const struct master_process *p)
{
	uint64_t now = time_monotonic_msecs();
	uint32_t max = p->ready ? DELAY_MAX_MSECS : DELAY_FAILED_MAX_MSECS;

	if (now - p->started_msecs >= LIVED_LONG_MSECS) {
		service->delay_msecs = 0;
		service->not_before_msecs = now;
		return;
	}
	/* several that were started together count once */
	if (p->started_msecs < service->planned_msecs)
		return;
	service->planned_msecs = now;
	/* the first time at once, then with growing patience */
	service->not_before_msecs = now + service->delay_msecs;
	if (service->delay_msecs >= 1000)
		log_error("master", "%s %s: it is started again in %u seconds "
			  "(hint: the reason stands above; a reload tries it "
			  "at once)", service->name, p->ready ?
			  "keeps ending soon after its start" :
			  "cannot start", service->delay_msecs / 1000);
	service->delay_msecs = service->delay_msecs == 0 ?
		DELAY_FIRST_MSECS : service->delay_msecs * 2;
	if (service->delay_msecs > max)
		service->delay_msecs = max;
}

static void process_ended(struct master *m, struct master_process *p,
			  int status)
{
	/* its last words first */
	while (p->boot_fd >= 0 && has_message(p->boot_fd))
		master_process_message(m, p);
	if (p->boot_fd >= 0)
		(void)close(p->boot_fd);
	describe_end(m, p, status);
	if (kill(-p->pid, 0) == 0 || errno != ESRCH)
		*array_add(&m->left_groups) = p->pid;
	if (p->service != NULL) {
		p->service->running--;
		plan_restart(p->service, p);
	}
	free(p);
}

bool master_groups_signal(struct master *m, int number)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->left_groups.count; i++) {
		pid_t group = m->left_groups.items[i];

		if (kill(-group, number) == 0 || errno != ESRCH)
			m->left_groups.items[kept++] = group;
	}
	m->left_groups.count = kept;
	return kept > 0;
}

void master_processes_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->config_pid)
			m->config_pid = -1;
		/* others are sessions whose zygote has gone: we are their
		 * reaper, and that is all */
		for (struct master_process **at = &m->processes; *at != NULL;
		     at = &(*at)->next) {
			struct master_process *p = *at;

			if (p->pid != pid)
				continue;
			*at = p->next;
			process_ended(m, p, status);
			break;
		}
	}
	/* now, before an empty group's number goes to somebody else */
	(void)master_groups_signal(m, 0);
}

/* anvil uses no setting, and its counts are in no other place: it stays. */
static void adopt(struct master *m, struct master_process *p)
{
	struct master_service *service = master_service_find(m->config,
							     p->name);

	p->service = service;
	if (service != NULL)
		service->running++;
}

void master_processes_retire(struct master *m)
{
	for (struct master_process *p = m->processes; p != NULL;
	     p = p->next) {
		if (p->service != NULL && p->service->kind == ROLE_ANVIL)
			adopt(m, p);
		else if (!p->retired)
			retire(p);
	}
}

/* A process and its children are one group; children of one that has died
 * still are in it. */
void master_processes_signal(struct master *m, int number)
{
	for (struct master_process *p = m->processes; p != NULL; p = p->next)
		(void)kill(-p->pid, number);
}
