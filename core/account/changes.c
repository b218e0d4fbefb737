/* changes.c - what happened in a folder since a transaction. */
#include "account-private.h"

#include <stdlib.h>

static void add_range(struct account_ranges *ranges, uint32_t first,
		      uint32_t last)
{
	struct account_range *r;

	if (ranges->count > 0) {
		r = &ranges->items[ranges->count - 1];
		if (r->last < first && first - r->last == 1) {
			r->last = last;
			return;
		}
	}
	r = array_add(ranges);
	*r = (struct account_range){ first, last };
}

static int compare_ranges(const void *a, const void *b)
{
	const struct account_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted and disjoint, neighbours joined. */
static void tidy_ranges(struct account_ranges *ranges)
{
	size_t n = 0;

	if (ranges->count < 2)
		return;
	qsort(ranges->items, ranges->count, sizeof(*ranges->items),
	      compare_ranges);
	for (size_t i = 1; i < ranges->count; i++) {
		struct account_range *to = &ranges->items[n];
		struct account_range from = ranges->items[i];

		if (from.first <= to->last || from.first - to->last == 1) {
			if (to->last < from.last)
				to->last = from.last;
		} else {
			ranges->items[++n] = from;
		}
	}
	ranges->count = n + 1;
}

/* The row lives and came or changed after since. */
static void add_row(struct account_folder *folder, uint32_t row,
		    uint32_t uidnext_then, struct account_changes *changes)
{
	uint32_t uid = account_row_uid(folder, row);

	if (!account_row_alive(folder, row))
		return;
	add_range(uidnext_then != 0 && uid >= uidnext_then ? &changes->added :
		  &changes->changed, uid, uid);
}

static void scan_rows(struct account_folder *folder, uint64_t since,
		      uint32_t uidnext_then, struct account_changes *changes)
{
	uint32_t count = account_row_count(folder);

	for (uint32_t row = 0; row < count; row++) {
		/* one that came may have an older modseq, from elsewhere */
		if (account_row_modseq(folder, row) > since ||
		    (uidnext_then != 0 &&
		     account_row_uid(folder, row) >= uidnext_then))
			add_row(folder, row, uidnext_then, changes);
	}
}

static void take_log(struct folder *folder, uint64_t since,
		     uint32_t uidnext_then, struct account_changes *changes)
{
	uint32_t at = folder->change_count, row;

	while (at > 0 && folder->changes[at - 1].modseq > since)
		at--;
	for (; at < folder->change_count; at++) {
		const struct change *c = &folder->changes[at];

		if (c->kind == CHANGE_EXPUNGED)
			continue;
		row = account_row_lower(&folder->f, c->first);
		for (; row < account_row_count(&folder->f) &&
		     account_row_uid(&folder->f, row) <= c->last; row++)
			add_row(&folder->f, row, uidnext_then, changes);
	}
	tidy_ranges(&changes->added);
	tidy_ranges(&changes->changed);
}

static void take_expunges(struct folder *folder, uint64_t since,
			  struct account_changes *changes)
{
	struct folder_data *data = folder_load(folder);
	size_t at = data->expunged.count;

	/* almost in order: only what was taken back may be off by one */
	while (at > 0 && data->expunged.items[at - 1].modseq > since)
		at--;
	for (; at < data->expunged.count; at++)
		add_range(&changes->expunged, data->expunged.items[at].first,
			  data->expunged.items[at].last);
	tidy_ranges(&changes->expunged);
	changes->expunges_complete = since >= folder->f.expunge_floor;
}

void account_changes_get(struct account_folder *f, uint64_t since,
			 uint32_t uidnext_then, struct cv_pool *pool,
			 struct account_changes *changes)
{
	struct folder *folder = folder_of(f);

	*changes = (struct account_changes){ .expunges_complete = true };
	array_init(&changes->added, pool);
	array_init(&changes->changed, pool);
	array_init(&changes->expunged, pool);
	if (f->highestmodseq <= since)
		return;
	if (since >= folder->changes_floor && folder->change_count > 0)
		take_log(folder, since, uidnext_then, changes);
	else
		scan_rows(f, since, uidnext_then, changes);
	take_expunges(folder, since, changes);
}
