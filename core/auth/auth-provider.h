/* auth-provider.h - where auth finds drivers, mechanisms and schemes.
 *
 * The services point it at the plugin host; tools and tests may leave it
 * empty and have core's own alone. */
#ifndef AUTH_PROVIDER_H
#define AUTH_PROVIDER_H

#include "base.h"
#include "cv-plugin.h"
#include "cv-auth.h"

struct auth_provider_source {
	const void *(*find)(uint32_t kind, const char *name);
	const void *(*next)(uint32_t kind, uint32_t *at);
	/* CV_PLUGIN_PURE and so on, of the plugin that gave the table. */
	uint32_t (*flags)(const void *table);
};

/* Not copied; NULL: none. */
void auth_provider_set_source(const struct auth_provider_source *source);

const void *auth_provider_find(uint32_t kind, const char *name);
const void *auth_provider_next(uint32_t kind, uint32_t *at);
/* The plugin that gave the table promises never to block. */
bool auth_provider_is_pure(const void *table);

#endif
