/* settings-variable.c - "key = $key more" and "$other" values.
 *
 * A setting's own name stands for its value up to this line, so that
 * mail_plugins = $mail_plugins x adds to it.  Other names stand for the
 * value that they have in the end, wherever in the files that is; which is
 * how user = $default_internal_user in a built-in block follows the admin's
 * choice. */
#include "settings-parse.h"
#include "settings-value.h"

enum { RESOLVE_PASSES_MAX = 8 };

/* "a = $a $a" again and again must not fill the memory: what is put in is
 * counted before, and also when it comes to nothing. */
static bool value_append(struct settings_tree *tree, struct cv_text *out,
			 const char *value)
{
	size_t len = strlen(value);

	if (len > SETTINGS_VALUE_BYTES_MAX - tree->value_bytes)
		return false;
	tree->value_bytes += len;
	cv_text_append(out, value, len);
	return true;
}

/* The next word that begins with '$'; the text before it goes to out. */
static bool dollar_next(struct cv_span *rest, struct cv_text *out,
			struct cv_span *name_r)
{
	char before = out->len == 0 ? ' ' : out->data[out->len - 1];

	while (rest->len > 0) {
		char c = rest->data[0];

		if (c == '$' && rest->len > 1 && rest->data[1] != ' ' &&
		    (before == ' ' || before == '\t')) {
			size_t len = 1;

			while (len < rest->len && rest->data[len] != ' ' &&
			       rest->data[len] != '\t')
				len++;
			*name_r = cv_span(rest->data + 1, len - 1);
			*rest = cv_span_skip(*rest, len);
			return true;
		}
		cv_text_append_c(out, c);
		before = c;
		*rest = cv_span_skip(*rest, 1);
	}
	return false;
}

/* The entry of block and key in filter or the nearest filter around it. */
static const struct settings_entry *
find_around(const struct settings_tree *tree, uint32_t block,
	    struct cv_span key, uint32_t filter)
{
	for (;;) {
		uint32_t i = settings_tree_chain(tree, block, key);

		for (; i != SETTINGS_NONE; i = tree->entries.items[i].next) {
			if (tree->entries.items[i].filter == filter)
				return &tree->entries.items[i];
		}
		if (filter == 0)
			return NULL;
		filter = tree->filters.items[filter].parent;
	}
}

const char *parser_own_value(struct settings_parser *parser,
			     struct settings_place place, struct cv_span key,
			     const struct lex_line *line, bool *lazy_r)
{
	struct settings_tree *tree = parser->tree;
	const char *kind = tree->blocks.items[place.block].kind;
	struct cv_span rest = line->value, name;
	struct cv_text out;

	*lazy_r = false;
	cv_text_init(&out, tree->pool);
	while (dollar_next(&rest, &out, &name)) {
		const struct settings_entry *old;
		const struct cv_setting_def *def;
		const char *value;

		if (!cv_span_equal(name, key)) {
			*lazy_r = true;
			cv_text_append_c(&out, '$');
			cv_text_append_span(&out, name);
			continue;
		}
		old = find_around(tree, place.block, key, place.filter);
		def = settings_registry_find(kind, key);
		if (old == NULL && def == NULL) {
			parser_error(parser, line->line, "'$%.*s' has no value "
				     "yet", CV_SPAN_ARG(name));
			return NULL;
		}
		value = old != NULL ? old->value : def->default_text;
		if (old != NULL && (old->flags & ENTRY_LAZY) != 0)
			*lazy_r = true;
		if (!value_append(tree, &out, value)) {
			parser_error(parser, line->line, "the value of '%.*s' "
				     "becomes too long", CV_SPAN_ARG(key));
			return NULL;
		}
	}
	return cv_text_str(&out);
}

enum resolved {
	RESOLVED, RESOLVE_LATER, RESOLVE_FAILED, RESOLVE_TOO_LONG,
};

/* One $name of an entry. */
static enum resolved name_value(struct settings_tree *tree,
				const struct settings_entry *entry,
				struct cv_span name, struct cv_text *out)
{
	const struct settings_entry *other;
	const struct cv_setting_def *def;
	const char *value;

	other = find_around(tree, entry->block, name, entry->filter);
	if (other == NULL)
		other = find_around(tree, SETTINGS_ROOT, name, entry->filter);
	if (other != NULL && (other->flags & ENTRY_LAZY) != 0)
		return RESOLVE_LATER;
	def = settings_registry_find("", name);
	if (other == NULL && def == NULL)
		return RESOLVE_FAILED;
	value = other != NULL ? other->value : def->default_text;
	return value_append(tree, out, value) ? RESOLVED : RESOLVE_TOO_LONG;
}

static void entry_fail(struct settings_tree *tree,
		       const struct settings_entry *entry, const char *fmt,
		       struct cv_span name)
{
	settings_problem_add(tree, false, tree->files.items[entry->file],
			     entry->line, "'%s': '$%.*s' %s", entry->key,
			     CV_SPAN_ARG(name), fmt);
}

static void entry_check(struct settings_tree *tree,
			const struct settings_entry *entry)
{
	struct cv_error err = ERROR_NONE;

	if (entry->def == NULL ||
	    settings_value_parse(entry->def, entry->value, NULL, NULL,
				 &err) == CV_OK)
		return;
	settings_problem_add(tree, false, tree->files.items[entry->file],
			     entry->line, "'%s': %s", entry->key, err.text);
}

static enum resolved entry_resolve(struct settings_tree *tree,
				   struct settings_entry *entry, bool last)
{
	struct cv_span rest = cv_span_of(entry->raw), name;
	struct cv_text out;

	cv_text_init(&out, tree->pool);
	while (dollar_next(&rest, &out, &name)) {
		enum resolved ret = name_value(tree, entry, name, &out);

		if (ret == RESOLVE_LATER && last)
			entry_fail(tree, entry, "leads back to itself", name);
		if (ret == RESOLVE_FAILED || ret == RESOLVE_TOO_LONG)
			entry_fail(tree, entry, ret == RESOLVE_TOO_LONG ?
				   "makes the value too long" : "is no "
				   "setting; put the value in \"quotes\" when "
				   "the $ belongs to it", name);
		if (ret == RESOLVE_LATER)
			return ret;
		if (ret != RESOLVED) {
			entry->flags &= ~(uint32_t)ENTRY_LAZY;
			return ret;
		}
	}
	entry->value = cv_text_str(&out);
	entry->flags &= ~(uint32_t)ENTRY_LAZY;
	entry_check(tree, entry);
	return RESOLVED;
}

void settings_resolve(struct settings_tree *tree)
{
	uint32_t waiting = 0, before, passes = 0;
	bool last = false;

	do {
		before = last ? 0 : waiting;
		waiting = 0;
		for (size_t i = 0; i < tree->entries.count; i++) {
			struct settings_entry *entry = &tree->entries.items[i];

			if ((entry->flags & ENTRY_LAZY) != 0 &&
			    entry_resolve(tree, entry, last) == RESOLVE_LATER)
				waiting++;
		}
		if (last)
			return;
		/* no progress: the rest is a circle, which is told once */
		last = waiting == before ||
			++passes == RESOLVE_PASSES_MAX;
	} while (waiting > 0);
}
