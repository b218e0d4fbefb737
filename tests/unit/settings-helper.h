/* settings-helper.h - what the tests of core/settings share. */
#ifndef SETTINGS_HELPER_H
#define SETTINGS_HELPER_H

#include "core-settings.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads text; the tree is always set. */
static inline int read_text(const char *text, struct settings_tree **tree_r)
{
	return settings_read_text("test.conf", cv_span_of(text), NULL, tree_r,
				  NULL);
}

/* Reads text that must be without errors. */
static inline struct settings_tree *tree_of(const char *text)
{
	struct settings_tree *tree;

	if (read_text(text, &tree) != CV_OK) {
		for (size_t i = 0; i < settings_problem_count(tree); i++)
			print_error("%s:%u: %s\n",
				    settings_problem_get(tree, i)->file,
				    settings_problem_get(tree, i)->line,
				    settings_problem_get(tree, i)->text);
		fail_msg("refused: %s", text);
	}
	return tree;
}

/* The value that counts in scope; "(none)" when there is none. */
static inline const char *value_in(const struct settings_tree *tree,
				   const struct settings_scope *scope,
				   const char *key)
{
	const char *value;

	return settings_lookup(tree, scope, key, &value) == CV_OK ? value :
		"(none)";
}

/* The same for a text that is read for it alone; static buffer. */
static inline const char *value_of(const char *text, const char *key)
{
	static char copy[4096];
	struct settings_tree *tree = tree_of(text);

	(void)snprintf(copy, sizeof(copy), "%s", value_in(tree, NULL, key));
	settings_tree_destroy(&tree);
	return copy;
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

#endif
