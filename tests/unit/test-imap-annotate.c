/* test-imap-annotate.c - annotations of messages [RFC5257]: what clients may
 * write, with the bytes arriving in pieces of each size. */
#include "imap-mock-session.h"

#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"
#define PUT "p STORE 1 ANNOTATION (/comment (value.priv \"a\" " \
	"value.shared {3+}\r\nb\"c))\r\n"
#define PUT_OK "p OK Store completed.\r\n"
#define GOT(tag) tag " OK Fetch completed.\r\n"
#define BAD_ITEM "a BAD Invalid entry or attribute of ANNOTATION.\r\n"
#define BAD_ENTRY "a BAD Invalid entry of ANNOTATION.\r\n"
#define BAD_VALUE "a BAD Invalid attribute or value of ANNOTATION.\r\n"

#define NO_ARGUMENT "a BAD Missing argument for search key.\r\n"
#define FIND(what) "a SEARCH ANNOTATION " what "\r\n"
#define FOUND(seqs) "* SEARCH" seqs "\r\na OK Search completed.\r\n"

/* out: behind the answer to SELECT. */
static const struct { const char *in, *out; } scripts[] = {
	{ PUT "a FETCH 1 (ANNOTATION (/comment (value.priv size)))\r\n",
	  PUT_OK "* 1 FETCH (ANNOTATION (/comment (value.priv \"a\" "
	  "size.priv \"1\" size.shared \"3\")))\r\n" GOT("a") },
	{ PUT "a FETCH 1 (UID ANNOTATION ((/c* /x) value))\r\n",
	  PUT_OK "* 1 FETCH (UID 1 ANNOTATION (/comment (value.priv \"a\" "
	  "value.shared \"b\\\"c\") /x (value.priv NIL value.shared NIL)))\r\n"
	  GOT("a") },
	{ PUT "q STORE 1 ANNOTATION (/comment (value.priv NIL))\r\n"
	  "a FETCH 1 (ANNOTATION (/% value))\r\n",
	  PUT_OK "q OK Store completed.\r\n"
	  "* 1 FETCH (ANNOTATION (/comment (value.priv NIL "
	  "value.shared \"b\\\"c\")))\r\n" GOT("a") },
	{ "a FETCH 2 (ANNOTATION (/* value))\r\n", GOT("a") },
	{ "a FETCH 1 (ANNOTATION (/comment))\r\n", BAD_ITEM },
	{ "a FETCH 1 (ANNOTATION (() value))\r\n", BAD_ITEM },
	{ "a FETCH 1 (ANNOTATION (/comment ()))\r\n", BAD_ITEM },
	{ "a FETCH 1 (ANNOTATION (//c value))\r\n", BAD_ITEM },
	{ "a FETCH 1 (ANNOTATION (/01/c value))\r\n", BAD_ITEM },
	{ "a FETCH 1 ANNOTATION\r\n", BAD_ITEM },
	{ "a STORE 1 ANNOTATION (/c* (value.priv \"x\"))\r\n", BAD_ENTRY },
	{ "a STORE 1 ANNOTATION (/comment value.priv)\r\n", BAD_ENTRY },
	{ "a STORE 1 ANNOTATION (/comment)\r\n", BAD_ENTRY },
	{ "a STORE 1 ANNOTATION (/comment (value \"x\"))\r\n", BAD_VALUE },
	{ "a STORE 1 ANNOTATION (/comment (size.priv \"1\"))\r\n", BAD_VALUE },
	{ "a STORE 1 ANNOTATION (/comment (value.priv))\r\n", BAD_VALUE },
	{ "a STORE 1 ANNOTATION (/comment (value.priv x))\r\n", BAD_VALUE },
	{ "a STORE 1 ANNOTATION (/comment ())\r\n",
	  "a BAD Error in IMAP command STORE: Invalid arguments.\r\n" },
	{ "a STORE 1 ANNOTATION ()\r\n",
	  "a BAD Error in IMAP command STORE: Invalid arguments.\r\n" },
	{ "a SORT (ANNOTATION /c* value.priv) UTF-8 ALL\r\n",
	  "a BAD Invalid entry or attribute to sort by.\r\n" },
	{ "a SORT (ANNOTATION /comment value) UTF-8 ALL\r\n",
	  "a BAD Invalid entry or attribute to sort by.\r\n" },
	/* [RFC5257 3.2.1] the mock's messages have part 1 alone */
	{ "a FETCH 1 (ANNOTATION (/1/comment value.priv))\r\n",
	  "* 1 FETCH (ANNOTATION (/1/comment (value.priv NIL)))\r\n" GOT("a") },
	{ "a FETCH 1 (UID ANNOTATION ((/1/comment /2/comment) value.priv))\r\n",
	  "* 1 FETCH (UID 1 ANNOTATION (/1/comment (value.priv NIL) "
	  "/2/comment (value.priv NIL)))\r\n"
	  "a BAD A message does not have this part.\r\n" },
	{ "a FETCH 1 (ANNOTATION (/2/* value.priv))\r\n", GOT("a") },
	/* [RFC5257 4.8] */
	{ PUT FIND("/comment value.priv \"A\""), PUT_OK FOUND(" 1") },
	{ PUT FIND("/comment value.shared a"), PUT_OK FOUND("") },
	{ PUT FIND("/comment value {3+}\r\nb\"c"), PUT_OK FOUND(" 1") },
	{ PUT FIND("/comment value \"\""), PUT_OK FOUND(" 1") },
	{ PUT FIND("/comment value.priv NIL 1"), PUT_OK FOUND("") },
	{ PUT FIND("/comment value.priv \"NIL\""), PUT_OK FOUND("") },
	{ PUT FIND("/x value NIL 1"), PUT_OK FOUND(" 1") },
	{ PUT "a SEARCH 1 NOT ANNOTATION /comment value.priv x\r\n",
	  PUT_OK FOUND(" 1") },
	{ FIND("/comment value"), NO_ARGUMENT },
	{ FIND("/comment"), BAD_ITEM },
	{ FIND("/comment size x"), BAD_ITEM },
	{ FIND("comment value x"), BAD_ITEM },
	{ FIND("/1./c value x"), BAD_ITEM },
	{ "a SEARCH ANNOTATION\r\n", NO_ARGUMENT },
	/* [RFC5257 4.7] */
	{ "a APPEND INBOX ANNOTATION (/comment (value.priv {2+}\r\nxy "
	  "value.shared \"z\")) {3+}\r\nabc\r\n"
	  "b UID FETCH * (ANNOTATION (/* value))\r\n",
	  "* 4 EXISTS\r\na OK [APPENDUID 1001 4] Append completed.\r\n"
	  "* 4 FETCH (UID 4 ANNOTATION (/comment (value.priv \"xy\" "
	  "value.shared \"z\")))\r\n" GOT("b") },
	{ "a APPEND INBOX (\\Seen) ANNOTATION (/comment (value x)) "
	  "{3+}\r\nabc\r\n", BAD_VALUE },
	{ "a APPEND INBOX ANNOTATION (/c* (value.priv \"x\")) "
	  "{3+}\r\nabc\r\n", BAD_ENTRY },
	{ "a EXAMINE INBOX\r\na STORE 1 ANNOTATION (/c (value.priv \"x\"))\r\n",
	  NULL },
};

