/* digest-openssl.c - OpenSSL's digests for the settings. */
#include "settings-digest.h"

#include <openssl/evp.h>

_Static_assert((int)EVP_MAX_MD_SIZE == (int)SETTINGS_DIGEST_MAX,
	       "a digest may not fit");

size_t settings_digest_openssl(const char *name, struct cv_span data,
			       unsigned char out[SETTINGS_DIGEST_MAX])
{
	const EVP_MD *md = EVP_get_digestbyname(name);
	unsigned int len = 0;

	if (md == NULL ||
	    EVP_Digest(data.data, data.len, out, &len, md, NULL) != 1)
		return 0;
	return len;
}
