/* auth-mechanism.h - the SASL mechanisms: core's own and those of plugins. */
#ifndef AUTH_MECHANISM_H
#define AUTH_MECHANISM_H

#include "auth-provider.h"
#include "ipc/auth-message.h"
#include "settings/core-settings.h"

extern const struct cv_mechanism mech_plain, mech_login;

/* By name, upper or lower case, when auth_mechanisms has it; NULL. */
const struct cv_mechanism *auth_mechanism_find(const struct auth_settings *set,
					       const char *name);
/* All that auth_mechanisms names and that are there. */
void auth_mechanisms_list(const struct auth_settings *set,
			  struct auth_mechanisms *m_r);
/* CV_E_CONFIG: auth_mechanisms names one that is not there. */
int auth_mechanisms_check(const struct auth_settings *set,
			  struct cv_error *err);

#endif
