/* settings-print.c - prints trees for culverconf. */
#include "settings-print.h"
#include "settings-private.h"
#include "settings-value.h"

#include <stdlib.h>

struct printer {
	const struct settings_tree *tree;
	const struct settings_print *how;
	struct cv_text *out;
	struct cv_pool *pool;
	uint32_t indent;
};

static void indent(struct printer *printer)
{
	for (uint32_t i = 0; i < printer->indent; i++)
		cv_text_append_str(printer->out, "  ");
}

static bool needs_quotes(const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return false;
	return strchr(" \t<$", value[0]) != NULL ||
		strchr(" \t\\", value[len - 1]) != NULL ||
		strpbrk(value, "#'\"") != NULL ||
		strstr(value, " $") != NULL || strstr(value, "\t$") != NULL;
}

static void append_quoted(struct cv_text *out, const char *value)
{
	cv_text_append_c(out, '"');
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			cv_text_append_c(out, '\\');
		cv_text_append_c(out, *value);
	}
	cv_text_append_c(out, '"');
}

/* Passwords inside of other values: "args = password=x". */
static void append_masked(struct printer *printer, const char *value)
{
	static const char *const words[] = { "password=", "pass=", "secret=" };
	struct cv_text *out = printer->out;

	while (*value != '\0') {
		size_t i, len = 0;

		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			len = strlen(words[i]);
			if (strncmp(value, words[i], len) == 0)
				break;
		}
		if (i == sizeof(words) / sizeof(words[0])) {
			cv_text_append_c(out, *value++);
			continue;
		}
		cv_text_append(out, value, len);
		value += len;
		cv_text_append_str(out, "hidden:use-P-to-show");
		while (*value != '\0' && *value != ' ' && *value != '\t')
			value++;
	}
}

static bool has_password(const char *value)
{
	return strstr(value, "password=") != NULL ||
		strstr(value, "pass=") != NULL ||
		strstr(value, "secret=") != NULL;
}

/* One value to print; entry NULL: the default. */
struct item {
	const char *key;	/* of a block: its kind without the path */
	const struct cv_setting_def *def;
	const struct settings_entry *entry;
	const char *value;
	uint32_t block;		/* not SETTINGS_NONE: a block */
	uint32_t number;	/* keeps the order of what is equal */
};

static bool is_secret(const struct item *item)
{
	return (item->def != NULL && (item->def->flags & CV_SET_SECRET)) ||
		(item->entry != NULL && (item->entry->flags & ENTRY_SECRET));
}

static void append_value(struct printer *printer, const struct item *item,
			 bool quote)
{
	const struct settings_entry *entry = item->entry;
	/* what holds both $names and quotes can only be told expanded */
	bool raw = entry != NULL && entry->raw != NULL &&
		!printer->how->expand &&
		((entry->flags & ENTRY_FROM_FILE) != 0 ||
		 strpbrk(entry->raw, "#'\"\\") == NULL);
	const char *value = raw ? entry->raw : item->value;

	if (is_secret(item) && !printer->how->secrets && value[0] != '\0') {
		cv_text_append_str(printer->out,
				   "# hidden, use -P to show it");
		return;
	}
	if (item->def != NULL && !raw)
		value = settings_value_normal(item->def, value, printer->pool);
	if (!printer->how->secrets && !raw && has_password(value))
		append_masked(printer, value);
	else if (quote && !raw && needs_quotes(value))
		append_quoted(printer->out, value);
	else
		cv_text_append_str(printer->out, value);
}

static void append_origin(struct printer *printer, const struct item *item)
{
	if (!printer->how->origin)
		return;
	if (item->entry == NULL)
		cv_text_append_str(printer->out, " # default");
	else
		cv_text_append_f(printer->out, " # %s:%u", printer->tree->
				 files.items[item->entry->file],
				 item->entry->line);
}

static void print_setting(struct printer *printer, const struct item *item)
{
	indent(printer);
	cv_text_append_f(printer->out, "%s = ", item->key);
	append_value(printer, item, true);
	append_origin(printer, item);
	cv_text_append_c(printer->out, '\n');
}

