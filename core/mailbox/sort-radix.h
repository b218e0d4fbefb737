/* sort-radix.h - stable sorting in time that grows with what is sorted and
 * nothing else: whoever chooses the keys cannot make it slower. */
#ifndef SORT_RADIX_H
#define SORT_RADIX_H

#include "base.h"

struct radix_item { uint64_t key; uint32_t index; };

/* By key, ascending; equal keys keep their order.  spare has room for count
 * items. */
void radix_sort(struct radix_item *items, struct radix_item *spare,
		size_t count);

/* Ranks of strings by their octets, from 0; equal strings have the same one.
 * order_r: an index of a string for each rank.  Returns how many ranks there
 * are. */
uint32_t radix_rank_strings(const struct cv_span *strings, uint32_t count,
			    struct cv_pool *pool, uint32_t *ranks_r,
			    uint32_t *order_r);

#endif
