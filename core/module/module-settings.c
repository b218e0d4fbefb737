/* module-settings.c - the host's own settings, and those that plugins
 * declare. */
#include "module-private.h"

#include "settings/core-settings.h"

static const struct cv_setting_def module_setting_defs[] = {
	CV_SETTING(module_settings, mail_storage_drivers, CV_SET_LIST,
		"maildir", NULL, CV_SET_ADVANCED,
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

static int register_one(const struct module_probed *probed, bool optional,
			struct cv_text *problems, struct cv_error *err)
{
	struct cv_plugin *plugin;
	int ret = probed->status;

	if (ret == CV_OK) {
		plugin = pool_new(tables_pool(), struct cv_plugin);
		plugin->desc = probed->desc;
		ret = module_register_settings(plugin, err);
	} else if (ret == CV_E_NOT_FOUND && optional) {
		return CV_OK;
	} else {
		(void)FAIL(err, ret, "%s", probed->error);
	}
	if (ret == CV_OK)
		return CV_OK;
	error_prefix(err, "cannot load '%s'", probed->name);
	if (problems != NULL && err != NULL)
		cv_text_append_f(problems, "%s\n", err->text);
	return CV_E_CONFIG;
}

int module_probe_settings(const struct settings_tree *tree,
			  struct cv_text *problems, struct cv_error *err)
{
	struct cv_pool *pool = tables_pool();
	const struct module_probed *probed;
	struct general_settings general;
	struct cv_error one = ERROR_NONE;
	struct cv_strings names;
	const char **plain;
	int ret, result = CV_OK;

	if ((ret = settings_get(tree, &general_settings_table, NULL, pool,
				&general, err)) < 0)
		return ret;
	module_names(tree, NULL, pool, &names);
	plain = pool_new_array(pool, const char *, names.count);
	for (uint32_t i = 0; i < names.count; i++)
		plain[i] = pool_copy(pool, names.items[i],
				     strcspn(names.items[i], "?"));
	ret = module_probe(general.mail_plugin_dir, plain, names.count, NULL,
			   pool, &probed, err);
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < names.count; i++) {
		if (register_one(&probed[i], strchr(names.items[i], '?') !=
				 NULL, problems, &one) == CV_OK)
			continue;
		if (general.plugin_on_error == GENERAL_PLUGIN_ON_ERROR_SKIP) {
			log_warning("plugin", "%s; going on without it",
				    one.text);
			continue;
		}
		if (result == CV_OK)
			result = FAIL(err, CV_E_CONFIG, "%s", one.text);
	}
	return result;
}

int module_settings_read(const char *path,
			 const struct settings_read_options *options,
			 struct settings_tree **tree_r, struct cv_error *err)
{
	struct settings_read_options loose = { .accept_unknown = true };
	struct cv_error ignored = ERROR_NONE;
	struct settings_tree *tree;
	int probed, ret;

	if (options != NULL)
		loose.overrides = options->overrides;
	settings_register(&module_settings_table);
	/* What is wrong in the file is said by the second reading. */
	(void)settings_read(path, &loose, &tree, &ignored);
	probed = module_probe_settings(tree, NULL, err);
	settings_tree_destroy(&tree);
	ret = settings_read(path, options, tree_r, probed < 0 ? &ignored :
			    err);
	return ret < 0 ? ret : probed;
}
