/* session-child.c - from a fork of the zygote to a running session. */
#include "session-private.h"

#include "ipc/anvil-message.h"
#include "mailbox/user-ids.h"
#include "mailbox/user.h"
#include "master/selftest.h"
#include "module/hook.h"
#include "module/module.h"
#include "net/proxy-header.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEND_TIMEOUT_MSECS = 300000 };

static volatile sig_atomic_t stopping;
static bool kicked;

static void on_term(int number)
{
	(void)number;
	stopping = 1;
}

bool session_stopping(const struct cv_session *s)
{
	(void)s;
	return stopping != 0;
}

const char *session_stop_reason(const struct cv_session *s)
{
	(void)s;
	if (!stopping)
		return NULL;
	return kicked ? "Disconnected by the administrator." :
		"Server shutting down.";
}

static void reset_signals(void)
{
	/* no SA_RESTART: waiting calls return */
	struct sigaction action = { .sa_handler = on_term };
	sigset_t none;

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moves what a session keeps to its places and closes all the rest. */
static void arrange_fds(int transport, int status, int control, int keeper)
{
	if (dup2(transport, SESSION_TRANSPORT_FD) < 0 ||
	    (status >= 0 && dup2(status, SESSION_STATUS_FD) < 0) ||
	    (control >= 0 && dup2(control, SESSION_CONTROL_FD) < 0) ||
	    (keeper >= 0 && dup2(keeper, SESSION_KEEPER_FD) < 0))
		_exit(EXIT_FAILURE);
	(void)close(BOOT_FD);
	(void)close_range(SESSION_FIRST_FREE_FD, ~0U, 0);
	if (status < 0)
		(void)close(SESSION_STATUS_FD);
	if (control < 0)
		(void)close(SESSION_CONTROL_FD);
	if (keeper < 0)
		(void)close(SESSION_KEEPER_FD);
}

/* --- who it is ---------------------------------------------------------------------- */

static const char *field_override(struct cv_pool *pool,
				  const struct user_field *field)
{
	return pool_printf(pool, "%s=%s", field->name, field->value);
}

static void set_overrides(struct cv_session *s)
{
	const struct user_info *info = s->user_info;
	const char **items = pool_new_array(s->pool, const char *,
					    info->field_count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < info->field_count; i++)
		items[count++] = field_override(s->pool, &info->fields[i]);
	if (*info->mail != '\0')
		items[count++] = pool_printf(s->pool, "mail=%s", info->mail);
	s->scope.overrides = (struct cv_strings){ items, count };
}

static void set_scope(struct cv_session *s)
{
	s->scope.protocol = s->service_name;
	if (*s->conn.local_name != '\0')
		s->scope.local_name = s->conn.local_name;
	(void)settings_ip_parse(s->conn.local_ip, &s->scope.local);
	(void)settings_ip_parse(s->conn.remote_ip, &s->scope.remote);
	if (s->user_info != NULL)
		set_overrides(s);
}

static int find_ids(struct cv_session *s, uint32_t *uid_r, uint32_t *gid_r,
		    struct cv_error *err)
{
	const struct session_zygote *zygote = s->private->zygote;
	struct mail_settings set;
	int status;

	*uid_r = s->user_info->uid != BOOT_NO_ID ? s->user_info->uid :
		zygote->default_uid;
	*gid_r = s->user_info->gid != BOOT_NO_ID ? s->user_info->gid :
		zygote->default_gid;
	if (geteuid() != 0)
		return CV_OK;	/* everything runs under one user */
	if (*uid_r == BOOT_NO_ID || *gid_r == BOOT_NO_ID)
		return FAIL(err, CV_E_CONFIG, "user %s has no uid or gid: "
			    "let the userdb return them, or set mail_uid and "
			    "mail_gid", s->user_info->name);
	status = settings_get(s->settings, &mail_settings_table, &s->scope,
			      s->pool, &set, err);
	return status == CV_OK ? user_ids_check(&set, *uid_r, *gid_r, err) :
		status;
}

/* --- anvil -------------------------------------------------------------------------------- */

static int begin_lease(struct cv_session *s, struct cv_error *err)
{
	struct login_settings set;
	struct anvil_connect connect = {
		.user = s->user_info->name, .ip = s->conn.remote_ip,
		.service = s->service_name, .session_id = s->id,
		.pid = (uint32_t)getpid(),
	};
	int status = settings_get(s->settings, &login_settings_table,
				  &s->scope, s->pool, &set, err);

	if (status != CV_OK)
		return status;
	/* one that slept had its place already */
	connect.limit = s->private->lease_limit =
		s->connection == NULL || s->private->woken ? 0 :
		set.mail_max_userip_connections;
	return anvil_lease_begin(SESSION_ANVIL_FD, &connect,
				 &s->private->lease, err);
}

/* May be called twice: a script must not run before it. */
static int finish_lease(struct cv_session *s, struct cv_error *err)
{
	int status;

	if (s->private->has_lease)
		return CV_OK;
	status = anvil_lease_finish(&s->private->lease, err);
	s->private->has_lease = status == CV_OK;
	if (status == CV_E_LIMIT)
		(void)error_set_client(err, "Maximum number of connections "
			"from user+IP exceeded "
			"(mail_max_userip_connections=%u)",
			s->private->lease_limit);
	return status;
}

/* Without waiting: the limit was asked when the session began. */
static void renew_lease(struct cv_session *s)
{
	struct anvil_connect connect = {
		.user = s->user_info->name, .ip = s->conn.remote_ip,
		.service = s->service_name, .session_id = s->id,
		.pid = (uint32_t)getpid(),
	};
	struct ipc_writer w;
	int fds[2];

	if (ipc_pair(fds, true, NULL) != CV_OK)
		return;
	ipc_begin(&w, ANVIL_MSG_CONNECT);
	anvil_connect_put(&w, &connect);
	ipc_put_fd(&w, fds[1]);
	if (ipc_send_now(SESSION_ANVIL_FD, &w, NULL) == CV_OK)
		s->private->lease = fds[0];
	else
		(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Something came from anvil: an order to end, or its own end (it has been
 * restarted: the new one gets to know us). */
static bool check_lease(void *context)
{
	struct cv_session *s = context;
	struct ipc_reader r;
	uint32_t type;
	int status = ipc_receive(s->private->lease, &r, NULL);

	if (status == CV_NOT_FOUND)
		return false;
	if (status == CV_OK) {
		type = r.type;
		(void)ipc_finish(&r, NULL);
		if (type == ANVIL_MSG_KICK) {
			kicked = true;
			stopping = 1;
		}
		return type == ANVIL_MSG_KICK;
	}
	(void)close(s->private->lease);
	s->private->lease = -1;
	renew_lease(s);
	return false;
}

/* --- logs ------------------------------------------------------------------------------------ */

static bool prefix_lookup(void *context, struct cv_span name,
			  struct cv_span *value_r)
{
	const struct cv_session *s = context;

	if (cv_span_is(name, "s") || cv_span_is(name, "service"))
		*value_r = cv_span_of(s->service_name);
	else if (cv_span_is(name, "u") || cv_span_is(name, "user"))
		*value_r = cv_span_of(s->user_info == NULL ? "" :
				      s->user_info->name);
	else if (cv_span_is(name, "session"))
		*value_r = cv_span_of(s->id);
	else if (cv_span_is(name, "r") || cv_span_is(name, "rip"))
		*value_r = cv_span_of(s->conn.remote_ip);
	else if (cv_span_is(name, "l") || cv_span_is(name, "lip"))
		*value_r = cv_span_of(s->conn.local_ip);
	else
		return false;
	return true;
}

static void set_log_prefix(struct cv_session *s)
{
	struct settings_vars vars = { prefix_lookup, s };
	const char *format = "%s(%u)<%{pid}><%{session}>: ";
	struct cv_text text;

	if (s->user_info == NULL)
		format = "%s<%{pid}><%{session}>: ";
	else
		(void)settings_lookup(s->settings, NULL, "mail_log_prefix",
				      &format);
	cv_text_init(&text, s->pool);
	if (settings_expand(&text, format, &vars, 0, NULL) != CV_OK)
		return;
	/* the logger puts ": " behind the prefix itself */
	while (text.len > 0 && strchr(": \"", text.data[text.len - 1]) != NULL)
		text.data[--text.len] = '\0';
	log_set_prefix(text.data[0] == '"' ? text.data + 1 : text.data);
}

void session_log_as(struct cv_session *s, const char *id,
		    struct cv_pool *scratch)
{
	struct cv_pool *own = s->pool;

	s->id = id;
	s->pool = scratch;
	set_log_prefix(s);
	s->pool = own;
}

/* --- further channels ----------------------------------------------------------------------- */

int session_control(const struct cv_session *s)
{
	return s->private->control;
}

uint64_t session_idle_msecs(const struct cv_session *s)
{
	return s->service->private->go.idle_kill_msecs;
}

int session_lease(const struct cv_session *s)
{
	return s->private->lease;
}

bool session_check_lease(struct cv_session *s)
{
	return check_lease(s);
}

void session_block_term(sigset_t *waiting_r)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, waiting_r);
}

int session_take_start(struct cv_session *s, struct cv_pool *pool,
		       struct session_start *start_r, struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	int status = ipc_receive(s->private->control, &r, err);

	if (status != CV_OK)
		return status;
	if (r.type != SESSION_MSG_START)
		return ipc_refuse(&r, "zygote", err);
	status = session_start_get(&r, pool, start_r, err);
	if (status != CV_OK)
		return status;
	if (start_r->status_fd >= 0)
		(void)close(start_r->status_fd);
	if (strcmp(start_r->user.name, s->user_info->name) == 0)
		return CV_OK;
	(void)close(start_r->transport_fd);
	return FAIL(err, CV_E_DENIED, "an order for user '%s' came to a "
		    "process of '%s'", start_r->user.name,
		    s->user_info->name);
}

/* --- starting ---------------------------------------------------------------------------------- */

static int create_user(struct cv_session *s, struct cv_error *err)
{
	struct user_fields fields = {
		.name = s->user_info->name, .home = s->user_info->home,
		.uid = geteuid(), .gid = getegid(),
		.extra = s->scope.overrides,
	};
	struct user_config config = {
		.settings = s->settings, .scope = &s->scope,
		.hostname = s->service->private->go.hostname,
		.vars = { prefix_lookup, s },
	};
	const struct session_zygote *zygote = s->private->zygote;
	int status;

	if (zygote->kind != NULL && zygote->kind->has_accessor) {
		status = session_accessor(s, s->private->input,
					  &config.accessor, err);
		if (status != CV_OK)
			return status;
		config.private_seen = true;
	} else if (s->private->auth >= 0) {
		config.open_broker = session_open_broker;
		config.broker_context = s;
	}
	return user_create(&fields, &config, &s->user, err);
}

/* As the user, but before the walls are up: the directory may lie outside of
 * what a session sees. */
static void open_rawlog(struct cv_session *s)
{
	struct cv_error err = ERROR_NONE;
	struct login_settings set;
	const char *dir;
	struct stat st;

	if (s->connection == NULL || s->user == NULL ||
	    settings_get(s->settings, &login_settings_table,
			 user_scope(s->user), s->pool, &set, &err) != CV_OK ||
	    *set.rawlog_dir == '\0')
		return;
	dir = set.rawlog_dir;
	if (strncmp(dir, "~/", 2) == 0)
		dir = pool_printf(s->pool, "%s%s", user_home(s->user),
				  dir + 1);
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (connection_set_rawlog(s->connection, dir, s->id, &err) != CV_OK)
		log_warning("rawlog", "%s", err.text);
}

/* Without one the session does not sleep. */
static void make_order(struct cv_session *s)
{
	struct cv_error err = ERROR_NONE;

	if (session_sleep_order(s, &err) != CV_OK)
		log_debug("idle", "%s", err.text);
}

static int prepare_user(struct cv_session *s, struct cv_error *err)
{
	uint32_t uid, gid;
	int status = find_ids(s, &uid, &gid, err);

	if (status == CV_OK)
		status = begin_lease(s, err);
	if (status == CV_OK && s->private->wants_script) {
		status = finish_lease(s, err);
		if (status == CV_OK)
			status = session_run_script(s, uid, gid, err);
		set_overrides(s);
	}
	/* it runs programs as any user: not for those who have one */
	(void)close(SESSION_SCRIPT_FD);
	if (s->private->zygote->has_idle) {
		if (status == CV_OK)
			make_order(s);
		session_sleep_forget();
	}
	if (s->private->zygote->has_login)
		session_return_order(s);
	if (status == CV_OK && s->private->zygote->has_shared)
		status = session_bind_broker(s, err);
	if (status == CV_OK)
		status = session_become_user(s, uid, gid, err);
	if (status == CV_OK)
		status = create_user(s, err);
	if (status == CV_OK)
		open_rawlog(s);
	if (status == CV_OK)
		status = session_confine(s, err);
	/* anvil had time to answer meanwhile */
	if (status == CV_OK)
		status = finish_lease(s, err);
	return status;
}

/* Where nobody waits on a status socket, only a failure is told. */
static void tell_started(const struct cv_session *s, int status_fd,
			 int status, const struct cv_error *err)
{
	struct session_started started = {
		.status = status, .pid = (uint32_t)getpid(),
		.text = status == CV_OK ? "" : err->client,
		.user = status == CV_OK ? s->user_info->name : "",
	};

	if (status_fd < 0)
		return;
	(void)session_started_send(status_fd, &started, NULL);
	(void)close(status_fd);
}

static void log_end(struct cv_session *s, int status,
		    const struct cv_error *err)
{
	const char *stats = s->logout_stats == NULL ? "" : s->logout_stats;
	char traffic[64] = "";

	if (s->connection != NULL && s->logout_stats == NULL)
		(void)snprintf(traffic, sizeof(traffic), "in=%llu out=%llu",
			(unsigned long long)
			connection_api.bytes_in(s->connection),
			(unsigned long long)
			connection_api.bytes_out(s->connection));
	if (kicked)
		log_info("session", "Kicked %s%s", stats, traffic);
	else if (stopping)
		log_info("session", "Disconnected: Server shutting down "
			 "%s%s", stats, traffic);
	else if (status == CV_OK)
		log_info("session", "Logged out %s%s", stats, traffic);
	else if (status == CV_EOF)
		log_info("session", "Disconnected: Connection closed %s%s",
			 stats, traffic);
	else
		log_info("session", "Disconnected: %s %s%s", err->text,
			 stats, traffic);
}

static void expire(struct cv_session *s)
{
	struct cv_error err = ERROR_NONE;
	uint32_t expunged;

	if (mailbox_autoexpunge(s->user, &expunged, &err) < 0)
		log_warning("mail", "autoexpunge: %s", err.text);
}

__attribute__((noreturn))
static void run(struct cv_session *s)
{
	const struct session_zygote *zygote = s->private->zygote;
	struct cv_session_ctx ctx = {
		CV_SIZED(cv_session_ctx), .session = s,
	};
	struct cv_error err = ERROR_NONE;
	int status;

	if (s->connection != NULL) {
		connection_set_stop(s->connection, &s->private->lease,
				    check_lease, s, &stopping);
		connection_set_send_timeout(s->connection,
					    SEND_TIMEOUT_MSECS);
	}
	if (!s->private->woken)
		(void)hook_session_opened(&ctx);
	status = zygote->protocol != NULL ? zygote->protocol->run(s, &err) :
		zygote->kind->run(s, &err);
	if (!s->private->asleep)
		(void)hook_session_closed(&ctx);
	if (s->connection != NULL && s->user != NULL && !s->private->asleep)
		log_end(s, status, &err);
	if (s->connection != NULL)
		connection_close(s->connection);
	if (s->user != NULL) {
		/* nobody waits for it any more */
		if (!stopping && !s->private->asleep &&
		    (zygote->kind == NULL || !zygote->kind->has_accessor))
			expire(s);
		user_destroy(&s->user);
	}
	_exit(EXIT_SUCCESS);
}

static struct cv_session *session_create(const struct session_zygote *zygote)
{
	struct cv_pool *pool = pool_create("session");
	struct cv_session *s = pool_new(pool, struct cv_session);

	s->pool = pool;
	s->private = pool_new(pool, struct session_private);
	s->private->zygote = zygote;
	s->private->lease = s->private->control = s->private->auth = -1;
	s->private->keeper = s->private->idle = -1;
	s->service = zygote->service;
	s->service_name = zygote->name;
	s->settings = zygote->service->settings;
	module_slots_init(&s->slots, CV_OBJECT_SESSION, pool);
	return s;
}

void session_child_start(const struct session_zygote *zygote,
			 struct ipc_reader *message, int control, int keeper)
{
	struct cv_session *s = session_create(zygote);
	struct session_start *start = pool_new(s->pool, struct session_start);
	struct cv_error err = ERROR_NONE;
	int status;

	reset_signals();
	status = session_start_get(message, s->pool, start, &err);
	if (status != CV_OK) {
		log_error("session", "auth: %s", err.text);
		_exit(EXIT_FAILURE);
	}
	arrange_fds(start->transport_fd, start->status_fd, control, keeper);
	if (control >= 0)
		s->private->control = SESSION_CONTROL_FD;
	if (keeper >= 0)
		s->private->keeper = SESSION_KEEPER_FD;
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = start->session_id;
	s->conn = start->conn;
	s->user_info = &start->user;
	s->login_tag = start->tag;
	set_log_prefix(s);
	set_scope(s);
	s->private->wants_script = zygote->has_script;
	s->private->input = start->input;
	if (zygote->protocol != NULL)
		s->connection = connection_create(s->pool, s->transport_fd,
						  &s->conn, start->input);
	status = prepare_user(s, &err);
	/* of the user's doing, and no fault of the server */
	if (status == CV_E_LIMIT)
		log_warning("session", "%s", err.text);
	else if (status != CV_OK)
		log_error("session", "%s", err.text);
	tell_started(s, start->status_fd >= 0 ? SESSION_STATUS_FD :
		     s->connection == NULL && status != CV_OK ?
		     SESSION_TRANSPORT_FD : -1, status, &err);
	if (status != CV_OK)
		_exit(EXIT_SUCCESS);
	run(s);
}

void session_child_wake(const struct session_zygote *zygote,
			struct ipc_reader *message, int keeper)
{
	struct cv_session *s = session_create(zygote);
	struct session_start *start = pool_new(s->pool, struct session_start);
	struct cv_error err = ERROR_NONE;
	int status;

	reset_signals();
	status = session_sleep_woken(s, message, start, &err);
	if (status != CV_OK) {
		log_error("session", "idle: %s", err.text);
		_exit(EXIT_FAILURE);
	}
	arrange_fds(start->transport_fd, -1, -1, keeper);
	if (keeper >= 0)
		s->private->keeper = SESSION_KEEPER_FD;
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = start->session_id;
	s->conn = start->conn;
	s->user_info = &start->user;
	s->login_tag = CV_SPAN("");
	set_log_prefix(s);
	set_scope(s);
	s->connection = connection_create(s->pool, s->transport_fd, &s->conn,
					  CV_SPAN(""));
	status = prepare_user(s, &err);
	if (status != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_SUCCESS);
	}
	run(s);
}

