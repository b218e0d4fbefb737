/* sort-radix.c - see sort-radix.h.
 *
 * Numbers: from the lowest byte to the highest, without the bytes that all
 * have in common.  Strings: in words of 8 bytes from the first on, each group
 * of equal words again by the next; what a string costs is its length. */
#include "sort-radix.h"

enum { SMALL = 48 };

static void insertion_sort(struct radix_item *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct radix_item item = items[i];
		size_t k = i;

		while (k > 0 && items[k - 1].key > item.key) {
			items[k] = items[k - 1];
			k--;
		}
		items[k] = item;
	}
}

static void byte_pass(const struct radix_item *from, struct radix_item *to,
		      size_t count, unsigned int shift)
{
	size_t places[256] = { 0 }, at = 0;

	for (size_t i = 0; i < count; i++)
		places[from[i].key >> shift & 0xff]++;
	for (int b = 0; b < 256; b++) {
		size_t n = places[b];

		places[b] = at;
		at += n;
	}
	for (size_t i = 0; i < count; i++)
		to[places[from[i].key >> shift & 0xff]++] = from[i];
}

void radix_sort(struct radix_item *items, struct radix_item *spare,
		size_t count)
{
	struct radix_item *from = items, *to = spare;
	uint64_t differ = 0;

	if (count <= SMALL) {
		insertion_sort(items, count);
		return;
	}
	for (size_t i = 1; i < count; i++)
		differ |= items[i].key ^ items[0].key;
	for (unsigned int shift = 0; shift < 64; shift += 8) {
		struct radix_item *swap = from;

		if ((differ >> shift & 0xff) == 0)
			continue;
		byte_pass(from, to, count, shift);
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, count * sizeof(*items));
}

/* --- strings -------------------------------------------------------------- */

/* The 8 bytes at depth, the first the highest; zeros behind the end. */
static uint64_t word_at(struct cv_span s, size_t depth)
{
	uint64_t word = 0;
	size_t left;

	if (depth >= s.len)
		return 0;
	left = s.len - depth;
	if (left >= 8) {
		memcpy(&word, s.data + depth, 8);
		return __builtin_bswap64(word);
	}
	memcpy(&word, s.data + depth, left);
	return __builtin_bswap64(word);
}

struct group { uint32_t start, count; size_t depth; };

struct ranking {
	const struct cv_span *strings;
	struct radix_item *items, *spare;
	ARRAY(struct group) todo;
	/* for each place in items: it begins a new rank */
	bool *begins;
};

/* Within a group all are equal up to its depth. */
static void split_group(struct ranking *r, struct group g)
{
	struct radix_item *items = r->items + g.start;
	uint32_t from = 0;

	for (uint32_t i = 0; i < g.count; i++)
		items[i].key = word_at(r->strings[items[i].index], g.depth);
	radix_sort(items, r->spare, g.count);
	for (uint32_t i = 1; i <= g.count; i++) {
		bool more = false;

		if (i < g.count && items[i].key == items[from].key)
			continue;
		if (i < g.count)
			r->begins[g.start + i] = true;
		/* the last byte of a word is 0 where a string has ended */
		for (uint32_t k = from; i - from > 1 && k < i && !more; k++)
			more = r->strings[items[k].index].len > g.depth + 8;
		if (more)
			*array_add(&r->todo) = (struct group){
				g.start + from, i - from, g.depth + 8 };
		from = i;
	}
}

uint32_t radix_rank_strings(const struct cv_span *strings, uint32_t count,
			    struct cv_pool *pool, uint32_t *ranks_r,
			    uint32_t *order_r)
{
	struct ranking r = { .strings = strings };
	uint32_t ranks = 0;

	if (count == 0)
		return 0;
	r.items = pool_new_array(pool, struct radix_item, count);
	r.spare = pool_new_array(pool, struct radix_item, count);
	r.begins = pool_new_array(pool, bool, count);
	array_init(&r.todo, pool);
	for (uint32_t i = 0; i < count; i++)
		r.items[i].index = i;
	r.begins[0] = true;
	*array_add(&r.todo) = (struct group){ 0, count, 0 };
	while (r.todo.count > 0)
		split_group(&r, r.todo.items[--r.todo.count]);
	for (uint32_t i = 0; i < count; i++) {
		if (r.begins[i])
			order_r[ranks++] = r.items[i].index;
		ranks_r[r.items[i].index] = ranks - 1;
	}
	return ranks;
}
