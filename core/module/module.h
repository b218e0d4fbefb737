/* module.h - the plugin host: find, probe, check, order, load and own.
 *
 * A process that runs plugins does, once, before it drops privileges:
 *
 *	module_service_register("mailbox", 1, &mailbox_api);	// core's part
 *	struct module_role role = { .process = "imap", .protocol = "imap",
 *		.wants = MODULE_WANT_PROTOCOL | MODULE_WANT_STORAGE |
 *			MODULE_WANT_MAIL };
 *	module_load_role(tree, &role, &err);
 *	imap = module_provider(CV_PROVIDER_PROTOCOL, "imap");
 *
 * Processes that only need to know the plugins' settings (master,
 * culverconf) never run plugin code: module_settings_read.
 *
 * A plugin is first loaded and initialised in a sandboxed probe child with a
 * host that only takes notes.  What crashes there is refused with a
 * sentence.  Everything a plugin registers is owned by the host. */
#ifndef MODULE_H
#define MODULE_H

#include "base.h"
#include "cv-plugin.h"
#include "settings/settings.h"

/* --- 1. settings of the host itself -------------------------------------- */

/* mail_plugin_dir, mail_plugins and plugin_on_error are in general_settings
 * (settings/core-settings.h). */
enum module_hook_error {
	MODULE_HOOK_TEMPFAIL, MODULE_HOOK_SKIP, MODULE_HOOK_FAIL,
};

struct module_settings {
	struct cv_strings mail_storage_drivers;
	struct cv_strings auth_plugins;
	uint32_t plugin_hook_error;		/* enum module_hook_error */
	uint64_t plugin_hook_deadline;		/* milliseconds */
};
extern const struct settings_table module_settings_table;

/* --- 2. what is known of a plugin without running it here ----------------- */

enum module_registration_kind {
	MODULE_REGISTERED_PROVIDER = 1, MODULE_REGISTERED_HOOK,
};

/* One thing that init registered. */
struct module_registration {
	uint32_t what;		/* enum module_registration_kind */
	uint32_t kind;		/* enum cv_provider_kind, or the hook's id */
	int32_t priority;	/* of a hook */
	const char *name;	/* of a provider; of a hook point */
};

/* A plugin's descriptor as plain data.  All lists end with NULL and are
 * never NULL themselves; texts are never NULL. */
struct module_desc {
	const char *name, *path;
	const char *version, *license, *summary, *build_id;
	uint16_t api_major, api_minor, api_minor_need, flags;
	const char *const *needs, *const *after;
	const char *const *processes;	/* empty: any */
	const char *const *paths;
	struct cv_array settings;	/* struct cv_setting_def */
	size_t settings_bytes;
	const struct module_registration *registrations;
	uint32_t registration_count;
	/* What init said in the probe, "" when it succeeded: with settings
	 * that are all default it may well want more, and in the probe it has
	 * fewer rights than in some processes. */
	const char *init_error;
};

/* One plugin that was asked for: probed (status CV_OK, desc set), or refused
 * with error saying why.  CV_E_NOT_FOUND: there is no such file. */
struct module_probed {
	const char *name;
	int status;
	const char *error;
	const struct module_desc *desc;
};

/* Probes the named plugins of the folder, all in one child when none of them
 * crashes.  *results_r has one entry for each name, in that order, in pool.
 * tree gives init the settings it will see; NULL: defaults.
 *
 * Negative only when no probe could be run at all. */
int module_probe(const char *dir, const char *const *names, uint32_t count,
		 const struct settings_tree *tree, struct cv_pool *pool,
		 const struct module_probed **results_r,
		 struct cv_error *err);

/* The same for one file anywhere ("./quota.so"); its folder's owner does not
 * matter, as nothing of it is loaded here. */
int module_probe_file(const char *path, const struct settings_tree *tree,
		      struct cv_pool *pool, const struct module_desc **desc_r,
		      struct cv_error *err);

/* The variables that databases of users have, for plugins that look over
 * their args while the configuration is read; before module_settings_read.
 * Without it every variable passes. */
void module_set_auth_variables(const struct settings_vars *vars);
/* The password schemes that need no plugin; names ends with NULL.  Without
 * it every scheme passes. */
void module_set_auth_schemes(const char *const *names);

/* The names of all files NAME.so of the folder, sorted. */
int module_find_all(const char *dir, struct cv_pool *pool,
		    struct cv_strings *names_r, struct cv_error *err);

/* Orders descriptors so that each comes behind what it needs and wants to be
 * after; otherwise as given.  A cycle, or a need that is not there, is
 * CV_E_CONFIG with what comes behind "cannot load 'x': ", and *bad_r is the
 * index of that plugin, which may be left out.  order_r has room for count indexes. */
int module_order(const struct module_desc *const *descs, uint32_t count,
		 uint32_t *order_r, uint32_t *bad_r, struct cv_error *err);

/* --- 3. which plugins ------------------------------------------------------ */

enum {
	MODULE_WANT_PROTOCOL = 1,	/* the plugin named role->protocol */
	MODULE_WANT_STORAGE = 2,	/* storage-X of mail_location, of the
					 * namespaces, mail_storage_drivers */
	MODULE_WANT_AUTH = 4,		/* auth-X of passdb and userdb blocks,
					 * auth_plugins */
	MODULE_WANT_MAIL = 8,		/* mail_plugins of the protocol */
	/* None with a passdb or userdb that may block (no CV_PLUGIN_PURE):
	 * the auth process, which leaves those to auth-worker. */
	MODULE_WANT_ONLY_PURE = 16,
	/* Those of mail_plugins that name this process in their descriptor:
	 * a login process, in which nothing may wait. */
	MODULE_WANT_NAMED_MAIL = 32,
};

