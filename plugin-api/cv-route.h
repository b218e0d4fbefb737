/* cv-route.h - which of several servers a user's sessions go to, for
 * culveradm director: a passdb that keeps such a table says so in
 * cv_passdb.routes.
 *
 * All texts are never NULL.  db is what the passdb's open gave.  Calls block,
 * and what they have returned CV_OK for counts for every proxy that shares
 * the table. */
#ifndef CV_ROUTE_H
#define CV_ROUTE_H

#include "cv-types.h"

struct cv_route_backend {
	CV_HEAD;
	const char *name;		/* a host's name or address */
	const char *tag;		/* "": the one for all */
	uint32_t port, weight;		/* port 0: that of the protocol */
	bool draining;			/* takes no new users */
	bool up;			/* a proxy reaches it, or none looks */
	uint64_t users;			/* that are assigned to it */
};

struct cv_route_user {
	CV_HEAD;
	const char *user, *backend;
	uint64_t used;			/* seconds since 1970 */
	bool pinned, moving;
};

typedef bool cv_route_backend_fn(void *context,
				 const struct cv_route_backend *one);
typedef bool cv_route_user_fn(void *context, const struct cv_route_user *one);

/* What a proxy lends to whoever watches for it. */
struct cv_route_watch {
	CV_HEAD;
	const char *proxy;		/* its own name, unique */
	/* Ends the user's sessions here, that are forwarded or not; count_r:
	 * how many there were. */
	int (*kick)(void *context, const char *user, uint32_t *count_r,
		    struct cv_error *err);
	/* Tells found each user with a forwarded session here. */
	int (*sessions)(void *context,
			void (*found)(void *found_context, const char *user),
			void *found_context, struct cv_error *err);
	void *context;
};

struct cv_routes {
	CV_HEAD;
	/* Makes the tables where there are none. */
	int (*setup)(void *db, struct cv_error *err);
	int (*backends)(void *db, cv_route_backend_fn *found, void *context,
			struct cv_error *err);
	/* user NULL: all of them. */
	int (*users)(void *db, const char *user, cv_route_user_fn *found,
		     void *context, struct cv_error *err);
	/* Adds one, or changes port, weight, tag and draining. */
	int (*set_backend)(void *db, const struct cv_route_backend *one,
			   struct cv_error *err);
	/* CV_NOT_FOUND. */
	int (*remove_backend)(void *db, const char *name,
			      struct cv_error *err);
	/* Where a user without an assignment would go to now; name_r lives in
	 * pool.  CV_NOT_FOUND: no backend is live. */
	int (*choose)(void *db, const char *user, struct cv_pool *pool,
		      const char **name_r, struct cv_error *err);
	/* Assigns the user to the backend, and waits until every proxy has
	 * ended the sessions that went elsewhere; logins of the user wait
	 * too.  backend NULL: to where choose says, and no pin is left.
	 * CV_NOT_FOUND: no such backend.  CV_E_TIMEOUT: a proxy did not
	 * answer, the move counts all the same. */
	int (*move)(void *db, const char *user, const char *backend, bool pin,
		    struct cv_error *err);
	/* One round of what a proxy does about every second: says that it
	 * lives, tries the backends that are due, ends the sessions of users
	 * who move. */
	int (*watch)(void *db, const struct cv_route_watch *watch,
		     struct cv_error *err);
};

#endif
