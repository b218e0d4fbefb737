/* module-load.c - loading the plugins of one process, once.
 *
 * INVARIANT: what is not in `host.plugins` owns nothing: each failure takes
 * back what the plugin has registered before it is reported. */
#include "hook.h"
#include "module-private.h"

#include "settings/core-settings.h"

static struct {
	struct cv_pool *pool;		/* as long as the plugins */
	ARRAY(struct cv_plugin *) plugins;	/* in order of loading */
	bool loaded;
	bool left_out;			/* one that may block */
} host;

struct load {
	const struct module_request *request;
	struct cv_pool *pool;
	/* those that are still in the game */
	ARRAY(struct cv_plugin *) candidates;
};

/* With skip_errors a refusal is logged and forgotten. */
static int refuse(const struct load *load, int status, struct cv_error *err)
{
	if (!load->request->skip_errors)
		return status;
	log_error("plugin", "%s; going on without it (plugin_on_error = "
		  "skip)", err->text);
	return CV_OK;
}

static bool list_has(const char *const *list, const char *name)
{
	for (uint32_t i = 0; list[i] != NULL; i++) {
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

/* A driver that may block; or nobody can tell, as its init failed.  What has
 * only mechanisms or schemes is wanted where they run. */
static bool may_block(const struct module_desc *desc)
{
	bool found = desc->registration_count == 0;

	for (uint32_t i = 0; i < desc->registration_count; i++) {
		const struct module_registration *r = &desc->registrations[i];

		found |= r->what == MODULE_REGISTERED_PROVIDER &&
			(r->kind == CV_PROVIDER_PASSDB ||
			 r->kind == CV_PROVIDER_USERDB);
	}
	return found && (desc->flags & CV_PLUGIN_PURE) == 0;
}

static bool is_for_process(const struct module_request *request,
			   const struct module_desc *desc)
{
	const char *main_plugin = request->main_plugin;

	if (request->only_pure && may_block(desc)) {
		host.left_out = true;
		return false;
	}
	return (desc->processes[0] == NULL && !request->only_named) ||
		request->process == NULL ||
		(main_plugin != NULL &&
		 strcmp(main_plugin, desc->name) == 0) ||
		list_has(desc->processes, request->process);
}

/* --- 1. probe ---------------------------------------------------------------- */

static void add_candidate(struct load *load, const struct module_desc *desc)
{
	struct cv_plugin *plugin = pool_new(load->pool, struct cv_plugin);

	plugin->desc = desc;
	*array_add(&load->candidates) = plugin;
}

static int probe_all(struct load *load, struct cv_error *err)
{
	const struct module_request *request = load->request;
	const char *dir = request->dir == NULL ? CULVER_PLUGINDIR :
		request->dir;
	const struct module_probed *probed;
	const char **names = pool_new_array(load->pool, const char *,
					    request->count + 1);
	uint32_t count = 0;
	int ret;

	if (request->main_plugin != NULL)
		names[count++] = request->main_plugin;
	for (uint32_t i = 0; i < request->count; i++) {
		const char *name = pool_copy(load->pool, request->names[i],
			strcspn(request->names[i], "?"));
		uint32_t n = 0;

		while (n < count && strcmp(names[n], name) != 0)
			n++;
		if (n == count)
			names[count++] = name;
	}
	if (count == 0)
		return CV_OK;
	if ((ret = module_probe(dir, names, count, request->tree, load->pool,
				&probed, err)) < 0)
		return ret;
	for (uint32_t i = 0; i < count; i++) {
		bool optional = false;

		for (uint32_t n = 0; n < request->count; n++) {
			size_t len = strlen(names[i]);

			optional |= strncmp(request->names[n], names[i],
					    len) == 0 &&
				strcmp(request->names[n] + len, "?") == 0;
		}
		if (probed[i].status == CV_OK) {
			if (is_for_process(request, probed[i].desc))
				add_candidate(load, probed[i].desc);
			continue;
		}
		if (optional && probed[i].status == CV_E_NOT_FOUND)
			continue;
		ret = FAIL(err, probed[i].status, "cannot load '%s': %s",
			   names[i], probed[i].error);
		if ((ret = refuse(load, ret, err)) < 0)
			return ret;
	}
	return CV_OK;
}

/* --- 2. order and open --------------------------------------------------------- */

static void remove_candidate(struct load *load, uint32_t index)
{
	memmove(&load->candidates.items[index],
		&load->candidates.items[index + 1],
		(load->candidates.count - index - 1) *
		sizeof(load->candidates.items[0]));
	load->candidates.count--;
}

static int open_one(struct cv_plugin *plugin, struct cv_error *err)
{
	const struct module_desc *desc = plugin->desc;
	int ret;

	if (plugin->code != NULL)
		return CV_OK;
	if ((ret = module_open(desc->path, &plugin->code, err)) == CV_OK)
		ret = module_check_desc(plugin->code, desc->name, err);
	if (ret == CV_OK &&
	    (plugin->code->settings_bytes != desc->settings_bytes ||
	     plugin->code->settings.count != desc->settings.count))
		ret = FAIL(err, CV_E_TEMP, "its file '%s' has changed while "
			   "it was loaded (hint: start again)", desc->path);
	return ret;
}

/* Orders the candidates into order_r, all of them open; leaves out, or fails
 * for, those that cannot be. */
static int order_and_open(struct load *load, uint32_t *order_r,
			  struct cv_error *err)
{
	const struct module_desc *descs[MODULE_PLUGINS_MAX];
	int ret;

	for (;;) {
		uint32_t bad = 0, count = (uint32_t)load->candidates.count;

		if (count > MODULE_PLUGINS_MAX)
			return FAIL(err, CV_E_LIMIT, "more than %d plugins",
				    MODULE_PLUGINS_MAX);
		for (uint32_t i = 0; i < count; i++)
			descs[i] = load->candidates.items[i]->desc;
		ret = module_order(descs, count, order_r, &bad, err);
		for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
			bad = order_r[i];
			ret = open_one(load->candidates.items[bad], err);
		}
		if (ret == CV_OK)
			return CV_OK;
		error_prefix(err, "cannot load '%s'",
			     load->candidates.items[bad]->desc->name);
		if ((ret = refuse(load, ret, err)) < 0)
			return ret;
		remove_candidate(load, bad);
	}
}

/* --- 3. init --------------------------------------------------------------------- */

static void take_back(struct cv_plugin *plugin)
{
	plugin->in_init = false;
	plugin->ready = false;
	hook_remove_all_of(plugin);
	provider_remove_all_of(plugin);
}

static bool is_loaded(const char *name)
{
	for (size_t i = 0; i < host.plugins.count; i++) {
		if (strcmp(host.plugins.items[i]->desc->name, name) == 0)
			return true;
	}
	return false;
}

static int init_one(const struct module_request *request,
		    struct cv_plugin *plugin, struct cv_error *err)
{
	const char *const *needs = plugin->desc->needs;
	int ret;

	for (uint32_t i = 0; needs[i] != NULL; i++) {
		if (!is_loaded(needs[i]))
			return FAIL(err, CV_E_CONFIG, "it needs the plugin "
				    "'%s', which was refused", needs[i]);
	}
	if ((ret = module_register_settings(plugin, err)) < 0 ||
	    (ret = module_get_settings(plugin, request->tree, &request->scope,
				       host.pool, &plugin->settings,
				       err)) < 0 ||
	    (ret = slots_number(plugin, err)) < 0)
		return ret;
	plugin->in_init = true;
	plugin->index = (uint32_t)host.plugins.count;
	if (err != NULL)
		err->text[0] = '\0';
	ret = plugin->code->init(module_host(), plugin, err);
	plugin->in_init = false;
	if (ret >= 0) {
		plugin->ready = true;
		*array_add(&host.plugins) = plugin;
		return CV_OK;
	}
	if (err == NULL || err->text[0] == '\0')
		(void)FAIL(err, ret, "its init failed: %s", status_name(ret));
	take_back(plugin);
	return ret;
}

static int init_all(const struct load *load, const uint32_t *order,
		    struct cv_error *err)
{
	for (uint32_t i = 0; i < load->candidates.count; i++) {
		struct cv_plugin *plugin = load->candidates.items[order[i]];
		int ret = init_one(load->request, plugin, err);

		if (ret == CV_OK)
			continue;
		error_prefix(err, "cannot load '%s'", plugin->desc->name);
		if ((ret = refuse(load, ret, err)) < 0)
			return ret;
	}
	return CV_OK;
}

/* --- the whole --------------------------------------------------------------------- */

void module_unload_all(void)
{
	while (host.plugins.count > 0) {
		struct cv_plugin *plugin =
			host.plugins.items[--host.plugins.count];

		if (plugin->code->deinit != NULL)
			plugin->code->deinit(plugin);
		take_back(plugin);
	}
	slots_reset();
	host.loaded = host.left_out = false;
}

bool module_has_left_out(void)
{
	return host.left_out;
}

static int set_policy(const struct module_request *request,
		      struct cv_error *err)
{
	struct module_settings set;
	int ret;

	settings_register(&module_settings_table);
	if (request->tree == NULL)
		return CV_OK;
	ret = settings_get(request->tree, &module_settings_table,
			   &request->scope, host.pool, &set, err);
	if (ret < 0)
		return ret;
	hook_set_policy(set.plugin_hook_error, set.plugin_hook_deadline);
	return CV_OK;
}

int module_load(const struct module_request *request, struct cv_error *err)
{
	struct load load = { .request = request };
	struct cv_error own_err = ERROR_NONE;
	uint32_t order[MODULE_PLUGINS_MAX];
	int ret;

	if (err == NULL)
		err = &own_err;
	if (host.loaded)
		return FAIL(err, CV_E_INTERNAL, "the plugins of this process "
			    "are loaded already");
	/* Registered settings and open files outlive even module_unload_all;
	 * so does this pool. */
	if (host.pool == NULL)
		host.pool = pool_create("plugins");
	array_init(&host.plugins, host.pool);
	load.pool = host.pool;
	array_init(&load.candidates, load.pool);
	host.loaded = true;
	if ((ret = set_policy(request, err)) < 0 ||
	    (ret = probe_all(&load, err)) < 0 ||
	    (ret = order_and_open(&load, order, err)) < 0 ||
	    (ret = init_all(&load, order, err)) < 0) {
		module_unload_all();
		return ret;
	}
	hook_sort_all();
	return CV_OK;
}

int module_load_role(const struct settings_tree *tree,
		     const struct module_role *role, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = role->protocol };
	struct cv_pool *pool = pool_create("plugin names");
	struct module_request request = {
		.process = role->process, .tree = tree, .scope = scope,
		.only_pure = (role->wants & MODULE_WANT_ONLY_PURE) != 0,
		.only_named = (role->wants & MODULE_WANT_NAMED_MAIL) != 0,
	};
	struct general_settings general;
	struct cv_strings names;
	int ret;

	ret = settings_get(tree, &general_settings_table, &scope, pool,
			   &general, err);
	if (ret == CV_OK) {
		module_names(tree, role, pool, &names);
		request.dir = general.mail_plugin_dir;
		request.names = names.items;
		request.count = names.count;
		request.main_plugin =
			(role->wants & MODULE_WANT_PROTOCOL) != 0 ?
			role->protocol : NULL;
		request.skip_errors = general.plugin_on_error ==
			GENERAL_PLUGIN_ON_ERROR_SKIP;
		ret = module_load(&request, err);
	}
	pool_destroy(&pool);
	return ret;
}

