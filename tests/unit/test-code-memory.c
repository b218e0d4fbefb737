/* test-code-memory.c - what was read of a program goes, and comes back as it
 * was; what was written stays. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>

#include "base.h"
#include "master/code-memory.h"

enum { TABLE = 1024 * 1024, STEP = 4096, TWICE = 2 };

static const unsigned char table[TABLE] = { [0] = 7, [TABLE - 1] = 9 };
static unsigned char written[TABLE] = { [0] = 3, [TABLE - 1] = 4 };
static const char *const relocated[] = { "one", "two" };

static size_t sum(const volatile unsigned char *bytes)
{
	size_t all = 0;

	for (size_t i = 0; i < TABLE; i += STEP)
		all += bytes[i];
	return all + bytes[TABLE - 1];
}

/* KiB of memory that show files, of this process. */
static size_t file_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "RssFile: %zu", &kib);
	(void)fclose(f);
	assert_true(kib > 0);
	return kib;
}

static void code_goes_and_comes_back(void **state)
{
	size_t before;

	(void)state;
	for (int i = 0; i < TWICE; i++) {
		assert_int_equal(sum(table), 7 + 9);
		before = file_kib();
		code_memory_drop();
		assert_true(file_kib() + TABLE / 1024 <= before);
	}
	assert_int_equal(sum(table), 7 + 9);
}

static void what_was_written_stays(void **state)
{
	(void)state;
	written[STEP] = 5;
	code_memory_drop();
	assert_int_equal(sum(written), 3 + 4 + 5);
	/* the loader has written these */
	assert_string_equal(relocated[0], "one");
	assert_string_equal(relocated[1], "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_goes_and_comes_back),
		cmocka_unit_test(what_was_written_stays),
	};

	return cmocka_run_group_tests_name("code-memory", tests, NULL, NULL);
}
