/* auth-policy.c - a policy server that speaks weakforced's protocol: JSON by
 * POST, "command=allow" before a login and "command=report" behind it.
 *
 * Passwords leave as a few bits of a digest, with the nonce that all servers
 * of a site share: enough to see one password tried with many names, too few
 * to know it. */
#include "policy-json.h"

#include "../auth-oauth2/oauth2-http.h"
#include "../auth-oauth2/oauth2-json.h"
#include "cv-policy.h"

#include <openssl/evp.h>

struct policy {
	const struct cv_policy_config *config;
	const EVP_MD *digest;
	struct oauth2_file file;	/* the time-out, and TLS by default */
	struct oauth2_http *http;
	struct policy_attributes attributes;
	const char *urls[CV_POLICY_REPORT + 1];
	struct cv_span headers;
};

const struct cv_host *cv_api;
static struct cv_plugin *plugin_self;
static const struct cv_auth_api *auth_api;

/* --- what is told ----------------------------------------------------------- */

/* Whom it is about: a master user logs in as somebody else. */
static const char *requested(const struct cv_auth_input *in)
{
	return in->login_user[0] != '\0' ? in->login_user : in->user;
}

/* The first bits of the digest, moved to the right end of as many bytes as
 * they take. */
static size_t shorten(unsigned char *bytes, size_t len, uint32_t bits)
{
	size_t keep = (bits + 7) / 8;
	unsigned shift = (8 - bits % 8) % 8;

	if (bits == 0)
		return len;
	for (size_t i = keep; i-- > 0;)
		bytes[i] = (unsigned char)(bytes[i] >> shift |
			(i > 0 ? bytes[i - 1] << (8 - shift) : 0));
	return keep;
}

static int hash_password(const struct policy *p,
			 const struct cv_policy_question *q,
			 struct cv_text *out, struct cv_error *err)
{
	const char *user = requested(q->input);
	unsigned char bytes[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, p->digest, NULL) == 1 &&
		EVP_DigestUpdate(ctx, p->config->hash_nonce,
				 strlen(p->config->hash_nonce)) == 1 &&
		/* the NUL goes in */
		EVP_DigestUpdate(ctx, user, strlen(user) + 1) == 1 &&
		EVP_DigestUpdate(ctx, q->password.data,
				 q->password.len) == 1 &&
		EVP_DigestFinal_ex(ctx, bytes, &len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return CV_FAIL(err, CV_E_INTERNAL, "digest %s failed",
			       p->config->hash_mech);
	len = (unsigned)shorten(bytes, len, p->config->hash_bits);
	for (unsigned i = 0; i < len; i++)
		cv_text_append_f(out, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
	return CV_OK;
}

/* A value that is to come through expand as it is. */
static void append_quoted(struct cv_text *out, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '%')
			cv_text_append_c(out, '%');
		cv_text_append_c(out, *value);
	}
}

/* The variables that only policy servers are told; false: another one. */
static bool append_own(struct cv_text *out, const struct cv_policy_question *q,
		       struct cv_span name, const char *hash)
{
	if (cv_span_is(name, "hashed_password"))
		append_quoted(out, hash);
	else if (cv_span_is(name, "requested_username"))
		append_quoted(out, requested(q->input));
	else if (cv_span_is(name, "client_id"))
		append_quoted(out, q->client_id);
	else
		return false;
	return true;
}

static int expand(const struct cv_policy_question *q, struct cv_span text,
		  const char *hash, struct cv_span *value_r,
		  struct cv_error *err)
{
	struct cv_text first, out;
	int ret;

	cv_text_init(&first, q->input->pool);
	cv_text_init(&out, q->input->pool);
	cv_text_append_str(&out, "");
	for (size_t i = 0, len; i < text.len; i += len) {
		const char *end;

		len = 1;
		if (text.data[i] == '%' && i + 1 < text.len &&
		    text.data[i + 1] == '%')
			len = 2;
		end = i + 1 < text.len && text.data[i] == '%' &&
			text.data[i + 1] == '{' ?
			memchr(text.data + i, '}', text.len - i) : NULL;
		if (end != NULL) {
			struct cv_span name = {
				.data = text.data + i + 2,
				.len = (size_t)(end - text.data) - i - 2,
			};

			len = (size_t)(end - text.data) - i + 1;
			if (append_own(&first, q, name, hash))
				continue;
		}
		cv_text_append(&first, text.data + i, len);
	}
	ret = first.len == 0 ? CV_OK :
		auth_api->expand(q->input, first.data, CV_AUTH_EXPAND_RAW,
				 &out, err);
	*value_r = (struct cv_span){ .data = out.data, .len = out.len };
	return ret;
}

