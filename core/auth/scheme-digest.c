/* scheme-digest.c - PLAIN, SHA*, SSHA*, SMD5 and their kin. */
#include "scheme-digest.h"
#include "base.h"
#include "md-block.h"

#include <openssl/evp.h>

enum { SALT_BYTES = 4 };

static int digest(const EVP_MD *md, struct cv_span a, struct cv_span b,
		  unsigned char out[EVP_MAX_MD_SIZE], struct cv_error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
		EVP_DigestUpdate(ctx, a.data, a.len) == 1 &&
		EVP_DigestUpdate(ctx, b.data, b.len) == 1 &&
		EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? CV_OK : FAIL(err, CV_E_INTERNAL, "digest failed");
}

static int verify(const EVP_MD *md, bool salted,
		  const struct cv_scheme_input *in, struct cv_span hash,
		  struct cv_error *err)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	size_t len = (size_t)EVP_MD_get_size(md);
	struct cv_span salt;
	int ret;

	if (hash.len < len || (!salted && hash.len > len)) {
		return FAIL(err, CV_E_SYNTAX, "stored digest has %zu bytes, "
			    "%s has %zu", hash.len, EVP_MD_get0_name(md), len);
	}
	salt = cv_span_skip(hash, len);
	if ((ret = digest(md, in->password, salt, made, err)) < 0)
		return ret;
	return secret_equal(cv_span((char *)made, len),
			    cv_span(hash.data, len)) ?
		CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int generate(const EVP_MD *md, bool salted,
		    const struct cv_scheme_input *in, struct cv_text *hash,
		    struct cv_error *err)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	char salt_bytes[SALT_BYTES];
	struct cv_span salt = CV_SPAN("");
	int ret;

	if (salted) {
		random_bytes(salt_bytes, sizeof(salt_bytes));
		salt = cv_span(salt_bytes, sizeof(salt_bytes));
	}
	if ((ret = digest(md, in->password, salt, made, err)) < 0)
		return ret;
	cv_text_append(hash, made, (size_t)EVP_MD_get_size(md));
	cv_text_append_span(hash, salt);
	return CV_OK;
}

#define DIGEST_SCHEME(name, md, salted) \
	static int name##_verify(const struct cv_scheme_input *in, \
				 struct cv_span hash, struct cv_error *err) \
	{ return verify(md(), salted, in, hash, err); } \
	static int name##_generate(const struct cv_scheme_input *in, \
				   struct cv_text *hash, \
				   struct cv_error *err) \
	{ return generate(md(), salted, in, hash, err); }

DIGEST_SCHEME(md5, EVP_md5, false)
DIGEST_SCHEME(sha, EVP_sha1, false)
DIGEST_SCHEME(sha256, EVP_sha256, false)
DIGEST_SCHEME(sha512, EVP_sha512, false)
DIGEST_SCHEME(smd5, EVP_md5, true)
DIGEST_SCHEME(ssha, EVP_sha1, true)
DIGEST_SCHEME(ssha256, EVP_sha256, true)
DIGEST_SCHEME(ssha512, EVP_sha512, true)

static int plain_verify(const struct cv_scheme_input *in, struct cv_span hash,
			struct cv_error *err)
{
	(void)err;
	return secret_equal(in->password, hash) ? CV_AUTH_OK :
		CV_AUTH_MISMATCH;
}

static int plain_generate(const struct cv_scheme_input *in,
			  struct cv_text *hash, struct cv_error *err)
{
	(void)err;
	cv_text_append_span(hash, in->password);
	return CV_OK;
}

/* "6-secret": a system that kept six bytes of each password; a longer one is
 * right when it begins like that, should that many be stored.  DEPARTS: in
 * Dovecot "0-" is matched by every password. */
static int plain_trunc_verify(const struct cv_scheme_input *in,
			      struct cv_span hash, struct cv_error *err)
{
	struct cv_span stored = hash, number = CV_SPAN_NONE;
	struct cv_span password = in->password;
	uint64_t len = 0;

