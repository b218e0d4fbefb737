/* base64.h - [RFC4648 4], and hexadecimal. */
#ifndef BASE64_H
#define BASE64_H

#include "cv-text.h"

void base64_encode(struct cv_text *dst, const void *data, size_t len);
/* Strict: padding required, no blanks, no other bytes, unused bits zero.
 * False leaves dst with what was decoded before the fault. */
bool base64_decode(struct cv_text *dst, struct cv_span src);

void hex_encode(struct cv_text *dst, const void *data, size_t len);
bool hex_decode(struct cv_text *dst, struct cv_span src);

#endif
