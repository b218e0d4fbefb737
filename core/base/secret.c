/* secret.c - compare keyed digests, so that neither the place of the first
 * difference nor the length shows in the time. */
#include "secret.h"
#include "bug.h"
#include "random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void digest(const unsigned char key[32], struct cv_span s,
		   unsigned char out[32])
{
	unsigned int len = 32;

	BUG_IF(HMAC(EVP_sha256(), key, 32,
		    (const unsigned char *)(s.data == NULL ? "" : s.data),
		    s.len, out, &len) == NULL);
}

bool secret_equal(struct cv_span a, struct cv_span b)
{
	unsigned char key[32], da[32], db[32];
	bool equal;

	random_bytes(key, sizeof(key));
	digest(key, a, da);
	digest(key, b, db);
	equal = CRYPTO_memcmp(da, db, sizeof(da)) == 0 && a.len == b.len;
	OPENSSL_cleanse(da, sizeof(da));
	OPENSSL_cleanse(db, sizeof(db));
	return equal;
}
