/* lmtp.h - one LMTP conversation [RFC2033]. */
#ifndef LMTP_H
#define LMTP_H

#include "cv-plugin.h"
#include "cv-protocol.h"
#include "cv-client.h"
#include "cv-delivery.h"

enum {
	LMTP_LINE_MAX = 8192,		/* a command with its parameters */
	LMTP_RECIPIENTS_MAX = 1000,
	LMTP_ERRORS_MAX = 20,		/* bad commands before we hang up */
	LMTP_TIMEOUT_MSECS = 5 * 60 * 1000,	/* [RFC5321 4.5.3.2.7] */
	LMTP_BACKENDS_MAX = 16,		/* other servers in a transaction */
};

enum lmtp_hdr_address { LMTP_HDR_NONE, LMTP_HDR_FINAL, LMTP_HDR_ORIGINAL };

struct lmtp_settings {
	bool lmtp_save_to_detail_mailbox, lmtp_add_received_header;
	bool lmtp_verbose_replies;
	uint32_t lmtp_hdr_delivery_address;	/* enum lmtp_hdr_address */
	struct cv_strings lmtp_client_workarounds;
	uint64_t lmtp_max_message_size;
	bool lmtp_proxy;
	uint64_t lmtp_proxy_data_timeout;
};

struct lmtp_backend;		/* lmtp-relay.h */

struct lmtp_recipient {
	struct cv_recipient *recipient;
	struct lmtp_backend *backend;	/* NULL: the mail is here */
	const char *reply;		/* after the message; NULL: none yet */
};

struct lmtp_recipients {
	struct lmtp_recipient *items;
	uint32_t count, room;
};

struct lmtp_session {
	struct cv_session *session;
	struct cv_connection *conn;
	const struct lmtp_settings *set;
	struct cv_pool *pool;		/* of the transaction */
	char peer[256];			/* LHLO's argument, "" before it */
	/* What a proxy says of its client (XCLIENT); "": nothing. */
	char origin_helo[256], origin_login[256], origin_proto[8];
	const char *sender;		/* NULL: no MAIL yet */
	uint64_t announced;		/* SIZE of MAIL; 0: not told */
	bool is_8bit;			/* BODY=8BITMIME */
	struct lmtp_recipients recipients;
	struct lmtp_backend *backends;
	uint32_t backend_count;
	struct cv_incoming *incoming;	/* BDAT under way */
	bool incoming_failed;
	uint32_t errors;
	bool tls;			/* STARTTLS was done */
	bool quit;
};

extern struct cv_plugin *lmtp_self;
extern const struct cv_connection_api *lmtp_conn;
extern const struct cv_session_api *lmtp_sess;
extern const struct cv_delivery_api *lmtp_delivery;
extern const struct cv_client_api *lmtp_client;

/* lmtp-session.c: the loop.  */
int lmtp_run(struct cv_session *s, struct cv_error *err);
/* One line; the line end is added. */
void lmtp_reply(struct lmtp_session *l, const char *fmt, ...) CV_PRINTF(2, 3);
void lmtp_session_greet(struct lmtp_session *l);
/* Forgets sender, recipients and a message under way. */
void lmtp_reset(struct lmtp_session *l);

/* lmtp-command.c: runs one command line (without its line end). */
int lmtp_command(struct lmtp_session *l, struct cv_span line,
		 struct cv_error *err);

/* lmtp-path.c: "<local@domain>" at the front of *rest, which becomes what
 * follows.  A source route is dropped [RFC5321 4.1.1.3].  With allow_null
 * "<>" is the empty path.  The path, unquoted where it can be, lives in pool.
 * False: malformed. */
bool lmtp_path_parse(struct cv_span *rest, bool allow_null,
		     const struct lmtp_settings *set, struct cv_pool *pool,
		     const char **path_r);

/* lmtp-data.c */
int lmtp_data(struct lmtp_session *l, struct cv_error *err);
int lmtp_bdat(struct lmtp_session *l, struct cv_span args,
	      struct cv_error *err);

/* lmtp-header.c: the lines put before the message for one recipient. */
void lmtp_header(struct lmtp_session *l, const struct cv_recipient *recipient,
		 struct cv_text *header);
/* The same for another server, which delivers it.  address: of the recipient;
 * NULL: there is more than one. */
void lmtp_header_relay(struct lmtp_session *l, const char *address,
		       struct cv_text *header);

#endif
