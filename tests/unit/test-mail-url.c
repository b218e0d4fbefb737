/* test-mail-url.c - URLs of messages and their parts [RFC5092], with
 * authorization [RFC4467], sections, and structures of parts. */
#include "base.h"
#include "mailbox/mail-structure.h"
#include "mailbox/mail-url.h"

#include <stdlib.h>

#include <setjmp.h>
#include <cmocka.h>

static const struct {
	const char *text, *mailbox, *section;
	uint32_t uidvalidity, uid, start, count;
	bool partial;
} good[] = {
	/* [RFC4469 A], [RFC5092 10] */
	{ "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts",
	  "HEADER", 385759045, 20, 0, 0, false },
	{ "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME", "Drafts",
	  "1.MIME", 385759045, 20, 0, 0, false },
	{ "/Drafts;UIDVALIDITY=385759045/;UID=30", "Drafts", "", 385759045,
	  30, 0, 0, false },
	{ "/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
	  "gray-council", "", 385759045, 20, 0, 1024, true },
	{ "/INBOX/;uid=20/;section=1.2", "INBOX", "1.2", 0, 20, 0, 0, false },
	{ "/inbox/;UID=1/;Section=1/;partial=5", "INBOX", "1", 0, 1, 5, 0,
	  true },
	{ "/a/b/;UID=4294967295", "a/b", "", 0, 4294967295u, 0, 0, false },
	{ "/%C3%A9t%c3%a9%2Fx%3B/;UID=1", "été/x;", "", 0, 1, 0, 0, false },
	{ "/x/;UID=1/;SECTION=HEADER.FIELDS%20(Subject%20To)", "x",
	  "HEADER.FIELDS (Subject To)", 0, 1, 0, 0, false },
	{ "/a%2F..%2Fb/;UID=1", "a/../b", "", 0, 1, 0, 0, false },
};

static const char *const bad[] = {
	"", "/", "INBOX/;UID=1", ";UID=1", "//host/INBOX/;UID=1",
	"imap:///INBOX/;UID=1", "/INBOX", "/INBOX/", "/INBOX;UID=1",
	"/;UID=1", "//;UID=1", "/INBOX/;UID=0", "/INBOX/;UID=01",
	"/INBOX/;UID=", "/INBOX/;UID=x", "/INBOX/;UID=4294967296",
	"/INBOX/;UID=1x", "/INBOX/;UID=1/", "/INBOX/;UID=1/;SECTION=",
	"/INBOX/;UID=1;SECTION=1", "/INBOX/;UID=1/;SECTION=1;PARTIAL=0",
	"/INBOX/;UID=1/;SECTION=1/;PARTIAL=", "/INBOX/;UID=1/;PARTIAL=0.0",
	"/INBOX/;UID=1/;PARTIAL=0.", "/INBOX/;UID=1/;PARTIAL=0.1/",
	"/INBOX/;UID=1/;PARTIAL=0.1/;SECTION=1", "/INBOX/;UID=1?x",
	"/INBOX;UIDVALIDITY=0/;UID=1", "/INBOX;UIDVALIDITY=/;UID=1",
	"/INBOX;UIDVALIDITY=1;UID=1", "/INBOX;X=1/;UID=1", "/%00/;UID=1",
	"/%/;UID=1", "/%4/;UID=1", "/%zz/;UID=1", "/%ff/;UID=1",
	"/%C3/;UID=1", "/a b/;UID=1", "/a\x01/;UID=1", "/\xc3\xa9/;UID=1",
	"/../x/;UID=1", "/a/./b/;UID=1", "/a\"b/;UID=1", "/a]b/;UID=1",
	"/INBOX/;UID=1/;SECTION=a b", "/INBOX/;UID=1/;EXPIRE=x",
};

static void good_urls_are_understood(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct cv_url url;

		if (!mail_url_parse(pool, cv_span_of(good[i].text), &url))
			fail_msg("%s", good[i].text);
		assert_string_equal(url.mailbox, good[i].mailbox);
		assert_string_equal(url.section, good[i].section);
		assert_false(url.has_server);
		assert_int_equal(url.uidvalidity, good[i].uidvalidity);
		assert_int_equal(url.uid, good[i].uid);
		assert_int_equal(url.partial, good[i].partial);
		assert_int_equal(url.start, good[i].start);
		assert_int_equal(url.count, good[i].count);
	}
	pool_destroy(&pool);
}

