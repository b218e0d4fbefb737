/* scheme-argon2.c - ARGON2I, ARGON2ID [RFC9106] and ARGON2, which is either,
 * through libsodium. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <sodium.h>

enum { MEMORY_MAX_KIB = 1024 * 1024, PASSES_MAX = 1000 };

/* "m=65536" in a stored hash; 0 when it is not there. */
static uint64_t parameter(struct cv_span hash, char name)
{
	uint64_t value;

	for (size_t i = 1; i + 2 < hash.len; i++) {
		struct cv_span digits = cv_span_skip(hash, i + 2);
		size_t len = 0;

		if (hash.data[i] != name || hash.data[i + 1] != '=' ||
		    (hash.data[i - 1] != '$' && hash.data[i - 1] != ','))
			continue;
		while (len < digits.len && digits.data[len] >= '0' &&
		       digits.data[len] <= '9')
			len++;
		return cv_span_to_u64(cv_span(digits.data, len), UINT64_MAX,
				      &value) ? value : UINT64_MAX;
	}
	return 0;
}

static int verify(const struct cv_scheme_input *in, struct cv_span hash,
		  const char *prefix, struct cv_error *err)
{
	char text[crypto_pwhash_STRBYTES] = "";

	if (!cv_span_begins(hash, cv_span_of(prefix)) ||
	    hash.len >= sizeof(text))
		return CV_FAIL(err, CV_E_SYNTAX, "stored hash does not begin "
			       "with '%s', or is too long", prefix);
	/* what is stored chooses the cost: within reason */
	if (parameter(hash, 'm') > MEMORY_MAX_KIB ||
	    parameter(hash, 't') > PASSES_MAX)
		return CV_FAIL(err, CV_E_LIMIT, "stored hash wants more than "
			       "%d KiB or %d passes", MEMORY_MAX_KIB,
			       PASSES_MAX);
	memcpy(text, hash.data, hash.len);
	return crypto_pwhash_str_verify(text, in->password.data,
					in->password.len) == 0 ?
		CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int generate(const struct cv_scheme_input *in, int algorithm,
		    unsigned long long passes, size_t memory,
		    struct cv_text *hash, struct cv_error *err)
{
	char text[crypto_pwhash_STRBYTES];

	if (in->rounds != 0)
		passes = in->rounds;
	if (crypto_pwhash_str_alg(text, in->password.data, in->password.len,
				  passes, memory, algorithm) != 0)
		return CV_FAIL(err, CV_E_LIMIT, "no memory for the hash, or "
			       "%llu passes are not allowed", passes);
	cv_text_append_str(hash, text);
	return CV_OK;
}

static int argon2i_verify(const struct cv_scheme_input *in,
			  struct cv_span hash, struct cv_error *err)
{
	return verify(in, hash, crypto_pwhash_argon2i_STRPREFIX, err);
}

static int argon2i_generate(const struct cv_scheme_input *in,
			    struct cv_text *hash, struct cv_error *err)
{
	return generate(in, crypto_pwhash_ALG_ARGON2I13,
			crypto_pwhash_argon2i_OPSLIMIT_INTERACTIVE,
			crypto_pwhash_argon2i_MEMLIMIT_INTERACTIVE, hash, err);
}

static int argon2id_verify(const struct cv_scheme_input *in,
			   struct cv_span hash, struct cv_error *err)
{
	return verify(in, hash, crypto_pwhash_argon2id_STRPREFIX, err);
}

/* 64 MiB and three passes: the second choice of [RFC9106 4] */
static int argon2id_generate(const struct cv_scheme_input *in,
			     struct cv_text *hash, struct cv_error *err)
{
	return generate(in, crypto_pwhash_ALG_ARGON2ID13, 3,
			crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE, hash,
			err);
}

/* By what the stored hash says it is; new ones are ARGON2ID. */
static int argon2_verify(const struct cv_scheme_input *in,
			 struct cv_span hash, struct cv_error *err)
{
	return verify(in, hash, cv_span_begins(
		hash, CV_SPAN(crypto_pwhash_argon2i_STRPREFIX)) ?
		crypto_pwhash_argon2i_STRPREFIX :
		crypto_pwhash_argon2id_STRPREFIX, err);
}

static const struct cv_scheme schemes[] = {
	{ CV_SIZED(cv_scheme), .name = "ARGON2I",
	  .flags = CV_SCHEME_EXPENSIVE, .encoding = CV_SCHEME_TEXT,
	  .verify = argon2i_verify, .generate = argon2i_generate },
	{ CV_SIZED(cv_scheme), .name = "ARGON2ID",
	  .flags = CV_SCHEME_EXPENSIVE, .encoding = CV_SCHEME_TEXT,
	  .verify = argon2id_verify, .generate = argon2id_generate },
	{ CV_SIZED(cv_scheme), .name = "ARGON2",
	  .flags = CV_SCHEME_EXPENSIVE, .encoding = CV_SCHEME_TEXT,
	  .verify = argon2_verify, .generate = argon2id_generate },
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret = CV_OK;

	cv_api = host;
	if (sodium_init() < 0)
		return CV_FAIL(err, CV_E_INTERNAL, "libsodium does not start");
	for (size_t i = 0; ret == CV_OK &&
	     i < sizeof(schemes) / sizeof(schemes[0]); i++)
		ret = cv_provide_scheme(self, &schemes[i], err);
	return ret;
}

CV_PLUGIN_DEFINE("scheme-argon2", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Password hashes ARGON2I, ARGON2ID and ARGON2",
	.flags = CV_PLUGIN_PURE,
	.init = init);
