/* auth-provider.c - where auth finds its drivers. */
#include "auth-provider.h"

static const struct auth_provider_source *source;

void auth_provider_set_source(const struct auth_provider_source *new_source)
{
	source = new_source;
}

const void *auth_provider_find(uint32_t kind, const char *name)
{
	return source == NULL ? NULL : source->find(kind, name);
}

const void *auth_provider_next(uint32_t kind, uint32_t *at)
{
	return source == NULL ? NULL : source->next(kind, at);
}

bool auth_provider_is_pure(const void *table)
{
	return source != NULL && (source->flags(table) & CV_PLUGIN_PURE) != 0;
}
