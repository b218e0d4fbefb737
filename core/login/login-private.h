/* login-private.h - one login process and its connections. */
#ifndef LOGIN_PRIVATE_H
#define LOGIN_PRIVATE_H

#include "login-place.h"
#include "ipc/auth-message.h"
#include "ipc/ipc-queue.h"
#include "ipc/return-message.h"
#include "master/service-private.h"
#include "module/module.h"
#include "net/address.h"
#include "net/proxy-header.h"
#include "net/tls.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum {
	LOGIN_TLS_MSECS = 20000,	/* a handshake [security.md A3] */
	LOGIN_HANDOFF_MSECS = 60000,
	LOGIN_OUTPUT_MAX = 65536,	/* unsent bytes before login */
	LOGIN_RELAY_BUFFER = 16384,	/* each way */
	LOGIN_ASKING_BUCKETS = 256,
	/* what waits for auth: requests of some thousand clients */
	LOGIN_QUEUE_BYTES = 4 << 20, LOGIN_QUEUE_FDS = 4096,
	LOGIN_SESSION_ID_MAX = 23,
};

/* Settings for connections that the same filters apply to. */
struct login_view {
	struct login_settings login;
	struct ssl_settings ssl;
	struct tls_server *tls;		/* NULL: no TLS here */
	struct module_scope plugins;
};

/* To auth, for all connections of the process. */
struct login_channel {
	int fd;				/* -1: not open */
	struct event event;
	struct ipc_queue queue;		/* of what is to be said */
	uint32_t last_id;		/* 0 is nobody's */
	struct cv_preauth *asking[LOGIN_ASKING_BUCKETS];	/* by id */
};

/* What all connections of a process share. */
struct login_process {
	struct service *service;
	const char *protocol_name;	/* "imap" */
	const struct cv_protocol *protocol;
	struct auth_mechanisms mechanisms;
	struct login_view view;		/* without local and remote filters */
	bool has_filters;		/* views differ by address */
	struct event_base *base;	/* of the connections */
	struct login_channel channel;
	int auth_port, notify_fd;
	bool shared;			/* service_count is not 1 */
	uint32_t clients;
	bool ends_with_client;		/* nothing need be freed for others */
	/* A connection has gone; one has become a relay.  May be NULL. */
	void (*client_gone)(struct login_process *process);
	void (*client_relayed)(struct login_process *process);
};

/* What a child tells its zygote, one byte each. */
enum login_note {
	LOGIN_NOTE_BUSY = 'B',	/* its client authenticates */
	LOGIN_NOTE_RELAY = 'R',	/* it has logged in */
};

enum login_phase {
	LOGIN_PARKED,		/* in the zygote, nothing received yet */
	LOGIN_PROXY,		/* the proxy says whose connection it is */
	LOGIN_HANDSHAKE,
	LOGIN_PROTOCOL,
	LOGIN_AUTH,		/* auth is thinking */
	LOGIN_CHALLENGE,	/* the client is */
	LOGIN_DECIDED,		/* accepted; hand_off is expected */
	LOGIN_HANDOFF,
	LOGIN_RELAY,
	LOGIN_CLOSING,		/* output is still to be sent */
	LOGIN_LINGER,		/* all was said; the client still speaks */
};

/* A descriptor and what is waited for on it. */
struct login_watch { struct event event; short what; bool made; };

struct login_relay;

struct cv_preauth {
	struct login_place place;	/* first: see login_preauth_of */
	struct login_process *process;
	struct cv_pool *pool;
	const struct login_view *view;
	void *state;			/* the protocol's */
	int fd;
	enum login_phase phase;
	bool implicit_tls, starttls, aborted, eof;
	bool haproxy, awaits_proxy;	/* the listener's; no header yet */
	bool resumed;			/* a session has given it back */
	bool identified;		/* see login_auth_identify */
	struct net_address remote, local;
	struct conn_info conn;
	char remote_ip[NET_IP_TEXT], local_ip[NET_IP_TEXT];
	char session_id[LOGIN_SESSION_ID_MAX + 1];
	uint64_t connected_msecs;
	SSL *ssl;
	struct login_watch watch, status_watch;
	struct event timer, answer_timer;
	bool has_timers;

