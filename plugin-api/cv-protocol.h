/* cv-protocol.h - a protocol plugin: two tables.
 *
 * The pre-auth table runs in the login process: a byte-fed state machine
 * without I/O, file, lock or wait; it lives in an empty chroot with a system
 * call filter.  The session table runs in the user's own process and may
 * block.  A protocol without a login (LMTP) leaves the first table out. */
#ifndef CV_PROTOCOL_H
#define CV_PROTOCOL_H

#include "cv-connection.h"
#include "cv-settings.h"

struct cv_proxy_protocol;
struct cv_preauth;	/* one connection before authentication; core's */

/* Whose connection a proxy has brought.  NULL, 0: not told. */
struct cv_preauth_origin {
	CV_HEAD;
	const char *remote_ip, *local_ip, *session_id;
	uint32_t remote_port, local_port;
	uint32_t ttl;		/* servers that it may still pass */
	/* "name=value", with TABs between: fields forward_name of the login */
	struct cv_span forward;
};

/* --- service "preauth", major 1: what core does for the machine ---------- */

struct cv_preauth_api {
	CV_HEAD;
	/* Per-connection state of the machine, zeroed, cv_protocol.
	 * preauth_bytes long. */
	void *(*state)(struct cv_preauth *p);
	/* Dies with the connection. */
	struct cv_pool *(*pool)(struct cv_preauth *p);
	void (*send)(struct cv_preauth *p, const void *data, size_t len);
	void (*sendf)(struct cv_preauth *p, const char *fmt, ...)
		CV_PRINTF(2, 3);
	/* Settings of this connection (local, remote, local_name applied). */
	const void *(*settings)(struct cv_preauth *p, struct cv_plugin *self);
	const char *(*hostname)(struct cv_preauth *p);
	const char *(*greeting)(struct cv_preauth *p);	/* login_greeting */

	/* TLS is on, or the peer is local (disable_plaintext_auth trusts
	 * it).  tls_active is the former only. */
	bool (*is_secure)(struct cv_preauth *p);
	bool (*tls_active)(struct cv_preauth *p);
	bool (*tls_available)(struct cv_preauth *p);
	/* Plaintext mechanisms are refused now: disable_plaintext_auth or
	 * ssl = required on a connection that is not secure. */
	bool (*plaintext_refused)(struct cv_preauth *p);
	/* Call after the positive answer was queued by send.  Core flushes,
	 * refuses (closes) when bytes have arrived behind the command, does
	 * the handshake and calls .tls_started. */
	void (*starttls)(struct cv_preauth *p);

	/* Mechanism names for the capability list, in upper case, those that
	 * may be used now; CV_NOT_FOUND at the end. */
	int (*mechanism)(struct cv_preauth *p, uint32_t index,
			 const char **name_r);
	/* Starts authentication.  initial.data NULL: no initial response;
	 * decoded from base64 by the caller.  Core answers by .auth_challenge
	 * or .auth_done, later, not from inside this call. */
	void (*auth_begin)(struct cv_preauth *p, const char *mechanism,
			   struct cv_span initial);
	/* USER/PASS and LOGIN: as PLAIN. */
	void (*auth_password)(struct cv_preauth *p, struct cv_span user,
			      struct cv_span password);
	void (*auth_continue)(struct cv_preauth *p, struct cv_span response);
	void (*auth_abort)(struct cv_preauth *p);
	/* Hands the connection to a session.  Only from .auth_done with
	 * CV_OK.  tag is given to the session as it is (the IMAP tag of the
	 * command that logged in, at most 255 bytes); unread input goes along.
	 * The machine is not called again unless it fails (.auth_done again,
	 * with a failure). */
	void (*hand_off)(struct cv_preauth *p, struct cv_span tag);

	/* Flushes, then closes. */
	void (*close)(struct cv_preauth *p, const char *log_reason);
	/* Free text about the client for the log: IMAP ID, XCLIENT. */
	void (*set_client_id)(struct cv_preauth *p, struct cv_span id);

