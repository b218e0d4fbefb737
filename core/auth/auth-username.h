/* auth-username.h - from what a client calls itself to the name that is
 * looked up. */
#ifndef AUTH_USERNAME_H
#define AUTH_USERNAME_H

#include "auth-input.h"
#include "settings/core-settings.h"

/* raw: as the client gave it.  In this order, as Dovecot does it:
 * auth_default_realm is added to a name without '@';
 * auth_username_translation; a byte not in auth_username_chars is refused;
 * auth_username_format.  *user_r is in the pool.
 *
 * CV_E_DENIED: not an acceptable name (empty, too long, NUL, forbidden byte).
 * in gives the other variables of auth_username_format; its user is not
 * looked at. */
int auth_username_fix(const struct auth_settings *set,
		      const struct cv_auth_input *in, struct cv_span raw,
		      struct cv_pool *pool, const char **user_r,
		      struct cv_error *err);

/* Splits "user*master" at the first auth_master_user_separator: true, and
 * both parts; false when there is no separator in raw or in the settings. */
bool auth_username_split_master(const struct auth_settings *set,
				struct cv_span raw, struct cv_span *login_r,
				struct cv_span *master_r);

/* "*@example.com !boss@example.com": patterns with * and ? separated by
 * blanks or commas; one that begins with ! excludes.  An empty filter takes
 * all. */
bool auth_username_matches(const char *filter, const char *user);

/* One pattern with * and ?; at most name times pattern steps. */
bool auth_pattern_matches(struct cv_span pattern, struct cv_span text);

#endif
