/* auth-ids.h - numbers for the names of system users and groups that a
 * userdb has given.
 *
 * The name service may ask a network, so names are looked up in auth-worker
 * (AUTH_JOB_IDS); auth itself knows numbers, and the names of the last
 * seconds. */
#ifndef AUTH_IDS_H
#define AUTH_IDS_H

#include "auth-reply.h"

/* As the fields uid, gid and system_groups_user have them; "": not given. */
struct auth_id_names { const char *uid, *gid, *groups_of; };

enum { AUTH_NO_ID = UINT32_MAX };

struct auth_ids {
	uint32_t uid, gid;		/* AUTH_NO_ID: not given */
	const uint32_t *groups;
	uint32_t group_count;
};

/* Whether it can be said here and now.  Never waits. */
bool auth_ids_known(const struct auth_id_names *names,
		    struct auth_ids *ids_r);
/* Asks the system; into a reply that travels: uid, gid, groups.  CV_E_CONFIG:
 * no such user or group. */
int auth_ids_lookup(const struct auth_id_names *names,
		    struct cv_auth_reply *reply, struct cv_error *err);
/* Takes such a reply, and remembers the names for some seconds.
 * CV_E_SYNTAX: it is none. */
int auth_ids_take(const struct auth_id_names *names,
		  const struct cv_auth_reply *reply, struct cv_pool *pool,
		  struct auth_ids *ids_r, struct cv_error *err);

#endif
