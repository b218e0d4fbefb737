/* quota-rule.h - "Trash:storage=+100M:messages=+10%". */
#ifndef QUOTA_RULE_H
#define QUOTA_RULE_H

#include "cv-plugin.h"

struct quota_limit { uint64_t bytes, messages; };	/* 0: none */

/* True when the rule is for this mailbox; "*" is for none by name. */
bool quota_rule_names(struct cv_span rule, struct cv_span mailbox);
/* Applies a rule's limits to *limit.  *ignore_r is set by "ignore".
 * CV_E_CONFIG: it is malformed. */
int quota_rule_apply(struct cv_span rule, struct quota_limit *limit,
		     bool *ignore_r, struct cv_error *err);

#endif