	char *in;			/* grows up to preauth_line_max */
	size_t in_len, in_room;
	struct cv_text out;
	size_t out_sent;

	/* auth */
	int status_fd, transport_fd;
	uint32_t auth_id, attempts;	/* auth_id 0: auth knows of nothing */
	struct cv_preauth *asking_next;
	const char *mechanism, *user, *client_id;
	struct cv_span forward;		/* of a proxy in front of us */
	struct cv_span handoff_tag;
	bool wants_handoff;
	/* What hand_off would be given, when the machine said so before; the
	 * request is written, not sent; auth has been offered the connection. */
	bool may_offer, asks, offered;
	/* A failure that was found inside a call of the machine, told when
	 * the call is over; enum cv_auth_fail. */
	uint32_t auth_failed;

	struct proxy_reader *proxy_reader;	/* NULL: no proxy */
	struct proxy_header *proxy;

	const char *close_reason;
	struct login_relay *relay;
	size_t linger_bytes;	/* that are still thrown away */
};

_Static_assert(offsetof(struct cv_preauth, place) == 0,
	       "a place is cast to its connection");

/* place may be NULL. */
static inline struct cv_preauth *login_preauth_of(struct login_place *place)
{
	return (struct cv_preauth *)(void *)place;
}

/* What makes a silent connection in another process of the same settings. */
struct login_parked {
	int fd;
	const char *session_id;
	uint64_t connected_msecs;
	bool implicit_tls;
	struct cv_span greeting;	/* queued, the first bytes sent */
	size_t greeting_sent;
};

/* --- login-process.c ------------------------------------------------------- */

/* The view for these addresses, from the common one or made for them. */
const struct login_view *login_view_find(struct login_process *process,
					 struct cv_preauth *p);
/* Nothing happens in a process that has no zygote to tell. */
void login_process_tell(const struct login_process *process,
			enum login_note note);

/* --- login-client.c --------------------------------------------------------- */

/* Takes fd.  The greeting is sent from here for plain connections; nothing is
 * read. */
struct cv_preauth *login_client_create(struct login_process *process, int fd,
				       const struct service_listener *l);
/* The same connection in another process, silent and unread; the greeting is
 * not sent again.  NULL: the machine now says something else; the descriptor
 * stays the caller's then. */
struct cv_preauth *login_client_recreate(struct login_process *process,
					 const struct login_parked *parked);
/* A connection that a session has given back: whose it is, and what the client
 * has sent on. */
struct cv_preauth *login_client_resume(struct login_process *process, int fd,
				       const struct conn_info *conn,
				       struct cv_span input);
/* From now on the connection is served in process->base. */
void login_client_serve(struct cv_preauth *p);
/* Closes and frees, without a word. */
void login_client_destroy(struct cv_preauth **p);
/* Logs, flushes what the kernel takes, ends. */
void login_client_disconnect(struct cv_preauth *p, const char *reason);
/* Time is up, or the place is needed: the protocol may say so first. */
void login_client_expel(struct cv_preauth *p, bool timeout,
			const char *reason);
/* p->remote and p->local as text; the settings for them. */
void login_client_set_addresses(struct cv_preauth *p);
/* May a password come unencrypted from where the client is? */
bool login_client_is_trusted(const struct cv_preauth *p);
/* In login_trusted_networks: what it says of its client is believed. */
bool login_client_is_proxy(const struct cv_preauth *p);
/* Runs the machine on what is there, sends what it said. */
void login_client_advance(struct cv_preauth *p);
/* Waits for these (EV_READ, EV_WRITE; 0: nothing). */
void login_watch_set(struct cv_preauth *p, struct login_watch *watch, int fd,
		     short what, event_callback_fn fn);
