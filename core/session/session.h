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

#include <signal.h>

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
	bool takes_more;	/* further channels of the same user */
	bool has_accessor;	/* the order says for which other user */
	/* The session's child is confined and everything is set; returns
	 * when the session is over. */
	int (*run)(struct cv_session *s, struct cv_error *err);
};

/* Served to plugins as service "session". */
extern const struct cv_session_api session_api;

/* Set by SIGTERM: leave at the next command. */
bool session_stopping(const struct cv_session *s);
/* For the client; NULL when the session need not end. */
const char *session_stop_reason(const struct cv_session *s);

/* From a process without a user (lmtp): has auth look the user up and give
 * *channel_r's other end to a session of service target ("deliver") of that
 * user, a new one or one that runs already.  Returns when auth has answered:
 * CV_E_NOT_FOUND: no such user; CV_E_TEMP and others as answered.  The channel
 * is blocking ipc.  A session that cannot start or take it says so on it
 * (session_start_failure).  With forward_r (in pool) a user whose mail is on
 * another server is found, too: CV_CHANGED, and nothing is started. */
int session_open_for_user(struct cv_session *s, const char *user,
			  const char *target, struct cv_pool *pool,
			  struct user_info *forward_r, int *channel_r,
			  struct cv_error *err);
/* Reads SESSION_MSG_STARTED from such a channel; never CV_OK. */
int session_start_failure(struct ipc_reader *r, struct cv_error *err);
/* Looks a user up without starting anything.  Results live in the pool.  With
 * forwards, CV_CHANGED: the mail is on the server that the fields name. */
int session_lookup_user(struct cv_session *s, const char *user, bool forwards,
			struct cv_pool *pool, struct user_info *info_r,
			struct cv_error *err);

/* --- a session that takes more than one channel (deliverer) --------------- */

/* Where the zygote sends further SESSION_MSG_STARTs of the same user; closed
 * when the session is to end. */
int session_control(const struct cv_session *s);
/* Receives one, without waiting.  CV_OK: the transport and the strings of
 * *start_r (in pool) are the caller's.  CV_NOT_FOUND: there is none.  CV_EOF:
 * no more will come. */
int session_take_start(struct cv_session *s, struct cv_pool *pool,
		       struct session_start *start_r, struct cv_error *err);
/* Anvil's end of the lease, -1: none.  When it can be read, check_lease; true:
 * the session was told to end. */
int session_lease(const struct cv_session *s);
bool session_check_lease(struct cv_session *s);
/* idle_kill of the service. */
uint64_t session_idle_msecs(const struct cv_session *s);
/* What the log shows as session from now on. */
void session_log_as(struct cv_session *s, const char *id,
		    struct cv_pool *scratch);
/* Blocks SIGTERM but in ppoll with the mask returned, so that none is missed:
 * for a session that waits for many. */
void session_block_term(sigset_t *waiting_r);

#endif
