/* span.h - more on struct cv_span (the common ones are inline in
 * plugin-api/cv-types.h). */
#ifndef SPAN_H
#define SPAN_H

#include "pool.h"

/* Sizes as in the settings: "10", "64k", "1M", "2 GB"; binary multiples. */
bool span_to_size(struct cv_span s, uint64_t *value_r);
/* Times as in the settings: "30", "10s", "5 mins", "2h", "1w", "250ms".
 * A bare number is in seconds. */
bool span_to_msecs(struct cv_span s, uint64_t *value_r);
/* Linear in len(text); *at_r is the offset of the first match.  An empty
 * needle matches at 0. */
bool span_find(struct cv_span text, struct cv_span needle, size_t *at_r);
/* Edit distance for "did you mean", at most limit (else limit + 1): letters
 * added, left out, replaced; two that have changed places count once. */
size_t span_distance(struct cv_span a, struct cv_span b, size_t limit);

#endif
