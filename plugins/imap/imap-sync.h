/* imap-sync.h - telling the client what has changed [RFC3501 7.3, 7.4]. */
#ifndef IMAP_SYNC_H
#define IMAP_SYNC_H

#include "imap-session.h"

/* Brings the view up to date and sends EXPUNGE, EXISTS, RECENT, FLAGS and
 * FETCH (FLAGS).  flags: enum cv_sync_flag.  newmail: new messages may be
 * announced.  report: numbers whose flags are sent in any case.  with_uid:
 * FETCH responses carry the UID.  Negative: the mailbox is gone, BYE was
 * sent. */
int imap_sync(struct imap_session *s, struct cv_pool *pool, uint32_t flags,
	      bool newmail, struct cv_set report, bool with_uid);
/* FLAGS and PERMANENTFLAGS. */
void imap_send_mailbox_flags(struct imap_session *s);

#endif
