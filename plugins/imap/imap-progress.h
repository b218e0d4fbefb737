/* imap-progress.h - INPROGRESS [RFC9585]: a client that waits long is told how
 * far its command has come. */
#ifndef IMAP_PROGRESS_H
#define IMAP_PROGRESS_H

#include "imap-session.h"

void imap_progress_init(struct imap_session *s);

#endif
