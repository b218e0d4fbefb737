/* imap-progress.h - INPROGRESS [RFC9585]: a client that waits long is told how
 * far its command has come. */
#ifndef IMAP_PROGRESS_H
#define IMAP_PROGRESS_H

#include "imap-session.h"

/* What a client hears when a plugin ends the session by never coming back. */
void imap_progress_init(struct imap_session *s);
/* A command begins: how long it takes counts from here. */
void imap_progress_begin(struct imap_session *s);
/* A cv_progress_fn for what this plugin does itself, with the session as
 * context: looks at the clock, and tells the client every ten seconds. */
int imap_progress_tick(void *context, uint64_t done, uint64_t total);

#endif
