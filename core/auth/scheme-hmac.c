/* scheme-hmac.c - SCRAM-SHA-1, SCRAM-SHA-256, PBKDF2, CRAM-MD5. */
#include "scheme-hmac.h"
#include "base.h"
#include "hmac-md5.h"
#include "saslprep.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	ROUNDS_MAX = 10000000,		/* of what is stored or asked for */
	SCRAM_ROUNDS = 4096, SCRAM_SALT_BYTES = 16,
	PBKDF2_ROUNDS = 5000, PBKDF2_SALT_CHARS = 16, PBKDF2_BYTES = 20,
	SALT_MAX = 1024,
};

static int derive(const EVP_MD *md, struct cv_span password,
		  struct cv_span salt, uint32_t rounds, unsigned char *key,
		  size_t len, struct cv_error *err)
{
	if (PKCS5_PBKDF2_HMAC(password.data, (int)password.len,
			      (const unsigned char *)salt.data, (int)salt.len,
			      (int)rounds, md, (int)len, key) == 1)
		return CV_OK;
	return FAIL(err, CV_E_INTERNAL, "PBKDF2 failed");
}

/* --- SCRAM [RFC5802 3] [RFC7677 3] ---------------------------------------- */

struct scram_keys {
	unsigned char stored[EVP_MAX_MD_SIZE], server[EVP_MAX_MD_SIZE];
};

static bool hmac(const EVP_MD *md, const unsigned char *key, const char *text,
		 unsigned char *out)
{
	return HMAC(md, key, EVP_MD_get_size(md), (const unsigned char *)text,
		    strlen(text), out, NULL) != NULL;
}

/* StoredKey and ServerKey */
static int scram_derive(const EVP_MD *md, struct cv_span password,
			struct cv_span salt, uint32_t rounds,
			struct scram_keys *keys, struct cv_error *err)
{
	unsigned char salted[EVP_MAX_MD_SIZE], client[EVP_MAX_MD_SIZE];
	size_t len = (size_t)EVP_MD_get_size(md);
	int ret = derive(md, password, salt, rounds, salted, len, err);

	if (ret == CV_OK &&
	    (!hmac(md, salted, "Client Key", client) ||
	     EVP_Digest(client, len, keys->stored, NULL, md, NULL) != 1 ||
	     !hmac(md, salted, "Server Key", keys->server)))
		ret = FAIL(err, CV_E_INTERNAL, "digest failed");
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return ret;
}

static bool part_is_u32(struct cv_span text, uint32_t *value_r)
{
	uint64_t value;

	if (!cv_span_to_u64(text, ROUNDS_MAX, &value) || value == 0)
		return false;
	*value_r = (uint32_t)value;
	return true;
}

struct scram_stored {
	uint32_t rounds;
	struct cv_span salt, stored, server;
};

static int scram_compare(const EVP_MD *md, struct cv_span password,
			 const struct scram_stored *with, struct cv_error *err)
{
	size_t len = (size_t)EVP_MD_get_size(md);
	struct scram_keys keys;
	int ret = scram_derive(md, password, with->salt, with->rounds, &keys,
			       err);

	if (ret == CV_OK)
		ret = secret_equal(cv_span((char *)keys.stored, len),
				   with->stored) &&
			secret_equal(cv_span((char *)keys.server, len),
				     with->server) ? CV_AUTH_OK :
			CV_AUTH_MISMATCH;
	explicit_bzero(&keys, sizeof(keys));
	return ret;
}

/* "4096,SALT,STOREDKEY,SERVERKEY", the last three in base64 */
static int scram_verify(const EVP_MD *md, const struct cv_scheme_input *in,
			struct cv_span hash, struct cv_error *err)
{
	size_t len = (size_t)EVP_MD_get_size(md);
	struct cv_span rest = hash, part[4] = { { NULL, 0 } };
	struct cv_text salt, stored, server, prepared;
	struct scram_stored with;
	int ret;

