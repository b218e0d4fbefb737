/* test-auth-scram.c - SCRAM [RFC5802, RFC7677] against a client written down
 * here, and the examples of the RFCs. */
#include "sasl-helper.h"
#include "auth/scram-keys.h"
#include "auth/sasl-gs2.h"

#include <openssl/evp.h>
#include <stdio.h>

static const struct scram_digest sha1 = { "SCRAM-SHA-1", "SHA1" };
static const struct scram_digest sha256 = { "SCRAM-SHA-256", "SHA256" };

static const char stored_sha256[] =
	"4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
	"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/* What a client that knows the password answers. */
static struct cv_span client_final(const struct scram_digest *digest,
				   const char *first_bare,
				   const char *server_first,
				   const char *channel, const char *password)
{
	const char *s = strstr(server_first, ",s="), *i;
	struct scram_keys keys = { .digest = digest, .known = true,
		.to_derive = true, .password = cv_span_of(password) };
	size_t len = scram_digest_bytes(digest);
	unsigned char salted[32], key[32], mac[32];
	struct cv_text salt, text, message;

	assert_non_null(s);
	i = strstr(s, ",i=");
	assert_non_null(i);
	cv_text_init(&salt, pool);
	assert_true(base64_decode(&salt, cv_span(s + 3,
						 (size_t)(i - s) - 3)));
	keys.salt = cv_text_span(&salt);
	keys.iterations = (uint32_t)atoi(i + 3);
	assert_int_equal(PKCS5_PBKDF2_HMAC(password, (int)strlen(password),
		(unsigned char *)salt.data, (int)salt.len,
		(int)keys.iterations, len == 20 ? EVP_sha1() : EVP_sha256(),
		(int)len, salted), 1);
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "c=%s,%.*s", channel,
			 (int)(s - server_first), server_first);
	cv_text_init(&message, pool);
	cv_text_append_f(&message, "%s,%s,%s", first_bare, server_first,
			 cv_text_str(&text));
	scram_hmac(digest, cv_span((char *)salted, len),
		   CV_SPAN("Client Key"), key);
	scram_keys_derive(&keys, pool);
	scram_hmac(digest, cv_span((char *)keys.stored, len),
		   cv_text_span(&message), mac);
	for (size_t n = 0; n < len; n++)
		mac[n] ^= key[n];
	cv_text_append_str(&text, ",p=");
	base64_encode(&text, mac, len);
	return cv_text_span(&text);
}

