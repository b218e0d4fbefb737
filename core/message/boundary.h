/* boundary.h - the open multipart boundaries of a parser.
 *
 * [RFC2046 5.1.1]: a line is a delimiter when it begins with "--" and the
 * boundary; the rest of it does not matter.  The longest matching boundary
 * wins, of equal ones the innermost.  The cost is that of hashing the line's
 * beginning, whatever the number of open boundaries [security.md C3]. */
#ifndef BOUNDARY_H
#define BOUNDARY_H

#include "mime-part.h"

enum {
	MESSAGE_BOUNDARY_MAX = 200,	/* compared up to here */
	BOUNDARY_BUCKETS = 256,
	BOUNDARY_NONE = UINT32_MAX,
};

struct boundary {
	struct cv_span text;
	uint64_t hash;
	uint32_t owner;			/* what the caller gave */
	uint32_t next;			/* in the bucket */
};

struct boundary_set {
	uint64_t key;
	uint32_t count, longest;
	struct boundary items[MIME_DEPTH_MAX];
	uint32_t buckets[BOUNDARY_BUCKETS];
	uint8_t lengths[MESSAGE_BOUNDARY_MAX + 1];	/* how many of each */
};

void boundary_set_init(struct boundary_set *set);
/* text is cut to MESSAGE_BOUNDARY_MAX (its closing delimiter then looks like
 * any other: [RFC2046 5.1.1] allows 70 bytes) and must outlive the set.  At most
 * MIME_DEPTH_MAX may be open. */
void boundary_push(struct boundary_set *set, struct cv_span text,
		   uint32_t owner);
/* Removes the last one. */
void boundary_pop(struct boundary_set *set);
/* The index of the boundary that line (after its "--") begins with, or
 * BOUNDARY_NONE. */
uint32_t boundary_find(const struct boundary_set *set, struct cv_span line);

#endif
