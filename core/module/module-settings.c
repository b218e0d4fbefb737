/* module-settings.c - the host's own settings, and those that plugins
 * declare. */
#include "module-private.h"
#include "auth/mechanism-names.h"

#include "settings/core-settings.h"
#include "settings/location-check.h"
#include "settings/namespace-check.h"
#include "settings/service-check.h"
#include "settings/unused-check.h"

static const struct cv_setting_def module_setting_defs[] = {
	CV_SETTING(module_settings, mail_storage_drivers, CV_SET_LIST,
		"maildir dbox? mbox?", NULL, CV_SET_ADVANCED,
		"Storage drivers that are loaded besides those that "
		"mail_location and the namespaces name; needed when a user "
		"database gives users another mail location."),
	CV_SETTING(module_settings, auth_plugins, CV_SET_LIST,
		"scheme-crypt? scheme-argon2?", NULL, CV_SET_ADVANCED,
		"Plugins with password schemes and mechanisms. One whose "
		"name ends in a question mark is loaded when it is "
		"installed."),
	CV_SETTING(module_settings, plugin_hook_error, CV_SET_ENUM,
		"tempfail", "tempfail|skip|fail", CV_SET_ADVANCED,
		"What becomes of an operation when a plugin that should "
		"decide about it fails itself: it is to be tried again, goes "
		"on as if the plugin had no opinion, or is refused."),
	CV_SETTING(module_settings, plugin_hook_deadline, CV_SET_TIME,
		"10s", NULL, CV_SET_ADVANCED,
		"A hook that takes longer is reported in the log and "
		"counted; 0 never."),
};
const struct settings_table module_settings_table = SETTINGS_TABLE(
	"plugins", NULL, module_settings, module_setting_defs);

int module_register_settings(struct cv_plugin *plugin, struct cv_error *err)
{
	int ret;

	plugin->table = (struct settings_table){
		.name = plugin->desc->name, .defs = plugin->desc->settings,
		.bytes = plugin->desc->settings_bytes,
	};
	if (plugin->table.defs.count == 0)
		return CV_OK;
	ret = settings_register_checked(&plugin->table, err);
	if (ret < 0)
		error_prefix(err, "its settings cannot be used");
	return ret;
}

const struct settings_tree *module_default_tree(void)
{
	static struct settings_tree *tree;
	struct settings_read_options options = { .accept_unknown = true };

	if (tree == NULL)
		(void)settings_read_text("defaults", CV_SPAN(""), &options,
					 &tree, NULL);
	return tree;
}

int module_get_settings(const struct cv_plugin *plugin,
			const struct settings_tree *tree,
			const struct settings_scope *scope,
			struct cv_pool *pool, const void **settings_r,
			struct cv_error *err)
{
	void *set;
	int ret;

	*settings_r = NULL;
	if (plugin->table.defs.count == 0)
		return CV_OK;
	set = pool_alloc(pool, plugin->table.bytes);
	ret = settings_get(tree == NULL ? module_default_tree() : tree,
			   &plugin->table, scope, pool, set, err);
	if (ret < 0) {
		error_prefix(err, "plugin '%s'", plugin->desc->name);
		return ret;
	}
	*settings_r = set;
	return CV_OK;
}

int module_scope_init(struct module_scope *ms,
		      const struct settings_tree *tree,
		      const struct settings_scope *scope,
		      struct cv_pool *pool, struct cv_error *err)
{
	const struct cv_plugin *plugin;
	uint32_t at = 0, count = 0;

