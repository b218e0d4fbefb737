/* module-private.h - what the files of core/module share. */
#ifndef MODULE_PRIVATE_H
#define MODULE_PRIVATE_H

#include "module.h"

#include <sys/types.h>

struct cv_extension;
struct cv_service;

/* --- a loaded plugin ------------------------------------------------------ */

struct cv_plugin {
	const struct module_desc *desc;
	const struct cv_plugin_desc *code;	/* in the plugin's memory */
	struct settings_table table;		/* of desc->settings */
	const void *settings;			/* for cv_host.settings */
	uint32_t index;				/* in order of loading */
	bool in_init;				/* may register */
	bool ready;				/* init has succeeded */
};

enum {
	MODULE_NAME_MAX = 64,
	MODULE_PLUGINS_MAX = 256,	/* in one process */
	/* sizeof(struct cv_plugin_desc) in API 1.0; the head that must be
	 * there before anything else is read. */
	MODULE_DESC_SIZE_1_0 = offsetof(struct cv_plugin_desc, deinit) +
		sizeof(void (*)(void)),
	MODULE_SETTING_SIZE_1_0 = offsetof(struct cv_setting_def, since) +
		sizeof(const char *),
	MODULE_LIST_MAX = 64,		/* needs, after, processes, paths */
	MODULE_SETTINGS_MAX = 1024,	/* settings of one plugin */
	MODULE_SETTINGS_BYTES_MAX = 64 * 1024,
	MODULE_REGISTRATIONS_MAX = 256,
	MODULE_STRING_MAX = 8192,
};

/* --- module-find.c -------------------------------------------------------- */

/* Letters, digits, '-' and '_': becomes a part of a path. */
bool module_name_is_valid(const char *name);
/* The folder is owned by root or by us and nobody else may write in it. */
int module_check_folder(const char *dir, struct cv_error *err);
/* The same for the file, and that it is a whole shared object for this
 * machine.  CV_E_NOT_FOUND: there is no such file. */
int module_check_file(const char *path, bool check_owner,
		      struct cv_error *err);

/* --- module-check.c ------------------------------------------------------- */

/* The checks of a descriptor, in their fixed order, each with its sentence.
 * name is the file's name without ".so". */
int module_check_desc(const struct cv_plugin_desc *desc, const char *name,
		      struct cv_error *err);
/* Plain data of a checked descriptor.  Settings are checked here. */
int module_copy_desc(const struct cv_plugin_desc *desc, const char *path,
		     struct cv_pool *pool, struct module_desc *copy_r,
		     struct cv_error *err);
/* Every setting lies inside the struct, aligned. */
int module_check_settings(const struct module_desc *desc,
			  struct cv_error *err);

/* --- module-wire.c -------------------------------------------------------- */

void module_wire_put(struct cv_text *out, const struct module_desc *desc);
/* CV_E_SYNTAX: not what module_wire_put makes.  Strings are copied. */
int module_wire_get(struct cv_span in, struct cv_pool *pool,
		    struct module_desc *desc_r, struct cv_error *err);

/* --- module-open.c: the only file with ltdl.h ------------------------------ */

/* Loads the file (absolute path) and finds the descriptor, which is not
 * checked.  It stays mapped for ever. */
int module_open(const char *path, const struct cv_plugin_desc **desc_r,
		struct cv_error *err);

/* --- module-values.c: what plugins look over ------------------------------ */

/* One text of the configuration, and whose business it is. */
struct module_value {
	const char *plugin;
	uint32_t kind;		/* of provider; 0: the plugin's settings */
	const char *driver, *text;
	const char *protocol;	/* scope of the settings; NULL: none */
	bool deny;
	const char *file;	/* where it stands; line 0: in no file */
	uint32_t line;
};

enum module_problem_kind {
	MODULE_PROBLEM_ERROR, MODULE_PROBLEM_WARNING,
	MODULE_PROBLEM_SCHEME,	/* the text is a scheme's name: is it one? */
};

struct module_value_problem {
	uint32_t value;		/* index */
	enum module_problem_kind kind;
	const char *setting, *text;
};

struct module_values {
	struct cv_pool *pool;
	const struct settings_tree *tree;	/* the names are from here */
	ARRAY(struct module_value) items;
	ARRAY(struct module_value_problem) problems;
};

enum { MODULE_PROBLEMS_MAX = 100, MODULE_PROBLEM_BYTES = 1024 };

/* Gathers what the named plugins have to look over.  Everything is copied
 * into pool; tree is used until the probe is over. */
void module_values_gather(struct module_values *values,
			  const struct settings_tree *tree,
			  const char *const *plugins, uint32_t count,
			  struct cv_pool *pool);
/* Takes a problem that a probe child has sent: index, setting, NUL, text.
 * What is malformed is left out. */
void module_values_take(struct module_values *values,
			enum module_problem_kind kind, struct cv_span data);
/* Names of schemes are left out when core or a plugin has them, else they
 * become errors.  all: no plugin was refused, which might have them. */
void module_values_check_schemes(struct module_values *values,
				 const struct module_desc *const *descs,
				 uint32_t count, bool all);
