/* imap-mock.c - see imap-mock.h: the host table and the login side. */
#include "imap-mock.h"
#include "imap-mock-session.h"

#include <stdio.h>

extern const struct cv_plugin_desc imap_LTX_cv_plugin_desc;

struct cv_protocol mock_protocol;
struct cv_service mock_service;
const struct cv_extension *mock_extensions[4];
char mock_logged[512];
struct imap_settings mock_settings;

static int host_provide(struct cv_plugin *self, uint32_t kind,
			const void *table, struct cv_error *err)
{
	if (kind == CV_PROVIDER_PROTOCOL)
		memcpy(&mock_protocol, table, sizeof(mock_protocol));
	else
		memcpy(&mock_service, table, sizeof(mock_service));
	return CV_OK;
}

static int host_error_code(const struct cv_error *err) { return err->code; }

static const char *host_error_text(const struct cv_error *err)
{
	return err->text;
}

static const char *host_error_client(const struct cv_error *err)
{
	return err->client;
}

static struct cv_error *host_error_new(struct cv_pool *pool)
{
	return pool_new(pool, struct cv_error);
}

static void host_log(struct cv_plugin *self, int level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(mock_logged, sizeof(mock_logged), fmt, args);
	va_end(args);
}

static const struct cv_extension *
host_extension_next(const char *of, uint32_t major, uint32_t *at,
		    struct cv_plugin **owner_r)
{
	*owner_r = NULL;
	return *at < 4 ? mock_extensions[(*at)++] : NULL;
}

static bool host_log_wanted(struct cv_plugin *self, int level)
{
	return false;
}

static uint64_t host_monotonic(void)
{
	static uint64_t now;

	return ++now;
}

/* --- preauth -------------------------------------------------------------- */

static void *pa_state(struct cv_preauth *p) { return p->state; }
static struct cv_pool *pa_pool(struct cv_preauth *p) { return p->pool; }

static void pa_send(struct cv_preauth *p, const void *data, size_t len)
{
	if (!p->closed)
		cv_text_append(&p->out, data, len);
}

static void pa_sendf(struct cv_preauth *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_append_vf(&p->out, fmt, args);
	va_end(args);
}

static const void *pa_settings(struct cv_preauth *p, struct cv_plugin *self)
{
	return &mock_settings;
}

static const char *pa_hostname(struct cv_preauth *p) { return "host"; }
static const char *pa_greeting(struct cv_preauth *p) { return "Ready."; }

static bool pa_is_secure(struct cv_preauth *p)
{
	return p->tls_active || p->secure;
}

static bool pa_tls_active(struct cv_preauth *p) { return p->tls_active; }
static bool pa_tls_available(struct cv_preauth *p)
{
	return p->tls_available;
}

static bool pa_refused(struct cv_preauth *p) { return !pa_is_secure(p); }

static void pa_starttls(struct cv_preauth *p) { p->starttls = true; }

static int pa_mechanism(struct cv_preauth *p, uint32_t index,
			const char **name_r)
{
	static const char *const names[] = { "PLAIN", "LOGIN" };

	if (index >= 2 || pa_refused(p))
		return CV_NOT_FOUND;
	*name_r = names[index];
	return CV_OK;
}

static void text_set(struct cv_text *text, struct cv_span span)
{
	cv_text_reset(text);
	cv_text_append_span(text, span);
}

static void pa_auth_begin(struct cv_preauth *p, const char *mechanism,
			  struct cv_span initial)
{
	p->auth_begun++;
	(void)snprintf(p->mechanism, sizeof(p->mechanism), "%s%s", mechanism,
		       initial.data == NULL ? "" : "+");
	text_set(&p->initial, initial);
}

static void pa_auth_password(struct cv_preauth *p, struct cv_span user,
			     struct cv_span password)
{
	p->auth_begun++;
	text_set(&p->user, user);
	text_set(&p->password, password);
}

static void pa_auth_continue(struct cv_preauth *p, struct cv_span response)
{
	text_set(&p->response, response);
}

static void pa_auth_abort(struct cv_preauth *p) { p->aborted = true; }

static void pa_hand_off(struct cv_preauth *p, struct cv_span tag)
{
	p->handed_off++;
	text_set(&p->tag, tag);
}

static void pa_offer(struct cv_preauth *p, struct cv_span tag)
{
	p->offers++;
	text_set(&p->tag, tag);
}

static void pa_close(struct cv_preauth *p, const char *reason)
{
	p->closed = true;
}

static void pa_set_client_id(struct cv_preauth *p, struct cv_span id)
{
	text_set(&p->client_id, id);
}

