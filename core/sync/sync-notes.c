/* sync-notes.c - sets of annotations of messages [RFC5257] as numbers.
 *
 * As bytes: for each, in order of its entry's bytes, the shared one before the
 * private one: 1 private, 2 it has a value (u8), its entry, its value. */
#include "sync-wire.h"

#include <stdlib.h>

enum { IS_PRIVATE = 1, HAS_VALUE = 2, NOTES_MAX = 4 * CV_ANNOTATIONS_MAX };

static int compare(const void *one, const void *other)
{
	const struct cv_annotation *a = one, *b = other;
	size_t len = a->entry.len < b->entry.len ? a->entry.len :
		b->entry.len;
	int order = len == 0 ? 0 : memcmp(a->entry.data, b->entry.data, len);

	if (order == 0 && a->entry.len != b->entry.len)
		order = a->entry.len < b->entry.len ? -1 : 1;
	return order != 0 ? order : (int)a->is_private - (int)b->is_private;
}

static uint32_t intern(struct sync_words *words, struct cv_span bytes)
{
	uint32_t *number;

	if (bytes.len == 0)
		return 0;
	number = hash_find(&words->note_table, bytes);
	if (number == NULL) {
		bytes = pool_span(words->pool, bytes);
		number = pool_new(words->pool, uint32_t);
		*number = (uint32_t)words->notes.count;
		*array_add(&words->notes) = bytes;
		hash_set(&words->note_table, bytes, number);
	}
	return *number;
}

/* The list is in order. */
static uint32_t intern_list(struct sync_words *words, struct cv_pool *pool,
			    const struct cv_annotation *list, uint32_t count)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (uint32_t i = 0; i < count; i++) {
		wire_put_u8(&out, (list[i].is_private ? IS_PRIVATE : 0) |
			    (list[i].value.data != NULL ? HAS_VALUE : 0));
		wire_put_span(&out, list[i].entry);
		wire_put_span(&out, list[i].value.data == NULL ?
			      CV_SPAN("") : list[i].value);
	}
	return intern(words, cv_text_span(&out));
}

uint32_t sync_notes_of(struct sync_words *words,
		       const struct cv_annotation *list, uint32_t count)
{
	struct cv_pool *pool;
	struct cv_annotation *sorted;
	uint32_t n = 0, set;

	if (count == 0)
		return 0;
	pool = pool_create("sync notes");
	sorted = pool_new_array(pool, struct cv_annotation, count);
	for (uint32_t i = 0; i < count; i++) {
		if (list[i].value.data != NULL)
			sorted[n++] = list[i];
	}
	if (n > 0)
		qsort(sorted, n, sizeof(*sorted), compare);
	set = intern_list(words, pool, sorted, n);
	pool_destroy(&pool);
	return set;
}

/* Spans point into in. */
static struct cv_annotation get_one(struct wire_in *in)
{
	uint8_t kind = wire_u8(in);
	struct cv_annotation a = { .is_private = kind & IS_PRIVATE };

	a.entry = wire_span(in, CV_ANNOTATION_ENTRY_MAX);
	a.value = wire_span(in, CV_ANNOTATION_VALUE_MAX);
	if ((kind & ~(IS_PRIVATE | HAS_VALUE)) != 0 || a.entry.len == 0 ||
	    ((kind & HAS_VALUE) == 0 && a.value.len != 0))
		in->bad = true;
	if ((kind & HAS_VALUE) == 0)
		a.value = CV_SPAN_NONE;
	return a;
}

bool sync_notes_parse(struct sync_words *words, struct cv_span bytes,
		      uint32_t *set_r)
{
	struct wire_in in = { (const unsigned char *)bytes.data, bytes.len,
		false };
	struct cv_annotation last = { 0 };
	uint32_t count = 0;

	*set_r = 0;
	while (in.left > 0 && !in.bad) {
		struct cv_annotation a = get_one(&in);

		/* equal sets have equal bytes */
		if (++count > NOTES_MAX ||
		    (count > 1 && compare(&last, &a) >= 0))
			in.bad = true;
		last = a;
	}
	if (!in.bad)
		*set_r = intern(words, bytes);
	return !in.bad;
}

struct cv_span sync_notes_bytes(const struct sync_words *words, uint32_t set)
{
	return words->notes.items[set];
}

const struct cv_annotation *
sync_notes_get(const struct sync_words *words, uint32_t set,
	       struct cv_pool *pool, uint32_t *count_r)
{
	struct cv_span bytes = words->notes.items[set];
	struct wire_in in = { (const unsigned char *)bytes.data, bytes.len,
		false };
	ARRAY(struct cv_annotation) list;

