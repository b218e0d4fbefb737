/* test-auth-otp.c - OTP [RFC2444] step by step: the examples of the RFC, each
 * cut point, the lock, strangers. */
#include "sasl-helper.h"
#include "auth/auth-plugin-api.h"
#include "auth/scheme-otp.h"
#include "../../plugins/auth-otp/mech-otp.h"
#include "../../plugins/auth-otp/otp-response.h"
#include "../../plugins/auth-otp/otp-words.h"

#include <stdio.h>

#define plugin_api CV_OWN(_cv_api)
const struct cv_host *plugin_api;
const struct cv_host *module_host(void);

static const struct cv_auth_api api = {
	CV_SIZED(cv_auth_api), .equal = secret_equal,
	.otp_parse = otp_parse, .otp_next = otp_next,
};

static int begin(void **state)
{
	plugin_api = module_host();
	otp_api = &api;
	return sasl_begin(state);
}

static int end(void **state)
{
	if (mech_state != NULL)
		mech->end(mech_state);
	mech_state = NULL;
	return sasl_end(state);
}

#define OTP_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* What is stored when the challenge asks for sequence. */
static const char *stored(uint32_t algorithm, uint32_t sequence,
			  const char *seed, const char *phrase)
{
	static const char *const names[] = { "md4", "md5", "sha1" };
	struct cv_otp otp = {
		.algorithm = algorithm, .sequence = sequence + 1,
	};
	unsigned char made[CV_OTP_BYTES];
	struct cv_text text;

	(void)snprintf(otp.seed, sizeof(otp.seed), "%s", seed);
	assert_int_equal(otp_make(&otp, cv_span_of(phrase), made, &err),
			 CV_OK);
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s %u %s ", names[algorithm], sequence + 1,
			 seed);
	hex_encode(&text, made, sizeof(made));
	return cv_text_str(&text);
}

/* Up to the challenge, as user tim; the state before has ended. */
static void challenge(const char *credentials)
{
	if (mech_state != NULL)
		mech->end(mech_state);
	start(&otp_mechanism);
	input.user = "tim";
	input.master_user = "";
	io.salt_key = CV_SPAN("0123456789abcdef0123456789abcdef");
	assert_int_equal(step(CV_SPAN("\0tim")), CV_MECHANISM_CREDENTIALS);
	assert_true(cv_span_is(io.user, "tim"));
	assert_string_equal(io.scheme, "OTP");
	assert_int_equal(step_with("OTP", credentials),
			 CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("OTP", credentials),
			 CV_MECHANISM_CHALLENGE);
}

static void examples(void **state)
{
	static const struct {
		uint32_t algorithm, sequence;
		const char *phrase, *challenge, *response, *stored;
	} all[] = {
		{ CV_OTP_MD5, 499, "This is a test.",
		  "otp-md5 499 ke1234 ext", "hex:5bf075d9959d036f",
		  "{OTP}md5 499 ke1234 5bf075d9959d036f" },
		{ CV_OTP_MD5, 499, "This is a test.",
		  "otp-md5 499 ke1234 ext", "word:BOND FOGY DRAB NE RISE MART",
		  "{OTP}md5 499 ke1234 5bf075d9959d036f" },
		{ CV_OTP_SHA1, 499, "This is a test.",
		/* the RFC's example folds SHA1 the other way round than
		 * (RFC 2289 A) does, whose examples these are with */
		  "otp-sha1 499 ke1234 ext", "HEX: 1EF4 8366 D048 73E0\r\n",
		  "{OTP}sha1 499 ke1234 1ef48366d04873e0" },
		{ CV_OTP_MD5, 499, "This is a test.",
		  "otp-md5 499 ke1234 ext",
		  "init-hex:5bf075d9959d036f:md5 499 ke1235:3712dcb4aa5316c1",
		  "{OTP}md5 499 ke1235 3712dcb4aa5316c1" },
		{ CV_OTP_MD5, 123, "this is a test",
		  "otp-md5 123 ke1234 ext", "hex:11d4c147e227c1f1",
		  "{OTP}md5 123 ke1234 11d4c147e227c1f1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		challenge(stored(all[i].algorithm, all[i].sequence, "ke1234",
				 all[i].phrase));
		assert_string_equal(cv_text_str(&out), all[i].challenge);
		assert_int_equal(step(cv_span_of(all[i].response)),
				 CV_MECHANISM_STORE);
		assert_true(cv_span_is(io.password, all[i].stored));
		io.stored = true;
		assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_OK);
	}
}

