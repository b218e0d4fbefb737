/* auth-forward.h - users whose mail is on another server: what the fields of
 * a passdb say of it (proxy, proxy_maybe, host, hostip, port, destuser, pass,
 * master, ssl, starttls, proxy_timeout, proxy_mech, proxy_not_trusted,
 * source_ip). */
#ifndef AUTH_FORWARD_H
#define AUTH_FORWARD_H

#include "auth-request.h"

/* The name of a host (proxy_maybe) whose addresses have to be known before it
 * can be told whether that is this server; NULL: there is none. */
const char *auth_forward_host(const struct auth_request *request);
/* Whether this user, whose passdbs have said yes, is forwarded.  password:
 * what the client gave; empty: the mechanism does not show it.  CV_E_CONFIG:
 * the fields make no sense together, or there is nothing to log in with. */
int auth_forward_wanted(struct auth_request *request, struct cv_span password,
			bool *forward_r, struct cv_error *err);
/* The same for mail to this user, with which nobody logs in. */
int auth_forward_mail_wanted(struct auth_request *request, bool *forward_r,
			     struct cv_error *err);
/* The order's user: a name, and those fields; in the request's pool.
 * password.data NULL: for mail, nothing to log in with is among them. */
void auth_forward_info(struct auth_request *request, struct cv_span password,
		       struct user_info *info_r);

#endif
