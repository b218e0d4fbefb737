/* checked.h - size arithmetic that cannot wrap.
 *
 * Each returns false on overflow and leaves *result_r undefined. */
#ifndef CHECKED_H
#define CHECKED_H

#include "cv-types.h"

static inline bool checked_add(size_t a, size_t b, size_t *result_r)
{
	return !__builtin_add_overflow(a, b, result_r);
}

static inline bool checked_mul(size_t a, size_t b, size_t *result_r)
{
	return !__builtin_mul_overflow(a, b, result_r);
}

static inline bool checked_add_u64(uint64_t a, uint64_t b, uint64_t *result_r)
{
	return !__builtin_add_overflow(a, b, result_r);
}

#endif