	while (module_next(&at) != NULL)
		count++;
	ms->sets = pool_new_array(pool, const void *, count);
	ms->count = count;
	at = 0;
	while ((plugin = module_next(&at)) != NULL) {
		int ret = module_get_settings(plugin, tree, scope, pool,
					      &ms->sets[plugin->index], err);

		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

const void *module_scope_get(const struct module_scope *ms,
			     const struct cv_plugin *self)
{
	return self->index < ms->count ? ms->sets[self->index] : NULL;
}

/* The setting's path; NULL: it names none that may be read. */
static const char *readable_path(const struct cv_setting_def *def,
				 const void *set)
{
	const char *path;

	if (def->type != CV_SET_PATH || (def->flags & CV_SET_READABLE) == 0)
		return NULL;
	memcpy(&path, (const char *)set + def->offset, sizeof(path));
	return *path == '\0' ? NULL : path;
}

const char *module_scope_readable_next(const struct module_scope *ms,
				       uint32_t *at)
{
	const struct cv_plugin *plugin;
	uint32_t next = 0, n = *at;

	while ((plugin = module_next(&next)) != NULL) {
		const struct cv_setting_def *defs = plugin->desc->settings.items;
		const void *set = module_scope_get(ms, plugin);

		for (uint32_t i = 0; set != NULL &&
		     i < plugin->desc->settings.count; i++) {
			const char *path = readable_path(&defs[i], set);

			if (path == NULL || n-- > 0)
				continue;
			(*at)++;
			return path;
		}
	}
	return NULL;
}

/* --- for processes that run no plugins ------------------------------------- */

/* Registered tables live as long as the process. */
static struct cv_pool *tables_pool(void)
{
	static struct cv_pool *pool;

	if (pool == NULL)
		pool = pool_create("plugins' settings");
	return pool;
}

struct refusal { const char *name, *text; int status; };

struct reading {
	struct cv_pool *pool;		/* tables_pool */
	ARRAY(struct refusal) refusals;
	ARRAY(const struct module_desc *) found;
	struct module_values values;
	bool skip;			/* plugin_on_error */
	const char *plugin_dir;
};

static void register_one(struct reading *reading,
			 const struct module_probed *probed, bool optional)
{
	struct cv_error err = ERROR_NONE;
	struct cv_plugin *plugin;
	const char *text = probed->error;

	if (probed->status == CV_OK) {
		plugin = pool_new(reading->pool, struct cv_plugin);
		plugin->desc = probed->desc;
		if (module_register_settings(plugin, &err) == CV_OK) {
			*array_add(&reading->found) = probed->desc;
			return;
		}
		text = pool_strdup(reading->pool, err.text);
	} else if (probed->status == CV_E_NOT_FOUND && optional) {
		return;
	}
	*array_add(&reading->refusals) =
		(struct refusal){ probed->name, text, probed->status };
}

/* Whether they could be loaded together: nothing missing, no circle. */
static void check_together(struct reading *reading)
{
	uint32_t order[MODULE_PLUGINS_MAX], bad;
	struct cv_error err = ERROR_NONE;

	while (module_order(reading->found.items,
			    (uint32_t)reading->found.count, order, &bad,
			    &err) < 0) {
		const struct module_desc **items = reading->found.items;

		*array_add(&reading->refusals) = (struct refusal){
			items[bad]->name,
			pool_strdup(reading->pool, err.text), err.code };
		reading->found.count--;
		memmove(&items[bad], &items[bad + 1],
			(reading->found.count - bad) * sizeof(items[0]));
	}
}

/* Probes what the tree, read loosely, asks for, and registers the settings of
 * all that is found. */
static void probe_configured(struct reading *reading,
			     const struct settings_tree *tree)
{
	struct cv_error err = ERROR_NONE;
	const struct module_probed *probed;
	struct general_settings general;
	struct cv_strings names;
	const char **plain;

	if (settings_get(tree, &general_settings_table, NULL, reading->pool,
			 &general, &err) < 0)
		return;		/* the second reading says why */
	reading->plugin_dir = pool_strdup(reading->pool,
					  general.mail_plugin_dir);
	reading->skip = general.plugin_on_error ==
		GENERAL_PLUGIN_ON_ERROR_SKIP;
	module_names(tree, NULL, reading->pool, &names);
	plain = pool_new_array(reading->pool, const char *, names.count);
	for (uint32_t i = 0; i < names.count; i++)
		plain[i] = pool_copy(reading->pool, names.items[i],
				     strcspn(names.items[i], "?"));
	if (names.count == 0)
		return;
	module_values_gather(&reading->values, tree, plain, names.count,
			     reading->pool);
	if (module_probe_values(general.mail_plugin_dir, plain, names.count,
				&reading->values, reading->pool, &probed,
				&err) < 0) {
		*array_add(&reading->refusals) = (struct refusal){ "",
			pool_strdup(reading->pool, err.text), err.code };
		return;
	}
	for (uint32_t i = 0; i < names.count; i++)
		register_one(reading, &probed[i],
			     strchr(names.items[i], '?') != NULL);
	check_together(reading);
}

static bool list_asks_for(const struct cv_strings *list, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < list->count; i++) {
		if (strncmp(list->items[i], name, len) == 0 &&
		    (list->items[i][len] == '\0' ||
		     list->items[i][len] == '?'))
			return true;
	}
	return false;
}

struct origin { const char *file; uint32_t line; };

static bool origin_of(const struct settings_tree *tree,
		      const struct settings_scope *scope, const char *key,
		      struct origin *origin)
{
	return settings_origin(tree, scope, key, &origin->file,
			       &origin->line) == CV_OK;
}

/* passdb { driver = x }, namespace { location = x:... } */
static bool find_in_blocks(const struct settings_tree *tree, const char *kind,
			   const char *key, const char *driver,
			   struct origin *origin)
{
	struct settings_scope scope = { .protocol = NULL };
	size_t len = strlen(driver);
	settings_block block;
	uint32_t at = 0;

