/* settings-print.h - a tree as text in the Dovecot 2.3 language, such that
 * reading the text gives the same tree. */
#ifndef SETTINGS_PRINT_H
#define SETTINGS_PRINT_H

#include "settings.h"

enum settings_print_mode {
	SETTINGS_PRINT_CHANGED,		/* what differs from the defaults */
	SETTINGS_PRINT_ALL,
	SETTINGS_PRINT_DEFAULTS,	/* the tree's own values are ignored */
};

struct settings_print {
	enum settings_print_mode mode;
	/* Prints what counts in this scope, without filters; NULL: all, with
	 * the filters as they are. */
	const struct settings_scope *scope;
	bool secrets;		/* else "# hidden" */
	bool expand;		/* the content of <file and $names */
	bool values_only;	/* of settings_print_name */
	bool origin;		/* "# file:line" behind each value */
};

void settings_print(const struct settings_tree *tree,
		    const struct settings_print *how, struct cv_text *out);

/* One setting ("ssl", "plugin/quota", "service/auth/user") or all blocks of
 * a kind ("service", "plugin") or one block ("service/auth").  CV_NOT_FOUND:
 * there is nothing of that name. */
int settings_print_name(const struct settings_tree *tree,
			const struct settings_print *how, const char *name,
			struct cv_text *out);

#endif
