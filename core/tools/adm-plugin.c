/* adm-plugin.c - culveradm plugin: what is installed, what is in a file,
 * whether it can be loaded, who listens where.
 *
 * Runs no plugin code itself: all is read in the probe child of
 * core/module. */
#include "culveradm.h"
#include "module/hook.h"
#include "module/module.h"
#include "settings/core-settings.h"

#include <stdio.h>
#include <unistd.h>

/* --- what the settings say --------------------------------------------------- */

struct configured {
	struct settings_tree *tree;	/* stays to the end */
	const char *dir;
	struct cv_strings names;	/* may end in '?' */
};

/* A broken or missing file is no reason not to look at plugins: the built-in
 * folder, and no names, then. */
static void read_configured(struct adm *adm, struct configured *conf)
{
	struct settings_read_options options = {
		.overrides = adm->overrides, .accept_unknown = true,
	};
	struct cv_error err = ERROR_NONE;
	struct general_settings general;

	*conf = (struct configured){ .dir = CULVER_PLUGINDIR };
	settings_register_core();
	settings_register(&module_settings_table);
	if (settings_read(adm->config_path, &options, &conf->tree,
			  &err) < 0)
		(void)fprintf(stderr, "culveradm: warning: %s\n", err.text);
	if (settings_get(conf->tree, &general_settings_table, NULL,
			 adm->pool, &general, &err) == CV_OK) {
		conf->dir = pool_strdup(adm->pool, general.mail_plugin_dir);
		module_names(conf->tree, NULL, adm->pool, &conf->names);
	}
}

static bool is_configured(const struct configured *conf, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < conf->names.count; i++) {
		const char *wanted = conf->names.items[i];

		if (strncmp(wanted, name, len) == 0 &&
		    (wanted[len] == '\0' || wanted[len] == '?'))
			return true;
	}
	return false;
}

/* "quota" is looked for in the plugin folder, with all the checks of a server
 * that starts; anything with a '/' or ".so" is a file. */
static int find_desc(struct adm *adm, const struct configured *conf,
		     const char *what, const struct module_desc **desc_r,
		     struct cv_error *err)
{
	const struct module_probed *probed;
	size_t len = strlen(what);
	int ret;

	if (strchr(what, '/') != NULL ||
	    (len > 3 && strcmp(what + len - 3, ".so") == 0))
		return module_probe_file(what, conf->tree, adm->pool, desc_r,
					 err);
	ret = module_probe(conf->dir, &what, 1, conf->tree, adm->pool,
			   &probed, err);
	if (ret < 0)
		return ret;
	if (probed->status != CV_OK)
		return FAIL(err, probed->status, "%s", probed->error);
	*desc_r = probed->desc;
	return CV_OK;
}

/* --- texts ---------------------------------------------------------------------- */

static const char *join(struct cv_pool *pool, const char *const *list)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	for (uint32_t i = 0; list[i] != NULL; i++)
		cv_text_append_f(&text, "%s%s", i == 0 ? "" : " ", list[i]);
	return cv_text_str(&text);
}

static const char *flags_text(struct cv_pool *pool, uint32_t flags)
{
	static const struct { uint32_t flag; const char *text; } names[] = {
		{ CV_PLUGIN_EXACT_BUILD, "exact-build" },
		{ CV_PLUGIN_CONNECTS, "connects" },
		{ CV_PLUGIN_EXECUTES, "executes" },
		{ CV_PLUGIN_PURE, "pure" },
	};
	struct cv_text text;

	cv_text_init(&text, pool);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((flags & names[i].flag) != 0)
			cv_text_append_f(&text, "%s%s", text.len == 0 ? "" :
					 " ", names[i].text);
	}
	return cv_text_str(&text);
}

