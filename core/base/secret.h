/* secret.h - comparing what an attacker may guess at [security.md R12]. */
#ifndef SECRET_H
#define SECRET_H

#include "cv-types.h"

/* Takes the same time wherever the difference is, and whatever the lengths
 * of a are (both are hashed with a random key first). */
bool secret_equal(struct cv_span a, struct cv_span b);

#endif
