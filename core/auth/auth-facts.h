/* auth-facts.h - what auth has to know of databases that it does not load.
 *
 * A driver that may block belongs in auth-worker, with all the libraries it
 * brings along.  auth still has to know which scheme a bare password has,
 * what the cache's key is made of and what the driver can do: a child that
 * ends at once loads what auth-worker loads, opens the databases and tells. */
#ifndef AUTH_FACTS_H
#define AUTH_FACTS_H

#include "auth-db.h"

enum { AUTH_FACTS_MSECS = 30000 };	/* for opening all of them */

/* The facts of all databases, by index, in pool.  To be called when the
 * plugins of auth are loaded, before the process is confined.  CV_E_CONFIG
 * and so on, with what a driver had to say; also when one has crashed. */
int auth_facts_learn(const struct settings_tree *tree, struct cv_pool *pool,
		     struct auth_dbs_options *options_r,
		     struct cv_error *err);

/* The child's part, and the parent's: one message for each database over a
 * socket of ipc_pair, and one more at the end. */
int auth_facts_send(int fd, const struct auth_dbs *dbs, struct cv_error *err);
int auth_facts_receive(int fd, struct cv_pool *pool,
		       struct auth_dbs_options *options_r,
		       struct cv_error *err);

#endif
