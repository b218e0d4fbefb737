/* session-api.c - the service "session", and what lmtp asks auth. */
#include "forward-target.h"
#include "session-private.h"

#include "ipc/anvil-message.h"
#include "ipc/auth-message.h"
#include "module/hook.h"

#include <unistd.h>

enum { LOOKUP_TIMEOUT_MSECS = 60000 };

/* --- the service ---------------------------------------------------------------------- */

static struct cv_connection *api_connection(struct cv_session *s)
{
	return s->connection;
}

static struct cv_user *api_user(struct cv_session *s)
{
	return s->user;
}

static struct cv_pool *api_pool(struct cv_session *s)
{
	return s->pool;
}

static const void *api_settings(struct cv_session *s, struct cv_plugin *self)
{
	struct cv_error err = ERROR_NONE;

	if (!s->private->has_plugins) {
		if (module_scope_init(&s->private->plugins, s->settings,
				      &s->scope, s->pool, &err) != CV_OK) {
			log_error("session", "%s", err.text);
			return module_host()->settings(self);
		}
		s->private->has_plugins = true;
	}
	return module_scope_get(&s->private->plugins, self);
}

static struct cv_span api_login_tag(struct cv_session *s)
{
	return s->login_tag;
}

static const char *api_id(struct cv_session *s)
{
	return s->id;
}

static const char *api_hostname(struct cv_session *s)
{
	return s->service->private->go.hostname;
}

static bool api_stopping(struct cv_session *s)
{
	return session_stopping(s);
}

static const char *api_stop_reason(struct cv_session *s)
{
	return session_stop_reason(s);
}

void session_tell_activity(struct cv_session *s, const char *activity)
{
	static struct ipc_writer w;	/* a frame this large costs */

	if (s->private->lease < 0)
		return;
	ipc_begin(&w, ANVIL_MSG_ACTIVITY);
	ipc_put_str(&w, activity);
	(void)ipc_send(s->private->lease, &w, NULL);
}

static void api_set_activity(struct cv_session *s, const char *activity)
{
	if (s->service->private->general.verbose_proctitle)
		session_tell_activity(s, activity);
}

static void api_set_logout_stats(struct cv_session *s, const char *text)
{
	s->logout_stats = pool_strdup(s->pool, text);
}

static int api_command(struct cv_session *s, struct cv_span verb,
		       struct cv_span args, struct cv_error *err)
{
	struct cv_command_ctx ctx = {
		CV_SIZED(cv_command_ctx), .session = s, .err = err,
		.verb = verb, .args = args,
	};
	int status = hook_command_received(&ctx);

	return status == CV_DECLINED ? CV_OK : status;
}

static uint32_t api_forward_ttl(struct cv_session *s)
{
	return forward_ttl(&s->conn);
}

const struct cv_session_api session_api = {
	CV_SIZED(cv_session_api),
	.connection = api_connection,
	.user = api_user,
	.pool = api_pool,
	.settings = api_settings,
	.login_tag = api_login_tag,
	.id = api_id,
	.hostname = api_hostname,
	.stopping = api_stopping,
	.set_activity = api_set_activity,
	.set_logout_stats = api_set_logout_stats,
	.command = api_command,
	.stop_reason = api_stop_reason,
	.sleep_begin = session_sleep_begin,
	.sleep = session_sleep,
	.woken = session_woken,
	.can_return = session_can_return,
	.give_back = session_give_back,
	.is_from_proxy = session_is_from_proxy,
	.set_origin = session_set_origin,
	.forward_ttl = api_forward_ttl,
};

/* --- users of others ------------------------------------------------------------------- */

static int status_of_fail(uint32_t fail)
{
	switch (fail) {
	case CV_AUTH_FAIL_CREDENTIALS:
		return CV_E_NOT_FOUND;
	case CV_AUTH_FAIL_TEMP:
		return CV_E_TEMP;
	case CV_AUTH_FAIL_LIMIT:
		return CV_E_LIMIT;
	default:
		return CV_E_DENIED;
	}
}

static int failed(struct ipc_reader *r, const char *user,
		  struct cv_error *err)
{
	struct auth_answer a;
	int status = auth_answer_get(r, &a, err);

	if (status != CV_OK)
		return status;
	status = FAIL(err, status_of_fail(a.fail), "user '%s': %s", user,
		      *a.text != '\0' ? a.text :
		      status_name(status_of_fail(a.fail)));
	if (*a.text != '\0')
		(void)error_set_client(err, "%s", a.text);
	return status;
}

