/* imap-logout.h - imap_logout_format. */
#ifndef IMAP_LOGOUT_H
#define IMAP_LOGOUT_H

#include "imap-session.h"

/* Appends them. */
void imap_logout_text(struct imap_session *s, struct cv_text *dst);
/* Gives the session's figures to the log. */
void imap_logout_log(struct imap_session *s);

#endif
