/* idle-message.c - see idle-message.h. */
#include "idle-message.h"
#include "secret.h"

#include <unistd.h>

/* --- proofs ---------------------------------------------------------------- */

static void derive(const uint8_t *secret, const char *label, uint8_t *key_r)
{
	for (int half = 0; half < 2; half++) {
		uint64_t word = hash_mac(secret + 16 * half, label,
					 strlen(label));

		memcpy(key_r + 8 * half, &word, 8);
	}
}

void idle_keys_derive(const uint8_t secret[32], struct idle_keys *keys_r)
{
	derive(secret, "idle", keys_r->idle);
	derive(secret, "wake", keys_r->wake);
	derive(secret, "view", keys_r->view);
	derive(secret, "view, second half", keys_r->view + 16);
	derive(secret, "back", keys_r->back);
}

int idle_order_make(const struct session_start *s,
		    const struct idle_keys *keys, struct cv_pool *pool,
		    struct idle_order *order_r, struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;
	struct cv_span fields;

	ipc_begin(w, IDLE_MSG_ORDER);
	ipc_put_str(w, s->session_id);
	user_info_put(w, &s->user);
	conn_info_put(w, &s->conn);
	fields = ipc_fields(w);
	if (fields.data == NULL || fields.len > IDLE_ORDER_MAX)
		return FAIL(err, CV_E_LIMIT, "what the userdb says of '%s' "
			    "is too long for an order", s->user.name);
	order_r->bytes = pool_span(pool, fields);
	order_r->proof_idle = hash_mac(keys->idle, fields.data, fields.len);
	order_r->proof_wake = hash_mac(keys->wake, fields.data, fields.len);
	return CV_OK;
}

int idle_order_read(struct cv_span bytes, uint64_t proof,
		    const uint8_t key[HASH_MAC_KEY_BYTES],
		    struct cv_pool *pool, struct session_start *s_r,
		    struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	uint64_t right = hash_mac(key, bytes.data, bytes.len);

	if (!secret_equal(cv_span((const char *)&right, sizeof(right)),
			  cv_span((const char *)&proof, sizeof(proof))))
		return FAIL(err, CV_E_DENIED, "an order to sleep or to wake "
			    "proves nothing");
	*s_r = (struct session_start){
		.transport_fd = -1, .status_fd = -1, .tag = CV_SPAN(""),
		.input = CV_SPAN(""), .key = CV_SPAN(""),
	};
	ipc_reader_fields(&r, IDLE_MSG_ORDER, bytes);
	s_r->session_id = pool_strdup(pool, ipc_get_str(&r, SESSION_ID_MAX));
	user_info_get(&r, pool, &s_r->user);
	conn_info_get(&r, pool, &s_r->conn);
	return ipc_finish(&r, err);
}

/* --- messages --------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void idle_sleep_put(struct ipc_writer *w, const struct idle_sleep *s)
{
	ipc_begin(w, IDLE_MSG_SLEEP);
	ipc_put_span(w, s->order.bytes);
	ipc_put_u64(w, s->order.proof_idle);
	ipc_put_u64(w, s->order.proof_wake);
	ipc_put_span(w, s->state);
	ipc_put_bool(w, s->wakes);
	ipc_put_bool(w, s->packed);
	ipc_put_u64(w, s->keepalive_msecs);
	ipc_put_span(w, s->keepalive);
	ipc_put_u64(w, s->limit_msecs);
	ipc_put_span(w, s->bye);
	ipc_put_span(w, s->bye_end);
	ipc_put_span(w, s->stats);
	ipc_put_fd(w, s->transport_fd);
	if (s->state_fd >= 0)
		ipc_put_fd(w, s->state_fd);
}

int idle_sleep_get(struct ipc_reader *r, struct idle_sleep *s_r,
		   struct cv_error *err)
{
	int status;

	s_r->order.bytes = ipc_get_span(r, IDLE_ORDER_MAX);
	s_r->order.proof_idle = ipc_get_u64(r);
	s_r->order.proof_wake = ipc_get_u64(r);
	s_r->state = ipc_get_span(r, IDLE_STATE_INLINE);
	s_r->wakes = ipc_get_bool(r);
	s_r->packed = ipc_get_bool(r);
	s_r->keepalive_msecs = ipc_get_u64(r);
	s_r->keepalive = ipc_get_span(r, IDLE_LINE_MAX);
	s_r->limit_msecs = ipc_get_u64(r);
	s_r->bye = ipc_get_span(r, IDLE_LINE_MAX);
	s_r->bye_end = ipc_get_span(r, IDLE_LINE_MAX);
	s_r->stats = ipc_get_span(r, IDLE_LINE_MAX * 4);
	s_r->transport_fd = ipc_get_fd(r);
	s_r->state_fd = ipc_fds_left(r) > 0 ? ipc_get_fd(r) : -1;
	status = ipc_finish(r, err);
	if (status != CV_OK) {
		close_fd(&s_r->transport_fd);
		close_fd(&s_r->state_fd);
	}
	return status;
}

void idle_wake_put(struct ipc_writer *w, const struct idle_wake *wake)
{
	ipc_begin(w, IDLE_MSG_WAKE);
	ipc_put_span(w, wake->order);
	ipc_put_u64(w, wake->proof);
	ipc_put_span(w, wake->state);
	ipc_put_fd(w, wake->transport_fd);
	if (wake->state_fd >= 0)
		ipc_put_fd(w, wake->state_fd);
}

int idle_wake_get(struct ipc_reader *r, struct idle_wake *wake_r,
		  struct cv_error *err)
{
	int status;

	wake_r->order = ipc_get_span(r, IDLE_ORDER_MAX);
	wake_r->proof = ipc_get_u64(r);
	wake_r->state = ipc_get_span(r, IDLE_STATE_INLINE);
	wake_r->transport_fd = ipc_get_fd(r);
	wake_r->state_fd = ipc_fds_left(r) > 0 ? ipc_get_fd(r) : -1;
	status = ipc_finish(r, err);
	if (status != CV_OK) {
		close_fd(&wake_r->transport_fd);
		close_fd(&wake_r->state_fd);
	}
	return status;
}

int idle_answer_send(int fd, uint32_t type, bool yes, const char *why,
		     struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;

	ipc_begin(w, type);
	ipc_put_bool(w, yes);
	ipc_put_str(w, why);
	return ipc_send_now(fd, w, err);
}

int idle_answer_wait(int fd, uint32_t type, uint32_t timeout_msecs,
		     struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	int status = ipc_receive_wait(fd, timeout_msecs, &r, err);
	const char *why;
	bool yes;

	if (status != CV_OK)
		return status;
	if (r.type != type)
		return ipc_refuse(&r, "idle", err);
	yes = ipc_get_bool(&r);
	why = ipc_get_str(&r, IDLE_LINE_MAX);
	status = ipc_finish(&r, err);
	if (status != CV_OK || yes)
		return status;
	return FAIL(err, CV_E_LIMIT, "idle: %s", why);
}
