/* utf7.h - mailbox names in ASCII: modified UTF-7 [RFC3501 5.1.3]. */
#ifndef UTF7_H
#define UTF7_H

#include "cv-text.h"

/* Appends the modified UTF-7 form; each byte of src that is no UTF-8 counts
 * as U+FFFD. */
void utf7_encode(struct cv_text *dst, struct cv_span src);

/* Appends the UTF-8 form.  False for what is not the one proper form of
 * anything (encoded ASCII, "&-&-" joined, stray bits), for 8-bit, control
 * characters and lone surrogates: two spellings must never name one mailbox.
 * dst then holds a part. */
bool utf7_decode(struct cv_text *dst, struct cv_span src);

#endif
