/* sandbox.c - seccomp filters and Landlock rulesets. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

/* --- paths --------------------------------------------------------------- */

/* Newer than the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
enum {
	NET_BIND_TCP = 1, NET_CONNECT_TCP = 2,
	SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2,
};

struct ruleset_attr { uint64_t fs, net, scoped; };

void sandbox_paths_init(struct sandbox_paths *paths, struct cv_pool *pool)
{
	array_init(&paths->items, pool);
}

void sandbox_paths_add(struct sandbox_paths *paths, const char *path,
		       bool write)
{
	struct sandbox_path *item;
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0) {
		(void)close(fd);
		return;
	}
	item = array_add(&paths->items);
	item->fd = fd;
	item->write = write;
	item->dir = S_ISDIR(st.st_mode);
}

void sandbox_paths_close(struct sandbox_paths *paths)
{
	for (size_t i = 0; i < paths->items.count; i++)
		(void)close(paths->items.items[i].fd);
	paths->items.count = 0;
}

void sandbox_paths_add_common(struct sandbox_paths *paths)
{
	static const char *const common[] = {
		"/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo",
		"/etc/localtime", "/etc/ld.so.cache", "/etc/nsswitch.conf",
		"/dev/urandom", "/dev/null",
	};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		sandbox_paths_add(paths, common[i],
				  strcmp(common[i], "/dev/null") == 0);
}

/* Asked once, by the parent of those who need it. */
static int landlock_abi(void)
{
	static int abi;

	if (abi > 0)
		return abi;
	return abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

static uint64_t fs_rights(int abi)
{
	uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return rights;
}

static uint64_t path_rights(const struct sandbox_path *path, uint64_t all,
			    bool execute)
{
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE |
		LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t file = LANDLOCK_ACCESS_FS_READ_FILE |
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE |
		LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV;
	const uint64_t special = LANDLOCK_ACCESS_FS_MAKE_CHAR |
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_EXECUTE |
		LANDLOCK_ACCESS_FS_IOCTL_DEV;
	uint64_t rights = path->write ? all & ~special : read;

	if (execute)
		rights |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (!path->dir)
		rights &= file;
	return rights & all;
}

static int add_paths(int ruleset, const struct sandbox_paths *paths,
		     uint64_t all, bool execute, struct cv_error *err)
{
	for (size_t i = 0; i < paths->items.count; i++) {
		const struct sandbox_path *path = &paths->items.items[i];
		struct landlock_path_beneath_attr rule = {
			.allowed_access = path_rights(path, all, execute),
			.parent_fd = path->fd,
		};

		if (syscall(SYS_landlock_add_rule, ruleset,
			    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			return FAIL_ERRNO(err, errno,
					  "cannot add a Landlock rule");
	}
	return CV_OK;
}

/* Children inherit it, and with it the knowledge that it is set. */
static bool no_new_privs;

static int set_no_new_privs(struct cv_error *err)
{
	if (no_new_privs)
		return CV_OK;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return FAIL_ERRNO(err, errno, "cannot set no_new_privs");
	no_new_privs = true;
	return CV_OK;
}

static int restrict_self(int ruleset, struct cv_error *err)
{
	int status = set_no_new_privs(err);

	if (status != CV_OK)
		return status;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return FAIL_ERRNO(err, errno, "cannot enter the Landlock "
				  "ruleset");
	return CV_OK;
}

void sandbox_landlock_ask(void)
{
	(void)landlock_abi();
}

int sandbox_landlock(const struct sandbox_paths *paths, uint32_t allow,
		     struct cv_error *err)
{
	int abi = landlock_abi(), ruleset, status;
	struct ruleset_attr attr = { 0 };
	size_t size = sizeof(uint64_t);

	if (abi <= 0)
		return FAIL(err, CV_E_UNSUPPORTED,
			    "this kernel has no Landlock");
	attr.fs = fs_rights(abi);
	if (abi >= 4) {
		size = 2 * sizeof(uint64_t);
		attr.net = NET_BIND_TCP;
		if ((allow & SANDBOX_ALLOW_CONNECT) == 0)
			attr.net |= NET_CONNECT_TCP;
	}
	if (abi >= 6) {
		size = sizeof(attr);
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return FAIL_ERRNO(err, errno,
				  "cannot create a Landlock ruleset");
	status = add_paths(ruleset, paths, attr.fs,
			   (allow & SANDBOX_ALLOW_EXECUTE) != 0, err);
	if (status == CV_OK)
		status = restrict_self(ruleset, err);
	(void)close(ruleset);
	return status;
}

/* --- system calls -------------------------------------------------------- */

#ifdef HAVE_SECCOMP

/* Of its header only the numbers are used. */
#define CALL(name) SCMP_SYS(name)

/* Memory, time, open descriptors. */
static const int base_calls[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64),
	CALL(pwrite64), CALL(preadv), CALL(pwritev), CALL(close),
	CALL(close_range), CALL(fstat), CALL(lseek), CALL(_llseek),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(poll),
	CALL(ppoll), CALL(select), CALL(pselect6), CALL(recvmsg),
	CALL(recvmmsg), CALL(sendmsg), CALL(recvfrom), CALL(sendto),
	CALL(shutdown), CALL(getsockopt), CALL(setsockopt),
	CALL(getsockname), CALL(getpeername), CALL(socketpair),
	CALL(sendfile), CALL(splice), CALL(futex), CALL(getrandom),
	CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday),
	CALL(time), CALL(nanosleep), CALL(clock_nanosleep), CALL(alarm),
	CALL(setitimer), CALL(rt_sigaction), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(rt_sigpending), CALL(rt_sigtimedwait),
	CALL(sigaltstack), CALL(sigreturn), CALL(getpid), CALL(gettid),
	CALL(getppid), CALL(getuid), CALL(geteuid), CALL(getgid),
	CALL(getegid), CALL(getgroups), CALL(getresuid), CALL(getresgid),
	CALL(getpgrp), CALL(exit), CALL(exit_group), CALL(fcntl),
	CALL(fcntl64), CALL(dup), CALL(dup2), CALL(dup3), CALL(pipe),
	CALL(pipe2), CALL(eventfd2), CALL(memfd_create), CALL(ftruncate),
	CALL(sched_yield), CALL(sched_getaffinity), CALL(restart_syscall),
	CALL(uname), CALL(sysinfo), CALL(getrlimit), CALL(getrusage),
	CALL(set_robust_list), CALL(set_tid_address), CALL(rseq),
	CALL(membarrier), CALL(umask), CALL(times),
};

static const int event_calls[] = {
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),
	CALL(epoll_pwait), CALL(timerfd_create), CALL(timerfd_settime),
	CALL(timerfd_gettime), CALL(signalfd4), CALL(accept), CALL(accept4),
};

static const int file_calls[] = {
	CALL(open), CALL(openat), CALL(openat2), CALL(creat), CALL(stat),
	CALL(lstat), CALL(newfstatat), CALL(statx), CALL(access),
	CALL(faccessat), CALL(faccessat2), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(link), CALL(linkat), CALL(unlink),
	CALL(unlinkat), CALL(mkdir), CALL(mkdirat), CALL(rmdir),
	CALL(symlink), CALL(symlinkat), CALL(readlink), CALL(readlinkat),
	CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL(chown),
	CALL(fchown), CALL(lchown), CALL(fchownat), CALL(utime),
	CALL(utimes), CALL(utimensat), CALL(futimesat), CALL(truncate),
	CALL(fallocate), CALL(fsync), CALL(fdatasync), CALL(sync_file_range),
	CALL(syncfs), CALL(flock), CALL(fadvise64), CALL(readahead),
	CALL(getdents), CALL(getdents64), CALL(statfs), CALL(fstatfs),
	CALL(getcwd), CALL(chdir), CALL(fchdir), CALL(copy_file_range),
	CALL(inotify_init1), CALL(inotify_add_watch),
	CALL(inotify_rm_watch), CALL(getxattr), CALL(fgetxattr),
	CALL(msync), CALL(mincore),
	/* to the saved group: mail_privileged_group */
	CALL(setfsgid), CALL(setfsgid32),
};

static const int watch_calls[] = {
	CALL(inotify_init1), CALL(inotify_add_watch),
	CALL(inotify_rm_watch),
};

static const int connect_calls[] = {
	CALL(socket), CALL(connect), CALL(bind), CALL(clone), CALL(clone3),
	CALL(vfork), CALL(sendmmsg), CALL(tgkill),
};

static const int fork_calls[] = {
	CALL(clone), CALL(clone3), CALL(fork), CALL(vfork), CALL(wait4),
	CALL(waitid), CALL(kill), CALL(tgkill), CALL(setpgid),
	CALL(getpgid), CALL(setsid), CALL(prlimit64), CALL(setrlimit),
	CALL(setpriority),
};

static const int exec_calls[] = {
	CALL(execve), CALL(execveat), CALL(arch_prctl), CALL(prlimit64),
	CALL(access), CALL(chdir), CALL(getpriority),
};

static const int program_calls[] = {
	CALL(rt_sigsuspend), CALL(getsid), CALL(mknod), CALL(mknodat),
	CALL(setxattr), CALL(fsetxattr), CALL(lsetxattr), CALL(lgetxattr),
	CALL(listxattr), CALL(flistxattr), CALL(llistxattr),
	CALL(getpriority), CALL(sched_getparam), CALL(sched_getscheduler),
	CALL(getcpu), CALL(get_robust_list), CALL(vmsplice),
	CALL(tee), CALL(eventfd), CALL(epoll_create), CALL(connect),
	CALL(sendmmsg), CALL(tgkill), CALL(tkill), CALL(capget),
};

static const int birth_calls[] = {
	CALL(clone), CALL(wait4), CALL(setuid), CALL(setgid),
	CALL(setgroups), CALL(setresgid), CALL(setresgid32),
	CALL(setuid32), CALL(setgid32), CALL(setgroups32),
	CALL(seccomp), CALL(landlock_create_ruleset),
	CALL(landlock_add_rule), CALL(landlock_restrict_self),
};

static const int narrow_calls[] = { CALL(seccomp), CALL(fork), CALL(kill) };

struct call_class { uint32_t flag; const int *calls; size_t count; };
#define CLASS(flag, calls) { (flag), (calls), sizeof(calls) / sizeof(int) }
static const struct call_class call_classes[] = {
	CLASS(SANDBOX_EVENTS, event_calls),
	CLASS(SANDBOX_FILES, file_calls),
	CLASS(SANDBOX_WATCH, watch_calls),
	CLASS(SANDBOX_CONNECT, connect_calls),
	CLASS(SANDBOX_LOCAL, connect_calls),
	CLASS(SANDBOX_FORK, fork_calls),
	CLASS(SANDBOX_EXEC, fork_calls),
	CLASS(SANDBOX_EXEC, exec_calls),
	CLASS(SANDBOX_BIRTH, birth_calls),
	CLASS(SANDBOX_NARROW, narrow_calls),
	CLASS(SANDBOX_PROGRAM, program_calls),
};

static bool may_map_code(uint32_t classes)
{
	return (classes & (SANDBOX_FILES | SANDBOX_EXEC)) != 0;
}

static void add_use(struct syscall_set *set, int call, uint64_t arg,
		    uint64_t mask, uint64_t value)
{
	const struct syscall_use use = {
		.call = call, .count = 1, .tests = { { arg, mask, value } },
	};

	syscall_set_add_use(set, &use);
}

/* Calls of which only some uses are allowed. */
static void add_uses(struct syscall_set *set, uint32_t classes)
{
	static const uint32_t ioctls[] = { FIONREAD, FIONBIO, FIOCLEX,
		0x5401 /* TCGETS: isatty */ };
	static const int code_calls[] = { CALL(mmap), CALL(mprotect) };
	/* prlimit64 as getrlimit, of itself */
	static const struct syscall_use own_limit = {
		.call = CALL(prlimit64), .count = 2,
		.tests = { { 0, UINT32_MAX, 0 }, { 2, UINT64_MAX, 0 } },
	};

	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		add_use(set, CALL(ioctl), 1, UINT32_MAX, ioctls[i]);
	add_use(set, CALL(prctl), 0, UINT32_MAX, PR_SET_NAME);
	syscall_set_add_use(set, &own_limit);
	/* fstat in newer C libraries: an empty path; Landlock and the empty
	 * root are what keeps other paths away */
	add_use(set, CALL(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
	/* local services (syslog, nscd), not the network */
	if ((classes & SANDBOX_PROGRAM) != 0 &&
	    (classes & (SANDBOX_CONNECT | SANDBOX_LOCAL)) == 0)
		add_use(set, CALL(socket), 0, UINT32_MAX, AF_UNIX);
	if (may_map_code(classes)) {
		/* dlopen of character set modules maps code */
		syscall_set_add(set, code_calls, 2);
	} else {
		for (int i = 0; i < 2; i++)
			add_use(set, code_calls[i], 2, PROT_EXEC, 0);
	}
}

static struct syscall_set *set_of(uint32_t classes, struct cv_pool *pool)
{
	struct syscall_set *set = syscall_set_create(pool);

	syscall_set_add(set, base_calls, sizeof(base_calls) / sizeof(int));
	for (size_t i = 0; i < sizeof(call_classes) / sizeof(call_classes[0]);
	     i++) {
		if ((classes & call_classes[i].flag) != 0)
			syscall_set_add(set, call_classes[i].calls,
					call_classes[i].count);
	}
	add_uses(set, classes);
	return set;
}

int sandbox_filter_create(uint32_t classes, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	struct cv_pool *scratch = pool_create("filter");
	int status = syscall_filter_create(set_of(classes, scratch), pool,
					   filter_r, err);

	pool_destroy(&scratch);
	return status;
}

int sandbox_filter_narrow(uint32_t have, uint32_t keep, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	struct cv_pool *scratch = pool_create("filter");
	int status = syscall_filter_narrow(set_of(have, scratch),
					   set_of(keep, scratch), pool,
					   filter_r, err);

	pool_destroy(&scratch);
	return status;
}

#else

int sandbox_filter_create(uint32_t classes, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	(void)classes;
	(void)pool;
	*filter_r = (struct sandbox_filter){ 0 };
	return FAIL(err, CV_E_UNSUPPORTED, "built without the header of "
		    "libseccomp: no system call filter");
}

int sandbox_filter_narrow(uint32_t have, uint32_t keep, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	(void)have;
	return sandbox_filter_create(keep, pool, filter_r, err);
}

#endif

int sandbox_filter_apply(const struct sandbox_filter *filter,
			 struct cv_error *err)
{
	int status = set_no_new_privs(err);

	return status != CV_OK ? status : syscall_filter_enter(filter, err);
}