/* --- trying to escape ------------------------------------------------------------------- */

void session_child_selftest(const struct session_zygote *zygote,
			    struct ipc_reader *message)
{
	struct cv_session *s = session_create(zygote);
	struct user_info *info = pool_new(s->pool, struct user_info);
	struct cv_error err = ERROR_NONE;
	struct selftest t;
	int status = selftest_get(message, s->pool, &t, &err);

	reset_signals();
	if (status != CV_OK)
		_exit(EXIT_FAILURE);
	arrange_fds(t.answer_fd, -1, -1, -1);
	t.answer_fd = SESSION_TRANSPORT_FD;
	s->id = "selftest";
	s->conn = (struct conn_info){
		.local_ip = "", .remote_ip = "", .local_name = "",
	};
	*info = (struct user_info){
		.name = t.user, .login_name = t.user, .master_name = "",
		.uid = t.uid, .gid = t.gid, .home = t.home, .chroot = "",
		.mail = "",
	};
	if (!zygote->without_user)
		s->user_info = info;
	s->private->input = CV_SPAN("selftest");
	set_log_prefix(s);
	set_scope(s);
	if (s->user_info != NULL)
		status = prepare_user(s, &err);
	else
		status = session_confine(s, &err);
	if (status == CV_OK)
		selftest_run(&t, module_flags());
	else
		log_error("session", "%s", err.text);
	_exit(EXIT_SUCCESS);
}