static void bad_urls_are_refused(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cv_url url;

		if (mail_url_parse(pool, cv_span_of(bad[i]), &url))
			fail_msg("%s", bad[i]);
	}
	pool_destroy(&pool);
}

#define BASE "imap://joe@example.com/INBOX/;uid=20"
#define TOKEN "91354a473744909de610943775f92038"

static const struct {
	const char *text, *user, *host, *access_user, *rump, *token;
	uint32_t port, access;
	int64_t expire;
} servers[] = {
	{ "imap://example.com/INBOX/;uid=20", "", "example.com", "", "", "",
	  0, 0, 0 },
	{ "IMAP://joe;AUTH=*@example.com:993/INBOX/;uid=20", "joe",
	  "example.com", "", "", "", 993, 0, 0 },
	{ "imap://;auth=PLAIN@[2001:db8::1]:143/INBOX/;uid=20", "",
	  "[2001:db8::1]", "", "", "", 143, 0, 0 },
	{ "imap://[::1]/INBOX/;uid=20", "", "[::1]", "", "", "", 0, 0, 0 },
	{ "imap://j%40x.org@h/INBOX/;uid=20", "j@x.org", "h", "", "", "",
	  0, 0, 0 },
	/* [RFC4467 7] */
	{ BASE "/;section=1.2;urlauth=submit+fred:internal:" TOKEN, "joe",
	  "example.com", "fred", BASE "/;section=1.2;urlauth=submit+fred",
	  TOKEN, 0, CV_URL_ACCESS_SUBMIT, 0 },
	{ BASE "/;section=1.2;urlauth=submit+fred", "joe", "example.com",
	  "fred", BASE "/;section=1.2;urlauth=submit+fred", "", 0,
	  CV_URL_ACCESS_SUBMIT, 0 },
	{ BASE ";URLAUTH=user+g%C3%BCn:X-Y.1:" TOKEN "00", "joe",
	  "example.com", "g\xc3\xbcn", BASE ";URLAUTH=user+g%C3%BCn",
	  TOKEN "00", 0, CV_URL_ACCESS_USER, 0 },
	{ BASE "/;PARTIAL=1.2;EXPIRE=2006-05-31T23:59:59Z;URLAUTH=authuser",
	  "joe", "example.com", "",
	  BASE "/;PARTIAL=1.2;EXPIRE=2006-05-31T23:59:59Z;URLAUTH=authuser",
	  "", 0, CV_URL_ACCESS_AUTHUSER, 1149119999 },
	{ BASE "/;SECTION=1;expire=2006-06-01t01:59:59.75+02:00;"
	  "URLAUTH=AnonymouS:internal:" TOKEN, "joe", "example.com", "",
	  BASE "/;SECTION=1;expire=2006-06-01t01:59:59.75+02:00;"
	  "URLAUTH=AnonymouS", TOKEN, 0, CV_URL_ACCESS_ANONYMOUS,
	  1149119999 },
};

