/* test-imap-modseq.c - CONDSTORE and QRESYNC [RFC7162], UIDONLY [RFC9586],
 * UIDBATCHES [RFC10022], object ids [RFC8474], SAVEDATE [RFC8514], PREVIEW
 * [RFC8970] and WITHIN [RFC5032] after login, against mailboxes in memory, with
 * the bytes arriving in pieces. */
#include "imap-mock-session.h"

#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"
#define HIGH(n) "* OK [HIGHESTMODSEQ " n "] Highest\r\n"
#define BAD_MODSEQ(cmd) "a BAD Error in IMAP command " cmd \
	": Invalid mod-sequence.\r\n"
#define STATE(exists, unseen, next, high) \
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n" \
	"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen " \
	"\\Draft \\*)] Flags permitted.\r\n" \
	"* " exists " EXISTS\r\n* 0 RECENT\r\n" unseen \
	"* OK [UIDVALIDITY 1001] UIDs valid\r\n" \
	"* OK [UIDNEXT " next "] Predicted next UID\r\n" HIGH(high) \
	"* OK [MAILBOXID (F00000000000000000000000000000000)] Mailbox ID\r\n" \
	"* OK [ANNOTATIONS NONE] Annotations\r\n"
#define UNSEEN2 "* OK [UNSEEN 2] First unseen.\r\n"
#define CLOSED "* OK [CLOSED] Previous mailbox closed.\r\n"
#define QRESYNC "q ENABLE QRESYNC\r\n"
#define QRESYNC_OUT "* ENABLED QRESYNC\r\n" HIGH("13") "q OK Enabled.\r\n"
#define UIDONLY "q ENABLE UIDONLY\r\n"
#define UIDONLY_OUT "* ENABLED UIDONLY\r\nq OK Enabled.\r\n"
#define REQUIRED "a BAD [UIDREQUIRED] Message numbers are not allowed.\r\n"

/* All begin with SELECT INBOX: three messages with the mod-sequences 11, 12,
 * 13, of which the first is seen. */
