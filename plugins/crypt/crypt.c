/* crypt.c - messages are encrypted at rest; see README.md. */
#include "crypt.h"
#include "cv-mailbox.h"

#include <openssl/crypto.h>

struct crypt_settings { const char *crypt_keys; };

static const struct cv_setting_def crypt_setting_defs[] = {
	CV_SETTING(crypt_settings, crypt_keys, CV_SET_STRING, "", NULL,
		CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER | CV_SET_SECRET,
		"Keys, one a line, 64 hexadecimal digits each: "
		"</etc/culver/mail.keys. The first encrypts, all decrypt."),
};

const struct cv_stream_api *crypt_stream_api;
static struct cv_plugin *crypt_self;
static const struct cv_user_api *user_service;

static int read_keys(struct cv_user *user, struct crypt_keys *keys_r,
		     struct cv_error *err)
{
	const struct crypt_settings *set =
		user_service->settings(user, crypt_self);

	return crypt_keys_parse(cv_span_of(set->crypt_keys), keys_r, err);
}

/* --- reading ------------------------------------------------------------------ */

/* The header may come in pieces.  CV_NOT_FOUND: it is none. */
static int read_header(struct cv_stream *body, char *header,
		       struct cv_error *err)
{
	size_t have = 0;
	int ret = CV_OK;

	while (have < CRYPT_HEADER_BYTES) {
		struct cv_span part;
		size_t want = CRYPT_HEADER_BYTES - have;

		ret = crypt_stream_api->peek(body, &part, err);
		if (ret != CV_OK)
			break;
		if (part.len > want)
			part.len = want;
		memcpy(header + have, part.data, part.len);
		crypt_stream_api->skip(body, part.len);
		have += part.len;
	}
	if (ret < 0)
		return ret;
	if (!crypt_is_header(cv_span(header, have)))
		return CV_NOT_FOUND;
	return have == CRYPT_HEADER_BYTES ? CV_OK :
		CV_FAIL(err, CV_E_SYNTAX, "crypt: the header is cut short");
}

static int crypt_reading(struct cv_body_ctx *ctx)
{
	char header[CRYPT_HEADER_BYTES];
	struct crypt_message message;
	struct crypt_keys keys;
	int ret = read_header(ctx->body, header, ctx->err);

	if (ret == CV_NOT_FOUND)
		return crypt_stream_api->seek(ctx->body, 0, ctx->err);
	if (ret == CV_OK)
		ret = read_keys(ctx->user, &keys, ctx->err);
	if (ret == CV_OK)
		ret = crypt_message_open(cv_span(header, sizeof(header)),
					 &keys, &message, ctx->err);
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (ret < 0)
		return ret;
	ctx->body = crypt_stream_decrypt(&message, ctx->pool, ctx->body);
	OPENSSL_cleanse(&message, sizeof(message));
	return CV_OK;
}

/* --- saving -------------------------------------------------------------------- */

static int crypt_saving(struct cv_body_ctx *ctx)
{
	struct crypt_message message;
	struct crypt_keys keys;
	uint64_t bytes;
	int ret = read_keys(ctx->user, &keys, ctx->err);

	if (ret == CV_OK && keys.count == 0)
		return CV_OK;
	if (ret == CV_OK)
		ret = crypt_stream_api->length(ctx->body, &bytes, ctx->err);
	if (ret == CV_OK)
		ret = crypt_message_create(&keys.items[0], bytes, &message,
					   ctx->err);
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (ret < 0)
		return ret;
	ctx->body = crypt_stream_encrypt(&message, ctx->pool, ctx->body);
	OPENSSL_cleanse(&message, sizeof(message));
	return CV_OK;
}

/* --- the frame -------------------------------------------------------------------- */

static int crypt_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	int ret;

	cv_api = host;
	crypt_self = self;
	crypt_stream_api = cv_need_service("stream", 1, err);
	if (crypt_stream_api == NULL)
		return CV_E_UNSUPPORTED;
	user_service = cv_need_service("user", 1, err);
	if (user_service == NULL)
		return CV_E_UNSUPPORTED;
	if (!CV_HAS(crypt_stream_api, from_reader))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "needs the service "
			       "stream with from_reader");
	/* what compresses has done its work before */
	ret = cv_on_message_saving(self, CV_PRIO_LAST, crypt_saving, err);
	return ret < 0 ? ret :
		cv_on_message_reading(self, CV_PRIO_FIRST, crypt_reading,
				      err);
}

static const char *const crypt_after[] = { "compress", NULL };

CV_PLUGIN_DEFINE("crypt", 0,
	.version = "1.0", .license = "MIT",
	.summary = "encrypts stored messages with AES-256-GCM",
	.after = crypt_after,
	.settings = CV_ARRAY(crypt_setting_defs),
	.settings_bytes = sizeof(struct crypt_settings),
	.init = crypt_init);
