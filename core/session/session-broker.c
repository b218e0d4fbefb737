/* session-broker.c - the session's way to mail of other users, and the
 * session of such a broker.
 *
 * Who asks is not what a session says: while its process still is the
 * zygote's child it has auth bind a channel to the user who logged in, and
 * gives the port away.  On that channel auth opens brokers and nothing else,
 * and tells them for whom. */
#include "session-private.h"

#include "ipc/auth-message.h"
#include "mailbox/mailbox-broker.h"
#include "mailbox/user.h"

#include <errno.h>
#include <unistd.h>

enum { ANSWER_MSECS = 60 * 1000, GROUPS_MAX = 256, ASKS_MAX = 3 };

/* --- the session ------------------------------------------------------------------ */

/* The zygote keeps what is said, for an auth that has been started anew. */
static int send_bind(const struct cv_session *s,
		     const struct cv_strings *groups, int channel,
		     struct cv_error *err)
{
	static struct ipc_writer w;	/* a frame this large costs */

	ipc_begin(&w, AUTH_MSG_BIND);
	auth_accessor_put(&w, s->user_info->name, groups);
	if (s->private->keeper >= 0)
		(void)ipc_send(s->private->keeper, &w, NULL);
	return ipc_send(channel, &w, err);
}

int session_bind_broker(struct cv_session *s, struct cv_error *err)
{
	struct mail_settings set;
	int channel, status = settings_get(s->settings, &mail_settings_table,
					   &s->scope, s->pool, &set, err);

	if (status != CV_OK)
		return status;
	status = ipc_channel_open(SESSION_AUTH_FD, &channel, err);
	if (status == CV_OK) {
		status = send_bind(s, &set.acl_groups, channel, err);
		/* the port goes, whatever happens */
		if (dup2(channel, SESSION_AUTH_FD) < 0)
			status = FAIL_ERRNO(err, errno, "dup2 failed");
		(void)close(channel);
	} else {
		(void)close(SESSION_AUTH_FD);
	}
	if (status == CV_OK)
		s->private->auth = SESSION_AUTH_FD;
	return status;
}

static int ask_auth(struct cv_session *s, const char *owner, int broker,
		    struct ipc_reader *r, struct cv_error *err)
{
	static struct ipc_writer w;	/* a frame this large costs */
	struct auth_user_request request = {
		.id = 1, .service = "store", .user = owner,
		.session_id = s->id, .target = "store",
		.transport_fd = broker, .status_fd = -1,
		.conn = { .local_ip = "", .remote_ip = "", .local_name = "" },
	};
	int status;

	auth_user_request_put(&w, AUTH_MSG_USER_OPEN, &request);
	status = ipc_send(s->private->auth, &w, err);
	return status != CV_OK ? status :
		ipc_receive_wait(s->private->auth, ANSWER_MSECS, r, err);
}

static int take_answer(struct ipc_reader *r, struct cv_error *err)
{
	struct auth_answer answer;
	bool opened = r->type == AUTH_MSG_OK;
	int status;

	if (!opened && r->type != AUTH_MSG_FAIL)
		return ipc_refuse(r, "auth", err);
	status = auth_answer_get(r, &answer, err);
	if (status != CV_OK || opened)
		return status;
	return answer.fail == CV_AUTH_FAIL_TEMP ?
		FAIL(err, CV_E_TEMP, "auth cannot open a broker now") :
		FAIL(err, CV_E_NOT_FOUND, "no such user");
}

/* No late answer to a later question. */
static void lose_auth(struct cv_session *s)
{
	if (s->private->auth >= 0)
		(void)close(s->private->auth);
	s->private->auth = -1;
}

/* auth has ended since: the zygote has a channel to the new one bound. */
static int bind_again(struct cv_session *s, struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	static struct ipc_writer w;
	int status;

	if (s->private->auth >= 0)
		return CV_OK;
	if (s->private->keeper < 0)
		return FAIL(err, CV_E_TEMP, "auth has ended since the login");
	ipc_begin(&w, SESSION_MSG_AGAIN);
	status = ipc_send(s->private->keeper, &w, err);
	if (status == CV_OK)
		status = ipc_receive_wait(s->private->keeper, ANSWER_MSECS,
					  &r, err);
	if (status == CV_OK && r.type != SESSION_MSG_BOUND)
		status = ipc_refuse(&r, "the zygote", err);
	if (status == CV_OK) {
		s->private->auth = ipc_fds_left(&r) > 0 ? ipc_get_fd(&r) : -1;
		status = ipc_finish(&r, err);
	}
	if (status != CV_OK) {
		/* an answer may come still, and not for the next question */
		(void)close(s->private->keeper);
		s->private->keeper = -1;
		lose_auth(s);
		return FAIL(err, CV_E_TEMP, "auth and the zygote have ended "
			    "since the login");
	}
	return s->private->auth >= 0 ? CV_OK :
		FAIL(err, CV_E_TEMP, "auth takes no questions now");
}

/* One that ends while it is asked has opened nothing. */
static int ask(struct cv_session *s, const char *owner, int broker,
	       struct ipc_reader *r, struct cv_error *err)
{
	int status = CV_EOF;

	for (int i = 0; i < ASKS_MAX && status == CV_EOF; i++) {
		status = bind_again(s, err);
		if (status != CV_OK)
			return status;
		status = ask_auth(s, owner, broker, r, err);
		if (status != CV_OK)
			lose_auth(s);
	}
	return status == CV_EOF ?
		FAIL(err, CV_E_TEMP, "auth ends again and again") : status;
}

int session_open_broker(void *context, const char *owner, int *channel_r,
			struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	struct cv_session *s = context;
	int fds[2], status = ipc_pair(fds, false, err);

	if (status != CV_OK)
		return status;
	status = ask(s, owner, fds[1], &r, err);
	if (status == CV_OK)
		status = take_answer(&r, err);
	(void)close(fds[1]);
	if (status == CV_OK)
		*channel_r = fds[0];
	else
		(void)close(fds[0]);
	return status;
}

/* --- the broker --------------------------------------------------------------------- */

int session_accessor(struct cv_session *s, struct cv_span input,
		     const struct acl_who **who_r, struct cv_error *err)
{
	struct acl_who *who = pool_new(s->pool, struct acl_who);
	const char **groups = pool_new_array(s->pool, const char *,
					     GROUPS_MAX);
	struct cv_span rest = input, name;

	/* the user, and groups, each behind a NUL */
	if (!cv_span_split(&rest, '\0', &name) || name.len == 0)
		return FAIL(err, CV_E_DENIED, "nobody to open this mail for");
	who->user = pool_copy(s->pool, name.data, name.len);
	while (who->groups.count < GROUPS_MAX &&
	       cv_span_split(&rest, '\0', &name))
		groups[who->groups.count++] = pool_copy(s->pool, name.data,
							name.len);
	who->groups.items = groups;
	*who_r = who;
	return CV_OK;
}

static bool is_stopping(void *context)
{
	return session_stopping(context);
}

static int lease_fd(void *context)
{
	return session_lease(context);
}

/* A kick makes it stop. */
static void lease_heard(void *context)
{
	(void)session_check_lease(context);
}

static int broker_run(struct cv_session *s, struct cv_error *err)
{
	const struct mailbox_broker_host host = {
		is_stopping, lease_fd, lease_heard, s,
	};
	int status = mailbox_broker_run(s->user, s->transport_fd, &host, err);

	if (status < 0)
		log_error("store", "%s", err->text);
	return status;
}

const struct session_kind broker_session_kind = {
	.service_name = "store", .has_accessor = true, .run = broker_run,
};
