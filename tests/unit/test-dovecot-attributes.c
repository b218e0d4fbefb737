/* test-dovecot-attributes.c - Dovecot's annotations in a file: at every cut,
 * with every byte changed. */
#include "base.h"
#include "takeover/dovecot-attributes.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

#define GUID "a0645316c856036b6409000083ecc375"
#define PVT "vendor/vendor.dovecot/pvt/"

static const char file[] =
	"priv/" GUID "/comment\nmine\n"
	"shared/" GUID "/Vendor/X/y\n\n"
	"priv/" GUID "/" PVT "server/comment\nthe server's\n"
	"shared/" GUID "/" PVT "imap-urlauth\nsecret\n"
	"shared/" GUID "/" PVT "server/" PVT "x\nsecret\n"
	"priv/" GUID "/lines\na\001nb\001tc\0010d\0011e\001rf\n"
	"priv/" GUID "/\nno name\n"
	"priv/A0645316c856036b6409000083ecc375/comment\nno guid\n"
	"other/" GUID "/comment\nno such tree\n"
	"\n\n"
	"priv/" GUID "/end\nthis line is not written to its end";

enum { PAIRS = 10, USABLE = 4 };

static struct cv_pool *pool;

static int setup(void **state)
{
	(void)state;
	pool = pool_create("test");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

static void assert_next(struct cv_span *rest, bool server, const char *entry,
			const char *value, size_t len)
{
	static const uint8_t guid[16] = {
		0xa0, 0x64, 0x53, 0x16, 0xc8, 0x56, 0x03, 0x6b,
		0x64, 0x09, 0x00, 0x00, 0x83, 0xec, 0xc3, 0x75,
	};
	struct dovecot_attribute a;

	do {
		assert_true(dovecot_attribute_next(rest, pool, &a));
	} while (a.is_foreign);
	assert_memory_equal(a.guid, guid, 16);
	assert_int_equal(a.server, server);
	assert_true(cv_span_is(a.entry, entry));
	assert_int_equal(a.value.len, len);
	assert_memory_equal(a.value.data, value, len);
}

static void pairs_of_lines_are_annotations(void **state)
{
	struct cv_span rest = cv_span(file, sizeof(file) - 1);
	struct dovecot_attribute a;

	(void)state;
	assert_next(&rest, false, "/private/comment", "mine", 4);
	assert_next(&rest, false, "/shared/vendor/x/y", "", 0);
	assert_next(&rest, true, "/private/comment", "the server's", 12);
	assert_next(&rest, false, "/private/lines", "a\nb\tc\0d\001e\rf", 11);
	for (int i = 0; i < 4; i++) {
		assert_true(dovecot_attribute_next(&rest, pool, &a));
		assert_true(a.is_foreign);
	}
	assert_false(dovecot_attribute_next(&rest, pool, &a));
}

/* A copy that ends where it ends: a read behind it is seen by the
 * sanitizer. */
static uint32_t read_copy(const char *data, size_t len, uint32_t *usable_r)
{
	char *copy = malloc(len == 0 ? 1 : len);
	struct cv_span rest;
	struct dovecot_attribute a;
	uint32_t pairs = 0;

	assert_non_null(copy);
	memcpy(copy, data, len);
	rest = cv_span(copy, len);
	*usable_r = 0;
	while (dovecot_attribute_next(&rest, pool, &a)) {
		pairs++;
		*usable_r += !a.is_foreign;
	}
	free(copy);
	return pairs;
}

static void a_file_is_read_at_every_cut(void **state)
{
	uint32_t last = 0, usable;

	(void)state;
	for (size_t len = 0; len < sizeof(file); len++) {
		uint32_t pairs = read_copy(file, len, &usable);

		assert_true(pairs >= last && pairs <= PAIRS);
		assert_true(usable <= USABLE);
		last = pairs;
	}
	assert_int_equal(last, PAIRS);
	assert_int_equal(usable, USABLE);
}

static void every_byte_may_be_wrong(void **state)
{
	char copy[sizeof(file)];
	uint32_t usable;

	(void)state;
	for (size_t i = 0; i < sizeof(file) - 1; i++) {
		memcpy(copy, file, sizeof(file));
		copy[i] = (char)(copy[i] ^ 0xff);
		(void)read_copy(copy, sizeof(file) - 1, &usable);
		/* one pair at most becomes another, or pairs shift by a line */
		assert_true(usable <= PAIRS);
		copy[i] = '\001';
		(void)read_copy(copy, sizeof(file) - 1, &usable);
		copy[i] = '\n';
		(void)read_copy(copy, sizeof(file) - 1, &usable);
	}
}

static void a_file_is_the_only_place(void **state)
{
	static const char *const bad[] = {
		"redis:host=127.0.0.1", "proxy::x", "/var/x", "file:x",
		"file:", "file:~x/y", "FILE:/x",
	};
	struct cv_error err = ERROR_NONE;
	const char *path;

	(void)state;
	assert_int_equal(dovecot_attributes_path("", "", pool, &path, &err),
			 CV_OK);
	assert_null(path);
	assert_int_equal(dovecot_attributes_path("file:/a/b", "", pool, &path,
						 &err), CV_OK);
	assert_string_equal(path, "/a/b");
	assert_int_equal(dovecot_attributes_path("file:~/b", "/home", pool,
						 &path, &err), CV_OK);
	assert_string_equal(path, "/home/b");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dovecot_attributes_path(bad[i], "/home", pool,
							 &path, &err),
				 CV_E_CONFIG);
		assert_non_null(strstr(err.text, "mail_attribute_dict"));
		err = (struct cv_error)ERROR_NONE;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_of_lines_are_annotations),
		cmocka_unit_test(a_file_is_read_at_every_cut),
		cmocka_unit_test(every_byte_may_be_wrong),
		cmocka_unit_test(a_file_is_the_only_place),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
