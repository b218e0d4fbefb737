/* auth-otp.c - SASL mechanism OTP [RFC2444]: one-time passwords.
 *
 *	auth_mechanisms = plain otp
 *
 * The stored form is that of scheme OTP; the passdb has to be one that can
 * change it (sql, with an update_query). */
#include "mech-otp.h"

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	otp_api = cv_need_service("auth", 1, err);
	if (otp_api == NULL)
		return CV_E_UNSUPPORTED;
	if (!CV_HAS(otp_api, otp_next))
		return CV_FAIL(err, CV_E_UNSUPPORTED, "it needs a newer "
			       "culver: service auth has no otp_next");
	return cv_provide_mechanism(self, &otp_mechanism, err);
}

static const char *const processes[] = { "auth", NULL };

CV_PLUGIN_DEFINE("auth-otp", 0,
	.license = "MIT", .version = "1.0",
	.summary = "SASL mechanism OTP, one-time passwords",
	.flags = CV_PLUGIN_PURE,
	.processes = processes,
	.init = init);
