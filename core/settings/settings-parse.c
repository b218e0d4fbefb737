/* settings-parse.c - files, includes and blocks: drives the lexer and keeps
 * the stack of what is open.  Goes on after an error, so that one run tells
 * all of them. */
#include "settings-parse.h"
#include "settings-compat.h"

static const struct settings_read_options no_options;

static const char *block_title(struct cv_pool *pool, struct cv_span kind,
			       struct cv_span name)
{
	if (name.len == 0)
		return pool_copy(pool, kind.data, kind.len);
	return pool_printf(pool, "%.*s %.*s", CV_SPAN_ARG(kind),
			   CV_SPAN_ARG(name));
}

static bool enter_filter(struct settings_parser *parser,
			 struct settings_place place, struct cv_span kind,
			 struct cv_span name, uint32_t line,
			 struct settings_place *place_r)
{
	struct cv_pool *pool = parser->tree->pool;
	struct cv_error err = ERROR_NONE;

	if (place.block != SETTINGS_ROOT) {
		parser_error(parser, line, "'%.*s' cannot stand inside '%s'",
			     CV_SPAN_ARG(kind),
			     parser->tree->blocks.items[place.block].kind);
		return false;
	}
	if (parser->tree->filters.count >= SETTINGS_FILTERS_MAX) {
		parser_error(parser, line, "more than %d filters",
			     SETTINGS_FILTERS_MAX);
		return false;
	}
	if (settings_filter_add(parser->tree, place.filter,
				pool_copy(pool, kind.data, kind.len),
				pool_copy(pool, name.data, name.len),
				&place.filter, &err) < 0) {
		parser_error(parser, line, "%s", err.text);
		return false;
	}
	*place_r = place;
	return true;
}

/* A block is remembered by an entry with an empty name, which says in which
 * filter and where it was opened. */
static void mark_add(struct settings_parser *parser,
		     struct settings_place place, uint32_t line)
{
	struct settings_tree *tree = parser->tree;
	struct settings_entry *entry = array_add(&tree->entries);

	*entry = (struct settings_entry){
		.block = place.block, .filter = place.filter, .line = line,
		.flags = parser->entry_flags | ENTRY_MARK,
		.key = "", .value = "",
		.file = parser->includes[parser->include_depth - 1].file,
	};
	settings_tree_index(tree, (uint32_t)tree->entries.count - 1);
}

static void unknown_block(struct settings_parser *parser,
			  const char *outer, struct cv_span kind,
			  uint32_t line)
{
	const char *guess = settings_registry_guess_block(outer, kind);
	const char *in = outer[0] == '\0' ? "" :
		pool_printf(parser->tree->pool, " in %s { }", outer);
	const char *why = outer[0] == '\0' ? settings_compat_block(kind) :
		NULL;

	if (why != NULL)
		parser_warning(parser, line, "'%.*s { }' has no effect here: "
			       "%s", CV_SPAN_ARG(kind), why);
	else if (settings_registry_find(outer, kind) != NULL)
		parser_error(parser, line, "'%.*s' is a setting, no block: "
			     "write '%.*s = value'", CV_SPAN_ARG(kind),
			     CV_SPAN_ARG(kind));
	else if (guess != NULL)
		parser_error(parser, line, "unknown block '%.*s'%s; did you "
			     "mean '%s'?", CV_SPAN_ARG(kind), in, guess);
	else
		parser_error(parser, line, "unknown block '%.*s'%s",
			     CV_SPAN_ARG(kind), in);
}

static bool needs_name(const char *kind)
{
	return strcmp(kind, "service") == 0 ||
		strcmp(kind, "namespace/mailbox") == 0;
}

static bool enter_block(struct settings_parser *parser,
			struct settings_place place, struct cv_span kind,
			struct cv_span name, uint32_t line,
			struct settings_place *place_r)
{
	struct settings_tree *tree = parser->tree;
	const char *outer = tree->blocks.items[place.block].kind, *path;
	bool is_plugin;

