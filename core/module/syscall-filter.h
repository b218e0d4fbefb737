/* syscall-filter.h - seccomp programs: which system calls a process may make.
 *
 * Written here and not by a library: what a library brings stays mapped in a
 * zygote, where each child pays for it; and the kernel runs a new program once
 * for each call that is allowed so far, so that its longest path is what
 * entering it costs. */
#ifndef SYSCALL_FILTER_H
#define SYSCALL_FILTER_H

#include "base.h"

enum {
	SYSCALL_MAX = 1024,	/* no architecture in use has more */
	SYSCALL_TESTS_MAX = 2,
};

/* (argument & mask) == value; of a call's 64-bit register. */
struct syscall_test { uint64_t arg, mask, value; };

/* Uses of a call that pass all tests. */
struct syscall_use {
	int call;
	uint32_t count;
	struct syscall_test tests[SYSCALL_TESTS_MAX];
};

struct syscall_set {
	bool all[SYSCALL_MAX];		/* every use of the call is allowed */
	ARRAY(struct syscall_use) uses;
};

struct sandbox_filter { void *program; uint32_t count; };

/* An empty set. */
struct syscall_set *syscall_set_create(struct cv_pool *pool);
/* Negative numbers are calls that this architecture has not got. */
void syscall_set_add(struct syscall_set *set, const int *calls, size_t count);
/* Several uses of one call: any of them is enough. */
void syscall_set_add_use(struct syscall_set *set,
			 const struct syscall_use *use);

/* What is not in the set fails with EPERM; calls by the numbers of another
 * architecture end the process.  CV_E_UNSUPPORTED: not for this one. */
int syscall_filter_create(const struct syscall_set *set, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err);
/* For a process that is under the filter of have: takes away what keep has
 * not got. */
int syscall_filter_narrow(const struct syscall_set *have,
			  const struct syscall_set *keep,
			  struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err);
/* For the rest of this process's life; no_new_privs is set already. */
int syscall_filter_enter(const struct sandbox_filter *filter,
			 struct cv_error *err);

#endif
