/* settings-lex.h - the lines of a file in the Dovecot 2.3 language.
 *
 * Knows quoting, comments and continuation lines, nothing of what settings
 * there are.  Takes any bytes; never fails beyond the line at hand. */
#ifndef SETTINGS_LEX_H
#define SETTINGS_LEX_H

#include "base.h"

enum lex_kind {
	LEX_END,		/* of the text */
	LEX_SETTING,		/* key = value */
	LEX_OPEN,		/* key [value] { */
	LEX_CLOSE,		/* } */
	LEX_INCLUDE,		/* !include value */
	LEX_INCLUDE_TRY,	/* !include_try value */
	LEX_BAD,		/* problem says what is wrong with the line */
};

struct lex_line {
	enum lex_kind kind;
	uint32_t line;		/* where it begins, from 1 */
	struct cv_span key, value;
	bool quoted;		/* value stood in quotes: it is literal */
	bool from_file;		/* = <value: a file name */
	const char *problem;	/* of LEX_BAD; in pool */
	const char *warning;	/* NULL: none */
};

struct settings_lex {
	struct cv_span rest;
	struct cv_pool *pool;
	struct cv_text joined;	/* the logical line, comments taken out */
	uint32_t line;		/* number of the next physical line */
	const char *warning;
};

/* text must stay; what lines point to is in pool. */
void settings_lex_init(struct settings_lex *lex, struct cv_pool *pool,
		       struct cv_span text);
/* The next line that is not empty.  LEX_END again and again at the end. */
void settings_lex_next(struct settings_lex *lex, struct lex_line *line_r);

#endif
