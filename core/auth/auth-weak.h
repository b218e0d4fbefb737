/* auth-weak.h - stored passwords that are easily guessed by who gets hold of
 * them: auth_allow_weak_schemes. */
#ifndef AUTH_WEAK_H
#define AUTH_WEAK_H

#include "auth-db.h"

/* A password has been found right that is stored like this.  False: it must
 * not be let in.  Each scheme of a database is reported once; allow is of
 * enum auth_auth_allow_weak_schemes. */
bool auth_weak_permits(struct auth_db *db, const char *stored, uint32_t allow,
		       const char *name);

#endif
