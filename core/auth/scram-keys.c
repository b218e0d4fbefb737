/* scram-keys.c - stored keys, derived ones, and nobody's. */
#include "scram-keys.h"
#include "auth-mechanism.h"
#include "saslprep.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SALT_BYTES = 16 };

static const EVP_MD *md_of(const struct scram_digest *digest)
{
	return strcmp(digest->digest, "SHA1") == 0 ? EVP_sha1() :
		EVP_sha256();
}

size_t scram_digest_bytes(const struct scram_digest *digest)
{
	return (size_t)EVP_MD_get_size(md_of(digest));
}

void scram_hmac(const struct scram_digest *digest, struct cv_span key,
		struct cv_span text, unsigned char *mac_r)
{
	BUG_IF(HMAC(md_of(digest), key.data, (int)key.len,
		    (const unsigned char *)text.data, text.len, mac_r,
		    NULL) == NULL);
}

void scram_hash(const struct scram_digest *digest, struct cv_span text,
		unsigned char *hash_r)
{
	BUG_IF(EVP_Digest(text.data, text.len, hash_r, NULL, md_of(digest),
			  NULL) != 1);
}

static bool take_key(struct cv_span *rest, size_t len, struct cv_pool *pool,
		     unsigned char *key_r)
{
	struct cv_span part;
	struct cv_text raw;

	cv_text_init(&raw, pool);
	if (!cv_span_split(rest, ',', &part) || !base64_decode(&raw, part) ||
	    raw.len != len)
		return false;
	memcpy(key_r, raw.data, len);
	return true;
}

int scram_keys_parse(const struct scram_digest *digest, struct cv_span text,
		     struct cv_pool *pool, struct scram_keys *keys_r,
		     struct cv_error *err)
{
	size_t len = scram_digest_bytes(digest);
	struct cv_span part;
	struct cv_text salt;
	uint64_t count;

	*keys_r = (struct scram_keys){ .digest = digest };
	cv_text_init(&salt, pool);
	if (!cv_span_split(&text, ',', &part) ||
	    !cv_span_to_u64(part, UINT32_MAX, &count) || count == 0)
		return FAIL(err, CV_E_SYNTAX, "%s: no iteration count",
			    digest->scheme);
	keys_r->iterations = (uint32_t)count;
	if (!cv_span_split(&text, ',', &part) ||
	    !base64_decode(&salt, part) || salt.len == 0)
		return FAIL(err, CV_E_SYNTAX, "%s: no salt", digest->scheme);
	keys_r->salt = cv_text_span(&salt);
	if (!take_key(&text, len, pool, keys_r->stored) ||
	    !take_key(&text, len, pool, keys_r->server) || text.data != NULL)
		return FAIL(err, CV_E_SYNTAX, "%s: not two keys of %zu bytes",
			    digest->scheme, len);
	return CV_OK;
}

/* The name under a key that only the server has: the same salt each time,
 * and nobody can tell that it was never stored. */
static struct cv_span invent_salt(const struct scram_digest *digest,
				  const struct cv_mechanism_io *io,
				  size_t len)
{
	const char *user = io->input != NULL && io->input->user[0] != '\0' ?
		io->input->user : cv_span_copy(io->pool, io->user);
	struct cv_text text;
	unsigned char mac[SCRAM_SALT_MAX];

	cv_text_init(&text, io->pool);
	cv_text_append_f(&text, "%s %s", digest->scheme, user);
	BUG_IF(HMAC(EVP_sha512(), auth_mechanism_env()->salt_key,
		    AUTH_SALT_KEY_BYTES, (unsigned char *)text.data,
		    text.len, mac, NULL) == NULL);
	return cv_span(pool_copy(io->pool, mac, len), len);
}

/* Of a password that is stored as it is. */
static bool take_plain(struct scram_keys *keys, struct cv_span password,
		       struct cv_pool *pool)
{
	struct cv_text prepared;

	cv_text_init(&prepared, pool);
	if (saslprep(password, &prepared, NULL) < 0)
		return false;
	keys->password = cv_text_span(&prepared);
	return true;
}

void scram_keys_find(const struct scram_digest *digest,
		     const struct cv_mechanism_io *io,
		     struct scram_keys *keys_r)
{
	struct cv_error err = ERROR_NONE;
	struct scram_keys model;
	bool plain = io->credentials.len > 0 &&
		io->credentials_scheme != NULL &&
		strcmp(io->credentials_scheme, "PLAIN") == 0;
	bool stored = io->credentials.len > 0 && !plain;

	if (stored && scram_keys_parse(digest, io->credentials, io->pool,
				       keys_r, &err) == CV_OK) {
		keys_r->known = true;
		return;
	}
	if (stored)
		log_error("auth", "stored password: %s", err.text);
	*keys_r = (struct scram_keys){
		.digest = digest, .iterations = SCRAM_ITERATIONS,
		.salt = invent_salt(digest, io, SALT_BYTES),
		.to_derive = true,
	};
	if (plain) {
		keys_r->known = take_plain(keys_r, io->credentials, io->pool);
		if (!keys_r->known)
			log_error("auth", "the stored password has "
				  "characters that SCRAM cannot use");
		return;
	}
	if (io->model.len == 0 || io->model_scheme == NULL ||
	    strcmp(io->model_scheme, digest->scheme) != 0 ||
	    scram_keys_parse(digest, io->model, io->pool, &model, NULL) < 0)
		return;
	keys_r->iterations = model.iterations;
	keys_r->salt = invent_salt(digest, io, model.salt.len >
				   SCRAM_SALT_MAX ? SCRAM_SALT_MAX :
				   model.salt.len);
	keys_r->to_derive = false;
	random_bytes(keys_r->stored, sizeof(keys_r->stored));
}

/* [RFC5802 3] SaltedPassword, ClientKey, StoredKey, ServerKey */
void scram_keys_derive(struct scram_keys *keys, struct cv_pool *pool)
{
	const struct scram_digest *digest = keys->digest;
	struct cv_span password = keys->known ? keys->password :
		CV_SPAN("of nobody");
	int len = (int)scram_digest_bytes(digest);
	unsigned char *salted = pool_alloc(pool, SCRAM_DIGEST_MAX);
	unsigned char *client = pool_alloc(pool, SCRAM_DIGEST_MAX);
	struct cv_span key = cv_span((char *)salted, (size_t)len);

	if (!keys->to_derive)
		return;
	BUG_IF(PKCS5_PBKDF2_HMAC(password.data, (int)password.len,
				 (const unsigned char *)keys->salt.data,
				 (int)keys->salt.len, (int)keys->iterations,
				 md_of(digest), len, salted) != 1);
	scram_hmac(digest, key, CV_SPAN("Client Key"), client);
	scram_hash(digest, cv_span((char *)client, (size_t)len),
		   keys->stored);
	scram_hmac(digest, key, CV_SPAN("Server Key"), keys->server);
	keys->to_derive = false;
}