	/* Before .auth_begin or .auth_password: what .hand_off would be given.
	 * When the exchange succeeds at once and has nothing to tell the
	 * client, core may give the connection away without .auth_done with
	 * CV_OK; a failure is told by it as ever. */
	void (*offer)(struct cv_preauth *p, struct cv_span tag);
	/* What a proxy in front of us says of its client (IMAP ID, XCLIENT);
	 * from here on the connection is that client's.  CV_E_DENIED: it is
	 * not in login_trusted_networks, and nothing is believed.
	 * CV_E_SYNTAX: no such address. */
	int (*set_origin)(struct cv_preauth *p,
			  const struct cv_preauth_origin *origin);
};

enum cv_auth_fail {		/* why, when status < 0 */
	CV_AUTH_FAIL_CREDENTIALS = 1,	/* AUTHENTICATIONFAILED */
	CV_AUTH_FAIL_TEMP,		/* UNAVAILABLE */
	CV_AUTH_FAIL_EXPIRED,		/* EXPIRED */
	CV_AUTH_FAIL_DISABLED,		/* AUTHORIZATIONFAILED / CONTACTADMIN */
	CV_AUTH_FAIL_PRIVACY,		/* PRIVACYREQUIRED */
	CV_AUTH_FAIL_LIMIT,		/* too many connections: LIMIT */
	CV_AUTH_FAIL_MECHANISM,		/* unknown or not allowed */
	CV_AUTH_FAIL_ABORTED,		/* by auth_abort */
	CV_AUTH_FAIL_SYNTAX,		/* malformed response */
};

struct cv_auth_outcome {
	CV_HEAD;
	int status;			/* CV_OK or a failure class */
	uint32_t fail;			/* enum cv_auth_fail */
	const char *user;		/* when CV_OK */
	const char *text;		/* may be shown to the client; "" none */
	struct cv_span final_data;	/* additional data with success */
	/* The password was right, and the mail is on another host [RFC2221];
	 * "" none.  With CV_OK there is something here, too.  Port 0: the
	 * usual one. */
	const char *referral_host, *referral_user;
	uint32_t referral_port;
};

/* --- a session that sleeps ------------------------------------------------ */

/* What is kept of a session that nothing is asked of, until the client speaks
 * or what it watches changes. */
struct cv_sleep {
	CV_HEAD;
	struct cv_mailbox *box;		/* NULL: none is open */
	struct cv_span state;		/* the protocol's own */
	bool wakes;			/* a change of box does */
	/* Sent to the client as it is, so often; 0: never. */
	uint64_t keepalive_msecs;
	struct cv_span keepalive;
	/* The connection ends after so long without input; 0: never. */
	uint64_t limit_msecs;
	/* Around the sentence that says why the connection ends: "* BYE " and
	 * CRLF. */
	struct cv_span bye, bye_end;
	struct cv_span stats;		/* as of set_logout_stats */
};

/* --- service "session", major 1 ------------------------------------------ */

struct cv_session_api {
	CV_HEAD;
	struct cv_connection *(*connection)(struct cv_session *s);
	struct cv_user *(*user)(struct cv_session *s);	/* NULL for LMTP */
	/* Lives as long as the session. */
	struct cv_pool *(*pool)(struct cv_session *s);
	const void *(*settings)(struct cv_session *s, struct cv_plugin *self);
	/* What hand_off gave. */
	struct cv_span (*login_tag)(struct cv_session *s);
	const char *(*id)(struct cv_session *s);	/* session id, log */
	const char *(*hostname)(struct cv_session *s);
	/* True when the server wants the session to end (reload does not,
	 * stop does); checked between commands. */
	bool (*stopping)(struct cv_session *s);
	/* Text for the process title and "who": "IDLE", "SELECT". */
	void (*set_activity)(struct cv_session *s, const char *activity);
	/* Written to the log line at the end: "in=10 out=2000". */
	void (*set_logout_stats)(struct cv_session *s, const char *text);
	/* A command was read and will run: asks the command_received hooks.
	 * CV_OK: go on; a failure class: refuse it. */
	int (*command)(struct cv_session *s, struct cv_span verb,
		       struct cv_span args, struct cv_error *err);
	/* A sentence for the client when .stopping is true: the server stops,
	 * or an administrator has ended the session; else NULL. */
	const char *(*stop_reason)(struct cv_session *s);

