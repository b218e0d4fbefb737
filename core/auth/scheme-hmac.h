/* scheme-hmac.h - the password schemes built on HMAC, in the forms that
 * Dovecot stores:
 *
 *	{SCRAM-SHA-1} {SCRAM-SHA-256}	rounds,salt,StoredKey,ServerKey
 *	{PBKDF2}			$1$salt$rounds$hex
 *	{CRAM-MD5} {HMAC-MD5}		hex, see hmac-md5.h */
#ifndef SCHEME_HMAC_H
#define SCHEME_HMAC_H

#include "cv-auth.h"

extern const struct cv_scheme scheme_hmac_table[];
extern const uint32_t scheme_hmac_count;

#endif
