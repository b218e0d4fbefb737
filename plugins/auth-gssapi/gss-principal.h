/* gss-principal.h - as whom a principal of Kerberos may log in. */
#ifndef GSS_PRINCIPAL_H
#define GSS_PRINCIPAL_H

#include "cv-plugin.h"

struct gss_login {
	const char *principal;		/* "alice@EXAMPLE.COM" */
	const char *asked;		/* as the client said, or principal */
	const char *user;		/* what core has made of asked */
	struct cv_span listed;		/* k5principals: "a@B,c@D" */
};

/* Their own name, when what remains of it after auth_username_format cannot
 * be somebody else's of another realm; a principal that the passdb lists; one
 * that the system lets in as that user (.k5login, auth_to_local). */
#define gss_principal_may CV_OWN(_gss_principal_may)
bool gss_principal_may(const struct gss_login *login);

#endif