/* Nobody is let in before the used one is stored. */
static void needs_the_store(void **state)
{
	(void)state;
	challenge(stored(CV_OTP_MD5, 499, "ke1234", "This is a test."));
	assert_int_equal(step(CV_SPAN("hex:5bf075d9959d036f")),
			 CV_MECHANISM_STORE);
	io.stored = false;
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_FAIL);
}

static void wrong_ones(void **state)
{
	const char *right = stored(CV_OTP_MD5, 499, "ke1234",
				   "This is a test.");

	(void)state;
	challenge(right);
	assert_int_equal(step(CV_SPAN("hex:5bf075d9959d036e")),
			 CV_MECHANISM_FAIL);
	/* the last one was used */
	challenge(stored(CV_OTP_MD5, 0, "ke1234", "This is a test."));
	assert_null(strstr(cv_text_str(&out), "otp-md5 0 "));
	assert_int_equal(step(CV_SPAN("hex:9e876134d90499dd")),
			 CV_MECHANISM_FAIL);
	assert_non_null(strstr(err.text, "no one-time password left"));
	/* what is stored is the password itself */
	mech->end(mech_state);
	start(&otp_mechanism);
	input.user = "ann";
	input.master_user = "";
	io.salt_key = CV_SPAN("k");
	assert_int_equal(step(CV_SPAN("\0ann")), CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("PLAIN", right), CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("PLAIN", right), CV_MECHANISM_CHALLENGE);
	assert_null(strstr(cv_text_str(&out), "ke1234"));
	assert_int_equal(step(CV_SPAN("hex:5bf075d9959d036f")),
			 CV_MECHANISM_FAIL);
}

/* A new sequence that is not acceptable: the password is used all the same. */
static void bad_new_ones(void **state)
{
	static const char *const bad[] = {
		"md5 499 ke1234", "md5 499 KE1234", "md5 1 ke1235", "md5 0 x",
		"md5 10000 ke1235", "md4 499 ke1235", "md5 499 ke-1235", "",
		"md5 499", "sha2 499 ke1235", "md5 499 abcdefghijklmnopq",
		"md5 499 ke1235 0", "md5 -1 ke1235", "md5  499 ke1235",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		challenge(stored(CV_OTP_MD5, 499, "ke1234",
				 "This is a test."));
		assert_int_equal(step(cv_span_of(pool_printf(pool, "init-hex:"
			"5bf075d9959d036f:%s:3712dcb4aa5316c1", bad[i]))),
			CV_MECHANISM_STORE);
		assert_true(cv_span_is(io.password, "{OTP}md5 499 ke1234 "
				       "5bf075d9959d036f"));
		io.stored = true;
		assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_FAIL);
		assert_non_null(strstr(err.text, "another seed"));
	}
}

static void cut_points(void **state)
{
	static const struct cv_span whole[] = {
		CV_SPAN("hex:5bf075d9959d036f"),
		CV_SPAN("word:BOND FOGY DRAB NE RISE MART"),
		CV_SPAN("init-hex:5bf075d9959d036f:md5 499 ke1235:"
			"3712dcb4aa5316c1"),
		CV_SPAN("init-word:BOND FOGY DRAB NE RISE MART:md5 499 ke1235:"
			"BOND FOGY DRAB NE RISE MART"),
	};
	struct otp_response r;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t len = 0; len < whole[i].len; len++)
			assert_int_equal(otp_response_parse(
				cv_span(whole[i].data, len), &r, NULL),
				CV_E_SYNTAX);
		assert_int_equal(otp_response_parse(whole[i], &r, NULL),
				 CV_OK);
		assert_memory_equal(r.otp, "\x5b\xf0\x75\xd9\x95\x9d\x03\x6f",
				    CV_OTP_BYTES);
	}
	assert_memory_equal(r.next_otp, r.otp, CV_OTP_BYTES);
	assert_true(cv_span_is(r.next_params, "md5 499 ke1235"));
}

