/* session-return.c - a session gives its connection back to the login service
 * and ends [RFC8437]. */
#include "session-private.h"

#include <sys/socket.h>
#include <unistd.h>

enum {
	/* a client that is silent for so long would not be kept by login,
	 * either */
	END_MSECS = 180000,
};

/* --- while the child can be believed ------------------------------------------- */

/* The zygote's, in its own memory, which children have a copy of. */
static uint8_t back_key[HASH_MAC_KEY_BYTES];

void session_return_prepare(const uint8_t *secret)
{
	struct idle_keys keys;

	idle_keys_derive(secret, &keys);
	memcpy(back_key, keys.back, sizeof(back_key));
	explicit_bzero(&keys, sizeof(keys));
}

void session_return_order(struct cv_session *s)
{
	struct return_order *order = pool_new(s->pool, struct return_order);
	struct cv_error err = ERROR_NONE;

	if (return_order_make(&s->conn, back_key, s->pool, order, &err) ==
	    CV_OK)
		s->private->return_order = order;
	else
		log_debug("session", "%s", err.text);
	explicit_bzero(back_key, sizeof(back_key));
}

/* --- giving it back ---------------------------------------------------------------- */

bool session_can_return(struct cv_session *s)
{
	const struct cv_protocol *protocol = s->private->zygote->protocol;

	return s->private->return_order != NULL && s->connection != NULL &&
		CV_HAS(protocol, resumed) && protocol->resumed != NULL;
}

/* Its place is free for the login that may come next. */
static void lease_end(struct cv_session *s)
{
	if (s->private->lease >= 0)
		(void)close(s->private->lease);
	s->private->lease = -1;
}

int session_give_back(struct cv_session *s, struct cv_error *err)
{
	static struct ipc_writer w;	/* a frame this large costs */
	struct cv_span input;
	int status;

	if (!session_can_return(s))
		return FAIL(err, CV_E_UNSUPPORTED, "there is nobody to give "
			    "the connection back to");
	status = connection_uncompress(s->connection, END_MSECS, err);
	if (status == CV_OK)
		status = connection_api.flush(s->connection, err);
	if (status != CV_OK)
		return status;
	input = connection_api.peek(s->connection);
	if (input.len > SESSION_INPUT_MAX)
		return FAIL(err, CV_E_LIMIT, "the client has sent %zu bytes "
			    "on", input.len);
	return_put(&w, s->private->return_order, input, s->transport_fd);
	lease_end(s);
	status = ipc_send(SESSION_LOGIN_FD, &w, err);
	explicit_bzero(w.data, w.len);
	if (status == CV_OK)
		connection_leave(s->connection);
	return status;
}
