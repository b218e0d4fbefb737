/* user-ids.h - as which system user a user's mail is opened. */
#ifndef USER_IDS_H
#define USER_IDS_H

#include "settings/settings.h"

#define USER_ID_NONE ((uint32_t)-1)

/* The number of a system user or group given by name or number; "" is
 * USER_ID_NONE.  what names the setting in errors.  CV_E_CONFIG: there is no
 * such name. */
int user_id_find(const char *name, bool group, const char *what,
		 uint32_t *id_r, struct cv_error *err);
/* Against first_valid_uid and its like: nobody's mail is opened as root.
 * CV_E_CONFIG. */
struct mail_settings;
int user_ids_check(const struct mail_settings *set, uint32_t uid, uint32_t gid,
		   struct cv_error *err);
/* Fills ids that the userdb left open (USER_ID_NONE) from mail_uid and
 * mail_gid, and checks them.  CV_E_CONFIG: still open. */
int user_ids_resolve(const struct settings_tree *tree,
		     const struct settings_scope *scope, const char *user,
		     uint32_t *uid, uint32_t *gid, struct cv_error *err);
/* The ids of this process, for good: no way leads back.  The saved group is
 * privileged (USER_ID_NONE: none), which a storage driver may take for a
 * moment with setfsgid. */
int user_ids_become(uint32_t uid, uint32_t gid, uint32_t privileged,
		    struct cv_error *err);
/* The number of mail_privileged_group; USER_ID_NONE: none. */
int user_privileged_group(const struct mail_settings *set, uint32_t *gid_r,
			  struct cv_error *err);

#endif