static void strict(void **state)
{
	static const struct cv_span bad[] = {
		CV_SPAN("5bf075d9959d036f"), CV_SPAN("skey:5bf075d9959d036f"),
		CV_SPAN("hex:5bf075d9959d036f0"), CV_SPAN("hex:\0"),
		CV_SPAN("hex:5bf075d9959d036g"),
		CV_SPAN("word:BOND FOGY DRAB NE RISE MARE"),
		CV_SPAN("word:BOND FOGY DRAB NE RISE XQZV"),
		CV_SPAN("word:BOND FOGY DRAB NE RISE MART MART"),
		CV_SPAN("word:BONDS FOGY DRAB NE RISE MART"),
		CV_SPAN("init-hex:5bf075d9959d036f:md5 499 ke1235"),
	};
	static const struct cv_span names[] = {
		CV_SPAN(""), CV_SPAN("tim"), CV_SPAN("\0"), CV_SPAN("a\0"),
		CV_SPAN("\0a\0b"), CV_SPAN("\0tim\0"),
	};
	struct otp_response r;
	unsigned char otp[CV_OTP_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(otp_response_parse(bad[i], &r, NULL),
				 CV_E_SYNTAX);
	assert_int_equal(otp_response_parse(cv_span_of(pool_printf(
		pool, "hex:%600s", "5bf075d9959d036f")), &r, NULL),
		CV_E_SYNTAX);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		start(&otp_mechanism);
		assert_int_equal(step(names[i]), CV_E_SYNTAX);
	}
	start(&otp_mechanism);
	assert_int_equal(step(cv_span(pool_printf(pool, "%c%0256d", 0, 0),
				      257)), CV_E_SYNTAX);
	/* (RFC 2289 C) */
	assert_true(otp_words_decode(CV_SPAN("inch sea anne long ahem tour"),
				     otp));
	assert_memory_equal(otp, "\x9e\x87\x61\x34\xd9\x04\x99\xdd", 8);
}

/* [RFC2289 9.0] */
static void one_at_a_time(void **state)
{
	const char *right = stored(CV_OTP_MD5, 499, "ke1234",
				   "This is a test.");
	void *first;

	(void)state;
	challenge(right);
	first = mech_state;
	start(&otp_mechanism);
	input.user = "tim";
	input.master_user = "";
	assert_int_equal(step(CV_SPAN("\0tim")), CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("OTP", right), CV_E_TEMP);
	otp_mechanism.end(mech_state);
	/* another user is not kept out, and whoever ends makes room */
	start(&otp_mechanism);
	input.user = "ann";
	input.master_user = "";
	assert_int_equal(step(CV_SPAN("\0ann")), CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("OTP", right), CV_MECHANISM_CREDENTIALS);
	otp_mechanism.end(mech_state);
	otp_mechanism.end(first);
	mech_state = NULL;
	challenge(right);
}

static void strangers(void **state)
{
	const char *said[2], *other;

	(void)state;
	for (int i = 0; i < 2; i++) {
		challenge(NULL);
		said[i] = cv_text_str(&out);
		said[i] = pool_strdup(pool, said[i]);
		assert_int_equal(step(CV_SPAN("hex:5bf075d9959d036f")),
				 CV_MECHANISM_FAIL);
	}
	assert_string_equal(said[0], said[1]);
	assert_int_equal(strncmp(said[0], "otp-sha1 ", 9), 0);
	/* in the form that users' have */
	mech->end(mech_state);
	start(&otp_mechanism);
	input.user = "tim";
	input.master_user = "";
	io.salt_key = CV_SPAN("k");
	assert_int_equal(step(CV_SPAN("\0tim")), CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with("OTP", NULL), CV_MECHANISM_CREDENTIALS);
	io.model = CV_SPAN("md5 100 ke1234 5bf075d9959d036f");
	io.model_scheme = "OTP";
	assert_int_equal(step_with("OTP", NULL), CV_MECHANISM_CHALLENGE);
	other = cv_text_str(&out);
	assert_int_equal(strncmp(other, "otp-md5 ", 8), 0);
	assert_int_equal(strlen(strrchr(pool_printf(pool, "%.*s", (int)(
		strlen(other) - 4), other), ' ')), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OTP_TEST(examples), OTP_TEST(needs_the_store),
		OTP_TEST(wrong_ones), OTP_TEST(bad_new_ones),
		OTP_TEST(cut_points), OTP_TEST(strict),
		OTP_TEST(one_at_a_time), OTP_TEST(strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
