/* db-users.h - users in a database that a file of settings tells of: a passdb
 * and a userdb with the same file share one. */
#ifndef DB_USERS_H
#define DB_USERS_H

#include "cv-plugin.h"
#include "cv-auth.h"

/* The first member of what a driver knows of one file. */
struct db_users {
	struct db_users *next;
	struct cv_pool *pool;		/* all of it */
	const char *path;
	uint32_t refs;
};

/* One a driver, static. */
struct db_users_kind {
	const char *name;
	size_t size;			/* of the whole struct */
	/* Reads users->path, all else is 0; nothing is kept of a failure. */
	int (*open)(struct db_users *users,
		    const struct cv_auth_db_config *config,
		    struct cv_error *err);
	void (*close)(struct db_users *users);
	struct db_users *first;
};

/* The one that is there, or a new one; ends with as many db_users_close. */
#define db_users_open CV_OWN(_db_users_open)
int db_users_open(struct db_users_kind *kind,
		  const struct cv_auth_db_config *config, void **db_r,
		  struct cv_error *err);
#define db_users_close CV_OWN(_db_users_close)
void db_users_close(struct db_users_kind *kind, struct db_users *users);

#endif
