/* imap-set.h - sequence sets [RFC3501 9]: parsed once, sorted, merged. */
#ifndef IMAP_SET_H
#define IMAP_SET_H

#include "cv-plugin.h"
#include "cv-mailbox.h"

/* "1:3,7,*".  star is what "*" means (0: the mailbox is empty; ranges of UIDs
 * with it are empty then, those of numbers are wrong); numbers above max are
 * wrong, UINT32_MAX for UIDs.  O(n log n).  CV_OK or CV_E_SYNTAX. */
int imap_set_parse(struct cv_pool *pool, struct cv_span text, uint32_t star,
		   uint32_t max, struct cv_set *set_r);
/* Appends it in wire form. */
void imap_set_format(struct cv_text *dst, struct cv_set set);
/* How many numbers are in it. */
uint64_t imap_set_size(struct cv_set set);
/* A copy in the pool without numbers above max. */
struct cv_set imap_set_clip(struct cv_pool *pool, struct cv_set set,
			    uint32_t max);
/* Both together, in the pool. */
struct cv_set imap_set_union(struct cv_pool *pool, struct cv_set a,
			     struct cv_set b);
/* A set that grows at its end; numbers are added in ascending order. */
struct imap_set_builder {
	struct cv_pool *pool;
	struct cv_range *ranges;
	uint32_t count, room;
};
void imap_set_add(struct imap_set_builder *b, uint32_t number);
struct cv_set imap_set_built(const struct imap_set_builder *b);

#endif
