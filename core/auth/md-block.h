/* md-block.h - MD4 [RFC1320] and MD5 [RFC1321] down to their compression
 * functions: OpenSSL has no MD4 without its legacy provider, and does not
 * give away the state that HMAC-MD5 secrets are stored as. */
#ifndef MD_BLOCK_H
#define MD_BLOCK_H

#include "cv-types.h"

enum { MD_BLOCK_BYTES = 64, MD_DIGEST_BYTES = 16, MD_WORDS = 4 };

/* A, B, C and D of [RFC1321 3.3]. */
struct md_state {
	uint32_t words[MD_WORDS];
};

void md_state_init(struct md_state *state);
/* One block of MD_BLOCK_BYTES. */
void md5_compress(struct md_state *state, const unsigned char *block);
/* The end of a digest: after `before` bytes (whole blocks, compressed
 * already) comes data, and nothing after it. */
void md5_finish(struct md_state *state, uint64_t before, struct cv_span data,
		unsigned char digest[MD_DIGEST_BYTES]);
void md4_digest(struct cv_span data, unsigned char digest[MD_DIGEST_BYTES]);

/* Words as the bytes of a digest, and back. */
void md_state_put(const struct md_state *state, unsigned char *out);
void md_state_get(struct md_state *state, const unsigned char *in);

#endif