/* The built-in value that a user's entry covers, or the declared default. */
static const char *default_value(const struct printer *printer,
				 uint32_t block, const char *key,
				 const struct cv_setting_def *def)
{
	const struct settings_tree *tree = printer->tree;

	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if ((entry->flags & ENTRY_BUILTIN) == 0)
			break;	/* built-in ones come first */
		if (entry->block == block && entry->filter == 0 &&
		    strcmp(entry->key, key) == 0)
			return entry->value;
	}
	return def == NULL ? NULL : def->default_text;
}

static bool is_changed(const struct printer *printer, const struct item *item,
		       uint32_t block)
{
	const char *other;

	if (item->entry == NULL || (item->entry->flags & ENTRY_BUILTIN) != 0)
		return false;
	other = default_value(printer, block, item->key, item->def);
	if (other == NULL || item->def == NULL)
		return true;
	return strcmp(settings_value_normal(item->def, item->value,
					    printer->pool),
		      settings_value_normal(item->def, other,
					    printer->pool)) != 0;
}

static const struct settings_entry *
entry_in(const struct printer *printer, uint32_t block, const char *key,
	 uint32_t filter)
{
	const struct settings_tree *tree = printer->tree;
	uint32_t i;

	if (printer->how->scope != NULL)
		return settings_tree_effective(tree, block, cv_span_of(key),
					       printer->how->scope);
	i = settings_tree_chain(tree, block, cv_span_of(key));
	for (; i != SETTINGS_NONE; i = tree->entries.items[i].next) {
		if (tree->entries.items[i].filter == filter)
			return &tree->entries.items[i];
	}
	return NULL;
}

typedef ARRAY(struct item) item_array;

static void add_setting(struct printer *printer, item_array *items,
			uint32_t block, uint32_t filter, const char *key,
			const struct cv_setting_def *def)
{
	struct item item = { .key = key, .def = def, .block = SETTINGS_NONE };
	enum settings_print_mode mode = printer->how->mode;

	if (mode == SETTINGS_PRINT_DEFAULTS) {
		item.value = default_value(printer, block, key, def);
		if (item.value == NULL)
			return;
	} else {
		item.entry = entry_in(printer, block, key, filter);
		if (item.entry == NULL && (def == NULL || filter != 0))
			return;
		item.value = item.entry == NULL ? def->default_text :
			item.entry->value;
		if (filter == 0 && mode == SETTINGS_PRINT_CHANGED &&
		    !is_changed(printer, &item, block))
			return;
	}
	item.number = (uint32_t)items->count;
	*array_add(items) = item;
}

/* Names that no table declares: in plugin { }, or with accept_unknown. */
static void add_undeclared(struct printer *printer, item_array *items,
			   uint32_t block, uint32_t filter)
{
	const struct settings_tree *tree = printer->tree;

	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->block == block && entry->key[0] != '\0' &&
		    entry->def == NULL &&
		    entry_in(printer, block, entry->key, filter) == entry)
			add_setting(printer, items, block, filter, entry->key,
				    NULL);
	}
}

/* Not shown unless it is set.  In plugin { }, empty is the same as absent. */
static bool is_silent(const struct printer *printer,
		      const struct cv_setting_def *def)
{
	return def->type == CV_SET_OBSOLETE ||
		((def->flags & CV_SET_PLUGIN_BLOCK) != 0 &&
		 def->default_text[0] == '\0' &&
		 printer->how->mode != SETTINGS_PRINT_DEFAULTS);
}

static void add_settings(struct printer *printer, item_array *items,
			 uint32_t block, uint32_t filter)
{
	const char *kind = printer->tree->blocks.items[block].kind;
	const struct settings_decl *decl;
	uint32_t at = 0;

	while ((decl = settings_registry_next(&at)) != NULL) {
		if (strcmp(decl->kind, kind) != 0)
			continue;
		if (is_silent(printer, decl->def) &&
		    entry_in(printer, block, decl->def->name, filter) == NULL)
			continue;
		add_setting(printer, items, block, filter, decl->def->name,
			    decl->def);
	}
	if (printer->how->mode != SETTINGS_PRINT_DEFAULTS)
		add_undeclared(printer, items, block, filter);
}

static const char *short_kind(const char *kind)
{
	const char *slash = strrchr(kind, '/');

	return slash == NULL ? kind : slash + 1;
}

