/* otp-response.h - extended responses to a challenge (RFC 2243), of which
 * [RFC2444 3] wants hex, word, init-hex and init-word. */
#ifndef OTP_RESPONSE_H
#define OTP_RESPONSE_H

#include "cv-plugin.h"
#include "cv-auth.h"

enum { OTP_RESPONSE_MAX = 512 };

struct otp_response {
	unsigned char otp[CV_OTP_BYTES];	/* the present one */
	bool has_next;			/* init-...: begin a new sequence */
	struct cv_span next_params;	/* "md5 499 ke1235" */
	unsigned char next_otp[CV_OTP_BYTES];
};

/* next_params points into text and may be anything.  CV_E_SYNTAX with what is
 * wrong. */
#define otp_response_parse CV_OWN(_otp_response_parse)
int otp_response_parse(struct cv_span text, struct otp_response *response_r,
		       struct cv_error *err);

#endif