static bool plays(const char *in, size_t step, const char *want)
{
	struct cv_session *s = mock_session_new();
	const char *out = strstr(mock_session_play(s, cv_span_of(in), step),
				 "s OK [READ-WRITE] Select completed.\r\n");
	bool right;

	assert_non_null(out);
	out += strlen("s OK [READ-WRITE] Select completed.\r\n");
	/* a session that may only read */
	right = want == NULL ? strstr(out, "[ANNOTATIONS READ-ONLY]") != NULL &&
		strstr(out, "\r\na NO ") != NULL : strcmp(out, want) == 0;
	if (!right)
		print_error("%s in pieces of %zu: \n%s\n", in, step, out);
	mock_session_free(&s);
	return right;
}

static void scripts_answer_at_every_cut_point(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char in[1000];
		int len = snprintf(in, sizeof(in), SEL "%s", scripts[i].in);
		bool right = true;

		for (size_t step = 1; step <= (size_t)len && right; step++)
			right = plays(in, step, scripts[i].out);
		wrong += !right;
	}
	assert_int_equal(wrong, 0);
}

static void select_says_how_large_a_value_may_be(void **state)
{
	struct cv_session *s = mock_session_new();

	assert_non_null(strstr(mock_session_play(s, CV_SPAN(SEL), 1),
			       "* OK [ANNOTATIONS 32768] "));
	mock_session_free(&s);
}

static void what_is_too_large_is_refused(void **state)
{
	mock_settings.imap_annotate_max_size = 1024;
	for (int over = 0; over < 2; over++) {
		struct cv_session *s = mock_session_new();
		char value[1100], in[1300];

		memset(value, 'x', sizeof(value));
		(void)snprintf(in, sizeof(in), SEL "a STORE 1 ANNOTATION "
			       "(/comment (value.priv \"%.*s\"))\r\n",
			       1024 + over, value);
		assert_non_null(strstr(mock_session_play(s, cv_span_of(in), 7),
				       over ? "a NO [ANNOTATE TOOBIG] " :
				       "a OK Store completed.\r\n"));
		mock_session_free(&s);
	}
	mock_settings.imap_annotate_max_size = 65536;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer_at_every_cut_point),
		cmocka_unit_test(select_says_how_large_a_value_may_be),
		cmocka_unit_test(what_is_too_large_is_refused),
	};

	mock_init();
	mock_annotations = CV_ANNOTATIONS_READ | CV_ANNOTATIONS_PRIVATE |
		CV_ANNOTATIONS_WRITE_SHARED | CV_ANNOTATIONS_WRITE_PRIVATE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
