/* forward-target.h - another server, as the fields of a passdb name it
 * (auth-forward.h), and the way there. */
#ifndef FORWARD_TARGET_H
#define FORWARD_TARGET_H

#include "cv-client.h"
#include "ipc/user-message.h"
#include "net/client.h"
#include "settings/settings.h"

enum { FORWARD_TTL = 5 };	/* servers that a connection may pass */

struct forward_target {
	struct cv_client_options options;
	struct client_trust trust;
	struct cv_strings sources;	/* one of these, if there are any */
	bool tell_client;		/* who it is */
};

/* "" when there is no such field. */
const char *forward_field(const struct user_info *user, const char *name);
/* port, tls_port: where no field says another one; silence_msecs: the same,
 * 0 stands for login_proxy_timeout.  Strings are the user's and the
 * pool's. */
int forward_target_get(const struct user_info *user,
		       const struct settings_tree *settings,
		       const struct settings_scope *scope,
		       uint32_t port, uint32_t tls_port,
		       uint32_t silence_msecs, struct cv_pool *pool,
		       struct forward_target *target_r,
		       struct cv_error *err);
/* Connects; CV_E_CONFIG: it cannot be trusted, or is where conn has come in,
 * which would never end. */
int forward_target_open(struct cv_pool *pool, struct forward_target *target,
			const struct conn_info *conn,
			struct cv_client **client_r, struct cv_error *err);
/* Servers that the connection may still pass behind this one; 0: it goes in a
 * circle. */
uint32_t forward_ttl(const struct conn_info *conn);

#endif
