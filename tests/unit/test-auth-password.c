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
	"{PLAIN-MD4}67d3dafef63ff00603aeef3769cfbf0d",
	"{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395"
		"731b56",
	"{CRAM-MD5.B64}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y=",
	"{HMAC-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395"
		"731b56",
	"{SCRAM-SHA-1}4096,Q0gfZ7xzdesvj4lKMiNJXA==,/am+4aUAeBtU/bpoQxucSjgOy"
		"vw=,qySbrTZN8wuXAWYr7/qPpcNT25I=",
	"{SCRAM-SHA-256}4096,VKUXCfHm8c+d4Xw9Ibp6xQ==,igZZy8RiFjyhq60RN/qJb9q"
		"izjzHYnemKmnLhQtnenU=,XF9inzBcgF3++8yu+9n7U/XHPQUe/eQHDx6kSZ"
		"t4UkY=",
	"{PBKDF2}$1$wZ4jcet4u3Y5HFEz$5000$c02200ea5e43bf8329fef7241bfc16aeeb1"
		"69b9c",
	"{PBKDF2}$1$DUFLtKFb0RBR3EUm$7$9758d0853f53a0dadef532a09edd9b3e78b00d"
		"e4",
	"{OTP}sha1 1024 b53a782975b75d74 ff36ca999035be29",
	"{OTP.HEX}73686131203130323420383263666139663464386633383265642063663"
		"830623664353961643332666431",
#ifdef HAVE_CRYPT
	"{MD5}$1$hLxD.Ogw$P.Z0f8drawwFWBOP3ewWj1",
	"{SHA512-CRYPT.B64}JDYkQk5lU2lYa21tcUJXY2d3NSRqVWJNcVBLdmxZNTU1dExnak"
		"1IVnhvL0tyY0xvZnRZR1BUY0dKRFY5anFEYmZlYWh4bS5HdVJhV2RvcjdwSF"
		"VEc0o1U1o2RzFRZlhRaWFQMnRXL0lxLg==",
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
	"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$4o5zXsxzSfsw78aWvwnVwQ$UZDH+n"
		"pyhRjIe5M1a4stIq3dHlmY2mTijQi6BsDFLmg",
	"{ARGON2}$argon2i$v=19$m=32768,t=4,p=1$rbc7lOMcnad0u+J7mvgoog$0bj1tTZ"
		"HjixvxFOx9HRBLx+hYdDcm3OxIi0hBLretBA",
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
		for (at = 0; at < len; at += i < 18 ? 1 : 13) {
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

/* What Dovecot 2.3.19 says to "secret". */
static void truncated_passwords_match_by_their_beginning(void **state)
{
	(void)state;
	assert_int_equal(check("{PLAIN-TRUNC}3-sec", "secret"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-TRUNC}3-sec", "sec"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-TRUNC}3-sec", "se"), CV_AUTH_MISMATCH);
	assert_int_equal(check("{PLAIN-TRUNC}3-secret", "secret"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-TRUNC}9-secret", "secret"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-TRUNC}9-sec", "secret"),
			 CV_AUTH_MISMATCH);
	assert_int_equal(check("{PLAIN-TRUNC}-secret", "secret"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-TRUNC}0-", "secret"), CV_AUTH_MISMATCH);
	assert_int_equal(check("{PLAIN-TRUNC}secret", "secret"), CV_E_SYNTAX);
	assert_int_equal(check("{PLAIN-TRUNC}x-secret", "secret"),
			 CV_E_SYNTAX);
}

/* [RFC1320 A.5] [RFC2289 C] the test suites there; RFC 2289's are given as
 * the value of sequence numbers 0, 1 and 99. */