static const struct cv_preauth_api mock_preauth_api = {
	CV_SIZED(cv_preauth_api), .state = pa_state, .pool = pa_pool,
	.send = pa_send, .sendf = pa_sendf, .settings = pa_settings,
	.hostname = pa_hostname, .greeting = pa_greeting,
	.is_secure = pa_is_secure, .tls_active = pa_tls_active,
	.tls_available = pa_tls_available, .plaintext_refused = pa_refused,
	.starttls = pa_starttls, .mechanism = pa_mechanism,
	.auth_begin = pa_auth_begin, .auth_password = pa_auth_password,
	.auth_continue = pa_auth_continue, .auth_abort = pa_auth_abort,
	.hand_off = pa_hand_off, .close = pa_close,
	.set_client_id = pa_set_client_id, .offer = pa_offer,
};

struct cv_preauth *mock_preauth_new(void)
{
	struct cv_pool *pool = pool_create("mock");
	struct cv_preauth *p = pool_new(pool, struct cv_preauth);
	struct cv_text *texts[] = { &p->out, &p->initial, &p->user,
		&p->password, &p->response, &p->tag, &p->client_id,
		&p->unread };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cv_text_init(texts[i], pool);
	p->pool = pool;
	p->secure = true;
	p->state = pool_alloc(pool, mock_protocol.preauth_bytes);
	mock_protocol.connected(p);
	return p;
}

void mock_preauth_free(struct cv_preauth **p)
{
	struct cv_pool *pool = (*p)->pool;

	*p = NULL;
	pool_destroy(&pool);
}

static void preauth_run(struct cv_preauth *p)
{
	size_t used;

	if (p->closed || p->unread.len == 0)
		return;
	used = mock_protocol.input(p, cv_text_span(&p->unread));
	BUG_IF(used > p->unread.len);
	memmove(p->unread.data, p->unread.data + used, p->unread.len - used);
	p->unread.len -= used;
	if (p->unread.len >= mock_protocol.preauth_line_max && used == 0)
		p->closed = true;
}

void mock_preauth_feed(struct cv_preauth *p, const void *data, size_t len)
{
	cv_text_append(&p->unread, data, len);
	preauth_run(p);
}

void mock_preauth_outcome(struct cv_preauth *p, int status, uint32_t fail,
			  const char *text)
{
	struct cv_auth_outcome outcome = { CV_SIZED(cv_auth_outcome),
		.status = status, .fail = fail, .user = "alice",
		.text = text };

	mock_protocol.auth_done(p, &outcome);
	preauth_run(p);
}

/* --- the host ------------------------------------------------------------- */

static const void *host_service(const char *name, uint32_t major)
{
	if (strcmp(name, "preauth") == 0)
		return &mock_preauth_api;
	return mock_session_service(name);
}

static const struct cv_host mock_host = {
	CV_SIZED(cv_host), .api_major = CV_API_MAJOR,
	.api_minor = CV_API_MINOR, .build_id = "mock",
	.provide = host_provide, .service = host_service,
	.error_set = error_set, .error_set_client = error_set_client,
	.error_code = host_error_code, .error_text = host_error_text,
	.error_client = host_error_client, .error_new = host_error_new,
	.log = host_log, .log_wanted = host_log_wanted,
	.pool_create = pool_create, .pool_destroy = pool_destroy,
	.pool_reset = pool_reset, .alloc = pool_alloc,
	.text_grow = text_grow, .text_append_vf = text_append_vf,
	.monotonic_msecs = host_monotonic, .random = random_bytes,
	.utf7_encode = utf7_encode, .utf7_decode = utf7_decode,
	.base64_encode = base64_encode, .base64_decode = base64_decode,
	.extension_next = host_extension_next,
};

void mock_init(void)
{
	static const char *const id_send[] = { "name", "*" };
	static const char *const id_log[] = { "*" };

	mock_settings = (struct imap_settings){
		.imap_convert_max_messages = 100, .imap_convert_max_parts = 10,
		.imap_convert_max_size = 1000,
		.imap_capability = "", .imap_compress_deflate_level = 6,
		.imap_id_send = { id_send, 2 }, .imap_id_log = { id_log, 1 },
		.imap_idle_notify_interval = 120000,
		.imap_logout_format = "in=%i out=%o",
		.imap_max_append_size = 1 << 20,
		.imap_annotate_max_entries = 100,
		.imap_annotate_max_size = 65536,
		.imap_max_line_length = 65536,
	};
	if (mock_protocol.size == 0)
		BUG_IF(imap_LTX_cv_plugin_desc.init(&mock_host, NULL, NULL) !=
		       CV_OK);
}
