/* test-auth-password.c - password schemes, against known hashes and those of
 * an installed Dovecot. */
#include "auth-fixture.h"
#include "auth/auth-provider.h"
#include "auth/password-scheme.h"

static int check_as(const char *stored, const char *user, const char *password)
{
	return password_verify(stored, "CRYPT", user, cv_span_of(password),
			       NULL);
}

static int check(const char *stored, const char *password)
{
	return check_as(stored, "joe", password);
}

/* All of "secret" for the user joe, made by doveadm pw. */
static const char *const secrets[] = {
	"{PLAIN}secret",
	"{CLEARTEXT}secret",
	"{plain}secret",
	"{PLAIN.b64}c2VjcmV0",
	"{PLAIN.BASE64}c2VjcmV0",
	"{PLAIN.HEX}736563726574",
	"{SSHA}LDaSDcgUTfxYozmqry3SO+3y9o2Nt8TJ",
	"{SSHA256}dL/beQfhgTIHgGENeS/RB9tp/Qx7GRhGciovGKTzkoySiMrd",
	"{SSHA256.HEX}78eeab1dea8adc4fbae47d86b073b59ce3bbdccfbe2f158f7bb6c7d"
		"944c1be955b1bc3d0",
	"{SSHA512}yrNTTuoNyjHA222C64oVRN8+f1AyJUfV6OHgjvoWN594kI3I5CXD2TBH0B4"
		"f7uRV50Spqrt9q5ooCB5eyA2XAIlvHSM=",
	"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	"{SHA1}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
	"{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
	"{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztme"
		"D2cmW192CF5bDufKRpayrW/isg==",
	"{SMD5}BsLDefa7SPES4UTyrmtXuWdsxqk=",
	"{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
	"{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
	"{DIGEST-MD5}fb2441a715a5484c6fa16147c4a6b7a8",
#ifdef HAVE_CRYPT
	"{SHA512-CRYPT}$6$nAzDprUCi1sNZRx.$sO1qyihUU1baWakv1bfQ24ZRRf9yY.G2vM"
		"sK2u0gBK82uD3tZyBEMI.4AeY0eFYdyNZ0FlobGzuyD9r9YCGrK.",
	"{SHA256-CRYPT}$5$8YKqTUxCn24.1SQP$VCMo2T2qXcjZTcUkUbcaVBFIiS.7ERdnSl"
		"RtcdRkJF3",
	"{MD5-CRYPT}$1$LkfObOw8$mYRPruLdOGVWa1ckeeRJ30",
	"$1$LkfObOw8$mYRPruLdOGVWa1ckeeRJ30",
	"{DES-CRYPT}Q7/JlSt8bzR1o",
	"{BLF-CRYPT}$2y$05$8VFznv9ae9FK6u09aTiIGO8SL9R0ILd3hXsvYpCXQi.eRSdSZ."
		"JXe",
	"$2y$05$8VFznv9ae9FK6u09aTiIGO8SL9R0ILd3hXsvYpCXQi.eRSdSZ.JXe",
	"{CRYPT}$2y$05$5n976Bv0n1WJJhOS6X3g6OM6Rt81sYnH5k7e3iFTP5oHmlKXUrlAe",
#endif
#ifdef HAVE_SODIUM
	"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$rbc7lOMcnad0u+J7mvgoog$0bj1tT"
		"ZHjixvxFOx9HRBLx+hYdDcm3OxIi0hBLretBA",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$4o5zXsxzSfsw78aWvwnVwQ$UZDH"
		"+npyhRjIe5M1a4stIq3dHlmY2mTijQi6BsDFLmg",
#endif
};

static void hashes_of_dovecot_are_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		if (check(secrets[i], "secret") != CV_AUTH_OK)
			fail_msg("%s", secrets[i]);
		if (check(secrets[i], "secreT") != CV_AUTH_MISMATCH ||
		    check(secrets[i], "") != CV_AUTH_MISMATCH ||
		    check(secrets[i], "secret1") != CV_AUTH_MISMATCH)
			fail_msg("not refused: %s", secrets[i]);
	}
	assert_int_equal(check_as("{DIGEST-MD5}fb2441a715a5484c6fa16147c4a6b7"
				  "a8", "ann", "secret"), CV_AUTH_MISMATCH);
}

/* No prefix of a stored hash, nor one with a changed byte, lets "secret"
 * in. */
