/* session-child.c - from a fork of the zygote to a running session. */
#include "session-private.h"

#include "mailbox/user-ids.h"
#include "mailbox/user.h"
#include "master/selftest.h"
#include "module/hook.h"
#include "module/module.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SEND_TIMEOUT_MSECS = 300000 };

void session_arrange_fds(int transport, int status, int control, int keeper)
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

/* --- who it is ----------------------------------------------------------- */

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

void session_set_scope(struct cv_session *s)
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

/* --- further channels --------------------------------------------------- */

int session_control(const struct cv_session *s)
{
	return s->private->control;
}

uint64_t session_idle_msecs(const struct cv_session *s)
{
	return s->service->private->go.idle_kill_msecs;
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

/* --- starting ------------------------------------------------------------ */

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
		.vars = { session_var_lookup, s },
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
		status = session_lease_begin(s, err);
	if (status == CV_OK && s->private->wants_script) {
		status = session_lease_finish(s, err);
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
		status = session_lease_finish(s, err);
	return status;
}

/* Where nobody waits on a status socket, only a failure is told. */
void session_tell_started(const struct cv_session *s, int status_fd,
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

static void expire(struct cv_session *s)
{
	struct cv_error err = ERROR_NONE;
	uint32_t expunged;

	if (mailbox_autoexpunge(s->user, &expunged, &err) < 0)
		log_warning("mail", "autoexpunge: %s", err.text);
}

static bool lease_heard(void *context)
{
	return session_check_lease(context);
}

void session_child_run(struct cv_session *s)
{
	const struct session_zygote *zygote = s->private->zygote;
	struct cv_session_ctx ctx = {
		CV_SIZED(cv_session_ctx), .session = s,
	};
	struct cv_error err = ERROR_NONE;
	int status;

	if (s->connection != NULL) {
		connection_set_stop(s->connection, &s->private->lease,
				    lease_heard, s, session_stop_flag());
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
		session_log_end(s, status, &err);
	if (s->connection != NULL)
		connection_close(s->connection);
	if (s->user != NULL) {
		/* nobody waits for it any more */
		if (!session_stopping(s) && !s->private->asleep &&
		    (zygote->kind == NULL || !zygote->kind->has_accessor))
			expire(s);
		user_destroy(&s->user);
	}
	_exit(EXIT_SUCCESS);
}

const char *session_make_id(struct cv_pool *pool)
{
	unsigned char bytes[12];
	struct cv_text text;

	random_bytes(bytes, sizeof(bytes));
	cv_text_init(&text, pool);
	base64_encode(&text, bytes, sizeof(bytes));
	return cv_text_str(&text);
}

struct cv_session *session_create(const struct session_zygote *zygote)
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

	session_stop_watch();
	status = session_start_get(message, s->pool, start, &err);
	if (status != CV_OK) {
		log_error("session", "auth: %s", err.text);
		_exit(EXIT_FAILURE);
	}
	session_arrange_fds(start->transport_fd, start->status_fd, control,
			    keeper);
	if (control >= 0)
		s->private->control = SESSION_CONTROL_FD;
	if (keeper >= 0)
		s->private->keeper = SESSION_KEEPER_FD;
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = start->session_id;
	s->conn = start->conn;
	s->user_info = &start->user;
	s->login_tag = start->tag;
	session_set_log_prefix(s);
	if (start->forwarded) {
		explicit_bzero(message->data, message->len);
		session_forward(s, start);
	}
	session_set_scope(s);
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
	session_tell_started(s, start->status_fd >= 0 ? SESSION_STATUS_FD :
			     s->connection == NULL && status != CV_OK ?
			     SESSION_TRANSPORT_FD : -1, status, &err);
	if (status != CV_OK)
		_exit(EXIT_SUCCESS);
	session_child_run(s);
}

void session_child_wake(const struct session_zygote *zygote,
			struct ipc_reader *message, int keeper)
{
	struct cv_session *s = session_create(zygote);
	struct session_start *start = pool_new(s->pool, struct session_start);
	struct cv_error err = ERROR_NONE;
	int status;

	session_stop_watch();
	status = session_sleep_woken(s, message, start, &err);
	if (status != CV_OK) {
		log_error("session", "idle: %s", err.text);
		_exit(EXIT_FAILURE);
	}
	session_arrange_fds(start->transport_fd, -1, -1, keeper);
	if (keeper >= 0)
		s->private->keeper = SESSION_KEEPER_FD;
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = start->session_id;
	s->conn = start->conn;
	s->user_info = &start->user;
	s->login_tag = CV_SPAN("");
	session_set_log_prefix(s);
	session_set_scope(s);
	s->connection = connection_create(s->pool, s->transport_fd, &s->conn,
					  CV_SPAN(""));
	status = prepare_user(s, &err);
	if (status != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_SUCCESS);
	}
	session_child_run(s);
}

/* --- trying to escape ---------------------------------------------------- */

void session_child_selftest(const struct session_zygote *zygote,
			    struct ipc_reader *message)
{
	struct cv_session *s = session_create(zygote);
	struct user_info *info = pool_new(s->pool, struct user_info);
	struct cv_error err = ERROR_NONE;
	struct selftest t;
	int status = selftest_get(message, s->pool, &t, &err);

	session_stop_watch();
	if (status != CV_OK)
		_exit(EXIT_FAILURE);
	session_arrange_fds(t.answer_fd, -1, -1, -1);
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
	session_set_log_prefix(s);
	session_set_scope(s);
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

/* --- without a server ---------------------------------------------------- */

void session_child_alone(const struct session_zygote *zygote,
			 const struct user_info *info, int fd)
{
	struct cv_session *s = session_create(zygote);
	struct cv_error err = ERROR_NONE;

	session_stop_watch();
	s->transport_fd = fd;
	s->id = session_make_id(s->pool);
	/* who runs this program reads what it says */
	s->conn = (struct conn_info){
		.local_ip = "", .remote_ip = "", .local_name = "",
		.secure = true,
	};
	s->user_info = info;
	s->login_tag = CV_SPAN("");
	session_set_log_prefix(s);
	session_set_scope(s);
	s->connection = connection_create(s->pool, fd, &s->conn, CV_SPAN(""));
	if (create_user(s, &err) != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
	session_child_run(s);
}
