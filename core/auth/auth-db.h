/* auth-db.h - the passdb { } and userdb { } blocks, opened. */
#ifndef AUTH_DB_H
#define AUTH_DB_H

#include "auth-dummy.h"
#include "auth-reply.h"
#include "settings/core-settings.h"

enum auth_rule {		/* result_success and so on */
	AUTH_RULE_RETURN_OK, AUTH_RULE_RETURN, AUTH_RULE_RETURN_FAIL,
	AUTH_RULE_CONTINUE, AUTH_RULE_CONTINUE_OK, AUTH_RULE_CONTINUE_FAIL,
};

/* What auth knows of a database whose driver runs in another process. */
struct auth_db_facts {
	bool looks_up, verifies, lists;	/* the driver can */
	const char *scheme;		/* of a bare password; passdb */
	const char *cache_key;		/* NULL: every input counts */
	/* What an unknown user's password is compared with; passdb */
	const char *dummy;
};

/* One block; pass or user is the driver's table.  Both are NULL for the
 * userdb "prefetch", which is core's, and in auth for a driver that may
 * block: it is loaded in auth-worker alone, and only its facts are here. */
struct auth_db {
	uint32_t index;			/* the same in each process */
	bool is_passdb;
	bool pure;			/* may run in the auth process */
	bool prefetch;
	const char *driver, *args;
	const struct cv_passdb *pass;
	const struct cv_userdb *user;
	void *db;			/* the driver's */
	struct auth_db_facts facts;
	uint32_t skip;			/* enum passdb_skip, userdb_skip */
	uint32_t rules[3];		/* success, failure, internalfail */
	const char *default_fields, *override_fields;
	struct cv_strings mechanisms;	/* passdb */
	const char *username_filter;	/* passdb */
	bool deny, pass_on, master;	/* passdb */
	struct auth_dummy dummy;	/* for users that do not exist */
	const struct cv_scheme *weak_told[16];	/* those that were reported */
	struct auth_db *next;
};

struct auth_dbs {
	struct auth_db *passdbs, *masterdbs, *userdbs;
	uint32_t count;
};

struct auth_dbs_options {
	/* Told what drivers will read; may be NULL. */
	void (*needs_path)(void *context, const char *path);
	/* Told what they will write to; may be NULL. */
	void (*writes_path)(void *context, const char *path);
	void *context;
	/* Of all blocks, by index: those whose driver is not in this process
	 * are not opened (auth-facts.h).  NULL: that is an error. */
	const struct auth_db_facts *facts;
	uint32_t fact_count;
};

/* Opens every block of the tree, in order.  options may be NULL.
 * CV_E_CONFIG with the driver's name in it. */
int auth_dbs_open(struct auth_dbs *dbs, const struct settings_tree *tree,
		  struct cv_pool *pool, const struct auth_dbs_options *options,
		  struct cv_error *err);
/* Any of them, passdb or userdb, by its index; NULL: there is none. */
const struct auth_db *auth_dbs_get(const struct auth_dbs *dbs,
				   uint32_t index);
void auth_dbs_close(struct auth_dbs *dbs);

/* The same driver and args; NULL: not in these settings. */
struct auth_db *auth_dbs_find(const struct auth_dbs *dbs, bool is_passdb,
			      const char *driver, const char *args);

/* What the chain does after a result of a database: enum auth_rule. */
uint32_t auth_db_rule(const struct auth_db *db, int result);

/* Runs the driver; may block unless db->pure.  Results as enum
 * cv_auth_result or negative. */
int auth_db_lookup(const struct auth_db *db, const struct cv_auth_input *in,
		   struct cv_auth_reply *reply, struct cv_error *err);
/* The whole check of a password in a passdb: verify of the driver, or lookup
 * and hash.  Costs as much for an unknown user as for a known one
 * [security.md A26]. */
int auth_db_verify(struct auth_db *db, const struct cv_auth_input *in,
		   struct cv_span password, struct cv_auth_reply *reply,
		   struct cv_error *err);
/* nopassword is set, and no password beside it: one with the other is a
 * mistake that lets nobody in. */
bool auth_db_no_password(const struct cv_auth_reply *reply);
/* Remembers the kind of hash for users that do not exist. */
void auth_db_saw_hash(struct auth_db *db, const char *hash);
/* Never NULL. */
const char *auth_db_dummy_hash(const struct auth_db *db);

#endif
