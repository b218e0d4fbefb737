/* location-check.h - the form of mail_location. */
#ifndef LOCATION_CHECK_H
#define LOCATION_CHECK_H

#include "settings.h"

enum location_key {
	LOCATION_KEY_UNKNOWN, LOCATION_KEY_USED,
	LOCATION_KEY_UNUSED,	/* of Dovecot, without effect here */
};

/* What KEY of "driver:path:KEY=value" is. */
enum location_key location_key_find(struct cv_span key);

/* Looks over mail_location and the locations of namespaces, as far as that
 * can be done without a user: problems are added to the tree.  CV_E_CONFIG and
 * the first of them when there are errors. */
int location_check(struct settings_tree *tree, struct cv_error *err);

#endif
