/* syscall-filter.c - sets of system calls as programs for seccomp.
 *
 * A program is a tree of comparisons over intervals of call numbers that have
 * the same verdict.  It is written from its end to its beginning, so that
 * every jump, which only goes forward, has a target that is there already. */
#include "syscall-filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define OWN_ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define OWN_ARCH AUDIT_ARCH_S390X
#else
#define OWN_ARCH 0	/* none that has been looked at */
#endif

enum {
	PROGRAM_MAX = BPF_MAXINSNS,
	NEAR = 250,			/* a conditional jump has eight bits */
	OTHER_NUMBERS = 0x40000000,	/* x32, on x86-64 */
};

enum verdict { DENIED, ALLOWED, TESTED };

struct interval { uint32_t first; enum verdict verdict; };

/* Heights count instructions from the end of the program. */
struct writer {
	struct sock_filter *code;
	uint32_t height;
	uint32_t allow, deny, kill;
	const struct syscall_set *set;
	ARRAY(struct interval) intervals;
};

/* --- sets ------------------------------------------------------------------- */

struct syscall_set *syscall_set_create(struct cv_pool *pool)
{
	struct syscall_set *set = pool_new(pool, struct syscall_set);

	array_init(&set->uses, pool);
	return set;
}

void syscall_set_add(struct syscall_set *set, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (calls[i] < 0)
			continue;
		BUG_IF(calls[i] >= SYSCALL_MAX);
		set->all[calls[i]] = true;
	}
}

void syscall_set_add_use(struct syscall_set *set,
			 const struct syscall_use *use)
{
	if (use->call < 0)
		return;
	BUG_IF(use->call >= SYSCALL_MAX || use->count > SYSCALL_TESTS_MAX);
	*array_add(&set->uses) = *use;
}

static bool has_use(const struct syscall_set *set, uint32_t call)
{
	for (size_t i = 0; i < set->uses.count; i++) {
		if ((uint32_t)set->uses.items[i].call == call)
			return true;
	}
	return false;
}

static enum verdict verdict_of(const struct syscall_set *set, uint32_t call)
{
	if (set->all[call])
		return ALLOWED;
	return has_use(set, call) ? TESTED : DENIED;
}

/* --- writing ------------------------------------------------------------------ */

/* Returns its height. */
static uint32_t put(struct writer *w, uint16_t code, uint32_t k, uint32_t yes,
		    uint32_t no)
{
	BUG_IF(w->height == PROGRAM_MAX);
	w->code[PROGRAM_MAX - ++w->height] = (struct sock_filter){
		.code = code, .k = k, .jt = (uint8_t)yes, .jf = (uint8_t)no,
	};
	return w->height;
}

/* The target itself, or a way to it that a condition can reach. */
static uint32_t near(struct writer *w, uint32_t target)
{
	if (w->height - target < NEAR)
		return target;
	return put(w, BPF_JMP | BPF_JA, w->height - target, 0, 0);
}

static uint32_t put_condition(struct writer *w, uint16_t compare, uint32_t k,
			      uint32_t yes, uint32_t no)
{
	yes = near(w, yes);
	no = near(w, no);
	return put(w, BPF_JMP | BPF_K | compare, k, w->height - yes,
		   w->height - no);
}

