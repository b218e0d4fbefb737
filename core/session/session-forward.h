/* session-forward.h - a session whose mail is on another server. */
#ifndef SESSION_FORWARD_H
#define SESSION_FORWARD_H

#include "cv-proxy.h"
#include "forward-target.h"
#include "session-private.h"

enum { FORWARD_ROOM = 16384 };

/* Bytes on their way in one direction. */
struct forward_way {
	char data[FORWARD_ROOM];
	size_t start, end;
	uint64_t bytes;			/* that have left */
};

struct forward {
	struct cv_session *s;
	const struct cv_proxy_protocol *protocol;
	void *state;			/* the protocol's */
	struct cv_proxy_target target;
	struct forward_target to;
	uint32_t reconnects;		/* at most, in a row */
	struct cv_client *far;		/* NULL: it has broken off, and the
					 * client has asked for nothing yet */
	struct cv_pool *far_pool;
	struct forward_way up, down;	/* to the server, to the client */
	struct cv_text words;		/* of ours, to the client */
	struct cv_text goodbye;		/* of the server, kept back */
};

/* Connects and logs in.  CV_E_DENIED: the server refused the user. */
int forward_connect(struct forward *f, struct cv_text *answer,
		    struct cv_error *err);
/* The same again, as often as the settings say, and then to where the server
 * before was. */
int forward_reconnect(struct forward *f, struct cv_error *err);

/* session-forward-relay.c: moves bytes until one of both ends it.  CV_OK, or
 * why it ended. */
int forward_relay(struct forward *f, struct cv_error *err);

#endif