/* [RFC7677 3], [RFC5802 5]: the keys of the examples */
static void keys_are_those_of_the_rfcs(void **state)
{
	struct scram_keys keys, made = { .digest = &sha256, .known = true,
		.to_derive = true, .password = CV_SPAN("pencil") };
	unsigned char mac[32];
	struct cv_text text;

	(void)state;
	assert_int_equal(scram_keys_parse(&sha256, CV_SPAN(stored_sha256),
					  pool, &keys, NULL), CV_OK);
	assert_int_equal(keys.iterations, 4096);
	made.iterations = 4096;
	made.salt = keys.salt;
	scram_keys_derive(&made, pool);
	assert_memory_equal(made.stored, keys.stored, 32);
	assert_memory_equal(made.server, keys.server, 32);
	scram_hmac(&sha256, cv_span((char *)made.server, 32), CV_SPAN(
		"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO"
		"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
		"i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)"
		"hNlF$k0"), mac);
	cv_text_init(&text, pool);
	base64_encode(&text, mac, 32);
	assert_string_equal(cv_text_str(&text),
			    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	made = (struct scram_keys){ .digest = &sha1, .known = true,
		.to_derive = true, .password = CV_SPAN("pencil"),
		.iterations = 4096 };
	cv_text_reset(&text);
	assert_true(base64_decode(&text, CV_SPAN("QSXCR+Q6sek8bf92")));
	made.salt = cv_text_span(&text);
	scram_keys_derive(&made, pool);
	scram_hmac(&sha1, cv_span((char *)made.server, 20), CV_SPAN(
		"n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL"
		"3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,c=biws,"
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"), mac);
	cv_text_reset(&text);
	base64_encode(&text, mac, 20);
	assert_string_equal(cv_text_str(&text),
			    "rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

static int log_in(const struct scram_digest *digest, const char *scheme,
		  const char *credentials, const char *password)
{
	static const char bare[] = "n=user,r=abcdef";
	const char *first;

	assert_int_equal(step(CV_SPAN("n,,n=user,r=abcdef")),
			 CV_MECHANISM_CREDENTIALS);
	assert_true(cv_span_is(io.user, "user"));
	assert_int_equal(io.authzid.len, 0);
	assert_string_equal(io.scheme, digest->scheme);
	assert_int_equal(step_with(scheme, credentials),
			 CV_MECHANISM_CHALLENGE);
	assert_memory_equal(out.data, "r=abcdef", 8);
	first = pool_strdup(pool, cv_text_str(&out));
	return step(client_final(digest, bare, first, "biws", password));
}

static void logs_in_with_stored_keys_and_passwords(void **state)
{
	(void)state;
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, "SCRAM-SHA-256", stored_sha256,
				"pencil"), CV_MECHANISM_OK);
	assert_memory_equal(out.data, "v=", 2);
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, "SCRAM-SHA-256", stored_sha256,
				"pencils"), CV_MECHANISM_FAIL);
	assert_int_equal(out.len, 0);
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, "PLAIN", "pencil", "pencil"),
			 CV_MECHANISM_OK);
	start(&mech_scram_sha_1);
	assert_int_equal(log_in(&sha1, "PLAIN", "pencil", "pencil"),
			 CV_MECHANISM_OK);
	start(&mech_scram_sha_1);
	assert_int_equal(log_in(&sha1, "PLAIN", "pencil", "pencil2"),
			 CV_MECHANISM_FAIL);
	/* [RFC4013 2] the no-break space of the one is the space of the
	 * other, and the soft hyphen nothing */
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, "PLAIN", "a\xc2\xa0" "b\xc2\xad",
				"a b"), CV_MECHANISM_OK);
}

static void nobody_gets_in_whatever_they_know(void **state)
{
	(void)state;
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, NULL, NULL, "of nobody"),
			 CV_MECHANISM_FAIL);
	/* stored keys that are none */
	start(&mech_scram_sha_256);
	assert_int_equal(log_in(&sha256, "SCRAM-SHA-256", "4096,AAAA,BBBB",
				"of nobody"), CV_MECHANISM_FAIL);
	start(&mech_scram_sha_256);
	io.model = CV_SPAN(stored_sha256);
	io.model_scheme = "SCRAM-SHA-256";
	assert_int_equal(log_in(&sha256, NULL, NULL, "pencil"),
			 CV_MECHANISM_FAIL);
}

static const char *salt_of(const char *user, const char *model)
{
	const char *salt;

	start(&mech_scram_sha_256);
	input.user = user;
	io.model = cv_span_of(model);
	io.model_scheme = "SCRAM-SHA-256";
	assert_int_equal(step(CV_SPAN("n,,n=u,r=x")),
			 CV_MECHANISM_CREDENTIALS);
	assert_int_equal(step_with(NULL, NULL), CV_MECHANISM_CHALLENGE);
	salt = strstr(cv_text_str(&out), ",s=");
	assert_non_null(salt);
	return pool_strdup(pool, salt);
}