static void add_blocks(struct printer *printer, item_array *items,
		       uint32_t parent, uint32_t filter)
{
	const struct settings_tree *tree = printer->tree;

	for (uint32_t i = 1; i < tree->blocks.count; i++) {
		const struct settings_entry *mark;
		struct item item = { .block = i };

		if (tree->blocks.items[i].parent != parent)
			continue;
		mark = entry_in(printer, i, "", filter);
		if (mark == NULL)
			continue;
		if (printer->how->mode == SETTINGS_PRINT_DEFAULTS &&
		    (tree->entries.items[settings_tree_chain(tree, i,
			CV_SPAN(""))].flags & ENTRY_BUILTIN) == 0 &&
		    default_value(printer, i, "", NULL) == NULL)
			continue;
		item.entry = mark;
		item.key = short_kind(tree->blocks.items[i].kind);
		item.number = (uint32_t)items->count;
		*array_add(items) = item;
	}
}

static int item_compare(const void *a, const void *b)
{
	const struct item *left = a, *right = b;
	int ret = strcmp(left->key, right->key);

	if (ret != 0)
		return ret;
	return (left->number > right->number) - (left->number < right->number);
}

static void append_title(struct cv_text *out, const char *kind,
			 const char *name)
{
	cv_text_append_str(out, kind);
	if (name[0] != '\0') {
		cv_text_append_c(out, ' ');
		if (strpbrk(name, " \t\"\\{#'") != NULL)
			append_quoted(out, name);
		else
			cv_text_append_str(out, name);
	}
	cv_text_append_str(out, " {");
}

static void print_body(struct printer *printer, uint32_t block,
		       uint32_t filter);

static void print_block(struct printer *printer, const struct item *item,
			uint32_t filter)
{
	struct cv_text *out = printer->out;
	/* a built-in block that a file opens but does not change */
	bool builtin = default_value(printer, item->block, "", NULL) != NULL;
	size_t start = out->len, inside;

	indent(printer);
	append_title(out, item->key,
		     printer->tree->blocks.items[item->block].name);
	append_origin(printer, item);
	cv_text_append_c(out, '\n');
	inside = out->len;
	printer->indent++;
	print_body(printer, item->block, filter);
	printer->indent--;
	if (out->len == inside && builtin &&
	    printer->how->mode == SETTINGS_PRINT_CHANGED) {
		out->len = start;
		out->data[start] = '\0';
		return;
	}
	indent(printer);
	cv_text_append_str(out, "}\n");
}

/* Depth is that of blocks in the tree: SETTINGS_DEPTH_MAX. */
static void print_body(struct printer *printer, uint32_t block,
		       uint32_t filter)
{
	item_array items;

	array_init(&items, printer->pool);
	add_settings(printer, &items, block, filter);
	add_blocks(printer, &items, block, filter);
	if (items.count > 0)
		qsort(items.items, items.count, sizeof(items.items[0]),
		      item_compare);
	for (size_t i = 0; i < items.count; i++) {
		if (items.items[i].block == SETTINGS_NONE)
			print_setting(printer, &items.items[i]);
		else
			print_block(printer, &items.items[i], filter);
	}
}

static void print_filter(struct printer *printer, uint32_t filter)
{
	const struct settings_tree *tree = printer->tree;
	uint32_t chain[SETTINGS_DEPTH_MAX], depth = 0;
	struct cv_text *out = printer->out;
	size_t start = out->len, inside;

	for (uint32_t i = filter; i != 0 && depth < SETTINGS_DEPTH_MAX;
	     i = tree->filters.items[i].parent)
		chain[depth++] = i;
	for (uint32_t i = depth; i-- > 0; printer->indent++) {
		indent(printer);
		append_title(out, tree->filters.items[chain[i]].kind,
			     tree->filters.items[chain[i]].name);
		cv_text_append_c(out, '\n');
	}
	inside = out->len;
	print_body(printer, SETTINGS_ROOT, filter);
	if (out->len == inside) {
		out->len = start;
		if (out->data != NULL)
			out->data[start] = '\0';
		printer->indent -= depth;
		return;
	}
	for (uint32_t i = 0; i < depth; i++) {
		printer->indent--;
		indent(printer);
		cv_text_append_str(out, "}\n");
	}
}

