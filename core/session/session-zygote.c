/* session-zygote.c - the parent of sessions.
 *
 * Has settings, plugins and libraries loaded and is small, so that a fork is
 * cheap.  It stays root to let its children become users, trusts auth alone,
 * and never looks into what auth sends: the child does.  After a child has
 * died of a signal it asks the master for a successor with a fresh address
 * layout. */
#include "session-private.h"
#include "session-zygote.h"

#include "delivery/deliverer.h"
#include "delivery/delivery-client.h"
#include "ipc/idle-message.h"
#include "mailbox/client-api.h"
#include "message/text-convert.h"
#include "mailbox/user-ids.h"
#include "mailbox/user.h"
#include "master/code-memory.h"
#include "master/script-command.h"
#include "master/selftest.h"
#include "stream/stream-api.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	POLL_MAX = 64,
	REAP_MSECS = 1000,
	PLACE_WAIT_MSECS = 2000,	/* for a process that was told to end */
	PLACE_LOOK_MSECS = 10,		/* how often it is looked for */
};

/* Not on the stack: the compiler touches every page of a large frame, and
 * after a fork each is copied. */
static struct ipc_reader received;
static struct ipc_reader held;		/* waits for a place */
static struct ipc_writer refresh;

static const struct session_kind *const session_kinds[] = {
	&deliverer_session_kind, &broker_session_kind,
};

/* --- before the first session ------------------------------------------------------ */

static void register_services(void)
{
	module_service_register("session", 1, &session_api);
	module_service_register("connection", 1, &connection_api);
	module_service_register("stream", 1, &stream_api);
	module_service_register("user", 1, &user_api);
	module_service_register("mailbox", 1, &mailbox_api);
	module_service_register("delivery", 1, &delivery_api);
	module_service_register("io", 1, &storage_io_api);
	module_service_register("client", 1, &client_api);
	module_service_register("convert", 1, &convert_api);
}

static void find_kind(struct session_zygote *zygote)
{
	for (size_t i = 0; i < sizeof(session_kinds) / sizeof(void *); i++) {
		if (strcmp(session_kinds[i]->service_name, zygote->name) == 0)
			zygote->kind = session_kinds[i];
	}
}

int session_zygote_load(struct session_zygote *zygote, struct cv_error *err)
{
	struct service *s = zygote->service;
	struct module_role role = {
		.process = s->name,
		.protocol = zygote->kind != NULL ? NULL : s->name,
		.wants = MODULE_WANT_PROTOCOL | MODULE_WANT_STORAGE |
			MODULE_WANT_MAIL,
	};
	int status;

	register_services();
	status = module_load_role(s->settings, &role, err);
	if (status != CV_OK || zygote->kind != NULL)
		return status;
	zygote->protocol = module_provider(CV_PROVIDER_PROTOCOL, s->name);
	if (zygote->protocol == NULL || zygote->protocol->run == NULL)
		return FAIL(err, CV_E_CONFIG, "no plugin speaks the protocol "
			    "'%s'", s->name);
	zygote->without_user =
		(zygote->protocol->flags & CV_PROTOCOL_NO_LOGIN) != 0;
	zygote->forwards = !zygote->without_user &&
		CV_HAS(zygote->protocol, proxy) &&
		zygote->protocol->proxy != NULL;
	return CV_OK;
}

static int add_group(struct session_zygote *zygote, const char *name,
		     struct cv_error *err)
{
	if (zygote->group_count == USER_GROUPS_MAX)
		return FAIL(err, CV_E_CONFIG, "service %s: more than %d "
			    "groups", zygote->name, USER_GROUPS_MAX);
	if (user_id_find(name, true, "", &zygote->groups[zygote->group_count],
			 NULL) != CV_OK)
		return FAIL(err, CV_E_CONFIG, "service %s: extra_groups and "
			    "mail_access_groups: there is no group '%s'",
			    zygote->name, name);
	zygote->group_count++;
	return CV_OK;
}

/* Dovecot's own default, the internal group, opens sockets that sessions do
 * not need here. */
