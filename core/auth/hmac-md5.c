/* hmac-md5.c - HMAC-MD5 with its two states. */
#include "hmac-md5.h"
#include "base.h"

/* [RFC2104 2] the key with 0x36 or 0x5c in each byte */
static void padded(const unsigned char key[MD_BLOCK_BYTES], unsigned char pad,
		   unsigned char *out)
{
	unsigned char block[MD_BLOCK_BYTES];
	struct md_state state;

	for (unsigned i = 0; i < MD_BLOCK_BYTES; i++)
		block[i] = key[i] ^ pad;
	md_state_init(&state);
	md5_compress(&state, block);
	md_state_put(&state, out);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(&state, sizeof(state));
}

void hmac_md5_stored(struct cv_span secret,
		     unsigned char stored[HMAC_MD5_STORED_BYTES])
{
	unsigned char key[MD_BLOCK_BYTES] = { 0 };

	/* [RFC2104 3] a key that is longer than a block is digested first */
	if (secret.len > MD_BLOCK_BYTES) {
		struct md_state state;

		md_state_init(&state);
		md5_finish(&state, 0, secret, key);
		explicit_bzero(&state, sizeof(state));
	} else if (secret.len > 0) {
		memcpy(key, secret.data, secret.len);
	}
	padded(key, 0x5c, stored);
	padded(key, 0x36, stored + MD_DIGEST_BYTES);
	explicit_bzero(key, sizeof(key));
}

void hmac_md5_of_stored(const unsigned char stored[HMAC_MD5_STORED_BYTES],
			struct cv_span text,
			unsigned char digest[MD_DIGEST_BYTES])
{
	unsigned char inner[MD_DIGEST_BYTES];
	struct md_state state;

	md_state_get(&state, stored + MD_DIGEST_BYTES);
	md5_finish(&state, MD_BLOCK_BYTES, text, inner);
	md_state_get(&state, stored);
	md5_finish(&state, MD_BLOCK_BYTES,
		   cv_span((const char *)inner, sizeof(inner)), digest);
	explicit_bzero(&state, sizeof(state));
	explicit_bzero(inner, sizeof(inner));
}
