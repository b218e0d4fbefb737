/* test-imap-url.c - URLs of messages and their parts [RFC5092]. */
#include "imap-mock-session.h"
#include "imap-url.h"

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
	"imap://host/INBOX/;UID=1", "/INBOX", "/INBOX/", "/INBOX;UID=1",
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
		struct imap_url url;

		if (!imap_url_parse(pool, cv_span_of(good[i].text), &url))
			fail_msg("%s", good[i].text);
		assert_string_equal(url.mailbox, good[i].mailbox);
		assert_true(cv_span_is(url.section, good[i].section));
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
		struct imap_url url;

		if (imap_url_parse(pool, cv_span_of(bad[i]), &url))
			fail_msg("%s", bad[i]);
	}
	pool_destroy(&pool);
}

/* Cut at every point, in memory that ends there. */
static void cut_urls_are_read_no_further(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t len = strlen(good[i].text);

		for (size_t cut = 0; cut <= len; cut++) {
			char *text = malloc(cut + 1);
			struct imap_url url;

			assert_non_null(text);
			memcpy(text, good[i].text, cut);
			(void)imap_url_parse(pool, cv_span(text, cut), &url);
			free(text);
		}
	}
	pool_destroy(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_understood),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(cut_urls_are_read_no_further),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