static int find_groups(struct session_zygote *zygote,
		       const struct cv_strings *access, struct cv_error *err)
{
	struct service *s = zygote->service;
	const char *internal = s->private->general.default_internal_group;
	struct settings_scope scope = { 0 };
	struct service_settings set;
	struct cv_span rest, word;
	int status = CV_OK;

	for (uint32_t i = 0; status == CV_OK && i < access->count; i++)
		status = add_group(zygote, access->items[i], err);
	if (status != CV_OK ||
	    !settings_block_find(s->settings, "service", SETTINGS_ROOT,
				 zygote->name, &scope.block))
		return status;
	status = settings_get(s->settings, &service_settings_table, &scope,
			      s->pool, &set, err);
	if (status != CV_OK)
		return status;
	rest = cv_span_of(set.extra_groups);
	while (status == CV_OK && cv_span_split(&rest, ',', &word)) {
		word = cv_span_trim(word);
		if (word.len > 0 && !cv_span_is(word, internal))
			status = add_group(zygote, pool_copy(s->pool,
				word.data, word.len), err);
	}
	return status;
}

/* That of the service, for this kind of session; else that of all mail. */
static int find_privileged_group(struct session_zygote *zygote,
				 struct mail_settings *set,
				 struct cv_error *err)
{
	struct service *s = zygote->service;
	struct settings_scope scope = { 0 };
	struct service_settings service;
	int status = CV_OK;

	if (!zygote->without_user &&
	    settings_block_find(s->settings, "service", SETTINGS_ROOT,
				zygote->name, &scope.block)) {
		status = settings_get(s->settings, &service_settings_table,
				      &scope, s->pool, &service, err);
		if (status == CV_OK && *service.privileged_group != '\0')
			set->mail_privileged_group = service.privileged_group;
	}
	return status != CV_OK ? status :
		user_privileged_group(set, &zygote->privileged_group, err);
}

/* As whom sessions are forwarded. */
static int find_internal(struct session_zygote *zygote, struct cv_error *err)
{
	const struct general_settings *set =
		&zygote->service->private->general;
	int status = user_id_find(set->default_internal_user, false,
				  "default_internal_user",
				  &zygote->internal_uid, err);

	return status != CV_OK ? status :
		user_id_find(set->default_internal_group, true,
			     "default_internal_group", &zygote->internal_gid,
			     err);
}

static int find_defaults(struct session_zygote *zygote, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = zygote->name };
	struct mail_settings set;
	int status = settings_get(zygote->service->settings,
				  &mail_settings_table, &scope,
				  zygote->service->pool, &set, err);

	if (status == CV_OK)
		status = user_id_find(set.mail_uid, false, "mail_uid",
				      &zygote->default_uid, err);
	if (status == CV_OK)
		status = user_id_find(set.mail_gid, true, "mail_gid",
				      &zygote->default_gid, err);
	if (status == CV_OK)
		status = find_privileged_group(zygote, &set, err);
	if (status == CV_OK && !zygote->without_user)
		status = find_groups(zygote, &set.mail_access_groups, err);
	if (status == CV_OK && zygote->forwards)
		status = find_internal(zygote, err);
	return status;
}

static uint32_t child_classes(void)
{
	uint32_t classes = SANDBOX_FILES | SANDBOX_EVENTS;
	uint32_t flags = module_flags();

	if ((flags & CV_PLUGIN_CONNECTS) != 0)
		classes |= SANDBOX_CONNECT;
	if ((flags & CV_PLUGIN_EXECUTES) != 0)
		classes |= SANDBOX_EXEC | SANDBOX_FORK;
	return classes;
}

static int prepare_filter(struct session_zygote *zygote, struct cv_error *err)
{
	struct service *s = zygote->service;
	uint32_t keep = child_classes(), have = keep | SANDBOX_BIRTH;
	uint32_t forward = SANDBOX_FILES | SANDBOX_EVENTS | SANDBOX_CONNECT;
	int status;

	if (zygote->forwards)
		have |= forward;

	if (s->private->general.sandbox == GENERAL_SANDBOX_NO)
		return CV_OK;
	if (zygote->without_user) {
		/* names and authorities of other servers are in files */
		if ((keep & SANDBOX_CONNECT) == 0)
			keep &= ~(uint32_t)SANDBOX_FILES;
		status = sandbox_filter_create(keep, s->pool, &zygote->filter,
					       err);
	} else {
		status = sandbox_filter_create(have, s->pool,
					       &zygote->own_filter, err);
		if (status == CV_OK)
			status = sandbox_filter_narrow(have, keep, s->pool,
						       &zygote->filter, err);
		if (status == CV_OK && zygote->forwards)
			status = sandbox_filter_narrow(have, forward, s->pool,
				&zygote->forward_filter, err);
	}
	return service_may_go_on(s, status, err) ? CV_OK : status;
}

