/* cv-delivery.h - from a transport protocol (LMTP) to recipients' mailboxes.
 *
 * The conversation runs in a process that cannot see a mail directory.  The
 * message goes into a sealed memory file; each recipient's own process reads
 * it from there, asks the hooks and saves it.  What is answered CV_OK is on
 * disk. */
#ifndef CV_DELIVERY_H
#define CV_DELIVERY_H

#include "cv-types.h"

struct cv_client;
struct cv_incoming;	/* a message being received */
struct cv_relay_way;	/* core's: how a server is reached */

/* The server that has a recipient's mail, as a passdb says. */
struct cv_relay {
	CV_HEAD;
	const char *host;		/* a name or an address */
	uint32_t port;
	const char *protocol;		/* "lmtp" or "smtp" */
	const char *recipient;		/* the address there, without <> */
	bool starttls;			/* to be asked for */
	bool tell_client;		/* who it is, if that server asks */
	/* Servers that the message may still pass, that one included; 0: it
	 * goes in a circle. */
	uint32_t ttl;
	uint32_t silence_msecs;		/* for which it is waited */
	/* Recipients with the same one can be in one transaction. */
	const char *key;
	const struct cv_relay_way *way;
};

struct cv_recipient {
	CV_HEAD;
	const char *address;	/* as given, without <> */
	const char *user;	/* without the detail */
	const char *detail;	/* behind recipient_delimiter, "" none */
	/* Of recipient_anywhere: where the mail is; NULL: here.  One that has
	 * a relay must not be given to deliver. */
	const struct cv_relay *relay;
};

struct cv_delivery_request {
	CV_HEAD;
	const struct cv_recipient *recipient;
	const char *sender;		/* "" for the null sender */
	const char *original_recipient;	/* ORCPT, "" none */
	/* Put before the message for this recipient alone: Return-Path,
	 * Delivered-To, Received; complete lines with CRLF. */
	struct cv_span header;
	/* Where it goes unless a hook decides; NULL is INBOX.  A mailbox
	 * that does not exist is made when lda_mailbox_autocreate says so;
	 * otherwise the message goes into INBOX. */
	const char *mailbox_name;
};

struct cv_delivery_result {
	CV_HEAD;
	int status;		/* CV_OK: durable; failure classes as usual */
	char text[256];		/* may be shown to the client */
};

/* Service "delivery", major 1. */
struct cv_delivery_api {
	CV_HEAD;
	/* Splits the address and finds the user.  CV_E_NOT_FOUND: no such
	 * user; CV_E_TEMP: cannot be known now; hooks recipient_offered may
	 * refuse with other classes. */
	int (*recipient)(struct cv_session *s, struct cv_span sender,
			 struct cv_span address, struct cv_pool *pool,
			 struct cv_recipient **recipient_r,
			 struct cv_error *err);

	/* A message of at most max_bytes.  Dies with the pool, or by
	 * incoming_close. */
	int (*incoming_open)(struct cv_session *s, struct cv_pool *pool,
			     uint64_t max_bytes, struct cv_incoming **in_r,
			     struct cv_error *err);
	/* Takes content as it is [RFC3030 BDAT].  After a failure
	 * (CV_E_LIMIT, CV_E_NO_SPACE) it goes on taking and throwing away,
	 * returning the same again. */
	int (*incoming_write)(struct cv_incoming *in, struct cv_span data,
			      struct cv_error *err);
	/* Takes dot-stuffed content [RFC5321 4.5.2] from the front of *data,
	 * which is shortened.  CV_OK: more is wanted; CV_EOF: the end was
	 * found, *data is what follows; failures: as incoming_write, found
	 * at the end only, so that the conversation stays in step. */
	int (*incoming_data)(struct cv_incoming *in, struct cv_span *data,
			     struct cv_error *err);
	uint64_t (*incoming_bytes)(struct cv_incoming *in);
	/* True when a CR or LF stood alone, or a NUL. */
	bool (*incoming_has_bare)(struct cv_incoming *in);
	void (*incoming_close)(struct cv_incoming **in);

	/* Delivers to all and waits; results[i] belongs to requests[i].
	 * Some may fail while others are durable. */
	void (*deliver)(struct cv_session *s, struct cv_incoming *in,
			const struct cv_delivery_request *requests,
			uint32_t count, struct cv_delivery_result *results);

	/* As recipient; but passdbs are asked first whether the user's mail
	 * is on another server (fields proxy, host ...). */
	int (*recipient_anywhere)(struct cv_session *s, struct cv_span sender,
				  struct cv_span address, struct cv_pool *pool,
				  struct cv_recipient **recipient_r,
				  struct cv_error *err);
	/* Connects, with TLS if that comes first.  The process must be one
	 * that may (CV_SET_CONNECTS).  CV_E_CONFIG: that server cannot be
	 * trusted, or is this one. */
	int (*relay_open)(struct cv_session *s, struct cv_pool *pool,
			  const struct cv_relay *relay,
			  struct cv_client **client_r, struct cv_error *err);
	/* All of the message, as it was received; it can be delivered, too,
	 * but nothing can be written any more.  Valid until it is closed. */
	int (*incoming_content)(struct cv_incoming *in,
				struct cv_span *content_r,
				struct cv_error *err);
};

#endif