static void salts_of_nobody_stay_and_look_like_others(void **state)
{
	const char *salt = salt_of("ann", NULL);

	(void)state;
	assert_string_equal(salt, salt_of("ann", NULL));
	assert_string_not_equal(salt, salt_of("bob", NULL));
	assert_non_null(strstr(salt, "==,i=4096"));
	assert_int_equal(strlen(salt), 3 + 24 + 7);
	/* as long, and as often, as those of somebody */
	salt = salt_of("ann", "10000,"
		"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=,"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	assert_non_null(strstr(salt, "=,i=10000"));
	assert_int_equal(strlen(salt), 3 + 44 + 8);
}

static const struct { const char *text; int next; } firsts[] = {
	{ "n,,n=user,r=x", CV_MECHANISM_CREDENTIALS },
	{ "y,,n=user,r=x", CV_MECHANISM_CREDENTIALS },
	{ "n,a=boss,n=user,r=x", CV_MECHANISM_CREDENTIALS },
	{ "n,,n=user,r=x,e=ext,z=2", CV_MECHANISM_CREDENTIALS },
	{ "n,,n=us=2Cer=3D,r=x", CV_MECHANISM_CREDENTIALS },
	{ "n,,n=us=2cer,r=x", CV_E_SYNTAX },
	{ "n,,n=us=er,r=x", CV_E_SYNTAX },
	{ "n,,n=user=,r=x", CV_E_SYNTAX },
	{ "n,,n=,r=x", CV_E_SYNTAX },
	{ "n,,n=user,r=", CV_E_SYNTAX },
	{ "n,,n=user", CV_E_SYNTAX },
	{ "n,,r=x,n=user", CV_E_SYNTAX },
	{ "n,,n=user,r=x y", CV_E_SYNTAX },
	{ "n,,n=user,r=x\x7f", CV_E_SYNTAX },
	/* [RFC5802 5.1] m: an extension that must not be ignored */
	{ "n,,m=ext,n=user,r=x", CV_E_SYNTAX },
	{ "n,,n=user,r=x,m=ext", CV_E_SYNTAX },
	{ "n,,n=user,r=x,", CV_E_SYNTAX },
	{ "n,a=,n=user,r=x", CV_E_SYNTAX },
	{ "n,b=c,n=user,r=x", CV_E_SYNTAX },
	{ "n,n=user,r=x", CV_E_SYNTAX },
	{ "x,,n=user,r=x", CV_E_SYNTAX },
	{ "p=,,n=user,r=x", CV_E_SYNTAX },
	{ "p=a_b,,n=user,r=x", CV_E_SYNTAX },
	/* no binding without -PLUS [RFC5802 6] */
	{ "p=tls-exporter,,n=user,r=x", CV_E_SYNTAX },
	{ "n,,n=u\xff,r=x", CV_E_SYNTAX },
	{ "n,,n=u\x07,r=x", CV_E_SYNTAX },	/* [RFC4013 2.3] */
	{ "", CV_E_SYNTAX }, { ",", CV_E_SYNTAX }, { ",,", CV_E_SYNTAX },
	{ "n", CV_E_SYNTAX }, { "n,,", CV_E_SYNTAX },
};

static void first_message_is_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts); i++) {
		start(&mech_scram_sha_256);
		if (step(cv_span_of(firsts[i].text)) != firsts[i].next)
			fail_msg("'%s'", firsts[i].text);
	}
	start(&mech_scram_sha_1);
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	assert_int_equal(out.len, 0);
	assert_int_equal(step(CV_SPAN("n,a=bo=2Css,n=us=2Cer=3D,r=x")),
			 CV_MECHANISM_CREDENTIALS);
	assert_true(cv_span_is(io.user, "us,er="));
	assert_true(cv_span_is(io.authzid, "bo,ss"));
	start(&mech_scram_sha_1);
	assert_int_equal(step(CV_SPAN("n,,n=a\0b,r=x")), CV_E_SYNTAX);
	start(&mech_scram_sha_1);
	assert_int_equal(step(CV_SPAN("n,,n=ab,r=x\0")), CV_E_SYNTAX);
}

