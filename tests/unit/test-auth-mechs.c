/* test-auth-mechs.c - CRAM-MD5 [RFC2195], DIGEST-MD5 [RFC2831], ANONYMOUS
 * [RFC4505], EXTERNAL [RFC4422 A], OAUTHBEARER [RFC7628], XOAUTH2 and APOP
 * [RFC1939 7], byte by byte. */
#include "sasl-helper.h"
#include "auth/hmac-md5.h"

#include <openssl/evp.h>

static struct auth_settings settings;

static void use_settings(const char *anonymous, struct cv_strings realms)
{
	settings.auth_anonymous_username = anonymous;
	settings.auth_realms = realms;
	auth_mechanisms_init(NULL, &settings, "test.example");
}

/* --- CRAM-MD5 ------------------------------------------------------------- */

static const char *cram_stored(const char *secret)
{
	unsigned char stored[HMAC_MD5_STORED_BYTES];
	struct cv_text text;

	hmac_md5_stored(cv_span_of(secret), stored);
	cv_text_init(&text, pool);
	hex_encode(&text, stored, sizeof(stored));
	return cv_text_str(&text);
}

static const char *cram_answer(const char *secret, const char *challenge)
{
	unsigned char stored[HMAC_MD5_STORED_BYTES], made[MD_DIGEST_BYTES];
	struct cv_text text;

	hmac_md5_stored(cv_span_of(secret), stored);
	hmac_md5_of_stored(stored, cv_span_of(challenge), made);
	cv_text_init(&text, pool);
	hex_encode(&text, made, sizeof(made));
	return cv_text_str(&text);
}

static int cram(const char *secret, const char *credentials)
{
	const char *sent;

	start(&mech_cram_md5);
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	assert_true(out.data[0] == '<' && out.data[out.len - 1] == '>');
	sent = cram_answer(secret, cv_text_str(&out));
	assert_int_equal(step(cv_span_of(pool_printf(pool, "tim b %s", sent))),
			 CV_MECHANISM_CREDENTIALS);
	assert_true(cv_span_is(io.user, "tim b"));
	assert_string_equal(io.scheme, "CRAM-MD5");
	return step_with("CRAM-MD5", credentials);
}

static void cram_md5(void **state)
{
	(void)state;
	/* [RFC2195 2] the example */
	assert_string_equal(cram_answer("tanstaaftanstaaf",
		"<1896.697170952@postoffice.reston.mci.net>"),
		"b913a602c7eda7a495b4e6e7334d3890");
	assert_int_equal(cram("pw", cram_stored("pw")), CV_MECHANISM_OK);
	assert_int_equal(cram("pw", cram_stored("pw2")), CV_MECHANISM_FAIL);
	assert_int_equal(cram("pw", NULL), CV_MECHANISM_FAIL);
	assert_int_equal(cram("pw", "00"), CV_MECHANISM_FAIL);
	assert_int_equal(cram("", NULL), CV_MECHANISM_FAIL);
}

static void cram_md5_is_strict(void **state)
{
	static const char good[] = "tim b913a602c7eda7a495b4e6e7334d3890";

	(void)state;
	for (size_t i = 0; i < sizeof(good); i++) {
		start(&mech_cram_md5);
		(void)step(CV_SPAN_NONE);
		assert_int_equal(step(cv_span(good, i)), i == sizeof(good) - 1
				 ? CV_MECHANISM_CREDENTIALS : CV_E_SYNTAX);
	}
	for (size_t i = 0; i < 3; i++) {
		static const struct cv_span bad[] = {
			CV_SPAN(" b913a602c7eda7a495b4e6e7334d3890"),
			CV_SPAN("t\0m b913a602c7eda7a495b4e6e7334d3890"),
			CV_SPAN("tim b913a602c7eda7a495b4e6e7334d389g"),
		};

		start(&mech_cram_md5);
		(void)step(CV_SPAN_NONE);
		assert_int_equal(step(bad[i]), CV_E_SYNTAX);
	}
}

/* --- DIGEST-MD5 ----------------------------------------------------------- */

static void md5_hex(struct cv_text *dst, struct cv_span text)
{
	unsigned char made[16];

	assert_int_equal(EVP_Digest(text.data, text.len, made, NULL,
				    EVP_md5(), NULL), 1);
	hex_encode(dst, made, 16);
}

