/* auth.h - the engine: settings, databases, cache and workers of one
 * process. */
#ifndef AUTH_H
#define AUTH_H

#include "auth-cache.h"
#include "auth-worker.h"

struct event_base;
struct auth_penalty;

struct auth {
	struct cv_pool *pool;
	const struct settings_tree *tree;
	struct auth_settings set;
	struct auth_dbs dbs;
	struct auth_cache *cache;	/* NULL: off */
	struct auth_workers *workers;	/* NULL: everything is done here */
	struct auth_penalty *penalty;	/* NULL: none */
	struct event_base *base;	/* for exchanges and workers */
};

/* Reads the settings and opens the databases.  tree and base must outlive
 * it.  options as in auth_dbs_open; facts are copied by reference. */
int auth_create(const struct settings_tree *tree, struct event_base *base,
		const struct auth_dbs_options *options,
		struct auth **auth_r, struct cv_error *err);
void auth_destroy(struct auth **auth);

/* All users of all userdbs that can list them.  found may get a name twice
 * when two of them have it.  done gets the first failure. */
void auth_list_users(struct auth *auth, cv_user_found_fn *found,
		     void (*done)(void *context, int result,
				  const struct cv_error *err),
		     void *context);

#endif
