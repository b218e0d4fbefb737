/* crypt.c - messages are encrypted at rest; see README.md. */
#include "crypt.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct crypt_settings { const char *crypt_key_file; };

static const struct cv_setting_def crypt_setting_defs[] = {
	CV_SETTING(crypt_settings, crypt_key_file, CV_SET_PATH, "", NULL,
		CV_SET_PLUGIN_BLOCK,
		"A file of keys, one a line, 64 hexadecimal digits each. The "
		"first encrypts, all decrypt. It is read before sessions are "
		"confined; only the server's processes for mail need it."),
};

enum { KEY_FILE_MAX = 16384 };

const struct cv_stream_api *crypt_stream_api;
static struct cv_plugin *crypt_self;


/* Read once; what is wrong with them is said to who needs them. */
static struct crypt_keys keys;
static int keys_status;
static struct cv_error *keys_error;

static int need_keys(struct cv_error *err)
{
	if (keys_status == CV_OK)
		return CV_OK;
	cv_api->log(crypt_self, CV_LOG_ERROR, "%s",
		    cv_api->error_text(keys_error));
	return CV_FAIL(err, keys_status, "%s",
		       cv_api->error_text(keys_error));
}

static int read_keys(const char *path, struct cv_error *err)
{
	char text[KEY_FILE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), ret;
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int error = errno;

	if (fd >= 0)
		(void)close(fd);
	if (got < 0)
		return CV_FAIL(err, CV_E_CONFIG, "crypt_key_file: cannot read "
			       "'%s': %s", path, strerror(error));
	if (got == (ssize_t)sizeof(text))
		return CV_FAIL(err, CV_E_CONFIG, "crypt_key_file: '%s' has "
			       "more than %d bytes", path, KEY_FILE_MAX - 1);
	ret = crypt_keys_parse(cv_span(text, (size_t)got), &keys, err);
	OPENSSL_cleanse(text, sizeof(text));
	return ret;
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
	int ret = read_header(ctx->body, header, ctx->err);

	if (ret == CV_NOT_FOUND)
		return crypt_stream_api->seek(ctx->body, 0, ctx->err);
	if (ret == CV_OK)
		ret = need_keys(ctx->err);
	if (ret == CV_OK)
		ret = crypt_message_open(cv_span(header, sizeof(header)),
					 &keys, &message, ctx->err);
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
	uint64_t bytes;
	int ret = need_keys(ctx->err);

	if (ret == CV_OK && keys.count == 0)
		return CV_OK;
	if (ret == CV_OK)
		ret = crypt_stream_api->length(ctx->body, &bytes, ctx->err);
	if (ret == CV_OK)
		ret = crypt_message_create(&keys.items[0], bytes, &message,
					   ctx->err);
	if (ret < 0)
		return ret;
	ctx->body = crypt_stream_encrypt(&message, ctx->pool, ctx->body);
	OPENSSL_cleanse(&message, sizeof(message));
	return CV_OK;
}

/* --- the frame -------------------------------------------------------------------- */

/* Of a file that this process may not read, only that it is there. */
static void crypt_check(const struct cv_check *check)
{
	const struct crypt_settings *set = check->settings;
	struct cv_error *err = cv_api->error_new(check->pool);

	if (set->crypt_key_file[0] == '\0' ||
	    !check->file(check, "crypt_key_file", set->crypt_key_file,
			 CV_CHECK_FILE) ||
	    access(set->crypt_key_file, R_OK) < 0)
		return;
	if (read_keys(set->crypt_key_file, err) < 0)
		check->error(check, "crypt_key_file", "%s",
			     cv_api->error_text(err));
	OPENSSL_cleanse(&keys, sizeof(keys));
}

static int crypt_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	const struct crypt_settings *set;
	int ret;

	cv_api = host;
	crypt_self = self;
	crypt_stream_api = cv_need_service("stream", 1, err);
	if (crypt_stream_api == NULL)
		return CV_E_UNSUPPORTED;
	if (!CV_HAS(crypt_stream_api, from_reader))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "needs the service "
			       "stream with from_reader");
	set = cv_api->settings(self);
	if (set != NULL && set->crypt_key_file[0] != '\0') {
		keys_error = cv_api->error_new(
			cv_api->pool_create("crypt keys"));
		keys_status = read_keys(set->crypt_key_file, keys_error);
	}
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
	.check = crypt_check,
	.init = crypt_init);