/* Opened once; each child adds them to its ruleset by descriptor. */
static int prepare_paths(struct session_zygote *zygote, struct cv_error *err)
{
	static const char *const common[SESSION_PATHS] = {
		"/usr/lib", "/usr/share/zoneinfo",
	};

	sandbox_paths_init(&zygote->paths, zygote->service->pool);
	for (int i = 0; i < SESSION_PATHS; i++)
		sandbox_paths_add(&zygote->paths, common[i], false);
	for (size_t i = 0; i < zygote->paths.items.count; i++) {
		struct sandbox_path *path = &zygote->paths.items.items[i];
		int to = SESSION_PATH_FD + (int)i;

		if (dup2(path->fd, to) < 0)
			return FAIL_ERRNO(err, errno, "dup2 failed");
		(void)close(path->fd);
		path->fd = to;
	}
	return CV_OK;
}

static int prepare_ports(struct session_zygote *zygote, struct cv_error *err)
{
	int anvil = service_port(zygote->service, "anvil");
	int auth = service_port(zygote->service, "auth");
	int idle = service_port(zygote->service, "idle");
	const char *login = pool_printf(zygote->service->pool, "%s-login",
					zygote->name);
	int back = service_port(zygote->service, login);

	if (anvil < 0 || auth < 0 || dup2(anvil, SESSION_ANVIL_FD) < 0)
		return FAIL(err, CV_E_INTERNAL, "ports are missing");
	/* who is one user has nothing to ask about others: there the number
	 * stays what it is, /dev/null; or becomes a channel that can open
	 * brokers for this user alone */
	zygote->has_shared = zygote->protocol != NULL &&
		!zygote->without_user && settings_has_shared(
			zygote->service->settings);
	if ((zygote->without_user || zygote->has_shared) &&
	    dup2(auth, SESSION_AUTH_FD) < 0)
		return FAIL_ERRNO(err, errno, "dup2 failed");
	if (idle >= 0 && zygote->protocol != NULL && !zygote->without_user) {
		if (dup2(idle, SESSION_IDLE_FD) < 0)
			return FAIL_ERRNO(err, errno, "dup2 failed");
		session_sleep_prepare(zygote->service->private->go.secret);
		zygote->has_idle = true;
	}
	if (back >= 0 && zygote->protocol != NULL && !zygote->without_user) {
		if (dup2(back, SESSION_LOGIN_FD) < 0)
			return FAIL_ERRNO(err, errno, "dup2 failed");
		session_return_prepare(zygote->service->private->go.secret);
		zygote->has_login = true;
	}
	explicit_bzero(zygote->service->private->go.secret,
		       BOOT_SECRET_BYTES);
	return !zygote->has_shared ? CV_OK :
		session_keepers_create(zygote->service->pool, auth,
				       &zygote->keepers, err);
}

static int prepare_script(struct session_zygote *zygote, struct cv_error *err)
{
	struct service *s = zygote->service;
	const char *name;
	int port, status = script_service_of(s->settings, s->name, s->pool,
					     &name, err);

	if (status == CV_NOT_FOUND || zygote->without_user)
		return CV_OK;
	if (status != CV_OK)
		return status;
	port = service_port(s, name);
	if (port < 0 || dup2(port, SESSION_SCRIPT_FD) < 0)
		return FAIL(err, CV_E_INTERNAL, "no port to service %s",
			    name);
	zygote->has_script = true;
	return CV_OK;
}

static int prepare_tls(struct session_zygote *zygote, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = zygote->name };
	int status;

	if (!zygote->without_user)
		return CV_OK;
	status = tls_server_create(zygote->service->pool,
				   zygote->service->settings, &scope,
				   &zygote->tls, err);
	return status == CV_NOT_FOUND ? CV_OK : status;
}