/* Adds the problems to the tree.  CV_E_CONFIG and the first of them when
 * there are errors. */
int module_values_report(const struct module_values *values,
			 struct settings_tree *tree, struct cv_error *err);

/* --- probe-values.c: in the child ----------------------------------------- */

/* The protocol that alone asks for the plugin, whose settings it will see;
 * NULL: it is asked for outside of protocol { }. */
const char *probe_values_protocol(const struct module_values *values,
				  const struct cv_plugin *plugin,
				  struct cv_pool *pool);

typedef void module_tell_fn(enum module_problem_kind kind,
			    struct cv_span data);

/* Runs the plugin's checks after its init; tell gets what they find, in the
 * form that module_values_take wants. */
void probe_values_run(const struct module_values *values,
		      struct cv_plugin *plugin, struct cv_pool *pool,
		      module_tell_fn *tell);

/* --- module-names.c ------------------------------------------------------- */

/* "dbox" for "sdbox" and "mdbox": the plugin that has a storage driver. */
struct cv_span module_storage_plugin(struct cv_span driver);
/* The driver that a mail location names, in lower case; empty: none. */
struct cv_span module_location_driver(const char *location,
				      struct cv_pool *pool);

/* --- module-hint.c -------------------------------------------------------- */

/* What to do about a plugin of Dovecot's of that name; NULL: it is none. */
const char *module_dovecot_hint(const char *name);
/* Is it a folder of Dovecot's plugins? */
bool module_is_dovecot_dir(const char *dir);
/* Is the plugin in CULVER_PLUGINDIR? */
bool module_is_installed(const char *name, struct cv_pool *pool);
/* The plugin in dir whose name is the nearest, without the prefix (auth-,
 * storage-) that the setting does not have either; NULL: none is near. */
const char *module_guess_name(const char *dir, const char *name,
			      struct cv_pool *pool);

/* --- module-probe.c ------------------------------------------------------- */

/* module_probe that also has values looked over; NULL: none. */
int module_probe_values(const char *dir, const char *const *names,
			uint32_t count, struct module_values *values,
			struct cv_pool *pool,
			const struct module_probed **results_r,
			struct cv_error *err);

/* --- probe-sandbox.c ------------------------------------------------------ */

/* Confines the calling process to reading files and computing. */
void probe_sandbox_enter(void);

/* --- module-host.c --------------------------------------------------------- */

/* A host that only takes notes; registrations are appended to what
 * module_dry_begin was given. */
void module_dry_begin(struct cv_pool *pool);
const struct cv_host *module_dry_host(void);
void module_dry_end(const struct module_registration **registrations_r,
		    uint32_t *count_r);
/* The table that init has registered, as it is in the plugin's memory; NULL:
 * none. */
const void *module_dry_provider(uint32_t kind, const char *name);
/* Called when init uses what only a running session may use. */
extern void (*module_dry_misuse)(const char *what);

/* --- provider.c ------------------------------------------------------------ */

/* Checks the table's head, name and the rule of longer structs; *name_r is
 * its name. */
int provider_check(uint32_t kind, const void *table, uint16_t api_minor,
		   const char **name_r, struct cv_error *err);
int provider_add(struct cv_plugin *owner, uint32_t kind, const void *table,
		 struct cv_pool *pool, struct cv_error *err);
void provider_remove_all_of(const struct cv_plugin *owner);
/* May this be added to that service (NULL: nobody offers it here)? */
int provider_extension_check(const struct cv_service *service,
			     const struct cv_extension *extension,
			     struct cv_error *err);
/* The table that a plugin offers; NULL: none of that name and version. */
const void *provider_service(const char *name, uint32_t major);
/* As cv_host.extension_next. */
const struct cv_extension *provider_extension_next(const char *of,
						   uint32_t major,
						   uint32_t *at,
						   struct cv_plugin **owner_r);

/* --- hook.c ------------------------------------------------------------------ */

int hook_add(struct cv_plugin *owner, uint32_t id, int priority,
	     cv_any_fn *fn, struct cv_pool *pool, struct cv_error *err);
void hook_remove_all_of(const struct cv_plugin *owner);
/* Puts the listeners in their final order. */
void hook_sort_all(void);
/* From module_settings. */
void hook_set_policy(uint32_t hook_error, uint64_t deadline_msecs);

/* --- slots.c ------------------------------------------------------------------ */

int slots_number(struct cv_plugin *owner, struct cv_error *err);
void slots_reset(void);
void *slots_get(void *object, uint32_t slot_id);

/* --- module-settings.c ----------------------------------------------------- */

/* Registers what the plugin declares; nothing when that is nothing. */
int module_register_settings(struct cv_plugin *plugin, struct cv_error *err);
/* The struct for scope, NULL when the plugin has no settings. */
int module_get_settings(const struct cv_plugin *plugin,
			const struct settings_tree *tree,
			const struct settings_scope *scope,
			struct cv_pool *pool, const void **settings_r,
			struct cv_error *err);
/* A tree in which everything is default; made on first use. */
const struct settings_tree *module_default_tree(void);

#endif
