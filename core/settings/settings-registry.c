/* settings-registry.c - the declared tables of this process, by kind of block
 * and name. */
#include "settings-registry.h"
#include "settings-value.h"

#include <stdlib.h>

static struct {
	struct cv_pool *pool;
	struct hash_table names;	/* "kind\0name" -> settings_decl */
	ARRAY(struct settings_decl *) decls;
	ARRAY(const struct settings_table *) tables;
	ARRAY(struct settings_defaults) defaults;
	bool sorted;
} registry;

static const char *const filter_kinds[] = {
	"protocol", "local", "remote", "local_name", "plugin",
};

static void registry_init(void)
{
	if (registry.pool != NULL)
		return;
	registry.pool = pool_create("settings registry");
	hash_init(&registry.names, registry.pool, false);
	array_init(&registry.decls, registry.pool);
	array_init(&registry.tables, registry.pool);
	array_init(&registry.defaults, registry.pool);
}

void settings_registry_reset(void)
{
	pool_destroy(&registry.pool);
	memset(&registry, 0, sizeof(registry));
}

const struct cv_setting_def *
settings_table_def(const struct settings_table *table, uint32_t index)
{
	BUG_IF(index >= table->defs.count);
	return (const void *)((const char *)table->defs.items +
			      (size_t)index * table->defs.stride);
}

const char *settings_def_kind(const struct settings_table *table,
			      const struct cv_setting_def *def)
{
	if ((def->flags & CV_SET_PLUGIN_BLOCK) != 0)
		return "plugin";
	return table->block == NULL ? "" : table->block;
}

static struct settings_decl *decl_find(const char *kind, struct cv_span name)
{
	size_t kind_len = strlen(kind) + 1;
	char key[256];

	if (registry.pool == NULL || kind_len + name.len > sizeof(key))
		return NULL;
	memcpy(key, kind, kind_len);
	if (name.len > 0)
		memcpy(key + kind_len, name.data, name.len);
	return hash_find(&registry.names, cv_span(key, kind_len + name.len));
}

const struct cv_setting_def *settings_registry_find(const char *kind,
						    struct cv_span name)
{
	struct settings_decl *decl = decl_find(kind, name);

	return decl == NULL ? NULL : decl->def;
}

static void decl_add(const char *kind, const struct settings_table *table,
		     const struct cv_setting_def *def)
{
	size_t kind_len = strlen(kind) + 1, name_len = strlen(def->name);
	struct settings_decl *decl = decl_find(kind, cv_span_of(def->name));
	char *key;

	if (decl != NULL) {
		/* a setting that somebody uses is not obsolete */
		if (decl->def->type == CV_SET_OBSOLETE) {
			decl->def = def;
			decl->table = table;
		}
		return;
	}
	decl = pool_new(registry.pool, struct settings_decl);
	*decl = (struct settings_decl){ kind, def, table };
	*array_add(&registry.decls) = decl;
	registry.sorted = false;
	key = pool_alloc(registry.pool, kind_len + name_len + 1);
	memcpy(key, kind, kind_len);
	memcpy(key + kind_len, def->name, name_len);
	hash_set(&registry.names, cv_span(key, kind_len + name_len), decl);
}

static int def_check(const struct settings_table *table,
		     const struct cv_setting_def *def, struct cv_error *err)
{
	const char *kind = settings_def_kind(table, def);
	const struct settings_decl *other;
	int ret;

	if (def->size < offsetof(struct cv_setting_def, since) ||
	    def->name == NULL || def->default_text == NULL ||
	    def->doc == NULL || strlen(def->name) > 128)
		return FAIL(err, CV_E_CONFIG, "settings table '%s': a "
			    "declaration is not complete", table->name);
	if (def->type == CV_SET_OBSOLETE)
		return CV_OK;
	if (settings_value_bytes(def->type) == 0 ||
	    def->offset > table->bytes ||
	    table->bytes - def->offset < settings_value_bytes(def->type) ||
	    (def->type == CV_SET_ENUM && def->allowed == NULL))
		return FAIL(err, CV_E_CONFIG, "settings table '%s': '%s' has "
			    "an impossible type or place", table->name,
			    def->name);
	ret = settings_value_parse(def, def->default_text, NULL, NULL, err);
	if (ret < 0) {
		(void)error_prefix(err, "settings table '%s': default of "
				   "'%s'", table->name, def->name);
		return ret;
	}
	other = decl_find(kind, cv_span_of(def->name));
	if (other != NULL && other->def->type != CV_SET_OBSOLETE &&
	    (other->def->type != def->type ||
	     strcmp(other->def->default_text, def->default_text) != 0))
		return FAIL(err, CV_E_CONFIG, "setting '%s' is declared by "
			    "'%s' and by '%s' with another type or default",
			    def->name, other->table->name, table->name);
	return CV_OK;
}

