/* Filters, names and fields: whatever the values are, they stay values. */
#include "../../plugins/auth-ldap/ldap-attrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

const struct cv_host *cv_api;
const struct cv_host *module_host(void);

/* %u and %n are the context's text; %d is a domain. */
static int expand(const struct ldap_values *values, const char *variable,
		  struct cv_text *out, struct cv_error *err)
{
	(void)err;
	cv_text_append_str(out, strcmp(variable, "%d") == 0 ?
			   "mail.example.com" : (const char *)
			   values->context);
	return CV_OK;
}

static int modify(const struct ldap_values *values, const char *variable,
		  const char *value, struct cv_text *out,
		  struct cv_error *err)
{
	(void)values;
	(void)err;
	cv_text_append_f(out, "[%s %s]", variable, value);
	return CV_OK;
}

/* What comes out, or "!" and the class of the failure. */
static const char *expanded(struct cv_pool *pool, uint32_t kind,
			    const char *text, const char *value)
{
	const struct ldap_values values = { expand, modify, value };
	struct ldap_template template;
	struct cv_text out;
	int ret;

	cv_text_init(&out, pool);
	ret = ldap_template_parse(pool, text, kind, &template, NULL);
	if (ret == CV_OK)
		ret = ldap_template_expand(&template, pool, &values, NULL,
					   CV_SPAN_NONE, &out, NULL);
	if (ret == CV_OK)
		return cv_text_str(&out);
	cv_text_init(&out, pool);
	cv_text_append_f(&out, "!%d", ret);
	return cv_text_str(&out);
}

enum { FILTER = LDAP_TEMPLATE_FILTER, DN = LDAP_TEMPLATE_DN };

static const struct {
	uint32_t kind;
	const char *text, *value, *want;
} templates[] = {
	{ FILTER, "(uid=%u)", "alice", "(uid=alice)" },
	{ FILTER, "(uid=%u)", "*", "(uid=\\2a)" },
	{ FILTER, "(uid=%u)", "a)(uid=*", "(uid=a\\29\\28uid\\3d\\2a)" },
	{ FILTER, "(uid=%u)", "\\2a", "(uid=\\5c2a)" },
	{ FILTER, "(uid=%u)", "\xc3\xa4", "(uid=\\c3\\a4)" },
	{ FILTER, "(uid=%u)", "\xc0\xaa", "!-3" },
	{ FILTER, "(uid=%Lu)", " a ", "(uid=\\20a\\20)" },
	{ FILTER, "(&(a=%n*)(b=100%%))", "x", "(&(a=x*)(b=100%))" },
	{ FILTER, "uid=%{user}", "x", "uid=x" },
	{ FILTER, "(uid=%u", "x", "!-6" },
	{ FILTER, "(uid=%u))", "x", "!-6" },
	{ FILTER, "(uid=%{ldap:x})", "x", "!-6" },
	{ FILTER, "(uid=%$)", "x", "!-6" },
	{ DN, "uid=%u,dc=x", "a,ou=b", "uid=a\\2cou\\3db,dc=x" },
	{ DN, "uid=%u,dc=x", "#a+b \"<>;\\", "uid=\\23a\\2bb\\20\\22\\3c\\3e"
		"\\3b\\5c,dc=x" },
	{ DN, "uid=%u,dc=x", "", "!-3" },
	{ DN, "uid=a,dc=%Dd", "x", "uid=a,dc=mail,dc=example,dc=com" },
	{ DN, "uid=a,dc=%Du", "a..b", "!-3" },
	{ DN, "uid=a,dc=%Du", "a,b.c", "uid=a,dc=a\\2cb,dc=c" },
	{ DN, "dc=example", "x", "dc=example" },
};

static void escape(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
		assert_string_equal(expanded(pool, templates[i].kind,
					     templates[i].text,
					     templates[i].value),
				    templates[i].want);
	cv_api->pool_destroy(&pool);
}

/* Every byte, in the middle of a value: nothing but harmless ones and hex. */
static void escape_bytes(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	const char *out;

	(void)state;
	for (int c = 1; c < 128; c++) {
		char value[] = { 'a', (char)c, 'b', '\0' };

		for (uint32_t kind = FILTER; kind <= DN; kind++) {
			out = expanded(pool, kind, "u=%u", value);
			assert_true(strlen(out) == 5 || strlen(out) == 7);
			assert_int_equal(strcspn(out + 2, "*()\\,=+<>;\"# "),
					 strlen(out) == 7 ? 1 : 3);
		}
	}
	cv_api->pool_destroy(&pool);
}

/* --- fields ------------------------------------------------------------------- */