static void messages_are_cut_at_every_byte(void **state)
{
	static const char bare[] = "n=user,r=abcdef";
	struct cv_span last;
	const char *first;

	(void)state;
	for (size_t i = 0; i <= 18; i++) {
		int next;

		start(&mech_scram_sha_256);
		next = step(cv_span("n,,n=user,r=abcdef", i));
		assert_int_equal(next, i > 12 ? CV_MECHANISM_CREDENTIALS :
				 CV_E_SYNTAX);
	}
	for (size_t i = 0;; i++) {
		start(&mech_scram_sha_256);
		assert_int_equal(step(CV_SPAN("n,,n=user,r=abcdef")),
				 CV_MECHANISM_CREDENTIALS);
		assert_int_equal(step_with("SCRAM-SHA-256", stored_sha256),
				 CV_MECHANISM_CHALLENGE);
		first = pool_strdup(pool, cv_text_str(&out));
		last = client_final(&sha256, bare, first, "biws", "pencil");
		if (i == last.len)
			break;
		assert_int_equal(step(cv_span(last.data, i)), CV_E_SYNTAX);
	}
	assert_int_equal(step(last), CV_MECHANISM_OK);
}

/* Nothing of the final message may be another's. */
static void final_message_is_bound_to_the_first(void **state)
{
	static const char bare[] = "n=user,r=abcdef";
	static const char *const channels[] = {
		"eSws", "biwsYQ==", "bg==", "", "cD10bHMtdW5pcXVlLCw=",
	};
	const char *first;
	struct cv_span last;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		start(&mech_scram_sha_256);
		(void)step(CV_SPAN("n,,n=user,r=abcdef"));
		(void)step_with("SCRAM-SHA-256", stored_sha256);
		first = pool_strdup(pool, cv_text_str(&out));
		last = client_final(&sha256, bare, first, channels[i],
				    "pencil");
		assert_int_equal(step(last), CV_MECHANISM_FAIL);
	}
	/* another nonce, with a proof that fits it */
	start(&mech_scram_sha_256);
	(void)step(CV_SPAN("n,,n=user,r=abcdef"));
	(void)step_with("SCRAM-SHA-256", stored_sha256);
	first = "r=abcdefX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
	assert_int_equal(step(client_final(&sha256, bare, first, "biws",
					   "pencil")), CV_E_SYNTAX);
}

static const struct cv_channel_binding bindings[] = {
	{ CV_SPAN("tls-exporter"), CV_SPAN("EKM\0\1\2") },
	{ CV_SPAN("tls-server-end-point"), CV_SPAN("hash") },
};

static int log_in_bound(const char *header, const char *data, size_t len)
{
	static const char bare[] = "n=user,r=abcdef";
	struct cv_text channel, raw;
	const char *first;
	int next;

	start(&mech_scram_sha_256_plus);
	io.bindings = (struct cv_array)CV_ARRAY(bindings);
	next = step(cv_span_of(pool_printf(pool, "%s%s", header, bare)));
	if (next != CV_MECHANISM_CREDENTIALS)
		return next;
	(void)step_with("PLAIN", "pencil");
	first = pool_strdup(pool, cv_text_str(&out));
	cv_text_init(&channel, pool);
	cv_text_init(&raw, pool);
	cv_text_append_str(&raw, header);
	cv_text_append(&raw, data, len);
	base64_encode(&channel, raw.data, raw.len);
	return step(client_final(&sha256, bare, first, cv_text_str(&channel),
				 "pencil"));
}

static void plus_binds_to_the_connection(void **state)
{
	(void)state;
	assert_int_equal(log_in_bound("p=tls-exporter,,", "EKM\0\1\2", 6),
			 CV_MECHANISM_OK);
	assert_int_equal(log_in_bound("p=tls-server-end-point,,", "hash", 4),
			 CV_MECHANISM_OK);
	assert_int_equal(log_in_bound("p=tls-exporter,,", "EKM\0\1\3", 6),
			 CV_MECHANISM_FAIL);
	assert_int_equal(log_in_bound("p=tls-exporter,,", "hash", 4),
			 CV_MECHANISM_FAIL);
	assert_int_equal(log_in_bound("p=tls-exporter,,", "", 0),
			 CV_MECHANISM_FAIL);
	/* [RFC5802 6] a type that there is none of */
	assert_int_equal(log_in_bound("p=tls-unique,,", "", 0),
			 CV_MECHANISM_FAIL);
	assert_int_equal(log_in_bound("n,,", "", 0), CV_E_SYNTAX);
	assert_int_equal(log_in_bound("y,,", "", 0), CV_E_SYNTAX);
}