	for (unsigned i = 0; i < 4; i++)
		(void)cv_span_split(&rest, ',', &part[i]);
	cv_text_init(&salt, in->pool);
	cv_text_init(&stored, in->pool);
	cv_text_init(&server, in->pool);
	cv_text_init(&prepared, in->pool);
	if (part[3].data == NULL || rest.data != NULL ||
	    !part_is_u32(part[0], &with.rounds) ||
	    !base64_decode(&salt, part[1]) || salt.len > SALT_MAX ||
	    !base64_decode(&stored, part[2]) || stored.len != len ||
	    !base64_decode(&server, part[3]) || server.len != len) {
		return FAIL(err, CV_E_SYNTAX, "stored password is not rounds "
			    "(up to %d), salt, stored key, server key with "
			    "commas between", ROUNDS_MAX);
	}
	with.salt = cv_text_span(&salt);
	with.stored = cv_text_span(&stored);
	with.server = cv_text_span(&server);
	/* [RFC5802 2.2] as the client does, and as it came, since others
	 * (Dovecot) have stored such */
	ret = CV_AUTH_MISMATCH;
	if (saslprep(in->password, &prepared, NULL) == CV_OK &&
	    !cv_span_equal(cv_text_span(&prepared), in->password))
		ret = scram_compare(md, cv_text_span(&prepared), &with, err);
	return ret != CV_AUTH_MISMATCH ? ret :
		scram_compare(md, in->password, &with, err);
}

static int scram_generate(const EVP_MD *md, const struct cv_scheme_input *in,
			  struct cv_text *hash, struct cv_error *err)
{
	size_t len = (size_t)EVP_MD_get_size(md);
	uint32_t rounds = in->rounds == 0 ? SCRAM_ROUNDS : in->rounds;
	char salt[SCRAM_SALT_BYTES];
	struct scram_keys keys;
	struct cv_text prepared;
	int ret;

	/* [RFC5802 5.1] [RFC7677 4] at least 4096 */
	if (rounds < SCRAM_ROUNDS || rounds > ROUNDS_MAX)
		return FAIL(err, CV_E_UNSUPPORTED, "SCRAM takes %d to %d "
			    "rounds", SCRAM_ROUNDS, ROUNDS_MAX);
	cv_text_init(&prepared, in->pool);
	ret = saslprep(in->password, &prepared, err);
	if (ret < 0)
		return error_prefix(err, "no password for SCRAM");
	random_bytes(salt, sizeof(salt));
	ret = scram_derive(md, cv_text_span(&prepared),
			   cv_span(salt, sizeof(salt)), rounds, &keys, err);
	if (ret < 0)
		return ret;
	cv_text_append_f(hash, "%u,", rounds);
	base64_encode(hash, salt, sizeof(salt));
	cv_text_append_c(hash, ',');
	base64_encode(hash, keys.stored, len);
	cv_text_append_c(hash, ',');
	base64_encode(hash, keys.server, len);
	explicit_bzero(&keys, sizeof(keys));
	return CV_OK;
}

static int scram_sha1_verify(const struct cv_scheme_input *in,
			     struct cv_span hash, struct cv_error *err)
{
	return scram_verify(EVP_sha1(), in, hash, err);
}

static int scram_sha1_generate(const struct cv_scheme_input *in,
			       struct cv_text *hash, struct cv_error *err)
{
	return scram_generate(EVP_sha1(), in, hash, err);
}

static int scram_sha256_verify(const struct cv_scheme_input *in,
			       struct cv_span hash, struct cv_error *err)
{
	return scram_verify(EVP_sha256(), in, hash, err);
}

static int scram_sha256_generate(const struct cv_scheme_input *in,
				 struct cv_text *hash, struct cv_error *err)
{
	return scram_generate(EVP_sha256(), in, hash, err);
}

/* --- PBKDF2 [RFC2898 5.2] with SHA-1 -------------------------------------- */

static bool same_hex(const unsigned char *key, struct cv_span hex,
		     struct cv_pool *pool)
{
	struct cv_text raw;

	cv_text_init(&raw, pool);
	return hex_decode(&raw, hex) &&
		secret_equal(cv_span((const char *)key, PBKDF2_BYTES),
			     cv_text_span(&raw));
}

/* "$1$SALT$ROUNDS$HEX"; the salt is taken as it stands there */
static int pbkdf2_verify(const struct cv_scheme_input *in,
			 struct cv_span hash, struct cv_error *err)
{
	struct cv_span rest = hash, part[5] = { { NULL, 0 } };
	unsigned char key[PBKDF2_BYTES];
	uint32_t rounds;
	int ret;

