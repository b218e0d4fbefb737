/* problem-check.c - problems of settings, each told once. */
#include "problem-check.h"

void problem_note(struct settings_tree *tree, bool warning,
		  const char *file, uint32_t line,
		  const struct cv_error *found, struct cv_error *first)
{
	if (!settings_problem_is_told(tree, file, line, found->text))
		settings_problem_add(tree, warning, file, line, "%s",
				     found->text);
	if (!warning && first->code == CV_OK)
		*first = *found;
}

int problem_end(const struct cv_error *first, struct cv_error *err)
{
	if (first->code != CV_OK && err != NULL)
		*err = *first;
	return first->code;
}