static int zygote_start(struct service *s, struct cv_error *err)
{
	struct session_zygote *zygote = pool_new(s->pool,
						 struct session_zygote);
	uint8_t boot_id[16];
	int status;

	/* known to all children */
	user_boot_id(boot_id);
	sandbox_landlock_ask();

	zygote->service = s;
	zygote->name = s->name;
	zygote->process_limit = s->private->go.process_limit;
	s->context = zygote;
	find_kind(zygote);
	if (zygote->kind != NULL && zygote->kind->takes_more)
		zygote->reuse = session_reuse_create(s->pool,
						     zygote->process_limit);
	status = session_zygote_load(zygote, err);
	if (status == CV_OK)
		status = find_defaults(zygote, err);
	if (status == CV_OK)
		status = prepare_filter(zygote, err);
	if (status == CV_OK)
		status = prepare_paths(zygote, err);
	if (status == CV_OK)
		status = prepare_ports(zygote, err);
	if (status == CV_OK)
		status = prepare_script(zygote, err);
	if (status == CV_OK)
		status = prepare_tls(zygote, err);
	return status;
}

/* --- serving ----------------------------------------------------------------------------- */

static bool place_left(struct session_zygote *zygote)
{
	if (zygote->children < zygote->process_limit)
		return true;
	log_warning("session", "process_limit (%u) reached: a client is "
		    "refused; raise it in service %s",
		    zygote->process_limit, zygote->name);
	return false;
}

/* Tells whoever waits, on the transport where nobody does otherwise. */
static void refuse(struct ipc_reader *message, int why)
{
	const struct session_started no = {
		.status = why,
		.text = why == CV_E_LIMIT ?
			"The server has too many connections." : "",
	};
	struct cv_pool *pool = pool_create("refused");
	struct session_start start;

	if (session_start_get(message, pool, &start, NULL) == CV_OK) {
		(void)session_started_send(start.status_fd >= 0 ?
			start.status_fd : start.transport_fd, &no, NULL);
		if (start.status_fd >= 0)
			(void)close(start.status_fd);
		(void)close(start.transport_fd);
	}
	pool_destroy(&pool);
}

