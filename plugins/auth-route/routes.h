/* routes.h - an open passdb { driver = route }: what its files share. */
#ifndef ROUTES_H
#define ROUTES_H

#include "cv-auth.h"
#include "cv-plugin.h"
#include "route-hash.h"
#include "route-watch.h"

#include <stdio.h>

enum {
	ROUTES_TRIES = 4,	/* when others are always faster */
	ROUTES_POLL_MSECS = 100, ROUTES_KNOWN_USERS = 4096,
};

/* Where a user was sent when the database could last be asked. */
struct route_known { char user[ROUTE_NAME_ROOM], backend[ROUTE_NAME_ROOM]; };

struct routes {
	struct cv_pool *pool;
	struct route_file file;
	struct route_store store;
	struct route_watcher watcher;
	/* for when the database is away */
	struct cv_pool *known_pool;	/* of backends */
	struct route_backend *backends;
	struct route_known *users;	/* ROUTES_KNOWN_USERS, by hash */
	bool away;
};

#define route_auth_api CV_OWN(_route_auth_api)
extern const struct cv_auth_api *route_auth_api;
#define route_self CV_OWN(_route_self)
extern struct cv_plugin *route_self;

/* Seconds since 1970. */
#define routes_now CV_OWN(_routes_now)
uint64_t routes_now(void);
#define routes_pause CV_OWN(_routes_pause)
void routes_pause(long msecs);

/* The backends as they are now, in routes->backends until the next call. */
#define routes_read CV_OWN(_routes_read)
int routes_read(struct routes *routes, struct cv_error *err);
/* NULL: there is none of that name. */
#define routes_find CV_OWN(_routes_find)
const struct route_backend *routes_find(const struct route_backend *list,
					const char *name);
/* Where a new user goes; NULL: nowhere. */
#define routes_choose CV_OWN(_routes_choose)
const struct route_backend *
routes_choose(const struct routes *routes, const struct route_backend *list,
	      const char *user);
#define routes_is_moving CV_OWN(_routes_is_moving)
bool routes_is_moving(const struct route_user *row);

/* route-login.c: cv_passdb.lookup. */
#define route_lookup CV_OWN(_route_lookup)
int route_lookup(void *db, const struct cv_auth_input *in,
		 struct cv_auth_reply *reply, struct cv_error *err);
/* route-director.c: cv_passdb.routes. */
#define route_director CV_OWN(_route_director)
extern const struct cv_routes route_director;

#endif