	/* Going to sleep takes two steps, and either may fail: then the
	 * session goes on as it is.  From sleep_begin on no change of box
	 * (NULL: none) is missed, so that what is there already can be told
	 * to the client before sleep.  After sleep has succeeded the
	 * connection is not this process's any more: run returns at once. */
	int (*sleep_begin)(struct cv_session *s, struct cv_mailbox *box,
			   struct cv_error *err);
	int (*sleep)(struct cv_session *s, const struct cv_sleep *sleep,
		     struct cv_error *err);
	/* At the beginning of run.  CV_NOT_FOUND: a new session.  CV_OK: one
	 * that slept, with its open mailbox (or NULL) and its state; a sync
	 * tells what has happened since.  A failure: it cannot go on; *box_r
	 * is NULL.  CV_E_NOT_FOUND: its mailbox is gone. */
	int (*woken)(struct cv_session *s, struct cv_mailbox **box_r,
		     struct cv_span *state_r, struct cv_error *err);

	/* Whether the connection can go back to before its login, and doing
	 * it: what was written is sent, compression ends, and what the client
	 * has sent on goes along.  After CV_OK run returns at once; after a
	 * failure the connection must end. */
	bool (*can_return)(struct cv_session *s);
	int (*give_back)(struct cv_session *s, struct cv_error *err);

	/* Of a protocol without a login.  Whether the peer is one of
	 * login_trusted_networks, which may say whose connection this is; and
	 * taking what it says: from here on the connection is that client's.
	 * CV_E_DENIED: the peer is none of them; CV_E_SYNTAX: no such
	 * address.  What settings gives may be another now. */
	bool (*is_from_proxy)(struct cv_session *s);
	int (*set_origin)(struct cv_session *s,
			  const struct cv_preauth_origin *origin);
	/* Servers that a connection of this one to another may pass, that
	 * other included; 0: it goes in a circle. */
	uint32_t (*forward_ttl)(struct cv_session *s);
};

/* --- the provider ------------------------------------------------------- */

enum {
	CV_PROTOCOL_NO_LOGIN = 1,	/* session runs as culver, no user */
};

struct cv_protocol {
	CV_HEAD;
	const char *name;		/* "imap": service and protocol block */
	uint32_t flags;

	size_t preauth_bytes;
	size_t preauth_line_max;	/* most unread input kept, bytes */
	/* The greeting.  Also the place to refuse (close). */
	void (*connected)(struct cv_preauth *p);
	/* New bytes; returns how many were consumed.  Called again with the
	 * rest plus more when something arrives.  Consuming nothing with a
	 * full window (preauth_line_max) closes the connection. */
	size_t (*input)(struct cv_preauth *p, struct cv_span in);
	void (*auth_challenge)(struct cv_preauth *p, struct cv_span data);
	void (*auth_done)(struct cv_preauth *p,
			  const struct cv_auth_outcome *outcome);
	/* All state from before the handshake must be forgotten. */
	void (*tls_started)(struct cv_preauth *p);
	/* Time is up (login_timeout) or the server stops: say so. */
	void (*closing)(struct cv_preauth *p, bool timeout);

	/* The whole session; returns when it is over.  CV_OK: closed in
	 * order; CV_EOF: the client went away. */
	int (*run)(struct cv_session *s, struct cv_error *err);

	/* Instead of .connected for a connection whose session has given it
	 * back: there is no greeting.  NULL: sessions cannot do that. */
	void (*resumed)(struct cv_preauth *p);
	/* Users whose mail is on another server are forwarded to it.  NULL:
	 * they are refused. */
	const struct cv_proxy_protocol *proxy;
};

#endif
