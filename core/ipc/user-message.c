/* user-message.c - users, connections and session starts on the wire. */
#include "user-message.h"
#include "channel-binding.h"

#include <unistd.h>

enum { IP_TEXT_MAX = 64, HOST_NAME_TEXT_MAX = 255 };

static const char *get_copy(struct ipc_reader *r, struct cv_pool *pool,
			    size_t max)
{
	return pool_strdup(pool, ipc_get_str(r, max));
}

void user_info_put(struct ipc_writer *w, const struct user_info *user)
{
	ipc_put_str(w, user->name);
	ipc_put_str(w, user->login_name);
	ipc_put_str(w, user->master_name);
	ipc_put_u32(w, user->uid);
	ipc_put_u32(w, user->gid);
	ipc_put_u32(w, user->group_count);
	for (uint32_t i = 0; i < user->group_count; i++)
		ipc_put_u32(w, user->groups[i]);
	ipc_put_str(w, user->home);
	ipc_put_str(w, user->chroot);
	ipc_put_str(w, user->mail);
	ipc_put_u32(w, user->field_count);
	for (uint32_t i = 0; i < user->field_count; i++) {
		ipc_put_str(w, user->fields[i].name);
		ipc_put_str(w, user->fields[i].value);
	}
}

static void get_groups(struct ipc_reader *r, struct cv_pool *pool,
		       struct user_info *user)
{
	uint32_t *groups;

	user->group_count = ipc_get_count(r, USER_GROUPS_MAX);
	groups = pool_new_array(pool, uint32_t, user->group_count);
	for (uint32_t i = 0; i < user->group_count; i++)
		groups[i] = ipc_get_u32(r);
	user->groups = groups;
}

static void get_fields(struct ipc_reader *r, struct cv_pool *pool,
		       struct user_info *user)
{
	struct user_field *fields;

	user->field_count = ipc_get_count(r, USER_FIELDS_MAX);
	fields = pool_new_array(pool, struct user_field, user->field_count);
	for (uint32_t i = 0; i < user->field_count; i++) {
		fields[i].name = get_copy(r, pool, USER_NAME_MAX);
		fields[i].value = get_copy(r, pool, USER_VALUE_MAX);
	}
	user->fields = fields;
}

void user_info_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct user_info *user_r)
{
	user_r->name = get_copy(r, pool, USER_NAME_MAX);
	user_r->login_name = get_copy(r, pool, USER_NAME_MAX);
	user_r->master_name = get_copy(r, pool, USER_NAME_MAX);
	user_r->uid = ipc_get_u32(r);
	user_r->gid = ipc_get_u32(r);
	get_groups(r, pool, user_r);
	user_r->home = get_copy(r, pool, USER_PATH_MAX);
	user_r->chroot = get_copy(r, pool, USER_PATH_MAX);
	user_r->mail = get_copy(r, pool, USER_PATH_MAX);
	get_fields(r, pool, user_r);
}

const char *user_info_field(const struct user_info *user, const char *name)
{
	for (uint32_t i = 0; i < user->field_count; i++) {
		if (strcmp(user->fields[i].name, name) == 0)
			return user->fields[i].value;
	}
	return NULL;
}

void conn_info_put(struct ipc_writer *w, const struct conn_info *conn)
{
	ipc_put_str(w, conn->local_ip);
	ipc_put_str(w, conn->remote_ip);
	ipc_put_u32(w, conn->local_port);
	ipc_put_u32(w, conn->remote_port);
	ipc_put_str(w, conn->local_name);
	ipc_put_bool(w, conn->tls);
	ipc_put_bool(w, conn->secure);
	ipc_put_bool(w, conn->cert_valid);
	ipc_put_str(w, conn->cert_name == NULL ? "" : conn->cert_name);
	ipc_put_span(w, conn->channel_binding);
	ipc_put_u32(w, conn->proxy_ttl);
}

void conn_info_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct conn_info *conn_r)
{
	conn_r->local_ip = get_copy(r, pool, IP_TEXT_MAX);
	conn_r->remote_ip = get_copy(r, pool, IP_TEXT_MAX);
	conn_r->local_port = ipc_get_count(r, UINT16_MAX);
	conn_r->remote_port = ipc_get_count(r, UINT16_MAX);
	conn_r->local_name = get_copy(r, pool, HOST_NAME_TEXT_MAX);
	conn_r->tls = ipc_get_bool(r);
	conn_r->secure = ipc_get_bool(r);
	conn_r->cert_valid = ipc_get_bool(r);
	conn_r->cert_name = get_copy(r, pool, USER_NAME_MAX);
	conn_r->channel_binding = pool_span(pool,
					    ipc_get_span(r, CHANNEL_BINDINGS_MAX));
	conn_r->proxy_ttl = ipc_get_u32(r);
}

void session_start_put(struct ipc_writer *w, const struct session_start *s)
{
	ipc_begin(w, SESSION_MSG_START);
	ipc_put_span(w, s->key);
	ipc_put_str(w, s->session_id);
	user_info_put(w, &s->user);
	ipc_put_bool(w, s->forwarded);
	conn_info_put(w, &s->conn);
	ipc_put_span(w, s->tag);
	ipc_put_span(w, s->input);
	ipc_put_fd(w, s->transport_fd);
	if (s->status_fd >= 0)
		ipc_put_fd(w, s->status_fd);
}

struct cv_span session_start_key(struct ipc_reader *r)
{
	size_t at = r->at;
	bool failed = r->failed;
	struct cv_span key = ipc_get_span(r, SESSION_KEY_MAX);

	r->at = at;
	r->failed = failed;
	return key;
}

int session_start_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct session_start *s_r, struct cv_error *err)
{
	int status;

	s_r->key = pool_span(pool, ipc_get_span(r, SESSION_KEY_MAX));
	s_r->session_id = get_copy(r, pool, SESSION_ID_MAX);
	user_info_get(r, pool, &s_r->user);
	s_r->forwarded = ipc_get_bool(r);
	conn_info_get(r, pool, &s_r->conn);
	s_r->tag = pool_span(pool, ipc_get_span(r, SESSION_TAG_MAX));
	s_r->input = pool_span(pool, ipc_get_span(r, SESSION_INPUT_MAX));
	s_r->transport_fd = ipc_get_fd(r);
	s_r->status_fd = ipc_fds_left(r) > 0 ? ipc_get_socket(r) : -1;
	status = ipc_finish(r, err);
	if (status != CV_OK) {
		if (s_r->transport_fd >= 0)
			(void)close(s_r->transport_fd);
		if (s_r->status_fd >= 0)
			(void)close(s_r->status_fd);
		s_r->transport_fd = s_r->status_fd = -1;
	}
	return status;
}

int session_started_send(int status_fd, const struct session_started *s,
			 struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;

	ipc_begin(w, SESSION_MSG_STARTED);
	ipc_put_u32(w, (uint32_t)-s->status);
	ipc_put_str(w, s->text);
	ipc_put_u32(w, s->pid);
	ipc_put_str(w, s->user);
	return ipc_send_now(status_fd, w, err);
}

int session_started_get(struct ipc_reader *r, struct session_started *s_r,
			struct cv_error *err)
{
	if (r->type != SESSION_MSG_STARTED)
		return ipc_refuse(r, "session", err);
	s_r->status = -(int)ipc_get_count(r, 64);
	s_r->text = ipc_get_str(r, ERROR_CLIENT_MAX);
	s_r->pid = ipc_get_u32(r);
	s_r->user = ipc_get_str(r, USER_NAME_MAX);
	return ipc_finish(r, err);
}
