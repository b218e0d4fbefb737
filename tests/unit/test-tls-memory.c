/* test-tls-memory.c - OpenSSL's memory is memory like any other, and what a
 * child has as its parent had it is shared again. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "net/tls-memory.h"

enum {
	LONGEST = 40000, FACTOR = 3, MANY = 200, BLOCK = 4096,
	BLOCK_KIB = BLOCK / 1024,
};

static unsigned char *blocks[MANY];
static unsigned char *given, *large;

/* KiB of the shared file's pages that this process has its own copies of. */
static size_t own_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[256];
	bool inside = false;
	size_t all = 0, kib;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strchr(line, '-') != NULL)
			inside = strstr(line, "memfd:tls-memory") != NULL;
		if (inside && sscanf(line, "Anonymous: %zu", &kib) == 1)
			all += kib;
	}
	(void)fclose(f);
	return all;
}

static bool is_filled(const unsigned char *data, size_t size, int with)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != (unsigned char)with)
			return false;
	}
	return true;
}

/* Each size, grown to three times of it and back in another order. */
static void every_size_is_had_and_grows(void **state)
{
	(void)state;
	assert_null(OPENSSL_malloc(0));
	for (size_t size = 1; size < LONGEST; size += size / 8 + 1) {
		unsigned char *a = OPENSSL_malloc(size);
		unsigned char *b = OPENSSL_malloc(size);

		assert_int_equal((uintptr_t)a % 16, 0);
		assert_int_equal((uintptr_t)b % 16, 0);
		memset(a, 1, size);
		memset(b, 2, size);
		a = OPENSSL_realloc(a, size * FACTOR);
		assert_true(is_filled(a, size, 1));
		memset(a, 1, size * FACTOR);
		assert_true(is_filled(b, size, 2));
		OPENSSL_free(b);
		b = OPENSSL_zalloc(size);
		assert_true(is_filled(b, size, 0));
		assert_true(is_filled(a, size * FACTOR, 1));
		OPENSSL_free(a);
		OPENSSL_free(b);
	}
}

static void what_is_free_is_used_again(void **state)
{
	unsigned char *first = OPENSSL_malloc(BLOCK), *second;

	(void)state;
	OPENSSL_free(first);
	second = OPENSSL_malloc(BLOCK - 1);
	assert_non_null(second);
#ifndef WITH_SANITIZERS
	assert_ptr_equal(first, second);
#endif
	OPENSSL_free(second);
}

static void share(void **state)
{
	(void)state;
	tls_memory_give_back();		/* nothing yet */
	for (size_t i = 0; i < MANY; i++) {
		blocks[i] = OPENSSL_malloc(BLOCK);
		memset(blocks[i], (int)i, BLOCK);
	}
	given = OPENSSL_malloc(BLOCK);
	large = OPENSSL_malloc(LONGEST);
	memset(large, 9, LONGEST);
	tls_memory_share();
	for (size_t i = 0; i < MANY; i++)
		assert_true(is_filled(blocks[i], BLOCK, (int)i));
#ifndef WITH_SANITIZERS
	assert_int_equal(own_kib(), 0);
#endif
}

/* A block that is free stays as it was: others show it. */
static void what_was_shared_is_not_used_again(void **state)
{
	unsigned char *other;

	(void)state;
	OPENSSL_free(given);
	other = OPENSSL_malloc(BLOCK);
#ifndef WITH_SANITIZERS
	assert_ptr_not_equal(given, other);
	assert_int_equal(own_kib(), 0);
#endif
	other = OPENSSL_realloc(other, LONGEST);
	OPENSSL_free(other);
	large = OPENSSL_realloc(large, (size_t)LONGEST * FACTOR);
	assert_true(is_filled(large, LONGEST, 9));
	OPENSSL_free(large);
	blocks[0] = OPENSSL_realloc(blocks[0], (size_t)BLOCK * FACTOR);
	assert_true(is_filled(blocks[0], BLOCK, 0));
}

static void touch_all(int change)
{
	for (size_t i = 1; i < MANY; i++) {
		volatile unsigned char *at = blocks[i];

		*at = (unsigned char)(*at + change);
	}
}

/* In a child: all pages have been written to; all but one are the same. */
static bool gives_back(void)
{
	touch_all(1);
	touch_all(-1);
	blocks[MANY / 2][BLOCK / 2] = 'x';
#ifndef WITH_SANITIZERS
	if (own_kib() < (size_t)(MANY - 1) * BLOCK_KIB)
		return false;
#endif
	tls_memory_give_back();
	if (own_kib() > BLOCK_KIB || blocks[MANY / 2][BLOCK / 2] != 'x')
		return false;
	blocks[MANY / 2][BLOCK / 2] = MANY / 2;
	for (size_t i = 1; i < MANY; i++) {
		if (!is_filled(blocks[i], BLOCK, (int)i))
			return false;
	}
	/* the first page and the last one, too */
	touch_all(1);
	tls_memory_give_back();
	return blocks[1][0] == 2 &&
		blocks[MANY - 1][0] == (unsigned char)MANY;
}

static void a_child_gives_back_what_is_the_same(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0)
		_exit(gives_back() ? EXIT_SUCCESS : EXIT_FAILURE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	/* of the child nothing is seen */
	for (size_t i = 1; i < MANY; i++)
		assert_true(is_filled(blocks[i], BLOCK, (int)i));
	tls_memory_share();		/* once is enough */
	tls_memory_give_back();
	for (size_t i = 1; i < MANY; i++) {
		assert_true(is_filled(blocks[i], BLOCK, (int)i));
		OPENSSL_free(blocks[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_is_had_and_grows),
		cmocka_unit_test(what_is_free_is_used_again),
		cmocka_unit_test(share),
		cmocka_unit_test(what_was_shared_is_not_used_again),
		cmocka_unit_test(a_child_gives_back_what_is_the_same),
	};

	tls_memory_use();
	return cmocka_run_group_tests_name("tls-memory", tests, NULL, NULL);
}