	while (settings_block_next(tree, kind, SETTINGS_ROOT, NULL, &at,
				   &block)) {
		const char *value;

		scope.block = block;
		if (settings_lookup(tree, &scope, key, &value) == CV_OK &&
		    strncasecmp(value, driver, len) == 0 &&
		    (value[len] == '\0' || value[len] == ':') &&
		    origin_of(tree, &scope, key, origin))
			return true;
	}
	return false;
}

/* Lists of names, and mail_location, which may stand in a protocol { }. */
static bool find_in_lists(const struct settings_tree *tree,
			  const struct settings_scope *scope,
			  const char *name, struct cv_pool *pool,
			  struct origin *origin)
{
	bool storage = strncmp(name, "storage-", 8) == 0;
	struct general_settings set;
	struct module_settings own;
	const char *value;

	if (settings_get(tree, &general_settings_table, scope, pool, &set,
			 NULL) < 0 ||
	    settings_get(tree, &module_settings_table, scope, pool, &own,
			 NULL) < 0)
		return false;
	if (list_asks_for(&set.mail_plugins, name) &&
	    origin_of(tree, scope, "mail_plugins", origin))
		return true;
	if (list_asks_for(&set.protocols, name) &&
	    origin_of(tree, scope, "protocols", origin))
		return true;
	if (list_asks_for(&own.auth_plugins, name) &&
	    origin_of(tree, scope, "auth_plugins", origin))
		return true;
	if (storage && list_asks_for(&own.mail_storage_drivers, name + 8) &&
	    origin_of(tree, scope, "mail_storage_drivers", origin))
		return true;
	return storage &&
		settings_lookup(tree, scope, "mail_location", &value) ==
		CV_OK && strncmp(value, name + 8, strlen(name + 8)) == 0 &&
		value[strlen(name + 8)] == ':' &&
		origin_of(tree, scope, "mail_location", origin);
}

/* The line that asks for a plugin; line 0: a default does. */
static struct origin find_origin(const struct settings_tree *tree,
				 const char *name)
{
	struct settings_scope scope = { .protocol = NULL };
	struct cv_pool *pool = pool_create("origin");
	struct origin origin = { "", 0 };
	uint32_t at = 0;
	bool found = false;

	if (strncmp(name, "auth-", 5) == 0)
		found = find_in_blocks(tree, "passdb", "driver", name + 5,
				       &origin) ||
			find_in_blocks(tree, "userdb", "driver", name + 5,
				       &origin);
	if (strncmp(name, "storage-", 8) == 0)
		found = find_in_blocks(tree, "namespace", "location",
				       name + 8, &origin);
	while (!found) {
		found = find_in_lists(tree, &scope, name, pool, &origin);
		if (!found && !settings_filter_next(tree, "protocol", &at,
						    &scope.protocol))
			break;
	}
	pool_destroy(&pool);
	return origin;
}

/* "; did you mean 'x'?", or whatever else helps */
static const char *hint_of(const struct reading *reading,
			   const struct refusal *refusal)
{
	const char *guess;

	if (refusal->status != CV_E_NOT_FOUND)
		return "";
	guess = module_dovecot_hint(refusal->name);
	if (guess != NULL)
		return pool_printf(reading->pool, "; %s", guess);
	guess = module_guess_name(reading->plugin_dir, refusal->name,
				  reading->pool);
	return guess == NULL ? "" :
		pool_printf(reading->pool, "; did you mean '%s'?", guess);
}

static bool is_elsewhere(const struct reading *reading,
			 const struct refusal *refusal)
{
	return strcmp(reading->plugin_dir, CULVER_PLUGINDIR) != 0 &&
		(refusal->name[0] == '\0' ||
		 (refusal->status == CV_E_NOT_FOUND &&
		  module_is_installed(refusal->name, reading->pool)));
}

/* mail_plugin_dir names a wrong folder: that is one mistake, and not one for
 * each plugin. */
static void report_folder(const struct reading *reading,
			  struct settings_tree *tree)
{
	const struct refusal *refusal = NULL;
	struct origin origin = { "", 0 };

