/* auth-message.h - what auth is asked, and what it answers.
 *
 * A login or lmtp process opens a channel over its port to auth and may have
 * several requests on it, each with an id of its own choosing.  Closing the
 * channel aborts them all.  auth knows the client's role ("imap-login",
 * "lmtp") from the port, not from what the client says.
 *
 * Login:	BEGIN -> (CHALLENGE -> CONTINUE)* -> OK | FAIL
 *		after OK: HANDOFF.  auth sends SESSION_MSG_START to the zygote
 *		and forgets the request; the session answers on status_fd.
 *		FAIL when the zygote cannot be reached.
 *		A BEGIN that offers the connection, the only request of its
 *		channel: when nothing is to be told on the way, auth starts
 *		the session without OK and HANDOFF, and gives it the channel
 *		as its status_fd.
 * Lookups:	USER_LOOKUP -> USER | FAIL
 *		USER_OPEN -> OK | FAIL: looks the user up and starts a session
 *		of the target service for them on the transport given.
 *		Of one who forwards, both may be answered by FORWARD: the
 *		passdbs say that the user's mail is on another server.
 * culveradm:	CACHE_FLUSH -> CACHE_FLUSHED; no names: all entries.
 *		CACHE_STATUS -> CACHE_STATE. */
#ifndef AUTH_MESSAGE_H
#define AUTH_MESSAGE_H

#include "cv-protocol.h"
#include "cv-settings.h"
#include "user-message.h"

enum auth_message_type {
	/* client -> auth */
	AUTH_MSG_MECHANISMS_GET = 0x100,	/* no fields */
	AUTH_MSG_BEGIN,				/* fd: transport, when offered */
	AUTH_MSG_CONTINUE,
	AUTH_MSG_ABORT,
	AUTH_MSG_HANDOFF,			/* fds: transport, status */
	AUTH_MSG_USER_LOOKUP,
	AUTH_MSG_USER_OPEN,			/* fds: transport, status */
	AUTH_MSG_CACHE_FLUSH,			/* admin: count, str user * */
	AUTH_MSG_BIND,				/* see auth_accessor_put */
	AUTH_MSG_CACHE_STATUS,			/* admin: no fields */
	/* auth -> client */
	AUTH_MSG_MECHANISMS = 0x180,
	AUTH_MSG_CHALLENGE,
	AUTH_MSG_OK,
	AUTH_MSG_FAIL,
	AUTH_MSG_USER,
	AUTH_MSG_CACHE_FLUSHED,			/* u32 entries */
	AUTH_MSG_CACHE_STATE,			/* u32 entries, u64 used,
						 * size, hits, misses */
	AUTH_MSG_FORWARD,			/* as USER; see auth-forward.h */
};

enum {
	AUTH_DATA_MAX = 16384, AUTH_TEXT_MAX = 512, AUTH_MECHANISMS_MAX = 32,
	AUTH_GROUPS_MAX = 64, AUTH_MECHANISM_NAME_MAX = 32, AUTH_FLUSH_MAX = 16, AUTH_CLIENT_ID_MAX = 1024,
	AUTH_FORWARD_MAX = 8192,
};

enum {				/* struct auth_mechanism.flags */
	AUTH_MECH_PLAINTEXT = 1,	/* the password crosses the wire */
	AUTH_MECH_NEEDS_TLS = 2,	/* EXTERNAL, -PLUS */
	AUTH_MECH_HIDDEN = 4,		/* usable, not announced */
	AUTH_MECH_BINDING = 8,		/* needs a channel binding */
	AUTH_MECH_CERT = 16,		/* needs a client certificate */
};

struct auth_mechanism { const char *name; uint32_t flags; };
struct auth_mechanisms {
	uint32_t count;
	struct auth_mechanism items[AUTH_MECHANISMS_MAX];
};

struct auth_begin {
	uint32_t id;
	const char *service;		/* "imap", not "imap-login" */
	const char *mechanism;
	const char *session_id;
	struct conn_info conn;
	bool cert_valid;		/* a verified client certificate */
	const char *cert_name;		/* its user name, "" none */
	struct cv_span channel_binding;	/* see channel-binding.h */
	const char *client_id;		/* IMAP ID, for logs and policy */
	struct cv_span forward;		/* of cv_preauth_origin */
	bool has_initial;
	struct cv_span initial;
	bool offered;			/* what follows, as of a HANDOFF */
	struct cv_span tag, input;
	int transport_fd;		/* sender keeps; receiver takes */
};

