/* probe-values.c - a plugin looks over what the configuration says to it, in
 * the probe child. */
#include "module-private.h"

#include "cv-auth.h"
#include "cv-storage.h"
#include "settings/core-settings.h"
#include "settings/settings-value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

/* Beside what the plugin sees: whose value it is. */
struct probe_check {
	struct cv_check check;		/* the first member */
	uint32_t value;
	module_tell_fn *tell;
};

static const struct settings_vars *auth_variables;

void module_set_auth_variables(const struct settings_vars *vars)
{
	auth_variables = vars;
}

static void tell_text(const struct cv_check *check,
		      enum module_problem_kind kind, const char *setting,
		      const char *text)
{
	const struct probe_check *c = (const void *)check;
	struct cv_text data;

	cv_text_init(&data, check->pool);
	cv_text_append(&data, &c->value, sizeof(c->value));
	cv_text_append(&data, setting, strnlen(setting, 256));
	cv_text_append_c(&data, '\0');
	cv_text_append_str(&data, text);
	c->tell(kind, cv_text_span(&data));
}

static void tell(const struct cv_check *check, enum module_problem_kind kind,
		 const char *setting, const char *fmt, va_list args)
{
	char text[MODULE_PROBLEM_BYTES];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	tell_text(check, kind, setting, text);
}

static void check_error(const struct cv_check *check, const char *setting,
			const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(check, MODULE_PROBLEM_ERROR, setting, fmt, args);
	va_end(args);
}

static void check_warning(const struct cv_check *check, const char *setting,
			  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(check, MODULE_PROBLEM_WARNING, setting, fmt, args);
	va_end(args);
}

static const char *check_nearest(const struct cv_check *check,
				 struct cv_span word,
				 const char *const *words)
{
	struct settings_guess guess;

	settings_guess_init(&guess, word);
	for (uint32_t i = 0; words[i] != NULL; i++)
		settings_guess_try(&guess, words[i]);
	return guess.best == NULL ? "" :
		pool_printf(check->pool, "; did you mean '%s'?", guess.best);
}

static bool check_file(const struct cv_check *check, const char *setting,
		       const char *path, uint32_t kind)
{
	struct stat st;

	if (strchr(path, '%') != NULL)
		return true;
	if (stat(path, &st) < 0) {
		/* who reads it may have the rights that we have given up */
		if (errno != ENOENT && errno != ENOTDIR)
			return true;
		check->error(check, setting, "there is no %s '%s'",
			     kind == CV_CHECK_FOLDER ? "folder" : "file",
			     path);
		return false;
	}
	if (kind == CV_CHECK_FILE && !S_ISREG(st.st_mode))
		check->error(check, setting, "'%s' is no regular file", path);
	else if (kind == CV_CHECK_FOLDER && !S_ISDIR(st.st_mode))
		check->error(check, setting, "'%s' is no folder", path);
	else
		return true;
	return false;
}

static bool check_variables(const struct cv_check *check, const char *setting,
			    const char *text)
{
	struct cv_error err = ERROR_NONE;
	struct cv_text out;

	if (auth_variables == NULL)
		return true;
	cv_text_init(&out, check->pool);
	if (settings_expand(&out, text, auth_variables, 0, &err) >= 0)
		return true;
	check->error(check, setting, "%s", err.text);
	return false;
}

static bool check_system_user(const struct cv_check *check,
			      const char *setting, const char *name,
			      bool group)
{
	uint64_t number;

	if (name[0] == '\0' || strchr(name, '%') != NULL ||
	    cv_span_to_u64(cv_span_of(name), UINT32_MAX - 1, &number))
		return true;
	if (group ? getgrnam(name) != NULL : getpwnam(name) != NULL)
		return true;
	check->warning(check, setting, "the system's files know no %s '%s': "
		       "nobody can log in, unless another source (LDAP, SSS) "
		       "has it", group ? "group" : "user", name);
	return false;
}

