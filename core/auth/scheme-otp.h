/* scheme-otp.h - {OTP}: what the next one-time password must become, as
 * "sha1 1024 seed 0123456789abcdef" [RFC2289 6]. */
#ifndef SCHEME_OTP_H
#define SCHEME_OTP_H

#include "cv-auth.h"

/* Reads what is stored; pool is for scratch. */
int otp_parse(struct cv_span text, struct cv_pool *pool,
	      struct cv_otp *otp_r, struct cv_error *err);
/* The one-time password of a pass phrase, by algorithm, sequence and seed of
 * the state [RFC2289 6.0]. */
int otp_make(const struct cv_otp *state, struct cv_span phrase,
	     unsigned char otp[CV_OTP_BYTES], struct cv_error *err);
/* otp digested once more: what the state's hash is when otp is right. */
int otp_next(uint32_t algorithm, unsigned char otp[CV_OTP_BYTES],
	     struct cv_error *err);

extern const struct cv_scheme scheme_otp;

#endif
