/* module-values.c - texts of the configuration that only plugins understand:
 * who has to look them over, and what they say.
 *
 * INVARIANT: no plugin runs here.  What a probe child has sent is hostile: it
 * is bounded, and shown without control characters. */
#include "module-private.h"

#include "cv-auth.h"
#include "settings/core-settings.h"

/* --- gathering ------------------------------------------------------------- */

static void add_value(struct module_values *values,
		      const struct module_value *value)
{
	struct module_value *copy = array_add(&values->items);
	struct cv_pool *pool = values->pool;

	*copy = *value;
	copy->plugin = pool_strdup(pool, value->plugin);
	copy->driver = pool_strdup(pool, value->driver);
	copy->text = pool_strdup(pool, value->text);
	copy->protocol = value->protocol == NULL ? NULL :
		pool_strdup(pool, value->protocol);
	copy->file = pool_strdup(pool, value->file);
}

static void set_origin(const struct settings_tree *tree,
		       const struct settings_scope *scope, const char *key,
		       struct module_value *value)
{
	if (settings_origin(tree, scope, key, &value->file, &value->line) !=
	    CV_OK) {
		value->file = "";
		value->line = 0;
	}
}

/* passdb { } and userdb { }: args, or the driver's line without them. */
static void add_blocks(struct module_values *values, const char *block_kind,
		       uint32_t kind)
{
	const struct settings_tree *tree = values->tree;
	struct settings_scope scope = { 0 };
	uint32_t at = 0;

	while (settings_block_next(tree, block_kind, SETTINGS_ROOT, NULL, &at,
				   &scope.block)) {
		struct module_value value = { .kind = kind };
		const char *deny;

		if (settings_lookup(tree, &scope, "driver",
				    &value.driver) != CV_OK ||
		    settings_lookup(tree, &scope, "args",
				    &value.text) != CV_OK ||
		    value.driver[0] == '\0' ||
		    strcmp(value.driver, "prefetch") == 0)
			continue;
		value.deny = settings_lookup(tree, &scope, "deny", &deny) ==
			CV_OK && (deny[0] == 'y' || deny[0] == 't' ||
				  deny[0] == '1');
		value.plugin = pool_printf(values->pool, "auth-%s",
					   value.driver);
		set_origin(tree, &scope, "args", &value);
		if (value.line == 0)
			set_origin(tree, &scope, "driver", &value);
		add_value(values, &value);
	}
}

static void add_location(struct module_values *values,
			 const struct settings_scope *scope, const char *key)
{
	struct module_value value = { .kind = CV_PROVIDER_STORAGE };
	struct cv_span driver;
	const char *text;

	if (settings_lookup(values->tree, scope, key, &text) != CV_OK)
		return;
	driver = module_location_driver(text, values->pool);
	if (driver.len == 0)
		return;
	value.driver = driver.data;
	value.text = text + driver.len + 1;
	driver = module_storage_plugin(driver);
	value.plugin = pool_printf(values->pool, "storage-%.*s",
				   CV_SPAN_ARG(driver));
	set_origin(values->tree, scope, key, &value);
	add_value(values, &value);
}

static void add_locations(struct module_values *values, const char *protocol)
{
	struct settings_scope scope = { .protocol = protocol };
	uint32_t at = 0;

	add_location(values, &scope, "mail_location");
	while (settings_block_next(values->tree, "namespace", SETTINGS_ROOT,
				   NULL, &at, &scope.block))
		add_location(values, &scope, "location");
}

static void add_settings(struct module_values *values, const char *protocol,
			 const char *const *plugins, uint32_t count)
{
	struct module_value value = {
		.driver = "", .text = "", .protocol = protocol, .file = "",
	};

	for (uint32_t i = 0; i < count; i++) {
		value.plugin = plugins[i];
		add_value(values, &value);
	}
}

void module_values_gather(struct module_values *values,
			  const struct settings_tree *tree,
			  const char *const *plugins, uint32_t count,
			  struct cv_pool *pool)
{
	const char *protocol;
	uint32_t at = 0;