/* "storage:maildir", or "message_stored:500". */
static const char *registered(struct cv_pool *pool,
			      const struct module_desc *desc, uint32_t what)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	for (uint32_t i = 0; i < desc->registration_count; i++) {
		const struct module_registration *r = &desc->registrations[i];
		const char *kind = module_kind_name(r->kind);

		if (r->what != what)
			continue;
		cv_text_append_str(&text, text.len == 0 ? "" : " ");
		if (what == MODULE_REGISTERED_HOOK)
			cv_text_append_f(&text, "%s:%d", r->name, r->priority);
		else
			cv_text_append_f(&text, "%s:%s",
					 kind == NULL ? "?" : kind, r->name);
	}
	return cv_text_str(&text);
}

static const char *type_text(uint32_t type)
{
	static const char *const names[] = {
		[CV_SET_BOOL] = "boolean", [CV_SET_UINT] = "number",
		[CV_SET_SIZE] = "size", [CV_SET_TIME] = "time",
		[CV_SET_STRING] = "text", [CV_SET_ENUM] = "choice",
		[CV_SET_LIST] = "list", [CV_SET_PATH] = "path",
		[CV_SET_MODE] = "mode", [CV_SET_OBSOLETE] = "obsolete",
	};

	return type < sizeof(names) / sizeof(names[0]) &&
		names[type] != NULL ? names[type] : "?";
}

/* --- plugin list ------------------------------------------------------------------ */

static int run_list(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"name", "version", "api", "used", "provides", "hooks",
		"status", NULL,
	};
	struct cv_error err = ERROR_NONE;
	const struct module_probed *probed;
	struct adm_output *out;
	struct configured conf;
	struct cv_strings names;

	if (argc != 1)
		return adm_usage(&adm_plugin_verb, "list takes no arguments");
	read_configured(adm, &conf);
	if (module_find_all(conf.dir, adm->pool, &names, &err) < 0 ||
	    module_probe(conf.dir, names.items, names.count, NULL, adm->pool,
			 &probed, &err) < 0)
		return adm_fail(&err);
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	for (uint32_t i = 0; i < names.count; i++) {
		const struct module_desc *desc = probed[i].desc;
		bool ok = probed[i].status == CV_OK;

		adm_output_value(out, names.items[i]);
		adm_output_value(out, ok ? desc->version : "");
		if (ok)
			adm_output_f(out, "%u.%u", desc->api_major,
				     desc->api_minor);
		else
			adm_output_value(out, "");
		adm_output_value(out, is_configured(&conf, names.items[i]) ?
				 "yes" : "no");
		adm_output_value(out, !ok ? "" : registered(adm->pool, desc,
			MODULE_REGISTERED_PROVIDER));
		adm_output_value(out, !ok ? "" : registered(adm->pool, desc,
			MODULE_REGISTERED_HOOK));
		adm_output_value(out, ok ? "ok" : probed[i].error);
	}
	adm_output_end(&out, false);
	return ADM_OK;
}

/* --- plugin describe --------------------------------------------------------------- */

struct fact { const char *name, *text; };
enum { FACTS = 14 };

static void collect_facts(struct cv_pool *pool, const struct module_desc *desc,
			  struct fact facts[static FACTS])
{
	const struct fact all[FACTS] = {
		{ "name", desc->name },
		{ "file", desc->path },
		{ "version", desc->version },
		{ "license", desc->license },
		{ "summary", desc->summary },
		{ "api", pool_printf(pool, "%u.%u", desc->api_major,
				     desc->api_minor) },
		{ "needs_api", pool_printf(pool, "%u.%u", desc->api_major,
					   desc->api_minor_need) },
		{ "flags", flags_text(pool, desc->flags) },
		{ "needs", join(pool, desc->needs) },
		{ "after", join(pool, desc->after) },
		{ "processes", join(pool, desc->processes) },
		{ "paths", join(pool, desc->paths) },
		{ "provides", registered(pool, desc,
					 MODULE_REGISTERED_PROVIDER) },
		{ "hooks", registered(pool, desc, MODULE_REGISTERED_HOOK) },
	};

	memcpy(facts, all, sizeof(all));
}

