/* test-imap-append.c - APPEND of many messages, REPLACE and literal8, BINARY in
 * FETCH: each script also with its bytes arriving one by one. */
#include "imap-mock-session.h"

#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"
#define BAD_ARGS(cmd) "a BAD Error in IMAP command " cmd \
	": Invalid arguments.\r\n"
#define NONE_IN_AB "* STATUS a/b (MESSAGES 0)\r\nb OK Status completed.\r\n"
#define ASK_AB "b STATUS a/b (MESSAGES)\r\n"

/* With selected, out is what stands behind the answer to SELECT. */
static const struct {
	const char *name;
	bool selected;
	const char *in, *out;
} scripts[] = {
	{ "two messages", false,
	  "a APPEND a/b (\\Seen) {3}\r\nabc (\\Flagged) \"17-Jul-1996 "
	  "02:44:25 -0700\" {2}\r\nxy\r\n" ASK_AB,
	  "+ OK\r\n+ OK\r\na OK [APPENDUID 1003 1:2] Append completed.\r\n"
	  "* STATUS a/b (MESSAGES 2)\r\nb OK Status completed.\r\n" },
	{ "three messages, unasked", false,
	  "a APPEND a/b {3+}\r\nabc {2+}\r\nxy () {1+}\r\nz\r\n" ASK_AB,
	  "a OK [APPENDUID 1003 1:3] Append completed.\r\n"
	  "* STATUS a/b (MESSAGES 3)\r\nb OK Status completed.\r\n" },
	/* [RFC3502 6.3.11] the client changes its mind */
	{ "cancelled by a zero literal", false,
	  "a APPEND a/b {3+}\r\nabc {0+}\r\n\r\n" ASK_AB,
	  "a NO [CANNOT] Can't save a zero byte message.\r\n" NONE_IN_AB },
	{ "the second is too big", false,
	  "a APPEND a/b {3+}\r\nabc {1048577}\r\n" ASK_AB,
	  "a NO [TOOBIG] Message is too large.\r\n" NONE_IN_AB },
	{ "the second has wrong flags", false,
	  "a APPEND a/b {3+}\r\nabc (\\What) {6+}\r\nb NOOP {2+}\r\nxy\r\n"
	  ASK_AB, "a BAD Invalid system flag \\What\r\n" NONE_IN_AB },
	{ "the second has a wrong date", false,
	  "a APPEND a/b {3+}\r\nabc \"x\" {1}\r\n" ASK_AB,
	  "a BAD Invalid internal date.\r\n" NONE_IN_AB },
	{ "flags behind the date", false,
	  "a APPEND a/b \"17-Jul-1996 02:44:25 -0700\" (\\Seen) {1}\r\n"
	  ASK_AB, BAD_ARGS("APPEND") NONE_IN_AB },
	{ "flags twice", false, "a APPEND a/b (\\Seen) (\\Seen) {1}\r\n"
	  ASK_AB, BAD_ARGS("APPEND") NONE_IN_AB },
	{ "options without a message", false,
	  "a APPEND a/b {3+}\r\nabc (\\Seen)\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "a literal among the flags", false,
	  "a APPEND a/b (x {6+}\r\nb NOOP) {1+}\r\nx\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "a parenthesis is missing", false,
	  "a APPEND a/b {3+}\r\nabc (\\Seen {1+}\r\nx\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "a mailbox that is none", false,
	  "a APPEND none {8+}\r\nc NOOP\r\n {8+}\r\nd NOOP\r\n\r\n" ASK_AB,
	  "a NO [TRYCREATE] Mailbox doesn't exist.\r\n" NONE_IN_AB },
	{ "literal8", false, "a APPEND a/b ~{3}\r\nabc\r\n" ASK_AB,
	  "+ OK\r\na OK [APPENDUID 1003 1] Append completed.\r\n"
	  "* STATUS a/b (MESSAGES 1)\r\nb OK Status completed.\r\n" },
	{ "not quite literal8", false, "a APPEND a/b ~~{3}\r\n" ASK_AB,
	  "a BAD Error in IMAP command: Invalid character in atom.\r\n"
	  NONE_IN_AB },

	{ "replace", true, "a REPLACE 2 INBOX (\\Draft) {3}\r\nnew\r\n"
	  "b FETCH 1:* (UID FLAGS)\r\n",
	  "+ OK\r\n* OK [APPENDUID 1001 4] Replacement message ready.\r\n"
	  "* 2 EXPUNGE\r\n* 3 EXISTS\r\na OK Replace completed.\r\n"
	  "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (UID 3 FLAGS ())\r\n"
	  "* 3 FETCH (UID 4 FLAGS (\\Draft))\r\nb OK Fetch completed.\r\n" },
	{ "uid replace into another", true,
	  "a UID REPLACE 3 a/b {3+}\r\nnew\r\n" ASK_AB,
	  "* OK [APPENDUID 1003 1] Replacement message ready.\r\n"
	  "* 3 EXPUNGE\r\na OK Replace completed.\r\n"
	  "* STATUS a/b (MESSAGES 1)\r\nb OK Status completed.\r\n" },
	{ "replace the last", true, "a REPLACE * INBOX {3+}\r\nnew\r\n",
	  "* OK [APPENDUID 1001 4] Replacement message ready.\r\n"
	  "* 3 EXPUNGE\r\n* 3 EXISTS\r\na OK Replace completed.\r\n" },
	{ "replace 0", true, "a REPLACE 0 INBOX {6+}\r\nb NOOP\r\nc NOOP\r\n",
	  BAD_ARGS("REPLACE") "c OK NOOP completed.\r\n" },
	{ "replace a set", true, "a REPLACE 1:2 INBOX {3}\r\nc NOOP\r\n",
	  BAD_ARGS("REPLACE") "c OK NOOP completed.\r\n" },
	{ "replace beyond", true, "a REPLACE 4 INBOX {3}\r\nc NOOP\r\n",
	  "a BAD Error in IMAP command REPLACE: Invalid messageset.\r\n"
	  "c OK NOOP completed.\r\n" },
	{ "uid replace of none", true, "a UID REPLACE 99 INBOX {8+}\r\n"
	  "b NOOP\r\n\r\nc NOOP\r\n",
	  "a NO No such message.\r\nc OK NOOP completed.\r\n" },
	{ "uid replace 0", true, "a UID REPLACE 0 INBOX {3}\r\nc NOOP\r\n",
	  BAD_ARGS("REPLACE") "c OK NOOP completed.\r\n" },
	{ "replace by two", true, "a REPLACE 1 INBOX {3+}\r\nabc {3+}\r\nabc"
	  "\r\nc NOOP\r\n", BAD_ARGS("REPLACE") "c OK NOOP completed.\r\n" },
	{ "replace by nothing", true, "a REPLACE 1 INBOX\r\nc NOOP\r\n",
	  BAD_ARGS("REPLACE") "c OK NOOP completed.\r\n" },
	{ "replace into nothing", true, "a REPLACE 1 none {3}\r\nc NOOP\r\n",
	  "a NO [TRYCREATE] Mailbox doesn't exist.\r\n"
	  "c OK NOOP completed.\r\n" },
	{ "replace without a mailbox", false,
	  "a REPLACE 1 INBOX {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n",
	  "a BAD No mailbox selected.\r\nc OK NOOP completed.\r\n" },

	{ "catenate", true, "a APPEND INBOX (\\Seen) CATENATE (TEXT {3}\r\n"
	  "ab\n URL \"/INBOX/;UID=1/;SECTION=TEXT\" TEXT {2+}\r\nxy)\r\n"
	  "b FETCH 4 BODY.PEEK[]\r\n",
	  "+ OK\r\n* 4 EXISTS\r\na OK [APPENDUID 1001 4] Append completed.\r\n"
	  "* 4 FETCH (BODY[] {15}\r\nab\nbody one\r\nxy)\r\n"
	  "b OK Fetch completed.\r\n" },
	{ "catenate twice, and the plain form", false,
	  "a APPEND a/b CATENATE (TEXT {1+}\r\nx) (\\Seen) CATENATE (URL "
	  "{12+}\r\n/INBOX/;UID= URL /INBOX/;UID=1) {1+}\r\nx\r\n" ASK_AB,
	  "a NO [BADURL /INBOX/;UID=] Nothing can be taken from this URL."
	  "\r\n" NONE_IN_AB },
	{ "catenate, and the plain form behind it", false,
	  "a APPEND a/b CATENATE (TEXT {1+}\r\nx) (\\Seen) CATENATE (URL "
	  "{13}\r\n/INBOX/;UID=1) (\\Draft) {1+}\r\nx\r\n" ASK_AB,
	  "+ OK\r\na OK [APPENDUID 1003 1:3] Append completed.\r\n"
	  "* STATUS a/b (MESSAGES 3)\r\nb OK Status completed.\r\n" },
	{ "catenate nothing", false, "a APPEND a/b CATENATE ()\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "catenate empty texts", false,
	  "a APPEND a/b CATENATE (TEXT {0+}\r\n TEXT {0+}\r\n)\r\n" ASK_AB,
	  "a NO [CANNOT] Can't save a zero byte message.\r\n" NONE_IN_AB },
	{ "catenate without a list", false,
	  "a APPEND a/b CATENATE {1+}\r\nx\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "catenate a list in a list", false,
	  "a APPEND a/b CATENATE ((TEXT {1}\r\n\r\n" ASK_AB, "+ OK\r\n"
	  "a BAD Error in IMAP command: Missing ')'.\r\n" NONE_IN_AB },
	{ "catenate a string as text", false,
	  "a APPEND a/b CATENATE (TEXT \"x\")\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "catenate a literal without TEXT", false,
	  "a APPEND a/b CATENATE ({6+}\r\nb NOOP)\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "catenate, not closed", false,
	  "a APPEND a/b CATENATE (TEXT {1+}\r\nx\r\n" ASK_AB,
	  "a BAD Error in IMAP command: Missing ')'.\r\n" NONE_IN_AB },
	{ "catenate a literal8", false,
	  "a APPEND a/b CATENATE (TEXT ~{6+}\r\nb NOOP)\r\n" ASK_AB,
	  BAD_ARGS("APPEND") NONE_IN_AB },
	{ "catenate too much", false,
	  "a APPEND a/b CATENATE (TEXT {1+}\r\nx TEXT {1048576}\r\n" ASK_AB,
	  "a NO [TOOBIG] Message is too large.\r\n" NONE_IN_AB },
	{ "catenate from nowhere", false,
	  "a APPEND a/b CATENATE (URL \"/none/;UID=1\" TEXT {6+}\r\nb NOOP"
	  ")\r\n" ASK_AB, "a NO [BADURL /none/;UID=1] Nothing can be taken "
	  "from this URL.\r\n" NONE_IN_AB },
	{ "bad urls do not break the response", false,
	  "a APPEND a/b CATENATE (URL \"/x] y\")\r\n" ASK_AB,
	  "a NO [BADURL /x??y] Nothing can be taken from this URL.\r\n"
	  NONE_IN_AB },
	{ "replace with catenate", true,
	  "a UID REPLACE 2 INBOX CATENATE (TEXT {5+}\r\nA: b\n URL "
	  "/INBOX/;UID=2)\r\nb UID FETCH 4 BODY.PEEK[]<0.5>\r\n",
	  "* OK [APPENDUID 1001 4] Replacement message ready.\r\n"
	  "* 2 EXPUNGE\r\n* 3 EXISTS\r\na OK Replace completed.\r\n"
	  "* 3 FETCH (UID 4 BODY[]<0> {5}\r\nA: b\n)\r\n"
	  "b OK Fetch completed.\r\n" },

	{ "binary", true, "a FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])\r\n",
	  "* 1 FETCH (BINARY[1] {10}\r\nbody one\r\n BINARY.SIZE[1] 10)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "binary marks as seen", true, "a FETCH 2 BINARY[1]<5.2>\r\n",
	  "* 2 FETCH (FLAGS (\\Seen) BINARY[1]<5> {2}\r\nod)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "binary beyond the end", true, "a FETCH 1 BINARY.PEEK[1]<99.2>\r\n",
	  "* 1 FETCH (BINARY[1]<99> {0}\r\n)\r\na OK Fetch completed.\r\n" },
	{ "binary of no part", true,
	  "a FETCH 1 (BINARY.PEEK[7] BINARY.SIZE[7])\r\n",
	  "* 1 FETCH (BINARY[7] NIL BINARY.SIZE[7] 0)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "binary of an unknown encoding", true,
	  "a FETCH 3 BINARY.PEEK[]\r\nb FETCH 3 (UID BINARY.SIZE[])\r\n"
	  "c FETCH 3 FLAGS\r\n",
	  "a NO [UNKNOWN-CTE] Some parts have a transfer encoding that is "
	  "not known.\r\n* 3 FETCH (UID 3)\r\n"
	  "b NO [UNKNOWN-CTE] Some parts have a transfer encoding that is "
	  "not known.\r\n* 3 FETCH (FLAGS ())\r\nc OK Fetch completed.\r\n" },
	{ "binary of a header", true, "a FETCH 1 BINARY[1.HEADER]\r\n",
	  "a BAD Invalid BINARY[..] parameter.\r\n" },
	{ "binary of a part 0", true, "a FETCH 1 BINARY[0]\r\n",
	  "a BAD Invalid BINARY[..] parameter.\r\n" },
	{ "binary size of a piece", true, "a FETCH 1 BINARY.SIZE[1]<0.1>\r\n",
	  "a BAD Invalid BINARY[..] parameter.\r\n" },
	{ "binary of what", true, "a FETCH 1 BINARY.X[1]\r\n",
	  "a BAD Unknown parameter BINARY.X[1]\r\n" },
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

			snprintf(in, sizeof(in), "%s%s", scripts[i].selected ?
				 SEL : "", scripts[i].in);
			out = mock_session_play(s, cv_span_of(in), steps[k]);
			if (scripts[i].selected)
				out = strstr(out, "Select completed.\r\n") +
					strlen("Select completed.\r\n");
			if (strcmp(out, scripts[i].out) != 0) {
				print_error("%s, step %zu:\n%s\n",
					    scripts[i].name, steps[k], out);
				wrong++;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

/* [security.md A11] what stands in a literal is never a command. */
static void refused_commands_lose_their_literals(void **state)
{
	struct cv_session *s = mock_session_new();

	s->refuse_command = CV_E_DENIED;
	assert_string_equal(mock_session_play(s, CV_SPAN(
		"a APPEND a/b {8+}\r\nb NOOP\r\n {8+}\r\nc NOOP\r\n\r\n"
		"d LOGOUT\r\n"), 1000),
		"a NO [NOPERM] Permission denied.\r\n"
		"d NO [NOPERM] Permission denied.\r\n");
	mock_session_free(&s);
}

static void literal8_may_have_nul(void **state)
{
	struct cv_session *s = mock_session_new();
	const struct mock_box *box;

	assert_string_equal(mock_session_play(s, CV_SPAN(
		"a APPEND a/b ~{3+}\r\na\0b\r\n"
		"b APPEND a/b ~{3+}\r\na\0b {3+}\r\na\0b\r\n"), 1000),
		"a OK [APPENDUID 1003 1] Append completed.\r\n"
		"b NO [CANNOT] Message contains NUL characters.\r\n");
	box = mock_box_find(&s->user, "a/b");
	assert_int_equal(box->count, 1);
	assert_memory_equal(box->messages[0].text.data, "a\0b", 3);
	mock_session_free(&s);
}

static void literal8_is_sent_for_nul(void **state)
{
	struct cv_session *s = mock_session_new();
	struct mock_box *box = mock_box_find(&s->user, "INBOX");
	const char *out;

	box->messages[0].text = CV_SPAN("A: b\r\n\r\nx\0y");
	out = mock_session_play(s, CV_SPAN(SEL "a FETCH 1 BINARY.PEEK[1]\r\n"
		"b FETCH 1 BINARY.PEEK[1]<2.1>\r\n"), 1000);
	out = strstr(out, "* 1 FETCH");
	assert_memory_equal(out, "* 1 FETCH (BINARY[1] ~{3}\r\nx\0y)\r\n"
			    "a OK Fetch completed.\r\n"
			    "* 1 FETCH (BINARY[1]<2> {1}\r\ny)\r\n", 88);
	mock_session_free(&s);
}

/* [RFC4978 3] */
static void compress_is_switched_on_once(void **state)
{
	struct cv_session *s = mock_session_new();

	assert_string_equal(mock_session_play(s, CV_SPAN(
		"a COMPRESS\r\nb COMPRESS LZMA\r\nc COMPRESS DEFLATE x\r\n"
		"d COMPRESS deflate\r\ne COMPRESS DEFLATE\r\n"), 1),
		"a BAD Error in IMAP command COMPRESS: Invalid arguments.\r\n"
		"b BAD Unknown compression mechanism.\r\n"
		"c BAD Error in IMAP command COMPRESS: Invalid arguments.\r\n"
		"d OK DEFLATE active.\r\n"
		"e BAD [COMPRESSIONACTIVE] DEFLATE is active already.\r\n");
	assert_true(s->conn.compressed);
	mock_session_free(&s);
}

static void nothing_may_come_behind_compress(void **state)
{
	struct cv_session *s = mock_session_new();

	assert_string_equal(mock_session_play(s, CV_SPAN(
		"a COMPRESS DEFLATE\r\nb NOOP\r\n"), 1000),
		"* BYE Commands behind COMPRESS.\r\n");
	assert_false(s->conn.compressed);
	mock_session_free(&s);
}

/* [security.md B16] one message's length tells nothing about another. */
static void messages_are_compressed_apart(void **state)
{
	static const struct { const char *in; unsigned int resets; } t[] = {
		{ "b FETCH 1:3 BODY.PEEK[]\r\n", 2 },
		{ "b FETCH 1:3 ENVELOPE\r\n", 2 },
		{ "b FETCH 1:3 (UID FLAGS RFC822.SIZE)\r\n", 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_session *s = mock_session_new();
		char in[200];

		/* each command begins with one */
		snprintf(in, sizeof(in), "a COMPRESS DEFLATE\r\n" SEL "%s",
			 t[i].in);
		(void)mock_session_play(s, cv_span_of(in), 1);
		assert_int_equal(s->conn.resets, 2 + t[i].resets);
		mock_session_free(&s);
	}
}

/* Memory of a command is that of its longest part. */
static void many_messages_are_bounded(void **state)
{
	struct cv_session *s = mock_session_new();
	struct cv_text in;

	cv_text_init(&in, s->pool);
	cv_text_append_str(&in, "a APPEND a/b");
	for (int i = 0; i < 60; i++) {
		cv_text_append_str(&in, " (\\Seen");
		for (int k = 0; k < 200; k++)
			cv_text_append_str(&in, " $keyword_of_some_length");
		cv_text_append_str(&in, ") {1+}\r\nx");
	}
	cv_text_append_str(&in, "\r\n");
	/* more than a line may have, had it to hold all of them */
	assert_true(in.len > 4 * 65536);
	assert_string_equal(mock_session_play(s, cv_text_span(&in), 1000),
		"a OK [APPENDUID 1003 1:60] Append completed.\r\n");
	mock_session_free(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(refused_commands_lose_their_literals),
		cmocka_unit_test(literal8_may_have_nul),
		cmocka_unit_test(literal8_is_sent_for_nul),
		cmocka_unit_test(many_messages_are_bounded),
		cmocka_unit_test(compress_is_switched_on_once),
		cmocka_unit_test(nothing_may_come_behind_compress),
		cmocka_unit_test(messages_are_compressed_apart),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
