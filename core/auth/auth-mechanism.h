/* auth-mechanism.h - the SASL mechanisms: core's own and those of plugins. */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "auth-provider.h"
#include "mechanism-names.h"
#include "ipc/auth-message.h"
#include "settings/core-settings.h"

enum { AUTH_SALT_KEY_BYTES = 32 };

/* What core's own mechanisms know besides their exchange. */
struct auth_mechanism_env {
	const struct auth_settings *set;
	const char *hostname;
	/* Makes salts of users who do not exist: the same ones as long as the
	 * key of the server's certificate is the same. */
	unsigned char salt_key[AUTH_SALT_KEY_BYTES];
};

/* set must outlive the process's last exchange; hostname is copied.  tree
 * NULL: a random key. */
void auth_mechanisms_init(const struct settings_tree *tree,
			  const struct auth_settings *set,
			  const char *hostname);
/* Before init: settings NULL, a random key. */
const struct auth_mechanism_env *auth_mechanism_env(void);

#define AUTH_DECLARE_(table, name) extern const struct cv_mechanism table;
AUTH_OWN_MECHANISMS(AUTH_DECLARE_)

/* By name, upper or lower case, when auth_mechanisms has it; NULL. */
const struct cv_mechanism *auth_mechanism_find(const struct auth_settings *set,
					       const char *name);
/* All that auth_mechanisms names and that are there. */
void auth_mechanisms_list(const struct auth_settings *set,
			  struct auth_mechanisms *m_r);
/* Lets all that auth_mechanisms names prepare themselves; config stays. */
int auth_mechanisms_start(const struct auth_settings *set,
			  const struct cv_mechanism_config *config,
			  struct cv_error *err);
/* CV_E_CONFIG: auth_mechanisms names one that is not there. */
int auth_mechanisms_check(const struct auth_settings *set,
			  struct cv_error *err);

#endif