	for (size_t i = 0; i < reading->refusals.count && refusal == NULL;
	     i++) {
		if (is_elsewhere(reading, &reading->refusals.items[i]))
			refusal = &reading->refusals.items[i];
	}
	if (refusal == NULL)
		return;
	(void)origin_of(tree, NULL, "mail_plugin_dir", &origin);
	settings_problem_add(tree, reading->skip, origin.file, origin.line,
			     "mail_plugin_dir: %s%s (hint: take the line out; "
			     "this server's plugins are in '%s')",
			     refusal->text,
			     module_is_dovecot_dir(reading->plugin_dir) ?
			     ": it is a folder of Dovecot's plugins, which "
			     "cannot be loaded here" : "", CULVER_PLUGINDIR);
}

static void report_refusal(const struct reading *reading,
			   struct settings_tree *tree,
			   const struct refusal *refusal)
{
	struct origin origin = find_origin(tree, refusal->name);

	if (is_elsewhere(reading, refusal))
		return;
	if (refusal->name[0] == '\0')
		settings_problem_add(tree, reading->skip, "", 0,
				     "cannot load plugins: %s",
				     refusal->text);
	else
		settings_problem_add(tree, reading->skip, origin.file,
				     origin.line, "cannot load '%s': %s%s",
				     refusal->name, refusal->text,
				     hint_of(reading, refusal));
}

static bool provides(const struct module_desc *desc, uint32_t kind,
		     struct cv_span name)
{
	for (uint32_t i = 0; i < desc->registration_count; i++) {
		const struct module_registration *r = &desc->registrations[i];

		if (r->what == MODULE_REGISTERED_PROVIDER && r->kind == kind &&
		    cv_span_is_icase(name, r->name))
			return true;
	}
	return false;
}

#define NAME(table, name) name,

static bool is_mechanism(const struct reading *reading, struct cv_span name)
{
	static const char *const of_auth[] = { AUTH_OWN_MECHANISMS(NAME) };

	for (size_t i = 0; i < sizeof(of_auth) / sizeof(of_auth[0]); i++) {
		if (cv_span_is_icase(name, of_auth[i]))
			return true;
	}
	for (size_t i = 0; i < reading->found.count; i++) {
		if (provides(reading->found.items[i], CV_PROVIDER_MECHANISM,
			     name))
			return true;
	}
	return false;
}

static const struct module_desc *find_desc(const struct reading *reading,
					   const char *name)
{
	for (size_t i = 0; i < reading->found.count; i++) {
		if (strcmp(reading->found.items[i]->name, name) == 0)
			return reading->found.items[i];
	}
	return NULL;
}

/* The kinds of databases and stores that a plugin has, for a hint. */
static const char *kinds_of(const struct reading *reading,
			    const struct module_desc *desc)
{
	struct cv_text out;

	cv_text_init(&out, reading->pool);
	for (uint32_t i = 0; i < desc->registration_count; i++) {
		const struct module_registration *r = &desc->registrations[i];

		if (r->what == MODULE_REGISTERED_PROVIDER)
			cv_text_append_f(&out, "%s%s '%s'", out.len == 0 ?
					 "" : ", ", module_kind_name(r->kind),
					 r->name);
	}
	return out.len == 0 ? "nothing" : cv_text_str(&out);
}

/* passdb { driver = passwd }: there is the plugin, but it is no passdb. */
static int check_kinds(struct reading *reading, struct settings_tree *tree,
		       struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < reading->values.items.count; i++) {
		const struct module_value *value =
			&reading->values.items.items[i];
		const struct module_desc *desc =
			find_desc(reading, value->plugin);

		if (value->kind == 0 || desc == NULL ||
		    *desc->init_error != '\0' ||
		    provides(desc, value->kind, cv_span_of(value->driver)))
			continue;
		ret = FAIL(err, CV_E_CONFIG, "the plugin '%s' has no %s '%s' "
			   "(it has: %s)", value->plugin,
			   module_kind_name(value->kind), value->driver,
			   kinds_of(reading, desc));
		settings_problem_add(tree, false, value->file, value->line,
				     "%s", err->text);
	}
	return ret;
}

/* auth would not run with a mechanism that nobody has. */
static int check_mechanisms(struct reading *reading,
			    struct settings_tree *tree, struct cv_error *err)
{
	struct auth_settings set;
	const char *file = "";
	uint32_t line = 0;
	int status = settings_get(tree, &auth_settings_table, NULL,
				  reading->pool, &set, err);

