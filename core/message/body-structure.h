/* body-structure.h - BODYSTRUCTURE and BODY [RFC9051 7.5.2]. */
#ifndef BODY_STRUCTURE_H
#define BODY_STRUCTURE_H

#include "mime-part.h"

/* The wire form with its brackets; each part needs its info.  extended:
 * BODYSTRUCTURE, else BODY.  No recursion. */
void body_structure_append(struct cv_text *dst, const struct mime_tree *tree,
			   bool extended);

/* BODY out of the text of a BODYSTRUCTURE (the extension fields left out).
 * CV_E_SYNTAX when the text is not one (it may come from disk). */
int body_structure_to_body(struct cv_text *dst, struct cv_span text);

#endif
