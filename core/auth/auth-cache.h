/* auth-cache.h - answers of the databases, kept for a while.
 *
 * INVARIANT: a key holds every input to the answer [security.md R9]: the
 * database, the user name as looked up, and all else the driver may have
 * looked at.  allow_nets and the like are checked behind the cache.
 *
 * A wrong password never comes out of the cache: core looks again, so that a
 * changed password works at once.  What is remembered of a right one is a
 * digest with a key of this process. */
#ifndef AUTH_CACHE_H
#define AUTH_CACHE_H

#include "auth-db.h"

struct auth_cache;

enum { AUTH_CACHE_DIGEST = 32 };

/* size in bytes; times in milliseconds.  NULL when size is 0. */
struct auth_cache *auth_cache_create(uint64_t size, uint64_t ttl_msecs,
				     uint64_t negative_ttl_msecs);
void auth_cache_destroy(struct auth_cache **cache);

/* The key for a lookup; false: this one must not be cached. */
bool auth_cache_key(const struct auth_db *db, const struct cv_auth_input *in,
		    struct cv_text *key);

/* True when there is a fresh entry: CV_AUTH_OK with its fields, or
 * CV_AUTH_UNKNOWN_USER. */
bool auth_cache_find(struct auth_cache *cache, struct cv_span key,
		     int *result_r, struct cv_auth_reply *reply);
/* True when there is a fresh entry for which this password was right. */
bool auth_cache_password_known(struct auth_cache *cache, struct cv_span key,
			       struct cv_span password);

/* Replaces what was there.  password.data NULL: it was a lookup without. */
void auth_cache_store(struct auth_cache *cache, struct cv_span key,
		      int result, const struct cv_auth_reply *reply,
		      struct cv_span password);
void auth_cache_remove(struct auth_cache *cache, struct cv_span key);
/* How many entries went. */
uint32_t auth_cache_flush(struct auth_cache *cache);
/* The same for those of one user, as looked up. */
uint32_t auth_cache_flush_user(struct auth_cache *cache, const char *user);
uint32_t auth_cache_count(const struct auth_cache *cache);

struct auth_cache_state {
	uint32_t entries;
	uint64_t used, size;		/* bytes */
	uint64_t hits, misses;		/* since the process has started */
};
/* cache NULL: all zero. */
void auth_cache_get_state(const struct auth_cache *cache,
			  struct auth_cache_state *state_r);
/* All entries look this much older (tests). */
void auth_cache_age(struct auth_cache *cache, uint64_t msecs);

#endif