static const struct cv_span mails[] = {
	{ "A@x", 3 }, { "b@x", 3 },
}, names[] = { { "alice", 5 } }, pointers[] = { { "uid", 3 } },
	nul[] = { { "a\0b", 3 } };
static const struct ldap_attr attrs[] = {
	{ "uid", names, 1 }, { "mail", mails, 2 }, { "ptr", pointers, 1 },
	{ "nul", nul, 1 },
};
static const struct ldap_entry entry = { "uid=alice,dc=x", attrs, 4 };

static int take(const struct ldap_taker *taker, const char *name,
		const struct cv_span *values, uint32_t count,
		struct cv_error *err)
{
	struct cv_text *out = taker->context;

	(void)err;
	cv_text_append_f(out, "%s%s=", out->len > 0 ? " " : "", name);
	for (uint32_t i = 0; i < count; i++)
		cv_text_append_f(out, "%s%.*s", i > 0 ? "|" : "",
				 CV_SPAN_ARG(values[i]));
	return CV_OK;
}

static const char *applied(struct cv_pool *pool, const char *text)
{
	const struct ldap_values values = { expand, modify, "V" };
	struct ldap_taker taker = { take, NULL };
	struct ldap_attrs parsed;
	struct cv_text out;
	int ret;

	cv_text_init(&out, pool);
	taker.context = &out;
	ret = ldap_attrs_parse(pool, text, "password", &parsed, NULL);
	if (ret == CV_OK)
		ret = ldap_attrs_apply(&parsed, pool, &values, &entry, &taker,
				       NULL);
	if (ret != CV_OK)
		return "!";
	cv_text_append_str(&out, " /");
	for (size_t i = 0; parsed.wanted[i] != NULL; i++)
		cv_text_append_f(&out, " %s", parsed.wanted[i]);
	return cv_text_str(&out);
}

static const struct { const char *text, *want; } lists[] = {
	{ "uid=user", "user=alice / uid" },
	{ " uid = user , mail=m", "user=alice m=A@x|b@x / uid mail" },
	{ "UID", "UID=alice / UID" },
	{ "uid=user,", "user=alice / uid" },
	{ "=home=/srv/%u", "home=/srv/V / 1.1" },
	{ "=home=/srv/%{ldap:uid}/%{ldap:UID}", "home=/srv/alice/alice / uid" },
	{ "=a=%{ldap:no:x:y}", "a=x:y / no" },
	{ "=a=%{ldap:no}", "a= / no" },
	{ "=a=%{ldap_multi:mail:,:none},uid=u", "a=A@x,b@x u=alice / mail uid" },
	{ "=a=%{ldap_multi:no:,:none}", "a=none / no" },
	{ "=a=%{ldap_ptr:ptr},!uid", "a=alice / ptr uid" },
	{ "=a=%{ldap_dn}", "a=uid=alice,dc=x / 1.1" },
	{ "uid=a=<%$>", "a=<alice> / uid" },
	{ "uid=a=pre-", "a=pre-alice / uid" },
	{ "uid=a={CRYPT}", "a={CRYPT}alice / uid" },
	{ "uid=a=%L$", "a=[%Lu alice] / uid" },
	{ "=a=%Lu%5L{ldap:uid}", "a=V[%5Lu alice] / uid" },
	{ "no=a=x%{ldap:uid}", " / no uid" },
	{ "=nopassword", "nopassword=yes / 1.1" },
	{ "=a=100%%", "a=100% / 1.1" },
	{ "=a=b=c", "a=b=c / 1.1" },
	{ "userPassword=password,uid=user", "user=alice / uid" },
	{ "", " / 1.1" },
	{ "@x=%{ldap:y}", "!" }, { "=a=%{ldap:b@x}", "!" },
	{ "=a=%{if;%{ldap:uid};eq;a;b;c}", "!" }, { "=a=%$", "!" },
	{ "uid=", "!" }, { "=", "!" }, { "a b=c", "!" }, { "=a=%{ldap:}", "!" },
	{ "nul=a=%$", "!" }, { "=a=%{ldap:nul}", "!" },
};

static void make_fields(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_string_equal(applied(pool, lists[i].text),
				    lists[i].want);
	cv_api->pool_destroy(&pool);
}

/* Ended anywhere, a list is a list or a mistake. */
static void cut_lists(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		size_t len = strlen(lists[i].text);

		for (size_t n = 0; n < len; n++)
			assert_non_null(applied(pool, cv_span_copy(
				pool, cv_span(lists[i].text, n))));
	}
	cv_api->pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape), cmocka_unit_test(escape_bytes),
		cmocka_unit_test(make_fields), cmocka_unit_test(cut_lists),
	};

	cv_api = module_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