	path = outer[0] == '\0' ? pool_copy(tree->pool, kind.data, kind.len) :
		pool_printf(tree->pool, "%s/%.*s", outer, CV_SPAN_ARG(kind));
	is_plugin = strcmp(path, "plugin") == 0;
	if (is_plugin && name.len > 0) {
		parser_error(parser, line, "plugin { } has no name");
		return false;
	}
	if (!is_plugin && !settings_registry_has_kind(path)) {
		unknown_block(parser, outer, kind, line);
		return false;
	}
	if (name.len == 0 && needs_name(path)) {
		parser_error(parser, line, "'%.*s {' needs a name",
			     CV_SPAN_ARG(kind));
		return false;
	}
	if (tree->blocks.count >= SETTINGS_BLOCKS_MAX) {
		parser_error(parser, line, "more than %d blocks",
			     SETTINGS_BLOCKS_MAX);
		return false;
	}
	*place_r = place;
	place_r->block = name.len == 0 && !is_plugin ? SETTINGS_NONE :
		settings_tree_block(tree, place.block, path, name);
	if (place_r->block == SETTINGS_NONE)
		place_r->block = settings_tree_block_add(tree, place.block,
			path, pool_copy(tree->pool, name.data, name.len));
	mark_add(parser, *place_r, line);
	return true;
}

bool parser_enter(struct settings_parser *parser, struct settings_place place,
		  struct cv_span kind, struct cv_span name, uint32_t line,
		  struct settings_place *place_r)
{
	if (settings_is_filter_kind(kind))
		return enter_filter(parser, place, kind, name, line, place_r);
	return enter_block(parser, place, kind, name, line, place_r);
}

static void open_block(struct settings_parser *parser,
		       const struct lex_line *line)
{
	const struct parse_frame *outer = &parser->frames[parser->depth];
	struct parse_frame frame = { .place = outer->place };

	if (line->warning != NULL)
		parser_warning(parser, line->line, "%s", line->warning);
	if (parser->depth == SETTINGS_DEPTH_MAX) {
		if (parser->too_deep++ == 0)
			parser_error(parser, line->line, "more than %d blocks "
				     "inside each other", SETTINGS_DEPTH_MAX);
		return;
	}
	frame.what = block_title(parser->tree->pool, line->key, line->value);
	frame.file = parser->includes[parser->include_depth - 1].path;
	frame.line = line->line;
	if (outer->words_of != NULL)
		frame.place.unknown = true;
	if (!frame.place.unknown &&
	    !parser_words_open(parser, outer->place, line, &frame) &&
	    !parser_enter(parser, outer->place, line->key, line->value,
			  line->line, &frame.place))
		frame.place.unknown = true;
	parser->frames[++parser->depth] = frame;
}

static void leave_block(struct settings_parser *parser)
{
	const struct parse_frame *frame = &parser->frames[parser->depth--];

	if (frame->words_of != NULL)
		parser_words_close(parser, frame);
}

static void close_block(struct settings_parser *parser, uint32_t line)
{
	const struct parse_include *at =
		&parser->includes[parser->include_depth - 1];

	if (parser->too_deep > 0)
		parser->too_deep--;
	else if (parser->depth > at->depth)
		leave_block(parser);
	else if (parser->depth > 0)
		parser_error(parser, line, "'}' would close '%s', which was "
			     "opened at %s:%u, in another file",
			     parser->frames[parser->depth].what,
			     parser->frames[parser->depth].file,
			     parser->frames[parser->depth].line);
	else
		parser_error(parser, line, "'}' without a block to close");
}

