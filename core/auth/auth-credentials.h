/* auth-credentials.h - a stored secret in the form that a mechanism wants. */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include "auth-request.h"

struct auth_credentials {
	struct cv_span text;		/* as the scheme usually encodes it */
	const char *scheme;		/* the wanted one, or "PLAIN" */
};

/* What the request has looked up.  A password that is stored as it is makes
 * every scheme; unless takes_plain it is made here.  CV_E_UNSUPPORTED: the
 * stored form is of no use for the scheme. */
int auth_credentials_find(const struct auth_request *request,
			  const char *scheme, bool takes_plain,
			  struct auth_credentials *found_r,
			  struct cv_error *err);

#endif
