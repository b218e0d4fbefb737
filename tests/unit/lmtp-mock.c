/* lmtp-mock.c - see lmtp-mock.h. */
#include "lmtp-mock.h"
#include "cv-client.h"
#include "cv-delivery.h"
#include "cv-plugin.h"
#include "cv-protocol.h"
#include "lmtp.h"
#include "stream/dot-reader.h"

#include <stdio.h>

extern const struct cv_plugin_desc lmtp_LTX_cv_plugin_desc;

struct cv_connection {
	struct cv_span input;		/* all of it */
	size_t at, arrived, piece;
	struct cv_text *out;
};

struct cv_session {
	struct cv_connection conn;
	struct cv_pool *pool;
	struct lmtp_mock_result *result;
};

struct cv_incoming {
	struct dot_reader dots;
	struct cv_text body;
	uint64_t max;
};

static struct cv_protocol protocol;
static const struct lmtp_settings settings = {
	.lmtp_add_received_header = true,
	.lmtp_hdr_delivery_address = LMTP_HDR_FINAL,
	.lmtp_max_message_size = 65536,
};

static struct cv_span conn_peek(struct cv_connection *c)
{
	return cv_span(c->input.data + c->at, c->arrived - c->at);
}

static void conn_skip(struct cv_connection *c, size_t n)
{
	BUG_IF(n > c->arrived - c->at);
	c->at += n;
}

static int conn_fill(struct cv_connection *c, size_t max, uint32_t timeout,
		     struct cv_error *err)
{
	size_t more = c->input.len - c->arrived;

	if (c->arrived - c->at >= max)
		return CV_E_LIMIT;
	if (more == 0)
		return CV_EOF;
	if (c->piece > 0 && more > c->piece)
		more = c->piece;
	if (more > max - (c->arrived - c->at))
		more = max - (c->arrived - c->at);
	c->arrived += more;
	return CV_OK;
}

static void conn_write(struct cv_connection *c, const void *data, size_t len)
{
	cv_text_append(c->out, data, len);
}

static void conn_printf(struct cv_connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_append_vf(c->out, fmt, args);
	va_end(args);
}

static int conn_flush(struct cv_connection *c, struct cv_error *err)
{
	return CV_OK;
}

static const char *conn_remote(struct cv_connection *c) { return "192.0.2.1"; }
static uint16_t conn_remote_port(struct cv_connection *c) { return 25; }
static bool conn_can_starttls(struct cv_connection *c) { return true; }

static int conn_starttls(struct cv_connection *c, struct cv_error *err)
{
	/* what follows is TLS, which this mock does not speak */
	return c->at < c->arrived ? CV_E_SYNTAX : CV_EOF;
}

static const struct cv_connection_api connection = {
	CV_SIZED(cv_connection_api), .peek = conn_peek, .skip = conn_skip,
	.fill = conn_fill, .write = conn_write, .print = conn_printf,
	.flush = conn_flush, .remote_address = conn_remote,
	.remote_port = conn_remote_port,
	.can_starttls = conn_can_starttls, .starttls = conn_starttls,
};

static struct cv_connection *sess_connection(struct cv_session *s)
{
	return &s->conn;
}

static const void *sess_settings(struct cv_session *s, struct cv_plugin *self)
{
	return &settings;
}

static const char *sess_id(struct cv_session *s) { return "id"; }
static const char *sess_hostname(struct cv_session *s) { return "host"; }
static bool sess_stopping(struct cv_session *s) { return false; }

bool lmtp_mock_is_proxy;

static bool sess_is_from_proxy(struct cv_session *s)
{
	return lmtp_mock_is_proxy;
}

static int sess_set_origin(struct cv_session *s,
			   const struct cv_preauth_origin *origin)
{
	return CV_OK;
}

static const struct cv_session_api session = {
	CV_SIZED(cv_session_api), .connection = sess_connection,
	.settings = sess_settings, .id = sess_id, .hostname = sess_hostname,
	.stopping = sess_stopping,
	.is_from_proxy = sess_is_from_proxy, .set_origin = sess_set_origin,
};

static int dl_recipient(struct cv_session *s, struct cv_span sender,
			struct cv_span address, struct cv_pool *pool,
			struct cv_recipient **recipient_r,
			struct cv_error *err)
{
	struct cv_recipient *r = pool_new(pool, struct cv_recipient);

