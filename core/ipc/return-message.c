/* return-message.c - see return-message.h. */
#include "return-message.h"
#include "secret.h"

#include <unistd.h>

int return_order_make(const struct conn_info *conn,
		      const uint8_t key[HASH_MAC_KEY_BYTES],
		      struct cv_pool *pool, struct return_order *order_r,
		      struct cv_error *err)
{
	struct ipc_writer *w = &ipc_scratch;
	struct cv_span fields;

	ipc_begin(w, RETURN_MSG_ORDER);
	conn_info_put(w, conn);
	fields = ipc_fields(w);
	if (fields.data == NULL || fields.len > RETURN_ORDER_MAX)
		return FAIL(err, CV_E_LIMIT, "what is known of a connection "
			    "is too long for an order");
	order_r->bytes = pool_span(pool, fields);
	order_r->proof = hash_mac(key, fields.data, fields.len);
	return CV_OK;
}

static int order_read(struct cv_span bytes, uint64_t proof,
		      const uint8_t key[HASH_MAC_KEY_BYTES],
		      struct cv_pool *pool, struct conn_info *conn_r,
		      struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	uint64_t right = hash_mac(key, bytes.data, bytes.len);

	if (!secret_equal(cv_span((const char *)&right, sizeof(right)),
			  cv_span((const char *)&proof, sizeof(proof))))
		return FAIL(err, CV_E_DENIED, "a connection that is given "
			    "back proves nothing");
	ipc_reader_fields(&r, RETURN_MSG_ORDER, bytes);
	conn_info_get(&r, pool, conn_r);
	return ipc_finish(&r, err);
}

void return_put(struct ipc_writer *w, const struct return_order *order,
		struct cv_span input, int transport_fd)
{
	ipc_begin(w, RETURN_MSG_CLIENT);
	ipc_put_span(w, order->bytes);
	ipc_put_u64(w, order->proof);
	ipc_put_span(w, input);
	ipc_put_fd(w, transport_fd);
}

int return_get(struct ipc_reader *r, const uint8_t key[HASH_MAC_KEY_BYTES],
	       struct cv_pool *pool, struct conn_info *conn_r,
	       struct cv_span *input_r, int *transport_fd_r,
	       struct cv_error *err)
{
	struct cv_span order = ipc_get_span(r, RETURN_ORDER_MAX);
	uint64_t proof = ipc_get_u64(r);
	int status;

	*input_r = pool_span(pool, ipc_get_span(r, SESSION_INPUT_MAX));
	*transport_fd_r = ipc_get_fd(r);
	status = ipc_finish(r, err);
	if (status == CV_OK)
		status = order_read(order, proof, key, pool, conn_r, err);
	if (status != CV_OK && *transport_fd_r >= 0) {
		(void)close(*transport_fd_r);
		*transport_fd_r = -1;
	}
	return status;
}
