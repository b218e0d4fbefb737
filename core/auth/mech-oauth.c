/* mech-oauth.c - OAUTHBEARER [RFC7628], and XOAUTH2, which came before it: a
 * token that a passdb verifies as it does a password. */
#include "auth-mechanism.h"
#include "base.h"
#include "sasl-gs2.h"

struct oauth_state { bool asked; };

/* b64token: 1*(ALPHA / DIGIT / "-._~+/") *"=" */
static bool is_token(struct cv_span token)
{
	size_t at = 0;

	while (at < token.len &&
	       ((cv_ascii_lower(token.data[at]) >= 'a' &&
		 cv_ascii_lower(token.data[at]) <= 'z') ||
		(token.data[at] >= '0' && token.data[at] <= '9') ||
		(token.data[at] != '\0' &&
		 strchr("-._~+/", token.data[at]) != NULL)))
		at++;
	if (at == 0)
		return false;
	while (at < token.len && token.data[at] == '=')
		at++;
	return at == token.len;
}

static int take_token(struct cv_span value, struct cv_mechanism_io *io,
		      struct cv_error *err)
{
	struct cv_span token;

	if (!cv_span_begins_icase(value, CV_SPAN("Bearer ")))
		return FAIL(err, CV_E_SYNTAX, "no Bearer token");
	token = cv_span_trim(cv_span_skip(value, 7));
	if (io->password.data != NULL || !is_token(token))
		return FAIL(err, CV_E_SYNTAX, "two tokens, or not a token");
	io->password = pool_span(io->pool, token);
	return CV_OK;
}

static bool is_key(struct cv_span key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = cv_ascii_lower(key.data[i]);

		if (c < 'a' || c > 'z')
			return false;
	}
	return key.len > 0;
}

/* [RFC7628 3.1] *(key "=" value %x01), then one %x01 more.  "user" is
 * XOAUTH2's. */
static int take_pairs(struct cv_span rest, bool google,
		      struct cv_mechanism_io *io, struct cv_error *err)
{
	struct cv_span pair, key;
	int ret;

	while (cv_span_split(&rest, '\1', &pair) && pair.len > 0) {
		if (rest.data == NULL ||
		    memchr(pair.data, '\0', pair.len) != NULL ||
		    !cv_span_split(&pair, '=', &key) || pair.data == NULL ||
		    !is_key(key))
			return FAIL(err, CV_E_SYNTAX, "not a key and a "
				    "value, or not ended");
		if (cv_span_is(key, "auth")) {
			if ((ret = take_token(pair, io, err)) < 0)
				return ret;
		} else if (google && cv_span_is(key, "user")) {
			if (io->user.len > 0 || pair.len == 0 ||
			    !utf8_is_valid(pair.data, pair.len))
				return FAIL(err, CV_E_SYNTAX, "two user "
					    "names, or not UTF-8");
			io->user = pool_span(io->pool, pair);
		}
	}
	if (rest.data == NULL || rest.len > 0)
		return FAIL(err, CV_E_SYNTAX, "no end where it should be");
	if (io->user.len == 0 || io->password.len == 0)
		return FAIL(err, CV_E_SYNTAX, "no user name or no token");
	return CV_OK;
}

static int bearer(struct cv_mechanism_io *io, struct cv_error *err)
{
	struct cv_span rest = io->in;
	struct gs2_header gs2;
	int ret = gs2_header_parse(&rest, io->pool, &gs2, err);

	if (ret < 0)
		return ret;
	if (gs2.binding == GS2_BINDING)
		return FAIL(err, CV_E_SYNTAX, "a channel binding");
	if (!cv_span_begins(rest, CV_SPAN("\1")))
		return FAIL(err, CV_E_SYNTAX, "nothing after the header");
	io->user = gs2.authzid;
	return take_pairs(cv_span_skip(rest, 1), false, io, err);
}

static int oauth_step(struct oauth_state *oauth, bool google,
		      struct cv_mechanism_io *io, struct cv_error *err)
{
	int ret;

	if (!io->has_in && !oauth->asked) {
		oauth->asked = true;
		return CV_MECHANISM_CHALLENGE;	/* an empty one */
	}
	io->user = io->password = CV_SPAN_NONE;
	ret = google ? take_pairs(io->in, true, io, err) : bearer(io, err);
	if (ret < 0) {
		io->user = io->password = CV_SPAN_NONE;
		return error_prefix(err, google ? "XOAUTH2" : "OAUTHBEARER");
	}
	/* [RFC7628 3.2.2] what the client is told before the failure, which
	 * it answers with %x01 */
	io->fail_data = google ?
		CV_SPAN("{\"status\":\"400\",\"schemes\":\"Bearer\"}") :
		CV_SPAN("{\"status\":\"invalid_token\"}");
	return CV_MECHANISM_VERIFY;
}

static int bearer_step(void *state, struct cv_mechanism_io *io,
		       struct cv_error *err)
{
	return oauth_step(state, false, io, err);
}

static int xoauth2_step(void *state, struct cv_mechanism_io *io,
			struct cv_error *err)
{
	return oauth_step(state, true, io, err);
}

/* Who has the token is the user: it crosses no open wire [RFC7628 4]. */
const struct cv_mechanism mech_oauthbearer = {
	CV_SIZED(cv_mechanism), .name = "OAUTHBEARER",
	.flags = CV_MECHANISM_PLAINTEXT,
	.state_bytes = sizeof(struct oauth_state), .step = bearer_step,
};

const struct cv_mechanism mech_xoauth2 = {
	CV_SIZED(cv_mechanism), .name = "XOAUTH2",
	.flags = CV_MECHANISM_PLAINTEXT,
	.state_bytes = sizeof(struct oauth_state), .step = xoauth2_step,
};