static void damaged_hashes_match_nothing(void **state)
{
	char copy[512];
	size_t len, at;

	(void)state;
	for (size_t i = 6; i < sizeof(secrets) / sizeof(*secrets); i++) {
		len = strlen(secrets[i]);
		/* the costly ones at every ninth byte */
		for (at = 0; at < len; at += i < 18 ? 1 : 9) {
			memcpy(copy, secrets[i], at);
			copy[at] = '\0';
			if (check(copy, "secret") == CV_AUTH_OK)
				fail_msg("cut: %s", copy);
		}
	}
	assert_true(check("{SSHA}AAAA", "secret") < 0);
	assert_true(check("{SHA}!!!", "secret") < 0);
	assert_true(check("{SHA1", "secret") < 0);
	assert_true(check("{NOPE}x", "x") < 0);
	assert_true(check("{PLAIN.ROT13}x", "x") < 0);
	assert_true(check("{}x", "x") < 0);
}

static void empty_and_locked_hashes_match_nothing(void **state)
{
	(void)state;
	assert_int_equal(check("{PLAIN}", "x"), CV_AUTH_MISMATCH);
#ifdef HAVE_CRYPT
	assert_int_equal(check("{CRYPT}", ""), CV_AUTH_MISMATCH);
	assert_int_equal(check("", ""), CV_AUTH_MISMATCH);
	assert_int_equal(check("{CRYPT}*", "x"), CV_AUTH_MISMATCH);
	assert_int_equal(check("{CRYPT}!$6$abc$def", "x"), CV_AUTH_MISMATCH);
	assert_int_equal(check("{CRYPT}*0", "x"), CV_AUTH_MISMATCH);
	assert_int_equal(check("{CRYPT}x", "x") == CV_AUTH_OK, false);
	assert_true(check("{SHA512-CRYPT}$1$LkfObOw8$mYRPruLdOGVWa1ckeeRJ30",
			  "secret") < 0);
#endif
}

/* [security.md A19] what C libraries would cut never reaches them */
static void nul_in_a_password_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(password_verify("{PLAIN}secret", "CRYPT", "joe",
					 CV_SPAN("secret\0x"), NULL),
			 CV_AUTH_MISMATCH);
#ifdef HAVE_CRYPT
	assert_int_equal(password_verify(
		"{MD5-CRYPT}$1$LkfObOw8$mYRPruLdOGVWa1ckeeRJ30", "CRYPT",
		"joe", CV_SPAN("secret\0x"), NULL), CV_AUTH_MISMATCH);
#endif
}

static void a_password_of_a_megabyte_is_wrong(void **state)
{
	size_t len = 1024 * 1024;
	char *big = malloc(len);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', len);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		assert_int_equal(password_verify(secrets[i], "CRYPT", "joe",
						 cv_span(big, len), NULL),
				 CV_AUTH_MISMATCH);
	free(big);
}

static void what_is_made_is_matched(void **state)
{
	const struct cv_scheme *scheme;
	struct cv_error err = ERROR_NONE;
	struct cv_text text;
	uint32_t at = 0;
	int made = 0;

	(void)state;
	cv_text_init(&text, fix.pool);
	while ((scheme = password_scheme_next(&at)) != NULL) {
		if (scheme->generate == NULL)
			continue;
		cv_text_reset(&text);
		if (password_generate(scheme->name, "joe", CV_SPAN("pass"), 0,
				      &text, &err) < 0)
			fail_msg("%s: %s", scheme->name, err.text);
		assert_int_equal(check(cv_text_str(&text), "pass"),
				 CV_AUTH_OK);
		assert_int_equal(check(cv_text_str(&text), "Pass"),
				 CV_AUTH_MISMATCH);
		made++;
	}
	assert_true(made >= 14);
	cv_text_reset(&text);
	assert_int_equal(password_generate("ssha256.hex", "", CV_SPAN("x"), 0,
					   &text, NULL), CV_OK);
	assert_memory_equal(text.data, "{SSHA256.HEX}", 13);
	assert_int_equal(text.len, 13 + 72);
	assert_int_equal(password_generate("nope", "", CV_SPAN("x"), 0, &text,
					   NULL), CV_E_UNSUPPORTED);
}