/* As a client makes it [RFC2831 2.1.2.1]. */
static const char *digest_of(const char *user, const char *realm,
			     const char *password, const char *nonce,
			     const char *verb)
{
	unsigned char secret[16];
	struct cv_text a1, all;
	const char *text = pool_printf(pool, "%s:%s:%s", user, realm,
				       password);

	assert_int_equal(EVP_Digest(text, strlen(text), secret, NULL,
				    EVP_md5(), NULL), 1);
	cv_text_init(&a1, pool);
	cv_text_init(&all, pool);
	cv_text_append(&a1, secret, 16);
	cv_text_append_f(&a1, ":%s:OA6MHXh6VqTrRk", nonce);
	md5_hex(&all, cv_text_span(&a1));
	cv_text_append_f(&all, ":%s:00000001:OA6MHXh6VqTrRk:auth:", nonce);
	md5_hex(&all, cv_span_of(pool_printf(pool, "%s:imap/"
		"elwood.innosoft.com", verb)));
	cv_text_init(&a1, pool);
	md5_hex(&a1, cv_text_span(&all));
	return cv_text_str(&a1);
}

static const char *begin_digest(void)
{
	struct cv_span rest, nonce = CV_SPAN_NONE;
	const char *at;

	start(&mech_digest_md5);
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	at = strstr(cv_text_str(&out), "nonce=\"");
	assert_non_null(at);
	rest = cv_span_of(at + 7);
	assert_true(cv_span_split(&rest, '"', &nonce));
	return cv_span_copy(pool, nonce);
}

static const char *digest_text(const char *nonce, const char *realm,
			       const char *response, const char *more)
{
	return pool_printf(pool, "charset=utf-8,username=\"chris\",realm=\"%s"
		"\",nonce=\"%s\",nc=00000001,cnonce=\"OA6MHXh6VqTrRk\","
		"digest-uri=\"imap/elwood.innosoft.com\",response=%s,qop=auth"
		"%s", realm, nonce, response, more);
}

static void digest_md5(void **state)
{
	const char *nonce, *realm = "elwood.innosoft.com";

	(void)state;
	use_settings("anonymous", (struct cv_strings){ 0 });
	/* [RFC2831 4] the example */
	assert_string_equal(digest_of("chris", realm, "secret",
				      "OA6MG9tEQGm2hh", "AUTHENTICATE"),
			    "d388dad90d4bbd760a152321f2143af7");
	assert_string_equal(digest_of("chris", realm, "secret",
				      "OA6MG9tEQGm2hh", ""),
			    "ea40f60335c427b5527b84dbabcdfffd");
	for (int i = 0; i < 4; i++) {
		static const char *const secrets[] = {
			"secret", "wrong", NULL,
		};
		bool right = i == 0;
		const char *answer;

		nonce = begin_digest();
		answer = digest_text(nonce, realm, digest_of("chris", realm,
			"secret", nonce, "AUTHENTICATE"), "");
		assert_int_equal(step(cv_span_of(answer)),
				 CV_MECHANISM_CREDENTIALS);
		assert_true(cv_span_is(io.user, "chris"));
		if (i == 3) {
			struct cv_text stored;

			cv_text_init(&stored, pool);
			md5_hex(&stored, CV_SPAN("chris:elwood.innosoft.com"
						 ":secret"));
			assert_int_equal(step_with("DIGEST-MD5",
						   cv_text_str(&stored)),
					 CV_MECHANISM_OK);
			continue;
		}
		assert_int_equal(step_with("PLAIN", secrets[i]), right ?
				 CV_MECHANISM_OK : CV_MECHANISM_FAIL);
		if (right)
			assert_string_equal(cv_text_str(&out), pool_printf(
				pool, "rspauth=%s", digest_of("chris", realm,
				"secret", nonce, "")));
	}
}