static const char *const bad_servers[] = {
	"imap:", "imap:/", "imap://", "imap://host", "imap://host/",
	"imap://@host/INBOX/;uid=1", "imap://joe@/INBOX/;uid=1",
	"imap://a@b@c/INBOX/;uid=1", "imap://joe;AUTH=@h/INBOX/;uid=1",
	"imap://joe;x@h/INBOX/;uid=1", "imap://h:/INBOX/;uid=1",
	"imap://h:0/INBOX/;uid=1", "imap://h:65536/INBOX/;uid=1",
	"imap://h:1x/INBOX/;uid=1", "imap://::1/INBOX/;uid=1",
	"imap://[/INBOX/;uid=1", "imap://%00@h/INBOX/;uid=1",
	"imap://%ff@h/INBOX/;uid=1", "imap://h//;uid=1",
	"imaps://h/INBOX/;uid=1",
	/* nobody's, or of no server */
	"imap://example.com/INBOX/;uid=1;URLAUTH=anonymous",
	"imap://;AUTH=*@example.com/INBOX/;uid=1;URLAUTH=anonymous",
	"/INBOX/;uid=1;URLAUTH=anonymous",
	BASE ";URLAUTH=", BASE ";URLAUTH=:internal:" TOKEN,
	BASE ";URLAUTH=submit+", BASE ";URLAUTH=user+:internal:" TOKEN,
	BASE ";URLAUTH=user+a/b", BASE ";URLAUTH=user+a@b",
	BASE ";URLAUTH=user", BASE ";URLAUTH=authuser+x",
	BASE ";URLAUTH=anonymous:", BASE ";URLAUTH=anonymous:internal",
	BASE ";URLAUTH=anonymous:internal:", BASE ";URLAUTH=anonymous::"
	TOKEN, BASE ";URLAUTH=anonymous:in_ternal:" TOKEN,
	BASE ";URLAUTH=anonymous:internal:9135",
	BASE ";URLAUTH=anonymous:internal:" TOKEN "x",
	BASE ";URLAUTH=anonymous:internal:" TOKEN ":00",
	BASE "/;URLAUTH=anonymous", BASE ";EXPIRE=2006-05-31T23:59:59Z",
	BASE ";EXPIRE=;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-13-31T23:59:59Z;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31T24:59:59Z;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31T23:59:59;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31T23:59:59.Z;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31T23:59:59+1:00;URLAUTH=anonymous",
	BASE ";EXPIRE=2006-05-31T23:59:59Zx;URLAUTH=anonymous",
	BASE ";URLAUTH=anonymous;EXPIRE=2006-05-31T23:59:59Z",
	BASE ";URLAUTH=anonymous:internal:" TOKEN "?x",
};

static void urls_with_a_server_say_whose_they_are(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct cv_url url;

		if (!mail_url_parse(pool, cv_span_of(servers[i].text), &url))
			fail_msg("%s", servers[i].text);
		assert_true(url.has_server);
		assert_string_equal(url.user, servers[i].user);
		assert_true(cv_span_is(url.host, servers[i].host));
		assert_int_equal(url.port, servers[i].port);
		assert_int_equal(url.uid, 20);
		assert_int_equal(url.access, servers[i].access);
		assert_string_equal(url.access_user, servers[i].access_user);
		assert_true(cv_span_is(url.rump, servers[i].rump));
		assert_true(cv_span_is(url.token, servers[i].token));
		assert_int_equal(url.expires, servers[i].expire != 0);
		assert_int_equal(url.expire, servers[i].expire);
	}
	for (size_t i = 0; i < sizeof(bad_servers) / sizeof(bad_servers[0]);
	     i++) {
		struct cv_url url;

		if (mail_url_parse(pool, cv_span_of(bad_servers[i]), &url))
			fail_msg("%s", bad_servers[i]);
	}
	pool_destroy(&pool);
}

static void what_is_too_long_is_none(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_url url;
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_c(&text, '/');
	while (text.len < CV_URL_BYTES_MAX - 7)
		cv_text_append_c(&text, 'a');
	cv_text_append_str(&text, "/;UID=1");
	assert_int_equal(text.len, CV_URL_BYTES_MAX);
	assert_true(mail_url_parse(pool, cv_text_span(&text), &url));
	cv_text_append_c(&text, '1');
	assert_false(mail_url_parse(pool, cv_text_span(&text), &url));
	while (text.len < 1 << 20)
		cv_text_append_c(&text, '1');
	assert_false(mail_url_parse(pool, cv_text_span(&text), &url));
	pool_destroy(&pool);
}

static void cut_everywhere(struct cv_pool *pool, const char *whole)
{
	size_t len = strlen(whole);

	for (size_t cut = 0; cut <= len; cut++) {
		char *text = malloc(cut == 0 ? 1 : cut);
		struct cv_section section = { CV_SIZED(cv_section) };
		struct cv_url url;

		assert_non_null(text);
		memcpy(text, whole, cut);
		(void)mail_url_parse(pool, cv_span(text, cut), &url);
		(void)mail_section_parse(pool, cv_span(text, cut), &section);
		free(text);
	}
}

/* Cut at every point, in memory that ends there. */
static void cut_urls_are_read_no_further(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cut_everywhere(pool, good[i].text);
		cut_everywhere(pool, good[i].section);
	}
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		cut_everywhere(pool, servers[i].text);
	pool_destroy(&pool);
}

