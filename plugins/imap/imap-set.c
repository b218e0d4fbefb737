/* imap-set.c - see imap-set.h. */
#include "imap-set.h"

#include <stdlib.h>

static int range_compare(const void *a, const void *b)
{
	const struct cv_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Ranges in any order become sorted and disjoint, in place. */
static uint32_t normalise(struct cv_range *ranges, uint32_t count)
{
	uint32_t out = 0;
	bool sorted = true;

	for (uint32_t i = 1; i < count; i++)
		sorted = sorted && ranges[i - 1].first <= ranges[i].first;
	if (!sorted)
		qsort(ranges, count, sizeof(*ranges), range_compare);
	for (uint32_t i = 0; i < count; i++) {
		struct cv_range *last = out == 0 ? NULL : &ranges[out - 1];

		if (last != NULL && (last->last == UINT32_MAX ||
				     ranges[i].first <= last->last + 1)) {
			if (ranges[i].last > last->last)
				last->last = ranges[i].last;
		} else {
			ranges[out++] = ranges[i];
		}
	}
	return out;
}

/* One nz-number or "*"; 0 in *value_r for a "*" without a meaning. */
static bool number(struct cv_span text, uint32_t star, uint32_t max,
		   uint32_t *value_r)
{
	uint64_t value;

	if (cv_span_is(text, "*")) {
		*value_r = star;
		/* [RFC3501 9] "*" is a number too high in an empty mailbox;
		 * among UIDs it just is not there */
		return star > 0 || max == UINT32_MAX;
	}
	if (!cv_span_to_u64(text, UINT32_MAX, &value) || value == 0)
		return false;
	*value_r = (uint32_t)value;
	return value <= max;
}

static bool range(struct cv_span text, uint32_t star, uint32_t max,
		  struct cv_range *range_r)
{
	struct cv_span from;

	if (!cv_span_split(&text, ':', &from) ||
	    !number(from, star, max, &range_r->first))
		return false;
	range_r->last = range_r->first;
	if (text.data != NULL && !number(text, star, max, &range_r->last))
		return false;
	/* [RFC3501 9] seq-range: order does not matter */
	if (range_r->first > range_r->last) {
		uint32_t first = range_r->last;

		range_r->last = range_r->first;
		range_r->first = first;
	}
	return true;
}

int imap_set_parse(struct cv_pool *pool, struct cv_span text, uint32_t star,
		   uint32_t max, struct cv_set *set_r)
{
	struct cv_range *ranges;
	struct cv_span part;
	uint32_t count = 0, commas = 0;

	for (size_t i = 0; i < text.len; i++)
		commas += text.data[i] == ',';
	if (text.len == 0)
		return CV_E_SYNTAX;
	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, commas + 1);
	while (cv_span_split(&text, ',', &part)) {
		if (!range(part, star, max, &ranges[count]))
			return CV_E_SYNTAX;
		if (ranges[count].first > 0)
			count++;
	}
	set_r->ranges = ranges;
	set_r->count = normalise(ranges, count);
	return CV_OK;
}

void imap_set_format(struct cv_text *dst, struct cv_set set)
{
	for (uint32_t i = 0; i < set.count; i++) {
		if (i > 0)
			cv_text_append_c(dst, ',');
		cv_text_append_u64(dst, set.ranges[i].first);
		if (set.ranges[i].last != set.ranges[i].first) {
			cv_text_append_c(dst, ':');
			cv_text_append_u64(dst, set.ranges[i].last);
		}
	}
}

uint64_t imap_set_size(struct cv_set set)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < set.count; i++)
		size += (uint64_t)set.ranges[i].last - set.ranges[i].first + 1;
	return size;
}

struct cv_set imap_set_clip(struct cv_pool *pool, struct cv_set set,
			    uint32_t max)
{
	struct cv_range *ranges;

	while (set.count > 0 && set.ranges[set.count - 1].first > max)
		set.count--;
	if (set.count == 0)
		return set;
	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, set.count);
	memcpy(ranges, set.ranges, sizeof(*ranges) * set.count);
	if (ranges[set.count - 1].last > max)
		ranges[set.count - 1].last = max;
	set.ranges = ranges;
	return set;
}

struct cv_set imap_set_union(struct cv_pool *pool, struct cv_set a,
			     struct cv_set b)
{
	struct cv_range *ranges;
	struct cv_set set;

	if (a.count + b.count == 0)
		return a;
	ranges = CV_ALLOC_ARRAY(pool, struct cv_range, a.count + b.count);
	if (a.count > 0)
		memcpy(ranges, a.ranges, sizeof(*ranges) * a.count);
	if (b.count > 0)
		memcpy(ranges + a.count, b.ranges,
		       sizeof(*ranges) * b.count);
	set.ranges = ranges;
	set.count = normalise(ranges, a.count + b.count);
	return set;
}

void imap_set_add(struct imap_set_builder *b, uint32_t value)
{
	if (b->count > 0 && b->ranges[b->count - 1].last + 1 == value) {
		b->ranges[b->count - 1].last = value;
		return;
	}
	if (b->count == b->room) {
		uint32_t room = b->room == 0 ? 8 : b->room * 2;
		struct cv_range *more = CV_ALLOC_ARRAY(b->pool,
						       struct cv_range, room);

		if (b->count > 0)
			memcpy(more, b->ranges, sizeof(*more) * b->count);
		b->ranges = more;
		b->room = room;
	}
	b->ranges[b->count].first = b->ranges[b->count].last = value;
	b->count++;
}

struct cv_set imap_set_built(const struct imap_set_builder *b)
{
	struct cv_set set = { b->ranges, b->count };

	return set;
}
