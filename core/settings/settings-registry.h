/* settings-registry.h - what has been declared in this process. */
#ifndef SETTINGS_REGISTRY_H
#define SETTINGS_REGISTRY_H

#include "settings.h"

/* Kinds of blocks are paths: "" outside of blocks, "service",
 * "service/unix_listener", "plugin". */
struct settings_decl {
	const char *kind;
	const struct cv_setting_def *def;
	const struct settings_table *table;
};

struct settings_defaults { const char *origin, *text; };

/* Elements are size-prefixed and may be of another version of the struct:
 * they are reached by the array's stride. */
const struct cv_setting_def *
settings_table_def(const struct settings_table *table, uint32_t index);
/* "plugin" for settings with CV_SET_PLUGIN_BLOCK. */
const char *settings_def_kind(const struct settings_table *table,
			      const struct cv_setting_def *def);

/* NULL: nobody declares it. */
const struct cv_setting_def *settings_registry_find(const char *kind,
						    struct cv_span name);
bool settings_registry_has_kind(const char *kind);
/* All declarations in the order of kind and name, each name once.  NULL at
 * the end. */
const struct settings_decl *settings_registry_next(uint32_t *at);
const struct settings_defaults *settings_registry_defaults(uint32_t index);

/* The declared name of that kind most like name; NULL: none is near. */
const char *settings_registry_guess(const char *kind, struct cv_span name);
/* The same among the names of the blocks inside kind, filters included. */
const char *settings_registry_guess_block(const char *kind,
					  struct cv_span name);
/* Another kind that declares name; NULL: none. */
const char *settings_registry_elsewhere(const char *kind,
					struct cv_span name);

/* Forgets everything: for tests. */
void settings_registry_reset(void);

#endif