	(void)cv_span_split(&stored, '-', &number);
	if (stored.data == NULL ||
	    (number.len > 0 && !cv_span_to_u64(number, UINT32_MAX, &len))) {
		return FAIL(err, CV_E_SYNTAX, "stored password does not begin "
			    "with a length and '-'");
	}
	if (len > 0 && stored.len == len && password.len > len)
		password.len = (size_t)len;
	return secret_equal(password, stored) ? CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int plain_trunc_generate(const struct cv_scheme_input *in,
				struct cv_text *hash, struct cv_error *err)
{
	(void)err;
	cv_text_append_f(hash, "%zu-", in->password.len);
	cv_text_append_span(hash, in->password);
	return CV_OK;
}

static int md4_verify(const struct cv_scheme_input *in, struct cv_span hash,
		      struct cv_error *err)
{
	unsigned char made[MD_DIGEST_BYTES];

	if (hash.len != sizeof(made))
		return FAIL(err, CV_E_SYNTAX, "stored digest has %zu bytes, "
			    "MD4 has %zu", hash.len, sizeof(made));
	md4_digest(in->password, made);
	return secret_equal(cv_span((char *)made, sizeof(made)), hash) ?
		CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int md4_generate(const struct cv_scheme_input *in,
			struct cv_text *hash, struct cv_error *err)
{
	unsigned char made[MD_DIGEST_BYTES];

	(void)err;
	md4_digest(in->password, made);
	cv_text_append(hash, made, sizeof(made));
	return CV_OK;
}

/* MD5(user:realm:password) in hex */
static int digest_md5_make(const struct cv_scheme_input *in,
			   unsigned char made[EVP_MAX_MD_SIZE],
			   struct cv_error *err)
{
	const char *at = strrchr(in->user, '@');
	struct cv_text text;

	if (in->user[0] == '\0')
		return FAIL(err, CV_E_SYNTAX, "DIGEST-MD5 needs a user name");
	cv_text_init(&text, in->pool);
	cv_text_append_f(&text, "%.*s:%s:", at == NULL ?
			 (int)strlen(in->user) : (int)(at - in->user),
			 in->user, at == NULL ? "" : at + 1);
	cv_text_append_span(&text, in->password);
	return digest(EVP_md5(), cv_text_span(&text), CV_SPAN(""), made, err);
}

static int digest_md5_verify(const struct cv_scheme_input *in,
			     struct cv_span hash, struct cv_error *err)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	int ret = digest_md5_make(in, made, err);

	if (ret < 0)
		return ret;
	return secret_equal(cv_span((char *)made, 16), hash) ? CV_AUTH_OK :
		CV_AUTH_MISMATCH;
}

static int digest_md5_generate(const struct cv_scheme_input *in,
			       struct cv_text *hash, struct cv_error *err)
{
	unsigned char made[EVP_MAX_MD_SIZE];
	int ret = digest_md5_make(in, made, err);

	if (ret == CV_OK)
		cv_text_append(hash, made, 16);
	return ret;
}

#define CLEAR (CV_SCHEME_WEAK | CV_SCHEME_CLEAR | CV_SCHEME_MECHANISM)
#define SCHEME(name_, functions, encoding_, flags_) \
	{ CV_SIZED(cv_scheme), .name = (name_), .encoding = (encoding_), \
	  .flags = (flags_), .verify = functions##_verify, \
	  .generate = functions##_generate }

const struct cv_scheme scheme_digest_table[] = {
	SCHEME("PLAIN", plain, CV_SCHEME_TEXT, CLEAR),
	SCHEME("CLEAR", plain, CV_SCHEME_TEXT, CLEAR),
	SCHEME("CLEARTEXT", plain, CV_SCHEME_TEXT, CLEAR),
	SCHEME("PLAIN-TRUNC", plain_trunc, CV_SCHEME_TEXT, CLEAR),
	SCHEME("SHA", sha, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SHA1", sha, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SHA256", sha256, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SHA512", sha512, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SMD5", smd5, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SSHA", ssha, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("SSHA256", ssha256, CV_SCHEME_BASE64, 0),
	SCHEME("SSHA512", ssha512, CV_SCHEME_BASE64, 0),
	SCHEME("LDAP-MD5", md5, CV_SCHEME_BASE64, CV_SCHEME_WEAK),
	SCHEME("PLAIN-MD4", md4, CV_SCHEME_HEX, CV_SCHEME_WEAK),
	SCHEME("PLAIN-MD5", md5, CV_SCHEME_HEX, CV_SCHEME_WEAK),
	SCHEME("DIGEST-MD5", digest_md5, CV_SCHEME_HEX,
	       CV_SCHEME_WEAK | CV_SCHEME_USER | CV_SCHEME_MECHANISM),
};
const uint32_t scheme_digest_count =
	sizeof(scheme_digest_table) / sizeof(scheme_digest_table[0]);