static uint32_t put_load(struct writer *w, size_t offset)
{
	return put(w, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static uint32_t put_word(struct writer *w, size_t offset, uint32_t mask,
			 uint32_t value, uint32_t yes, uint32_t no)
{
	if (mask == 0)
		return yes;
	(void)put_condition(w, BPF_JEQ, value, yes, no);
	if (mask != UINT32_MAX)
		(void)put(w, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	return put_load(w, offset);
}

static uint32_t put_test(struct writer *w, const struct syscall_test *test,
			 uint32_t yes, uint32_t no)
{
	const size_t at = offsetof(struct seccomp_data, args) +
		test->arg * sizeof(uint64_t);
#ifdef WORDS_BIGENDIAN
	const size_t high = at, low = at + sizeof(uint32_t);
#else
	const size_t low = at, high = at + sizeof(uint32_t);
#endif

	yes = put_word(w, low, (uint32_t)test->mask, (uint32_t)test->value,
		       yes, no);
	return put_word(w, high, (uint32_t)(test->mask >> 32),
			(uint32_t)(test->value >> 32), yes, no);
}

static uint32_t put_uses(struct writer *w, uint32_t call)
{
	uint32_t otherwise = w->deny;

	for (size_t i = 0; i < w->set->uses.count; i++) {
		const struct syscall_use *use = &w->set->uses.items[i];
		uint32_t passed = w->allow;

		if ((uint32_t)use->call != call)
			continue;
		for (uint32_t n = 0; n < use->count; n++)
			passed = put_test(w, &use->tests[n], passed,
					  otherwise);
		otherwise = passed;
	}
	return otherwise;
}

/* As deep as the logarithm of the number of calls. */
static uint32_t put_tree(struct writer *w, size_t from, size_t to)
{
	const struct interval *first = &w->intervals.items[from];
	size_t middle = from + (to - from) / 2;
	uint32_t below, above;

	if (to - from == 1)
		return first->verdict == ALLOWED ? w->allow :
			first->verdict == DENIED ? w->deny :
			put_uses(w, first->first);
	above = put_tree(w, middle, to);
	below = put_tree(w, from, middle);
	return put_condition(w, BPF_JGE, w->intervals.items[middle].first,
			     above, below);
}

static void add_interval(struct writer *w, uint32_t first,
			 enum verdict verdict)
{
	size_t count = w->intervals.count;

	if (count > 0 && verdict != TESTED &&
	    w->intervals.items[count - 1].verdict == verdict)
		return;
	*array_add(&w->intervals) = (struct interval){ first, verdict };
}

static void begin(struct writer *w, const struct syscall_set *set,
		  struct cv_pool *scratch)
{
	*w = (struct writer){ .set = set };
	w->code = pool_new_array(scratch, struct sock_filter, PROGRAM_MAX);
	array_init(&w->intervals, scratch);
	w->kill = put(w, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	w->deny = put(w, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
	w->allow = put(w, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* What was written last is what the kernel starts with. */
static void finish(const struct writer *w, struct cv_pool *pool,
		   struct sandbox_filter *filter_r)
{
	struct sock_filter *program = pool_new_array(pool, struct sock_filter,
						     w->height);

	memcpy(program, w->code + PROGRAM_MAX - w->height,
	       w->height * sizeof(*program));
	filter_r->program = program;
	filter_r->count = w->height;
}

static int check_possible(struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	*filter_r = (struct sandbox_filter){ 0 };
#ifdef WITH_SANITIZERS
	/* their run time needs calls of its own; such builds test memory, not
	 * confinement */
	return FAIL(err, CV_E_UNSUPPORTED, "built with sanitizers: no system "
		    "call filter");
#endif
	if (OWN_ARCH == 0)
		return FAIL(err, CV_E_UNSUPPORTED, "no system call filter "
			    "for this architecture");
	return CV_OK;
}

int syscall_filter_create(const struct syscall_set *set, struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	int status = check_possible(filter_r, err);
	struct cv_pool *scratch;
	struct writer w;
	uint32_t tree;

	if (status != CV_OK)
		return status;
	scratch = pool_create("filter");
	begin(&w, set, scratch);
	for (uint32_t call = 0; call < SYSCALL_MAX; call++)
		add_interval(&w, call, verdict_of(set, call));
	add_interval(&w, SYSCALL_MAX, DENIED);
	tree = put_tree(&w, 0, w.intervals.count);
	(void)put_condition(&w, BPF_JGE, OTHER_NUMBERS, w.kill, tree);
	tree = put_load(&w, offsetof(struct seccomp_data, nr));
	(void)put_condition(&w, BPF_JEQ, OWN_ARCH, tree, w.kill);
	(void)put_load(&w, offsetof(struct seccomp_data, arch));
	finish(&w, pool, filter_r);
	pool_destroy(&scratch);
	return CV_OK;
}

static bool same_uses(const struct syscall_set *a, const struct syscall_set *b)
{
	return a->uses.count == b->uses.count &&
		(a->uses.count == 0 ||
		 memcmp(a->uses.items, b->uses.items, a->uses.count *
			sizeof(a->uses.items[0])) == 0);
}

int syscall_filter_narrow(const struct syscall_set *have,
			  const struct syscall_set *keep,
			  struct cv_pool *pool,
			  struct sandbox_filter *filter_r,
			  struct cv_error *err)
{
	int status = check_possible(filter_r, err);
	bool same = same_uses(have, keep);
	struct cv_pool *scratch;
	struct writer w;

	if (status != CV_OK)
		return status;
	scratch = pool_create("filter");
	begin(&w, keep, scratch);
	for (uint32_t call = 0; call < SYSCALL_MAX; call++) {
		enum verdict had = verdict_of(have, call);
		enum verdict verdict = verdict_of(keep, call);

		/* who enters it is under the other filter, too */
		if (had == DENIED || verdict == ALLOWED ||
		    (had == TESTED && verdict == TESTED && same))
			verdict = ALLOWED;
		add_interval(&w, call, verdict);
	}
	add_interval(&w, SYSCALL_MAX, ALLOWED);
	(void)put_tree(&w, 0, w.intervals.count);
	(void)put_load(&w, offsetof(struct seccomp_data, nr));
	finish(&w, pool, filter_r);
	pool_destroy(&scratch);
	return CV_OK;
}

int syscall_filter_enter(const struct sandbox_filter *filter,
			 struct cv_error *err)
{
	struct sock_fprog program = {
		.len = (unsigned short)filter->count,
		.filter = filter->program,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return FAIL_ERRNO(err, errno, "cannot set the system call "
				  "filter");
	return CV_OK;
}
