/* auth-plugin-api.h - joins auth with the plugin host. */
#ifndef AUTH_PLUGIN_API_H
#define AUTH_PLUGIN_API_H

#include "auth-provider.h"

/* Offers service "auth" to plugins and takes drivers, mechanisms and schemes
 * from those that are loaded.  Before module_load. */
void auth_plugin_api_register(void);

#endif
