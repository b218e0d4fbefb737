/* session-private.h - the zygote of sessions and its children. */
#ifndef SESSION_PRIVATE_H
#define SESSION_PRIVATE_H

#include "cv-protocol.h"
#include "ipc/idle-message.h"
#include "ipc/return-message.h"
#include "mailbox/acl.h"
#include "master/service-private.h"
#include "module/module.h"
#include "net/tls.h"
#include "session.h"

/* Where a child finds what it needs; everything above is closed. */
enum {
	SESSION_ANVIL_FD = 5,
	SESSION_AUTH_FD = 6,	/* of sessions without a user (lmtp): the
				 * port; of others a channel, or nothing */
	SESSION_TRANSPORT_FD = 7,
	SESSION_STATUS_FD = 8, SESSION_PATH_FD = 9,
	SESSION_PATHS = 2, SESSION_SCRIPT_FD = SESSION_PATH_FD +
		SESSION_PATHS,	/* until the session is confined */
	SESSION_CONTROL_FD,	/* from the zygote; see session-reuse.c */
	SESSION_KEEPER_FD,	/* to the zygote; see session-keeper.c */
	SESSION_IDLE_FD,	/* port; see session-sleep.c */
	SESSION_LOGIN_FD,	/* port; see session-return.c */
	SESSION_FIRST_FREE_FD,
};

/* What the zygote has prepared for every child. */
struct session_zygote {
	struct service *service;
	const char *name;			/* "imap" */
	const struct cv_protocol *protocol;	/* NULL: kind is set */
	const struct session_kind *kind;	/* NULL: protocol is set */
	bool without_user;			/* lmtp */
	bool has_script;			/* post-login */
	bool has_shared;	/* namespaces that brokers serve */
	bool has_idle;		/* connections can sleep */
	bool has_login;		/* connections can go back to it */
	bool forwards;		/* to other servers */
	struct sandbox_filter own_filter;	/* users only */
	struct sandbox_filter filter;		/* a child's */
	struct sandbox_filter forward_filter;	/* of one that forwards */
	uint32_t internal_uid, internal_gid;	/* as whom it does so */
	struct sandbox_paths paths;		/* common ones, open */
	struct tls_server *tls;			/* without_user only */
	uint32_t default_uid, default_gid;	/* mail_uid, mail_gid */
	uint32_t group_count;	/* mail_access_groups, extra_groups */
	uint32_t groups[USER_GROUPS_MAX];
	uint32_t privileged_group;	/* USER_ID_NONE: none */
	uint32_t process_limit, children;
	struct session_reuse *reuse;	/* NULL: a process for each session */
	struct session_keepers *keepers;	/* NULL: not has_shared */
	bool holding;			/* an order waits for a place */
	bool crowded;			/* one has waited in vain */
	uint64_t hold_until;		/* monotonic milliseconds */
	bool retired, crashed;
};

struct session_private {
	const struct session_zygote *zygote;
	struct module_scope plugins;
	bool has_plugins;
	bool wants_script;	/* a login: its script must let it in */
	int lease;		/* anvil; -1 none */
	int control;		/* SESSION_CONTROL_FD; -1 none */
	int keeper;		/* SESSION_KEEPER_FD; -1 none */
	int auth;		/* kept channel of one without a user, or the
				 * one for brokers; -1 */
	struct cv_span input;	/* of the order, where it is not a client's */
	/* session-sleep.c */
	const struct idle_order *order;	/* NULL: none was made */
	uint8_t view_key[32];	/* of frozen views, this user's */
	int idle;		/* channel while going to sleep; -1 */
	bool woken;		/* slept before; state is what is left */
	struct cv_span state;
	bool asleep;		/* the connection is given away */
	const struct return_order *return_order;	/* NULL: none */
	bool has_lease;		/* anvil has said yes */
	uint32_t lease_limit;	/* that it was asked about */
	bool from_proxy;	/* which may say whose connection it is */
};

/* session-child.c: a session of which nothing is known yet. */
struct cv_session *session_create(const struct session_zygote *zygote);
/* Moves what it keeps (-1: none) to its places and closes all the rest. */
void session_arrange_fds(int transport, int status, int control, int keeper);
/* A random id, in pool. */
const char *session_make_id(struct cv_pool *pool);
/* What selects its settings: protocol, addresses, overrides of the user. */
void session_set_scope(struct cv_session *s);
/* Tells who waits on status_fd, which is closed then; -1: nobody does. */
void session_tell_started(const struct cv_session *s, int status_fd,
			  int status, const struct cv_error *err);
/* Speaks the protocol to its end, in a process that is confined. */
__attribute__((noreturn))
void session_child_run(struct cv_session *s);

/* A child with a message of auth, its end of the control socket (-1: it
 * takes no other) and of that to the keepers (-1: none).  Does not return. */
__attribute__((noreturn))
void session_child_start(const struct session_zygote *zygote,
			 struct ipc_reader *message, int control, int keeper);
/* A child with a message of idle: a session that slept. */
__attribute__((noreturn))
void session_child_wake(const struct session_zygote *zygote,
			struct ipc_reader *message, int keeper);
/* session-accept.c: a child with a connection of its own listener. */
__attribute__((noreturn))
void session_child_accept(const struct session_zygote *zygote,
			  const struct service_listener *listener, int fd);
/* Of the service "session". */
bool session_is_from_proxy(struct cv_session *s);
int session_set_origin(struct cv_session *s,
		       const struct cv_preauth_origin *origin);