struct module_role {
	/* The service's name, matched with the descriptor's processes:
	 * "imap", "imap-login", "lmtp", "auth", "auth-worker", "deliver". */
	const char *process;
	const char *protocol;		/* NULL: none */
	uint32_t wants;
	/* Besides: the driver that this mail_location names; NULL: none. */
	const char *location;
};

/* The names that the settings ask for in this role, each once; a trailing
 * '?' (load it when it is installed) is kept.  role NULL: those of every
 * role. */
void module_names(const struct settings_tree *tree,
		  const struct module_role *role, struct cv_pool *pool,
		  struct cv_strings *names_r);

/* --- 4. settings of plugins ------------------------------------------------ */

/* settings_read for processes that run no plugins: reads the file once to
 * learn the plugins' names, probes them, registers their settings, reads it
 * again.  A refused plugin is one of the tree's problems, with the line that
 * asks for it: an error, or a warning with plugin_on_error = skip.  Results
 * as settings_read. */
int module_settings_read(const char *path,
			 const struct settings_read_options *options,
			 struct settings_tree **tree_r, struct cv_error *err);

/* The settings of all loaded plugins as one session, user or connection sees
 * them.  Embed it in the object. */
struct module_scope { const void **sets; uint32_t count; };

/* Fills in; everything lives in pool (and tree).  Fails as settings_get, with
 * the plugin's name in the text. */
int module_scope_init(struct module_scope *ms,
		      const struct settings_tree *tree,
		      const struct settings_scope *scope,
		      struct cv_pool *pool, struct cv_error *err);
/* The plugin's struct; NULL when it declares no settings. */
const void *module_scope_get(const struct module_scope *ms,
			     const struct cv_plugin *self);
/* The values of settings with CV_SET_READABLE that are not empty, one after
 * the other; NULL at the end.  *at starts at 0. */
const char *module_scope_readable_next(const struct module_scope *ms,
				       uint32_t *at);

/* --- 5. loading ------------------------------------------------------------ */

struct module_request {
	const char *dir;		/* NULL: CULVER_PLUGINDIR */
	const char *process;		/* NULL: any */
	/* Always loaded, whatever its descriptor says about processes. */
	const char *main_plugin;	/* NULL: none */
	const char *const *names;	/* may end in '?' */
	uint32_t count;
	bool skip_errors;		/* log a refusal and go on without */
	bool only_pure;			/* as MODULE_WANT_ONLY_PURE */
	bool only_named;		/* as MODULE_WANT_NAMED_MAIL */
	const struct settings_tree *tree;	/* NULL: defaults */
	struct settings_scope scope;	/* for cv_host.settings */
};

/* Loads, checks, orders, registers settings, numbers slots, runs init; once
 * per process, after which nothing can be registered any more.  On failure
 * everything is undone (the files stay mapped).
 *
 * CV_E_CONFIG, CV_E_ABI ...: err says which plugin was refused and why. */
int module_load(const struct module_request *request, struct cv_error *err);

/* module_load with all of it from the settings. */
int module_load_role(const struct settings_tree *tree,
		     const struct module_role *role, struct cv_error *err);

/* Has a plugin been left out since it may block? */
bool module_has_left_out(void);

/* Runs deinit of all plugins in reverse order and removes what they
 * registered.  For tests and for an orderly end. */
void module_unload_all(void);

/* What the sandbox of this process must allow: CV_PLUGIN_CONNECTS,
 * CV_PLUGIN_EXECUTES of any loaded plugin, or of its settings. */
uint32_t module_flags(void);
/* Paths that loaded plugins declare, one after the other; NULL at the end.
 * *at starts at 0. */
const char *module_path_next(uint32_t *at);

/* Loaded plugins in order of loading; NULL at the end.  *at starts at 0. */
const struct cv_plugin *module_next(uint32_t *at);
const struct module_desc *module_describe(const struct cv_plugin *plugin);

/* Fills the lists of hook.h from probed descriptors, in the order in which
 * hooks would be called.  For showing them: no hook may be called then. */
void module_preview(const struct module_desc *const *descs, uint32_t count);

/* --- 6. providers ----------------------------------------------------------- */

/* The table (struct cv_protocol * ...), complete: members that the plugin's
 * own table does not reach are NULL.  NULL when there is none. */
const void *module_provider(uint32_t kind, const char *name);
/* All of a kind in order of registration; NULL at the end. */
const void *module_provider_next(uint32_t kind, uint32_t *at);
/* Whose table this is; table as returned by the two above. */
struct cv_plugin *module_provider_owner(const void *table);
/* "protocol", "storage" ...; NULL: no such kind. */
const char *module_kind_name(uint32_t kind);

/* --- 7. services ------------------------------------------------------------ */

/* Core offers a table under a name; it is not copied.  Before module_load. */
void module_service_register(const char *name, uint32_t major,
			     const void *table);

/* The table that plugins are given. */
const struct cv_host *module_host(void);

#endif
