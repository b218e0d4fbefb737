/* password-scheme.c - stored passwords. */
#include "password-scheme.h"
#include "auth-provider.h"
#include "scheme-digest.h"
#include "scheme-hmac.h"
#include "scheme-otp.h"

static const struct {
	const struct cv_scheme *schemes;
	const uint32_t *count;
} core_tables[] = {
	{ scheme_digest_table, &scheme_digest_count },
	{ scheme_hmac_table, &scheme_hmac_count },
	{ &scheme_otp, &(const uint32_t){ 1 } },
};

const struct cv_scheme *password_scheme_next_of_core(uint32_t *at)
{
	uint32_t rest = *at;

	for (size_t i = 0; i < sizeof(core_tables) / sizeof(*core_tables);
	     i++) {
		if (rest < *core_tables[i].count) {
			(*at)++;
			return &core_tables[i].schemes[rest];
		}
		rest -= *core_tables[i].count;
	}
	return NULL;
}

const struct cv_scheme *password_scheme_next(uint32_t *at)
{
	const struct cv_scheme *scheme = password_scheme_next_of_core(at);
	uint32_t rest = *at, before;

	if (scheme != NULL)
		return scheme;
	for (size_t i = 0; i < sizeof(core_tables) / sizeof(*core_tables); i++)
		rest -= *core_tables[i].count;
	before = rest;
	scheme = auth_provider_next(CV_PROVIDER_SCHEME, &rest);
	*at += rest - before;
	return scheme;
}

const struct cv_scheme *password_scheme_find(struct cv_span name)
{
	const struct cv_scheme *scheme;
	uint32_t at = 0;

	while ((scheme = password_scheme_next(&at)) != NULL) {
		if (cv_span_is_icase(name, scheme->name))
			return scheme;
	}
	return NULL;
}

/* "NAME" or "NAME.HEX" */
static int parse_scheme(struct cv_span name, struct password_hash *hash_r,
			struct cv_error *err)
{
	struct cv_span suffix = name, base;

	(void)cv_span_split(&suffix, '.', &base);
	hash_r->scheme = password_scheme_find(base);
	if (hash_r->scheme == NULL) {
		return FAIL(err, CV_E_UNSUPPORTED, "unknown password scheme "
			    "'%.*s'", (int)(base.len > 32 ? 32 : base.len),
			    base.data);
	}
	hash_r->encoding = hash_r->scheme->encoding;
	if (suffix.data == NULL)
		return CV_OK;
	if (cv_span_is_icase(suffix, "b64") ||
	    cv_span_is_icase(suffix, "base64"))
		hash_r->encoding = CV_SCHEME_BASE64;
	else if (cv_span_is_icase(suffix, "hex"))
		hash_r->encoding = CV_SCHEME_HEX;
	else
		return FAIL(err, CV_E_UNSUPPORTED, "unknown encoding '%.*s' "
			    "of a password", (int)(suffix.len > 32 ? 32 :
						   suffix.len), suffix.data);
	return CV_OK;
}

/* A digest may be stored in hex where base64 is usual, as old tools did:
 * base64 of a digest ends in '='. */