static int body_of(const struct policy *p, const struct cv_policy_question *q,
		   struct cv_text *body, struct cv_error *err)
{
	struct policy_attributes values = p->attributes;
	struct cv_text hash;
	int ret;

	cv_text_init(&hash, q->input->pool);
	ret = hash_password(p, q, &hash, err);
	for (uint32_t i = 0; ret == CV_OK && i < values.count; i++)
		ret = expand(q, values.list[i].value, hash.data,
			     &values.list[i].value, err);
	if (ret != CV_OK)
		return ret;
	cv_text_append_c(body, '{');
	policy_json_append(body, &values);
	if (body->len > 1)
		cv_text_append_c(body, ',');
	if (q->when == CV_POLICY_REPORT)
		cv_text_append_f(body, "\"success\":%s,\"policy_reject\":%s,",
				 q->success ? "true" : "false",
				 q->refused ? "true" : "false");
	cv_text_append_f(body, "\"tls\":%s}", q->input->tls ? "true" :
			 "false");
	return CV_OK;
}

/* --- what is answered -------------------------------------------------------- */

static int read_answer(struct cv_pool *pool, struct cv_span body,
		       struct cv_policy_answer *answer, struct cv_error *err)
{
	const struct oauth2_member *status, *message;
	struct oauth2_members members;

	if (body.len == 0)
		return CV_FAIL(err, CV_E_TEMP, "the policy server's answer is "
			       "empty");
	if (oauth2_json_parse(pool, body, &members, err) != CV_OK)
		return CV_FAIL(err, CV_E_TEMP, "the policy server's answer is "
			       "no object of JSON");
	status = oauth2_json_find(&members, CV_SPAN("status"));
	message = oauth2_json_find(&members, CV_SPAN("msg"));
	if (status == NULL || status->kind != OAUTH2_NUMBER ||
	    !(status->number >= INT32_MIN && status->number <= INT32_MAX) ||
	    status->number != (double)(int32_t)status->number)
		return CV_FAIL(err, CV_E_TEMP, "the policy server's answer "
			       "has no whole number as status");
	answer->status = (int32_t)status->number;
	if (message != NULL && message->kind == OAUTH2_TEXT)
		cv_text_append_str(answer->message, message->value);
	return CV_OK;
}

static int policy_ask(void *data, const struct cv_policy_question *q,
		      struct cv_policy_answer *answer, struct cv_error *err)
{
	struct cv_pool *pool = q->input->pool;
	struct policy *p = data;
	struct oauth2_answer got;
	struct cv_text body;
	int ret;

	cv_text_init(&body, pool);
	ret = body_of(p, q, &body, err);
	if (ret == CV_OK) {
		struct oauth2_question post = {
			.what = "auth_policy_server_url",
			.agent = "culver/auth-policy-client",
			.url = p->urls[q->when], .form = body.data,
			.headers = p->headers,
		};

		ret = oauth2_http_ask(p->http, pool, &post, &got, err);
	}
	if (ret != CV_OK)
		return ret;
	if (got.status / 100 != 2)
		return CV_FAIL(err, CV_E_TEMP, "the policy server answers "
			       "with status %ld of HTTP", got.status);
	if (q->when == CV_POLICY_REPORT)
		return CV_OK;
	return read_answer(pool, (struct cv_span){ .data = got.body.data,
			   .len = got.body.len }, answer, err);
}

/* --- settings ---------------------------------------------------------------- */

static const char *url_of(const struct cv_policy_config *c,
			  const char *command)
{
	size_t len = strlen(c->url);
	char last = c->url[len - 1];
	struct cv_text out;

	cv_text_init(&out, c->pool);
	cv_text_append_f(&out, "%s%scommand=%s", c->url, last == '&' ||
			 last == '?' ? "" : strchr(c->url, '?') != NULL ?
			 "&" : "?", command);
	return out.data;
}

