/* auth-message.c - the auth protocol on the wire. */
#include "auth-message.h"
#include "channel-binding.h"

#include <unistd.h>

enum { SERVICE_NAME_MAX = 64 };

void auth_mechanisms_put(struct ipc_writer *w,
			 const struct auth_mechanisms *m)
{
	ipc_begin(w, AUTH_MSG_MECHANISMS);
	ipc_put_u32(w, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		ipc_put_str(w, m->items[i].name);
		ipc_put_u32(w, m->items[i].flags);
	}
}

int auth_mechanisms_get(struct ipc_reader *r, struct cv_pool *pool,
			struct auth_mechanisms *m_r, struct cv_error *err)
{
	m_r->count = ipc_get_count(r, AUTH_MECHANISMS_MAX);
	for (uint32_t i = 0; i < m_r->count; i++) {
		m_r->items[i].name = pool_strdup(pool,
			ipc_get_str(r, AUTH_MECHANISM_NAME_MAX));
		m_r->items[i].flags = ipc_get_u32(r);
	}
	return ipc_finish(r, err);
}

void auth_offer_put(struct ipc_writer *w, struct cv_span tag,
		    struct cv_span input, int transport_fd)
{
	ipc_put_span(w, tag);
	ipc_put_span(w, input);
	ipc_put_fd(w, transport_fd);
}

void auth_begin_put(struct ipc_writer *w, const struct auth_begin *b)
{
	ipc_begin(w, AUTH_MSG_BEGIN);
	ipc_put_u32(w, b->id);
	ipc_put_str(w, b->service);
	ipc_put_str(w, b->mechanism);
	ipc_put_str(w, b->session_id);
	conn_info_put(w, &b->conn);
	ipc_put_bool(w, b->cert_valid);
	ipc_put_str(w, b->cert_name);
	ipc_put_span(w, b->channel_binding);
	ipc_put_str(w, b->client_id);
	ipc_put_span(w, b->forward);
	ipc_put_bool(w, b->has_initial);
	ipc_put_span(w, b->initial);
	if (b->offered)
		auth_offer_put(w, b->tag, b->input, b->transport_fd);
}

/* On failure nothing of the message is kept. */
static int finish_fds(struct ipc_reader *r, int *first, int *second,
		      struct cv_error *err)
{
	int status = ipc_finish(r, err);

	if (status == CV_OK)
		return CV_OK;
	if (*first >= 0)
		(void)close(*first);
	if (*second >= 0)
		(void)close(*second);
	*first = *second = -1;
	return status;
}

int auth_begin_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct auth_begin *b_r, struct cv_error *err)
{
	int none = -1;

	b_r->id = ipc_get_u32(r);
	b_r->service = pool_strdup(pool, ipc_get_str(r, SERVICE_NAME_MAX));
	b_r->mechanism = pool_strdup(pool,
		ipc_get_str(r, AUTH_MECHANISM_NAME_MAX));
	b_r->session_id = pool_strdup(pool, ipc_get_str(r, SESSION_ID_MAX));
	conn_info_get(r, pool, &b_r->conn);
	b_r->cert_valid = ipc_get_bool(r);
	b_r->cert_name = pool_strdup(pool, ipc_get_str(r, USER_NAME_MAX));
	b_r->channel_binding = pool_span(pool, ipc_get_span(r,
						CHANNEL_BINDINGS_MAX));
	b_r->client_id = pool_strdup(pool,
		ipc_get_str(r, AUTH_CLIENT_ID_MAX));
	b_r->forward = pool_span(pool, ipc_get_span(r, AUTH_FORWARD_MAX));
	b_r->has_initial = ipc_get_bool(r);
	b_r->initial = pool_span(pool, ipc_get_span(r, AUTH_DATA_MAX));
	b_r->tag = b_r->input = CV_SPAN_NONE;
	b_r->transport_fd = none;
	b_r->offered = ipc_fds_left(r) > 0;
	if (b_r->offered) {
		b_r->tag = pool_span(pool, ipc_get_span(r, SESSION_TAG_MAX));
		b_r->input = pool_span(pool, ipc_get_span(r,
						SESSION_INPUT_MAX));
		b_r->transport_fd = ipc_get_fd(r);
	}
	return finish_fds(r, &b_r->transport_fd, &none, err);
}

void auth_continue_put(struct ipc_writer *w, uint32_t id, struct cv_span data)
{
	ipc_begin(w, AUTH_MSG_CONTINUE);
	ipc_put_u32(w, id);
	ipc_put_span(w, data);
}

int auth_continue_get(struct ipc_reader *r, uint32_t *id_r,
		      struct cv_span *data_r, struct cv_error *err)
{
	*id_r = ipc_get_u32(r);
	*data_r = ipc_get_span(r, AUTH_DATA_MAX);
	return ipc_finish(r, err);
}

void auth_abort_put(struct ipc_writer *w, uint32_t id)
{
	ipc_begin(w, AUTH_MSG_ABORT);
	ipc_put_u32(w, id);
}

int auth_abort_get(struct ipc_reader *r, uint32_t *id_r,
		   struct cv_error *err)
{
	*id_r = ipc_get_u32(r);
	return ipc_finish(r, err);
}

void auth_handoff_put(struct ipc_writer *w, const struct auth_handoff *h)
{
	ipc_begin(w, AUTH_MSG_HANDOFF);
	ipc_put_u32(w, h->id);
	ipc_put_span(w, h->tag);
	ipc_put_span(w, h->input);
	ipc_put_bool(w, h->last);
	ipc_put_fd(w, h->transport_fd);
	ipc_put_fd(w, h->status_fd);
}

