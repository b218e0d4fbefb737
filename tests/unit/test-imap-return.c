/* test-imap-return.c - RETURN of SEARCH, the ESEARCH response and "$": each
 * script also with its bytes arriving one by one. */
#include "imap-mock-session.h"
#include "imap-return.h"

#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"
#define OK_SEARCH(tag) tag " OK Search completed.\r\n"
#define BAD_ARGS "a BAD Error in IMAP command SEARCH: Invalid arguments.\r\n"

/* out: behind the answer to SELECT. */
static const struct { const char *in, *out; } scripts[] = {
	{ "a SEARCH RETURN (MIN COUNT) UNSEEN\r\n",
	  "* ESEARCH (TAG \"a\") MIN 2 COUNT 2\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN () ALL\r\n",
	  "* ESEARCH (TAG \"a\") ALL 1:3\r\n" OK_SEARCH("a") },
	{ "a UID SEARCH RETURN (MIN MAX) 2:3\r\n",
	  "* ESEARCH (TAG \"a\") UID MIN 2 MAX 3\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (MIN MAX ALL COUNT) FLAGGED\r\n",
	  "* ESEARCH (TAG \"a\") COUNT 0\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (all) CHARSET UTF-8 OR 1 3\r\n",
	  "* ESEARCH (TAG \"a\") ALL 1,3\r\n" OK_SEARCH("a") },
	{ "a UID SEARCH RETURN (PARTIAL 2:10 COUNT) ALL\r\n",
	  "* ESEARCH (TAG \"a\") UID COUNT 3 PARTIAL (2:10 2:3)\r\n"
	  OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL 2:1) OR 1 3\r\n",
	  "* ESEARCH (TAG \"a\") PARTIAL (2:1 1,3)\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL -1:-2) ALL\r\n",
	  "* ESEARCH (TAG \"a\") PARTIAL (-1:-2 2:3)\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL -9:-3) ALL\r\n",
	  "* ESEARCH (TAG \"a\") PARTIAL (-9:-3 1)\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL 4:5) ALL\r\n",
	  "* ESEARCH (TAG \"a\") PARTIAL (4:5 NIL)\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL -4:-5) ALL\r\n",
	  "* ESEARCH (TAG \"a\") PARTIAL (-4:-5 NIL)\r\n" OK_SEARCH("a") },
	{ "a SEARCH RETURN (PARTIAL 1:-1) ALL\r\n",
	  "a BAD Invalid PARTIAL.\r\n" },
	{ "a SEARCH RETURN (PARTIAL 0:1) ALL\r\n",
	  "a BAD Invalid PARTIAL.\r\n" },
	{ "a SEARCH RETURN (PARTIAL 1:*) ALL\r\n",
	  "a BAD Invalid PARTIAL.\r\n" },
	{ "a SEARCH RETURN (PARTIAL) ALL\r\n",
	  "a BAD Invalid PARTIAL.\r\n" },
	{ "a SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL\r\n",
	  "a BAD Invalid PARTIAL.\r\n" },
	{ "a SEARCH RETURN (PARTIAL 1:2 ALL) ALL\r\n",
	  "a BAD PARTIAL and ALL exclude each "
	  "other.\r\n" },
	{ "a SEARCH RETURN (WHAT) ALL\r\n",
	  "a BAD Unknown search return option."
	  "\r\n" },
	{ "a SEARCH RETURN ALL\r\n", BAD_ARGS },
	{ "a SEARCH RETURN\r\n", BAD_ARGS },
	{ "a SEARCH RETURN (SAVE) UNSEEN\r\nb FETCH $ UID\r\n"
	  "c UID FETCH $ UID\r\nd SEARCH NOT $\r\ne UID SEARCH UID $\r\n",
	  OK_SEARCH("a") "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n"
	  "b OK Fetch completed.\r\n* 2 FETCH (UID 2)\r\n"
	  "* 3 FETCH (UID 3)\r\nc OK Fetch completed.\r\n"
	  "* SEARCH 1\r\n" OK_SEARCH("d") "* SEARCH 2 3\r\n"
	  OK_SEARCH("e") },
	{ "a SEARCH RETURN (SAVE MIN) ALL\r\nb SEARCH $\r\n"
	  "c SEARCH RETURN (SAVE MAX MIN) ALL\r\nd SEARCH $\r\n"
	  "e SEARCH RETURN (SAVE MAX COUNT) ALL\r\nf SEARCH $\r\n"
	  "g SEARCH RETURN (SAVE PARTIAL 2:2) ALL\r\nh SEARCH $\r\n"
	  "i SEARCH RETURN (SAVE PARTIAL 2:2 MAX) ALL\r\nj SEARCH $\r\n"
	  "k SEARCH RETURN (SAVE PARTIAL 2:2 COUNT) ALL\r\nl SEARCH $\r\n",
	  "* ESEARCH (TAG \"a\") MIN 1\r\n" OK_SEARCH("a")
	  "* SEARCH 1\r\n" OK_SEARCH("b")
	  "* ESEARCH (TAG \"c\") MIN 1 MAX 3\r\n" OK_SEARCH("c")
	  "* SEARCH 1 3\r\n" OK_SEARCH("d")
	  "* ESEARCH (TAG \"e\") MAX 3 COUNT 3\r\n" OK_SEARCH("e")
	  "* SEARCH 1 2 3\r\n" OK_SEARCH("f")
	  "* ESEARCH (TAG \"g\") PARTIAL (2:2 2)\r\n" OK_SEARCH("g")
	  "* SEARCH 2\r\n" OK_SEARCH("h")
	  "* ESEARCH (TAG \"i\") MAX 3 PARTIAL (2:2 2)\r\n" OK_SEARCH("i")
	  "* SEARCH 2 3\r\n" OK_SEARCH("j")
	  "* ESEARCH (TAG \"k\") COUNT 3 PARTIAL (2:2 2)\r\n" OK_SEARCH("k")
	  "* SEARCH 1 2 3\r\n" OK_SEARCH("l") },
	/* NO empties it, BAD leaves it as it was */
	{ "a SEARCH RETURN (SAVE) 2\r\nb SEARCH RETURN (SAVE) WHAT\r\n"
	  "c SEARCH $\r\nd SEARCH RETURN (SAVE) CHARSET X-NO ALL\r\n"
	  "e SEARCH $\r\nf FETCH $ UID\r\ng COPY $ a/b\r\n",
	  OK_SEARCH("a")
	  "b BAD Unknown argument WHAT\r\n"
	  "* SEARCH 2\r\n" OK_SEARCH("c")
	  "d NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset.\r\n"
	  "* SEARCH\r\n" OK_SEARCH("e") "f OK Fetch completed.\r\n"
	  "g OK No messages found.\r\n" },
	/* messages that go do so in "$", too */
	{ "a SEARCH RETURN (SAVE) 1,3\r\nb STORE 1 +FLAGS.SILENT "
	  "(\\Deleted)\r\nc EXPUNGE\r\nd SEARCH $\r\n"
	  "e UID STORE $ +FLAGS.SILENT (\\Deleted)\r\nf UID EXPUNGE $\r\n",
	  OK_SEARCH("a") "b OK Store completed.\r\n* 1 EXPUNGE\r\n"
	  "c OK Expunge completed.\r\n* SEARCH 2\r\n" OK_SEARCH("d")
	  "e OK Store completed.\r\n* 2 EXPUNGE\r\n"
	  "f OK Expunge completed.\r\n" },
	{ "a SEARCH RETURN (SAVE) ALL\r\nb UNSELECT\r\nc SELECT a/b\r\n"
	  "d SEARCH $\r\n",
	  OK_SEARCH("a") "b OK Unselect completed.\r\n"
	  "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
	  "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen "
	  "\\Draft \\*)] Flags permitted.\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
	  "* OK [UIDVALIDITY 1003] UIDs valid\r\n"
	  "* OK [UIDNEXT 1] Predicted next UID\r\n"
	  "* OK [HIGHESTMODSEQ 10] Highest\r\n"
	  "* OK [MAILBOXID (F00000000000000000000000000000000)] Mailbox ID"
	  "\r\n* OK [ANNOTATIONS NONE] Annotations\r\n"
	  "c OK [READ-WRITE] Select completed.\r\n"
	  "* SEARCH\r\n" OK_SEARCH("d") },
	/* it stands alone */
	{ "a FETCH 1,$ UID\r\n",
	  "a BAD Error in IMAP command FETCH: Invalid messageset.\r\n" },
};

