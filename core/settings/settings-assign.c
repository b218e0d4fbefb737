/* settings-assign.c - one "key = value" becomes an entry: names are looked up
 * among the declared ones, values checked, and what is wrong gets a hint. */
#include "settings-parse.h"
#include "settings-value.h"

static void problem(struct settings_parser *parser, bool warning,
		    uint32_t line, const char *fmt, va_list args)
{
	const struct parse_include *at = parser->include_depth == 0 ? NULL :
		&parser->includes[parser->include_depth - 1];
	const char *file = at == NULL ? "" :
		parser->tree->files.items[at->file];

	settings_problem_add(parser->tree, warning, file,
			     at == NULL ? 0 : line, "%s",
			     pool_vprintf(parser->tree->pool, fmt, args));
}

void parser_error(struct settings_parser *parser, uint32_t line,
		  const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem(parser, false, line, fmt, args);
	va_end(args);
}

void parser_warning(struct settings_parser *parser, uint32_t line,
		    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem(parser, true, line, fmt, args);
	va_end(args);
}

static const char *place_kind(const struct settings_parser *parser,
			      struct settings_place place)
{
	return parser->tree->blocks.items[place.block].kind;
}

static const char *where(struct cv_pool *pool, const char *kind)
{
	const char *last = strrchr(kind, '/');

	if (kind[0] == '\0')
		return "outside of blocks";
	if (last != NULL)
		return pool_printf(pool, "in %s { } inside %.*s { }", last + 1,
				   (int)(last - kind), kind);
	return pool_printf(pool, "in %s { }", kind);
}

static void unknown_setting(struct settings_parser *parser,
			    struct settings_place place, struct cv_span key,
			    uint32_t line)
{
	struct cv_pool *pool = parser->tree->pool;
	const char *kind = place_kind(parser, place);
	const char *other, *in = kind[0] == '\0' ? "" :
		pool_printf(pool, " in %s { }", kind);

	if (cv_span_is(key, "dovecot_config_version")) {
		parser_error(parser, line, "this file is in the language of "
			     "Dovecot 2.4; this version reads that of 2.3");
		return;
	}
	other = settings_registry_elsewhere(kind, key);
	if (other != NULL) {
		parser_error(parser, line, "'%.*s' does not stand here but %s",
			     CV_SPAN_ARG(key), where(pool, other));
		return;
	}
	other = settings_registry_guess(kind, key);
	if (other != NULL)
		parser_error(parser, line, "unknown setting '%.*s'%s; did you "
			     "mean '%s'?", CV_SPAN_ARG(key), in, other);
	else
		parser_error(parser, line, "unknown setting '%.*s'%s; if it "
			     "belongs to a plugin, add the plugin to "
			     "mail_plugins or protocols", CV_SPAN_ARG(key),
			     in);
}

/* Any name may stand in plugin { }; a slip of the pen is likely all the
 * same. */
static void plugin_hint(struct settings_parser *parser, struct cv_span key,
			uint32_t line)
{
	const char *other = settings_registry_guess("plugin", key);
	const char *owner = settings_plugin_owner(key);

	if (settings_registry_find("", key) != NULL)
		parser_warning(parser, line, "'%.*s' has no effect in plugin "
			       "{ }: it stands outside of it",
			       CV_SPAN_ARG(key));
	else if (other != NULL)
		parser_warning(parser, line, "no plugin declares '%.*s'; did "
			       "you mean '%s'?", CV_SPAN_ARG(key), other);
	else if (owner != NULL)
		parser_warning(parser, line, "'%.*s' is of Dovecot's plugin "
			       "%s and has no effect: no plugin that is "
			       "loaded declares it", CV_SPAN_ARG(key), owner);
	else
		parser_warning(parser, line, "no plugin that is loaded "
			       "declares '%.*s': it has no effect",
			       CV_SPAN_ARG(key));
}

/* An earlier filter keeps its value, which is a surprise to many. */
static void order_check(struct settings_parser *parser,
			struct settings_place place, struct cv_span key,
			uint32_t line)
{
	const struct settings_tree *tree = parser->tree;
	uint32_t i = settings_tree_chain(tree, place.block, key);

	if (place.filter != 0 || parser->entry_flags != 0)
		return;
	for (; i != SETTINGS_NONE; i = tree->entries.items[i].next) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->filter == 0 || (entry->flags & ENTRY_BUILTIN) != 0)
			continue;
		parser_warning(parser, line, "'%.*s' here does not change its "
			       "value in '%s %s' of %s:%u; to make that "
			       "clear, put this line before it",
			       CV_SPAN_ARG(key),
			       tree->filters.items[entry->filter].kind,
			       tree->filters.items[entry->filter].name,
			       tree->files.items[entry->file], entry->line);
		return;
	}
}

/* The content of a <file; NULL after an error. */
static const char *file_value(struct settings_parser *parser,
			      const struct lex_line *line)
{
	const struct parse_include *at =
		&parser->includes[parser->include_depth - 1];
	struct cv_error err = ERROR_NONE;
	struct cv_span content;
	const char *path;
	int ret;

	if (line->value.len == 0) {
		parser_error(parser, line->line, "no file name behind '<'; a "
			     "value that begins with '<' is put in \"quotes\"");
		return NULL;
	}
	path = settings_path_join(parser->tree->pool, at->path, line->value);
	ret = settings_file_load(&parser->loader, path, parser->tree->pool,
				 &content, &err);
	if (ret == CV_E_ACCESS && parser->options->tolerate_denied) {
		parser_warning(parser, line->line, "'%.*s': %s; its value is "
			       "left empty here", CV_SPAN_ARG(line->key),
			       err.text);
		return "";
	}
	if (ret < 0) {
		parser_error(parser, line->line, "'%.*s': %s",
			     CV_SPAN_ARG(line->key), err.text);
		return NULL;
	}
	if (content.len > 0 && memchr(content.data, '\0', content.len)) {
		parser_error(parser, line->line, "'%s' has a NUL byte in it: "
			     "it is no text file", path);
		return NULL;
	}
	return content.data;
}

