/* location-check.h - the form of mail_location. */
#ifndef LOCATION_CHECK_H
#define LOCATION_CHECK_H

#include "settings.h"

enum location_key {
	LOCATION_KEY_UNKNOWN, LOCATION_KEY_USED,
	LOCATION_KEY_REFUSED,	/* LOCATION_BROKENCHAR says why */
	LOCATION_KEY_UNUSED,	/* of Dovecot, without effect here */
};

/* What KEY of "driver:path:KEY=value" is. */
enum location_key location_key_find(struct cv_span key);
/* Whether it stands alone, without a value. */
bool location_key_is_word(struct cv_span key);
/* MAILBOXDIR: whether it says what is the case anyway.  Mail below another
 * directory would not be seen. */
bool location_mailboxdir_is_ours(struct cv_span driver, struct cv_span value);

/* What is wrong with SUBSCRIPTIONS=value, to stand behind it; NULL: nothing. */
const char *location_subscriptions_wrong(struct cv_span value);

/* Behind the key's name. */
#define LOCATION_BROKENCHAR "is not supported: a folder whose name on disk " \
	"is broken cannot be named by escapes; remove the key, and give " \
	"such folders a name that is right"

/* Looks over mail_location and the locations of namespaces, as far as that
 * can be done without a user: problems are added to the tree.  CV_E_CONFIG and
 * the first of them when there are errors. */
int location_check(struct settings_tree *tree, struct cv_error *err);

#endif
