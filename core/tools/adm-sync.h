/* adm-sync.h - what sync, backup and import share. */
#ifndef ADM_SYNC_H
#define ADM_SYNC_H

#include "adm-mail.h"
#include "sync/sync-side.h"

/* The mail of the same user at another mail_location, as m->user's. */
int adm_sync_open_user(struct adm_mail *m, const char *location,
		       uint64_t modseq, struct cv_user **user_r,
		       struct cv_error *err);
/* Fails: the location that was to be read is not there. */
int adm_sync_no_mail(const char *location, struct cv_error *err);
/* Fails when the mail at the location is the user's own, or lies in it: that
 * of the namespace that the mailbox name is in; NULL: of any. */
int adm_sync_check_other(const struct cv_user *other,
			 struct cv_user *user, const char *name,
			 const char *location, struct cv_error *err);
#endif
