/* auth-service-private.h - what auth and auth-worker begin with. */
#ifndef AUTH_SERVICE_PRIVATE_H
#define AUTH_SERVICE_PRIVATE_H

#include "auth.h"
#include "auth-service.h"

/* Loads the plugins that the settings name for the process, and opens the
 * databases; the process may reach what they need.  wants: 0 or
 * MODULE_WANT_ONLY_PURE. */
int auth_service_load(struct service *s, const char *process, uint32_t wants,
		      struct event_base *base, struct auth **auth_r,
		      struct cv_error *err);

#endif
