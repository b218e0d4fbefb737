/* acl-shared.h - who has shared mail with whom: "acl_shared_dict = file:PATH"
 * in plugin { }.
 *
 * A hint, so that LIST shows owners that were never asked for by name: it
 * gives nobody a right, and a name in it that is wrong shows nothing.  The
 * file is that of Dovecot's dictionary: pairs of lines,
 *
 *	shared/shared-boxes/user/READER/OWNER	shared/shared-boxes/anyone/OWNER
 *	shared/shared-boxes/group/GROUP/OWNER	("1" is the line behind each)
 *
 * It is replaced as a whole, by whoever changes a list, under the lock that
 * Dovecot takes: the file PATH.lock, which becomes the new one. */
#ifndef ACL_SHARED_H
#define ACL_SHARED_H

#include "mailbox/acl.h"
#include "io/io.h"

enum {
	ACL_SHARED_BYTES_MAX = 16 << 20,
	ACL_SHARED_OWNERS_MAX = 1000,	/* that one user is told */
};

/* The path that a setting names; *path_r NULL: none.  CV_E_CONFIG. */
int acl_shared_path(const char *setting, struct cv_pool *pool,
		    const char **path_r, struct cv_error *err);
/* The owners who have shared something with who, in pool; none twice. */
int acl_shared_find(struct io *io, const char *path, const struct acl_who *who,
		    struct cv_pool *pool, struct cv_strings *owners_r,
		    struct cv_error *err);
/* Makes this all that an owner has shared; its rights do not matter.  On disk
 * when it returns. */
int acl_shared_set(struct io *io, const char *path, const char *owner,
		   const struct acl *with, struct cv_error *err);

#endif