static const struct script { const char *in, *out; } scripts[] = {
	/* [RFC7162 3.1] every way to enable it, and the first time tells */
	{ "a ENABLE CONDSTORE\r\nb ENABLE CONDSTORE QRESYNC\r\n",
	  "* ENABLED CONDSTORE\r\n" HIGH("13") "a OK Enabled.\r\n"
	  "* ENABLED QRESYNC\r\nb OK Enabled.\r\n" },
	{ "a FETCH 1:2 (MODSEQ)\r\nb FETCH 3 MODSEQ\r\n",
	  HIGH("13") "* 1 FETCH (MODSEQ (11))\r\n* 2 FETCH (MODSEQ (12))\r\n"
	  "a OK Fetch completed.\r\n* 3 FETCH (MODSEQ (13))\r\n"
	  "b OK Fetch completed.\r\n" },
	{ "a SEARCH MODSEQ 12\r\nb SEARCH MODSEQ 14\r\n",
	  HIGH("13") "* SEARCH 2 3 (MODSEQ 13)\r\na OK Search completed.\r\n"
	  "* SEARCH\r\nb OK Search completed.\r\n" },
	{ "a STATUS a/b (HIGHESTMODSEQ)\r\n",
	  HIGH("13") "* STATUS a/b (HIGHESTMODSEQ 10)\r\n"
	  "a OK Status completed.\r\n" },
	{ "a SELECT INBOX (CONDSTORE)\r\nb STORE 1 -FLAGS (\\Seen)\r\n",
	  CLOSED STATE("3", UNSEEN2, "4", "13")
	  "a OK [READ-WRITE] Select completed.\r\n"
	  "* 1 FETCH (UID 1 FLAGS () MODSEQ (14))\r\n"
	  "b OK Store completed.\r\n" },

	/* [RFC7162 3.1.3] */
	{ "a STORE 1:3 (UNCHANGEDSINCE 12) +FLAGS.SILENT (\\Draft)\r\n",
	  HIGH("13") "* 1 FETCH (UID 1 MODSEQ (14))\r\n"
	  "* 2 FETCH (UID 2 MODSEQ (14))\r\n"
	  "* 3 FETCH (UID 3 FLAGS () MODSEQ (13))\r\n"
	  "a OK [MODIFIED 3] Conditional store failed for some.\r\n" },
	{ "a UID STORE 2:3 (UNCHANGEDSINCE 0) FLAGS ()\r\n",
	  HIGH("13") "* 2 FETCH (UID 2 FLAGS () MODSEQ (12))\r\n"
	  "* 3 FETCH (UID 3 FLAGS () MODSEQ (13))\r\n"
	  "a OK [MODIFIED 2:3] Conditional store failed for some.\r\n" },
	{ "a STORE 3 +FLAGS.SILENT (\\Seen)\r\nb ENABLE CONDSTORE\r\n"
	  "c STORE 2 +FLAGS.SILENT (\\Seen)\r\n",
	  "a OK Store completed.\r\n* ENABLED CONDSTORE\r\n" HIGH("14")
	  "b OK Enabled.\r\n* 2 FETCH (UID 2 MODSEQ (15))\r\n"
	  "c OK Store completed.\r\n" },
	{ "a STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS ()\r\n",
	  "a BAD Error in IMAP command STORE: Invalid arguments.\r\n" },
	{ "a STORE 1 (UNCHANGEDSINCE x) FLAGS ()\r\n", BAD_MODSEQ("STORE") },
	{ "a STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()\r\n",
	  BAD_MODSEQ("STORE") },
	{ "a STORE 1 (UNCHANGEDSINCE) FLAGS ()\r\n", BAD_MODSEQ("STORE") },
	{ "a STORE 1 () FLAGS ()\r\n",
	  "a BAD Error in IMAP command STORE: Invalid arguments.\r\n" },
	{ "a STORE 1 (OTHER) FLAGS ()\r\n",
	  "a BAD Unknown STORE modifier.\r\n" },

	/* [RFC7162 3.1.4] */
	{ "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12)\r\n",
	  HIGH("13") "* 3 FETCH (UID 3 FLAGS () MODSEQ (13))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "a FETCH 1:2 FLAGS (CHANGEDSINCE 11)\r\n",
	  HIGH("13") "* 2 FETCH (FLAGS () MODSEQ (12))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "a FETCH 1 FLAGS (CHANGEDSINCE 0)\r\n", BAD_MODSEQ("FETCH") },
	{ "a FETCH 1 FLAGS (OTHER)\r\n", "a BAD Unknown FETCH modifier.\r\n" },
	{ "a FETCH 1 FLAGS ()\r\n",
	  "a BAD Error in IMAP command FETCH: Invalid arguments.\r\n" },
	/* a \Seen that FETCH sets comes with what it did [RFC7162 3.2.4] */
	{ "a ENABLE CONDSTORE\r\nb FETCH 3 BODY[TEXT]\r\n",
	  "* ENABLED CONDSTORE\r\n" HIGH("13") "a OK Enabled.\r\n"
	  "* 3 FETCH (BODY[TEXT] {11}\r\nthe third\r\n)\r\n"
	  "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (14))\r\n"
	  "b OK Fetch completed.\r\n" },

	/* [RFC7162 3.1.5] */
	{ "a SEARCH MODSEQ \"/flags/\\\\draft\" all 12 SEEN\r\n",
	  HIGH("13") "* SEARCH\r\na OK Search completed.\r\n" },
	{ "a SEARCH OR NOT MODSEQ 12 MODSEQ \"/flags/$x\" priv 13\r\n",
	  HIGH("13") "* SEARCH 1 3 (MODSEQ 13)\r\na OK Search completed."
	  "\r\n" },
	{ "a SEARCH MODSEQ \"/other\" all 1\r\n",
	  "a BAD Invalid entry of MODSEQ.\r\n" },
	{ "a SEARCH MODSEQ \"/flags/x\" some 1\r\n",
	  "a BAD Invalid entry of MODSEQ.\r\n" },
	{ "a SEARCH MODSEQ -1\r\n", BAD_MODSEQ("SEARCH") },
	/* [RFC4731 3.2] of those that are returned */
	{ "a SEARCH RETURN (MIN) MODSEQ 1\r\n"
	  "b SEARCH RETURN (MAX COUNT) MODSEQ 1\r\n",
	  HIGH("13") "* ESEARCH (TAG \"a\") MIN 1 MODSEQ 11\r\n"
	  "a OK Search completed.\r\n"
	  "* ESEARCH (TAG \"b\") MAX 3 COUNT 3 MODSEQ 13\r\n"
	  "b OK Search completed.\r\n" },

	/* [RFC7162 3.2] */
	{ QRESYNC "a STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n"
	  "c EXPUNGE\r\nd SELECT INBOX (QRESYNC (1001 12))\r\n"
	  "e SELECT INBOX (QRESYNC (1001 12 2:9))\r\n"
	  "f SELECT INBOX (QRESYNC (1002 12))\r\n",
	  QRESYNC_OUT "* 1 FETCH (UID 1 MODSEQ (14))\r\n"
	  "* 3 FETCH (UID 3 MODSEQ (14))\r\na OK Store completed.\r\n"
	  "* VANISHED 1,3\r\nb OK [HIGHESTMODSEQ 16] Expunge completed.\r\n"
	  "c OK Expunge completed.\r\n"
	  CLOSED STATE("1", "* OK [UNSEEN 1] First unseen.\r\n", "4", "16")
	  "* VANISHED (EARLIER) 1,3\r\n"
	  "d OK [READ-WRITE] Select completed.\r\n"
	  CLOSED STATE("1", "* OK [UNSEEN 1] First unseen.\r\n", "4", "16")
	  "* VANISHED (EARLIER) 3\r\n"
	  "e OK [READ-WRITE] Select completed.\r\n"
	  CLOSED STATE("1", "* OK [UNSEEN 1] First unseen.\r\n", "4", "16")
	  "f OK [READ-WRITE] Select completed.\r\n" },
	{ QRESYNC "a SELECT INBOX (QRESYNC (1001 11 1:3 (1:2 1:2)))\r\n",
	  QRESYNC_OUT CLOSED STATE("3", UNSEEN2, "4", "13")
	  "* 2 FETCH (UID 2 FLAGS () MODSEQ (12))\r\n"
	  "* 3 FETCH (UID 3 FLAGS () MODSEQ (13))\r\n"
	  "a OK [READ-WRITE] Select completed.\r\n" },
	{ QRESYNC "a UID MOVE 2 a/b\r\n"
	  "b UID FETCH 1:9 (FLAGS) (VANISHED CHANGEDSINCE 12)\r\n",
	  QRESYNC_OUT "* OK [COPYUID 1003 2 1] Moved UIDs.\r\n"
	  "* VANISHED 2\r\na OK [HIGHESTMODSEQ 14] Move completed.\r\n"
	  "* VANISHED (EARLIER) 2\r\n"
	  "* 2 FETCH (UID 3 FLAGS () MODSEQ (13))\r\n"
	  "b OK Fetch completed.\r\n" },
	{ "a SELECT INBOX (QRESYNC (1001 12))\r\nb CHECK\r\n",
	  "a BAD QRESYNC is not enabled.\r\nb OK Check completed.\r\n" },
	{ "a UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)\r\n",
	  HIGH("13") "a BAD QRESYNC is not enabled.\r\n" },
	{ QRESYNC "a UID FETCH 1 FLAGS (VANISHED)\r\n",
	  QRESYNC_OUT "a BAD VANISHED needs CHANGEDSINCE.\r\n" },
	{ QRESYNC "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)\r\n",
	  QRESYNC_OUT "a BAD VANISHED is for UID FETCH.\r\n" },
#define BAD_QRESYNC(params) { QRESYNC "a SELECT INBOX (QRESYNC " params \
	")\r\n", QRESYNC_OUT "a BAD Invalid QRESYNC parameters.\r\n" }
	BAD_QRESYNC(""), BAD_QRESYNC("()"), BAD_QRESYNC("(1001)"),
	BAD_QRESYNC("(0 1)"), BAD_QRESYNC("(1001 0)"),
	BAD_QRESYNC("(1001 1 *)"), BAD_QRESYNC("(1001 1 1:*)"),
	BAD_QRESYNC("(1001 1 1:3 (1:2))"), BAD_QRESYNC("(1001 1 1 (1 2) 3)"),
	BAD_QRESYNC("(1001 1 1:3 (1:2 1:3))"),
	BAD_QRESYNC("(1001 1 (1:* 1:3))"), BAD_QRESYNC("(4294967296 1)"),
	{ "a SELECT INBOX (OTHER)\r\n", "a BAD Unknown parameter of SELECT."
	  "\r\n" },
	{ "a SELECT INBOX ()\r\n",
	  "a BAD Error in IMAP command SELECT: Invalid arguments.\r\n" },

	/* [RFC9586] */
	{ UIDONLY "a FETCH 1 FLAGS\r\na STORE 1 FLAGS ()\r\na COPY 1 a/b\r\n"
	  "a MOVE 1 a/b\r\na SEARCH ALL\r\na UID SEARCH 1:2\r\n",
	  UIDONLY_OUT REQUIRED REQUIRED REQUIRED REQUIRED REQUIRED REQUIRED },
	{ UIDONLY "a UID FETCH 1:* (FLAGS)\r\nb UID FETCH 3 (UID MODSEQ)\r\n"
	  "c UID STORE 2 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n"
	  "e SELECT INBOX\r\n",
	  UIDONLY_OUT "* 1 UIDFETCH (FLAGS (\\Seen))\r\n"
	  "* 2 UIDFETCH (FLAGS ())\r\n* 3 UIDFETCH (FLAGS ())\r\n"
	  "a OK Fetch completed.\r\n"
	  HIGH("13") "* 3 UIDFETCH (UID 3 MODSEQ (13))\r\n"
	  "b OK Fetch completed.\r\n"
	  "* 2 UIDFETCH (FLAGS (\\Deleted) MODSEQ (14))\r\n"
	  "c OK Store completed.\r\n* VANISHED 2\r\n"
	  "d OK Expunge completed.\r\n" CLOSED STATE("2", "", "4", "15")
	  "e OK [READ-WRITE] Select completed.\r\n" },
	{ QRESYNC UIDONLY "a SELECT INBOX (QRESYNC (1001 1 1:3 (1 1)))\r\n",
	  QRESYNC_OUT UIDONLY_OUT REQUIRED },

	/* [RFC9394 3.3] */
	{ "a UID FETCH 1:* UID (PARTIAL -1:-2)\r\n"
	  "b UID FETCH 1:* UID (PARTIAL 2:2)\r\n"
	  "c UID FETCH 1:* UID (PARTIAL 4:9)\r\n",
	  "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\na OK Fetch completed."
	  "\r\n* 2 FETCH (UID 2)\r\nb OK Fetch completed.\r\n"
	  "c OK Fetch completed.\r\n" },
	{ "a UID FETCH 1:* FLAGS (PARTIAL 1:2 CHANGEDSINCE 11)\r\n",
	  HIGH("13") "* 2 FETCH (UID 2 FLAGS () MODSEQ (12))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "a FETCH 1:* UID (PARTIAL 1:2)\r\n",
	  "a BAD Invalid PARTIAL range.\r\n" },
	{ "a UID FETCH 1:* UID (PARTIAL 0:2)\r\n",
	  "a BAD Invalid PARTIAL range.\r\n" },

	/* [RFC8474], [RFC8514], [RFC8970] */
	{ "a FETCH 1:2 (EMAILID THREADID SAVEDATE)\r\n",
	  "* 1 FETCH (EMAILID (M00000000000000000000000000000000) THREADID "
	  "(T00000000000000000000000000000000) SAVEDATE NIL)\r\n"
	  "* 2 FETCH (EMAILID (M00000000000000000000000000000000) THREADID "
	  "NIL SAVEDATE NIL)\r\na OK Fetch completed.\r\n" },
	{ "a FETCH 1 PREVIEW\r\nb FETCH 1 (PREVIEW (LAZY) UID)\r\n"
	  "c FETCH 1 PREVIEW (LAZY)\r\n",
	  "* 1 FETCH (PREVIEW \"first \\\"words\\\"\")\r\n"
	  "a OK Fetch completed.\r\n* 1 FETCH (PREVIEW NIL UID 1)\r\n"
	  "b OK Fetch completed.\r\n* 1 FETCH (PREVIEW NIL)\r\n"
	  "c OK Fetch completed.\r\n" },
	{ "a FETCH 1 (PREVIEW (LAZY OTHER))\r\n",
	  "a BAD Unknown PREVIEW modifier.\r\n" },
	{ "a FETCH 1 (PREVIEW (OTHER))\r\n",
	  "a BAD Error in IMAP command FETCH: Invalid arguments.\r\n" },
	{ "a SEARCH EMAILID bad!id\r\n", "a BAD Invalid object ID.\r\n" },

	/* [RFC5032 4] */
	{ "a SEARCH OLDER 0\r\n", "a BAD Invalid search interval.\r\n" },
	{ "a SEARCH YOUNGER -1\r\n", "a BAD Invalid search interval.\r\n" },
	{ "a SEARCH YOUNGER\r\n", "a BAD Missing argument for search key."
	  "\r\n" },
	/* [RFC9738] */
	{ "a SEARCH UIDAFTER 1\r\nb SEARCH UIDBEFORE 2\r\n"
	  "c SEARCH UIDBEFORE 1\r\nd SEARCH UIDAFTER 3\r\n",
	  "* SEARCH 2 3\r\na OK Search completed.\r\n"
	  "* SEARCH 1\r\nb OK Search completed.\r\n"
	  "* SEARCH\r\nc OK Search completed.\r\n"
	  "* SEARCH\r\nd OK Search completed.\r\n" },
	{ "a SEARCH UIDAFTER 0\r\n", "a BAD Invalid UID.\r\n" },

	/* [RFC10022] */
	{ "a UIDBATCHES 500\r\nb UIDBATCHES 500 1:9\r\nc UIDBATCHES 500 2:3"
	  "\r\n",
	  "* UIDBATCHES (TAG \"a\") 3:1\r\na OK Batches completed.\r\n"
	  "* UIDBATCHES (TAG \"b\") 3:1\r\nb OK Batches completed.\r\n"
	  "* UIDBATCHES (TAG \"c\")\r\nc OK Batches completed.\r\n" },
	{ "a UIDBATCHES 499\r\nb UIDBATCHES 500 3:2\r\n",
	  "a NO [TOOFEW] A batch has at least 500 messages.\r\n"
	  "b BAD [CLIENTBUG] The range of batches is reversed.\r\n" },
#define BAD_BATCHES(args) { "a UIDBATCHES" args "\r\n", \
	"a BAD Error in IMAP command UIDBATCHES: Invalid arguments.\r\n" }
	BAD_BATCHES(""), BAD_BATCHES(" 0"), BAD_BATCHES(" x"),
	BAD_BATCHES(" 500 1"), BAD_BATCHES(" 500 0:1"),
	BAD_BATCHES(" 500 1:2 3"), BAD_BATCHES(" 500 1:2:3"),
};