static void describe_json(struct cv_text *text, const struct fact *facts,
			  const struct module_desc *desc)
{
	const struct cv_setting_def *defs = desc->settings.items;

	cv_text_append_c(text, '{');
	for (size_t i = 0; i < FACTS; i++) {
		adm_json_append(text, facts[i].name);
		cv_text_append_c(text, ':');
		adm_json_append(text, facts[i].text);
		cv_text_append_c(text, ',');
	}
	cv_text_append_str(text, "\"settings\":[");
	for (uint32_t i = 0; i < desc->settings.count; i++) {
		cv_text_append_str(text, i == 0 ? "{\"name\":" :
				   ",{\"name\":");
		adm_json_append(text, defs[i].name);
		cv_text_append_str(text, ",\"type\":");
		adm_json_append(text, type_text(defs[i].type));
		cv_text_append_str(text, ",\"default\":");
		adm_json_append(text, defs[i].default_text);
		cv_text_append_str(text, ",\"allowed\":");
		adm_json_append(text, defs[i].allowed == NULL ? "" :
				defs[i].allowed);
		cv_text_append_str(text, ",\"place\":");
		adm_json_append(text, (defs[i].flags &
				       CV_SET_PLUGIN_BLOCK) != 0 ?
				"plugin" : "");
		cv_text_append_str(text, ",\"doc\":");
		adm_json_append(text, defs[i].doc);
		cv_text_append_c(text, '}');
	}
	cv_text_append_str(text, "]}");
}

static void put_clean(const char *label, const char *text)
{
	char line[LOG_LINE_MAX];

	(void)log_clean(line, sizeof(line), text, strlen(text));
	(void)printf("%-12s %s\n", label, line);
}

static void describe_text(const struct fact *facts,
			  const struct module_desc *desc)
{
	const struct cv_setting_def *defs = desc->settings.items;

	for (size_t i = 0; i < FACTS; i++) {
		if (facts[i].text[0] != '\0')
			put_clean(facts[i].name, facts[i].text);
	}
	for (uint32_t i = 0; i < desc->settings.count; i++) {
		(void)printf("\n");
		put_clean("setting", defs[i].name);
		put_clean("  type", type_text(defs[i].type));
		put_clean("  default", defs[i].default_text);
		if (defs[i].allowed != NULL)
			put_clean("  allowed", defs[i].allowed);
		put_clean("  ", defs[i].doc);
	}
}

static int run_describe(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;
	const struct module_desc *desc;
	struct configured conf;
	struct fact facts[FACTS];
	struct cv_text text;

	if (argc != 2)
		return adm_usage(&adm_plugin_verb, "describe takes a file, or "
				 "the name of an installed plugin");
	read_configured(adm, &conf);
	if (find_desc(adm, &conf, argv[1], &desc, &err) < 0)
		return adm_fail(&err);
	collect_facts(adm->pool, desc, facts);
	if (adm->format == ADM_FORMAT_JSON) {
		cv_text_init(&text, adm->pool);
		describe_json(&text, facts, desc);
		adm_output_use();
		(void)printf("%s\n", cv_text_str(&text));
	} else {
		describe_text(facts, desc);
	}
	return ADM_OK;
}

/* --- plugin check -------------------------------------------------------------------- */

static int run_check(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = { "file", "status", "text",
		NULL };
	struct configured conf;
	struct adm_output *out;
	int result = ADM_OK;

	if (argc < 2)
		return adm_usage(&adm_plugin_verb, "check takes files, or "
				 "names of installed plugins");
	read_configured(adm, &conf);
	out = adm_output_begin(adm, ADM_FORMAT_TAB, columns);
	for (int i = 1; i < argc; i++) {
		struct cv_error err = ERROR_NONE;
		const struct module_desc *desc;

		adm_output_value(out, argv[i]);
		if (find_desc(adm, &conf, argv[i], &desc, &err) < 0) {
			adm_output_value(out, "refused");
			adm_output_value(out, err.text);
			result = ADM_FAILED;
		} else if (desc->init_error[0] != '\0') {
			adm_output_value(out, "unready");
			adm_output_f(out, "with the settings of '%s' its "
				     "init fails: %s", adm->config_path,
				     desc->init_error);
			/* one that nobody asks for harms nobody */
			if (is_configured(&conf, desc->name))
				result = ADM_FAILED;
		} else {
			adm_output_value(out, "ok");
			adm_output_f(out, "%s %s, plugin API %u.%u",
				     desc->name, desc->version,
				     desc->api_major, desc->api_minor);
		}
	}
	adm_output_end(&out, false);
	return result;
}

