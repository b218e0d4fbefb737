/* jwt-signature.h - is a token signed with this key (RFC 7518 3, RFC 8037)? */
#ifndef OAUTH2_JWT_SIGNATURE_H
#define OAUTH2_JWT_SIGNATURE_H

#include "jwt.h"

/* Is there such an algorithm?  HS, RS, PS and ES with 256, 384 and 512, and
 * EdDSA; never "none". */
#define jwt_alg_is_known CV_OWN(_jwt_alg_is_known)
bool jwt_alg_is_known(const char *alg);

/* key is the text of a file: a secret in base64 for HS, else a public key or
 * a certificate in PEM.  CV_E_DENIED: the signature is not right;
 * CV_E_CONFIG: the key is none for this algorithm, or too weak for it. */
#define jwt_verify CV_OWN(_jwt_verify)
int jwt_verify(const struct jwt *jwt, struct cv_pool *pool,
	       struct cv_span key, struct cv_error *err);

#endif