static void digest_md5_is_strict(void **state)
{
	static const char *const more[] = {
		",qop=auth", ",username=x", ",", ",x", ",x=", ",x=\"",
		",x=\"\\", ",nc=00000001", ",x=y z",
	};
	const char *nonce, *text;

	(void)state;
	use_settings("anonymous", (struct cv_strings){ 0 });
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		nonce = begin_digest();
		text = digest_text(nonce, "", "d388dad90d4bbd760a152321f2143"
				   "af7", more[i]);
		assert_int_equal(step(cv_span_of(text)), CV_E_SYNTAX);
	}
	/* another nonce, and at every cut */
	nonce = begin_digest();
	assert_int_equal(step(cv_span_of(digest_text("x", "", "d388dad90d4bbd"
		"760a152321f2143af7", ""))), CV_E_SYNTAX);
	for (size_t i = 0;; i++) {
		int next;

		nonce = begin_digest();
		text = digest_text(nonce, "", "d388dad90d4bbd760a152321f2143"
				   "af7", "");
		next = step(cv_span(text, i));
		/* without the last, optional, directive it is whole */
		if (i == strlen(text) - 9 || i == strlen(text)) {
			assert_int_equal(next, CV_MECHANISM_CREDENTIALS);
			if (i == strlen(text))
				break;
			continue;
		}
		assert_int_equal(next, CV_E_SYNTAX);
	}
}

static void digest_md5_has_realms(void **state)
{
	static const char *const names[] = { "a.example", "b.example" };
	const char *nonce, *response = "d388dad90d4bbd760a152321f2143af7";

	(void)state;
	use_settings("anonymous", (struct cv_strings){ .items =
		(void *)names, .count = 2 });
	nonce = begin_digest();
	assert_non_null(strstr(cv_text_str(&out),
			       "realm=\"a.example\",realm=\"b.example\","));
	assert_int_equal(step(cv_span_of(digest_text(nonce, "b.example",
		response, ""))), CV_MECHANISM_CREDENTIALS);
	assert_true(cv_span_is(io.user, "chris@b.example"));
	nonce = begin_digest();
	assert_int_equal(step(cv_span_of(digest_text(nonce, "c.example",
		response, ""))), CV_E_SYNTAX);
	use_settings("anonymous", (struct cv_strings){ 0 });
}

/* --- without a password --------------------------------------------------- */

static void anonymous(void **state)
{
	(void)state;
	use_settings("guest", (struct cv_strings){ 0 });
	start(&mech_anonymous);
	input.remote_ip = "192.0.2.1";
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	assert_int_equal(step(CV_SPAN("sirhc\r\nfake line")),
			 CV_MECHANISM_OK);
	assert_true(cv_span_is(io.user, "guest"));
	assert_int_equal(out.len, 0);
	start(&mech_anonymous);
	assert_int_equal(step(CV_SPAN("\xff")), CV_E_SYNTAX);
	start(&mech_anonymous);
	assert_int_equal(step(cv_span_of(pool_printf(pool, "%01021d", 0))),
			 CV_E_SYNTAX);
	use_settings("", (struct cv_strings){ 0 });
	start(&mech_anonymous);
	assert_int_equal(step(CV_SPAN("")), CV_MECHANISM_FAIL);
}

static void external(void **state)
{
	(void)state;
	start(&mech_external);
	input.cert_valid = true;
	input.cert_name = "alice";
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	assert_int_equal(step(CV_SPAN("")), CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "alice"));
	assert_int_equal(io.authzid.len, 0);
	assert_true(io.password.data != NULL && io.password.len == 0);
	start(&mech_external);
	input.cert_valid = true;
	input.cert_name = "alice";
	assert_int_equal(step(CV_SPAN("bob")), CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "alice"));
	assert_true(cv_span_is(io.authzid, "bob"));
	/* [security.md A25] no name in the certificate, none at all */
	start(&mech_external);
	input.cert_valid = true;
	assert_int_equal(step(CV_SPAN("bob")), CV_MECHANISM_FAIL);
	start(&mech_external);
	input.cert_name = "alice";
	assert_int_equal(step(CV_SPAN("")), CV_MECHANISM_FAIL);
	assert_int_equal(io.user.len, 0);
	start(&mech_external);
	input.cert_valid = true;
	input.cert_name = "alice";
	assert_int_equal(step(CV_SPAN("a\0b")), CV_E_SYNTAX);
}

/* --- tokens --------------------------------------------------------------- */

#define BEARER "n,a=user@example.com,\1host=server.example.com\1port=143\1" \
	"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
#define GOOGLE "user=user@example.com\1auth=Bearer vF9dft4\1\1"