/* [RFC5802 6] somebody in between has taken -PLUS out of the list */
static void downgrade_is_seen(void **state)
{
	(void)state;
	start(&mech_scram_sha_256);
	io.plus_offered = true;
	assert_int_equal(step(CV_SPAN("y,,n=user,r=x")), CV_MECHANISM_FAIL);
	start(&mech_scram_sha_256);
	io.plus_offered = true;
	assert_int_equal(step(CV_SPAN("n,,n=user,r=x")),
			 CV_MECHANISM_CREDENTIALS);
}

static void stored_keys_are_checked(void **state)
{
	static const char *const bad[] = {
		"", "0,QQ==,x,y", "4096", "4096,", "4096,,a,b", "x,QQ==,a,b",
		"4096,QQ==,QQ==,QQ==", "99999999999,QQ==,QQ==,QQ==",
	};
	struct scram_keys keys;
	size_t len = strlen(stored_sha256);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(scram_keys_parse(&sha256, cv_span_of(bad[i]),
						  pool, &keys, NULL),
				 CV_E_SYNTAX);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(scram_keys_parse(&sha256,
			cv_span(stored_sha256, i), pool, &keys, NULL),
			CV_E_SYNTAX);
	assert_int_equal(scram_keys_parse(&sha256, cv_span_of(pool_printf(
		pool, "%s,", stored_sha256)), pool, &keys, NULL),
		CV_E_SYNTAX);
	assert_int_equal(scram_keys_parse(&sha1, CV_SPAN(stored_sha256),
					  pool, &keys, NULL), CV_E_SYNTAX);
}

static void bindings_travel_as_one_run(void **state)
{
	struct cv_text text, kept;
	struct cv_span rest, name, data;

	(void)state;
	cv_text_init(&text, pool);
	cv_text_init(&kept, pool);
	channel_binding_add(&text, "tls-exporter", "a\0b", 3);
	channel_binding_add(&text, "tls-server-end-point", "c", 1);
	data = channel_binding_find(cv_text_span(&text), "tls-exporter");
	assert_true(cv_span_equal(data, CV_SPAN("a\0b")));
	channel_binding_keep(&kept, cv_text_span(&text));
	assert_int_equal(channel_binding_find(cv_text_span(&kept),
					      "tls-exporter").len, 0);
	assert_int_equal(channel_binding_find(cv_text_span(&kept),
					      "tls-server-end-point").len, 1);
	/* cut short: what is whole comes out */
	for (size_t i = 0; i < text.len; i++) {
		int n = 0;

		rest = cv_span(text.data, i);
		while (channel_binding_next(&rest, &name, &data))
			n++;
		assert_int_equal(n, i >= 17 ? 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SASL_TEST(keys_are_those_of_the_rfcs),
		SASL_TEST(logs_in_with_stored_keys_and_passwords),
		SASL_TEST(nobody_gets_in_whatever_they_know),
		SASL_TEST(salts_of_nobody_stay_and_look_like_others),
		SASL_TEST(first_message_is_strict),
		SASL_TEST(messages_are_cut_at_every_byte),
		SASL_TEST(final_message_is_bound_to_the_first),
		SASL_TEST(plus_binds_to_the_connection),
		SASL_TEST(downgrade_is_seen),
		SASL_TEST(stored_keys_are_checked),
		SASL_TEST(bindings_travel_as_one_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