void login_watch_end(struct login_watch *watch);

/* --- login-linger.c --------------------------------------------------------- */

/* Closes and frees, at once or, when the client is still sending, a moment
 * later: so that what was said last is not lost.  p is the caller's no more. */
void login_client_end(struct cv_preauth *p);

/* --- login-proxy.c ---------------------------------------------------------- */

/* A new connection of a listener with haproxy = yes: closing when it comes
 * from elsewhere than haproxy_trusted_networks. */
void login_proxy_admit(struct cv_preauth *p);
/* p->watch is called when haproxy_timeout is over, too. */
void login_proxy_watch(struct cv_preauth *p);
void login_proxy_begin(struct cv_preauth *p);
/* CV_OK: the header is there and p has the client's addresses; CV_CHANGED:
 * wait for more; CV_EOF: disconnected. */
int login_proxy_advance(struct cv_preauth *p);
/* As tls_session_cert, of the client's connection to the proxy. */
void login_proxy_cert(const struct cv_preauth *p, bool *valid_r,
		      const char **name_r);

/* --- login-auth.c ------------------------------------------------------------- */

/* Finds out, once, what the connection says about its client beside an
 * address: certificate and channel bindings, in p->conn. */
void login_auth_identify(struct cv_preauth *p);
void login_auth_begin(struct cv_preauth *p, const char *mechanism,
		      bool has_initial, struct cv_span initial);
/* The machine has returned: sends the request.  offer: nothing is left to be
 * told to the client. */
void login_auth_ask(struct cv_preauth *p, bool offer);
void login_auth_continue(struct cv_preauth *p, struct cv_span data);
void login_auth_abort(struct cv_preauth *p);
/* Tells the machine of p->auth_failed. */
void login_auth_report_failure(struct cv_preauth *p);
/* All output is sent: give the connection away.  p->auth_failed is set when
 * that did not work. */
void login_auth_hand_off(struct cv_preauth *p);
/* What auth said to p; p may be gone after it.  type: AUTH_MSG_CHALLENGE,
 * _OK, _FAIL. */
void login_auth_answer(struct cv_preauth *p, uint32_t type,
		       const struct auth_answer *a);
/* The session to which auth gave p's connection answers; as above. */
void login_auth_started(struct cv_preauth *p,
			const struct session_started *s);
/* auth has died and does not know p's request any more; as above. */
void login_auth_lost(struct cv_preauth *p);
void login_auth_close(struct cv_preauth *p);
/* Asks auth which mechanisms there are; blocking, before confinement. */
int login_auth_mechanisms(struct login_process *process, struct cv_pool *pool,
			  struct cv_error *err);

/* --- login-channel.c --------------------------------------------------------- */

/* False (logged): auth cannot be reached. */
bool login_channel_open(struct login_process *process);
void login_channel_close(struct login_process *process);
/* Gives p an id for a new attempt. */
void login_channel_begin(struct cv_preauth *p);
/* auth has forgotten p's request, or shall do so. */
void login_channel_forget(struct cv_preauth *p);
void login_channel_abort(struct cv_preauth *p);
/* Never waits; logs failures.  Not CV_OK: auth will not hear of it. */
int login_channel_send(struct login_process *process,
		       const struct ipc_writer *w);

/* --- login-relay.c ------------------------------------------------------------- */

/* TLS towards the client, plain towards the session on fd (taken). */
void login_relay_start(struct cv_preauth *p, int fd);
void login_relay_destroy(struct cv_preauth *p);

/* --- login-log.c ---------------------------------------------------------------- */

void login_log_success(struct cv_preauth *p, uint32_t pid);
void login_log_disconnect(struct cv_preauth *p, const char *reason);

extern const struct cv_preauth_api preauth_api;

#endif