static void digests_are_those_of_their_rfcs(void **state)
{
	(void)state;
	assert_int_equal(check("{PLAIN-MD4}a448017aaf21d8525fc10ae87aa6729d",
			       "abc"), CV_AUTH_OK);
	assert_int_equal(check("{PLAIN-MD4}e33b4ddc9c38f2199c3e7b164fcc0536",
			       "1234567890123456789012345678901234567890123456"
			       "7890123456789012345678901234567890"),
			 CV_AUTH_OK);
	assert_int_equal(check("{OTP}md4 0 TeSt d1854218ebbb0b51",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}md4 99 test c5f612707ca24cb1"
			       , "This is a test."), CV_AUTH_MISMATCH);
	assert_int_equal(check("{OTP}md5 0 TeSt 9e876134d90499dd",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}md5 1 TeSt 7965e05436f5029f",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}md5 99 TeSt 50fe1962c4965880",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}sha1 0 TeSt bb9e6ae1979d8ff4",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}sha1 1 TeSt 63d936639734385b",
			       "This is a test."), CV_AUTH_OK);
	assert_int_equal(check("{OTP}sha1 99 TeSt 87fec7768b73ccf9",
			       "This is a test."), CV_AUTH_OK);
}

/* Whoever can write a user's file does not choose that auth works for an
 * hour, nor makes it read what is not there. */
