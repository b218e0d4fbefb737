/* boundary.c - a hash of every prefix of the line, computed in passing. */
#include "boundary.h"

static uint64_t boundary_hash_step(const struct boundary_set *set,
				   uint64_t hash, char c)
{
	return (hash ^ (unsigned char)c) * set->key;
}

static uint32_t boundary_bucket(uint64_t hash)
{
	return (uint32_t)(hash >> 56) % BOUNDARY_BUCKETS;
}

void boundary_set_init(struct boundary_set *set)
{
	memset(set, 0, sizeof(*set));
	random_bytes(&set->key, sizeof(set->key));
	set->key |= 1;
	for (size_t i = 0; i < BOUNDARY_BUCKETS; i++)
		set->buckets[i] = BOUNDARY_NONE;
}

void boundary_push(struct boundary_set *set, struct cv_span text,
		   uint32_t owner)
{
	struct boundary *item = &set->items[set->count];
	uint32_t *bucket;

	BUG_IF(set->count >= MIME_DEPTH_MAX || text.len == 0);
	if (text.len > MESSAGE_BOUNDARY_MAX)
		text.len = MESSAGE_BOUNDARY_MAX;
	item->text = text;
	item->hash = set->key;
	for (size_t i = 0; i < text.len; i++)
		item->hash = boundary_hash_step(set, item->hash,
						text.data[i]);
	item->owner = owner;
	bucket = &set->buckets[boundary_bucket(item->hash)];
	item->next = *bucket;
	*bucket = set->count++;
	set->lengths[text.len]++;
	if (text.len > set->longest)
		set->longest = (uint32_t)text.len;
}

void boundary_pop(struct boundary_set *set)
{
	struct boundary *item;

	BUG_IF(set->count == 0);
	item = &set->items[--set->count];
	/* INVARIANT: buckets are stacks, the last pushed is in front */
	set->buckets[boundary_bucket(item->hash)] = item->next;
	set->lengths[item->text.len]--;
	while (set->longest > 0 && set->lengths[set->longest] == 0)
		set->longest--;
}

uint32_t boundary_find(const struct boundary_set *set, struct cv_span line)
{
	size_t max = line.len < set->longest ? line.len : set->longest;
	uint32_t found = BOUNDARY_NONE, at;
	uint64_t hash = set->key;

	for (size_t len = 1; len <= max; len++) {
		hash = boundary_hash_step(set, hash, line.data[len - 1]);
		if (set->lengths[len] == 0)
			continue;
		at = set->buckets[boundary_bucket(hash)];
		while (at != BOUNDARY_NONE &&
		       (set->items[at].hash != hash ||
			!cv_span_equal(set->items[at].text,
				       cv_span(line.data, len))))
			at = set->items[at].next;
		if (at != BOUNDARY_NONE)
			found = at;
	}
	return found;
}
