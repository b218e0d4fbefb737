/* mech-digest-md5.c - DIGEST-MD5 [RFC2831], authentication alone: no
 * security layer, no second exchange on the old nonce.
 *
 * DEPARTS [RFC2831 2.1.2]: the host in digest-uri is not compared: servers
 * have more names than they know. */
#include "auth-mechanism.h"
#include "base.h"

#include <openssl/evp.h>

enum { NONCE_BYTES = 16, MD5_BYTES = 16, RESPONSE_HEX = 32 };

enum digest_stage { DIGEST_START, DIGEST_RESPONSE, DIGEST_CREDENTIALS };

/* The directives of digest-response that count; data NULL: not there. */
struct digest_response {
	struct cv_span username, realm, nonce, cnonce, nc, qop, uri,
		response, charset, authzid;
};

struct digest_state {
	uint32_t stage;			/* enum digest_stage */
	struct cv_span nonce;
	struct digest_response got;
};

static const struct { const char *name; size_t at; } directives[] = {
#define ROW(name, member) { name, offsetof(struct digest_response, member) }
	ROW("username", username), ROW("realm", realm), ROW("nonce", nonce),
	ROW("cnonce", cnonce), ROW("nc", nc), ROW("qop", qop),
	ROW("digest-uri", uri), ROW("response", response),
	ROW("charset", charset), ROW("authzid", authzid),
};

/* [RFC2831 2.1.1] one realm for each that is configured, or one that is
 * empty; a nonce, and nothing but authentication. */
static int challenge(struct digest_state *digest, struct cv_mechanism_io *io)
{
	const struct auth_settings *set = auth_mechanism_env()->set;
	uint32_t realms = set == NULL ? 0 : set->auth_realms.count;
	unsigned char random[NONCE_BYTES];
	struct cv_text nonce;

	random_bytes(random, sizeof(random));
	cv_text_init(&nonce, io->pool);
	base64_encode(&nonce, random, sizeof(random));
	digest->nonce = cv_text_span(&nonce);
	if (realms == 0)
		cv_text_append_str(io->out, "realm=\"\",");
	for (uint32_t i = 0; i < realms; i++)
		cv_text_append_f(io->out, "realm=\"%s\",",
				 set->auth_realms.items[i]);
	cv_text_append_f(io->out, "nonce=\"%s\",qop=\"auth\","
			 "charset=\"utf-8\",algorithm=\"md5-sess\"",
			 cv_text_str(&nonce));
	digest->stage = DIGEST_RESPONSE;
	return CV_MECHANISM_CHALLENGE;
}

/* --- digest-response ------------------------------------------------------ */

static struct cv_span skip_blanks(struct cv_span rest)
{
	while (rest.len > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t' ||
				rest.data[0] == '\r' || rest.data[0] == '\n'))
		rest = cv_span_skip(rest, 1);
	return rest;
}

/* [RFC2831 7.2] a token, or a string in quotes with backslashes. */
static bool take_value(struct cv_span *rest, struct cv_pool *pool,
		       struct cv_span *value_r)
{
	struct cv_text value;
	bool quoted = rest->len > 0 && rest->data[0] == '"';
	size_t at = quoted ? 1 : 0;

	cv_text_init(&value, pool);
	cv_text_append_str(&value, "");
	for (; at < rest->len; at++) {
		char c = rest->data[at];

		if (c == '\0' || (quoted ? c == '"' : c == ',' || c <= ' '))
			break;
		if (quoted && c == '\\') {
			if (++at == rest->len || rest->data[at] == '\0')
				return false;
			c = rest->data[at];
		}
		cv_text_append_c(&value, c);
	}
	if (quoted && (at == rest->len || rest->data[at] != '"'))
		return false;
	*rest = cv_span_skip(*rest, quoted ? at + 1 : at);
	*value_r = cv_text_span(&value);
	if (value_r->data == NULL)
		*value_r = CV_SPAN("");
	return quoted || value.len > 0;
}

/* One directive off the front of *rest.  [RFC2831 2.1.2] none of those that
 * count may be there twice; others are ignored. */
static bool take_directive(struct cv_span *rest, struct cv_pool *pool,
			   struct digest_response *got)
{
	struct cv_span name, value, *place = NULL;

