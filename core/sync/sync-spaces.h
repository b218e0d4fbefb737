/* sync-spaces.h - a user's private namespaces as one tree of canonical names.
 *
 * The namespace with the inbox is the root.  Another one stands below it
 * under its prefix, '/' in place of its separator.  Left out are those that
 * LIST does not show, and those that show again what another shows, here or to
 * the user whose mail it is; and shared and public ones unless all are wanted. */
#ifndef SYNC_SPACES_H
#define SYNC_SPACES_H

#include "sync-side.h"

struct sync_space {
	const char *prefix;		/* as the user sees it: "Archive." */
	const char *canonical;		/* "Archive/"; "" of the inbox's */
	char separator;
	bool synced;			/* false: left out */
	bool others;			/* shared or public: what is not to be
					 * seen may be there */
	const struct cv_error *failure;	/* why it cannot be read; NULL */
};

struct sync_spaces {
	struct sync_space *items;
	uint32_t count, inbox;		/* inbox: its number */
};

void sync_spaces_init(struct sync_spaces *spaces, struct cv_user *user,
		      bool all, struct cv_pool *pool);
/* Is one of them synced that is not private? */
bool sync_spaces_has_others(const struct sync_spaces *spaces);
/* The number of the one that has the canonical name. */
uint32_t sync_spaces_of(const struct sync_spaces *spaces, const char *name);
/* By its prefix as configured, with or without the separator at its end;
 * CV_E_NOT_FOUND: none that is synced. */
int sync_spaces_find(const struct sync_spaces *spaces, const char *prefix,
		     uint32_t *number_r, struct cv_error *err);
/* *name_r NULL: of a namespace that is left out.  CV_E_UNSUPPORTED: the name
 * is that of a mailbox in another namespace, too. */
int sync_spaces_canonical(const struct sync_spaces *spaces, const char *name,
			  struct cv_pool *pool, const char **name_r,
			  struct cv_error *err);
/* CV_E_UNSUPPORTED: the namespace cannot have the name. */
int sync_spaces_native(const struct sync_spaces *spaces, const char *label,
		       const char *name, struct cv_pool *pool,
		       const char **name_r, struct cv_error *err);

#endif
