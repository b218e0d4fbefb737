/* acl-global.h - the administrator's lists of rights, which count over those
 * that users keep: "acl = vfile:PATH[:cache_secs=N]" in plugin { }, for
 * mail_plugins = acl.
 *
 * PATH is a file of lines, each a pattern of mailbox names and what stands in
 * a line of "dovecot-acl":
 *
 *	Lists.* group=staff lr
 *	"Two words" -user=jane i
 *
 * '*' stands for any characters, '?' for one.  All lines whose pattern matches
 * count; those of the same identifier are added up.  Or PATH is a directory,
 * with a file "dovecot-acl" in form for each mailbox, under its name; where that
 * is a directory, since there are mailboxes below it, the file is ".DEFAULT" in
 * it.  So that of the directory PATH itself is for new mailboxes at the top.
 *
 * Names are those that the owner of the mailbox sees. */
#ifndef ACL_GLOBAL_H
#define ACL_GLOBAL_H

#include "mailbox/acl.h"
#include "io/io.h"

enum { ACL_GLOBAL_LINES_MAX = 10 * 1000, ACL_GLOBAL_BYTES_MAX = 1 << 20 };

struct acl_global;

/* setting: "" is none, *global_r becomes NULL.  It and io outlive it.
 * CV_E_CONFIG, CV_E_SYNTAX, CV_E_TEMP. */
int acl_global_open(struct io *io, struct cv_pool *pool, const char *setting,
		    struct acl_global **global_r, struct cv_error *err);
/* The path that the setting names; NULL: none. */
const char *acl_global_path(const char *setting, struct cv_pool *pool);
/* Adds the entries for a mailbox; name "" is that of new ones at the top.
 * Files are looked at again after cache_secs.  A file that cannot be read any
 * more is an error, so that nobody has rights that it took. */
int acl_global_get(struct acl_global *global, const char *name,
		   struct acl *acl, struct cv_error *err);
bool acl_global_matches(struct cv_span pattern, struct cv_span name);

#endif