static void auth_close(struct cv_session *s)
{
	if (s->private->auth >= 0)
		(void)close(s->private->auth);
	s->private->auth = -1;
}

/* CV_EOF: auth has ended, or has left its place to another. */
static int ask_once(struct cv_session *s, const struct ipc_writer *w,
		    struct ipc_reader *r, struct cv_error *err)
{
	int status = CV_OK;

	if (s->private->auth < 0)
		status = ipc_channel_open(SESSION_AUTH_FD, &s->private->auth,
					  err);
	if (status == CV_OK)
		status = ipc_send(s->private->auth, w, err);
	if (status == CV_OK)
		status = ipc_receive_wait(s->private->auth,
					  LOOKUP_TIMEOUT_MSECS, r, err);
	if (status != CV_OK)
		auth_close(s);	/* no late answer to a later question */
	return status;
}

/* Over a channel that is kept; asked again when it had ended. */
static int ask(struct cv_session *s, uint32_t type,
	       struct auth_user_request *request, struct ipc_reader *r,
	       struct cv_error *err)
{
	static struct ipc_writer w;	/* a frame this large costs */
	bool kept = s->private->auth >= 0;
	int status;

	request->id = 1;
	request->service = s->service_name;
	request->session_id = s->id;
	request->conn = s->conn;
	auth_user_request_put(&w, type, request);
	status = ask_once(s, &w, r, err);
	if (status == CV_EOF && kept)
		status = ask_once(s, &w, r, err);
	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "auth gave no answer");
	if (status == CV_OK && r->type == AUTH_MSG_FAIL)
		return failed(r, request->user, err);
	return status;
}

/* CV_CHANGED: their mail is on another server. */
static int take_user(struct ipc_reader *r, struct cv_pool *pool,
		     struct user_info *info_r, struct cv_error *err)
{
	bool forward = r->type == AUTH_MSG_FORWARD;
	uint32_t id;
	int status;

	if (!forward && r->type != AUTH_MSG_USER)
		return ipc_refuse(r, "auth", err);
	status = auth_user_get(r, pool, &id, info_r, err);
	return status == CV_OK && forward ? CV_CHANGED : status;
}

int session_lookup_user(struct cv_session *s, const char *user, bool forwards,
			struct cv_pool *pool, struct user_info *info_r,
			struct cv_error *err)
{
	struct auth_user_request request = {
		.user = user, .target = "", .forwards = forwards,
		.transport_fd = -1, .status_fd = -1,
	};
	static struct ipc_reader r;	/* a frame this large costs */
	int status = ask(s, AUTH_MSG_USER_LOOKUP, &request, &r, err);

	return status != CV_OK ? status : take_user(&r, pool, info_r, err);
}

int session_start_failure(struct ipc_reader *r, struct cv_error *err)
{
	struct session_started started;
	int status = session_started_get(r, &started, err);

	if (status != CV_OK)
		return status;
	if (started.status == CV_OK)
		return FAIL(err, CV_E_SYNTAX, "a session says that it runs, "
			    "but nobody asked");
	/* what a user may not know it has written itself */
	status = FAIL(err, started.status, "the session did not start: %s",
		      *started.text != '\0' ? started.text :
		      "see its own line in the log");
	if (*started.text != '\0')
		(void)error_set_client(err, "%s", started.text);
	return status;
}

int session_open_for_user(struct cv_session *s, const char *user,
			  const char *target, struct cv_pool *pool,
			  struct user_info *forward_r, int *channel_r,
			  struct cv_error *err)
{
	struct auth_user_request request = {
		.user = user, .target = target, .status_fd = -1,
		.forwards = forward_r != NULL,
	};
	static struct ipc_reader r;	/* a frame this large costs */
	struct auth_answer answer;
	int channel[2], status;

	*channel_r = -1;
	status = ipc_pair(channel, false, err);
	if (status != CV_OK)
		return status;
	request.transport_fd = channel[1];
	status = ask(s, AUTH_MSG_USER_OPEN, &request, &r, err);
	(void)close(channel[1]);
	if (status == CV_OK && forward_r != NULL &&
	    r.type == AUTH_MSG_FORWARD)
		status = take_user(&r, pool, forward_r, err);
	else if (status == CV_OK)
		status = r.type == AUTH_MSG_OK ?
			auth_answer_get(&r, &answer, err) :
			ipc_refuse(&r, "auth", err);
	if (status == CV_OK)
		*channel_r = channel[0];
	else
		(void)close(channel[0]);
	return status;
}