	BUG_IF(memchr(address.data, '\0', address.len) != NULL);
	if (cv_span_begins(address, CV_SPAN("no")))
		return FAIL(err, CV_E_NOT_FOUND, "no such user");
	if (cv_span_begins(address, CV_SPAN("temp")))
		return FAIL(err, CV_E_TEMP, "database is away");
	r->address = r->user = pool_copy(pool, address.data, address.len);
	r->detail = "";
	*recipient_r = r;
	return CV_OK;
}

static int dl_open(struct cv_session *s, struct cv_pool *pool, uint64_t max,
		   struct cv_incoming **in_r, struct cv_error *err)
{
	struct cv_incoming *in = pool_new(pool, struct cv_incoming);

	dot_reader_init(&in->dots);
	cv_text_init(&in->body, pool);
	in->max = max;
	*in_r = in;
	return CV_OK;
}

static int dl_write(struct cv_incoming *in, struct cv_span data,
		    struct cv_error *err)
{
	if (data.len > in->max - in->body.len)
		return FAIL(err, CV_E_LIMIT, "too large");
	cv_text_append_span(&in->body, data);
	return CV_OK;
}

static int dl_data(struct cv_incoming *in, struct cv_span *data,
		   struct cv_error *err)
{
	while (data->len > 0) {
		struct cv_span content = CV_SPAN_NONE;
		int status = dot_reader_next(&in->dots, data, &content);

		if (content.len > 0)
			(void)dl_write(in, content, err);
		if (status == CV_EOF)
			return CV_EOF;
	}
	return CV_OK;
}

static void dl_close(struct cv_incoming **in) { *in = NULL; }

static void dl_deliver(struct cv_session *s, struct cv_incoming *in,
		       const struct cv_delivery_request *requests,
		       uint32_t count, struct cv_delivery_result *results)
{
	for (uint32_t i = 0; i < count; i++) {
		BUG_IF(requests[i].recipient == NULL);
		results[i].status = CV_OK;
		s->result->deliveries++;
		cv_text_append_span(&s->result->delivered,
				    cv_text_span(&in->body));
		cv_text_append_c(&s->result->delivered, 1);
	}
}

static const struct cv_delivery_api delivery = {
	CV_SIZED(cv_delivery_api), .recipient = dl_recipient,
	.incoming_open = dl_open, .incoming_write = dl_write,
	.incoming_data = dl_data, .incoming_close = dl_close,
	.deliver = dl_deliver,
};

static void cl_close(struct cv_client **client) { *client = NULL; }

static const struct cv_client_api client = {
	CV_SIZED(cv_client_api), .close = cl_close,
};

static int host_provide(struct cv_plugin *self, uint32_t kind,
			const void *table, struct cv_error *err)
{
	memcpy(&protocol, table, sizeof(protocol));
	return CV_OK;
}

static const void *host_service(const char *name, uint32_t major)
{
	return strcmp(name, "connection") == 0 ? (const void *)&connection :
		strcmp(name, "session") == 0 ? (const void *)&session :
		strcmp(name, "client") == 0 ? (const void *)&client :
		(const void *)&delivery;
}

static void host_log(struct cv_plugin *self, int level, const char *fmt, ...)
{
}

static int host_code(const struct cv_error *err) { return err->code; }
static const char *host_text(const struct cv_error *err) { return err->text; }
static const char *host_client(const struct cv_error *err)
{
	return err->client;
}

static const struct cv_host host = {
	CV_SIZED(cv_host), .provide = host_provide, .service = host_service,
	.error_set = error_set, .error_code = host_code,
	.error_text = host_text, .error_client = host_client,
	.log = host_log, .pool_create = pool_create,
	.pool_destroy = pool_destroy, .pool_reset = pool_reset,
	.alloc = pool_alloc, .text_grow = text_grow,
	.text_append_vf = text_append_vf,
};

void lmtp_mock_run(struct cv_pool *pool, struct cv_span input, size_t piece,
		   struct lmtp_mock_result *result_r)
{
	struct cv_error err = ERROR_NONE;
	struct cv_session s = {
		.conn = { .input = input, .piece = piece }, .pool = pool,
		.result = result_r,
	};

	*result_r = (struct lmtp_mock_result){ 0 };
	cv_text_init(&result_r->out, pool);
	cv_text_init(&result_r->delivered, pool);
	s.conn.out = &result_r->out;
	BUG_IF(lmtp_LTX_cv_plugin_desc.init(&host, NULL, &err) != CV_OK);
	result_r->status = protocol.run(&s, &err);
}
