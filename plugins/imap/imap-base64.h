/* imap-base64.h - SASL exchanges travel in base64 [RFC3501 6.2.2]. */
#ifndef IMAP_BASE64_H
#define IMAP_BASE64_H

#include "cv-plugin.h"

/* Strict: padding required, no blanks, no stray bits [RFC4648 3.5].  False
 * leaves part of the output in dst. */
bool imap_base64_decode(struct cv_text *dst, struct cv_span src);
void imap_base64_encode(struct cv_text *dst, struct cv_span src);

#endif