	*rest = skip_blanks(*rest);
	if (!cv_span_split(rest, '=', &name) || rest->data == NULL)
		return false;
	name = cv_span_trim(name);
	*rest = skip_blanks(*rest);
	if (!take_value(rest, pool, &value))
		return false;
	*rest = skip_blanks(*rest);
	for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++) {
		if (cv_span_is_icase(name, directives[i].name))
			place = (struct cv_span *)((char *)got +
						   directives[i].at);
	}
	if (place != NULL && place->data != NULL)
		return false;
	if (place != NULL)
		*place = value;
	if (rest->len == 0)
		return true;
	if (rest->data[0] != ',')
		return false;
	*rest = skip_blanks(cv_span_skip(*rest, 1));
	return rest->len > 0;
}

static bool realm_fits(struct cv_span realm)
{
	const struct auth_settings *set = auth_mechanism_env()->set;

	if (set == NULL || set->auth_realms.count == 0 || realm.len == 0)
		return true;
	for (uint32_t i = 0; i < set->auth_realms.count; i++) {
		if (cv_span_is(realm, set->auth_realms.items[i]))
			return true;
	}
	return false;
}

static const char *fault_of(const struct digest_state *digest)
{
	const struct digest_response *got = &digest->got;

	if (got->username.len == 0 ||
	    !utf8_is_valid(got->username.data, got->username.len))
		return "no user name, or not UTF-8";
	if (!cv_span_equal(got->nonce, digest->nonce))
		return "another nonce";
	if (got->cnonce.len == 0 || got->uri.len == 0 ||
	    memchr(got->uri.data, '/', got->uri.len) == NULL)
		return "no cnonce or digest-uri";
	/* [RFC2831 2.1.2] the first response to this nonce */
	if (!cv_span_is(got->nc, "00000001"))
		return "nc is not 00000001";
	if (got->qop.data != NULL && !cv_span_is(got->qop, "auth"))
		return "qop is not auth";
	if (got->charset.data != NULL &&
	    !cv_span_is_icase(got->charset, "utf-8"))
		return "charset is not utf-8";
	if (got->response.len != RESPONSE_HEX)
		return "no response of 32 digits";
	if (got->authzid.len > 0 &&
	    !utf8_is_valid(got->authzid.data, got->authzid.len))
		return "authzid is not UTF-8";
	return realm_fits(got->realm) ? NULL : "a realm that is not in "
		"auth_realms";
}

/* A realm of ours is the domain of a name that has none. */
static struct cv_span full_name(const struct digest_response *got,
				struct cv_pool *pool)
{
	const struct auth_settings *set = auth_mechanism_env()->set;
	struct cv_text name;

	cv_text_init(&name, pool);
	cv_text_append_span(&name, got->username);
	if (set != NULL && set->auth_realms.count > 0 &&
	    got->realm.len > 0 &&
	    memchr(got->username.data, '@', got->username.len) == NULL) {
		cv_text_append_c(&name, '@');
		cv_text_append_span(&name, got->realm);
	}
	return cv_text_span(&name);
}

static int response(struct digest_state *digest, struct cv_mechanism_io *io,
		    struct cv_error *err)
{
	struct cv_span rest = io->in;
	const char *fault;

	do {
		if (!take_directive(&rest, io->pool, &digest->got))
			return FAIL(err, CV_E_SYNTAX, "DIGEST-MD5: a "
				    "directive is malformed, or there twice");
	} while (rest.len > 0);
	if ((fault = fault_of(digest)) != NULL)
		return FAIL(err, CV_E_SYNTAX, "DIGEST-MD5: %s", fault);
	io->user = full_name(&digest->got, io->pool);
	if (!cv_span_equal(digest->got.authzid, digest->got.username))
		io->authzid = digest->got.authzid;
	io->scheme = "DIGEST-MD5";
	digest->stage = DIGEST_CREDENTIALS;
	return CV_MECHANISM_CREDENTIALS;
}

/* --- the digests ---------------------------------------------------------- */

static void md5(struct cv_span text, unsigned char out[MD5_BYTES])
{
	BUG_IF(EVP_Digest(text.data, text.len, out, NULL, EVP_md5(),
			  NULL) != 1);
}

static void append_md5_hex(struct cv_text *dst, struct cv_span text)
{
	unsigned char digest[MD5_BYTES];

	md5(text, digest);
	hex_encode(dst, digest, sizeof(digest));
}

