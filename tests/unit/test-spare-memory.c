/* test-spare-memory.c - the end of memory, seen before it comes; and large
 * allocations, which move without being there twice. */
#include "base.h"

#include <setjmp.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

static void test_large_growth(void **state)
{
	struct cv_pool *pool = pool_create("test");
	size_t size = MIB;
	char *data = pool_alloc(pool, size), *small;

	(void)state;
	memset(data, 'x', size);
	for (int i = 0; i < 6; i++) {
		small = pool_strdup(pool, "between");
		data = pool_grow(pool, data, size, size * 2);
		for (size_t at = 0; at < size; at += 4093)
			assert_int_equal(data[at], i == 0 || at < MIB ?
					 'x' : 'y');
		for (size_t at = size; at < size * 2; at++)
			assert_int_equal(data[at], 0);
		memset(data + size, 'y', size);
		size *= 2;
		assert_string_equal(small, "between");
	}
	/* nothing of what it was before is there any more */
	assert_true(pool_size(pool) < size + MIB);
	pool_destroy(&pool);
}

/* One of several large ones, not the last. */
static void test_growth_among_others(void **state)
{
	struct cv_pool *pool = pool_create("test");
	char *a = pool_alloc(pool, MIB), *b = pool_alloc(pool, MIB);
	char *c = pool_alloc(pool, MIB);

	(void)state;
	memset(a, 'a', MIB);
	memset(b, 'b', MIB);
	memset(c, 'c', MIB);
	b = pool_grow(pool, b, MIB, 5 * MIB);
	a = pool_grow(pool, a, MIB, 3 * MIB);
	assert_int_equal(a[MIB - 1], 'a');
	assert_int_equal(a[MIB], 0);
	assert_int_equal(b[MIB - 1], 'b');
	assert_int_equal(b[5 * MIB - 1], 0);
	assert_int_equal(c[0], 'c');
	assert_int_equal(c[MIB - 1], 'c');
	assert_true(pool_size(pool) <= 9 * MIB + MIB / 2);
	pool_reset(pool);
	assert_non_null(pool_alloc(pool, MIB));
	pool_destroy(&pool);
}

#ifndef WITH_SANITIZERS			/* their shadow is address space */

/* Exit status of a process with this limit that takes all there is. */
static int eat(void)
{
	struct rlimit limit = { 200 * (rlim_t)MIB, 200 * (rlim_t)MIB };
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool = pool_create("eaten");
	int pieces = 0;

	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return 1;
	for (int round = 0; round < 3; round++) {
		spare_memory_keep();
		if (spare_memory_check(0, &err) != CV_OK ||
		    spare_memory_check(300 * (uint64_t)MIB, &err) !=
		    CV_E_LIMIT)
			return 2;
		for (pieces = 0; spare_memory_check(0, &err) == CV_OK;
		     pieces++)
			(void)pool_alloc(pool, 100 * 1024);
		/* what is under way can end */
		(void)pool_alloc(pool, 4 * MIB);
		if (pieces < 500 || err.client[0] == 0)
			return 3;
		spare_memory_keep();
		/* nothing was given back: the next one is not begun */
		if (spare_memory_check(0, &err) != CV_E_LIMIT)
			return 4;
		pool_destroy(&pool);
		pool = pool_create("eaten");
	}
	spare_memory_keep();
	return spare_memory_check(0, &err) == CV_OK ? 0 : 5;
}

static void test_limit(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(eat());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large_growth),
		cmocka_unit_test(test_growth_among_others),
#ifndef WITH_SANITIZERS
		cmocka_unit_test(test_limit),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
