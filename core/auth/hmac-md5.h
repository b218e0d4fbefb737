/* hmac-md5.h - HMAC-MD5 [RFC2104] from a secret or from what Dovecot stores
 * as {CRAM-MD5} and {HMAC-MD5}: the state of MD5 after the outer pad, then
 * that after the inner one, 16 bytes each [RFC2195 2]. */
#ifndef HMAC_MD5_H
#define HMAC_MD5_H

#include "md-block.h"

enum { HMAC_MD5_STORED_BYTES = 32 };

/* What is stored for a secret. */
void hmac_md5_stored(struct cv_span secret,
		     unsigned char stored[HMAC_MD5_STORED_BYTES]);
/* HMAC-MD5 of text with the secret that stored was made of. */
void hmac_md5_of_stored(const unsigned char stored[HMAC_MD5_STORED_BYTES],
			struct cv_span text,
			unsigned char digest[MD_DIGEST_BYTES]);

#endif