/* Runs doveadm pw; false when there is none. */
static bool doveadm_pw(const char *args, char *line, size_t room)
{
	FILE *in = popen(pool_printf(fix.pool, "timeout 20 doveadm pw %s "
				     "2>/dev/null", args), "r");

	assert_non_null(in);
	line[0] = '\0';
	if (fgets(line, (int)room, in) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	(void)pclose(in);
	return line[0] != '\0';
}

/* Both ways: its hashes here, ours there. */
static void dovecot_agrees(void **state)
{
	const struct cv_scheme *scheme;
	struct cv_text text;
	char line[1024];
	uint32_t at = 0;

	(void)state;
	if (!doveadm_pw("-s PLAIN -p x", line, sizeof(line)))
		skip();
	cv_text_init(&text, fix.pool);
	while ((scheme = password_scheme_next(&at)) != NULL) {
		if (!doveadm_pw(pool_printf(fix.pool, "-s %s -u joe -p "
					    "'p\303\244ss w'", scheme->name),
				line, sizeof(line)))
			continue;	/* YESCRYPT is not one of its names */
		if (check(line, "p\303\244ss w") != CV_AUTH_OK)
			fail_msg("%s", line);
		cv_text_reset(&text);
		assert_int_equal(password_generate(scheme->name, "joe",
						   CV_SPAN("two words"), 0,
						   &text, NULL), CV_OK);
		if (!doveadm_pw(pool_printf(fix.pool, "-u joe -p 'two words' "
					    "-t '%s'", cv_text_str(&text)),
				line, sizeof(line)) ||
		    strstr(line, "(verified)") == NULL)
			fail_msg("Dovecot refuses %s", cv_text_str(&text));
	}
}

/* --- users that do not exist ------------------------------------------------ */

static uint32_t made, verified[2];

static int count_generate(const struct cv_scheme_input *in,
			  struct cv_text *hash, struct cv_error *err)
{
	(void)in;
	(void)err;
	made++;
	cv_text_append_str(hash, "x");
	return CV_OK;
}

static int count_slow(const struct cv_scheme_input *in, struct cv_span hash,
		      struct cv_error *err)
{
	(void)hash;
	(void)err;
	verified[0]++;
	return cv_span_is(in->password, "right") ? CV_AUTH_OK :
		CV_AUTH_MISMATCH;
}

static int count_other(const struct cv_scheme_input *in, struct cv_span hash,
		       struct cv_error *err)
{
	(void)hash;
	(void)err;
	verified[1]++;
	return cv_span_is(in->password, "right") ? CV_AUTH_OK :
		CV_AUTH_MISMATCH;
}

static const struct cv_scheme slow_schemes[] = {
	{ CV_SIZED(cv_scheme), .name = "SLOW", .flags = CV_SCHEME_EXPENSIVE,
	  .verify = count_slow, .generate = count_generate },
	{ CV_SIZED(cv_scheme), .name = "OTHER", .flags = CV_SCHEME_EXPENSIVE,
	  .verify = count_other },
};

/* The plugins' providers, and two schemes more. */
static const void *source_next(uint32_t kind, uint32_t *at)
{
	uint32_t rest;
	const void *table;

	if (kind != CV_PROVIDER_SCHEME)
		return module_provider_next(kind, at);
	if (*at < 2)
		return &slow_schemes[(*at)++];
	rest = *at - 2;
	table = module_provider_next(kind, &rest);
	*at = rest + 2;
	return table;
}

static uint32_t all_pure(const void *table)
{
	(void)table;
	return CV_PLUGIN_PURE;
}

static const struct auth_provider_source counting_source = {
	.find = module_provider, .next = source_next, .flags = all_pure,
};

static void an_unknown_user_costs_a_hash_from_the_first_on(void **state)
{
	(void)state;
	auth_provider_set_source(&counting_source);
	write_file(fix.users, "joe:right\nother:{OTHER}x\n");
	fixture_auth("passdb {\n driver = passwd-file\n "
		     "args = scheme=SLOW $USERS\n}\n");
	assert_int_equal(made, 1);
	assert_int_equal(login("nobody", "wrong"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(verified[0], 1);
	assert_int_equal(login("joe", "wrong"), CV_AUTH_MISMATCH);
	assert_int_equal(verified[0], 2);
	assert_int_equal(login("nobody", "wrong"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(verified[0], 3);
	assert_int_equal(made, 1);
	/* what is seen first takes the place of what was made */
	fixture_auth("passdb {\n driver = passwd-file\n "
		     "args = scheme=SLOW $USERS\n}\n");
	assert_int_equal(login("other", "right"), CV_AUTH_OK);
	assert_int_equal(login("nobody", "wrong"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(verified[0], 3);
	assert_int_equal(verified[1], 2);
	fixture_auth_close();
	auth_plugin_api_register();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_dovecot_are_known),
		cmocka_unit_test(damaged_hashes_match_nothing),
		cmocka_unit_test(empty_and_locked_hashes_match_nothing),
		cmocka_unit_test(nul_in_a_password_is_wrong),
		cmocka_unit_test(a_password_of_a_megabyte_is_wrong),
		cmocka_unit_test(what_is_made_is_matched),
		cmocka_unit_test(dovecot_agrees),
		cmocka_unit_test(
			an_unknown_user_costs_a_hash_from_the_first_on),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
