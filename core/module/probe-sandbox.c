/* probe-sandbox.c - what a plugin's constructors may do while they are only
 * looked at: read files, compute, and die alone.
 *
 * Trusts nobody below it.  Confinement: no capabilities, no new privileges,
 * nothing may be written anywhere (Landlock), only system calls that loading
 * needs (seccomp), few resources.  Each layer is used where the kernel has
 * it; the probe itself is the last one: it is a child of its own. */
#include "module-private.h"
#include "syscall-filter.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

static void limit(int what, rlim_t value)
{
	struct rlimit old, new = { value, value };

	if (getrlimit((__rlimit_resource_t)what, &old) == 0 &&
	    old.rlim_max < value)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &new);
}

static void limit_resources(void)
{
	limit(RLIMIT_CPU, 5);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NOFILE, 128);
#ifndef WITH_SANITIZERS
	limit(RLIMIT_AS, (rlim_t)2048 * 1024 * 1024);
#endif
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	(void)syscall(SYS_capset, &head, none);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Handles all rights to change a file system, and grants none of them. */
static void forbid_writing(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE |
			LANDLOCK_ACCESS_FS_WRITE_FILE |
			LANDLOCK_ACCESS_FS_REMOVE_DIR |
			LANDLOCK_ACCESS_FS_REMOVE_FILE |
			LANDLOCK_ACCESS_FS_MAKE_CHAR |
			LANDLOCK_ACCESS_FS_MAKE_DIR |
			LANDLOCK_ACCESS_FS_MAKE_REG |
			LANDLOCK_ACCESS_FS_MAKE_SOCK |
			LANDLOCK_ACCESS_FS_MAKE_FIFO |
			LANDLOCK_ACCESS_FS_MAKE_BLOCK |
			LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	long ruleset = syscall(SYS_landlock_create_ruleset, &attr,
			       sizeof(attr), 0);

	if (ruleset < 0)
		return;
	(void)syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
	(void)close((int)ruleset);
}

#if defined(HAVE_SECCOMP) && !defined(WITH_SANITIZERS)
static const int allowed_calls[] = {
	SCMP_SYS(access), SCMP_SYS(brk), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(fstat), SCMP_SYS(futex),
	SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(getegid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(getrandom), SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday), SCMP_SYS(getuid), SCMP_SYS(lseek),
	SCMP_SYS(madvise), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(nanosleep),
	SCMP_SYS(newfstatat), SCMP_SYS(pread64), SCMP_SYS(read),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(readv),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
	SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(sysinfo), SCMP_SYS(time),
	SCMP_SYS(uname), SCMP_SYS(write), SCMP_SYS(writev),
};

static void allow_if(struct syscall_set *set, int call, uint64_t arg,
		     uint64_t mask, uint64_t value)
{
	const struct syscall_use use = {
		.call = call, .count = 1, .tests = { { arg, mask, value } },
	};

	syscall_set_add_use(set, &use);
}

/* Everything else answers "not permitted": a constructor that tries it is
 * told so and goes on. */
static void filter_calls(void)
{
	const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	struct cv_pool *pool = pool_create("filter");
	struct syscall_set *set = syscall_set_create(pool);
	struct sandbox_filter filter;

	syscall_set_add(set, allowed_calls, sizeof(allowed_calls) /
			sizeof(allowed_calls[0]));
	/* for reading only */
	allow_if(set, SCMP_SYS(openat), 2, writing, O_RDONLY);
	allow_if(set, SCMP_SYS(open), 1, writing, O_RDONLY);
	/* abort() signals itself */
	allow_if(set, SCMP_SYS(tgkill), 0, UINT64_MAX, (uint64_t)getpid());
	/* asking for limits, not setting them */
	allow_if(set, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
	if (syscall_filter_create(set, pool, &filter, NULL) == CV_OK)
		(void)syscall_filter_enter(&filter, NULL);
	pool_destroy(&pool);
}
#else
static void filter_calls(void)
{
}
#endif

/* A crash must be seen as one by the parent, whatever this process does with
 * signals. */
static void reset_signals(void)
{
	static const int signals[] = {
		SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTERM, SIGHUP,
		SIGINT, SIGALRM, SIGCHLD, SIGUSR1, SIGUSR2, SIGSYS, SIGTRAP,
		SIGXCPU, SIGXFSZ, SIGPIPE,
	};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void probe_sandbox_enter(void)
{
	reset_signals();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	limit_resources();
	drop_capabilities();
	forbid_writing();
	filter_calls();
}
