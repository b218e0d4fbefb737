/* Tokens taken apart, and their signatures: the examples of the RFC, each cut
 * point, dates, names of keys. */
#include "../../plugins/auth-oauth2/jwt-signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

const struct cv_host *cv_api;
const struct cv_host *module_host(void);

/* (RFC 7515 A.1, A.3) with the same claims */
#define CLAIMS "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l" \
	"eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
static const char hs256[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS
	".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char hs256_key[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+"
	"1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==\n";
static const char es256[] = "eyJhbGciOiJFUzI1NiJ9." CLAIMS
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmW"
	"QxfKTUJqPP3-Kg6NU1Q";
static const char es256_key[] = "-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
	"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
	"-----END PUBLIC KEY-----\n";

static struct cv_pool *pool;

static int set_up(void **state)
{
	(void)state;
	cv_api = module_host();
	pool = cv_api->pool_create("jwt test");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cv_api->pool_destroy(&pool);
	return 0;
}

static int parse(struct cv_span token, struct jwt *jwt)
{
	return jwt_parse(pool, token, jwt, cv_api->error_new(pool));
}

static int verify(const char *token, const char *key)
{
	struct jwt jwt;

	assert_int_equal(parse(cv_span_of(token), &jwt), CV_OK);
	return jwt_verify(&jwt, pool, cv_span_of(key),
			  cv_api->error_new(pool));
}

static void test_examples(void **state)
{
	struct jwt jwt;

	(void)state;
	assert_int_equal(verify(hs256, hs256_key), CV_OK);
	assert_int_equal(verify(es256, es256_key), CV_OK);
	/* the key of one is none for the other */
	assert_int_equal(verify(hs256, es256_key), CV_E_CONFIG);
	assert_int_equal(verify(es256, hs256_key), CV_E_CONFIG);
	assert_int_equal(verify(hs256, ""), CV_E_CONFIG);
	assert_int_equal(parse(cv_span_of(hs256), &jwt), CV_OK);
	assert_string_equal(jwt.alg, "HS256");
	assert_string_equal(jwt.kid, "default");
	assert_string_equal(jwt.azp, "default");
	assert_string_equal(oauth2_json_find(&jwt.claims, CV_SPAN("iss"))
			    ->value, "joe");
	assert_string_equal(oauth2_json_find(&jwt.claims, CV_SPAN(
			    "http://example.com/is_root"))->value, "true");
}

/* A token that was cut anywhere is none, or not signed by the key; nothing
 * behind the end is looked at (each copy has its own block of memory). */
static void cut(const char *token, const char *key)
{
	size_t len = strlen(token);

	for (size_t i = 0; i < len; i++) {
		struct cv_pool *small = cv_api->pool_create("cut");
		char *copy = malloc(i + 1);
		struct jwt jwt;

		assert_non_null(copy);
		memcpy(copy, token, i);
		if (jwt_parse(small, cv_span(copy, i), &jwt, NULL) == CV_OK)
			assert_int_equal(jwt_verify(&jwt, small,
						    cv_span_of(key), NULL),
					 CV_E_DENIED);
		free(copy);
		cv_api->pool_destroy(&small);
	}
}

static void test_each_cut(void **state)
{
	(void)state;
	cut(hs256, hs256_key);
	cut(es256, es256_key);
}

/* Each byte of it counts. */
static void test_each_byte(void **state)
{
	char copy[sizeof(hs256)];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(hs256); i++) {
		struct jwt jwt;

		memcpy(copy, hs256, sizeof(hs256));
		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		if (parse(cv_span(copy, sizeof(hs256) - 1), &jwt) == CV_OK)
			assert_int_not_equal(jwt_verify(&jwt, pool,
					cv_span_of(hs256_key), NULL), CV_OK);
	}
}