	array_init(&list, pool);
	while (in.left > 0 && !in.bad)
		*array_add(&list) = get_one(&in);
	*count_r = (uint32_t)list.count;
	return list.items;
}

uint32_t sync_notes_only(struct sync_words *words, uint32_t set,
			 uint32_t kinds)
{
	struct cv_pool *pool;
	const struct cv_annotation *list;
	struct cv_annotation *kept;
	uint32_t count, n = 0;

	if (set == 0 || kinds == (SYNC_NOTES_SHARED | SYNC_NOTES_PRIVATE))
		return set;
	if (kinds == 0)
		return 0;
	pool = pool_create("sync notes");
	list = sync_notes_get(words, set, pool, &count);
	kept = pool_new_array(pool, struct cv_annotation, (size_t)count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (kinds & (list[i].is_private ? SYNC_NOTES_PRIVATE :
			     SYNC_NOTES_SHARED))
			kept[n++] = list[i];
	}
	set = intern_list(words, pool, kept, n);
	pool_destroy(&pool);
	return set;
}

/* --- two and three sets ------------------------------------------------------ */

/* Sets side by side. */
struct abreast {
	const struct cv_annotation *list[3];
	uint32_t count[3], at[3];
};

static void abreast_init(struct abreast *m, const struct sync_words *words,
			 struct cv_pool *pool, const uint32_t sets[3])
{
	for (int i = 0; i < 3; i++) {
		m->list[i] = sync_notes_get(words, sets[i], pool,
					    &m->count[i]);
		m->at[i] = 0;
	}
}

/* The next name, and what each set has of it: NULL none. */
static bool abreast_next(struct abreast *m,
			 const struct cv_annotation *found[3])
{
	const struct cv_annotation *least = NULL;

	for (int i = 0; i < 3; i++) {
		found[i] = m->at[i] < m->count[i] ?
			&m->list[i][m->at[i]] : NULL;
		if (found[i] != NULL &&
		    (least == NULL || compare(found[i], least) < 0))
			least = found[i];
	}
	for (int i = 0; i < 3 && least != NULL; i++) {
		if (found[i] != NULL && compare(found[i], least) != 0)
			found[i] = NULL;
		m->at[i] += found[i] != NULL;
	}
	return least != NULL;
}

static bool same(const struct cv_annotation *a, const struct cv_annotation *b)
{
	return a == NULL || b == NULL ? a == b :
		cv_span_equal(a->value, b->value);
}

/* Changed at one end: as it is there; at both: the first end's, but a change
 * wins over a removal. */
static const struct cv_annotation *
merge_one(const struct cv_annotation *const found[3])
{
	if (same(found[0], found[1]))
		return found[2];
	if (same(found[0], found[2]))
		return found[1];
	return found[1] != NULL ? found[1] : found[2];
}

uint32_t sync_notes_merge(struct sync_words *words, uint32_t base, uint32_t a,
			  uint32_t b)
{
	const struct cv_annotation *found[3], *kept;
	struct cv_annotation *list;
	struct cv_pool *pool;
	struct abreast m;
	uint32_t n = 0, set;

	if (a == b)
		return a;
	pool = pool_create("sync notes");
	abreast_init(&m, words, pool, (const uint32_t[]){ base, a, b });
	list = pool_new_array(pool, struct cv_annotation,
			      (size_t)m.count[1] + m.count[2] + 1);
	while (abreast_next(&m, found)) {
		kept = merge_one(found);
		if (kept != NULL)
			list[n++] = *kept;
	}
	set = intern_list(words, pool, list, n);
	pool_destroy(&pool);
	return set;
}

uint32_t sync_notes_diff(struct sync_words *words, uint32_t from, uint32_t to)
{
	const struct cv_annotation *found[3];
	struct cv_annotation *list;
	struct cv_pool *pool;
	struct abreast m;
	uint32_t n = 0, set;

	if (from == to)
		return 0;
	pool = pool_create("sync notes");
	abreast_init(&m, words, pool, (const uint32_t[]){ from, to, 0 });
	list = pool_new_array(pool, struct cv_annotation,
			      (size_t)m.count[0] + m.count[1] + 1);
	while (abreast_next(&m, found)) {
		if (same(found[0], found[1]))
			continue;
		list[n] = found[1] != NULL ? *found[1] : *found[0];
		if (found[1] == NULL)
			list[n].value = CV_SPAN_NONE;
		n++;
	}
	set = intern_list(words, pool, list, n);
	pool_destroy(&pool);
	return set;
}
