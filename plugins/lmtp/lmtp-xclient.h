/* lmtp-xclient.h - whose connection it is, from proxy to proxy: the command
 * XCLIENT, as Postfix's XCLIENT_README has it, with Dovecot's TTL. */
#ifndef LMTP_XCLIENT_H
#define LMTP_XCLIENT_H

#include "lmtp-relay.h"

enum lmtp_xclient_name {
	LMTP_XCLIENT_ADDR = 1, LMTP_XCLIENT_PORT = 2, LMTP_XCLIENT_TTL = 4,
	LMTP_XCLIENT_PROTO = 8, LMTP_XCLIENT_HELO = 16,
	LMTP_XCLIENT_LOGIN = 32,
};

/* What our reply to LHLO says behind XCLIENT. */
extern const char lmtp_xclient_announced[];

/* Those of a server's reply that we know, as bits. */
uint32_t lmtp_xclient_names(struct cv_span text);
/* The command for a server, of the names that it knows. */
void lmtp_xclient_format(struct lmtp_session *l, const struct lmtp_backend *b,
			 struct cv_text *command);
/* Runs one.  NULL: it is taken, and the session begins anew; else the
 * refusal. */
const char *lmtp_xclient_take(struct lmtp_session *l, struct cv_span args);

#endif
