/* session-forward.c - a session whose mail is on another server.
 *
 * The zygote's child does not become the user: it runs as
 * default_internal_user, sees no mail, may connect, and reads what names hosts
 * and authorities.  It trusts auth, which has said where to go; the server
 * there and the client are both hostile. */
#include "session-forward.h"

#include "net/client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MSECS = 1000 };

/* --- where it goes ---------------------------------------------------------- */

static const char *field(const struct forward *f, const char *name)
{
	return forward_field(f->s->user_info, name);
}

static void choose_user(struct forward *f)
{
	const char *destuser = field(f, "destuser");

	f->target.user = *destuser != '\0' ? destuser :
		f->s->user_info->name;
	f->target.master = field(f, "master");
	f->target.password = cv_span_of(field(f, "pass"));
	f->target.mechanism = field(f, "proxy_mech");
}

/* Fields forward_name, as "name=value" with TABs between. */
static struct cv_span forward_fields(const struct forward *f)
{
	static const struct cv_span prefix = { "forward_", 8 };
	const struct user_info *user = f->s->user_info;
	struct cv_text text;

	cv_text_init(&text, f->s->pool);
	for (uint32_t i = 0; i < user->field_count; i++) {
		struct cv_span name = cv_span_of(user->fields[i].name);

		if (!cv_span_begins(name, prefix))
			continue;
		if (text.len > 0)
			cv_text_append_c(&text, '\t');
		cv_text_append_span(&text, cv_span_skip(name, prefix.len));
		cv_text_append_c(&text, '=');
		cv_text_append_str(&text, user->fields[i].value);
	}
	return cv_text_span(&text);
}

static void tell_client(struct forward *f)
{
	const struct conn_info *conn = &f->s->conn;

	f->target.tell_client = f->to.tell_client;
	f->target.session_id = f->s->id;
	f->target.remote_ip = conn->remote_ip;
	f->target.local_ip = conn->local_ip;
	f->target.remote_port = conn->remote_port;
	f->target.local_port = conn->local_port;
	f->target.forward = forward_fields(f);
	f->target.ttl = forward_ttl(conn);
}

static int choose_target(struct forward *f, struct cv_error *err)
{
	struct cv_session *s = f->s;
	struct login_settings login;
	int status = settings_get(s->settings, &login_settings_table,
				  &s->scope, s->pool, &login, err);

	if (status == CV_OK)
		status = forward_target_get(s->user_info, s->settings,
			&s->scope, f->protocol->port, f->protocol->tls_port,
			0, s->pool, &f->to, err);
	if (status != CV_OK)
		return status;
	f->reconnects = login.login_proxy_max_reconnects;
	f->target = (struct cv_proxy_target){
		CV_SIZED(cv_proxy_target),
		.host = f->to.options.host, .port = f->to.options.port,
		.starttls = f->to.options.tls == CV_CLIENT_START_TLS,
		.tag = s->login_tag,
	};
	choose_user(f);
	tell_client(f);
	if (f->target.ttl == 0)
		return FAIL(err, CV_E_CONFIG, "proxying loops: the connection "
			    "has passed too many proxies, and would go on to "
			    "'%s'", f->target.host);
	return CV_OK;
}

/* --- walls -------------------------------------------------------------------- */

static int become_internal(const struct forward *f, struct cv_error *err)
{
	const struct session_zygote *zygote = f->s->private->zygote;

	if (geteuid() != 0)
		return CV_OK;
	if (setgroups(0, NULL) < 0 || setgid(zygote->internal_gid) < 0 ||
	    setuid(zygote->internal_uid) < 0)
		return FAIL_ERRNO(err, errno, "cannot become "
				  "default_internal_user");
	return CV_OK;
}

static int enter_landlock(const struct forward *f, struct cv_error *err)
{
	static const char *const names[] = {
		"/etc/hosts", "/etc/resolv.conf", "/etc/host.conf",
		"/etc/gai.conf", "/etc/nsswitch.conf", "/etc/services",
		"/etc/ssl", "/usr/share/ca-certificates",
		"/run/systemd/resolve",
	};
	const struct session_zygote *zygote = f->s->private->zygote;
	struct sandbox_paths paths;
	int status;

	sandbox_paths_init(&paths, f->s->pool);
	for (size_t i = 0; i < zygote->paths.items.count; i++)
		*array_add(&paths.items) = zygote->paths.items.items[i];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sandbox_paths_add(&paths, names[i], false);
	if (*f->to.trust.ca_file != '\0')
		sandbox_paths_add(&paths, f->to.trust.ca_file, false);
	if (*f->to.trust.ca_dir != '\0')
		sandbox_paths_add(&paths, f->to.trust.ca_dir, false);
	status = sandbox_landlock(&paths, SANDBOX_ALLOW_CONNECT, err);
	sandbox_paths_close(&paths);
	return service_may_go_on(f->s->service, status, err) ? CV_OK : status;
}

static int confine(const struct forward *f, struct cv_error *err)
{
	const struct session_zygote *zygote = f->s->private->zygote;
	int status = become_internal(f, err);

	if (status != CV_OK ||
	    f->s->service->private->general.sandbox == GENERAL_SANDBOX_NO)
		return status;
	status = enter_landlock(f, err);
	if (status != CV_OK || zygote->forward_filter.count == 0)
		return status;
	status = sandbox_filter_apply(&zygote->forward_filter, err);
	return service_may_go_on(f->s->service, status, err) ? CV_OK : status;
}

/* --- connecting ----------------------------------------------------------------- */

