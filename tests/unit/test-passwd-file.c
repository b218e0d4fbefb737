/* test-passwd-file.c - lines of passwd-like files of every shape. */
#include "base.h"
#include "passwd-file.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static struct passwd_entry entry;
static const char *why;

static int parse(const char *line)
{
	return passwd_file_parse_line(cv_span_of(line), &entry, &why);
}

static void all_eight_fields(void **state)
{
	(void)state;
	assert_int_equal(parse("joe:{PLAIN}x:1:2:g e c:/home:/sh:a=b c=d:e"),
			 CV_OK);
	assert_true(cv_span_is(entry.user, "joe"));
	assert_true(cv_span_is(entry.password, "{PLAIN}x"));
	assert_true(cv_span_is(entry.uid, "1"));
	assert_true(cv_span_is(entry.gid, "2"));
	assert_true(cv_span_is(entry.home, "/home"));
	assert_true(cv_span_is(entry.extra, "a=b c=d:e"));
}

static void fields_may_be_missing_or_empty(void **state)
{
	(void)state;
	assert_int_equal(parse("joe:x"), CV_OK);
	assert_null(entry.uid.data);
	assert_null(entry.extra.data);
	assert_int_equal(parse("joe:"), CV_OK);
	assert_int_equal(entry.password.len, 0);
	assert_int_equal(parse("joe:::::::"), CV_OK);
	assert_int_equal(entry.extra.len, 0);
	assert_int_equal(parse("joe@x.org:x:::::"), CV_OK);
	assert_true(cv_span_is(entry.user, "joe@x.org"));
}

static void other_lines_are_left_out(void **state)
{
	(void)state;
	assert_int_equal(parse(""), CV_NOT_FOUND);
	assert_int_equal(parse("# joe:x"), CV_NOT_FOUND);
	assert_int_equal(parse(":x"), CV_NOT_FOUND);
	assert_int_equal(parse(" joe:x"), CV_NOT_FOUND);
	assert_int_equal(parse("joe"), CV_OK);
	assert_int_equal(parse("joe:x:one:2"), CV_E_SYNTAX);
	assert_int_equal(parse("joe:x:1:two"), CV_E_SYNTAX);
	assert_int_equal(parse("joe:x:-1:2"), CV_E_SYNTAX);
	assert_int_equal(parse("joe:x:4294967295:2"), CV_E_SYNTAX);
	assert_int_equal(passwd_file_parse_line(CV_SPAN("joe\0:x"), &entry,
						&why), CV_E_SYNTAX);
}

static void types_of_pam_pwdfile(void **state)
{
	(void)state;
	assert_int_equal(parse("joe:Q7/JlSt8bzR1o[13]"), CV_OK);
	assert_true(cv_span_is(entry.password, "Q7/JlSt8bzR1o"));
	assert_string_equal(entry.scheme, "DES-CRYPT");
	assert_int_equal(parse("joe:5ebe2294ecd0e0f08eab7690d2a6ee69[34]"),
			 CV_OK);
	assert_string_equal(entry.scheme, "PLAIN-MD5");
	assert_int_equal(parse("joe:{PLAIN}x[34]"), CV_OK);
	assert_null(entry.scheme);
	assert_int_equal(parse("joe:[13]"), CV_OK);
	assert_null(entry.scheme);
	assert_int_equal(parse("joe:x[99]"), CV_OK);
	assert_true(cv_span_is(entry.password, "x[99]"));
}

/* Whatever is cut off, nothing behind the cut is read and no field is longer
 * than what is there. */
static void lines_are_cut_at_every_byte(void **state)
{
	static const char line[] = "joe:abc[13]:1:2:gecos:/home/joe:/bin/sh:"
		"userdb_mail=maildir:~/M nologin";
	size_t len = sizeof(line) - 1;

	(void)state;
	for (size_t i = 0; i <= len; i++) {
		char *copy = malloc(i + 1);
		int ret;

		assert_non_null(copy);
		memcpy(copy, line, i);
		ret = passwd_file_parse_line(cv_span(copy, i), &entry, &why);
		assert_int_equal(ret, i < 1 ? CV_NOT_FOUND : CV_OK);
		assert_true(entry.home.len <= strlen("/home/joe"));
		assert_true(entry.extra.len <= i);
		free(copy);
	}
}

static void a_file_is_split_into_lines(void **state)
{
	struct cv_span rest = CV_SPAN("a:1\r\nb:2\n\nc:3"), line;

	(void)state;
	assert_true(passwd_file_next_line(&rest, &line));
	assert_true(cv_span_is(line, "a:1"));
	assert_true(passwd_file_next_line(&rest, &line));
	assert_true(cv_span_is(line, "b:2"));
	assert_true(passwd_file_next_line(&rest, &line));
	assert_true(cv_span_is(line, ""));
	assert_true(passwd_file_next_line(&rest, &line));
	assert_true(cv_span_is(line, "c:3"));
	assert_false(passwd_file_next_line(&rest, &line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_eight_fields),
		cmocka_unit_test(fields_may_be_missing_or_empty),
		cmocka_unit_test(other_lines_are_left_out),
		cmocka_unit_test(types_of_pam_pwdfile),
		cmocka_unit_test(lines_are_cut_at_every_byte),
		cmocka_unit_test(a_file_is_split_into_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
