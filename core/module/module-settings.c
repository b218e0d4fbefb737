/* module-settings.c - the host's own settings, and those that plugins
 * declare. */
#include "module-private.h"

#include "settings/core-settings.h"

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

/* --- for processes that run no plugins ------------------------------------- */

/* Registered tables live as long as the process. */
static struct cv_pool *tables_pool(void)
{
	static struct cv_pool *pool;

	if (pool == NULL)
		pool = pool_create("plugins' settings");
	return pool;
}

struct refusal { const char *name, *text; };

struct reading {
	struct cv_pool *pool;		/* tables_pool */
	ARRAY(struct refusal) refusals;
	ARRAY(const struct module_desc *) found;
	bool skip;			/* plugin_on_error */
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
		(struct refusal){ probed->name, text };
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
			pool_strdup(reading->pool, err.text) };
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
	reading->skip = general.plugin_on_error ==
		GENERAL_PLUGIN_ON_ERROR_SKIP;
	module_names(tree, NULL, reading->pool, &names);
	plain = pool_new_array(reading->pool, const char *, names.count);
	for (uint32_t i = 0; i < names.count; i++)
		plain[i] = pool_copy(reading->pool, names.items[i],
				     strcspn(names.items[i], "?"));
	if (names.count == 0)
		return;
	if (module_probe(general.mail_plugin_dir, plain, names.count, NULL,
			 reading->pool, &probed, &err) < 0) {
		*array_add(&reading->refusals) = (struct refusal){ "",
			pool_strdup(reading->pool, err.text) };
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

/* The line that asks for a plugin; line 0 when it is none of these lists. */
static void find_origin(const struct settings_tree *tree, const char *name,
			const char **file_r, uint32_t *line_r)
{
	struct settings_scope scope = { .protocol = NULL };
	struct cv_pool *pool = pool_create("origin");
	struct general_settings set;
	uint32_t at = 0;

	*file_r = "";
	*line_r = 0;
	do {
		const char *key = NULL;

		if (settings_get(tree, &general_settings_table, &scope, pool,
				 &set, NULL) < 0)
			break;
		if (list_asks_for(&set.mail_plugins, name))
			key = "mail_plugins";
		else if (list_asks_for(&set.protocols, name))
			key = "protocols";
		else if (strncmp(name, "storage-", 8) == 0)
			key = "mail_location";
		if (key != NULL && settings_origin(tree, &scope, key, file_r,
						   line_r) == CV_OK)
			break;
		*file_r = "";
		*line_r = 0;
	} while (settings_filter_next(tree, "protocol", &at,
				      &scope.protocol));
	pool_destroy(&pool);
}

static void report_refusal(struct settings_tree *tree, bool warning,
			   const struct refusal *refusal)
{
	const char *file;
	uint32_t line;

	find_origin(tree, refusal->name, &file, &line);
	if (refusal->name[0] == '\0')
		settings_problem_add(tree, warning, "", 0,
				     "cannot load plugins: %s",
				     refusal->text);
	else
		settings_problem_add(tree, warning, file, line,
				     "cannot load '%s': %s", refusal->name,
				     refusal->text);
}

static bool is_mechanism(const struct reading *reading, struct cv_span name)
{
	static const char *const of_auth[] = { "PLAIN", "LOGIN" };

	for (size_t i = 0; i < sizeof(of_auth) / sizeof(of_auth[0]); i++) {
		if (cv_span_is_icase(name, of_auth[i]))
			return true;
	}
	for (size_t i = 0; i < reading->found.count; i++) {
		const struct module_desc *desc = reading->found.items[i];

		for (uint32_t j = 0; j < desc->registration_count; j++) {
			const struct module_registration *r =
				&desc->registrations[j];

			if (r->what == MODULE_REGISTERED_PROVIDER &&
			    r->kind == CV_PROVIDER_MECHANISM &&
			    cv_span_is_icase(name, r->name))
				return true;
		}
	}
	return false;
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

	if (status != CV_OK)
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

int module_settings_read(const char *path,
			 const struct settings_read_options *options,
			 struct settings_tree **tree_r, struct cv_error *err)
{
	struct settings_read_options loose = { 0 }, strict = { 0 };
	struct reading reading = { .pool = tables_pool() };
	struct settings_tree *tree;
	int ret;

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
	for (size_t i = 0; i < reading.refusals.count; i++)
		report_refusal(*tree_r, reading.skip,
			       &reading.refusals.items[i]);
	if (ret == CV_OK && reading.refusals.count > 0 && !reading.skip)
		ret = FAIL(err, CV_E_CONFIG, "cannot load '%s': %s",
			   reading.refusals.items[0].name,
			   reading.refusals.items[0].text);
	if (ret == CV_OK)
		ret = check_mechanisms(&reading, *tree_r, err);
	return ret;
}