static void include(struct settings_parser *parser,
		    const struct lex_line *line, bool optional)
{
	struct parse_include *at =
		&parser->includes[parser->include_depth - 1], *next;
	struct cv_pool *pool = parser->tree->pool;
	struct cv_error err = ERROR_NONE;
	struct cv_strings paths;

	if (line->value.len == 0) {
		parser_error(parser, line->line, "no file name behind "
			     "'%.*s'", CV_SPAN_ARG(line->key));
		return;
	}
	if (parser->include_depth == SETTINGS_INCLUDE_DEPTH_MAX) {
		parser_error(parser, line->line, "more than %d files include "
			     "each other", SETTINGS_INCLUDE_DEPTH_MAX);
		return;
	}
	if (settings_glob(settings_path_join(pool, at->path, line->value),
			  pool, &paths, &err) < 0) {
		parser_error(parser, line->line, "%s", err.text);
		return;
	}
	if (paths.count == 0 && !optional)
		parser_error(parser, line->line, "no file matches '%.*s'; if "
			     "that is no error, write !include_try",
			     CV_SPAN_ARG(line->value));
	if (paths.count == 0)
		return;
	next = &parser->includes[parser->include_depth++];
	*next = (struct parse_include){
		.paths = paths, .optional = optional, .base_line = line->line,
		.base_file = parser->tree->files.items[at->file],
		.depth = parser->depth,
	};
}

static bool is_open_already(const struct settings_parser *parser,
			    const char *path)
{
	for (uint32_t i = 0; i + 1 < parser->include_depth; i++) {
		if (strcmp(parser->includes[i].path, path) == 0)
			return true;
	}
	return false;
}

/* Opens the next file of the innermost include; false when it was the last
 * one. */
static bool file_begin(struct settings_parser *parser)
{
	struct parse_include *at =
		&parser->includes[parser->include_depth - 1];

	while (at->next < at->paths.count) {
		const char *path = at->paths.items[at->next++];
		struct cv_error err = ERROR_NONE;
		struct cv_span content;
		int ret;

		if (is_open_already(parser, path)) {
			settings_problem_add(parser->tree, false,
				at->base_file, at->base_line,
				"'%s' includes itself", path);
			continue;
		}
		ret = settings_file_load(&parser->loader, path,
					 parser->tree->pool, &content, &err);
		if (ret == CV_E_NOT_FOUND && at->optional)
			continue;
		if (ret < 0) {
			settings_problem_add(parser->tree, false,
				at->base_file, at->base_line, "%s", err.text);
			continue;
		}
		at->path = path;
		at->file = settings_tree_file(parser->tree, path);
		at->depth = parser->depth;
		settings_lex_init(&at->lex, parser->tree->pool, content);
		return true;
	}
	return false;
}

/* What is still open at the end of a file. */
static void file_end(struct settings_parser *parser, uint32_t line)
{
	const struct parse_include *at =
		&parser->includes[parser->include_depth - 1];

	parser->too_deep = 0;
	for (; parser->depth > at->depth; parser->depth--) {
		const struct parse_frame *frame =
			&parser->frames[parser->depth];

		parser_error(parser, line, "missing '}': '%s' was opened at "
			     "line %u", frame->what, frame->line);
	}
}

static void line_handle(struct settings_parser *parser,
			const struct lex_line *line)
{
	struct parse_frame *frame = &parser->frames[parser->depth];

	/* a block within it is wrong, and closed like any other */
	if (frame->words_of != NULL && line->kind == LEX_OPEN)
		parser_words_add(parser, frame, line);
	switch (line->kind) {
	case LEX_SETTING:
		if (frame->words_of != NULL)
			parser_words_add(parser, frame, line);
		else
			parser_assign(parser, frame->place, line);
		break;
	case LEX_OPEN:
		open_block(parser, line);
		break;
	case LEX_CLOSE:
		close_block(parser, line->line);
		break;
	case LEX_INCLUDE:
		include(parser, line, false);
		break;
	case LEX_INCLUDE_TRY:
		include(parser, line, true);
		break;
	case LEX_BAD:
		parser_error(parser, line->line, "%s", line->problem);
		break;
	case LEX_END:
		break;
	}
}

/* Until the file that was on the stack before is on top again. */
static void parse_run(struct settings_parser *parser)
{
	uint32_t bottom = parser->include_depth;

	while (parser->include_depth >= bottom) {
		struct parse_include *at =
			&parser->includes[parser->include_depth - 1];
		struct lex_line line;

		if (at->path == NULL) {
			if (!file_begin(parser)) {
				parser->include_depth--;
				continue;
			}
		}
		settings_lex_next(&at->lex, &line);
		if (line.kind == LEX_END) {
			file_end(parser, line.line);
			at->path = NULL;
		} else {
			line_handle(parser, &line);
		}
	}
}