static bool def_accepts(struct settings_parser *parser,
			const struct cv_setting_def *def,
			const struct lex_line *line, const char *value)
{
	struct cv_error err = ERROR_NONE;

	if (def->type == CV_SET_OBSOLETE) {
		if (def->doc[0] != '\0')
			parser_warning(parser, line->line, "'%s' has no effect "
				       "here: %s", def->name, def->doc);
		return true;
	}
	if (settings_value_parse(def, value, NULL, NULL, &err) == CV_OK)
		return true;
	parser_error(parser, line->line, "'%s': %s", def->name, err.text);
	return false;
}

static bool has_quote(struct cv_span key)
{
	for (size_t i = 0; i < key.len; i++) {
		if (strchr("\"'\\", key.data[i]) != NULL)
			return true;
	}
	return false;
}

/* False when nobody declares the name where it must be declared. */
static bool def_find(struct settings_parser *parser,
		     struct settings_place place, struct cv_span key,
		     uint32_t line, const struct cv_setting_def **def_r)
{
	const char *kind = place_kind(parser, place);

	*def_r = settings_registry_find(kind, key);
	if (*def_r != NULL || parser->options->accept_unknown)
		return true;
	if (strcmp(kind, "plugin") == 0 && has_quote(key)) {
		parser_error(parser, line, "a quote cannot be part of a name");
		return false;
	}
	if (strcmp(kind, "plugin") == 0) {
		plugin_hint(parser, key, line);
		return true;
	}
	unknown_setting(parser, place, key, line);
	return false;
}

static void entry_add(struct settings_parser *parser,
		      struct settings_place place, const struct lex_line *line,
		      struct cv_span key, const struct cv_setting_def *def)
{
	struct settings_tree *tree = parser->tree;
	struct settings_entry entry = {
		.block = place.block, .filter = place.filter, .def = def,
		.line = line->line, .flags = parser->entry_flags,
	};
	bool lazy = false;

	entry.file = parser->includes[parser->include_depth - 1].file;
	if (line->from_file) {
		entry.value = file_value(parser, line);
		entry.flags |= ENTRY_FROM_FILE;
		entry.raw = pool_printf(tree->pool, "<%.*s",
					CV_SPAN_ARG(line->value));
	} else if (line->quoted) {
		entry.value = pool_copy(tree->pool, line->value.data,
					line->value.len);
	} else {
		entry.value = parser_own_value(parser, place, key, line,
					       &lazy);
	}
	if (lazy) {
		entry.flags |= ENTRY_LAZY;
		entry.raw = entry.value;
	}
	if (entry.value == NULL ||
	    (!lazy && def != NULL &&
	     !def_accepts(parser, def, line, entry.value)))
		return;
	if (def != NULL && (def->flags & CV_SET_SECRET) != 0)
		entry.flags |= ENTRY_SECRET |
			(def->flags & CV_SET_SESSION ? ENTRY_SESSION : 0);
	order_check(parser, place, key, line->line);
	entry.key = pool_copy(tree->pool, key.data, key.len);
	*array_add(&tree->entries) = entry;
	settings_tree_index(tree, (uint32_t)tree->entries.count - 1);
}

/* "service/imap-login/process_limit": the blocks of a path.  A '/' in a name
 * is written \s.  False after an error. */
static bool path_enter(struct settings_parser *parser,
		       struct settings_place *place, struct cv_span *key,
		       uint32_t line)
{
	struct cv_span kind, name, rest;

	for (uint32_t i = 0; i < SETTINGS_DEPTH_MAX; i++) {
		struct cv_text plain;
		bool is_plugin;

		rest = *key;
		if (memchr(rest.data, '/', rest.len) == NULL ||
		    strcmp(place_kind(parser, *place), "plugin") == 0)
			return true;
		(void)cv_span_split(&rest, '/', &kind);
		is_plugin = cv_span_is(kind, "plugin");
		name = CV_SPAN("");
		if (!is_plugin && memchr(rest.data, '/', rest.len) != NULL)
			(void)cv_span_split(&rest, '/', &name);
		cv_text_init(&plain, parser->tree->pool);
		for (size_t n = 0; n < name.len; n++) {
			bool slash = name.data[n] == '\\' &&
				n + 1 < name.len && name.data[n + 1] == 's';

			cv_text_append_c(&plain, slash ? '/' : name.data[n]);
			n += slash ? 1 : 0;
		}
		if (rest.len == 0 || kind.len == 0 ||
		    (name.len == 0 && !is_plugin)) {
			parser_error(parser, line, "'%.*s' is no path such as "
				     "kind/name/setting", CV_SPAN_ARG(*key));
			return false;
		}
		if (!parser_enter(parser, *place, kind,
				  cv_span(cv_text_str(&plain), plain.len),
				  line, place))
			return false;
		*key = rest;
	}
	parser_error(parser, line, "the path '%.*s' is too deep",
		     CV_SPAN_ARG(*key));
	return false;
}

void parser_assign(struct settings_parser *parser, struct settings_place place,
		   const struct lex_line *line)
{
	const struct cv_setting_def *def;
	struct cv_span key = line->key;

	if (line->warning != NULL)
		parser_warning(parser, line->line, "%s", line->warning);
	if (place.unknown || !path_enter(parser, &place, &key, line->line) ||
	    place.unknown)
		return;
	if (!def_find(parser, place, key, line->line, &def))
		return;
	entry_add(parser, place, line, key, def);
}
