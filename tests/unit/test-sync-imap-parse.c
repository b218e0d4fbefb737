/* test-sync-imap-parse.c - names that another IMAP server has. */
#include "sync/sync-imap-parse.h"

#include <setjmp.h>
#include <cmocka.h>

static void names_become_ours(void **state)
{
	static const struct { const char *prefix, *raw, *name; char sep; }
	t[] = {
		{ "", "inbox", "INBOX", '.' },
		{ "", "a.b/c", "a/b_c", '.' },
		{ "INBOX.", "INBOX.a.b", "a/b", '.' },
		{ "INBOX.", "INBOX.", "INBOX/", '.' },
		/* [RFC3501 5.1.3] */
		{ "", "~peter/&U,BTFw-", "~peter/\xe5\x8f\xb0\xe5\x8c\x97",
		  '/' },
		{ "", "R&-D", "R&D", '/' },
		/* as it stands, each other byte repaired */
		{ "", "R&D", "R&D", '/' },
		{ "", "&AOQ-&APY-.x", "&AOQ-&APY-/x", '.' },
		{ "", "\xc3\xbc.\xff", "\xc3\xbc/\xef\xbf\xbd", '.' },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(sync_imap_name(pool, t[i].prefix,
						   cv_span_of(t[i].raw),
						   t[i].sep), t[i].name);
	assert_null(sync_imap_name(pool, "", cv_span_of(""), '/'));
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
