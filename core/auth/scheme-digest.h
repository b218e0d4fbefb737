/* scheme-digest.h - the password schemes that are a digest with or without
 * salt: core's own, cheap, for verifying what others have stored. */
#ifndef SCHEME_DIGEST_H
#define SCHEME_DIGEST_H

#include "cv-auth.h"

extern const struct cv_scheme scheme_digest_table[];
extern const uint32_t scheme_digest_count;

#endif
