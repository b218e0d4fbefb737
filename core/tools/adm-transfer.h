/* adm-transfer.h - copy and move out of another user's mail.
 *
 * The other user's mail is read by a process of its own, with that user's
 * rights, which hands each message over a socket; the process of the user
 * who gets them saves them in batches.  Each batch is one commit; a move
 * removes its originals when that is durable, so that a failure leaves them
 * twice and never nowhere.
 *
 * INVARIANT: neither process can do anything with the rights of the other,
 * and what comes over the socket is checked like a client's. */
#ifndef ADM_TRANSFER_H
#define ADM_TRANSFER_H

#include "adm-mail.h"

/* For adm_mail.before: starts the process that reads m->source's mail, when
 * there is such a user and it is not the one whose turn it is. */
int adm_transfer_start(struct adm_mail *m, bool move, struct cv_error *err);
/* True in the user's turn when it was started. */
bool adm_transfer_is_started(void);
/* Saves what m->query finds there into the mailbox. */
int adm_transfer_run(struct adm_mail *m, const char *mailbox,
		     struct cv_error *err);
/* Ends it. */
void adm_transfer_end(void);

/* Removes messages of a view for good (adm-change.c). */
int adm_expunge_seqs(struct adm_mail *m, struct cv_mailbox *box,
		     struct cv_set seqs, struct cv_error *err);

#endif
