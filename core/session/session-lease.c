/* session-lease.c - the place of a session among those that anvil counts. */
#include "session-private.h"

#include "ipc/anvil-message.h"

#include <unistd.h>

int session_lease_begin(struct cv_session *s, struct cv_error *err)
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

int session_lease_finish(struct cv_session *s, struct cv_error *err)
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

/* Anvil's end: it has been restarted, and the new one gets to know us. */
bool session_check_lease(struct cv_session *s)
{
	struct ipc_reader r;
	uint32_t type;
	int status = ipc_receive(s->private->lease, &r, NULL);

	if (status == CV_NOT_FOUND)
		return false;
	if (status == CV_OK) {
		type = r.type;
		(void)ipc_finish(&r, NULL);
		if (type == ANVIL_MSG_KICK)
			session_stop_kick();
		return type == ANVIL_MSG_KICK;
	}
	(void)close(s->private->lease);
	s->private->lease = -1;
	renew_lease(s);
	return false;
}

int session_lease(const struct cv_session *s)
{
	return s->private->lease;
}