/* --- sessions without a user -------------------------------------------------------------------- */

static const char *make_id(struct cv_pool *pool)
{
	unsigned char bytes[12];
	struct cv_text text;

	random_bytes(bytes, sizeof(bytes));
	cv_text_init(&text, pool);
	base64_encode(&text, bytes, sizeof(bytes));
	return cv_text_str(&text);
}

static void set_conn(struct cv_session *s, const struct net_address *local,
		     const struct net_address *remote)
{
	char *local_ip = pool_alloc(s->pool, NET_IP_TEXT);
	char *remote_ip = pool_alloc(s->pool, NET_IP_TEXT);

	net_address_ip(local, local_ip);
	net_address_ip(remote, remote_ip);
	s->conn = (struct conn_info){
		.local_ip = local_ip, .remote_ip = remote_ip,
		.local_port = net_address_port(local),
		.remote_port = net_address_port(remote), .local_name = "",
	};
}

static void fill_conn(struct cv_session *s, int fd)
{
	struct net_address local = { 0 }, remote = { 0 };

	remote.len = sizeof(remote.u);
	if (getpeername(fd, &remote.u.any, &remote.len) < 0)
		remote = (struct net_address){ 0 };
	if (net_local_address(fd, &local, NULL) != CV_OK)
		local = (struct net_address){ 0 };
	set_conn(s, &local, &remote);
	s->conn.secure = net_address_is_loopback(&remote);
}

