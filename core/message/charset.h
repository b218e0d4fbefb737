/* charset.h - bytes of a named charset to UTF-8, and back.
 *
 * iconv in bounded chunks; what cannot be converted becomes U+FFFD, an
 * unknown charset is read as ASCII (or UTF-8 where valid) with the rest
 * replaced.  No state survives from one text to the next. */
#ifndef CHARSET_H
#define CHARSET_H

#include "base.h"

/* Appends the converted text; false when the charset is not known (the text
 * is appended all the same, repaired). */
bool charset_to_utf8(struct cv_text *dst, struct cv_span charset,
		     struct cv_span src);
bool charset_is_known(struct cv_span charset);

struct charset_decoder;
/* For a text that comes in pieces.  Never NULL; *known_r as above. */
struct charset_decoder *charset_decoder_create(struct cv_pool *pool,
					       struct cv_span charset,
					       bool *known_r);
/* last: nothing follows, an incomplete character is replaced. */
void charset_decoder_add(struct charset_decoder *decoder, struct cv_span src,
			 bool last, struct cv_text *dst);

struct charset_encoder;
/* From UTF-8 into a charset; NULL when that is not known. */
struct charset_encoder *charset_encoder_create(struct cv_pool *pool,
					       struct cv_span charset);
/* Appends utf8, whole and valid characters, in the charset.  replacement:
 * what is written for a character that the charset has not; with data NULL,
 * or when the charset has not that, either, false is returned and the encoder
 * can only be destroyed.  last: the state that some charsets have is back at
 * its start, another text may follow. */
bool charset_encoder_add(struct charset_encoder *encoder, struct cv_span utf8,
			 struct cv_span replacement, bool last,
			 struct cv_text *dst);

#endif
