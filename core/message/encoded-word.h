/* encoded-word.h - "=?charset?B?...?=" [RFC2047] and header values as
 * UTF-8. */
#ifndef ENCODED_WORD_H
#define ENCODED_WORD_H

#include "base.h"

/* Appends value as UTF-8: line ends of folding removed, encoded-words
 * decoded (blanks between two of them dropped [RFC2047 6.2]; neighbours of
 * the same charset and encoding decoded together, since programs cut
 * characters in two), raw 8-bit taken as UTF-8 where it is valid and
 * replaced otherwise.  Controls except TAB become blanks. */
void header_decode(struct cv_text *dst, struct cv_span value);

/* Appends value as encoded-words where it has other than printable ASCII,
 * in lines that fold with CRLF SP before column 76.  column: where the text
 * starts. */
void header_encode(struct cv_text *dst, struct cv_span utf8, size_t column);

struct charset_encoder;
/* A block of fields, or one, with each encoded-word in another charset
 * [RFC5259 6]: those that cannot be read, and all else, stay as they are;
 * lines are folded where words grow.  False: a character is neither in the
 * charset nor is there a replacement (data NULL) for it. */
bool header_recode(struct cv_text *dst, struct cv_span header,
		   struct cv_span charset, struct charset_encoder *encoder,
		   struct cv_span replacement);

/* The value on one line: each line end with the blanks behind it becomes one
 * space.  [RFC5322 2.2.3] would keep a tab or several spaces; readers of mail
 * expect one. */
void header_unfold(struct cv_text *dst, struct cv_span value);

#endif