/* --- plugin hooks --------------------------------------------------------------------- */

static int preview(struct adm *adm, struct cv_error *err)
{
	const struct module_desc **descs;
	const struct module_probed *probed;
	struct configured conf;
	const char **names;
	uint32_t count = 0;

	read_configured(adm, &conf);
	names = pool_new_array(adm->pool, const char *, conf.names.count);
	descs = pool_new_array(adm->pool, const struct module_desc *,
			       conf.names.count);
	for (uint32_t i = 0; i < conf.names.count; i++)
		names[i] = pool_copy(adm->pool, conf.names.items[i],
				     strcspn(conf.names.items[i], "?"));
	if (conf.names.count > 0 &&
	    module_probe(conf.dir, names, conf.names.count, NULL, adm->pool,
			 &probed, err) < 0)
		return err->code;
	for (uint32_t i = 0; i < conf.names.count; i++) {
		if (probed[i].status == CV_OK)
			descs[count++] = probed[i].desc;
		else if (strchr(conf.names.items[i], '?') == NULL ||
			 probed[i].status != CV_E_NOT_FOUND)
			(void)fprintf(stderr, "culveradm: warning: cannot "
				      "load '%s': %s\n", names[i],
				      probed[i].error);
	}
	module_preview(descs, count);
	return CV_OK;
}

static int run_hooks(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"hook", "kind", "since", "order", "plugin", "priority", NULL,
	};
	struct cv_error err = ERROR_NONE;
	const struct hook_point *point;
	struct adm_output *out;
	uint32_t at = 0;

	if (argc != 1)
		return adm_usage(&adm_plugin_verb, "hooks takes no arguments");
	if (preview(adm, &err) < 0)
		return adm_fail(&err);
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	while ((point = hook_point_next(&at)) != NULL) {
		struct hook_listener_stats stats;
		uint32_t order = 0;
		bool any;

		do {
			any = hook_listener_next(point->id, &order, &stats);
			if (!any && order > 0)
				break;
			adm_output_value(out, point->name);
			adm_output_value(out, hook_kind_name(point->kind));
			adm_output_f(out, "%u.%u", point->since_major,
				     point->since_minor);
			adm_output_f(out, "%u", order);
			adm_output_value(out, any ? stats.plugin : "-");
			adm_output_f(out, "%d", any ? stats.priority : 0);
		} while (any);
	}
	adm_output_end(&out, false);
	return ADM_OK;
}

/* --- the row ---------------------------------------------------------------------------- */

static int run(struct adm *adm, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct adm *adm, int argc, char **argv);
	} actions[] = {
		{ "list", run_list }, { "describe", run_describe },
		{ "check", run_check }, { "hooks", run_hooks },
	};

	if (argc < 2)
		return adm_usage(&adm_plugin_verb, "plugin wants an action");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, argv[1]) == 0)
			return actions[i].run(adm, argc - 1, argv + 1);
	}
	return adm_usage(&adm_plugin_verb, "there is no action 'plugin %s'",
			 argv[1]);
}

static const struct adm_word plugin_words[] = {
	{ "list", "", "lists the plugins of the folder mail_plugin_dir" },
	{ "describe", "FILE|NAME", "shows what a plugin is and has" },
	{ "check", "FILE|NAME...", "says whether plugins can be loaded" },
	{ "hooks", "", "lists the hooks, and which plugins listen to them" },
};

const struct adm_verb adm_plugin_verb = {
	.name = "plugin",
	.args = "list | describe FILE | check FILE ... | hooks",
	.help = "what plugins there are, and whether they can be loaded",
	.run = run,
	.words = plugin_words,
	.count = sizeof(plugin_words) / sizeof(plugin_words[0]),
};
