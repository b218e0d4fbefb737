/* imap-settle.h - STORE commands that a client sends in one burst share one
 * sync: their replies wait until it is done. */
#ifndef IMAP_SETTLE_H
#define IMAP_SETTLE_H

#include "imap-session.h"

/* A STORE was done with settle_later: from now on replies are kept. */
void imap_hold(struct imap_session *s);
/* The tagged OK that begins at `at` of s->out depends on it. */
void imap_hold_reply(struct imap_session *s, size_t at, size_t tag_len);
/* Syncs and sends what was kept; when the sync fails each OK becomes a NO. */
void imap_settle(struct imap_session *s);

#endif
