/* namespace-check.h - what can be seen to be wrong in namespace { } before
 * there is a user. */
#ifndef NAMESPACE_CHECK_H
#define NAMESPACE_CHECK_H

#include "settings.h"

/* The CV_MAILBOX_USE_* of "\Sent"; 0: there is no such use. */
uint32_t special_use_find(const char *name);

/* Looks over all namespaces: what no user could open is an error, what only
 * a userdb could mend is a warning.  Problems are added to the tree.
 * CV_E_CONFIG and the first of them when there are errors. */
int namespace_check(struct settings_tree *tree, struct cv_error *err);

#endif
