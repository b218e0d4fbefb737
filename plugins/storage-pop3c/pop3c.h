/* pop3c.h - what the files of this plugin share.
 *
 * INBOX is a POP3 server's; a reference is the server's unique id of a
 * message. */
#ifndef STORAGE_POP3C_H
#define STORAGE_POP3C_H

#include "cv-client.h"
#include "cv-plugin.h"
#include "cv-storage.h"
#include "cv-stream.h"
#include "cv-text.h"

#include <stdio.h>

enum {
	POP3C_MESSAGES_MAX = 1000 * 1000,
	POP3C_ID_MAX = 70,		/* [RFC1939 7 UIDL] */
	POP3C_BODY_MAX = 1024 * 1024 * 1024,
	POP3C_SILENCE_MSECS = 2 * 60 * 1000,
	POP3C_CHECK_MSECS = 30 * 1000,	/* what is there counts so long */
	POP3C_IDLE_MSECS = 20 * 1000,
};

struct pop3c_settings {
	const char *pop3c_host, *pop3c_user, *pop3c_password;
	const char *pop3c_master_user;
	uint32_t pop3c_port, pop3c_ssl;
	bool pop3c_ssl_verify;
};

struct pop3c_message {
	const char *id;
	uint32_t number;		/* of this connection */
	uint64_t size;
};

struct cv_storage_root {
	const struct cv_storage_config *config;
	const struct pop3c_settings *set;
	const char *user;
	struct cv_pool *pool;

	struct cv_pool *connection_pool;	/* NULL: not connected */
	struct cv_client *client;
	bool broken;
	uint64_t used_at;

	/* What the connection's maildrop has, by number and by id; the last
	 * reading of a message. */
	struct pop3c_message *messages;
	const struct pop3c_message **by_id;
	uint32_t count, room;
	uint64_t listed_at;		/* 0: not yet */
};

extern struct cv_plugin *pop3c_self;
extern const struct cv_client_api *pop3c_client;
extern const struct cv_stream_api *pop3c_streams;

/* Connects and lists what is there, unless that is done; anew: in any
 * case. */
int pop3c_list(struct cv_storage_root *root, bool anew,
	       struct cv_error *err);
void pop3c_disconnect(struct cv_storage_root *root);
const struct pop3c_message *pop3c_find(const struct cv_storage_root *root,
				       struct cv_span id);
/* The whole message, with CRLF line ends; text is the caller's.
 * CV_NOT_FOUND. */
int pop3c_read(struct cv_storage_root *root, struct cv_span id,
	       struct cv_text *text, struct cv_error *err);

#endif