static void preview_called(void)
{
	BUG_REACHED();
}

void module_preview(const struct module_desc *const *descs, uint32_t count)
{
	if (host.pool == NULL)
		host.pool = pool_create("plugins");
	for (uint32_t i = 0; i < count; i++) {
		struct cv_plugin *plugin = pool_new(host.pool,
						    struct cv_plugin);

		plugin->desc = descs[i];
		for (uint32_t n = 0; n < descs[i]->registration_count; n++) {
			const struct module_registration *r =
				&descs[i]->registrations[n];

			if (r->what == MODULE_REGISTERED_HOOK)
				(void)hook_add(plugin, r->kind, r->priority,
					       preview_called, host.pool,
					       NULL);
		}
	}
	hook_sort_all();
}

const struct cv_plugin *module_next(uint32_t *at)
{
	return *at < host.plugins.count ? host.plugins.items[(*at)++] : NULL;
}

const struct module_desc *module_describe(const struct cv_plugin *plugin)
{
	return plugin->desc;
}

/* A setting has a say in it. */
static bool has_connects_set(const struct cv_plugin *plugin)
{
	const struct cv_setting_def *defs = plugin->desc->settings.items;
	const char *set = plugin->settings;

	for (uint32_t i = 0; set != NULL && i < plugin->desc->settings.count;
	     i++) {
		if (defs[i].type == CV_SET_BOOL &&
		    (defs[i].flags & CV_SET_CONNECTS) != 0 &&
		    *(const bool *)(set + defs[i].offset))
			return true;
	}
	return false;
}

uint32_t module_flags(void)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < host.plugins.count; i++) {
		flags |= host.plugins.items[i]->desc->flags;
		if (has_connects_set(host.plugins.items[i]))
			flags |= CV_PLUGIN_CONNECTS;
	}
	return flags & (CV_PLUGIN_CONNECTS | CV_PLUGIN_EXECUTES);
}

const char *module_path_next(uint32_t *at)
{
	uint32_t n = *at;

	for (size_t i = 0; i < host.plugins.count; i++) {
		const char *const *paths = host.plugins.items[i]->desc->paths;

		for (uint32_t p = 0; paths[p] != NULL; p++) {
			if (n-- > 0)
				continue;
			(*at)++;
			return paths[p];
		}
	}
	return NULL;
}
