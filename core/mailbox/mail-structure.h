/* mail-structure.h - BODYSTRUCTURE in its wire form, of one part. */
#ifndef MAIL_STRUCTURE_H
#define MAIL_STRUCTURE_H

#include "cv-mailbox.h"
#include "cv-text.h"

/* What the data is like that is handed out without its transfer encoding. */
struct mail_decoded {
	uint64_t bytes, lines;
	bool has_nul;
};

/* The body of the part with this number, within that of a message; empty:
 * there is none.  INVARIANT: structure comes from message-structure.c, and what
 * does not have its form gives nothing. */
struct cv_span mail_structure_part(struct cv_span structure,
				   const uint32_t *part, uint32_t count);
/* [RFC5524 3.2] The same with an identity encoding and the size of what is
 * handed out; as it is where there was no other encoding. */
void mail_structure_decoded(struct cv_text *dst, struct cv_span part,
			    const struct mail_decoded *decoded);

#endif
