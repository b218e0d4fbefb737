/* settings-parse.h - the state of one run of the parser. */
#ifndef SETTINGS_PARSE_H
#define SETTINGS_PARSE_H

#include "settings-lex.h"
#include "settings-load.h"

/* Where a setting stands. */
struct settings_place {
	uint32_t block, filter;
	bool unknown;		/* inside a block nobody declares */
};

struct parse_frame {
	struct settings_place place;
	const char *what;	/* "service auth" */
	const char *file;
	uint32_t line;
	/* "name {" of signed words, and the value that they come to; NULL: a
	 * block */
	const char *words_of;
	struct cv_text words;
};

/* The files of one !include; the one at next - 1 is being read. */
struct parse_include {
	struct cv_strings paths;
	uint32_t next;
	bool optional;
	const char *base_file;	/* who includes them, for messages */
	uint32_t base_line;
	const char *path;
	uint32_t file;		/* index in tree->files */
	uint32_t depth;		/* open blocks when the file began */
	struct settings_lex lex;
};

struct settings_parser {
	struct settings_tree *tree;
	const struct settings_read_options *options;
	struct settings_loader loader;
	struct parse_frame frames[SETTINGS_DEPTH_MAX + 1];
	uint32_t depth;		/* of frames; 0: only the root */
	uint32_t too_deep;	/* blocks opened beyond the last frame */
	struct parse_include includes[SETTINGS_INCLUDE_DEPTH_MAX];
	uint32_t include_depth;
	uint32_t entry_flags;	/* for all entries: ENTRY_BUILTIN ... */
};

/* settings-assign.c: key = value, at place.  Adds problems. */
void parser_assign(struct settings_parser *parser, struct settings_place place,
		   const struct lex_line *line);
/* Problems at a line of the present file. */
CV_PRINTF(3, 4)
void parser_error(struct settings_parser *parser, uint32_t line,
		  const char *fmt, ...);
CV_PRINTF(3, 4)
void parser_warning(struct settings_parser *parser, uint32_t line,
		    const char *fmt, ...);
/* The place of "kind name {" inside of place; false after an error. */
bool parser_enter(struct settings_parser *parser, struct settings_place place,
		  struct cv_span kind, struct cv_span name, uint32_t line,
		  struct settings_place *place_r);

/* settings-words.c: "name { WORD = yes }" for a string whose definition
 * allows "+WORD|-WORD" */
/* Whether "key {" at place is that; then frame is what it opens. */
bool parser_words_open(struct settings_parser *parser,
		       struct settings_place place,
		       const struct lex_line *line, struct parse_frame *frame);
/* One line of it, and its end. */
void parser_words_add(struct settings_parser *parser,
		      struct parse_frame *frame, const struct lex_line *line);
void parser_words_close(struct settings_parser *parser,
			const struct parse_frame *frame);

/* settings-variable.c: $names of other settings. */
/* Replaces $key of the setting's own name in text by its value so far.
 * *lazy_r: there are others, for settings_resolve.  NULL after an error. */
const char *parser_own_value(struct settings_parser *parser,
			     struct settings_place place, struct cv_span key,
			     const struct lex_line *line, bool *lazy_r);
/* Puts in the values of all other $names, once everything is read. */
void settings_resolve(struct settings_tree *tree);

#endif
