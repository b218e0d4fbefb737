/* imap-sleep.h - a session that nothing is asked of gives its connection away,
 * and another process goes on with it (cv_session_api.sleep). */
#ifndef IMAP_SLEEP_H
#define IMAP_SLEEP_H

#include "imap-session.h"

/* How long nothing may happen before the session tries to sleep,
 * milliseconds; 0: it does not. */
uint32_t imap_sleep_after(const struct imap_session *s);
/* idle_tag: of the IDLE command that runs; empty: none does.
 * limit_msecs: the connection ends after so long, 0: never.  True: the
 * connection is gone, and nothing is to be done but to return.  False: the
 * session stays, and will not try again for a while. */
bool imap_sleep(struct imap_session *s, struct cv_span idle_tag,
		uint64_t limit_msecs);
/* In the process that goes on; s->box is there already.  *idle_tag_r, when it
 * is not empty, lives as long as the session. */
int imap_sleep_restore(struct imap_session *s, struct cv_span state,
		       struct cv_span *idle_tag_r);

#endif