static void scripts_answer(void **state)
{
	static const size_t steps[] = { 1000000, 1, 7 };
	static const char selected[] = "s OK [READ-WRITE] Select completed."
		"\r\n";
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct cv_session *s = mock_session_new();
			char in[1000];
			const char *out;

			snprintf(in, sizeof(in), SEL "%s", scripts[i].in);
			out = strstr(mock_session_play(s, cv_span_of(in),
						       steps[k]), selected);
			assert_non_null(out);
			out += strlen(selected);
			if (strcmp(out, scripts[i].out) != 0) {
				print_error("%s: \n%s\n", scripts[i].in, out);
				wrong++;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

static void another_expunges_the_first(struct cv_session *s)
{
	struct mock_box *inbox = mock_box_find(&s->user, "INBOX");

	memmove(&inbox->messages[0], &inbox->messages[1],
		sizeof(inbox->messages[0]) * 2);
	inbox->count--;
	inbox->modseq++;
	s->meanwhile = NULL;
}

/* [RFC7162 6] the example: what is kept back lowers HIGHESTMODSEQ. */
static void an_expunge_kept_back_lowers_the_modseq(void **state)
{
	struct cv_session *s = mock_session_new();
	const char *out;

	(void)state;
	s->meanwhile = another_expunges_the_first;
	out = mock_session_play(s, CV_SPAN(SEL QRESYNC
		"a UID STORE 2 +FLAGS.SILENT (\\Seen)\r\nb NOOP\r\n"), 10000);
	out = strstr(out, "q OK Enabled.\r\n");
	assert_non_null(out);
	assert_string_equal(out, "q OK Enabled.\r\n"
		"* 2 FETCH (UID 2 MODSEQ (15))\r\n" HIGH("13")
		"a OK Store completed.\r\n"
		"* VANISHED 1\r\n" HIGH("15") "b OK NOOP completed.\r\n");
	mock_session_free(&s);
}

/* [RFC9585 4] */
static void a_long_command_says_how_far_it_is(void **state)
{
	static const struct {
		const char *tag;
		uint64_t done, total;
		const char *code;
	} t[] = {
		{ "k7", 12, 80, "(\"k7\" 12 80)" },
		{ "k7", 0, 1, "(\"k7\" 0 1)" },
		{ "k]8", 12, 80, "(NIL 12 80)" },
		/* a goal that is reached, or not of 32 bits, is none */
		{ "k7", 80, 80, "(\"k7\" NIL NIL)" },
		{ "k7", 1, (uint64_t)1 << 32, "(\"k7\" NIL NIL)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_session *s = mock_session_new();
		char in[200], expected[200];
		const char *out;

		s->user.done = t[i].done;
		s->user.total = t[i].total;
		snprintf(in, sizeof(in), SEL "%s SEARCH ALL\r\n", t[i].tag);
		snprintf(expected, sizeof(expected), "* OK [INPROGRESS %s] "
			 "Still working\r\n* SEARCH 1 2 3\r\n%s OK Search "
			 "completed.\r\n", t[i].code, t[i].tag);
		out = mock_session_play(s, cv_span_of(in), 10000);
		assert_non_null(strstr(out, expected));
		mock_session_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(an_expunge_kept_back_lowers_the_modseq),
		cmocka_unit_test(a_long_command_says_how_far_it_is),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
