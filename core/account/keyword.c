/* keyword.c - a folder's keywords, and the sets of them that messages have.
 *
 * Most messages have one of a few sets, so a row keeps only a set's number;
 * number 0 is the empty set. */
#include "account-private.h"

void keyword_add(struct folder_data *data, uint32_t index, struct cv_span name)
{
	char *copy;

	/* the writer numbered them in order; anything else is damage, and
	 * ignored */
	if (index != data->keywords.count ||
	    index >= ACCOUNT_KEYWORD_MAX)
		return;
	copy = pool_copy(data->pool, name.data, name.len);
	*array_add(&data->keywords) = copy;
	hash_set(&data->keyword_names, cv_span_of(copy),
		 (void *)(uintptr_t)(index + 1));
}

/* --- sets ---------------------------------------------------------------- */

static struct cv_span set_bytes(const struct keyword_set *set)
{
	return cv_span((const char *)set->indexes,
		       set->count * sizeof(*set->indexes));
}

static void hash_sets(struct folder_data *data)
{
	if (data->sets_hashed)
		return;
	data->sets_hashed = true;
	hash_init(&data->set_numbers, data->pool, false);
	for (size_t i = 1; i < data->sets.count; i++)
		hash_set(&data->set_numbers, set_bytes(&data->sets.items[i]),
			 (void *)(uintptr_t)i);
}

uint32_t keyword_set_number(struct folder_data *data, const uint16_t *indexes,
			    uint32_t count)
{
	struct keyword_set *set;
	struct cv_span bytes = cv_span((const char *)indexes,
				       count * sizeof(*indexes));
	uintptr_t number;

	if (count == 0)
		return 0;
	hash_sets(data);
	number = (uintptr_t)hash_find(&data->set_numbers, bytes);
	if (number != 0)
		return (uint32_t)number;
	number = data->sets.count;
	set = array_add(&data->sets);
	set->count = count;
	set->indexes = (uint16_t *)pool_copy(data->pool, bytes.data,
					     bytes.len);
	hash_set(&data->set_numbers, set_bytes(set), (void *)number);
	return (uint32_t)number;
}

/* Merges two sorted lists; with remove the second is taken away. */
static uint32_t merge(const struct keyword_set *set, const uint16_t *indexes,
		      uint32_t count, bool remove, uint16_t *dst)
{
	uint32_t a = 0, b = 0, n = 0;

	while (a < set->count || b < count) {
		if (b == count ||
		    (a < set->count && set->indexes[a] < indexes[b])) {
			dst[n++] = set->indexes[a++];
			continue;
		}
		if (a < set->count && set->indexes[a] == indexes[b])
			a++;
		if (!remove)
			dst[n++] = indexes[b];
		b++;
	}
	return n;
}

uint32_t keyword_set_change(struct folder_data *data, uint32_t from,
			    enum account_flag_op op, const uint16_t *indexes,
			    uint32_t count)
{
	uint16_t merged[2 * ACCOUNT_KEYWORD_MAX];
	uint32_t n;

	if (op == ACCOUNT_FLAGS_REPLACE)
		return keyword_set_number(data, indexes, count);
	if (count == 0)
		return from;
	n = merge(&data->sets.items[from], indexes, count,
		  op == ACCOUNT_FLAGS_REMOVE, merged);
	return keyword_set_number(data, merged, n);
}

/* --- of a snapshot ------------------------------------------------------- */

static bool parse_names(struct folder_data *data)
{
	struct cv_span bytes = snapshot_section(&data->snapshot,
						SECTION_NAMES);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};

	if (bytes.data == NULL ||
	    data->snapshot.keywords > ACCOUNT_KEYWORD_MAX)
		return false;
	for (uint32_t i = 0; i < data->snapshot.keywords; i++) {
		struct cv_span name = get_span(&c, get_u16(&c));

		if (c.bad)
			return false;
		keyword_add(data, i, name);
	}
	return true;
}

static bool indexes_sorted(const uint16_t *indexes, uint32_t count,
			   size_t keywords)
{
	for (uint32_t i = 0; i < count; i++) {
		if (indexes[i] >= keywords ||
		    (i > 0 && indexes[i] <= indexes[i - 1]))
			return false;
	}
	return true;
}

bool keyword_sets_parse(struct folder_data *data)
{
	struct cv_span bytes;
	struct format_cursor c;

	if (!parse_names(data))
		return false;
	bytes = snapshot_section(&data->snapshot, SECTION_SETS);
	if (bytes.data == NULL || bytes.len / 2 < data->snapshot.sets)
		return false;
	c = (struct format_cursor){
		(const unsigned char *)bytes.data, bytes.len, false
	};
	for (uint32_t i = 0; i < data->snapshot.sets; i++) {
		uint32_t count = get_u16(&c);
		const void *p = get_bytes(&c, count * sizeof(uint16_t));
		struct keyword_set *set;

		if (c.bad || count == 0 || count > ACCOUNT_KEYWORD_MAX)
			return false;
		set = array_add(&data->sets);
		set->count = count;
		set->indexes = (uint16_t *)pool_copy(data->pool, p, count *
						     sizeof(uint16_t));
		if (!indexes_sorted(set->indexes, count,
				    data->keywords.count))
			return false;
	}
	return true;
}

/* --- public -------------------------------------------------------------- */

uint32_t account_keyword_count(struct account_folder *folder)
{
	return (uint32_t)folder_load(folder_of(folder))->keywords.count;
}

const char *account_keyword_name(struct account_folder *folder, uint32_t index)
{
	struct folder_data *data = folder_load(folder_of(folder));

	BUG_IF(index >= data->keywords.count);
	return data->keywords.items[index];
}

bool account_keyword_find(struct account_folder *folder, struct cv_span name,
			  uint32_t *index_r)
{
	struct folder_data *data = folder_load(folder_of(folder));
	uintptr_t index = (uintptr_t)hash_find(&data->keyword_names, name);

	if (index == 0)
		return false;
	*index_r = (uint32_t)index - 1;
	return true;
}
