/* mailbox-broker.h - serves a user's mail to the session of another user. */
#ifndef MAILBOX_BROKER_H
#define MAILBOX_BROKER_H

#include "user.h"

/* Answers the requests (remote-wire.h) that come over the channel until it
 * ends, with the rights of the user's accessor.  stopping may be NULL.  The
 * channel stays the caller's. */
int mailbox_broker_run(struct cv_user *owner, int channel,
		       bool (*stopping)(void *context), void *context,
		       struct cv_error *err);

#endif
