/* base-subject.h - the subject without "Re:", "Fwd:", "(fwd)" and list tags,
 * for SORT and THREAD [RFC5256 2.1]. */
#ifndef BASE_SUBJECT_H
#define BASE_SUBJECT_H

#include "base.h"

/* Appends the base subject of a raw header value (decoded to UTF-8 first;
 * case kept).  True when it was a reply or a forward. */
bool base_subject_append(struct cv_text *dst, struct cv_span subject);

#endif
