/* secret.h - comparing what an attacker may guess at [security.md R12]. */
#ifndef SECRET_H
#define SECRET_H

#include "cv-types.h"

/* Takes the same time wherever the difference is and, up to 255 bytes,
 * whatever the lengths are; longer values tell how many times 256 bytes they
 * have. */
bool secret_equal(struct cv_span a, struct cv_span b);

#endif
