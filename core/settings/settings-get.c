/* settings-get.c - typed structs and single values out of a tree. */
#include "settings-private.h"
#include "settings-value.h"

static const struct settings_scope global_scope;

/* "namespace/inbox/" of a block, "" of the root: how overrides name it. */
static const char *block_prefix(const struct settings_tree *tree,
				uint32_t block, struct cv_pool *pool)
{
	const char *prefix = "";

	while (block != SETTINGS_ROOT) {
		const struct settings_block_node *node =
			&tree->blocks.items[block];
		const char *kind = strrchr(node->kind, '/');

		kind = kind == NULL ? node->kind : kind + 1;
		prefix = node->is_plugin ? pool_printf(pool, "plugin/%s",
						       prefix) :
			pool_printf(pool, "%s/%s/%s", kind, node->name,
				    prefix);
		block = node->parent;
	}
	return prefix;
}

/* The value of the last override of key; NULL: none. */
static const char *override_find(const struct cv_strings *overrides,
				 const char *prefix, const char *key)
{
	size_t prefix_len = strlen(prefix), key_len = strlen(key);

	for (uint32_t i = overrides->count; i-- > 0;) {
		const char *item = overrides->items[i];

		if (strncmp(item, prefix, prefix_len) != 0)
			continue;
		item += prefix_len;
		if (strncmp(item, key, key_len) != 0)
			continue;
		item += key_len;
		if (*item == '=')
			return item + 1;
		if (*item == '\0')
			return "yes";
	}
	return NULL;
}

struct reader {
	const struct settings_tree *tree;
	const struct settings_scope *scope;
	struct cv_pool *pool;
	uint32_t block, plugin;
	const char *prefix;
};

static const char *user_override(const struct reader *reader,
				 const struct cv_setting_def *def)
{
	const struct cv_strings *overrides = &reader->scope->overrides;
	const char *value;

	if (overrides->count == 0 || (def->flags & CV_SET_PER_USER) == 0)
		return NULL;
	if ((def->flags & CV_SET_PLUGIN_BLOCK) == 0)
		return override_find(overrides, reader->prefix, def->name);
	/* userdb fields name plugin settings with and without "plugin/" */
	value = override_find(overrides, "plugin/", def->name);
	return value != NULL ? value :
		override_find(overrides, "", def->name);
}

static const char *text_find(const struct reader *reader,
			     const struct cv_setting_def *def)
{
	uint32_t block = (def->flags & CV_SET_PLUGIN_BLOCK) != 0 ?
		reader->plugin : reader->block;
	const struct settings_entry *entry = NULL;

	if (block != SETTINGS_NONE)
		entry = settings_tree_effective(reader->tree, block,
						cv_span_of(def->name),
						reader->scope);
	return entry == NULL ? def->default_text : entry->value;
}

static int expand(const struct reader *reader,
		  const struct cv_setting_def *def, const char **text,
		  struct cv_error *err)
{
	uint32_t flags = 0;
	struct cv_text out;
	int ret;

	if (reader->scope->vars == NULL ||
	    (def->flags & (CV_SET_EXPAND | CV_SET_EXPAND_PATH)) == 0 ||
	    strchr(*text, '%') == NULL)
		return CV_OK;
	if ((def->flags & CV_SET_EXPAND_PATH) != 0 ||
	    def->type == CV_SET_PATH)
		flags = SETTINGS_EXPAND_PATH;
	cv_text_init(&out, reader->pool);
	ret = settings_expand(&out, *text, reader->scope->vars, flags, err);
	if (ret < 0)
		(void)error_prefix(err, "'%s'", def->name);
	*text = cv_text_str(&out);
	return ret;
}

static int member_fill(const struct reader *reader,
		       const struct cv_setting_def *def, void *member,
		       struct cv_error *err)
{
	const char *text = user_override(reader, def);
	int ret = CV_OK;

	if (text == NULL) {
		text = text_find(reader, def);
		ret = expand(reader, def, &text, err);
		if (ret < 0)
			return ret;
	} else {
		text = pool_strdup(reader->pool, text);
	}
	if (def->type == CV_SET_STRING) {
		*(const char **)member = text;	/* no need for a copy */
		return CV_OK;
	}
	ret = settings_value_parse(def, text, reader->pool, member, err);
	if (ret < 0)
		(void)error_prefix(err, "'%s'", def->name);
	return ret;
}