#define LEAF "(\"text\" \"plain\" (\"a\" \") (\\\"\") NIL {3}\r\n)\"( " \
	"\"7bit\" 5 1)"
#define PNG "(\"image\" \"png\" NIL NIL NIL \"base64\" 164)"
#define INNER "(" PNG LEAF " \"mixed\")"
#define RFC822 "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 900 (NIL " \
	"NIL) " INNER " 9)"
#define PLAIN822 "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7bit\" 9 (NIL) " \
	LEAF " 9)"
#define TREE "(" LEAF RFC822 PLAIN822 " \"mixed\")"

static const struct {
	const char *body;
	uint32_t part[4], count;
	const char *found;
} parts[] = {
	{ LEAF, { 0 }, 0, LEAF }, { LEAF, { 1 }, 1, LEAF },
	{ LEAF, { 2 }, 1, "" }, { LEAF, { 1, 1 }, 2, "" },
	{ TREE, { 0 }, 0, TREE }, { TREE, { 1 }, 1, LEAF },
	{ TREE, { 2 }, 1, RFC822 }, { TREE, { 2, 1 }, 2, PNG },
	{ TREE, { 2, 2 }, 2, LEAF }, { TREE, { 2, 3 }, 2, "" },
	{ TREE, { 2, 1, 1 }, 3, "" }, { TREE, { 3 }, 1, PLAIN822 },
	{ TREE, { 3, 1 }, 2, LEAF }, { TREE, { 3, 2 }, 2, "" },
	{ TREE, { 4 }, 1, "" }, { TREE, { 5 }, 1, "" },
	{ TREE, { 4000000000u }, 1, "" },
	{ RFC822, { 1 }, 1, RFC822 }, { RFC822, { 1, 1 }, 2, PNG },
	{ "", { 1 }, 1, "" }, { "(", { 1 }, 1, "(" },
};

static void a_part_of_a_structure_is_found(void **state)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct cv_span found = mail_structure_part(
			cv_span_of(parts[i].body), parts[i].part,
			parts[i].count);

		if (!cv_span_is(found, parts[i].found))
			fail_msg("%zu: %.*s", i, CV_SPAN_ARG(found));
	}
}

static void cut_structures_are_read_no_further(void **state)
{
	static const uint32_t part[] = { 2, 1 };
	const struct mail_decoded d = { .bytes = 1 };
	struct cv_pool *pool = pool_create("test");

	for (size_t cut = 1; cut <= strlen(TREE); cut++) {
		char *text = malloc(cut);
		struct cv_text out;

		assert_non_null(text);
		memcpy(text, TREE, cut);
		cv_text_init(&out, pool);
		for (uint32_t count = 0; count < 3; count++)
			(void)mail_structure_part(cv_span(text, cut), part,
						  count);
		mail_structure_decoded(&out, cv_span(text, cut), &d);
		free(text);
	}
	pool_destroy(&pool);
}

/* [RFC5524 3.2] */
static void what_is_decoded_has_an_identity_encoding(void **state)
{
	static const struct { const char *from, *to; bool nul; } all[] = {
		{ PNG, "(\"image\" \"png\" NIL NIL NIL \"binary\" 123)",
		  true },
		{ PNG, "(\"image\" \"png\" NIL NIL NIL \"8bit\" 123)",
		  false },
		{ "(\"text\" \"x\" NIL NIL NIL \"quoted-printable\" 9 8)",
		  "(\"text\" \"x\" NIL NIL NIL \"8bit\" 123 4)", false },
		{ LEAF, LEAF, false }, { INNER, INNER, true },
		{ RFC822, RFC822, true },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct mail_decoded d = { 123, 4, all[i].nul };
		struct cv_text out;

		cv_text_init(&out, pool);
		mail_structure_decoded(&out, cv_span_of(all[i].from), &d);
		assert_string_equal(cv_text_str(&out), all[i].to);
	}
	pool_destroy(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_understood),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(urls_with_a_server_say_whose_they_are),
		cmocka_unit_test(what_is_too_long_is_none),
		cmocka_unit_test(cut_urls_are_read_no_further),
		cmocka_unit_test(a_part_of_a_structure_is_found),
		cmocka_unit_test(cut_structures_are_read_no_further),
		cmocka_unit_test(what_is_decoded_has_an_identity_encoding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
