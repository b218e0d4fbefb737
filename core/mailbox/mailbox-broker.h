/* mailbox-broker.h - serves a user's mail to the session of another user. */
#ifndef MAILBOX_BROKER_H
#define MAILBOX_BROKER_H

#include "user.h"

/* What may end a broker before its session does. */
struct mailbox_broker_host {
	bool (*stopping)(void *context);
	int (*wake_fd)(void *context);	/* -1: none */
	void (*woken)(void *context);	/* when it can be read */
	void *context;
};

/* Answers the requests (remote-wire.h) that come over the channel until it
 * ends, with the rights of the user's accessor.  host may be NULL.  The
 * channel stays the caller's. */
int mailbox_broker_run(struct cv_user *owner, int channel,
		       const struct mailbox_broker_host *host,
		       struct cv_error *err);

#endif
