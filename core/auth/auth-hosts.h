/* auth-hosts.h - names of hosts become addresses, in a worker: it may take as
 * long as the name service takes. */
#ifndef AUTH_HOSTS_H
#define AUTH_HOSTS_H

#include "auth-reply.h"

#define AUTH_HOSTS_FIELD "addresses"

/* The host's addresses, with blanks between, as field AUTH_HOSTS_FIELD.
 * CV_E_TEMP: they are not known now, or there are none. */
int auth_hosts_lookup(const char *host, struct cv_auth_reply *reply,
		      struct cv_error *err);

#endif
