/* imap-utf7.h - mailbox names on the wire: modified UTF-7 [RFC3501 5.1.3]. */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "cv-plugin.h"

/* Appends the UTF-8 form.  False for what is not canonical (encoded ASCII,
 * "&-&-" joined, stray bits), 8-bit, control characters and lone surrogates:
 * two spellings must never name one mailbox.  dst then holds a part. */
bool imap_utf7_decode(struct cv_text *dst, struct cv_span src);
/* Appends the modified UTF-7 form; bytes that are not UTF-8 become
 * U+FFFD. */
void imap_utf7_encode(struct cv_text *dst, struct cv_span src);

#endif
