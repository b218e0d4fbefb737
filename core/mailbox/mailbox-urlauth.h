/* mailbox-urlauth.h - URLs with authorization [RFC4467]: keys, tokens, and what
 * they give. */
#ifndef MAILBOX_URLAUTH_H
#define MAILBOX_URLAUTH_H

#include "mailbox-private.h"

bool urlauth_offered(struct cv_user *u);
int urlauth_token(struct cv_user *u, struct cv_span rump,
		  struct cv_pool *pool, struct cv_span *token_r,
		  struct cv_error *err);
int urlauth_reset(struct cv_user *u, const char *name, struct cv_error *err);
uint64_t urlauth_turn(struct cv_mailbox *box);

/* urlauth-open.c */
int urlauth_open(struct cv_user *u, struct cv_span text, uint32_t want,
		 struct cv_pool *pool, struct cv_url_part *part_r,
		 struct cv_error *err);
void urlauth_close(struct cv_url_part *part);
/* The same in the owner's own process, for whoever it serves (the owner, or
 * the accessor of a broker).  CV_NOT_FOUND: whatever is wrong with the URL. */
int urlauth_open_own(struct cv_user *owner, struct cv_span text,
		     uint32_t want, struct cv_pool *pool,
		     struct cv_url_part *part_r, struct cv_error *err);

/* For urlauth-open.c.  NULL after an error. */
const struct urlauth_settings *urlauth_settings(struct cv_user *u,
						struct cv_error *err);
/* Is this the server that the URL names? */
bool urlauth_is_here(const struct urlauth_settings *set,
		     const struct cv_url *url);
/* Whether the token was made with this user's key for the mailbox; where there
 * is none, as much work is done [RFC4467 6]. */
bool urlauth_verify(struct cv_user *owner, const struct cv_url *url);

#endif