static void scripts_answer(void **state)
{
	static const size_t steps[] = { 1000000, 1, 7 };
	int wrong = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct cv_session *s = mock_session_new();
			char in[1000];
			const char *out;

			snprintf(in, sizeof(in), SEL "%s", scripts[i].in);
			out = strstr(mock_session_play(s, cv_span_of(in),
						       steps[k]),
				     "Select completed.\r\n");
			assert_non_null(out);
			out += strlen("Select completed.\r\n");
			if (strcmp(out, scripts[i].out) != 0) {
				print_error("%s: \n%s\n", scripts[i].in, out);
				wrong++;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

static void partial_ranges_parse(void **state)
{
	static const struct { const char *text; uint32_t first, last; } t[] = {
		{ "1:500", 1, 500 }, { "500:400", 400, 500 },
		{ "-1:-100", 1, 100 }, { "-100:-1", 1, 100 },
		{ "4294967295:1", 1, UINT32_MAX },
		{ "", 0, 0 }, { "1", 0, 0 }, { "1:", 0, 0 }, { ":1", 0, 0 },
		{ "-1", 0, 0 }, { "-1:1", 0, 0 }, { "1:-1", 0, 0 },
		{ "0:1", 0, 0 }, { "--1:-1", 0, 0 }, { "1:2:3", 0, 0 },
		{ "4294967296:1", 0, 0 }, { "-:-", 0, 0 }, { "1:2,3", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct imap_partial p;
		bool ok = imap_partial_parse(cv_span_of(t[i].text), &p);

		assert_int_equal(ok, t[i].first != 0);
		if (ok) {
			assert_int_equal(p.first, t[i].first);
			assert_int_equal(p.last, t[i].last);
			assert_int_equal(p.from_end, t[i].text[0] == '-');
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(partial_ranges_parse),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
