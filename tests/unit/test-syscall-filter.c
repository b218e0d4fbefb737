/* test-syscall-filter.c - programs for seccomp decide as their sets say. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <errno.h>

#include "bpf-run.h"
#include "module/syscall-filter.h"

enum { ROUNDS = 60, USES = 12, PAIRS = 40 };

static uint32_t seed;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % sides;
}

static bool model(const struct syscall_set *set,
		  const struct seccomp_data *data)
{
	if (data->nr >= SYSCALL_MAX)
		return false;
	if (set->all[data->nr])
		return true;
	for (size_t i = 0; i < set->uses.count; i++) {
		const struct syscall_use *use = &set->uses.items[i];
		bool passed = use->call == data->nr;

		for (uint32_t n = 0; n < use->count; n++) {
			const struct syscall_test *test = &use->tests[n];

			passed = passed && (data->args[test->arg] &
					    test->mask) == test->value;
		}
		if (passed)
			return true;
	}
	return false;
}

static uint64_t word(void)
{
	static const uint64_t words[] = { 0, 1, 4, 0xffffffff, 0x1000,
		1ULL << 32, 1ULL << 40, UINT64_MAX, 0x100000001ULL };

	return words[dice(sizeof(words) / sizeof(words[0]))];
}

static void fill(struct syscall_set *set, uint32_t density)
{
	for (int call = 0; call < SYSCALL_MAX; call++) {
		if (dice(100) < density)
			syscall_set_add(set, &call, 1);
	}
	for (int i = 0; i < USES; i++) {
		struct syscall_use use = {
			.call = (int)dice(i < USES / 2 ? 40 : SYSCALL_MAX),
			.count = 1 + dice(SYSCALL_TESTS_MAX),
		};

		for (uint32_t n = 0; n < use.count; n++) {
			uint64_t mask = word();

			use.tests[n] = (struct syscall_test){
				dice(6), mask, word() & mask,
			};
		}
		syscall_set_add_use(set, &use);
	}
}

static void vary(struct seccomp_data *data)
{
	for (int n = 0; n < 6; n++)
		data->args[n] = word();
}

static uint32_t arch_of(const struct sandbox_filter *filter)
{
	const struct sock_filter *program = filter->program;

	assert_int_equal(program[0].k, offsetof(struct seccomp_data, arch));
	return program[1].k;
}

static void check(const struct syscall_set *set,
		  const struct sandbox_filter *filter)
{
	struct seccomp_data data = { .arch = arch_of(filter) };
	uint32_t steps, most = 0;

	for (data.nr = 0; data.nr < SYSCALL_MAX + 100; data.nr++) {
		for (int n = 0; n < 20; n++) {
			vary(&data);
			steps = 0;
			assert_int_equal(bpf_run(filter, &data, &steps),
				model(set, &data) ? SECCOMP_RET_ALLOW :
				SECCOMP_RET_ERRNO | EPERM);
			if (steps > most)
				most = steps;
		}
	}
	/* a tree: not a list of up to a thousand */
	assert_true(most < 120);
}

static bool possible(struct cv_pool *pool)
{
	struct sandbox_filter filter;
	int status = syscall_filter_create(syscall_set_create(pool), pool,
					   &filter, NULL);

	return status != CV_E_UNSUPPORTED;
}

static void test_create(void **state)
{
	static const uint32_t densities[] = { 0, 3, 30, 50, 95, 100 };
	struct cv_pool *pool = pool_create("test");

	(void)state;
	for (uint32_t i = 0; i < ROUNDS && possible(pool); i++) {
		struct syscall_set *set = syscall_set_create(pool);
		struct sandbox_filter filter;

		seed = i;
		fill(set, densities[i % 6]);
		assert_int_equal(syscall_filter_create(set, pool, &filter,
						       NULL), CV_OK);
		check(set, &filter);
	}
	pool_destroy(&pool);
}

static void test_narrow(void **state)
{
	struct cv_pool *pool = pool_create("test");

	(void)state;
	for (uint32_t i = 0; i < PAIRS && possible(pool); i++) {
		struct syscall_set *have = syscall_set_create(pool);
		struct syscall_set *keep = syscall_set_create(pool);
		struct sandbox_filter first, second;
		struct seccomp_data data = { 0 };
		uint32_t steps = 0;

		seed = i;
		fill(have, 20 + 20 * (i % 4));
		if (i % 2 == 0) {
			fill(keep, 30);
		} else {
			memcpy(keep->all, have->all, sizeof(keep->all));
			for (size_t n = 0; n < have->uses.count; n++)
				syscall_set_add_use(keep,
					&have->uses.items[n]);
			keep->all[i] = false;
		}
		assert_int_equal(syscall_filter_create(have, pool, &first,
						       NULL), CV_OK);
		assert_int_equal(syscall_filter_narrow(have, keep, pool,
						       &second, NULL), CV_OK);
		data.arch = arch_of(&first);
		for (data.nr = 0; data.nr < SYSCALL_MAX + 9; data.nr++) {
			for (int n = 0; n < 10; n++) {
				bool both;

				vary(&data);
				both = bpf_run(&first, &data, &steps) ==
					SECCOMP_RET_ALLOW &&
					bpf_run(&second, &data, &steps) ==
					SECCOMP_RET_ALLOW;
				assert_int_equal(both, model(have, &data) &&
						 model(keep, &data));
			}
		}
	}
	pool_destroy(&pool);
}

static void test_other_numbers(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct syscall_set *set = syscall_set_create(pool);
	struct sandbox_filter filter;
	struct seccomp_data data = { 0 };
	uint32_t steps = 0;

	(void)state;
	memset(set->all, true, sizeof(set->all));
	if (syscall_filter_create(set, pool, &filter, NULL) == CV_OK) {
		data.arch = arch_of(&filter);
		data.nr = 1;
		assert_int_equal(bpf_run(&filter, &data, &steps),
				 SECCOMP_RET_ALLOW);
		data.nr = 0x40000001;
		assert_int_equal(bpf_run(&filter, &data, &steps),
				 SECCOMP_RET_KILL_PROCESS);
		data.nr = -1;
		assert_int_equal(bpf_run(&filter, &data, &steps),
				 SECCOMP_RET_KILL_PROCESS);
		data.nr = 1;
		data.arch = AUDIT_ARCH_I386;
		assert_int_equal(bpf_run(&filter, &data, &steps),
				 SECCOMP_RET_KILL_PROCESS);
	}
	pool_destroy(&pool);
}

/* Calls that this architecture has not got have negative numbers. */
static void test_missing_calls(void **state)
{
	static const int calls[] = { -1, -10050, 5 };
	struct syscall_use use = { .call = -7, .count = 1 };
	struct cv_pool *pool = pool_create("test");
	struct syscall_set *set = syscall_set_create(pool);

	(void)state;
	syscall_set_add(set, calls, 3);
	syscall_set_add_use(set, &use);
	assert_int_equal(set->uses.count, 0);
	for (int i = 0; i < SYSCALL_MAX; i++)
		assert_int_equal(set->all[i], i == 5);
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_other_numbers),
		cmocka_unit_test(test_missing_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
