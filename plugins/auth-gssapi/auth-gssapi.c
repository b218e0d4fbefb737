/* auth-gssapi.c - SASL mechanisms GSSAPI [RFC4752] and GSS-SPNEGO: Kerberos
 * tickets.
 *
 *	auth_mechanisms = plain gssapi gss-spnego
 *	auth_krb5_keytab = /etc/culver/imap.keytab
 *	auth_gssapi_hostname = imap.example.com
 *
 * It reads the key table, krb5.conf and the replay cache, and asks nobody:
 * accepting a ticket needs no KDC. */
#include "mech-gssapi.h"

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	gssapi_auth = cv_need_service("auth", 1, err);
	if (gssapi_auth == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_mechanism(self, &gssapi_mechanism, err);
	if (ret == CV_OK)
		ret = cv_provide_mechanism(self, &gss_spnego_mechanism, err);
	return ret;
}

static const char *const processes[] = { "auth", NULL };

CV_PLUGIN_DEFINE("auth-gssapi", 0,
	.license = "MIT", .version = "1.0",
	.summary = "SASL mechanisms GSSAPI and GSS-SPNEGO, Kerberos",
	.flags = CV_PLUGIN_PURE,
	.processes = processes,
	.init = init);