static int take_headers(struct policy *p, struct cv_error *err)
{
	const char *header = p->config->api_header;
	struct cv_text out;

	if (header[0] != '\0' &&
	    (strchr(header, ':') == NULL || header[0] == ':' ||
	     strpbrk(header, "\r\n") != NULL))
		return CV_FAIL(err, CV_E_CONFIG, "auth_policy_server_api_"
			       "header is not \"Name: value\"");
	cv_text_init(&out, p->config->pool);
	cv_text_append_f(&out, "Content-Type: application/json\n%s\n", header);
	p->headers = (struct cv_span){ .data = out.data, .len = out.len };
	return CV_OK;
}

/* A template that cannot be expanded is found now, not at the first login. */
static int try_template(struct policy *p, struct cv_error *err)
{
	const struct cv_auth_input nobody = {
		CV_SIZED(cv_auth_input), .user = "", .original_user = "",
		.login_user = "", .master_user = "", .service = "",
		.mechanism = "", .realm = "", .session_id = "",
		.local_ip = "", .remote_ip = "", .local_name = "",
		.cert_name = "", .pool = p->config->pool,
	};
	const struct cv_policy_question q = {
		CV_SIZED(cv_policy_question), .when = CV_POLICY_CHECK,
		.input = &nobody, .password = CV_SPAN(""), .client_id = "",
	};
	struct cv_text body;

	cv_text_init(&body, p->config->pool);
	return body_of(p, &q, &body, err) == CV_OK ? CV_OK : CV_E_CONFIG;
}

static int policy_open(const struct cv_policy_config *config, void **policy_r,
		       struct cv_error *err)
{
	struct policy *p = CV_ALLOC(config->pool, struct policy);
	struct cv_policy_config *copy = CV_ALLOC(config->pool,
						 struct cv_policy_config);
	int ret;

	*copy = *config;
	p->config = copy;
	if (strncmp(config->url, "http://", 7) != 0 &&
	    strncmp(config->url, "https://", 8) != 0)
		return CV_FAIL(err, CV_E_CONFIG, "auth_policy_server_url: '%s' "
			       "is no http:// or https:// URL", config->url);
	p->digest = EVP_get_digestbyname(config->hash_mech);
	if (p->digest == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "auth_policy_hash_mech: there "
			       "is no digest '%s'", config->hash_mech);
	if (config->hash_bits >= (uint32_t)EVP_MD_get_size(p->digest) * 8)
		return CV_FAIL(err, CV_E_CONFIG, "auth_policy_hash_truncate is "
			       "%u, and %s has %d bits (hint: 0 tells all)",
			       config->hash_bits, config->hash_mech,
			       EVP_MD_get_size(p->digest) * 8);
	ret = policy_attributes_parse(config->attributes, &p->attributes, err);
	if (ret == CV_OK)
		ret = take_headers(p, err);
	if (ret == CV_OK)
		ret = try_template(p, err);
	if (ret != CV_OK)
		return ret;
	p->urls[CV_POLICY_CHECK] = url_of(config, "allow");
	p->urls[CV_POLICY_REPORT] = url_of(config, "report");
	p->file.timeout_msecs = config->timeout_msecs;
	p->file.tls_ca_cert_file = p->file.tls_ca_cert_dir =
		p->file.tls_cert_file = p->file.tls_key_file =
		p->file.tls_cipher_suite = "";
	p->http = oauth2_http_create(config->pool, &p->file);
	*policy_r = p;
	return CV_OK;
}

static void policy_close(void *data)
{
	struct policy *p = data;

	oauth2_http_destroy(&p->http);
}

/* --- the frame --------------------------------------------------------------- */

static const struct cv_policy policy_table = {
	CV_SIZED(cv_policy), .name = "policy", .open = policy_open,
	.close = policy_close, .ask = policy_ask,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_policy(self, &policy_table, err);
}

static const char *const processes[] = { "auth-worker", NULL };
/* names of hosts, and the certificates of the system */
static const char *const paths[] = {
	"/etc", "/usr/share/ca-certificates", "/usr/lib/ssl", "/run", NULL,
};

CV_PLUGIN_DEFINE("auth-policy", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Asks a policy server about logins (weakforced's protocol)",
	.flags = CV_PLUGIN_CONNECTS,
	.processes = processes, .paths = paths,
	.init = init);
