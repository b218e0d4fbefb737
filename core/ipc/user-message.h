/* user-message.h - a looked-up user and the start of a session, as they
 * travel: auth -> zygote, auth -> lmtp. */
#ifndef USER_MESSAGE_H
#define USER_MESSAGE_H

#include "ipc.h"

enum {
	USER_NAME_MAX = 1024, USER_PATH_MAX = 4096, USER_VALUE_MAX = 8192,
	USER_GROUPS_MAX = 64, USER_FIELDS_MAX = 128,
};

struct user_field { const char *name, *value; };

/* What the userdb said; all names are resolved to numbers by auth.  Strings
 * are never NULL.  uid and gid are (uint32_t)-1 when the userdb has none: the
 * session's service settings (mail_uid, mail_gid) decide then. */
struct user_info {
	const char *name;		/* after all translations */
	const char *login_name;		/* as the client gave it */
	const char *master_name;	/* master user, "" none */
	uint32_t uid, gid;
	uint32_t group_count;
	const uint32_t *groups;		/* supplementary */
	const char *home, *chroot, *mail; /* "" none; not expanded */
	/* Everything else: settings overrides ("quota_rule"), "mail" and
	 * "home" excepted. */
	uint32_t field_count;
	const struct user_field *fields;
};

/* Of one who is forwarded: ssl_client_key, which sessions are not given with
 * their settings. */
#define FORWARD_KEY_FIELD "ssl_client_key"

void user_info_put(struct ipc_writer *w, const struct user_info *user);
/* Copies into the pool.  Failure shows in ipc_finish. */
void user_info_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct user_info *user_r);
/* NULL when there is none. */
const char *user_info_field(const struct user_info *user, const char *name);

/* The two ends of a client's connection. */
struct conn_info {
	const char *local_ip, *remote_ip;	/* "" for a UNIX socket */
	uint32_t local_port, remote_port;
	const char *local_name;			/* TLS server name, "" none */
	bool tls;				/* encrypted */
	bool secure;				/* tls, or a trusted peer */
	/* Of the client's end of TLS, when it has logged in or tried to. */
	bool cert_valid;		/* a verified certificate */
	const char *cert_name;		/* its user name; "" or NULL: none */
	struct cv_span channel_binding;	/* see channel-binding.h */
	/* Servers that it may still pass, as the proxy in front of us says;
	 * 0: none has said so. */
	uint32_t proxy_ttl;
};

void conn_info_put(struct ipc_writer *w, const struct conn_info *conn);
void conn_info_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct conn_info *conn_r);

/* --- SESSION_MSG_START, auth -> zygote, on the zygote's port ------------- */

enum {
	SESSION_MSG_START = 0x200,	/* fds: transport, status */
	SESSION_MSG_STARTED,		/* on status: it runs (or will not) */
	SESSION_KEY_MAX = 32,
	SESSION_TAG_MAX = 255, SESSION_INPUT_MAX = 16384, SESSION_ID_MAX = 64,
};

struct session_start {
	/* What makes a session's process what it is, as a digest: a process
	 * that was started with the same key may take this one, too.  Empty:
	 * the session gets a process of its own. */
	struct cv_span key;
	const char *session_id;
	struct user_info user;
	/* The mail is on another server: user has a name and, as fields, what
	 * the passdb said of that server (auth-forward.h). */
	bool forwarded;
	struct conn_info conn;
	struct cv_span tag, input;	/* login tag, input not yet read */
	int transport_fd;	/* the client, the relay's pair, a channel */
	int status_fd;		/* -1: a failure is told on transport_fd */
};

void session_start_put(struct ipc_writer *w, const struct session_start *s);
/* Looks at the key alone and leaves the reader as it was. */
struct cv_span session_start_key(struct ipc_reader *r);
/* Takes the descriptors; they are closed and -1 on failure. */
int session_start_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct session_start *s_r, struct cv_error *err);

struct session_started {
	int status;		/* CV_OK, or a failure class */
	const char *text;	/* that the client may see; "" none */
	uint32_t pid;		/* of the session */
	const char *user;	/* "" when it did not start */
};

int session_started_send(int status_fd, const struct session_started *s,
			 struct cv_error *err);
int session_started_get(struct ipc_reader *r, struct session_started *s_r,
			struct cv_error *err);

#endif
