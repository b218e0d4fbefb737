/* sync-words.c - sets of keywords as numbers. */
#include "sync-side.h"

#include <stdlib.h>

void sync_words_init(struct sync_words *words, struct cv_pool *pool)
{
	words->pool = pool;
	hash_init(&words->table, pool, true);
	array_init(&words->texts, pool);
	*array_add(&words->texts) = "";
	hash_init(&words->note_table, pool, true);
	array_init(&words->notes, pool);
	*array_add(&words->notes) = CV_SPAN("");
}

static int compare(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t intern(struct sync_words *words, struct cv_span text)
{
	uint32_t *number;

	if (text.len == 0)
		return 0;
	number = hash_find(&words->table, text);
	if (number == NULL) {
		text = pool_span(words->pool, text);
		number = pool_new(words->pool, uint32_t);
		*number = (uint32_t)words->texts.count;
		*array_add(&words->texts) =
			pool_copy(words->pool, text.data, text.len);
		hash_set(&words->table, text, number);
	}
	return *number;
}

uint32_t sync_words_of(struct sync_words *words, const char *const *names,
		       uint32_t count)
{
	struct cv_pool *pool;
	struct cv_text text;
	const char **sorted;
	uint32_t set;

	if (count == 0)
		return 0;
	pool = pool_create("keywords");
	sorted = pool_new_array(pool, const char *, count);
	memcpy(sorted, names, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	cv_text_init(&text, pool);
	for (uint32_t i = 0; i < count; i++) {
		if (*sorted[i] == '\0' ||
		    (i > 0 && strcasecmp(sorted[i], sorted[i - 1]) == 0))
			continue;
		if (text.len > 0)
			cv_text_append_c(&text, ' ');
		cv_text_append_str(&text, sorted[i]);
	}
	set = intern(words, cv_text_span(&text));
	pool_destroy(&pool);
	return set;
}

static struct cv_keywords split(struct cv_span text, struct cv_pool *pool)
{
	struct cv_span word;
	ARRAY(const char *) names;

	array_init(&names, pool);
	while (text.len > 0 && cv_span_split(&text, ' ', &word)) {
		if (word.len > 0)
			*array_add(&names) = pool_copy(pool, word.data,
						       word.len);
	}
	return (struct cv_keywords){ names.items, (uint32_t)names.count };
}

uint32_t sync_words_parse(struct sync_words *words, struct cv_span text)
{
	struct cv_pool *pool;
	struct cv_keywords k;
	uint32_t set;

	if (text.len == 0)
		return 0;
	pool = pool_create("keywords");
	k = split(text, pool);
	set = sync_words_of(words, k.names, k.count);
	pool_destroy(&pool);
	return set;
}

const char *sync_words_text(const struct sync_words *words, uint32_t set)
{
	return words->texts.items[set];
}

struct cv_keywords sync_words_get(struct sync_words *words, uint32_t set,
				  struct cv_pool *pool)
{
	return split(cv_span_of(sync_words_text(words, set)), pool);
}

static uint32_t combine(struct sync_words *words, uint32_t a, uint32_t b,
			bool minus)
{
	struct cv_pool *pool = pool_create("keywords");
	struct cv_keywords left = sync_words_get(words, a, pool);
	struct cv_keywords right = sync_words_get(words, b, pool);
	const char **names = pool_new_array(pool, const char *,
					    left.count + right.count + 1);
	uint32_t count = 0, set;

	for (uint32_t i = 0; i < left.count; i++) {
		bool in_right = false;

		for (uint32_t k = 0; k < right.count && minus; k++)
			in_right |= strcasecmp(left.names[i],
					       right.names[k]) == 0;
		if (!in_right)
			names[count++] = left.names[i];
	}
	for (uint32_t i = 0; i < right.count && !minus; i++)
		names[count++] = right.names[i];
	set = sync_words_of(words, names, count);
	pool_destroy(&pool);
	return set;
}

uint32_t sync_words_union(struct sync_words *words, uint32_t a, uint32_t b)
{
	return a == b || b == 0 ? a : a == 0 ? b :
		combine(words, a, b, false);
}

uint32_t sync_words_minus(struct sync_words *words, uint32_t a, uint32_t b)
{
	return a == b || a == 0 ? 0 : b == 0 ? a : combine(words, a, b, true);
}