static void check_scheme(const struct cv_check *check, const char *setting,
			 struct cv_span name)
{
	if (name.len > MODULE_NAME_MAX)
		name.len = MODULE_NAME_MAX;
	tell_text(check, MODULE_PROBLEM_SCHEME, setting,
		  pool_copy(check->pool, name.data, name.len));
}

static bool protocol_asks_for(const struct settings_tree *tree,
			      const char *protocol, const char *plugin,
			      struct cv_pool *pool)
{
	struct settings_scope scope = { .protocol = protocol };
	struct general_settings set;

	if (settings_get(tree, &general_settings_table, &scope, pool, &set,
			 NULL) < 0)
		return false;
	for (uint32_t i = 0; i < set.mail_plugins.count; i++) {
		const char *name = set.mail_plugins.items[i];
		size_t len = strcspn(name, "?");

		if (strlen(plugin) == len && strncmp(name, plugin, len) == 0)
			return true;
	}
	return false;
}

const char *probe_values_protocol(const struct module_values *values,
				  const struct cv_plugin *plugin,
				  struct cv_pool *pool)
{
	const char *protocol;
	uint32_t at = 0;

	if (protocol_asks_for(values->tree, NULL, plugin->desc->name, pool))
		return NULL;
	while (settings_filter_next(values->tree, "protocol", &at,
				    &protocol)) {
		if (protocol_asks_for(values->tree, protocol,
				      plugin->desc->name, pool))
			return protocol;
	}
	return NULL;
}

static cv_check_fn *find_check(const struct module_value *value,
			       const struct cv_plugin *plugin)
{
	const struct cv_plugin_desc *code = plugin->code;
	const void *table = value->kind == 0 ? NULL :
		module_dry_provider(value->kind, value->driver);
	const struct cv_passdb *pass = table;
	const struct cv_userdb *user = table;
	const struct cv_storage *storage = table;

	if (value->kind == 0)
		return CV_HAS(code, check) ? code->check : NULL;
	if (table == NULL)
		return NULL;
	switch (value->kind) {
	case CV_PROVIDER_PASSDB:
		return CV_HAS(pass, check) ? pass->check : NULL;
	case CV_PROVIDER_USERDB:
		return CV_HAS(user, check) ? user->check : NULL;
	case CV_PROVIDER_STORAGE:
		return CV_HAS(storage, location_check) ?
			storage->location_check : NULL;
	}
	return NULL;
}

static void run_one(const struct module_values *values, uint32_t index,
		    struct cv_plugin *plugin, struct cv_pool *pool,
		    module_tell_fn *tell_fn)
{
	const struct module_value *value = &values->items.items[index];
	struct settings_scope scope = { .protocol = value->protocol };
	cv_check_fn *fn = find_check(value, plugin);
	struct probe_check c = {
		.check = {
			CV_SIZED(cv_check), .pool = pool,
			.value = value->text, .driver = value->driver,
			.deny = value->deny, .error = check_error,
			.warning = check_warning, .nearest = check_nearest,
			.file = check_file, .variables = check_variables,
			.system_user = check_system_user,
			.scheme = check_scheme,
		},
		.value = index, .tell = tell_fn,
	};

	/* what no value of its type is, the reader has refused itself */
	if (fn == NULL ||
	    module_get_settings(plugin, values->tree, &scope, pool,
				&c.check.settings, NULL) < 0)
		return;
	plugin->settings = c.check.settings;
	fn(&c.check);
}

void probe_values_run(const struct module_values *values,
		      struct cv_plugin *plugin, struct cv_pool *pool,
		      module_tell_fn *tell_fn)
{
	for (uint32_t i = 0; i < values->items.count; i++) {
		if (strcmp(values->items.items[i].plugin,
			   plugin->desc->name) == 0)
			run_one(values, i, plugin, pool, tell_fn);
	}
}