int settings_register_checked(const struct settings_table *table,
			      struct cv_error *err)
{
	registry_init();
	for (size_t i = 0; i < registry.tables.count; i++) {
		if (registry.tables.items[i] == table)
			return CV_OK;
	}
	for (uint32_t i = 0; i < table->defs.count; i++) {
		int ret = def_check(table, settings_table_def(table, i), err);

		if (ret < 0)
			return ret;
	}
	*array_add(&registry.tables) = table;
	for (uint32_t i = 0; i < table->defs.count; i++) {
		const struct cv_setting_def *def =
			settings_table_def(table, i);

		decl_add(settings_def_kind(table, def), table, def);
	}
	return CV_OK;
}

void settings_register(const struct settings_table *table)
{
	struct cv_error err = ERROR_NONE;

	if (settings_register_checked(table, &err) < 0) {
		log_fatal("settings", "%s", err.text);
		BUG_REACHED();
	}
}

void settings_register_defaults(const char *origin, const char *text)
{
	registry_init();
	for (size_t i = 0; i < registry.defaults.count; i++) {
		if (registry.defaults.items[i].text == text)
			return;
	}
	*array_add(&registry.defaults) =
		(struct settings_defaults){ origin, text };
}

const struct settings_defaults *settings_registry_defaults(uint32_t index)
{
	return index < registry.defaults.count ?
		&registry.defaults.items[index] : NULL;
}

static int decl_compare(const void *a, const void *b)
{
	const struct settings_decl *const *left = a, *const *right = b;
	int ret = strcmp((*left)->kind, (*right)->kind);

	return ret != 0 ? ret : strcmp((*left)->def->name,
				       (*right)->def->name);
}

const struct settings_decl *settings_registry_next(uint32_t *at)
{
	if (!registry.sorted && registry.decls.count > 0) {
		qsort(registry.decls.items, registry.decls.count,
		      sizeof(registry.decls.items[0]), decl_compare);
		registry.sorted = true;
	}
	return *at < registry.decls.count ? registry.decls.items[(*at)++] :
		NULL;
}

bool settings_registry_has_kind(const char *kind)
{
	for (size_t i = 0; i < registry.decls.count; i++) {
		if (strcmp(registry.decls.items[i]->kind, kind) == 0)
			return true;
	}
	return false;
}

const char *settings_registry_guess(const char *kind, struct cv_span name)
{
	struct settings_guess guess;

	settings_guess_init(&guess, name);
	for (size_t i = 0; i < registry.decls.count; i++) {
		const struct settings_decl *decl = registry.decls.items[i];

		if (strcmp(decl->kind, kind) == 0 &&
		    decl->def->type != CV_SET_OBSOLETE)
			settings_guess_try(&guess, decl->def->name);
	}
	return guess.best;
}

const char *settings_registry_guess_block(const char *kind,
					  struct cv_span name)
{
	size_t len = strlen(kind);
	struct settings_guess guess;

	settings_guess_init(&guess, name);
	for (size_t i = 0; len == 0 && i < sizeof(filter_kinds) /
	     sizeof(filter_kinds[0]); i++)
		settings_guess_try(&guess, filter_kinds[i]);
	for (size_t i = 0; i < registry.decls.count; i++) {
		const char *path = registry.decls.items[i]->kind;

		if (strncmp(path, kind, len) != 0)
			continue;
		path += len;
		if (len > 0 && *path++ != '/')
			continue;
		if (*path != '\0' && strchr(path, '/') == NULL)
			settings_guess_try(&guess, path);
	}
	return guess.best;
}

static uint32_t depth(const char *kind)
{
	uint32_t slashes = 0;

	for (; *kind != '\0'; kind++)
		slashes += *kind == '/';
	return slashes;
}

const char *settings_registry_elsewhere(const char *kind, struct cv_span name)
{
	const char *best = NULL;

	for (size_t i = 0; i < registry.decls.count; i++) {
		const struct settings_decl *decl = registry.decls.items[i];

		if (cv_span_is(name, decl->def->name) &&
		    decl->def->type != CV_SET_OBSOLETE &&
		    strcmp(decl->kind, kind) != 0 &&
		    /* "driver" is meant for a passdb sooner than for a
		     * mailbox in a namespace */
		    (best == NULL || depth(decl->kind) < depth(best)))
			best = decl->kind;
	}
	return best;
}