static void stored_costs_have_limits(void **state)
{
	static const char *const bad[] = {
		"{SCRAM-SHA-1}0,AAAA,AAAA,AAAA",
		"{SCRAM-SHA-1}4294967295,AAAA,AAAA,AAAA",
		"{SCRAM-SHA-1}4096,AAAA,AAAA,AAAA",
		"{SCRAM-SHA-1}4096,AAAA",
		"{SCRAM-SHA-1}", "{SCRAM-SHA-256},,,",
		("{PBKDF2}$1$x$99999999$c02200ea5e43bf8329fef7241bfc16aeeb169b"
		 "9c"),
		"{PBKDF2}$1$x$0$c02200ea5e43bf8329fef7241bfc16aeeb169b9c",
		"{PBKDF2}$2$x$5$c02200ea5e43bf8329fef7241bfc16aeeb169b9c",
		"{PBKDF2}$1$x$5$c022", "{PBKDF2}", "{CRAM-MD5}cd3b",
		"{OTP}sha1 10000 seed ff36ca999035be29",
		"{OTP}sha2 10 seed ff36ca999035be29",
		"{OTP}sha1 10 a_b ff36ca999035be29",
		"{OTP}sha1 10 aaaaaaaaaaaaaaaaa ff36ca999035be29",
		"{OTP}sha1 10 a ff36ca999035be2900", "{OTP}",
		"{PLAIN-MD4}00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (check(bad[i], "x") != CV_E_SYNTAX)
			fail_msg("%s", bad[i]);
	}
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

static void assert_made(const char *scheme, uint32_t rounds,
			const char *start)
{
	struct cv_error err = ERROR_NONE;
	struct cv_text text;

	cv_text_init(&text, fix.pool);
	if (password_generate(scheme, "joe", CV_SPAN("pass"), rounds, &text,
			      &err) < 0)
		fail_msg("%s: %s", scheme, err.text);
	if (strncmp(cv_text_str(&text), start, strlen(start)) != 0)
		fail_msg("%s", cv_text_str(&text));
	assert_int_equal(check(cv_text_str(&text), "pass"), CV_AUTH_OK);
}

static void rounds_are_what_was_asked_for(void **state)
{
	struct cv_text text;

	(void)state;
	cv_text_init(&text, fix.pool);
	assert_made("SCRAM-SHA-256", 5000, "{SCRAM-SHA-256}5000,");
	assert_made("OTP", 7, "{OTP}sha1 7 ");
	assert_int_equal(password_generate("SCRAM-SHA-1", "", CV_SPAN("x"),
					   4095, &text, NULL),
			 CV_E_UNSUPPORTED);
	assert_int_equal(password_generate("PBKDF2", "", CV_SPAN("x"),
					   UINT32_MAX, &text, NULL),
			 CV_E_UNSUPPORTED);
#ifdef HAVE_CRYPT
	assert_made("BLF-CRYPT", 5, "{BLF-CRYPT}$2y$05$");
	assert_made("BLF-CRYPT", 1, "{BLF-CRYPT}$2y$04$");
	assert_made("SHA512-CRYPT", 10, "{SHA512-CRYPT}$6$rounds=1000$");
	assert_made("MD5-CRYPT", 10, "{MD5-CRYPT}$1$");
	assert_int_equal(password_generate("BLF-CRYPT", "", CV_SPAN("x"), 32,
					   &text, NULL), CV_E_UNSUPPORTED);
#endif
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
/* Names that Dovecot 2.3 has not. */
static bool is_of_ours(const char *name)
{
	return strcmp(name, "YESCRYPT") == 0 || strcmp(name, "ARGON2") == 0;
}

static void dovecot_agrees_on(const char *scheme, const char *encoding)
{
	const char *name = pool_printf(fix.pool, "%s%s", scheme, encoding);
	struct cv_error err = ERROR_NONE;
	struct cv_text text;
	char line[1024];

	if (!doveadm_pw(pool_printf(fix.pool, "-s %s -u joe@x.org -p "
				    "'p\303\244ss w'", name),
			line, sizeof(line)))
		fail_msg("doveadm makes no %s", name);
	/* what it makes of this one it does not verify itself */
	if (strcmp(scheme, "PLAIN-TRUNC") != 0 &&
	    check_as(line, "joe@x.org", "p\303\244ss w") != CV_AUTH_OK)
		fail_msg("%s", line);
	cv_text_init(&text, fix.pool);
	if (password_generate(name, "joe@x.org", CV_SPAN("two words"), 0,
			      &text, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	if (!doveadm_pw(pool_printf(fix.pool, "-u joe@x.org -p 'two words' "
				    "-t '%s'", cv_text_str(&text)),
			line, sizeof(line)) ||
	    strstr(line, "(verified)") == NULL)
		fail_msg("Dovecot refuses %s", cv_text_str(&text));
	if (doveadm_pw(pool_printf(fix.pool, "-u joe@x.org -p 'Two words' "
				   "-t '%s'", cv_text_str(&text)),
		       line, sizeof(line)))
		fail_msg("Dovecot takes anything for %s", cv_text_str(&text));
}

/* Both ways: its hashes here, ours there, in each encoding. */
static void dovecot_agrees(void **state)
{
	static const char *const encodings[] = {
		"", ".b64", ".BASE64", ".hex",
	};
	const struct cv_scheme *scheme;
	char line[1024];
	uint32_t at = 0, compared = 0;

	(void)state;
	if (!doveadm_pw("-s PLAIN -p x", line, sizeof(line)))
		skip();
	while ((scheme = password_scheme_next(&at)) != NULL) {
		if (is_of_ours(scheme->name))
			continue;
		for (size_t i = 0; i < 4; i++)
			dovecot_agrees_on(scheme->name, encodings[i]);
		compared++;
	}
#if defined HAVE_CRYPT && defined HAVE_SODIUM
	assert_int_equal(compared, 31);
#else
	assert_true(compared >= 21);
#endif
}

/* Each name that Dovecot knows is known here. */
static void dovecot_has_no_other_schemes(void **state)
{
	char line[1024];
	struct cv_span rest, name;

	(void)state;
	if (!doveadm_pw("-l", line, sizeof(line)))
		skip();
	rest = cv_span_of(line);
	while (cv_span_split(&rest, ' ', &name)) {
#if !defined HAVE_CRYPT || !defined HAVE_SODIUM
		if (cv_span_is(name, "MD5") || name.len > 5)
			continue;
#endif
		if (name.len > 0 && password_scheme_find(name) == NULL)
			fail_msg("%.*s", CV_SPAN_ARG(name));
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
		cmocka_unit_test(truncated_passwords_match_by_their_beginning),
		cmocka_unit_test(digests_are_those_of_their_rfcs),
		cmocka_unit_test(stored_costs_have_limits),
		cmocka_unit_test(rounds_are_what_was_asked_for),
		cmocka_unit_test(dovecot_agrees),
		cmocka_unit_test(dovecot_has_no_other_schemes),
		cmocka_unit_test(
			an_unknown_user_costs_a_hash_from_the_first_on),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