/* session-api.c: what "who" shows of it. */
void session_tell_activity(struct cv_session *s, const char *activity);

/* session-forward.c: a child with an order for a user whose mail is on
 * another server. */
__attribute__((noreturn))
void session_forward(struct cv_session *s, const struct session_start *start);

/* session-stop.c: from now on SIGTERM sets the flag, and waiting calls
 * return. */
void session_stop_watch(void);
const volatile sig_atomic_t *session_stop_flag(void);
/* Sets it, by the administrator's order. */
void session_stop_kick(void);
bool session_was_kicked(void);

/* session-lease.c: asks anvil for a place, then takes its answer, which may
 * be done twice (a script must not run before it): CV_E_LIMIT: there are too
 * many of this user. */
int session_lease_begin(struct cv_session *s, struct cv_error *err);
int session_lease_finish(struct cv_session *s, struct cv_error *err);

/* session-log.c: a settings_lookup_fn of what a session is; the context is
 * it. */
bool session_var_lookup(void *context, struct cv_span name,
			struct cv_span *value_r);
void session_set_log_prefix(struct cv_session *s);
/* The line that tells how it ended. */
void session_log_end(struct cv_session *s, int status,
		     const struct cv_error *err);

/* Loads the plugins that this process needs, and finds its protocol. */
int session_zygote_load(struct session_zygote *zygote, struct cv_error *err);
/* A session without a server, of who runs this program, over a socket. */
__attribute__((noreturn))
void session_child_alone(const struct session_zygote *zygote,
			 const struct user_info *info, int fd);

/* A child that tries to escape.  Does not return. */
__attribute__((noreturn))
void session_child_selftest(const struct session_zygote *zygote,
			    struct ipc_reader *message);

/* session-reuse.c: the processes that take further orders, by their keys. */
struct session_reuse *session_reuse_create(struct cv_pool *pool,
					   uint32_t limit);
/* Passes the order on to the process of that key, which is not waited for.
 * CV_NOT_FOUND: there is none, or it ends. */
int session_reuse_pass(struct session_reuse *reuse, struct cv_span key,
		       const struct ipc_reader *message,
		       struct cv_error *err);
/* The control socket becomes the table's; non-blocking. */
void session_reuse_add(struct session_reuse *reuse, struct cv_span key,
		       pid_t pid, int control);
void session_reuse_ended(struct session_reuse *reuse, pid_t pid);
/* Tells the one that got an order longest ago to end when it is done; false:
 * there is none. */
bool session_reuse_end_oldest(struct session_reuse *reuse);
void session_reuse_end_all(struct session_reuse *reuse);

/* session-keeper.c: what sessions are bound to auth with once more. */
enum {
	SESSION_MSG_AGAIN = 0x280,	/* session -> zygote, no fields */
	SESSION_MSG_BOUND,		/* answer; fd: channel, or none now */
};
int session_keepers_create(struct cv_pool *pool, int auth_port,
			   struct session_keepers **keepers_r,
			   struct cv_error *err);
/* The zygote's end of a new session's socket becomes the table's. */
void session_keepers_add(struct session_keepers *keepers, int fd);
/* Answers those who have asked; nothing when it was called just now. */
void session_keepers_look(struct session_keepers *keepers);

/* session-script.c: runs the post-login script, which may change where the
 * user's mail is.  Failure: the user is not let in. */
int session_run_script(struct cv_session *s, uint32_t uid, uint32_t gid,
		       struct cv_error *err);

/* session-broker.c.  While this is the zygote's child still: a channel to auth
 * for brokers that serve this user; the port is closed. */
int session_bind_broker(struct cv_session *s, struct cv_error *err);
/* A user_broker_fn; the context is the session. */
int session_open_broker(void *context, const char *owner, int *channel_r,
			struct cv_error *err);
/* In a broker: whom it serves, as auth said. */
int session_accessor(struct cv_session *s, struct cv_span input,
		     const struct acl_who **who_r, struct cv_error *err);
extern const struct session_kind broker_session_kind;

/* session-sleep.c.  In the zygote. */
void session_sleep_prepare(const uint8_t *secret);
/* In a child that can be believed: makes the order by which the session of
 * this user may be woken; and, whatever came of it, forgets the keys. */
int session_sleep_order(struct cv_session *s, struct cv_error *err);
void session_sleep_forget(void);
/* The same for one that idle has woken: who it is. */
int session_sleep_woken(struct cv_session *s, struct ipc_reader *message,
			struct session_start *start, struct cv_error *err);
/* Of the service "session". */
int session_sleep_begin(struct cv_session *s, struct cv_mailbox *box,
			struct cv_error *err);
int session_sleep(struct cv_session *s, const struct cv_sleep *sleep,
		  struct cv_error *err);
int session_woken(struct cv_session *s, struct cv_mailbox **box_r,
		  struct cv_span *state_r, struct cv_error *err);

/* session-return.c.  In the zygote. */
void session_return_prepare(const uint8_t *secret);
/* In a child that can be believed: makes the order by which this connection
 * may go back, and forgets the key, whatever came of it. */
void session_return_order(struct cv_session *s);
/* Of the service "session". */
bool session_can_return(struct cv_session *s);
int session_give_back(struct cv_session *s, struct cv_error *err);

/* session-confine.c: becomes the user, who is known now; nothing else can be
 * reached afterwards. */
int session_become_user(struct cv_session *s, uint32_t uid, uint32_t gid,
			struct cv_error *err);
int session_confine(struct cv_session *s, struct cv_error *err);

#endif
