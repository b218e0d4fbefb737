/* bpf-run.h - what the kernel makes of a filter's instructions: jumps go forward
 * and stay inside. */
#ifndef BPF_RUN_H
#define BPF_RUN_H

#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "module/syscall-filter.h"

/* The answer; *steps counts the instructions on the way (NULL: nobody does). */
static inline uint32_t bpf_run(const struct sandbox_filter *filter,
			       const struct seccomp_data *data,
			       uint32_t *steps)
{
	const struct sock_filter *program = filter->program;
	uint32_t a = 0;

	for (uint32_t pc = 0; pc < filter->count; pc++) {
		const struct sock_filter *i = &program[pc];
		bool jump = false;

		if (steps != NULL)
			++*steps;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k <= sizeof(*data) - sizeof(a));
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			jump = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			jump = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			jump = a >= i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			jump = (a & i->k) != 0;
			break;
		default:
			fail_msg("unknown instruction %x", i->code);
		}
		pc += jump ? i->jt : i->jf;
	}
	fail_msg("the program has no end");
	return 0;
}

#endif
