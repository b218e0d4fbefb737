/* user-ids.c - as which system user a user's mail is opened. */
#include "base.h"
#include "user-ids.h"
#include "settings/core-settings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

int user_id_find(const char *name, bool group, const char *what,
		 uint32_t *id_r, struct cv_error *err)
{
	uint64_t number;

	*id_r = USER_ID_NONE;
	if (*name == '\0')
		return CV_OK;
	if (cv_span_to_u64(cv_span_of(name), UINT32_MAX - 1, &number)) {
		*id_r = (uint32_t)number;
		return CV_OK;
	}
	if (group) {
		const struct group *gr = getgrnam(name);

		if (gr != NULL)
			*id_r = gr->gr_gid;
	} else {
		const struct passwd *pw = getpwnam(name);

		if (pw != NULL)
			*id_r = pw->pw_uid;
	}
	return *id_r != USER_ID_NONE ? CV_OK :
		FAIL(err, CV_E_CONFIG, "%s = %s: there is no such %s", what,
		     name, group ? "group" : "user");
}

static int check_id(uint32_t id, uint32_t first, uint32_t last,
		    const char *what, struct cv_error *err)
{
	if (id == 0)
		return FAIL(err, CV_E_CONFIG, "mail is never opened as root "
			    "(%s 0)", what);
	if (id < first || (last != 0 && id > last))
		return FAIL(err, CV_E_CONFIG, "%s %u is outside of "
			    "first_valid_%s (%u) and last_valid_%s (%u)",
			    what, id, what, first, what, last);
	return CV_OK;
}

int user_ids_check(const struct mail_settings *set, uint32_t uid, uint32_t gid,
		   struct cv_error *err)
{
	int ret = check_id(uid, set->first_valid_uid, set->last_valid_uid,
			   "uid", err);

	return ret < 0 ? ret :
		check_id(gid, set->first_valid_gid, set->last_valid_gid,
			 "gid", err);
}

int user_ids_resolve(const struct settings_tree *tree,
		     const struct settings_scope *scope, const char *user,
		     uint32_t *uid, uint32_t *gid, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("user ids");
	struct mail_settings set;
	int ret = settings_get(tree, &mail_settings_table, scope, pool, &set,
			       err);

	if (ret == CV_OK && *uid == USER_ID_NONE)
		ret = user_id_find(set.mail_uid, false, "mail_uid", uid, err);
	if (ret == CV_OK && *gid == USER_ID_NONE)
		ret = user_id_find(set.mail_gid, true, "mail_gid", gid, err);
	if (ret == CV_OK && (*uid == USER_ID_NONE || *gid == USER_ID_NONE))
		ret = FAIL(err, CV_E_CONFIG, "user %s has no uid or gid: let "
			   "the userdb return them, or set mail_uid and "
			   "mail_gid", user);
	if (ret == CV_OK)
		ret = user_ids_check(&set, *uid, *gid, err);
	pool_destroy(&pool);
	return ret;
}

int user_privileged_group(const struct mail_settings *set, uint32_t *gid_r,
			  struct cv_error *err)
{
	int ret = user_id_find(set->mail_privileged_group, true,
			       "mail_privileged_group", gid_r, err);

	return ret == CV_OK && *gid_r == 0 ?
		FAIL(err, CV_E_CONFIG, "mail_privileged_group = %s: never "
		     "root's", set->mail_privileged_group) : ret;
}

int user_ids_become(uint32_t uid, uint32_t gid, uint32_t privileged,
		    struct cv_error *err)
{
	if (privileged == USER_ID_NONE)
		privileged = gid;
	/* as root, setuid changes the saved uid too */
	if (setresgid(gid, gid, privileged) < 0 || setuid(uid) < 0)
		return FAIL_ERRNO(err, errno, "cannot become user %u, "
				  "group %u", uid, gid);
	return CV_OK;
}