static bool is_proxy(const struct cv_session *s,
		     const struct login_settings *set)
{
	struct net_address remote;

	if (!net_address_parse(&remote, s->conn.remote_ip, 0))
		return false;
	for (uint32_t i = 0; i < set->haproxy_trusted_networks.count; i++) {
		if (net_address_in(&remote,
				   set->haproxy_trusted_networks.items[i]))
			return true;
	}
	return false;
}

/* Waits for the whole header, at most limit. */
static int read_proxy_header(int fd, uint64_t limit_msecs,
			     struct proxy_reader *reader,
			     struct proxy_header *h, struct cv_error *err)
{
	uint64_t start = time_monotonic_msecs(), spent = 0;
	struct pollfd p = { fd, POLLIN, 0 };
	int status = CV_NOT_FOUND;

	while (status == CV_NOT_FOUND && spent < limit_msecs && !stopping) {
		uint64_t left = limit_msecs - spent;

		if (poll(&p, 1, left > 60000 ? 60000 : (int)left) > 0)
			status = proxy_header_read(fd, reader, h, err);
		spent = time_monotonic_msecs() - start;
	}
	if (status == CV_NOT_FOUND)
		return FAIL(err, CV_E_TIMEOUT, "Client timed out");
	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "Connection closed");
	return status;
}

