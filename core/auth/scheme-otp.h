/* scheme-otp.h - {OTP}: what the next one-time password must become, as
 * "sha1 1024 seed 0123456789abcdef" [RFC2289 6]. */
#ifndef SCHEME_OTP_H
#define SCHEME_OTP_H

#include "cv-auth.h"

enum { OTP_BYTES = 8, OTP_SEQUENCE_MAX = 9999, OTP_SEED_MAX = 16 };

enum otp_algorithm { OTP_MD4, OTP_MD5, OTP_SHA1, OTP_ALGORITHMS };

struct otp_state {
	enum otp_algorithm algorithm;
	uint32_t sequence;
	char seed[OTP_SEED_MAX + 1];	/* lower case */
	unsigned char hash[OTP_BYTES];
};

/* "md4", "md5", "sha1" */
const char *otp_algorithm_name(enum otp_algorithm algorithm);
/* Reads what is stored; pool is for scratch. */
int otp_state_parse(struct cv_span text, struct cv_pool *pool,
		    struct otp_state *state_r, struct cv_error *err);
/* The one-time password of a pass phrase, by algorithm, sequence and seed of
 * the state [RFC2289 6.0]. */
int otp_make(const struct otp_state *state, struct cv_span phrase,
	     unsigned char otp[OTP_BYTES], struct cv_error *err);
/* otp digested once more: what the state's hash is when otp is right. */
int otp_next(enum otp_algorithm algorithm, unsigned char otp[OTP_BYTES],
	     struct cv_error *err);

extern const struct cv_scheme scheme_otp;

#endif
