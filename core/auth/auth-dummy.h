/* auth-dummy.h - what an unknown user's password is checked against, so that
 * it takes as long as a known one's [security.md A26].
 *
 * Of the kinds of hashes (scheme and cost) that a database has shown, the one
 * that was seen most often lately counts: a single user with another kind
 * does not change what the answer to a stranger costs. */
#ifndef AUTH_DUMMY_H
#define AUTH_DUMMY_H

#include "base.h"

enum { AUTH_DUMMY_KINDS = 8, AUTH_DUMMY_KEY_MAX = 64 };

struct auth_dummy {
	struct {
		char key[AUTH_DUMMY_KEY_MAX];
		char *hash;		/* one of this kind */
		uint32_t seen;
	} kinds[AUTH_DUMMY_KINDS];	/* seen 0: free */
	char *made;			/* until one is seen; NULL: none */
};

/* A stored password; scheme is that of a bare one. */
void auth_dummy_saw(struct auth_dummy *dummy, const char *hash,
		    const char *scheme);
/* Never NULL. */
const char *auth_dummy_hash(const struct auth_dummy *dummy);
void auth_dummy_free(struct auth_dummy *dummy);

#endif