static void parse_text(struct settings_parser *parser, const char *name,
		       struct cv_span text)
{
	struct parse_include *at = &parser->includes[0];

	*at = (struct parse_include){ .path = name, .base_file = name };
	at->file = settings_tree_file(parser->tree, name);
	settings_lex_init(&at->lex, parser->tree->pool, text);
	parser->include_depth = 1;
	parser->depth = 0;
	parse_run(parser);
}

static void parse_defaults(struct settings_parser *parser)
{
	const struct settings_defaults *defaults;

	parser->entry_flags = ENTRY_BUILTIN;
	for (uint32_t i = 0;
	     (defaults = settings_registry_defaults(i)) != NULL; i++)
		parse_text(parser, defaults->origin,
			   cv_span_of(defaults->text));
	parser->entry_flags = 0;
}

static void parse_overrides(struct settings_parser *parser)
{
	parser->entry_flags = ENTRY_OVERRIDE;
	for (uint32_t i = 0; i < parser->options->overrides.count; i++)
		parse_text(parser, "command line",
			   cv_span_of(parser->options->overrides.items[i]));
	parser->entry_flags = 0;
}

/* Settings without which a block makes no sense. */
static void required_check(struct settings_tree *tree)
{
	const struct settings_decl *decl;
	uint32_t at = 0;

	while ((decl = settings_registry_next(&at)) != NULL) {
		if ((decl->def->flags & CV_SET_REQUIRED) == 0)
			continue;
		for (uint32_t i = 0; i < tree->blocks.count; i++) {
			struct cv_span key = cv_span_of(decl->def->name);
			uint32_t mark;

			if (strcmp(tree->blocks.items[i].kind,
				   decl->kind) != 0 ||
			    settings_tree_chain(tree, i, key) !=
			    SETTINGS_NONE)
				continue;
			mark = settings_tree_chain(tree, i, CV_SPAN(""));
			if (mark == SETTINGS_NONE)
				continue;
			settings_problem_add(tree, false,
				tree->files.items[
					tree->entries.items[mark].file],
				tree->entries.items[mark].line,
				"'%s' needs '%s = ...'", decl->kind,
				decl->def->name);
		}
	}
}

static int tree_finish(struct settings_tree *tree, struct cv_error *err)
{
	settings_resolve(tree);
	required_check(tree);
	if (tree->errors == 0)
		return CV_OK;
	for (size_t i = 0; i < tree->problems.count; i++) {
		const struct settings_problem *first =
			&tree->problems.items[i];

		if (first->warning)
			continue;
		return FAIL(err, CV_E_CONFIG, "%s:%u: %s%s", first->file,
			    first->line, first->text,
			    tree->errors > 1 ? " (and more)" : "");
	}
	return FAIL(err, CV_E_CONFIG, "the configuration has errors");
}

int settings_read_text(const char *name, struct cv_span text,
		       const struct settings_read_options *options,
		       struct settings_tree **tree_r, struct cv_error *err)
{
	struct settings_parser parser = {
		.options = options == NULL ? &no_options : options,
	};

	parser.tree = *tree_r = settings_tree_create();
	parse_defaults(&parser);
	parse_text(&parser, name, text);
	parse_overrides(&parser);
	return tree_finish(parser.tree, err);
}

int settings_read(const char *path,
		  const struct settings_read_options *options,
		  struct settings_tree **tree_r, struct cv_error *err)
{
	struct settings_loader loader = { .files = 0 };
	struct cv_pool *pool = pool_create("settings file");
	struct cv_error load_err = ERROR_NONE;
	struct cv_span content;
	int ret;

	pool_set_secret(pool);
	ret = settings_file_load(&loader, path, pool, &content, &load_err);
	if (ret == CV_OK) {
		ret = settings_read_text(path, content, options, tree_r, err);
	} else {
		*tree_r = settings_tree_create();
		settings_problem_add(*tree_r, false, "", 0, "%s",
				     load_err.text);
		ret = FAIL(err, CV_E_CONFIG, "%s", load_err.text);
	}
	pool_destroy(&pool);
	return ret;
}
