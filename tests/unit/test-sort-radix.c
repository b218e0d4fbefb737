/* test-sort-radix.c - sorting and ranking, and parents without loops, against
 * the plain way; and what is made to be slow. */
#include "base.h"
#include "mailbox/sort-radix.h"
#include "mailbox/thread-forest.h"

#include <setjmp.h>
#include <cmocka.h>

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1103515245u + 12345;
	return *seed >> 8;
}

static void numbers_are_sorted_stably(void **state)
{
	struct cv_pool *pool = pool_create("test");
	uint32_t seed = 1;

	for (size_t count = 0; count < 3000; count = count * 2 + 1) {
		struct radix_item *items = pool_new_array(
			pool, struct radix_item, count + 1);
		struct radix_item *spare = pool_new_array(
			pool, struct radix_item, count + 1);

		for (size_t i = 0; i < count; i++) {
			items[i].key = (uint64_t)(next(&seed) % 50) << 40 |
				next(&seed) % 3;
			items[i].index = (uint32_t)i;
		}
		radix_sort(items, spare, count);
		for (size_t i = 1; i < count; i++)
			assert_true(items[i - 1].key < items[i].key ||
				    (items[i - 1].key == items[i].key &&
				     items[i - 1].index < items[i].index));
	}
	pool_destroy(&pool);
}

static int compare(struct cv_span a, struct cv_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = memcmp(a.data, b.data, len);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static void strings_are_ranked(void **state)
{
	enum { COUNT = 400 };
	struct cv_pool *pool = pool_create("test");
	struct cv_span strings[COUNT];
	uint32_t ranks[COUNT], order[COUNT], seed = 7, count;

	for (uint32_t i = 0; i < COUNT; i++) {
		size_t len = next(&seed) % 24;
		char *text = pool_alloc(pool, len + 1);

		for (size_t k = 0; k < len; k++)
			text[k] = (char)("ab\xff"[next(&seed) % 3]);
		strings[i] = cv_span(text, len);
	}
	count = radix_rank_strings(strings, COUNT, pool, ranks, order);
	for (uint32_t i = 0; i < COUNT; i++) {
		for (uint32_t k = 0; k < COUNT; k++) {
			int want = compare(strings[i], strings[k]);

			assert_int_equal(want < 0, ranks[i] < ranks[k]);
			assert_int_equal(want == 0, ranks[i] == ranks[k]);
		}
		assert_true(ranks[i] < count);
		assert_int_equal(ranks[order[ranks[i]]], ranks[i]);
	}
	pool_destroy(&pool);
}

static bool is_below(const uint32_t *parent, uint32_t node, uint32_t above)
{
	while (node != above && parent[node] != FOREST_NONE)
		node = parent[node];
	return node == above;
}

/* budget: walking, link-cut trees, and from one to the other. */
static void forests_have_no_loops(void **state)
{
	enum { NODES = 60 };
	static const uint64_t budgets[] = { UINT64_MAX, 0, 50 };
	struct cv_pool *pool = pool_create("test");

	for (uint32_t round = 0; round < 60; round++) {
		uint32_t parent[NODES], seed = round;
		struct forest f;

		forest_init(&f, pool, NODES);
		f.budget = budgets[round % 3];
		for (uint32_t i = 0; i < NODES; i++)
			parent[forest_add(&f)] = FOREST_NONE;
		for (int step = 0; step < 600; step++) {
			uint32_t a = next(&seed) % NODES;
			uint32_t b = next(&seed) % NODES;

			if (next(&seed) % 4 == 0) {
				forest_cut(&f, a);
				parent[a] = FOREST_NONE;
			} else if (parent[a] == FOREST_NONE) {
				forest_link(&f, a, b);
				if (!is_below(parent, b, a))
					parent[a] = b;
			}
			assert_memory_equal(parent, f.parent, sizeof(parent));
		}
	}
	pool_destroy(&pool);
}

/* A chain whose every new top is looked for from its bottom: walking it would
 * take 10 thousand million steps. */
static void long_chains_cost_little(void **state)
{
	enum { NODES = 150000 };
	struct cv_pool *pool = pool_create("test");
	struct forest f;

	forest_init(&f, pool, NODES + 1);
	for (uint32_t i = 0; i <= NODES; i++)
		(void)forest_add(&f);
	for (uint32_t i = 1; i < NODES; i++) {
		forest_link(&f, i - 1, i);
		/* refused: it is the one on top */
		forest_link(&f, i, 0);
		assert_int_equal(f.parent[i], FOREST_NONE);
	}
	assert_non_null(f.links);
	pool_destroy(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_sorted_stably),
		cmocka_unit_test(strings_are_ranked),
		cmocka_unit_test(forests_have_no_loops),
		cmocka_unit_test(long_chains_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
