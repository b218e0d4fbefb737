/* mech-otp.h - the server's side of OTP [RFC2444]. */
#ifndef MECH_OTP_H
#define MECH_OTP_H

#include "cv-plugin.h"
#include "cv-auth.h"

/* An exchange that takes longer makes room for another one of its user. */
enum { OTP_LOCK_SECS = 30 };

#define otp_api CV_OWN(_otp_api)
extern const struct cv_auth_api *otp_api;	/* set before the first step */
#define otp_mechanism CV_OWN(_otp_mechanism)
extern const struct cv_mechanism otp_mechanism;

#endif
