/* problem-check.h - what the files *-check.c have in common: each problem is told
 * once, and the first that is an error is what the check ends with. */
#ifndef PROBLEM_CHECK_H
#define PROBLEM_CHECK_H

#include "settings.h"

/* first: of the check, ERROR_NONE before any; line 0: not known. */
void problem_note(struct settings_tree *tree, bool warning,
		  const char *file, uint32_t line,
		  const struct cv_error *found, struct cv_error *first);
/* CV_OK, or the first with its class; err may be NULL. */
int problem_end(const struct cv_error *first, struct cv_error *err);

#endif