int settings_get(const struct settings_tree *tree,
		 const struct settings_table *table,
		 const struct settings_scope *scope, struct cv_pool *pool,
		 void *struct_r, struct cv_error *err)
{
	struct reader reader = {
		.tree = tree, .pool = pool, .prefix = "",
		.scope = scope == NULL ? &global_scope : scope,
	};

	reader.block = table->block == NULL ? SETTINGS_ROOT :
		reader.scope->block;
	BUG_IF(reader.block >= tree->blocks.count);
	BUG_IF(table->block != NULL &&
	       strcmp(tree->blocks.items[reader.block].kind,
		      table->block) != 0);
	reader.plugin = settings_tree_plugin(tree);
	if (reader.scope->overrides.count > 0)
		reader.prefix = block_prefix(tree, reader.block, pool);
	memset(struct_r, 0, table->bytes);
	for (uint32_t i = 0; i < table->defs.count; i++) {
		const struct cv_setting_def *def =
			settings_table_def(table, i);
		int ret;

		if (def->type == CV_SET_OBSOLETE)
			continue;
		ret = member_fill(&reader, def,
				  (char *)struct_r + def->offset, err);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

/* Where key of a lookup stands: in the scope's block, or in plugin { }. */
static const struct settings_entry *
lookup(const struct settings_tree *tree, const struct settings_scope *scope,
       struct cv_span key)
{
	uint32_t plugin = settings_tree_plugin(tree);
	const struct settings_entry *entry = NULL;
	bool only_plugin = cv_span_begins(key, CV_SPAN("plugin/"));

	BUG_IF(scope->block >= tree->blocks.count);
	if (only_plugin)
		key = cv_span_skip(key, 7);
	else
		entry = settings_tree_effective(tree, scope->block, key,
						scope);
	if (entry == NULL && plugin != SETTINGS_NONE &&
	    scope->block == SETTINGS_ROOT)
		entry = settings_tree_effective(tree, plugin, key, scope);
	return entry;
}

int settings_lookup(const struct settings_tree *tree,
		    const struct settings_scope *scope, const char *key,
		    const char **value_r)
{
	const struct settings_entry *entry;
	const struct cv_setting_def *def;

	if (scope == NULL)
		scope = &global_scope;
	entry = lookup(tree, scope, cv_span_of(key));
	if (entry != NULL) {
		*value_r = entry->value;
		return CV_OK;
	}
	def = settings_registry_find(tree->blocks.items[scope->block].kind,
				     cv_span_of(key));
	if (def == NULL && scope->block == SETTINGS_ROOT)
		def = settings_registry_find("plugin",
			cv_span_of(strncmp(key, "plugin/", 7) == 0 ?
				   key + 7 : key));
	if (def == NULL || def->type == CV_SET_OBSOLETE)
		return CV_NOT_FOUND;
	*value_r = def->default_text;
	return CV_OK;
}

int settings_origin(const struct settings_tree *tree,
		    const struct settings_scope *scope, const char *key,
		    const char **file_r, uint32_t *line_r)
{
	const struct settings_entry *entry;

	if (scope == NULL)
		scope = &global_scope;
	entry = lookup(tree, scope, cv_span_of(key));
	if (entry == NULL)
		return CV_NOT_FOUND;
	*file_r = tree->files.items[entry->file];
	*line_r = entry->line;
	return CV_OK;
}

/* An entry is the first place of its key when no earlier one has it. */
static bool is_first(const struct settings_tree *tree, uint32_t number)
{
	const struct settings_entry *entry = &tree->entries.items[number];
	uint32_t i = settings_tree_chain(tree, entry->block,
					 cv_span_of(entry->key));
	bool found = false;

	for (; i != SETTINGS_NONE; i = tree->entries.items[i].next) {
		if (i < number)
			return false;
		if (i == number)
			found = true;
	}
	return found;
}

bool settings_plugin_next(const struct settings_tree *tree,
			  const struct settings_scope *scope,
			  const char *prefix, uint32_t *at,
			  const char **name_r, const char **value_r)
{
	uint32_t plugin = settings_tree_plugin(tree);

	if (plugin == SETTINGS_NONE)
		return false;
	for (uint32_t i = *at; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->block != plugin || entry->key[0] == '\0' ||
		    strncmp(entry->key, prefix, strlen(prefix)) != 0 ||
		    !is_first(tree, i))
			continue;
		entry = settings_tree_effective(tree, plugin,
						cv_span_of(entry->key), scope);
		if (entry == NULL)
			continue;
		*at = i + 1;
		*name_r = entry->key;
		*value_r = entry->value;
		return true;
	}
	return false;
}
