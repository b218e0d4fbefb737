/* scheme-crypt.c - the CRYPT family through libcrypt (libxcrypt).
 *
 * CRYPT verifies whatever libcrypt knows (yescrypt, bcrypt, SHA-512 ...);
 * the other names insist on their own kind.  All of them are slow on
 * purpose, so core has them done in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <crypt.h>
#include <errno.h>

enum { PASSWORD_BYTES_MAX = 512 };	/* CRYPT_MAX_PASSPHRASE_SIZE */

static const struct cv_auth_api *auth_api;

/* Text with a NUL after it, in the pool. */
static const char *c_string(struct cv_pool *pool, struct cv_span text)
{
	struct cv_text copy;

	cv_text_init(&copy, pool);
	cv_text_append_span(&copy, text);
	return cv_text_str(&copy);
}

/* NULL, or text that begins with '*': the setting is no setting. */
static const char *run(const struct cv_scheme_input *in, const char *setting)
{
	struct crypt_data *data = CV_ALLOC(in->pool, struct crypt_data);

	return crypt_rn(c_string(in->pool, in->password), setting, data,
			(int)sizeof(*data));
}

static int verify(const struct cv_scheme_input *in, struct cv_span hash,
		  const char *prefix, struct cv_error *err)
{
	const char *made;

	/* of a longer one libcrypt would refuse, or use the beginning only */
	if (in->password.len >= PASSWORD_BYTES_MAX)
		return CV_AUTH_MISMATCH;
	if (prefix != NULL && !cv_span_begins(hash, cv_span_of(prefix)))
		return CV_FAIL(err, CV_E_SYNTAX, "stored hash does not begin "
			       "with '%s'", prefix);
	/* a locked account's "*" or "!hash" is matched by nothing */
	if (hash.len == 0 || hash.data[0] == '*' || hash.data[0] == '!')
		return CV_AUTH_MISMATCH;
	made = run(in, c_string(in->pool, hash));
	if (made == NULL || made[0] == '*')
		return CV_FAIL(err, CV_E_SYNTAX, "libcrypt does not know this "
			       "kind of hash");
	return auth_api->equal(cv_span_of(made), hash) ? CV_AUTH_OK :
		CV_AUTH_MISMATCH;
}

/* What new hashes begin with, and what they cost. */
struct kind {
	const char *prefix;
	uint32_t cost;		/* 0: libcrypt's default */
	uint32_t low, high;	/* rounds; high 0: it has none */
};

/* Fewer rounds than there are become the fewest, as doveadm does it, and are
 * nothing to a scheme without; more than there are would never end. */
static int choose_cost(const struct kind *kind, uint32_t rounds,
		       uint32_t *cost_r, struct cv_error *err)
{
	*cost_r = kind->cost;
	if (rounds == 0 || kind->high == 0)
		return CV_OK;
	if (rounds > kind->high)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "this scheme takes %u "
			       "to %u rounds", kind->low, kind->high);
	*cost_r = rounds < kind->low ? kind->low : rounds;
	return CV_OK;
}

static int generate(const struct cv_scheme_input *in, const struct kind *kind,
		    struct cv_text *hash, struct cv_error *err)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *made;
	uint32_t cost;
	int ret = choose_cost(kind, in->rounds, &cost, err);

	if (ret < 0)
		return ret;

	if (in->password.len >= PASSWORD_BYTES_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "password is longer than %d "
			       "bytes", PASSWORD_BYTES_MAX - 1);
	if (crypt_gensalt_rn(kind->prefix, cost, NULL, 0, setting,
			     (int)sizeof(setting)) == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "libcrypt makes no salt "
			       "for '%s' with %u rounds: %s", kind->prefix,
			       cost, strerror(errno));
	made = run(in, setting);
	if (made == NULL || made[0] == '*')
		return CV_FAIL(err, CV_E_INTERNAL, "libcrypt failed");
	cv_text_append_str(hash, made);
	return CV_OK;
}

/* check: what a stored hash must begin with, NULL any; then struct kind. */
#define CRYPT_SCHEME(name, check, ...) \
	static int name##_verify(const struct cv_scheme_input *in, \
				 struct cv_span hash, struct cv_error *err) \
	{ return verify(in, hash, check, err); } \
	static int name##_generate(const struct cv_scheme_input *in, \
				   struct cv_text *hash, \
				   struct cv_error *err) \
	{ \
		static const struct kind kind = { __VA_ARGS__ }; \
		return generate(in, &kind, hash, err); \
	}

/* [crypt(5)] 05 is Dovecot's cost for bcrypt; 10 takes some 60 ms */
CRYPT_SCHEME(any, NULL, "$2y$", 10, 4, 31)
CRYPT_SCHEME(des, NULL, "", 0, 0, 0)
CRYPT_SCHEME(md5, "$1$", "$1$", 0, 0, 0)
CRYPT_SCHEME(sha256, "$5$", "$5$", 0, 1000, 999999999)
CRYPT_SCHEME(sha512, "$6$", "$6$", 0, 1000, 999999999)
CRYPT_SCHEME(blowfish, "$2", "$2y$", 10, 4, 31)
CRYPT_SCHEME(yescrypt, "$y$", "$y$", 0, 1, 11)

/* "$1$salt$hash" without a scheme is MD5-CRYPT whatever the default is, as
 * files from before schemes have it. */
static bool is_md5(struct cv_span hash)
{
	struct cv_span rest, head;

	if (!cv_span_begins(hash, CV_SPAN("$1$")))
		return false;
	rest = cv_span_skip(hash, 3);
	(void)cv_span_split(&rest, '$', &head);
	return rest.data != NULL;
}

#define SCHEME(name_, functions, flags_, recognise_) \
	{ CV_SIZED(cv_scheme), .name = (name_), \
	  .flags = CV_SCHEME_EXPENSIVE | (flags_), \
	  .encoding = CV_SCHEME_TEXT, .verify = functions##_verify, \
	  .generate = functions##_generate, .recognise = (recognise_) }

static const struct cv_scheme schemes[] = {
	SCHEME("CRYPT", any, CV_SCHEME_DEFAULT, NULL),
	SCHEME("DES-CRYPT", des, CV_SCHEME_WEAK, NULL),
	SCHEME("MD5-CRYPT", md5, CV_SCHEME_WEAK, is_md5),
	/* the older name of the same */
	SCHEME("MD5", md5, CV_SCHEME_WEAK, NULL),
	SCHEME("SHA256-CRYPT", sha256, 0, NULL),
	SCHEME("SHA512-CRYPT", sha512, 0, NULL),
	SCHEME("BLF-CRYPT", blowfish, 0, NULL),
	SCHEME("YESCRYPT", yescrypt, 0, NULL),
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret = CV_OK;

	cv_api = host;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	for (size_t i = 0; ret == CV_OK &&
	     i < sizeof(schemes) / sizeof(schemes[0]); i++)
		ret = cv_provide_scheme(self, &schemes[i], err);
	return ret;
}

CV_PLUGIN_DEFINE("scheme-crypt", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Password hashes of crypt(3): SHA512-CRYPT, bcrypt, ...",
	.flags = CV_PLUGIN_PURE,
	.init = init);
