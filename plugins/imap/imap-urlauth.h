/* imap-urlauth.h - URLs with authorization [RFC4467]: what its commands share.
 * Which URLs count, and for whom, is core's to say. */
#ifndef IMAP_URLAUTH_H
#define IMAP_URLAUTH_H

#include "imap-session.h"

bool imap_urlauth_offered(const struct imap_session *s);
/* The only mechanism there is. */
bool imap_urlauth_is_mechanism(const struct imap_arg *arg);
/* A mailbox was selected: says which mechanisms there are. */
void imap_urlauth_selected(struct imap_session *s);
/* The user's key for the open mailbox has changed in another session: says so
 * again [RFC4467 7 RESETKEY]. */
void imap_urlauth_tell(struct imap_session *s);
/* What is known of the key now is this session's own doing. */
void imap_urlauth_note(struct imap_session *s);

#endif