static bool looks_like_hex(struct cv_span text)
{
	if (text.len == 0 || text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = cv_ascii_lower(text.data[i]);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

static const struct cv_scheme *recognise(struct cv_span text)
{
	const struct cv_scheme *scheme;
	uint32_t at = 0;

	while ((scheme = password_scheme_next(&at)) != NULL) {
		if (scheme->recognise != NULL && scheme->recognise(text))
			return scheme;
	}
	return NULL;
}

int password_parse(const char *stored, const char *default_scheme,
		   struct password_hash *hash_r, struct cv_error *err)
{
	struct cv_span text = cv_span_of(stored), name;
	int ret;

	if (text.len > PASSWORD_HASH_MAX)
		return FAIL(err, CV_E_SYNTAX, "stored password is too long");
	if (text.len > 0 && text.data[0] == '{') {
		text = cv_span_skip(text, 1);
		(void)cv_span_split(&text, '}', &name);
		if (text.data == NULL) {
			return FAIL(err, CV_E_SYNTAX, "stored password "
				    "begins with '{' but has no '}'");
		}
	} else {
		name = cv_span_of(default_scheme);
		hash_r->scheme = recognise(text);
		if (hash_r->scheme != NULL) {
			hash_r->encoding = hash_r->scheme->encoding;
			hash_r->text = text;
			return CV_OK;
		}
	}
	if ((ret = parse_scheme(name, hash_r, err)) < 0)
		return ret;
	hash_r->text = text;
	if (hash_r->encoding == CV_SCHEME_BASE64 && looks_like_hex(text))
		hash_r->encoding = CV_SCHEME_HEX;
	return CV_OK;
}

static int decode(const struct password_hash *hash, struct cv_text *raw,
		  struct cv_error *err)
{
	bool ok = true;

	switch (hash->encoding) {
	case CV_SCHEME_BASE64:
		ok = base64_decode(raw, hash->text);
		break;
	case CV_SCHEME_HEX:
		ok = hex_decode(raw, hash->text);
		break;
	default:
		cv_text_append_span(raw, hash->text);
	}
	if (!ok) {
		return FAIL(err, CV_E_SYNTAX, "stored password of scheme %s "
			    "is not valid %s", hash->scheme->name,
			    hash->encoding == CV_SCHEME_HEX ? "hexadecimal" :
			    "base64");
	}
	return CV_OK;
}

static int verify_in(struct cv_pool *pool, const struct password_hash *hash,
		     const char *user, struct cv_span password,
		     struct cv_error *err)
{
	struct cv_scheme_input in = {
		CV_SIZED(cv_scheme_input), .user = user,
		.password = password, .pool = pool,
	};
	struct cv_text raw;
	int ret;

	cv_text_init(&raw, pool);
	if ((ret = decode(hash, &raw, err)) < 0)
		return ret;
	/* NUL never gets here: C libraries would cut the password */
	if (password.len > PASSWORD_MAX ||
	    (password.len > 0 &&
	     memchr(password.data, '\0', password.len) != NULL))
		return CV_AUTH_MISMATCH;
	in.password = pool_span(pool, password);
	return hash->scheme->verify(&in, cv_text_span(&raw), err);
}

int password_verify(const char *stored, const char *default_scheme,
		    const char *user, struct cv_span password,
		    struct cv_error *err)
{
	struct password_hash hash;
	struct cv_pool *pool;
	int ret;

	if ((ret = password_parse(stored, default_scheme, &hash, err)) < 0)
		return ret;
	pool = pool_create("password");
	pool_set_secret(pool);
	ret = verify_in(pool, &hash, user, password, err);
	pool_destroy(&pool);
	return ret;
}

/* crypt's own: without "$" it is DES (or BSDi's "_"), $1$ MD5, $3$ MD4. */
bool password_is_weak(const struct password_hash *hash)
{
	static const char *const strong[] = {
		"$2", "$5$", "$6$", "$7$", "$gy$", "$y$",
	};

	if (strcmp(hash->scheme->name, "CRYPT") != 0)
		return (hash->scheme->flags & CV_SCHEME_WEAK) != 0;
	for (size_t i = 0; i < sizeof(strong) / sizeof(strong[0]); i++) {
		if (cv_span_begins(hash->text, cv_span_of(strong[i])))
			return false;
	}
	return true;
}

bool password_is_expensive(const char *stored, const char *default_scheme)
{
	struct password_hash hash;

	return password_parse(stored, default_scheme, &hash, NULL) == CV_OK &&
		(hash.scheme->flags & CV_SCHEME_EXPENSIVE) != 0;
}

static int generate_in(struct cv_pool *pool, const struct password_hash *hash,
		       const char *scheme_name,
		       const struct cv_scheme_input *in, struct cv_text *out,
		       struct cv_error *err)
{
	struct cv_text raw;
	int ret;

	cv_text_init(&raw, pool);
	if ((ret = hash->scheme->generate(in, &raw, err)) < 0)
		return ret;
	cv_text_append_c(out, '{');
	for (const char *c = scheme_name; *c != '\0'; c++)
		cv_text_append_c(out, cv_ascii_upper(*c));
	cv_text_append_c(out, '}');
	if (hash->encoding == CV_SCHEME_BASE64)
		base64_encode(out, raw.data, raw.len);
	else if (hash->encoding == CV_SCHEME_HEX)
		hex_encode(out, raw.data, raw.len);
	else
		cv_text_append_span(out, cv_text_span(&raw));
	return CV_OK;
}

int password_generate(const char *scheme, const char *user,
		      struct cv_span password, uint32_t rounds,
		      struct cv_text *out, struct cv_error *err)
{
	struct password_hash hash;
	struct cv_scheme_input in = {
		CV_SIZED(cv_scheme_input), .user = user, .rounds = rounds,
	};
	int ret;

	if ((ret = parse_scheme(cv_span_of(scheme), &hash, err)) < 0)
		return ret;
	if (hash.scheme->generate == NULL) {
		return FAIL(err, CV_E_UNSUPPORTED, "scheme %s is for "
			    "verifying only", hash.scheme->name);
	}
	if (password.len > PASSWORD_MAX ||
	    (password.len > 0 &&
	     memchr(password.data, '\0', password.len) != NULL))
		return FAIL(err, CV_E_SYNTAX, "password is too long or has a "
			    "NUL in it");
	in.pool = pool_create("password");
	pool_set_secret(in.pool);
	in.password = pool_span(in.pool, password);
	ret = generate_in(in.pool, &hash, scheme, &in, out, err);
	pool_destroy(&in.pool);
	return ret;
}
