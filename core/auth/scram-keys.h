/* scram-keys.h - what a SCRAM server knows of a user [RFC5802 3]. */
#ifndef SCRAM_KEYS_H
#define SCRAM_KEYS_H

#include "base.h"
#include "cv-auth.h"

enum {
	SCRAM_DIGEST_MAX = 32, SCRAM_SALT_MAX = 64,
	SCRAM_ITERATIONS = 4096,	/* [RFC7677 4] at least */
};

struct scram_digest { const char *scheme; const char *digest; };

struct scram_keys {
	const struct scram_digest *digest;
	uint32_t iterations;
	struct cv_span salt;
	bool known;			/* of a user */
	bool to_derive;			/* the two keys are to be made */
	struct cv_span password;	/* of a user, with to_derive */
	unsigned char stored[SCRAM_DIGEST_MAX], server[SCRAM_DIGEST_MAX];
};

/* Bytes of the digest. */
size_t scram_digest_bytes(const struct scram_digest *digest);
/* What the digest makes of the text under a key. */
void scram_hmac(const struct scram_digest *digest, struct cv_span key,
		struct cv_span text, unsigned char *mac_r);
void scram_hash(const struct scram_digest *digest, struct cv_span text,
		unsigned char *hash_r);

/* After CREDENTIALS.  Always makes some: those of nobody have the shape of
 * the model and a salt that is the same each time this user is asked for.
 * What is left over lives in io->pool. */
void scram_keys_find(const struct scram_digest *digest,
		     const struct cv_mechanism_io *io,
		     struct scram_keys *keys_r);
/* Does what find has left to do, for nobody too: to be called once, when the
 * client's proof is there. */
void scram_keys_derive(struct scram_keys *keys, struct cv_pool *pool);

/* "4096,salt,StoredKey,ServerKey", the last three in base64, as Dovecot has
 * them.  CV_E_SYNTAX: it is nothing of the kind. */
int scram_keys_parse(const struct scram_digest *digest, struct cv_span text,
		     struct cv_pool *pool, struct scram_keys *keys_r,
		     struct cv_error *err);

#endif
