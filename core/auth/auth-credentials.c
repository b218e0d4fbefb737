/* auth-credentials.c - a stored secret in the form that a mechanism wants. */
#include "auth-credentials.h"
#include "password-scheme.h"

/* The two names of one form. */
static bool is_same(struct cv_span name, const char *scheme)
{
	return cv_span_is_icase(name, scheme) ||
		(strcmp(scheme, "CRAM-MD5") == 0 &&
		 cv_span_is_icase(name, "HMAC-MD5"));
}

static bool is_plain(struct cv_span name)
{
	return cv_span_is_icase(name, "PLAIN") ||
		cv_span_is_icase(name, "CLEAR") ||
		cv_span_is_icase(name, "CLEARTEXT");
}

/* ".HEX" and ".B64": undone, and done again as the scheme usually does it. */
static int recode(struct password_hash *hash, struct cv_pool *pool,
		  struct cv_span *text_r, struct cv_error *err)
{
	struct cv_text raw, made;
	bool ok = true;

	*text_r = hash->text;
	if (hash->encoding == hash->scheme->encoding)
		return CV_OK;
	cv_text_init(&raw, pool);
	cv_text_init(&made, pool);
	if (hash->encoding == CV_SCHEME_HEX)
		ok = hex_decode(&raw, hash->text);
	else if (hash->encoding == CV_SCHEME_BASE64)
		ok = base64_decode(&raw, hash->text);
	else
		cv_text_append_span(&raw, hash->text);
	if (!ok)
		return FAIL(err, CV_E_UNSUPPORTED, "the stored password is "
			    "not encoded as it says");
	if (hash->scheme->encoding == CV_SCHEME_HEX)
		hex_encode(&made, raw.data, raw.len);
	else if (hash->scheme->encoding == CV_SCHEME_BASE64)
		base64_encode(&made, raw.data, raw.len);
	else
		cv_text_append_span(&made, cv_text_span(&raw));
	*text_r = cv_text_span(&made);
	return CV_OK;
}

static int make(const struct auth_request *request, const char *scheme,
		struct cv_span password, struct auth_credentials *found_r,
		struct cv_error *err)
{
	struct cv_text made;
	int ret;

	cv_text_init(&made, request->pool);
	ret = password_generate(scheme, request->input.user, password, 0,
				&made, err);
	if (ret < 0)
		return ret;
	found_r->scheme = scheme;
	found_r->text = cv_span_skip(cv_text_span(&made), strlen(scheme) + 2);
	return CV_OK;
}

int auth_credentials_find(const struct auth_request *request,
			  const char *scheme, bool takes_plain,
			  struct auth_credentials *found_r,
			  struct cv_error *err)
{
	struct password_hash hash;
	struct cv_span name;
	int ret;

	ret = password_parse(request->credentials,
			     request->credentials_scheme, &hash, err);
	if (ret < 0)
		return ret;
	name = cv_span_of(hash.scheme->name);
	found_r->scheme = scheme;
	if (is_same(name, scheme))
		return recode(&hash, request->pool, &found_r->text, err);
	if (!is_plain(name))
		return FAIL(err, CV_E_UNSUPPORTED, "the stored password is "
			    "of scheme %s: it has to be %s, or PLAIN",
			    hash.scheme->name, scheme);
	if ((ret = recode(&hash, request->pool, &found_r->text, err)) < 0)
		return ret;
	if (!takes_plain)
		return make(request, scheme, found_r->text, found_r, err);
	found_r->scheme = "PLAIN";
	return CV_OK;
}
