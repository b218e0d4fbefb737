/* session.h - one session: what the zygote's child has in hands.
 *
 * struct cv_session is core's; plugins see it through cv_session_api
 * (cv-protocol.h).  The user object (struct cv_user) is made by core/mailbox
 * from user_info before protocol->run is called. */
#ifndef SESSION_H
#define SESSION_H

#include "connection.h"
#include "module/slots.h"
#include "settings/settings.h"
#include "ipc/user-message.h"

struct service;

struct cv_session {
	struct module_slots slots;	/* plugins' data; must be first */
	struct cv_pool *pool;
	struct service *service;	/* ports to other services */
	const char *service_name;	/* "imap", "lmtp", "deliver" */
	const char *id;			/* session id */
	const struct settings_tree *settings;
	/* protocol, addresses, local_name, overrides of the user: for
	 * settings_get. */
	struct settings_scope scope;
	const struct user_info *user_info;	/* NULL: no user (lmtp) */
	struct conn_info conn;
	struct cv_user *user;		/* NULL for lmtp */
	struct cv_connection *connection; /* NULL: transport_fd is a channel */
	int transport_fd;
	struct cv_span login_tag;
	const char *logout_stats;
	void *delivery;			/* core/delivery's client, or NULL */
	struct session_private *private;	/* session.c's */
};

/* A session service of core itself, one that speaks ipc instead of a
 * protocol (the deliverer).  Runs in the child, as the user, confined. */
struct session_kind {
	const char *service_name;
	/* The session's child is confined and everything is set; returns
	 * when the session is over. */
	int (*run)(struct cv_session *s, struct cv_error *err);
};

/* Served to plugins as service "session". */
extern const struct cv_session_api session_api;

/* Set by SIGTERM: leave at the next command. */
bool session_stopping(const struct cv_session *s);

/* From a process without a user (lmtp): has auth look the user up and start
 * a session of service target ("deliver") for them; *channel_r is the other
 * end of its transport, a blocking ipc channel.  Waits until that session
 * runs.  CV_E_NOT_FOUND: no such user; CV_E_TEMP and others as answered. */
int session_open_for_user(struct cv_session *s, const char *user,
			  const char *target, int *channel_r,
			  struct cv_error *err);
/* Looks a user up without starting anything.  Results live in the pool. */
int session_lookup_user(struct cv_session *s, const char *user,
			struct cv_pool *pool, struct user_info *info_r,
			struct cv_error *err);

#endif