/* [RFC2831 2.1.2.1] names and passwords that ISO 8859-1 can spell are
 * digested in it. */
static void append_latin1(struct cv_text *dst, struct cv_span text)
{
	size_t start = dst->len, len;
	uint32_t code;

	for (struct cv_span rest = text; rest.len > 0;
	     rest = cv_span_skip(rest, len)) {
		len = utf8_decode(rest.data, rest.len, &code);
		if (len == 0 || code > 0xff) {
			dst->len = start;
			cv_text_append_span(dst, text);
			return;
		}
		cv_text_append_c(dst, (char)code);
	}
}

/* H(user:realm:password), from the password or as it is stored; false, and
 * something, when there is none. */
static bool find_secret(const struct digest_state *digest,
			const struct cv_mechanism_io *io,
			unsigned char secret[MD5_BYTES])
{
	struct cv_text text;

	cv_text_init(&text, io->pool);
	memset(secret, 0, MD5_BYTES);
	if (io->credentials.len == 0)
		return false;
	if (strcmp(io->credentials_scheme, "PLAIN") != 0) {
		if (!hex_decode(&text, io->credentials) ||
		    text.len != MD5_BYTES)
			return false;
		memcpy(secret, text.data, MD5_BYTES);
		return true;
	}
	append_latin1(&text, digest->got.username);
	cv_text_append_c(&text, ':');
	append_latin1(&text, digest->got.realm);
	cv_text_append_c(&text, ':');
	append_latin1(&text, io->credentials);
	md5(cv_text_span(&text), secret);
	return true;
}

/* [RFC2831 2.1.2.1] KD(H(A1), nonce:nc:cnonce:auth:H(A2)); verb is that of
 * A2: the client's, or, for rspauth, none. */
static void make_response(const struct digest_state *digest,
			  const unsigned char secret[MD5_BYTES],
			  const char *verb, struct cv_pool *pool,
			  struct cv_text *out)
{
	const struct digest_response *got = &digest->got;
	struct cv_text a1, a2, all;

	cv_text_init(&a1, pool);
	cv_text_init(&a2, pool);
	cv_text_init(&all, pool);
	cv_text_append(&a1, secret, MD5_BYTES);
	cv_text_append_f(&a1, ":%.*s:%.*s", CV_SPAN_ARG(got->nonce),
			 CV_SPAN_ARG(got->cnonce));
	if (got->authzid.len > 0)
		cv_text_append_f(&a1, ":%.*s", CV_SPAN_ARG(got->authzid));
	cv_text_append_f(&a2, "%s:%.*s", verb, CV_SPAN_ARG(got->uri));
	append_md5_hex(&all, cv_text_span(&a1));
	cv_text_append_f(&all, ":%.*s:%.*s:%.*s:auth:",
			 CV_SPAN_ARG(got->nonce), CV_SPAN_ARG(got->nc),
			 CV_SPAN_ARG(got->cnonce));
	append_md5_hex(&all, cv_text_span(&a2));
	append_md5_hex(out, cv_text_span(&all));
}

static int compare(const struct digest_state *digest,
		   struct cv_mechanism_io *io)
{
	unsigned char secret[MD5_BYTES];
	bool known = find_secret(digest, io, secret), right;
	struct cv_text made;

	cv_text_init(&made, io->pool);
	make_response(digest, secret, "AUTHENTICATE", io->pool, &made);
	right = secret_equal(cv_text_span(&made), digest->got.response);
	if (!right || !known)
		return CV_MECHANISM_FAIL;
	cv_text_append_str(io->out, "rspauth=");
	make_response(digest, secret, "", io->pool, io->out);
	explicit_bzero(secret, sizeof(secret));
	return CV_MECHANISM_OK;
}

static int digest_step(void *state, struct cv_mechanism_io *io,
		       struct cv_error *err)
{
	struct digest_state *digest = state;

	switch (digest->stage) {
	case DIGEST_START:
		return challenge(digest, io);
	case DIGEST_RESPONSE:
		return response(digest, io, err);
	default:
		return compare(digest, io);
	}
}

const struct cv_mechanism mech_digest_md5 = {
	CV_SIZED(cv_mechanism), .name = "DIGEST-MD5",
	.flags = CV_MECHANISM_SERVER_FIRST | CV_MECHANISM_TAKES_PLAIN,
	.state_bytes = sizeof(struct digest_state), .step = digest_step,
};