static void close_fds(struct ipc_reader *message)
{
	for (uint32_t i = message->fd_taken; i < message->fd_count; i++)
		(void)close(message->fds[i]);
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* One that idle gives back; its connection ends when there is no place. */
static void fork_woken(struct session_zygote *zygote,
		       struct ipc_reader *message)
{
	int keeper[2] = { -1, -1 };
	pid_t pid;

	if (zygote->keepers != NULL)
		(void)ipc_pair(keeper, false, NULL);
	pid = service_fork();
	if (pid == 0)
		session_child_wake(zygote, message, keeper[1]);
	close_if_open(keeper[1]);
	close_fds(message);
	if (pid < 0) {
		close_if_open(keeper[0]);
		return;
	}
	zygote->children++;
	if (keeper[0] >= 0)
		session_keepers_add(zygote->keepers, keeper[0]);
}

static void take_wake(struct session_zygote *zygote,
		      struct ipc_reader *message)
{
	struct cv_error err = ERROR_NONE;

	if (message->type != IDLE_MSG_WAKE || !zygote->has_idle) {
		(void)ipc_refuse(message, "idle", &err);
		log_error("session", "%s", err.text);
	} else if (place_left(zygote)) {
		fork_woken(zygote, message);
	} else {
		close_fds(message);
	}
}

static void fork_session(struct session_zygote *zygote,
			 struct ipc_reader *message)
{
	struct cv_span key = zygote->reuse == NULL ? CV_SPAN_NONE :
		session_start_key(message);
	int control[2] = { -1, -1 }, keeper[2] = { -1, -1 };
	pid_t pid;

	/* without a control socket it serves this order alone */
	if (key.len > 0)
		(void)ipc_pair(control, true, NULL);
	if (zygote->keepers != NULL)
		(void)ipc_pair(keeper, false, NULL);
	pid = service_fork();
	if (pid == 0)
		session_child_start(zygote, message, control[1], keeper[1]);
	close_if_open(control[1]);
	close_if_open(keeper[1]);
	if (pid < 0) {
		close_if_open(control[0]);
		close_if_open(keeper[0]);
		refuse(message, CV_E_TEMP);
		return;
	}
	zygote->children++;
	close_fds(message);
	if (control[0] >= 0)
		session_reuse_add(zygote->reuse, key, pid, control[0]);
	if (keeper[0] >= 0)
		session_keepers_add(zygote->keepers, keeper[0]);
	/* it may hold a password */
	explicit_bzero(message->data, message->len);
}

/* True when the order went to a process that lives. */
static bool pass_on(struct session_zygote *zygote, struct ipc_reader *message)
{
	struct cv_error err = ERROR_NONE;
	int status;

	if (zygote->reuse == NULL || session_start_key(message).len == 0)
		return false;
	status = session_reuse_pass(zygote->reuse, session_start_key(message),
				    message, &err);
	if (status == CV_NOT_FOUND)
		return false;
	if (status == CV_OK) {
		close_fds(message);
	} else {
		log_error("session", "cannot pass an order on: %s", err.text);
		refuse(message, CV_E_TEMP);
	}
	return true;
}

/* Those that are kept make room for others, soon: the order waits, and with it
 * all that come behind it.  When that has not helped, all are at work, and
 * nothing waits again before one has ended: those who have a process are
 * served meanwhile. */
static bool hold(struct session_zygote *zygote,
		 const struct ipc_reader *message)
{
	if (zygote->reuse == NULL || zygote->crowded ||
	    zygote->children < zygote->process_limit)
		return false;
	(void)session_reuse_end_oldest(zygote->reuse);
	held = *message;
	zygote->holding = true;
	zygote->hold_until = time_monotonic_msecs() + PLACE_WAIT_MSECS;
	return true;
}

static void take_start(struct session_zygote *zygote,
		       struct ipc_reader *message)
{
	if (message->type != SESSION_MSG_START) {
		struct cv_error err = ERROR_NONE;

		(void)ipc_refuse(message, "auth", &err);
		log_error("session", "%s", err.text);
		return;
	}
	if (pass_on(zygote, message) || hold(zygote, message))
		return;
	if (place_left(zygote))
		fork_session(zygote, message);
	else
		refuse(message, CV_E_LIMIT);
}

/* There may be a place now, or it has taken too long. */
static void take_held(struct session_zygote *zygote)
{
	bool late = time_monotonic_msecs() >= zygote->hold_until;

	if (zygote->children >= zygote->process_limit && !late)
		return;
	zygote->holding = false;
	zygote->crowded = late;
	if (place_left(zygote))
		fork_session(zygote, &held);
	else
		refuse(&held, CV_E_LIMIT);
}

static void take_selftest(struct session_zygote *zygote,
			  struct ipc_reader *message)
{
	pid_t pid = service_fork();

	if (pid == 0)
		session_child_selftest(zygote, message);
	if (pid > 0)
		zygote->children++;
	close_fds(message);
}

static void take_port(struct session_zygote *zygote, const char *client,
		      int fd)
{
	struct cv_error err = ERROR_NONE;
	int status = ipc_receive_now(fd, &received, &err);

	if (status == CV_OK && strcmp(client, "auth") == 0)
		take_start(zygote, &received);
	else if (status == CV_OK && strcmp(client, "idle") == 0)
		take_wake(zygote, &received);
	else if (status == CV_OK && received.type == SELFTEST_MSG_RUN &&
		 strcmp(client, "admin") == 0)
		take_selftest(zygote, &received);
	else if (status == CV_OK && ipc_refuse(&received, client, &err) < 0)
		log_error("session", "%s", err.text);
	else if (status < 0)
		log_error("session", "%s", err.text);
}

static void take_connection(struct session_zygote *zygote,
			    const struct service_listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	pid_t pid;

	if (fd < 0)
		return;
	if (tls_server_before_fork(zygote->tls))
		service_prepare_forks();
	pid = place_left(zygote) ? service_fork() : -1;
	if (pid == 0)
		session_child_accept(zygote, listener, fd);
	if (pid > 0)
		zygote->children++;
	(void)close(fd);
}

/* SIGCHLD stays blocked, and pending: a session that has ended can wait for
 * its burial until there is something else to do, or a second has passed. */
static void reap(struct session_zygote *zygote)
{
	static const struct timespec at_once;
	sigset_t child;
	int status;
	pid_t pid;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	if (sigtimedwait(&child, NULL, &at_once) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		zygote->children--;
		zygote->crowded = false;
		if (zygote->reuse != NULL)
			session_reuse_ended(zygote->reuse, pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGTERM)
			continue;
		log_error("session", "session process %d was killed by "
			  "signal %d (%s)", (int)pid, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
		if (zygote->crashed)
			continue;
		zygote->crashed = true;
		ipc_begin(&refresh, BOOT_MSG_REFRESH);
		(void)ipc_send(BOOT_FD, &refresh, NULL);
	}
}

/* False when the master is gone. */
static bool take_master(struct session_zygote *zygote)
{
	struct cv_error err = ERROR_NONE;
	struct ipc_reader *r = &received;
	int status = ipc_receive(BOOT_FD, r, &err);

	if (status == CV_OK && r->type == BOOT_MSG_RETIRE &&
	    ipc_finish(r, &err) == CV_OK) {
		zygote->retired = true;
		if (zygote->reuse != NULL)
			session_reuse_end_all(zygote->reuse);
		return true;
	}
	return status == CV_NOT_FOUND;
}

static void add_fd(struct pollfd *fds, nfds_t *count, int fd)
{
	if (*count < POLL_MAX)
		fds[(*count)++] = (struct pollfd){ fd, POLLIN, 0 };
}

/* The descriptors in a fixed order: master, ports, listeners. */
static nfds_t collect(struct session_zygote *zygote, struct pollfd *fds,
		      nfds_t *listeners_at)
{
	struct service_private *p = zygote->service->private;
	nfds_t count = 0;

	add_fd(fds, &count, BOOT_FD);
	for (size_t i = 0; i < p->servers.count; i++)
		add_fd(fds, &count, p->servers.items[i].fd);
	*listeners_at = count;
	/* who connects to us has no user: only lmtp is made for that */
	for (size_t i = 0; zygote->without_user && i < p->listeners.count; i++)
		add_fd(fds, &count, p->listeners.items[i].fd);
	return count;
}

static void block_child_signal(void)
{
	sigset_t blocked;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
}

/* Waits for something to do; false: there is nothing yet. */
static bool wait_for_work(struct session_zygote *zygote, struct pollfd *fds,
			  nfds_t watched)
{
	int n = poll(fds, watched, zygote->holding ? PLACE_LOOK_MSECS :
		     zygote->children > 0 ? REAP_MSECS : -1);

	if (zygote->children > 0)
		reap(zygote);
	if (zygote->keepers != NULL)
		session_keepers_look(zygote->keepers);
	if (zygote->holding)
		take_held(zygote);
	return n > 0;
}

static int serve(struct session_zygote *zygote)
{
	struct service_private *p = zygote->service->private;
	struct pollfd fds[POLL_MAX];
	nfds_t listeners_at, count;

	block_child_signal();
	count = collect(zygote, fds, &listeners_at);
	while (!zygote->retired || zygote->holding || zygote->children > 0) {
		nfds_t watched = zygote->retired || zygote->holding ? 1 :
			count;

		if (!wait_for_work(zygote, fds, watched))
			continue;
		if (fds[0].revents != 0 && !take_master(zygote))
			return CV_OK;
		for (nfds_t i = 1; i < watched && !zygote->holding; i++) {
			if (fds[i].revents == 0)
				continue;
			if (i < listeners_at)
				take_port(zygote, p->servers.items[i - 1].peer,
					  fds[i].fd);
			else
				take_connection(zygote,
					&p->listeners.items[i - listeners_at]);
		}
	}
	return CV_OK;
}

/* With it children begin, and have only to give up what makes children. */
static int enter_filter(struct session_zygote *zygote, struct cv_error *err)
{
	int status;

	if (zygote->own_filter.count == 0)
		return CV_OK;
	status = sandbox_filter_apply(&zygote->own_filter, err);
	return service_may_go_on(zygote->service, status, err) ? CV_OK :
		status;
}

static int zygote_run(struct service *s, struct cv_error *err)
{
	struct session_zygote *zygote = s->context;
	int status = CV_OK;

	service_limit_memory(s->private->go.vsz_limit);
	/* without users there is nobody to become */
	if (zygote->without_user)
		status = service_drop_identity(s, err);
	if (status == CV_OK)
		status = enter_filter(zygote, err);
	if (status != CV_OK)
		return status;
	service_prepare_forks();
	code_memory_drop();
	service_tell_ready(s);
	return serve(zygote);
}

const struct service_row session_service_row = {
	.name = "session",
	.user = SERVICE_USER_ROOT,
	.syscalls = SANDBOX_FILES | SANDBOX_EVENTS,
	.start = zygote_start,
	.run = zygote_run,
};
