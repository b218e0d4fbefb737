/* saslprep.h - user names and passwords in one spelling [RFC4013]. */
#ifndef SASLPREP_H
#define SASLPREP_H

#include "base.h"

enum { SASLPREP_MAX = 4096 };	/* bytes in */

/* Appends the prepared form.  CV_E_SYNTAX: no UTF-8, longer than
 * SASLPREP_MAX, a character that is not allowed, a mixture of directions, or
 * nothing is left [RFC5802 5.1].
 *
 * DEPARTS [RFC4013 2.5]: code points that Unicode 3.2 did not know are
 * allowed: passwords of today have them. */
int saslprep(struct cv_span in, struct cv_text *out, struct cv_error *err);

#endif