/* haproxy = yes: whose connection it is says its first line. */
static int meet_proxy(struct cv_session *s, struct cv_error *err)
{
	struct proxy_reader *reader = pool_new(s->pool, struct proxy_reader);
	struct proxy_header *h = pool_new(s->pool, struct proxy_header);
	struct login_settings set;
	int status = settings_get(s->settings, &login_settings_table,
				  &s->scope, s->pool, &set, err);

	if (status == CV_OK && !is_proxy(s, &set))
		status = FAIL(err, CV_E_DENIED, "Client not trusted "
			      "(haproxy_trusted_networks)");
	if (status == CV_OK)
		status = read_proxy_header(s->transport_fd,
					   set.haproxy_timeout, reader, h,
					   err);
	if (status != CV_OK)
		return error_prefix(err, "haproxy");
	if (h->has_addresses)
		set_conn(s, &h->local, &h->remote);
	s->conn.local_name = h->local_name;
	s->conn.tls = s->conn.secure = h->tls;
	set_scope(s);
	return CV_OK;
}

__attribute__((noreturn))
static void end_early(const struct cv_session *s, const struct cv_error *err)
{
	log_info("session", "Disconnected: %s rip=%s, lip=%s", err->text,
		 s->conn.remote_ip, s->conn.local_ip);
	_exit(EXIT_SUCCESS);
}

