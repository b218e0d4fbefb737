/* imap-capability.h - the capability strings [RFC3501 7.2.1]. */
#ifndef IMAP_CAPABILITY_H
#define IMAP_CAPABILITY_H

#include "imap-session.h"

/* Before login: STARTTLS, LOGINDISABLED and AUTH= follow from the state of
 * the connection. */
void imap_capability_preauth(struct cv_text *dst, struct cv_preauth *p,
			     const struct imap_settings *set);
void imap_capability_session(struct cv_text *dst,
			     const struct imap_session *s);

/* UNAUTHENTICATE works here [RFC8437], and is wanted. */
bool imap_can_unauthenticate(const struct imap_session *s);

#endif
