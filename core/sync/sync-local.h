/* sync-local.h - the mail of a user of this process as an end, for
 * sync-local*.c. */
#ifndef SYNC_LOCAL_H
#define SYNC_LOCAL_H

#include "sync-spaces.h"

struct local {
	struct sync_side side;
	struct cv_pool *pool;
	struct cv_user *user;
	bool owned;
	struct sync_spaces spaces;
	/* Dry run: what the mailbox settings say is there, and would be made
	 * when it is first looked at; names as the user sees them. */
	sync_names fresh;

	struct cv_pool *box_pool;	/* of the open mailbox */
	const char *name;		/* as the user sees it */
	struct cv_mailbox *box;		/* reads */
	struct cv_save *save;
	bool adding;
	uint32_t saved_count;

	struct cv_pool *fetch_pool;
	const uint32_t *uids;
	uint32_t uid_count, uid_at;
	struct cv_stream *stream;
	size_t unread;
	uint32_t seq;			/* of the message */
	int opened;			/* whether it could be; else why not */
	struct cv_error why;
};

/* --- sync-local-write.c: rows of sync_side_ops, for the open mailbox -------- */

int sync_local_change(struct sync_side *s, struct sync_change *changes,
		      uint32_t count, struct cv_error *err);
int sync_local_expunge(struct sync_side *s, const uint32_t *uids,
		       uint32_t count, struct cv_error *err);
int sync_local_save_add(struct sync_side *s, const struct sync_row *as,
			struct cv_error *err);
int sync_local_save_write(struct sync_side *s, struct cv_span data,
			  struct cv_error *err);
int sync_local_save_commit(struct sync_side *s, uint32_t *uids_r,
			   uint32_t count, struct cv_error *err);
void sync_local_save_abort(struct sync_side *s);

#endif
