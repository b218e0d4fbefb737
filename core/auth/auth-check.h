/* auth-check.h - what the settings say to auth, looked over while the
 * configuration is read. */
#ifndef AUTH_CHECK_H
#define AUTH_CHECK_H

#include "settings/settings.h"

/* Tells the module host which variables databases of users have, and which
 * schemes of passwords are core's; before module_settings_read. */
void auth_check_prepare(void);

/* default_fields and override_fields of all passdb { } and userdb { }
 * blocks, auth_username_format: problems are added to the tree.  CV_E_CONFIG
 * and the first of them when there are any. */
int auth_settings_check(struct settings_tree *tree, struct cv_error *err);

#endif
