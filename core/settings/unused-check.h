/* unused-check.h - settings of Dovecot that are accepted and do nothing. */
#ifndef UNUSED_CHECK_H
#define UNUSED_CHECK_H

#include "settings.h"

/* Adds a warning, with its place and what to do, for each of them that has
 * another value than its default. */
void unused_check(struct settings_tree *tree);

#endif
