/* test-auth-sasl.c - what PLAIN [RFC4616] and LOGIN take, byte by byte. */
#include "base.h"
#include "auth/auth-mechanism.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static struct cv_pool *pool;
static struct cv_mechanism_io io;
static struct cv_text out;
static unsigned char state_bytes[256];

static int begin(void **state)
{
	(void)state;
	pool = pool_create("test");
	cv_text_init(&out, pool);
	memset(state_bytes, 0, sizeof(state_bytes));
	io = (struct cv_mechanism_io){
		CV_SIZED(cv_mechanism_io), .pool = pool, .out = &out,
	};
	return 0;
}

static int end(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

static int step(const struct cv_mechanism *mech, struct cv_span in)
{
	io.has_in = in.data != NULL;
	io.in = in;
	io.user = io.authzid = io.password = CV_SPAN_NONE;
	cv_text_reset(&out);
	return mech->step(state_bytes, &io, NULL);
}

static void plain_takes_three_parts(void **state)
{
	(void)state;
	assert_int_equal(step(&mech_plain, CV_SPAN("a\0b\0c")),
			 CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.authzid, "a"));
	assert_true(cv_span_is(io.user, "b"));
	assert_true(cv_span_is(io.password, "c"));
	assert_int_equal(step(&mech_plain, CV_SPAN("\0b\0c")),
			 CV_MECHANISM_VERIFY);
	assert_int_equal(io.authzid.len, 0);
	/* [RFC4616 2] any other byte is a byte of the password */
	assert_int_equal(step(&mech_plain, CV_SPAN("\0b\0\t\r\n \xff")),
			 CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.password, "\t\r\n \xff"));
}

/* [security.md A19] */
static void plain_refuses_all_else(void **state)
{
	static const struct cv_span bad[] = {
		{ "", 0 }, { "a", 1 }, { "a\0b", 3 }, { "\0\0", 2 },
		{ "\0a\0", 3 }, { "\0\0a", 3 }, { "a\0\0b", 4 },
		{ "\0a\0b\0", 5 }, { "\0a\0b\0c", 6 }, { "\0\0\0", 3 },
		{ "a\0b\0", 4 }, { "\0a\0b\0\0c", 7 }, { "\0\xff\0x", 4 },
		{ "\xff\0a\0x", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(step(&mech_plain, bad[i]), CV_E_SYNTAX);
		assert_null(io.user.data);
		assert_null(io.password.data);
	}
}

static void plain_is_cut_at_every_byte(void **state)
{
	static const char text[] = "boss\0joe\0pw";
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t i = 0; i <= len; i++) {
		/* in memory of its own, so that reading on is seen */
		char *copy = malloc(i + 1);

		assert_non_null(copy);
		memcpy(copy, text, i);
		assert_int_equal(step(&mech_plain, cv_span(copy, i)), i >= 10 ?
				 CV_MECHANISM_VERIFY : CV_E_SYNTAX);
		free(copy);
	}
}

static void plain_asks_with_an_empty_challenge(void **state)
{
	(void)state;
	assert_int_equal(step(&mech_plain, CV_SPAN_NONE),
			 CV_MECHANISM_CHALLENGE);
	assert_int_equal(out.len, 0);
	assert_int_equal(step(&mech_plain, CV_SPAN("\0b\0c")),
			 CV_MECHANISM_VERIFY);
}

static void login_asks_for_name_and_password(void **state)
{
	(void)state;
	assert_int_equal(step(&mech_login, CV_SPAN_NONE),
			 CV_MECHANISM_CHALLENGE);
	assert_string_equal(cv_text_str(&out), "Username:");
	assert_int_equal(step(&mech_login, CV_SPAN("joe")),
			 CV_MECHANISM_CHALLENGE);
	assert_string_equal(cv_text_str(&out), "Password:");
	assert_int_equal(step(&mech_login, CV_SPAN("pw")),
			 CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "joe"));
	assert_true(cv_span_is(io.password, "pw"));
}

static void login_takes_a_name_at_once(void **state)
{
	(void)state;
	assert_int_equal(step(&mech_login, CV_SPAN("joe")),
			 CV_MECHANISM_CHALLENGE);
	assert_string_equal(cv_text_str(&out), "Password:");
	assert_int_equal(step(&mech_login, CV_SPAN("pw")),
			 CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "joe"));
}

static void login_refuses_nul_and_nothing(void **state)
{
	(void)state;
	assert_int_equal(step(&mech_login, CV_SPAN("")),
			 CV_MECHANISM_CHALLENGE);
	assert_int_equal(step(&mech_login, CV_SPAN("")), CV_E_SYNTAX);
	memset(state_bytes, 0, sizeof(state_bytes));
	assert_int_equal(step(&mech_login, CV_SPAN("a\0b")), CV_E_SYNTAX);
	memset(state_bytes, 0, sizeof(state_bytes));
	assert_int_equal(step(&mech_login, CV_SPAN("joe")),
			 CV_MECHANISM_CHALLENGE);
	assert_int_equal(step(&mech_login, CV_SPAN("p\0")), CV_E_SYNTAX);
	assert_int_equal(step(&mech_login, CV_SPAN("")), CV_E_SYNTAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_takes_three_parts),
		TEST(plain_refuses_all_else),
		TEST(plain_is_cut_at_every_byte),
		TEST(plain_asks_with_an_empty_challenge),
		TEST(login_asks_for_name_and_password),
		TEST(login_takes_a_name_at_once),
		TEST(login_refuses_nul_and_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
