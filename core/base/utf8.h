/* utf8.h - UTF-8 [RFC3629 3]: no overlong forms, no surrogates, nothing
 * above U+10FFFF. */
#ifndef UTF8_H
#define UTF8_H

#include "cv-text.h"

/* Decodes one code point; returns its length 1..4, or 0 when the bytes at
 * data are not valid (or cut short). */
size_t utf8_decode(const char *data, size_t len, uint32_t *code_r);

/* Encodes one code point into dst (4 bytes of room); returns the length, 0
 * when code is no Unicode scalar value. */
size_t utf8_encode(uint32_t code, char dst[static 4]);

/* No NUL is needed, and NUL is valid UTF-8. */
bool utf8_is_valid(const char *data, size_t len);

/* Appends data, each invalid byte replaced by U+FFFD. */
void utf8_append_repaired(struct cv_text *text, const char *data, size_t len);

#endif