void settings_print(const struct settings_tree *tree,
		    const struct settings_print *how, struct cv_text *out)
{
	struct printer printer = {
		.tree = tree, .how = how, .out = out,
		.pool = pool_create("settings print"),
	};

	pool_set_secret(printer.pool);
	print_body(&printer, SETTINGS_ROOT, 0);
	for (uint32_t i = 1; how->scope == NULL && i < tree->filters.count &&
	     how->mode != SETTINGS_PRINT_DEFAULTS; i++)
		print_filter(&printer, i);
	pool_destroy(&printer.pool);
}

/* --- by name -------------------------------------------------------------- */

/* Follows "service/auth" into the blocks; *rest is what is left. */
static uint32_t path_follow(const struct settings_tree *tree,
			    struct cv_span *rest)
{
	uint32_t block = SETTINGS_ROOT;

	for (;;) {
		struct cv_span left = *rest, kind, name = CV_SPAN("");
		uint32_t i;

		(void)cv_span_split(&left, '/', &kind);
		if (left.data == NULL)
			return block;
		if (!cv_span_is(kind, "plugin"))
			(void)cv_span_split(&left, '/', &name);
		for (i = 1; i < tree->blocks.count; i++) {
			const struct settings_block_node *node =
				&tree->blocks.items[i];

			if (node->parent == block &&
			    cv_span_is(kind, short_kind(node->kind)) &&
			    cv_span_is(name, node->name))
				break;
		}
		if (i == tree->blocks.count)
			return block;
		block = i;
		*rest = left.data == NULL ? CV_SPAN("") : left;
	}
}

static bool print_kind(struct printer *printer, uint32_t parent,
		       struct cv_span kind)
{
	bool found = false;
	item_array items;

	array_init(&items, printer->pool);
	add_blocks(printer, &items, parent, 0);
	for (size_t i = 0; i < items.count; i++) {
		if (!cv_span_is(kind, items.items[i].key))
			continue;
		print_block(printer, &items.items[i], 0);
		found = true;
	}
	return found;
}

static bool print_one(struct printer *printer, uint32_t block,
		      const char *title, struct cv_span key)
{
	const char *kind = printer->tree->blocks.items[block].kind;
	const struct cv_setting_def *def = settings_registry_find(kind, key);
	item_array items;

	array_init(&items, printer->pool);
	add_setting(printer, &items, block, 0,
		    pool_copy(printer->pool, key.data, key.len), def);
	if (items.count == 0 ||
	    (def != NULL && def->type == CV_SET_OBSOLETE &&
	     items.items[0].entry == NULL))
		return false;
	if (!printer->how->values_only)
		cv_text_append_f(printer->out, "%s = ", title);
	append_value(printer, &items.items[0], false);
	append_origin(printer, &items.items[0]);
	cv_text_append_c(printer->out, '\n');
	return true;
}

static bool print_name(struct printer *printer, const char *name)
{
	struct cv_span rest = cv_span_of(name);
	uint32_t block = path_follow(printer->tree, &rest);

	if (block != SETTINGS_ROOT && rest.len == 0) {
		struct item item = {
			.key = short_kind(printer->tree->blocks.
					  items[block].kind),
			.entry = entry_in(printer, block, "", 0),
			.block = block,
		};

		if (item.entry == NULL)
			return false;
		print_block(printer, &item, 0);
		return true;
	}
	return print_one(printer, block, name, rest) ||
		print_kind(printer, block, rest);
}

int settings_print_name(const struct settings_tree *tree,
			const struct settings_print *how, const char *name,
			struct cv_text *out)
{
	struct settings_print all = *how;
	struct printer printer = {
		.tree = tree, .how = &all, .out = out,
		.pool = pool_create("settings print"),
	};
	bool found;

	if (all.mode == SETTINGS_PRINT_CHANGED)
		all.mode = SETTINGS_PRINT_ALL;
	if (all.scope == NULL) {
		static const struct settings_scope global;

		all.scope = &global;
	}
	pool_set_secret(printer.pool);
	found = print_name(&printer, name);
	pool_destroy(&printer.pool);
	return found ? CV_OK : CV_NOT_FOUND;
}