static void drop_far(struct forward *f)
{
	client_close(&f->far);
	if (f->far_pool != NULL)
		pool_destroy(&f->far_pool);
}

int forward_connect(struct forward *f, struct cv_text *answer,
		    struct cv_error *err)
{
	int status;

	drop_far(f);
	f->far_pool = pool_create("far");
	status = forward_target_open(f->far_pool, &f->to, &f->s->conn,
				     &f->far, err);
	if (status == CV_OK)
		status = f->protocol->login(f->state, f->far, &f->target,
					    answer, err);
	/* too much of something there is no limit of ours for the client */
	if (status == CV_E_LIMIT)
		status = CV_E_TEMP;
	if (status != CV_OK)
		drop_far(f);
	return status;
}

static void pause_msecs(uint64_t msecs)
{
	const struct timespec wait = {
		.tv_sec = (time_t)(msecs / 1000),
		.tv_nsec = (long)(msecs % 1000 * 1000000),
	};

	/* SIGTERM ends it early */
	(void)nanosleep(&wait, NULL);
}

/* Only what may be another time is tried again. */
static int connect_patiently(struct forward *f, struct cv_text *answer,
			     struct cv_error *err)
{
	int status;

	for (uint32_t i = 0; ; i++) {
		status = forward_connect(f, answer, err);
		if (status != CV_E_TEMP || i == f->reconnects ||
		    session_stopping(f->s))
			return status;
		log_warning("proxy", "%s: trying again", err->text);
		cv_text_reset(answer);
		pause_msecs(RETRY_MSECS);
	}
}

int forward_reconnect(struct forward *f, struct cv_error *err)
{
	struct cv_text answer;
	int status;

	cv_text_init(&answer, f->s->pool);
	status = connect_patiently(f, &answer, err);
	if (status == CV_OK)
		status = f->protocol->resume(f->state, f->far, err);
	if (status == CV_OK)
		status = client_begin_relay(f->far, err);
	return status;
}

/* --- the session ------------------------------------------------------------------ */

/* The client's connections are counted where the mail is. */
static int take_lease(struct cv_session *s, struct cv_error *err)
{
	int status;

	s->private->woken = true;	/* no limit applies */
	status = session_lease_begin(s, err);
	return status == CV_OK ? session_lease_finish(s, err) : status;
}

static int prepare(struct forward *f, struct cv_error *err)
{
	struct cv_session *s = f->s;
	int status;

	if (!s->private->zygote->forwards)
		return FAIL(err, CV_E_CONFIG, "the passdb wants this user "
			    "proxied, which service %s does not do",
			    s->service_name);
	f->protocol = s->private->zygote->protocol->proxy;
	f->state = pool_alloc(s->pool, f->protocol->state_bytes + 1);
	cv_text_init(&f->words, s->pool);
	cv_text_init(&f->goodbye, s->pool);
	status = choose_target(f, err);
	if (status == CV_OK)
		status = take_lease(s, err);
	if (status == CV_OK)
		status = confine(f, err);
	if (status == CV_OK)
		status = connect_patiently(f, &f->words, err);
	if (status == CV_OK)
		status = client_begin_relay(f->far, err);
	if (status == CV_OK && f->s->private->input.len > FORWARD_ROOM)
		status = FAIL(err, CV_E_LIMIT, "too much input at login");
	return status;
}

static void tell_activity(struct forward *f)
{
	const char *text = pool_printf(f->s->pool, "proxy %s:%u",
				       f->target.host, f->target.port);

	session_tell_activity(f->s, text);
}

/* What auth does for passwords that it refuses itself. */
static void delay_failure(struct cv_session *s)
{
	struct auth_settings set;

	if (settings_get(s->settings, &auth_settings_table, &s->scope, s->pool,
			 &set, NULL) == CV_OK)
		pause_msecs(set.auth_failure_delay);
}

static void log_end(const struct forward *f, int status,
		    const struct cv_error *err)
{
	log_info("proxy", "disconnected from %s:%u: %s in=%llu out=%llu",
		 f->target.host, f->target.port, status == CV_OK ?
		 "connection closed" : err->text,
		 (unsigned long long)f->up.bytes,
		 (unsigned long long)f->down.bytes);
}

void session_forward(struct cv_session *s, const struct session_start *start)
{
	struct forward *f = pool_new(s->pool, struct forward);
	int status_fd = start->status_fd >= 0 ? SESSION_STATUS_FD : -1;
	struct cv_error err = ERROR_NONE;
	int status;

	/* these fields are no settings */
	s->user_info = NULL;
	session_set_scope(s);
	s->user_info = &start->user;
	s->private->input = start->input;
	f->s = s;
	status = prepare(f, &err);
	if (status == CV_E_DENIED) {
		log_info("proxy", "%s", err.text);
		delay_failure(s);
	} else if (status != CV_OK) {
		log_error("proxy", "%s", err.text);
	}
	session_tell_started(s, status_fd, status, &err);
	if (status != CV_OK)
		_exit(EXIT_SUCCESS);
	log_info("proxy", "connected to %s:%u as %s", f->target.host,
		 f->target.port, f->target.user);
	tell_activity(f);
	(void)fcntl(SESSION_TRANSPORT_FD, F_SETFL, O_NONBLOCK);
	memcpy(f->up.data, s->private->input.data, s->private->input.len);
	f->up.end = s->private->input.len;
	status = forward_relay(f, &err);
	log_end(f, status, &err);
	drop_far(f);
	_exit(EXIT_SUCCESS);
}
