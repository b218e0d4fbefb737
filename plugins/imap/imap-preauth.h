/* imap-preauth.h - the machine that speaks IMAP before login.
 *
 * Runs in the login process: no I/O, no file, no wait.  States: greeted
 * [RFC3501 3.1] and logging in; what comes after a login is the session's. */
#ifndef IMAP_PREAUTH_H
#define IMAP_PREAUTH_H

#include "imap.h"

/* Bytes of struct cv_protocol.preauth_bytes and .preauth_line_max. */
extern const size_t imap_preauth_bytes;
enum { IMAP_PREAUTH_WINDOW = 16384 };

void imap_preauth_connected(struct cv_preauth *p);
void imap_preauth_resumed(struct cv_preauth *p);
size_t imap_preauth_input(struct cv_preauth *p, struct cv_span in);
void imap_preauth_challenge(struct cv_preauth *p, struct cv_span data);
void imap_preauth_done(struct cv_preauth *p,
		       const struct cv_auth_outcome *outcome);
void imap_preauth_tls_started(struct cv_preauth *p);
void imap_preauth_closing(struct cv_preauth *p, bool timeout);

#endif