	*values = (struct module_values){ .pool = pool, .tree = tree };
	array_init(&values->items, pool);
	array_init(&values->problems, pool);
	add_blocks(values, "passdb", CV_PROVIDER_PASSDB);
	add_blocks(values, "userdb", CV_PROVIDER_USERDB);
	add_locations(values, NULL);
	add_settings(values, NULL, plugins, count);
	while (settings_filter_next(tree, "protocol", &at, &protocol)) {
		add_locations(values, protocol);
		add_settings(values, protocol, plugins, count);
	}
}

/* --- what comes back --------------------------------------------------------- */

static const char *printable(struct cv_pool *pool, struct cv_span text)
{
	char *copy = pool_copy(pool, text.data, text.len);

	for (char *at = copy; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

void module_values_take(struct module_values *values,
			enum module_problem_kind kind, struct cv_span data)
{
	struct module_value_problem problem = { .kind = kind };
	const char *end;
	size_t len;

	if (data.len < sizeof(problem.value) + 1 ||
	    data.len > sizeof(problem.value) + 257 + MODULE_PROBLEM_BYTES ||
	    values->problems.count >= MODULE_PROBLEMS_MAX)
		return;
	memcpy(&problem.value, data.data, sizeof(problem.value));
	data = cv_span_skip(data, sizeof(problem.value));
	end = memchr(data.data, '\0', data.len);
	if (problem.value >= values->items.count || end == NULL)
		return;
	len = (size_t)(end - data.data);
	problem.setting = printable(values->pool, cv_span(data.data, len));
	problem.text = printable(values->pool, cv_span_skip(data, len + 1));
	*array_add(&values->problems) = problem;
}

/* --- reporting --------------------------------------------------------------- */

/* The problem with what it is about in front. */
static const char *text_of(const struct module_values *values,
			   const struct module_value *value,
			   const struct module_value_problem *problem)
{
	struct cv_pool *pool = values->pool;
	const char *setting = problem->setting, *text = problem->text;

	if (value->kind == CV_PROVIDER_STORAGE)
		return pool_printf(pool, "mail_location: %s", text);
	if (value->kind != 0)
		return pool_printf(pool, "%s %s: %s",
				   value->kind == CV_PROVIDER_PASSDB ?
				   "passdb" : "userdb", value->driver, text);
	if (setting[0] == '\0')
		return pool_printf(pool, "plugin %s: %s", value->plugin,
				   text);
	/* the plugin may have named it itself */
	if (strncmp(text, setting, strlen(setting)) == 0)
		return text;
	return pool_printf(pool, "%s: %s", setting, text);
}

static bool is_told(const struct settings_tree *tree, const char *file,
		    uint32_t line, const char *text)
{
	for (size_t i = 0; i < settings_problem_count(tree); i++) {
		const struct settings_problem *p =
			settings_problem_get(tree, i);

		if (p->line == line && strcmp(p->file, file) == 0 &&
		    strcmp(p->text, text) == 0)
			return true;
	}
	return false;
}

int module_values_report(const struct module_values *values,
			 struct settings_tree *tree, struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < values->problems.count; i++) {
		const struct module_value_problem *problem =
			&values->problems.items[i];
		struct module_value value =
			values->items.items[problem->value];
		struct settings_scope scope = { .protocol = value.protocol };
		const char *text = text_of(values, &value, problem);

		if (value.kind == 0 && problem->setting[0] != '\0')
			set_origin(tree, &scope, problem->setting, &value);
		/* one line may count for several protocols */
		if (is_told(tree, value.file, value.line, text))
			continue;
		settings_problem_add(tree,
				     problem->kind == MODULE_PROBLEM_WARNING,
				     value.file, value.line, "%s", text);
		if (problem->kind != MODULE_PROBLEM_WARNING && ret == CV_OK)
			ret = FAIL(err, CV_E_CONFIG, "%s", text);
	}
	return ret;
}
