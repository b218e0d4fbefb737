/* return-message.h - a connection that goes back to before its login
 * [RFC8437].
 *
 * The session that gives it up sends it to the login service over a port, with
 * what the client has sent on.  Whose connection it is (addresses, TLS, a
 * certificate) stands in a *return order*, which the session's child has made
 * while it still was what the zygote has forked, with a proof (SipHash-2-4)
 * under a key that it forgets before it becomes the user.  So a session can
 * give back no connection but one from where its own client is.  Login
 * processes have the key: what they might forge with it they may say anyway. */
#ifndef RETURN_MESSAGE_H
#define RETURN_MESSAGE_H

#include "hash.h"
#include "user-message.h"

enum {
	RETURN_MSG_CLIENT = 0x700,	/* session -> login; fd: transport */
	RETURN_MSG_ORDER,		/* what stands in an order */
	RETURN_ORDER_MAX = 4096,
};

struct return_order {
	struct cv_span bytes;		/* RETURN_MSG_ORDER */
	uint64_t proof;
};

/* Bytes in pool. */
int return_order_make(const struct conn_info *conn,
		      const uint8_t key[HASH_MAC_KEY_BYTES],
		      struct cv_pool *pool, struct return_order *order_r,
		      struct cv_error *err);

void return_put(struct ipc_writer *w, const struct return_order *order,
		struct cv_span input, int transport_fd);
/* The descriptor is the caller's; -1 on failure.  CV_E_DENIED: the proof is
 * none under this key. */
int return_get(struct ipc_reader *r, const uint8_t key[HASH_MAC_KEY_BYTES],
	       struct cv_pool *pool, struct conn_info *conn_r,
	       struct cv_span *input_r, int *transport_fd_r,
	       struct cv_error *err);

#endif