int auth_handoff_get(struct ipc_reader *r, struct auth_handoff *h_r,
		     struct cv_error *err)
{
	h_r->id = ipc_get_u32(r);
	h_r->tag = ipc_get_span(r, SESSION_TAG_MAX);
	h_r->input = ipc_get_span(r, SESSION_INPUT_MAX);
	h_r->last = ipc_get_bool(r);
	h_r->transport_fd = ipc_get_fd(r);
	h_r->status_fd = ipc_get_socket(r);
	return finish_fds(r, &h_r->transport_fd, &h_r->status_fd, err);
}

void auth_answer_put(struct ipc_writer *w, uint32_t type,
		     const struct auth_answer *a)
{
	ipc_begin(w, type);
	ipc_put_u32(w, a->id);
	ipc_put_span(w, a->data);
	ipc_put_str(w, a->user);
	ipc_put_str(w, a->text);
	ipc_put_u32(w, a->fail);
	ipc_put_str(w, a->referral_host);
	ipc_put_str(w, a->referral_user);
	ipc_put_u32(w, a->referral_port);
}

int auth_answer_get(struct ipc_reader *r, struct auth_answer *a_r,
		    struct cv_error *err)
{
	a_r->id = ipc_get_u32(r);
	a_r->data = ipc_get_span(r, AUTH_DATA_MAX);
	a_r->user = ipc_get_str(r, USER_NAME_MAX);
	a_r->text = ipc_get_str(r, AUTH_TEXT_MAX);
	a_r->fail = ipc_get_u32(r);
	a_r->referral_host = ipc_get_str(r, AUTH_TEXT_MAX);
	a_r->referral_user = ipc_get_str(r, USER_NAME_MAX);
	a_r->referral_port = ipc_get_count(r, UINT16_MAX);
	return ipc_finish(r, err);
}

void auth_user_request_put(struct ipc_writer *w, uint32_t type,
			   const struct auth_user_request *u)
{
	ipc_begin(w, type);
	ipc_put_u32(w, u->id);
	ipc_put_str(w, u->service);
	ipc_put_str(w, u->user);
	ipc_put_str(w, u->session_id);
	conn_info_put(w, &u->conn);
	ipc_put_str(w, u->target);
	ipc_put_bool(w, u->forwards);
	if (type != AUTH_MSG_USER_OPEN)
		return;
	ipc_put_fd(w, u->transport_fd);
	if (u->status_fd >= 0)
		ipc_put_fd(w, u->status_fd);
}

int auth_user_request_get(struct ipc_reader *r, struct cv_pool *pool,
			  struct auth_user_request *u_r, struct cv_error *err)
{
	u_r->id = ipc_get_u32(r);
	u_r->service = pool_strdup(pool, ipc_get_str(r, SERVICE_NAME_MAX));
	u_r->user = pool_strdup(pool, ipc_get_str(r, USER_NAME_MAX));
	u_r->session_id = pool_strdup(pool, ipc_get_str(r, SESSION_ID_MAX));
	conn_info_get(r, pool, &u_r->conn);
	u_r->target = pool_strdup(pool, ipc_get_str(r, SERVICE_NAME_MAX));
	u_r->forwards = ipc_get_bool(r);
	u_r->transport_fd = u_r->status_fd = -1;
	if (r->type == AUTH_MSG_USER_OPEN) {
		u_r->transport_fd = ipc_get_fd(r);
		if (ipc_fds_left(r) > 0)
			u_r->status_fd = ipc_get_socket(r);
	}
	return finish_fds(r, &u_r->transport_fd, &u_r->status_fd, err);
}

void auth_accessor_put(struct ipc_writer *w, const char *user,
		       const struct cv_strings *groups)
{
	uint32_t count = groups->count > AUTH_GROUPS_MAX ? AUTH_GROUPS_MAX :
		groups->count;

	ipc_put_str(w, user);
	ipc_put_u32(w, count);
	for (uint32_t i = 0; i < count; i++)
		ipc_put_str(w, groups->items[i]);
}

int auth_accessor_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct cv_span *accessor_r, struct cv_error *err)
{
	struct cv_text text;
	uint32_t count;

	cv_text_init(&text, pool);
	cv_text_append_str(&text, ipc_get_str(r, USER_NAME_MAX));
	count = ipc_get_count(r, AUTH_GROUPS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		cv_text_append_c(&text, '\0');
		cv_text_append_str(&text, ipc_get_str(r, USER_NAME_MAX));
	}
	*accessor_r = cv_text_span(&text);
	if (text.len > SESSION_INPUT_MAX || accessor_r->len == 0) {
		(void)ipc_finish(r, NULL);
		return FAIL(err, CV_E_SYNTAX, "nobody to bind a channel to");
	}
	return ipc_finish(r, err);
}

void auth_user_put(struct ipc_writer *w, uint32_t type, uint32_t id,
		   const struct user_info *user)
{
	ipc_begin(w, type);
	ipc_put_u32(w, id);
	user_info_put(w, user);
}

int auth_user_get(struct ipc_reader *r, struct cv_pool *pool, uint32_t *id_r,
		  struct user_info *user_r, struct cv_error *err)
{
	*id_r = ipc_get_u32(r);
	user_info_get(r, pool, user_r);
	return ipc_finish(r, err);
}