static void oauthbearer(void **state)
{
	static const struct cv_span bad[] = {
		CV_SPAN(""), CV_SPAN("\1"), CV_SPAN("n,,\1auth=Bearer x\1\1"),
		CV_SPAN("p=tls-exporter,a=u,\1auth=Bearer x\1\1"),
		CV_SPAN("n,a=u,\1auth=Basic x\1\1"),
		CV_SPAN("n,a=u,\1auth=Bearer \1\1"),
		CV_SPAN("n,a=u,\1auth=Bearer a b\1\1"),
		CV_SPAN("n,a=u,\1auth=Bearer a=b\1\1"),
		CV_SPAN("n,a=u,\1auth=Bearer a\1auth=Bearer b\1\1"),
		CV_SPAN("n,a=u,\1auth=Bearer a\1\1x"),
		CV_SPAN("n,a=u,\1auth=Bearer a\0\1\1"),
		CV_SPAN("n,a=u,\1a b=c\1auth=Bearer a\1\1"),
		CV_SPAN("n,a=u,\1x\1auth=Bearer a\1\1"),
	};

	(void)state;
	/* [RFC7628 4.1] the example */
	start(&mech_oauthbearer);
	assert_int_equal(step(CV_SPAN_NONE), CV_MECHANISM_CHALLENGE);
	assert_int_equal(step(CV_SPAN(BEARER)), CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "user@example.com"));
	assert_int_equal(io.authzid.len, 0);
	assert_true(cv_span_is(io.password, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzd"
			       "GEuY29tCg=="));
	assert_true(cv_span_is(io.fail_data,
			       "{\"status\":\"invalid_token\"}"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		start(&mech_oauthbearer);
		assert_int_equal(step(bad[i]), CV_E_SYNTAX);
		assert_null(io.password.data);
	}
	for (size_t i = 0; i < sizeof(BEARER) - 1; i++) {
		start(&mech_oauthbearer);
		assert_int_equal(step(cv_span(BEARER, i)), CV_E_SYNTAX);
	}
}

static void xoauth2(void **state)
{
	(void)state;
	start(&mech_xoauth2);
	assert_int_equal(step(CV_SPAN(GOOGLE)), CV_MECHANISM_VERIFY);
	assert_true(cv_span_is(io.user, "user@example.com"));
	assert_true(cv_span_is(io.password, "vF9dft4"));
	for (size_t i = 0; i < sizeof(GOOGLE) - 1; i++) {
		start(&mech_xoauth2);
		assert_int_equal(step(cv_span(GOOGLE, i)), CV_E_SYNTAX);
	}
	start(&mech_xoauth2);
	assert_int_equal(step(CV_SPAN("user=a\1user=b\1auth=Bearer x\1\1")),
			 CV_E_SYNTAX);
}

/* --- APOP ----------------------------------------------------------------- */

static void apop(void **state)
{
	/* [RFC1939 7] the example: c4c9334bac560ecc979e58001b3e22fb */
	static const char in[] = "<1896.697170952@dbc.mtview.ca.us>\0mrose\0"
		"\xc4\xc9\x33\x4b\xac\x56\x0e\xcc\x97\x9e\x58\x00\x1b\x3e\x22"
		"\xfb";
	static const char *const secrets[] = { "tanstaaf", "wrong", NULL };
	size_t len = sizeof(in) - 1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		start(&mech_apop);
		assert_int_equal(step(cv_span(in, len)),
				 CV_MECHANISM_CREDENTIALS);
		assert_true(cv_span_is(io.user, "mrose"));
		assert_string_equal(io.scheme, "PLAIN");
		assert_int_equal(step_with("PLAIN", secrets[i]), i == 0 ?
				 CV_MECHANISM_OK : CV_MECHANISM_FAIL);
	}
	for (size_t i = 0; i < len; i++) {
		start(&mech_apop);
		assert_int_equal(step(cv_span(in, i)), CV_E_SYNTAX);
	}
	start(&mech_apop);
	assert_int_equal(step(CV_SPAN_NONE), CV_E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SASL_TEST(cram_md5), SASL_TEST(cram_md5_is_strict),
		SASL_TEST(digest_md5), SASL_TEST(digest_md5_is_strict),
		SASL_TEST(digest_md5_has_realms),
		SASL_TEST(anonymous), SASL_TEST(external),
		SASL_TEST(oauthbearer), SASL_TEST(xoauth2), SASL_TEST(apop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
