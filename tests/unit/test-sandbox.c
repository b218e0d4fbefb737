/* test-sandbox.c - the filter of a zygote together with the short one of its
 * child allows exactly what a filter of the child's own would. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "bpf-run.h"
#include "master/sandbox.h"

enum { CALLS = 700 };

/* Every filter compiled for one architecture asks for it first. */
static uint32_t own_arch(const struct sandbox_filter *filter)
{
	const struct sock_filter *program = filter->program;

	for (uint32_t i = 0; i + 1 < filter->count; i++) {
		if (program[i].code == (BPF_LD | BPF_W | BPF_ABS) &&
		    program[i].k == offsetof(struct seccomp_data, arch))
			return program[i + 1].k;
	}
	fail_msg("the filter does not look at the architecture");
	return 0;
}

struct filters { struct sandbox_filter zygote, child, whole; };

/* The stricter of two wins. */
static void check_call(const struct filters *f,
		       const struct seccomp_data *data)
{
	uint32_t a = bpf_run(&f->zygote, data, NULL);
	uint32_t b = bpf_run(&f->child, data, NULL);
	uint32_t whole = bpf_run(&f->whole, data, NULL);
	uint32_t both = a == SECCOMP_RET_ALLOW ? b : a;

	if (both != whole)
		fail_msg("call %d (%llx %llx %llx %llx): %x instead of %x",
			 data->nr, data->args[0], data->args[1],
			 data->args[2], data->args[3], both, whole);
}

static const uint64_t first[] = { 0, 1, PR_SET_NAME, PR_SET_NO_NEW_PRIVS,
	UINT64_MAX };
static const uint64_t second[] = { 0, FIONREAD, TIOCSTI };
static const uint64_t third[] = { 0, PROT_READ | PROT_WRITE, PROT_EXEC,
	PROT_READ | PROT_EXEC, 1ULL << 40, UINT64_MAX };
static const uint64_t fourth[] = { 0, AT_EMPTY_PATH,
	AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_arguments(const struct filters *f, struct seccomp_data *data)
{
	size_t all = COUNT(first) * COUNT(second) * COUNT(third) *
		COUNT(fourth);

	for (size_t i = 0; i < all; i++) {
		size_t n = i;

		data->args[0] = first[n % COUNT(first)];
		n /= COUNT(first);
		data->args[1] = second[n % COUNT(second)];
		n /= COUNT(second);
		data->args[2] = third[n % COUNT(third)];
		n /= COUNT(third);
		data->args[3] = fourth[n];
		check_call(f, data);
	}
}

static void check_classes(uint32_t have, uint32_t keep)
{
	struct cv_pool *pool = pool_create("test");
	struct filters f;
	struct cv_error err = ERROR_NONE;
	struct seccomp_data data = { 0 };
	int status = sandbox_filter_create(have, pool, &f.zygote, &err);

	if (status == CV_E_UNSUPPORTED) {
		pool_destroy(&pool);
		skip();
	}
	assert_int_equal(status, CV_OK);
	assert_int_equal(sandbox_filter_create(keep, pool, &f.whole, &err),
			 CV_OK);
	assert_int_equal(sandbox_filter_narrow(have, keep, pool, &f.child,
					       &err), CV_OK);
	assert_true(f.child.count < f.whole.count);
	data.arch = own_arch(&f.whole);
	for (data.nr = 0; data.nr < CALLS; data.nr++)
		check_arguments(&f, &data);
	data.nr = 0x40000000 + SYS_setuid;	/* another numbering */
	check_arguments(&f, &data);
	data.nr = SYS_setuid;
	data.arch ^= 1;
	check_arguments(&f, &data);
	pool_destroy(&pool);
}

static void test_session(void **state)
{
	const uint32_t keep = SANDBOX_FILES | SANDBOX_EVENTS;

	(void)state;
	check_classes(keep | SANDBOX_BIRTH, keep);
}

static void test_session_plugins(void **state)
{
	const uint32_t connect = SANDBOX_FILES | SANDBOX_EVENTS |
		SANDBOX_CONNECT;
	const uint32_t execute = SANDBOX_FILES | SANDBOX_EVENTS |
		SANDBOX_EXEC | SANDBOX_FORK;

	(void)state;
	check_classes(connect | SANDBOX_BIRTH, connect);
	check_classes(execute | SANDBOX_BIRTH, execute);
}

static void test_login(void **state)
{
	(void)state;
	check_classes(SANDBOX_EVENTS | SANDBOX_FORK | SANDBOX_NARROW, 0);
}

static void test_code(void **state)
{
	(void)state;
	check_classes(SANDBOX_FILES | SANDBOX_EVENTS, SANDBOX_EVENTS);
}

static void test_birth_is_denied(void **state)
{
	static const int calls[] = { SYS_setuid, SYS_setgid, SYS_setgroups,
		SYS_clone, SYS_seccomp, SYS_wait4 };
	const uint32_t keep = SANDBOX_FILES | SANDBOX_EVENTS;
	struct cv_pool *pool = pool_create("test");
	struct sandbox_filter zygote, child;
	struct seccomp_data data = { 0 };
	int status = sandbox_filter_create(keep | SANDBOX_BIRTH, pool,
					   &zygote, NULL);

	(void)state;
	if (status == CV_E_UNSUPPORTED) {
		pool_destroy(&pool);
		skip();
	}
	assert_int_equal(sandbox_filter_narrow(keep | SANDBOX_BIRTH, keep,
					       pool, &child, NULL), CV_OK);
	data.arch = own_arch(&zygote);
	for (size_t i = 0; i < COUNT(calls); i++) {
		data.nr = calls[i];
		assert_int_equal(bpf_run(&zygote, &data, NULL),
				 SECCOMP_RET_ALLOW);
		assert_int_not_equal(bpf_run(&child, &data, NULL),
				     SECCOMP_RET_ALLOW);
	}
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_session_plugins),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_birth_is_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