struct auth_handoff {
	uint32_t id;
	struct cv_span tag, input;
	/* The sender has closed the channel: a failure is told on the status
	 * descriptor. */
	bool last;
	int transport_fd, status_fd;	/* sender keeps; receiver takes */
};

struct auth_answer {		/* CHALLENGE, OK, FAIL */
	uint32_t id;
	struct cv_span data;		/* challenge or final data */
	const char *user;		/* OK */
	const char *text;		/* may be shown to the client */
	uint32_t fail;			/* FAIL: enum cv_auth_fail */
	/* The user's mail is there, and the password was right; NULL or "":
	 * not told.  Port 0: the usual one. */
	const char *referral_host, *referral_user;
	uint32_t referral_port;
};

struct auth_user_request {	/* USER_LOOKUP, USER_OPEN */
	uint32_t id;
	const char *service;		/* as userdb sees it: "lmtp" */
	const char *user;
	const char *session_id;
	struct conn_info conn;
	const char *target;		/* USER_OPEN: "deliver" */
	bool forwards;			/* takes FORWARD for an answer */
	int transport_fd, status_fd;	/* USER_OPEN; status may be -1 */
};

/* BIND: from now on the channel opens brokers ("store") of any user's mail,
 * for this one, and does nothing else. */
void auth_accessor_put(struct ipc_writer *w, const char *user,
		       const struct cv_strings *groups);
/* The user and groups, a NUL between them, in pool. */
int auth_accessor_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct cv_span *accessor_r, struct cv_error *err);
void auth_mechanisms_put(struct ipc_writer *w,
			 const struct auth_mechanisms *m);
void auth_begin_put(struct ipc_writer *w, const struct auth_begin *b);
/* Makes of a BEGIN without it one with an offer. */
void auth_offer_put(struct ipc_writer *w, struct cv_span tag,
		    struct cv_span input, int transport_fd);
void auth_continue_put(struct ipc_writer *w, uint32_t id, struct cv_span data);
void auth_abort_put(struct ipc_writer *w, uint32_t id);
void auth_handoff_put(struct ipc_writer *w, const struct auth_handoff *h);
/* type: AUTH_MSG_CHALLENGE, _OK, _FAIL. */
void auth_answer_put(struct ipc_writer *w, uint32_t type,
		     const struct auth_answer *a);
/* type: AUTH_MSG_USER_LOOKUP or _OPEN. */
void auth_user_request_put(struct ipc_writer *w, uint32_t type,
			   const struct auth_user_request *u);
/* type: AUTH_MSG_USER or _FORWARD. */
void auth_user_put(struct ipc_writer *w, uint32_t type, uint32_t id,
		   const struct user_info *user);

/* Each reads the whole message after its type was looked at and finishes the
 * reader.  Spans and strings point into the reader, unless a pool is given.
 * Descriptors are the caller's on CV_OK and closed otherwise. */
int auth_mechanisms_get(struct ipc_reader *r, struct cv_pool *pool,
			struct auth_mechanisms *m_r, struct cv_error *err);
int auth_begin_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct auth_begin *b_r, struct cv_error *err);
int auth_continue_get(struct ipc_reader *r, uint32_t *id_r,
		      struct cv_span *data_r, struct cv_error *err);
int auth_abort_get(struct ipc_reader *r, uint32_t *id_r,
		   struct cv_error *err);
int auth_handoff_get(struct ipc_reader *r, struct auth_handoff *h_r,
		     struct cv_error *err);
int auth_answer_get(struct ipc_reader *r, struct auth_answer *a_r,
		    struct cv_error *err);
int auth_user_request_get(struct ipc_reader *r, struct cv_pool *pool,
			  struct auth_user_request *u_r, struct cv_error *err);
int auth_user_get(struct ipc_reader *r, struct cv_pool *pool, uint32_t *id_r,
		  struct user_info *user_r, struct cv_error *err);

#endif
