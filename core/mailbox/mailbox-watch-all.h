/* mailbox-watch-all.h - hearing of changes in many mailboxes at once, and what
 * all of them are like now, for NOTIFY [RFC5465]. */
#ifndef MAILBOX_WATCH_ALL_H
#define MAILBOX_WATCH_ALL_H

#include "mailbox-private.h"

enum {
	/* what other programs do is heard of in so many mailboxes; what goes
	 * through the accounts in all of them */
	WATCH_MAILBOXES_MAX = 256,
};

/* As the functions of struct cv_mailbox_api. */
int watch_all_set(struct cv_user *u, struct cv_mailbox *box,
		  const char *const *names, uint32_t count,
		  struct cv_error *err);
int watch_all_fd(struct cv_user *u);
int watch_all_take(struct cv_user *u, struct cv_error *err);
void watch_all_end(struct cv_user *u);
/* Before a view is closed; NULL is ignored. */
void watch_all_forget(const struct cv_mailbox *box);

/* mailbox-picture.c */
int mailbox_pictures(struct cv_user *u, uint64_t *turn, struct cv_pool *pool,
		     const struct cv_mailbox_picture ***pictures_r,
		     uint32_t *count_r, struct cv_error *err);
int mailbox_pictures_want(struct cv_user *u, const char *const *names,
			  uint32_t count, bool personal,
			  struct cv_error *err);

#endif
