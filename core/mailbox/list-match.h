/* list-match.h - LIST patterns [RFC9051 6.3.9].
 *
 * '*' matches anything, '%' anything but the separator.  Linear in the name
 * for each pattern (a set of states, no backtracking) [security.md B8]. */
#ifndef LIST_MATCH_H
#define LIST_MATCH_H

#include "base.h"

enum list_match {
	LIST_MATCH_NO = 0,
	LIST_MATCH_YES = 1,
	/* The name itself, or the name and the separator, is the beginning
	 * of a name that would match. */
	LIST_MATCH_CHILDREN = 2,
};

enum { LIST_PATTERN_MAX = 1024 };	/* longer patterns match nothing */

/* A set of enum list_match.  inbox: the name is INBOX or below it, whose
 * first level has no case. */
uint32_t list_match(struct cv_span pattern, struct cv_span name,
		    char separator, bool inbox);

#endif