static const char *make(const char *header, const char *claims)
{
	struct cv_text text, out;

	cv_text_init(&out, pool);
	cv_text_init(&text, pool);
	cv_api->base64_encode(&text, header, strlen(header));
	cv_text_append_c(&text, '.');
	cv_api->base64_encode(&text, claims, strlen(claims));
	cv_text_append_str(&text, ".AAAA");
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c != '=')
			cv_text_append_c(&out, c == '+' ? '-' :
					 c == '/' ? '_' : c);
	}
	return cv_text_str(&out);
}

static void test_form(void **state)
{
	static const struct { const char *header, *claims; int ret; } cases[] = {
		{ "{\"alg\":\"HS256\"}", "{}", CV_OK },
		{ "{\"alg\":\"HS256\",\"typ\":\"at+JWT\"}", "{}", CV_OK },
		{ "{\"alg\":\"HS256\",\"typ\":\"JOSE\"}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\",\"typ\":1}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"none\"}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"NONE\"}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"\"}", "{}", CV_E_SYNTAX },
		{ "{}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\",\"crit\":[\"x\"]}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\",\"enc\":\"x\"}", "{}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{\"a\":1,\"a\":1}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{\"a\":{\"b\":1,\"b\":2}}",
		  CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{} x", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{\"a\":\"\\u0000\"}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{\"a\":\"\xff\"}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "{\"azp\":[\"x\"]}", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "[]", CV_E_SYNTAX },
		{ "{\"alg\":\"HS256\"}", "", CV_E_SYNTAX },
	};
	struct jwt jwt;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cv_span_of(make(cases[i].header,
						       cases[i].claims)),
				       &jwt), cases[i].ret);
}

static int times(const char *claims, double now)
{
	struct oauth2_members members;

	assert_int_equal(oauth2_json_parse(pool, cv_span_of(claims), &members,
					   NULL), CV_OK);
	return jwt_check_times(&members, now, true, NULL);
}

static void test_dates(void **state)
{
	(void)state;
	assert_int_equal(times("{\"exp\":1000}", 999), CV_OK);
	assert_int_equal(times("{\"exp\":1000}", 1000), CV_E_DENIED);
	assert_int_equal(times("{\"exp\":1000.5}", 1000), CV_OK);
	assert_int_equal(times("{\"exp\":1e300}", 5), CV_E_SYNTAX);
	assert_int_equal(times("{\"exp\":-5}", 5), CV_E_SYNTAX);
	assert_int_equal(times("{\"exp\":\"1000\"}", 5), CV_E_SYNTAX);
	assert_int_equal(times("{}", 5), CV_E_SYNTAX);
	assert_int_equal(times("{\"exp\":1000,\"nbf\":105}", 100), CV_OK);
	assert_int_equal(times("{\"exp\":1000,\"nbf\":106}", 100),
			 CV_E_DENIED);
	assert_int_equal(times("{\"exp\":1000,\"iat\":106}", 100),
			 CV_E_DENIED);
	assert_int_equal(times("{\"exp\":1000,\"iat\":null}", 100),
			 CV_E_SYNTAX);
}

static void test_names_of_keys(void **state)
{
	static const struct { const char *azp, *kid, *name; } cases[] = {
		{ "default", "default", "default/HS256/default" },
		{ "a/b", "c%d", "a%2fb/HS256/c%25d" },
		{ "a", "b/../../c", "a/HS256/b%2f..%2f..%2fc" },
		{ "a", "../c", NULL }, { "..", "c", NULL }, { "a", ".", NULL },
		{ "a", "b\nc", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct jwt jwt = { .alg = "HS256", .azp = cases[i].azp,
			.kid = cases[i].kid };
		struct cv_text name;
		int ret;

		cv_text_init(&name, pool);
		ret = jwt_key_name(&jwt, &name, NULL);
		assert_int_equal(ret, cases[i].name == NULL ? CV_E_DENIED :
				 CV_OK);
		if (cases[i].name != NULL)
			assert_string_equal(cv_text_str(&name),
					    cases[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_examples, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_each_cut, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_each_byte, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_form, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_of_keys, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
