/* mailbox-replace.h - a message that goes when others have been saved
 * [RFC8508]: in their commit where both lie in one account, else right after
 * it.  What a crash in between leaves is a message twice, never none. */
#ifndef MAILBOX_REPLACE_H
#define MAILBOX_REPLACE_H

#include "mailbox-private.h"

struct remote_save;

struct replaced {
	struct cv_mailbox *box;		/* NULL: none */
	uint32_t uid;
	struct cv_blob blob;
	bool done;
};

/* Checks the rights.  into: the other user's mailbox that is saved to; NULL:
 * it is not another user's. */
int replaced_begin(struct replaced *r, struct cv_mailbox *box, uint32_t seq,
		   struct remote_save *into, struct cv_error *err);
/* It goes in a commit of this store. */
bool replaced_in(const struct replaced *r, const struct store *store);
/* In a transaction of its store: CV_NOT_FOUND when it is gone.  What it takes
 * is free for what comes. */
int replaced_find(struct replaced *r, struct cv_pool *pool,
		  struct quota_hold *hold, struct cv_error *err);
/* Commits the transaction with it. */
int replaced_commit(struct replaced *r, struct account_txn **txn,
		    struct cv_pool *pool, struct cv_error *err);
/* Everything is saved: it goes, unless it has gone already. */
int replaced_after(struct replaced *r, struct cv_error *err);

#endif
