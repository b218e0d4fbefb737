/* broker-mail.h - mail in memory with a broker for it, for the targets that
 * feed either side of remote-wire.h. */
#ifndef BROKER_MAIL_H
#define BROKER_MAIL_H

#include "mailbox/mailbox-private.h"
#include "account/meta-memory.h"

struct broker_mail {
	struct meta_memory *memory;
	struct cv_user *user;
};

/* The mail of jane: INBOX with three messages, and Work, both open to bob;
 * and Secret.  accessor NULL: for herself. */
void broker_mail_open(struct broker_mail *mail, const struct acl_who *accessor);
void broker_mail_close(struct broker_mail *mail);
/* bob, who reads through what open_broker gives. */
void broker_reader_open(struct broker_mail *mail, user_broker_fn *open_broker,
			void *context);

/* Splits the input into requests or answers: a byte of number, two of length,
 * the payload.  False: there is no more. */
struct broker_feed { const uint8_t *data; size_t left; };
bool broker_feed_next(struct broker_feed *feed, uint32_t *number_r,
		      struct cv_span *payload_r, bool *fd_r);
/* A descriptor that goes along: a sealed message. */
int broker_feed_fd(void);

#endif