void session_child_accept(const struct session_zygote *zygote,
			  const struct service_listener *listener, int fd)
{
	struct cv_session *s = session_create(zygote);
	struct cv_error err = ERROR_NONE;
	int status;

	reset_signals();
	arrange_fds(fd, -1, -1, -1);
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = make_id(s->pool);
	fill_conn(s, s->transport_fd);
	s->login_tag = cv_span("", 0);
	set_log_prefix(s);
	set_scope(s);
	s->connection = connection_create(s->pool, s->transport_fd, &s->conn,
					  cv_span("", 0));
	if (zygote->tls != NULL)
		connection_set_tls_context(s->connection,
			tls_server_context(zygote->tls));
	status = session_confine(s, &err);
	if (status != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
	if (listener->haproxy && meet_proxy(s, &err) != CV_OK)
		end_early(s, &err);
	/* the listener's ssl = yes: TLS from the first byte on */
	if (listener->ssl &&
	    connection_api.starttls(s->connection, &err) != CV_OK)
		end_early(s, &err);
	run(s);
}

/* --- without a server ------------------------------------------------------------------- */

void session_child_alone(const struct session_zygote *zygote,
			 const struct user_info *info, int fd)
{
	struct cv_session *s = session_create(zygote);
	struct cv_error err = ERROR_NONE;

	reset_signals();
	s->transport_fd = fd;
	s->id = make_id(s->pool);
	/* who runs this program reads what it says */
	s->conn = (struct conn_info){
		.local_ip = "", .remote_ip = "", .local_name = "",
		.secure = true,
	};
	s->user_info = info;
	s->login_tag = CV_SPAN("");
	set_log_prefix(s);
	set_scope(s);
	s->connection = connection_create(s->pool, fd, &s->conn, CV_SPAN(""));
	if (create_user(s, &err) != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
	run(s);
}