	for (unsigned i = 0; i < 5; i++)
		(void)cv_span_split(&rest, '$', &part[i]);
	if (part[4].data == NULL || rest.data != NULL || part[0].len != 0 ||
	    !cv_span_is(part[1], "1") || part[2].len > SALT_MAX ||
	    !part_is_u32(part[3], &rounds) ||
	    part[4].len != (size_t)2 * PBKDF2_BYTES) {
		return FAIL(err, CV_E_SYNTAX, "stored password is not "
			    "$1$salt$rounds$hash with at most %d rounds",
			    ROUNDS_MAX);
	}
	ret = derive(EVP_sha1(), in->password, part[2], rounds, key,
		     sizeof(key), err);
	if (ret == CV_OK)
		ret = same_hex(key, part[4], in->pool) ? CV_AUTH_OK :
			CV_AUTH_MISMATCH;
	explicit_bzero(key, sizeof(key));
	return ret;
}

static int pbkdf2_generate(const struct cv_scheme_input *in,
			   struct cv_text *hash, struct cv_error *err)
{
	static const char chars[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz";
	uint32_t rounds = in->rounds == 0 ? PBKDF2_ROUNDS : in->rounds;
	unsigned char key[PBKDF2_BYTES], salt[PBKDF2_SALT_CHARS];
	int ret;

	if (rounds > ROUNDS_MAX)
		return FAIL(err, CV_E_UNSUPPORTED, "PBKDF2 takes at most %d "
			    "rounds", ROUNDS_MAX);
	random_bytes(salt, sizeof(salt));
	for (size_t i = 0; i < sizeof(salt); i++)
		salt[i] = (unsigned char)chars[salt[i] % 64];
	ret = derive(EVP_sha1(), in->password,
		     cv_span((char *)salt, sizeof(salt)), rounds, key,
		     sizeof(key), err);
	if (ret < 0)
		return ret;
	cv_text_append_str(hash, "$1$");
	cv_text_append(hash, salt, sizeof(salt));
	cv_text_append_f(hash, "$%u$", rounds);
	hex_encode(hash, key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	return CV_OK;
}

/* --- CRAM-MD5, alias HMAC-MD5 [RFC2195 2] ---------------------------------- */

static int cram_md5_verify(const struct cv_scheme_input *in,
			   struct cv_span hash, struct cv_error *err)
{
	unsigned char made[HMAC_MD5_STORED_BYTES];
	bool same;

	if (hash.len != sizeof(made))
		return FAIL(err, CV_E_SYNTAX, "stored password has %zu bytes, "
			    "CRAM-MD5 has %zu", hash.len, sizeof(made));
	hmac_md5_stored(in->password, made);
	same = secret_equal(cv_span((char *)made, sizeof(made)), hash);
	explicit_bzero(made, sizeof(made));
	return same ? CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int cram_md5_generate(const struct cv_scheme_input *in,
			     struct cv_text *hash, struct cv_error *err)
{
	unsigned char made[HMAC_MD5_STORED_BYTES];

	(void)err;
	hmac_md5_stored(in->password, made);
	cv_text_append(hash, made, sizeof(made));
	explicit_bzero(made, sizeof(made));
	return CV_OK;
}

#define SCHEME(name_, functions, encoding_, flags_) \
	{ CV_SIZED(cv_scheme), .name = (name_), .encoding = (encoding_), \
	  .flags = (flags_), .verify = functions##_verify, \
	  .generate = functions##_generate }

const struct cv_scheme scheme_hmac_table[] = {
	SCHEME("SCRAM-SHA-1", scram_sha1, CV_SCHEME_TEXT, CV_SCHEME_EXPENSIVE),
	SCHEME("SCRAM-SHA-256", scram_sha256, CV_SCHEME_TEXT,
	       CV_SCHEME_EXPENSIVE),
	SCHEME("PBKDF2", pbkdf2, CV_SCHEME_TEXT, CV_SCHEME_EXPENSIVE),
	SCHEME("CRAM-MD5", cram_md5, CV_SCHEME_HEX,
	       CV_SCHEME_WEAK | CV_SCHEME_MECHANISM),
	SCHEME("HMAC-MD5", cram_md5, CV_SCHEME_HEX,
	       CV_SCHEME_WEAK | CV_SCHEME_MECHANISM),
};
const uint32_t scheme_hmac_count =
	sizeof(scheme_hmac_table) / sizeof(scheme_hmac_table[0]);
