/* pool.h - memory that dies together.
 *
 * A pool hands out zeroed memory until it is destroyed; single allocations
 * are not freed.  Three lifetimes are enough: an object's pool, the pool of
 * the current command (pool_reset between commands), and the process. */
#ifndef POOL_H
#define POOL_H

#include "cv-types.h"

/* Never NULL.  name (a literal) is for reports only. */
struct cv_pool *pool_create(const char *name);

/* Runs the finalisers, last added first, and frees everything.  NULL is
 * ignored; *pool becomes NULL. */
void pool_destroy(struct cv_pool **pool);

/* As destroy and create, but keeps one block for reuse. */
void pool_reset(struct cv_pool *pool);

/* A pool's memory is wiped before it is freed (passwords, keys). */
void pool_set_secret(struct cv_pool *pool);

/* Zeroed, aligned for any type, never NULL.  When the process has reached
 * its memory limit the process ends with a log line. */
void *pool_alloc(struct cv_pool *pool, size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(2)));
/* As pool_alloc, with whatever was there: for a buffer whose bytes are
 * written before they are read, so that what stays unused costs nothing. */
void *pool_alloc_raw(struct cv_pool *pool, size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(2)));
void *pool_alloc_array(struct cv_pool *pool, size_t count, size_t size)
	__attribute__((malloc, returns_nonnull, alloc_size(2, 3)));

/* Grows an allocation.  In place when it was the pool's last one; else it
 * moves, and nobody may look at the old place any more; the rest is zero.  old
 * may be NULL. */
void *pool_grow(struct cv_pool *pool, void *old, size_t old_size,
		size_t new_size) __attribute__((returns_nonnull));

/* Copies; the result is NUL-terminated after len bytes. */
char *pool_copy(struct cv_pool *pool, const void *data, size_t len)
	__attribute__((returns_nonnull));
char *pool_strdup(struct cv_pool *pool, const char *str)	/* NULL: NULL */;
char *pool_printf(struct cv_pool *pool, const char *fmt, ...)
	CV_PRINTF(2, 3) __attribute__((returns_nonnull));
char *pool_vprintf(struct cv_pool *pool, const char *fmt, va_list args)
	__attribute__((returns_nonnull));
struct cv_span pool_span(struct cv_pool *pool, struct cv_span span);

/* fn(data) runs when the pool is destroyed or reset. */
void pool_add_finaliser(struct cv_pool *pool, void (*fn)(void *data),
			void *data);

/* Bytes taken from the system by this pool. */
size_t pool_size(const struct cv_pool *pool);

#define pool_new(pool, type) ((type *)pool_alloc((pool), sizeof(type)))
#define pool_new_array(pool, type, count) \
	((type *)pool_alloc_array((pool), (count), sizeof(type)))

#endif
