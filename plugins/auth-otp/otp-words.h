/* otp-words.h - one-time passwords as six words [RFC2289 6.0]. */
#ifndef OTP_WORDS_H
#define OTP_WORDS_H

#include "cv-plugin.h"
#include "cv-auth.h"

enum { OTP_WORDS = 6 };

/* Six words of the standard dictionary, in upper or lower case, between
 * blanks.  False: a word that is none, or the checksum is wrong. */
#define otp_words_decode CV_OWN(_otp_words_decode)
bool otp_words_decode(struct cv_span text, unsigned char otp[CV_OTP_BYTES]);

#endif