	/* one that was refused may have it */
	if (status != CV_OK || (reading->refusals.count > 0 && !reading->skip))
		return status;
	(void)settings_origin(tree, NULL, "auth_mechanisms", &file, &line);
	for (uint32_t i = 0; i < set.auth_mechanisms.count; i++) {
		const char *name = set.auth_mechanisms.items[i];

		if (is_mechanism(reading, cv_span_of(name)))
			continue;
		settings_problem_add(tree, false, file, line,
				     "auth_mechanisms: there is no mechanism "
				     "'%s'", name);
		status = FAIL(err, CV_E_CONFIG, "auth_mechanisms: there is "
			      "no mechanism '%s'", name);
	}
	return status;
}

static int check_values(struct reading *reading, struct settings_tree *tree,
			struct cv_error *err)
{
	module_values_check_schemes(&reading->values, reading->found.items,
				    (uint32_t)reading->found.count,
				    reading->refusals.count == 0);
	return module_values_report(&reading->values, tree, err);
}

static int check_locations(struct reading *reading,
			   struct settings_tree *tree, struct cv_error *err)
{
	(void)reading;
	return location_check(tree, err);
}

static int check_namespaces(struct reading *reading,
			    struct settings_tree *tree, struct cv_error *err)
{
	(void)reading;
	return namespace_check(tree, err);
}

static int (*const checks[])(struct reading *reading,
			     struct settings_tree *tree,
			     struct cv_error *err) = {
	check_kinds, check_locations, check_namespaces, check_values,
	check_mechanisms,
};

/* The protocols that plugins speak are services, too. */
static int check_services(struct reading *reading,
			  struct settings_tree *tree, struct cv_error *err)
{
	ARRAY(const char *) names;
	struct cv_strings protocols;
	int ret;

	array_init(&names, reading->pool);
	for (size_t i = 0; i < reading->found.count; i++) {
		const struct module_desc *desc = reading->found.items[i];

		for (uint32_t j = 0; j < desc->registration_count; j++) {
			const struct module_registration *r =
				&desc->registrations[j];

			if (r->what == MODULE_REGISTERED_PROVIDER &&
			    r->kind == CV_PROVIDER_PROTOCOL)
				*array_add(&names) = r->name;
		}
	}
	protocols = (struct cv_strings){ names.items, (uint32_t)names.count };
	service_check(tree, &protocols);
	ret = service_values_check(tree, &protocols, err);
	return ret != CV_OK ? ret : log_settings_check(tree, err);
}

/* A warning, since init may need more than the probe may do. */
static void check_inits(const struct reading *reading,
			struct settings_tree *tree)
{
	for (size_t i = 0; i < reading->found.count; i++) {
		const struct module_desc *desc = reading->found.items[i];
		struct origin origin = find_origin(tree, desc->name);

		if (desc->init_error[0] != '\0')
			settings_problem_add(tree, true, origin.file,
				origin.line, "the init of the plugin '%s' "
				"fails: %s; the server will not start%s",
				desc->name, desc->init_error, reading->skip ?
				" what needs it" : "");
	}
}

int module_settings_read(const char *path,
			 const struct settings_read_options *options,
			 struct settings_tree **tree_r, struct cv_error *err)
{
	struct settings_read_options loose = { 0 }, strict = { 0 };
	struct cv_error own_err = ERROR_NONE, later = ERROR_NONE;
	struct reading reading = { .pool = tables_pool() };
	struct settings_tree *tree;
	int ret;

	if (err == NULL)
		err = &own_err;
	if (options != NULL)
		loose = strict = *options;
	loose.accept_unknown = true;
	array_init(&reading.refusals, reading.pool);
	array_init(&reading.found, reading.pool);
	settings_register(&module_settings_table);
	/* What is wrong in the file is said by the second reading. */
	(void)settings_read(path, &loose, &tree, NULL);
	probe_configured(&reading, tree);
	settings_tree_destroy(&tree);
	/* without a plugin, nobody knows its settings */
	if (reading.skip && reading.refusals.count > 0)
		strict.accept_unknown = true;
	ret = settings_read(path, &strict, tree_r, err);
	report_folder(&reading, *tree_r);
	for (size_t i = 0; i < reading.refusals.count; i++)
		report_refusal(&reading, *tree_r, &reading.refusals.items[i]);
	if (ret == CV_OK && reading.refusals.count > 0 && !reading.skip)
		ret = FAIL(err, CV_E_CONFIG, "cannot load '%s': %s",
			   reading.refusals.items[0].name,
			   reading.refusals.items[0].text);
	/* all that is wrong, in one run; the first of it is the error */
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i](&reading, *tree_r, &later) < 0 && ret == CV_OK) {
			ret = later.code;
			*err = later;
		}
	}
	if (ret == CV_OK) {
		check_inits(&reading, *tree_r);
		ret = check_services(&reading, *tree_r, err);
		unused_check(*tree_r);
	}
	return ret;
}
