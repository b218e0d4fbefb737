/* test-imap-session.c - plugins/imap after login: each command with what it
 * answers, against mailboxes in memory; and each script again with its bytes
 * arriving one by one. */
#include "imap-mock-session.h"

#include <setjmp.h>
#include <cmocka.h>

/* What the client sends, and what it gets. */
struct script { const char *name, *in, *out; };

#define ID "(F00000000000000000000000000000000)"
#define MAILBOX_ID "* OK [MAILBOXID " ID "] Mailbox ID\r\n" \
	"* OK [ANNOTATIONS NONE] Annotations\r\n"
#define SEL "s SELECT INBOX\r\n"
#define SEL_OUT \
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n" \
	"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen " \
	"\\Draft \\*)] Flags permitted.\r\n" \
	"* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 2] First unseen.\r\n" \
	"* OK [UIDVALIDITY 1001] UIDs valid\r\n" \
	"* OK [UIDNEXT 4] Predicted next UID\r\n" \
	"* OK [HIGHESTMODSEQ 13] Highest\r\n" MAILBOX_ID \
	"s OK [READ-WRITE] Select completed.\r\n"
#define EXA "s EXAMINE INBOX\r\n"
#define EXA_OUT \
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n" \
	"* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n" \
	"* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 2] First unseen.\r\n" \
	"* OK [UIDVALIDITY 1001] UIDs valid\r\n" \
	"* OK [UIDNEXT 4] Predicted next UID\r\n" \
	"* OK [HIGHESTMODSEQ 13] Highest\r\n" MAILBOX_ID \
	"s OK [READ-ONLY] Examine completed.\r\n"
#define BODY1 "From: a@x\r\nTo: b@x\r\nSubject: one\r\n\r\nbody one\r\n"
#define BAD_ARGS(cmd) "a BAD Error in IMAP command " cmd \
	": Invalid arguments.\r\n"
#define BAD_SET(cmd) "a BAD Error in IMAP command " cmd \
	": Invalid messageset.\r\n"

static const struct script scripts[] = {
	{ "capability", "a CAPABILITY\r\n",
	  "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE LANGUAGE NAMESPACE "
	  "CHILDREN UIDPLUS UNSELECT MOVE SPECIAL-USE CREATE-SPECIAL-USE "
	  "LIST-EXTENDED LIST-STATUS STATUS=SIZE UTF8=ACCEPT NOTIFY MULTIAPPEND "
	  "BINARY CONVERT REPLACE COMPRESS=DEFLATE CATENATE URL-PARTIAL "
	  "APPENDLIMIT=1048576 CONDSTORE "
	  "QRESYNC OBJECTID SAVEDATE PREVIEW WITHIN UIDONLY UIDBATCHES "
	  "INPROGRESS PARTIAL ESEARCH SEARCHRES CONTEXT=SEARCH "
	  "MULTISEARCH SORT "
	  "SORT=DISPLAY ESORT CONTEXT=SORT THREAD=REFERENCES THREAD=ORDEREDSUBJECT "
	  "THREAD=REFS I18NLEVEL=1 I18NLEVEL=2 ANNOTATE-EXPERIMENT-1\r\n"
	  "a OK Capability completed.\r\n" },
	{ "filter where there are none", SEL "a SEARCH FILTER x\r\n"
	  "a SEARCH FILTER x/y\r\na SEARCH CHARSET ISO-8859-1 FILTER x\r\n",
	  SEL_OUT "a NO [UNDEFINED-FILTER x] There is no such filter.\r\n"
	  "a BAD Invalid name of a filter.\r\n"
	  "a BAD [BADCHARSET (US-ASCII UTF-8)] Filters are in UTF-8.\r\n" },
	{ "noop", "a NOOP\r\n", "a OK NOOP completed.\r\n" },
	{ "noop with arguments", "a NOOP x\r\n", BAD_ARGS("NOOP") },
	{ "unknown", "a WHAT\r\n",
	  "a BAD Error in IMAP command received by server.\r\n" },
	{ "uid of what has none", SEL "a UID NOOP\r\n", SEL_OUT
	  "a BAD Error in IMAP command received by server.\r\n" },
	{ "languages", "a LANGUAGE\r\nb LANGUAGE mul\r\nc LANGUAGE DE-IT\r\n"
	  "d LANGUAGE fr\r\ne FETCH 1 FLAGS\r\n",
	  "* LANGUAGE (i-default en de)\r\n"
	  "a OK Supported languages have been enumerated.\r\n"
	  "b NO This language is not supported.\r\n"
	  "* LANGUAGE (de)\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"
	  "c OK Es wird jetzt Deutsch gesprochen.\r\n"
	  "d NO Diese Sprache wird nicht unterst\xc3\xbctzt.\r\n"
	  "e BAD Kein Postfach gew\xc3\xa4hlt.\r\n" },
	{ "no language", "a LANGUAGE de_AT\r\n", BAD_ARGS("LANGUAGE") },
	{ "no way back", "a UNAUTHENTICATE\r\n",
	  "a BAD UNAUTHENTICATE is not available.\r\n" },
	{ "login again", "a LOGIN x y\r\n", "a BAD Already logged in.\r\n" },
	{ "logout", "a LOGOUT\r\nb NOOP\r\n",
	  "* BYE Logging out\r\na OK Logout completed.\r\n" },
	{ "id", "a ID NIL\r\n",
	  "* ID (\"name\" \"Culver\")\r\na OK ID completed.\r\n" },
	{ "id wrong", "a ID (\"x\")\r\n",
	  "a BAD Error in IMAP command ID: Invalid parameters.\r\n" },
	{ "enable", "a ENABLE X-FOO\r\n",
	  "* ENABLED\r\na OK Enabled.\r\n" },
	{ "enable nothing", "a ENABLE\r\n", BAD_ARGS("ENABLE") },
	{ "namespace", "a NAMESPACE\r\n",
	  "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"
	  "a OK Namespace completed.\r\n" },
	{ "nothing selected", "a FETCH 1 FLAGS\r\n",
	  "a BAD No mailbox selected.\r\n" },

	{ "select", SEL, SEL_OUT },
	{ "select inbox in any case", "s SELECT inBox\r\n", SEL_OUT },
	{ "select again", SEL SEL, SEL_OUT
	  "* OK [CLOSED] Previous mailbox closed.\r\n" SEL_OUT },
	{ "select fails and closes", SEL "a SELECT none\r\na CHECK\r\n",
	  SEL_OUT "* OK [CLOSED] Previous mailbox closed.\r\n"
	  "a NO [NONEXISTENT] Mailbox doesn't exist.\r\n"
	  "a BAD No mailbox selected.\r\n" },
	{ "select without name", "a SELECT\r\n", BAD_ARGS("SELECT") },
	{ "select too much", "a SELECT x y\r\n", BAD_ARGS("SELECT") },
	{ "select bad utf7", "a SELECT &A\r\n",
	  "a NO [CANNOT] Mailbox name is not valid mUTF-7.\r\n" },
	{ "select empty", "a SELECT \"\"\r\n",
	  "a NO [CANNOT] Mailbox name is empty.\r\n" },
	{ "examine", EXA, EXA_OUT },
	{ "close", SEL "a CLOSE\r\na CHECK\r\n", SEL_OUT
	  "a OK Close completed.\r\na BAD No mailbox selected.\r\n" },
	{ "close expunges silently",
	  SEL "a STORE 2 +FLAGS.SILENT (\\Deleted)\r\na CLOSE\r\n"
	  "a STATUS INBOX (MESSAGES)\r\n", SEL_OUT
	  "a OK Store completed.\r\na OK Close completed.\r\n"
	  "* STATUS INBOX (MESSAGES 2)\r\na OK Status completed.\r\n" },
	{ "unselect does not expunge",
	  SEL "a STORE 2 +FLAGS.SILENT (\\Deleted)\r\na UNSELECT\r\n"
	  "a STATUS INBOX (MESSAGES)\r\n", SEL_OUT
	  "a OK Store completed.\r\na OK Unselect completed.\r\n"
	  "* STATUS INBOX (MESSAGES 3)\r\na OK Status completed.\r\n" },
	{ "check", SEL "a CHECK\r\n", SEL_OUT "a OK Check completed.\r\n" },

	{ "fetch fast", SEL "a FETCH 1 FAST\r\n", SEL_OUT
	  "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 09:44:25 "
	  "+0000\" RFC822.SIZE 46)\r\na OK Fetch completed.\r\n" },
	{ "fetch full", SEL "a FETCH 3 FULL\r\n", SEL_OUT
	  "* 3 FETCH (FLAGS () INTERNALDATE \"17-Jul-1996 09:44:25 "
	  "+0000\" RFC822.SIZE 29 ENVELOPE (\"env\") BODY (\"body\"))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch list", SEL "a FETCH 2:* (UID BODYSTRUCTURE)\r\n", SEL_OUT
	  "* 2 FETCH (UID 2 BODYSTRUCTURE (\"bs\"))\r\n"
	  "* 3 FETCH (UID 3 BODYSTRUCTURE (\"bs\"))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "uid fetch adds the uid", SEL "a UID FETCH 1,99 FLAGS\r\n", SEL_OUT
	  "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "uid fetch of none", SEL "a UID FETCH 50:60 FLAGS\r\n", SEL_OUT
	  "a OK Fetch completed.\r\n" },
	{ "uid fetch star", SEL "a UID FETCH 50:* UID\r\n", SEL_OUT
	  "* 3 FETCH (UID 3)\r\na OK Fetch completed.\r\n" },
	{ "fetch body peek", SEL "a FETCH 1 BODY.PEEK[]\r\n", SEL_OUT
	  "* 1 FETCH (BODY[] {46}\r\n" BODY1 ")\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch marks seen", SEL "a FETCH 2 BODY[TEXT]\r\nb FETCH 2 FLAGS"
	  "\r\n", SEL_OUT
	  "* 2 FETCH (FLAGS (\\Seen) BODY[TEXT] {10}\r\ntwo body\r\n)\r\n"
	  "a OK Fetch completed.\r\n"
	  "* 2 FETCH (FLAGS (\\Seen))\r\nb OK Fetch completed.\r\n" },
	{ "examine does not mark seen", EXA "a FETCH 2 RFC822.TEXT\r\n",
	  EXA_OUT "* 2 FETCH (RFC822.TEXT {10}\r\ntwo body\r\n)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch rfc822", SEL "a FETCH 1 (RFC822 UID RFC822.HEADER)\r\n",
	  SEL_OUT "* 1 FETCH (UID 1 RFC822 {46}\r\n" BODY1
	  " RFC822.HEADER {36}\r\nFrom: a@x\r\nTo: b@x\r\nSubject: one\r\n"
	  "\r\n)\r\na OK Fetch completed.\r\n" },
	{ "fetch partial", SEL "a FETCH 1 (BODY.PEEK[]<6.3> "
	  "BODY.PEEK[]<100.5> BODY.PEEK[TEXT]<5.4294967295>)\r\n", SEL_OUT
	  "* 1 FETCH (BODY[]<6> {3}\r\na@x BODY[]<100> {0}\r\n"
	  " BODY[TEXT]<5> {5}\r\none\r\n)\r\na OK Fetch completed.\r\n" },
	{ "fetch fields", SEL "a FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject "
	  "\"From\")]\r\n", SEL_OUT
	  "* 1 FETCH (BODY[HEADER.FIELDS (Subject From)] {27}\r\n"
	  "From: a@x\r\nSubject: one\r\n\r\n)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch fields in a list, partial", SEL "a FETCH 1 (UID "
	  "BODY.PEEK[HEADER.FIELDS.NOT (From To)]<0.7> FLAGS)\r\n", SEL_OUT
	  "* 1 FETCH (UID 1 FLAGS (\\Seen) "
	  "BODY[HEADER.FIELDS.NOT (From To)]<0> {7}\r\nSubject)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch parts", SEL "a FETCH 1 (BODY.PEEK[1] BODY.PEEK[2] "
	  "BODY.PEEK[1.MIME])\r\n", SEL_OUT
	  "* 1 FETCH (BODY[1] {10}\r\nbody one\r\n BODY[2] NIL BODY[1.MIME] "
	  "{36}\r\nFrom: a@x\r\nTo: b@x\r\nSubject: one\r\n\r\n)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch the same twice", SEL "a FETCH 1 (FLAGS FLAGS "
	  "BODY.PEEK[1] BODY.PEEK[1])\r\n", SEL_OUT
	  "* 1 FETCH (FLAGS (\\Seen) BODY[1] {10}\r\nbody one\r\n)\r\n"
	  "a OK Fetch completed.\r\n" },
	{ "fetch zero", SEL "a FETCH 0 FLAGS\r\n", SEL_OUT BAD_SET("FETCH") },
	{ "fetch beyond", SEL "a FETCH 4 FLAGS\r\n",
	  SEL_OUT BAD_SET("FETCH") },
	{ "fetch nothing", SEL "a FETCH 1 ()\r\n",
	  SEL_OUT BAD_ARGS("FETCH") },
	{ "fetch no items", SEL "a FETCH 1\r\n", SEL_OUT BAD_ARGS("FETCH") },
	{ "fetch unknown", SEL "a FETCH 1 (FLAGS X)\r\n",
	  SEL_OUT "a BAD Unknown parameter X\r\n" },
	{ "macro in a list", SEL "a FETCH 1 (ALL)\r\n",
	  SEL_OUT "a BAD Unknown parameter ALL\r\n" },
	{ "macro and more", SEL "a FETCH 1 ALL UID\r\n",
	  SEL_OUT BAD_ARGS("FETCH") },

	{ "store", SEL "a STORE 1:2 +FLAGS (\\Flagged $x)\r\n", SEL_OUT
	  "* 1 FETCH (FLAGS (\\Flagged \\Seen $x))\r\n"
	  "* 2 FETCH (FLAGS (\\Flagged $x))\r\n"
	  "a OK Store completed.\r\n" },
	{ "store without parentheses", SEL "a STORE 3 FLAGS \\Seen \\Draft"
	  "\r\n", SEL_OUT "* 3 FETCH (FLAGS (\\Seen \\Draft))\r\n"
	  "a OK Store completed.\r\n" },
	{ "store silent", SEL "a STORE 3 -FLAGS.SILENT (\\Seen)\r\n", SEL_OUT
	  "a OK Store completed.\r\n" },
	{ "store what is so already", SEL "a STORE 1 +FLAGS (\\Seen)\r\n",
	  SEL_OUT "* 1 FETCH (FLAGS (\\Seen))\r\na OK Store completed.\r\n" },
	{ "uid store", SEL "a UID STORE 2 +FLAGS (\\Seen)\r\n", SEL_OUT
	  "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\na OK Store completed.\r\n" },
	{ "store recent", SEL "a STORE 1 +FLAGS (\\Recent)\r\n", SEL_OUT
	  "a BAD Invalid system flag \\Recent\r\n" },
	{ "store readonly", EXA "a STORE 1 +FLAGS (\\Seen)\r\n", EXA_OUT
	  "a NO [NOPERM] Mailbox is read-only.\r\n" },
	{ "store keyword is no atom", SEL "a STORE 1 +FLAGS (a]b)\r\n",
	  SEL_OUT "a BAD Invalid keyword\r\n" },
	{ "store nothing", SEL "a STORE 1 +FLAGS\r\n",
	  SEL_OUT BAD_ARGS("STORE") },
	{ "store what", SEL "a STORE 1 FLAG (\\Seen)\r\n",
	  SEL_OUT BAD_ARGS("STORE") },

	{ "expunge", SEL "a STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\n"
	  "a EXPUNGE\r\n", SEL_OUT "a OK Store completed.\r\n"
	  "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Expunge completed.\r\n" },
	{ "uid expunge", SEL "a STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\n"
	  "a UID EXPUNGE 2:3\r\n", SEL_OUT "a OK Store completed.\r\n"
	  "* 3 EXPUNGE\r\na OK Expunge completed.\r\n" },
	{ "expunge readonly", EXA "a EXPUNGE\r\n",
	  EXA_OUT "a NO [NOPERM] Mailbox is read-only.\r\n" },
	{ "uid expunge without set", SEL "a UID EXPUNGE\r\n",
	  SEL_OUT BAD_ARGS("EXPUNGE") },

	{ "copy", SEL "a COPY 1,3 a/b\r\n", SEL_OUT
	  "a OK [COPYUID 1003 1,3 1:2] Copy completed.\r\n" },
	{ "copy to nowhere", SEL "a COPY 1 none\r\n", SEL_OUT
	  "a NO [TRYCREATE] Mailbox doesn't exist.\r\n" },
	{ "copy to itself", SEL "a COPY 1 inbox\r\n", SEL_OUT "* 4 EXISTS\r\n"
	  "a OK [COPYUID 1001 1 4] Copy completed.\r\n" },
	{ "uid copy of none", SEL "a UID COPY 77 a/b\r\n", SEL_OUT
	  "a OK No messages found.\r\n" },
	{ "move", SEL "a UID MOVE 2 a/b\r\n", SEL_OUT
	  "* OK [COPYUID 1003 2 1] Moved UIDs.\r\n* 2 EXPUNGE\r\n"
	  "a OK Move completed.\r\n" },
	{ "move readonly", EXA "a MOVE 1 a/b\r\n",
	  EXA_OUT "a NO [NOPERM] Mailbox is read-only.\r\n" },
	{ "copy arguments", SEL "a COPY 1\r\n", SEL_OUT BAD_ARGS("COPY") },

	{ "search all", SEL "a SEARCH ALL\r\n", SEL_OUT
	  "* SEARCH 1 2 3\r\na OK Search completed.\r\n" },
	{ "search none", SEL "a SEARCH FLAGGED\r\n", SEL_OUT
	  "* SEARCH\r\na OK Search completed.\r\n" },
	{ "uid search", SEL "a UID SEARCH UNSEEN 2:* NOT UID 3\r\n", SEL_OUT
	  "* SEARCH 2\r\na OK Search completed.\r\n" },
	{ "search or", SEL "a SEARCH OR SEEN (UID 3 SUBJECT \"THREE\")\r\n",
	  SEL_OUT "* SEARCH 1 3\r\na OK Search completed.\r\n" },
	{ "search or chain", SEL "a SEARCH OR OR OR 1 1 2 TEXT nothing\r\n",
	  SEL_OUT "* SEARCH 1 2\r\na OK Search completed.\r\n" },
	{ "search or not", SEL "a SEARCH OR NOT SEEN NOT OR 2 3\r\n",
	  SEL_OUT "* SEARCH 1 2 3\r\na OK Search completed.\r\n" },
	{ "search not not", SEL "a SEARCH NOT NOT NOT SEEN\r\n",
	  SEL_OUT "* SEARCH 2 3\r\na OK Search completed.\r\n" },
	{ "search header", SEL "a SEARCH HEADER X-Y \"\"\r\n", SEL_OUT
	  "* SEARCH 2\r\na OK Search completed.\r\n" },
	{ "search literal", SEL "a SEARCH CHARSET utf-8 BODY {5}\r\nthird"
	  "\r\n", SEL_OUT "+ OK\r\n* SEARCH 3\r\n"
	  "a OK Search completed.\r\n" },
	{ "search dates", SEL "a SEARCH ON 17-Jul-1996 SINCE 1-Jan-1990 "
	  "BEFORE \"18-jul-1996\" SENTON 1-Jan-2000\r\n", SEL_OUT
	  "* SEARCH 1 2 3\r\na OK Search completed.\r\n" },
	{ "search sizes", SEL "a SEARCH LARGER 30 SMALLER 46\r\n", SEL_OUT
	  "* SEARCH 2\r\na OK Search completed.\r\n" },
	{ "search new and old", SEL "a SEARCH NEW\r\na SEARCH OLD\r\n",
	  SEL_OUT "* SEARCH\r\na OK Search completed.\r\n"
	  "* SEARCH 1 2 3\r\na OK Search completed.\r\n" },
	{ "search charset", SEL "a SEARCH CHARSET X-NO ALL\r\n", SEL_OUT
	  "a NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset.\r\n" },
	{ "search latin1", SEL "a SEARCH CHARSET ISO-8859-1 TEXT \"one\"\r\n",
	  SEL_OUT "* SEARCH 1\r\na OK Search completed.\r\n" },
	{ "search empty", SEL "a SEARCH\r\n",
	  SEL_OUT "a BAD Missing search parameters.\r\n" },
	{ "search empty list", SEL "a SEARCH ()\r\n",
	  SEL_OUT "a BAD Empty list in search program.\r\n" },
	{ "search half an or", SEL "a SEARCH OR SEEN\r\n",
	  SEL_OUT "a BAD Missing search key argument.\r\n" },
	{ "search half a not", SEL "a SEARCH (NOT) SEEN\r\n",
	  SEL_OUT "a BAD Missing search key argument.\r\n" },
	{ "search no text", SEL "a SEARCH SUBJECT\r\n",
	  SEL_OUT "a BAD Missing argument for search key.\r\n" },
	{ "search bad date", SEL "a SEARCH ON 30-Feb-2000\r\n",
	  SEL_OUT "a BAD Invalid search date parameter.\r\n" },
	{ "search unknown", SEL "a SEARCH WHAT\r\n",
	  SEL_OUT "a BAD Unknown argument WHAT\r\n" },
	{ "search zero", SEL "a SEARCH 0\r\n", SEL_OUT BAD_SET("SEARCH") },

	{ "append", "a APPEND a/b (\\Seen) \"17-Jul-1996 02:44:25 -0700\" "
	  "{9}\r\nS: x\r\n\r\ny\r\nb EXAMINE a/b\r\nc FETCH 1 (FLAGS "
	  "INTERNALDATE RFC822.SIZE)\r\n",
	  "+ OK\r\na OK [APPENDUID 1003 1] Append completed.\r\n"
	  "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
	  "* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n"
	  "* 1 EXISTS\r\n* 0 RECENT\r\n"
	  "* OK [UIDVALIDITY 1003] UIDs valid\r\n"
	  "* OK [UIDNEXT 2] Predicted next UID\r\n"
	  "* OK [HIGHESTMODSEQ 11] Highest\r\n" MAILBOX_ID
	  "b OK [READ-ONLY] Examine completed.\r\n"
	  "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 09:44:25 "
	  "+0000\" RFC822.SIZE 9)\r\nc OK Fetch completed.\r\n" },
	{ "append to the selected", SEL "a APPEND INBOX {3+}\r\nabc\r\n",
	  SEL_OUT "* 4 EXISTS\r\n"
	  "a OK [APPENDUID 1001 4] Append completed.\r\n" },
	{ "append to nowhere", "a APPEND none {3}\r\nb NOOP\r\n",
	  "a NO [TRYCREATE] Mailbox doesn't exist.\r\n"
	  "b OK NOOP completed.\r\n" },
	{ "append to nowhere, unasked", "a APPEND none {8+}\r\nb NOOP\r\n"
	  "\r\nc NOOP\r\n", "a NO [TRYCREATE] Mailbox doesn't exist.\r\n"
	  "c OK NOOP completed.\r\n" },
	{ "append wrong date", "a APPEND a/b \"x\" {3}\r\nb NOOP\r\n",
	  "a BAD Invalid internal date.\r\nb OK NOOP completed.\r\n" },
	{ "append wrong flag", "a APPEND a/b (\\What) {3}\r\nb NOOP\r\n",
	  "a BAD Invalid system flag \\What\r\nb OK NOOP completed.\r\n" },
	{ "append zero", "a APPEND a/b {0}\r\n\r\n",
	  "a NO [CANNOT] Can't save a zero byte message.\r\n"
	  "* BAD Error in IMAP command: Empty command.\r\n" },
	{ "append too big", "a APPEND a/b {4294967296}\r\nb NOOP\r\n",
	  "a NO [TOOBIG] Message is too large.\r\n"
	  "b OK NOOP completed.\r\n" },
	{ "append too big, unasked", "a APPEND a/b {4294967295+}\r\nb NOOP"
	  "\r\n", "* BYE [TOOBIG] Message is too large.\r\n"
	  "a NO [TOOBIG] Message is too large.\r\n" },
	{ "append nothing", "a APPEND a/b\r\n", BAD_ARGS("APPEND") },
	{ "append a string", "a APPEND a/b \"x\"\r\n",
	  "a BAD Invalid internal date.\r\n" },
	{ "append more behind", "a APPEND a/b {3}\r\nabc x\r\nb STATUS a/b "
	  "(MESSAGES)\r\n", "+ OK\r\n"
	  BAD_ARGS("APPEND")
	  "* STATUS a/b (MESSAGES 0)\r\nb OK Status completed.\r\n" },
	{ "append cut off", "a APPEND a/b {30}\r\nabc", "+ OK\r\n" },
	{ "append name as literal", "a APPEND {3}\r\na/b {1}\r\nx\r\n",
	  "+ OK\r\n+ OK\r\na OK [APPENDUID 1003 1] Append completed.\r\n" },

	{ "status", "a STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY "
	  "UNSEEN SIZE)\r\n", "* STATUS INBOX (MESSAGES 3 RECENT 0 UIDNEXT 4 "
	  "UIDVALIDITY 1001 UNSEEN 2 SIZE 120)\r\n"
	  "a OK Status completed.\r\n" },
	{ "status none", "a STATUS none (MESSAGES)\r\n",
	  "a NO [NONEXISTENT] Mailbox doesn't exist.\r\n" },
	{ "status empty", "a STATUS INBOX ()\r\n",
	  "a BAD Empty status list.\r\n" },
	{ "status unknown", "a STATUS INBOX (MESSAGES X)\r\n",
	  "a BAD Invalid status item X\r\n" },
	{ "status no list", "a STATUS INBOX MESSAGES\r\n",
	  BAD_ARGS("STATUS") },

	{ "list", "a LIST \"\" *\r\n",
	  "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
	  "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n"
	  "* LIST (\\HasNoChildren) \"/\" a/b\r\n"
	  "* LIST (\\HasNoChildren) \"/\" f&APw-r\r\n"
	  "a OK LIST completed.\r\n" },
	{ "list pattern", "a LIST a/ %\r\n",
	  "* LIST (\\HasNoChildren) \"/\" a/b\r\na OK LIST completed.\r\n" },
	{ "list utf7", "a LIST \"\" f&APw-*\r\n",
	  "* LIST (\\HasNoChildren) \"/\" f&APw-r\r\n"
	  "a OK LIST completed.\r\n" },
	{ "list what is no name", "a LIST \"\" &\r\n",
	  "a OK LIST completed.\r\n" },
	{ "list root", "a LIST \"\" \"\"\r\n",
	  "* LIST (\\Noselect) \"/\" \"\"\r\na OK LIST completed.\r\n" },
	{ "list root of a reference", "a LIST a/b/c \"\"\r\n",
	  "* LIST (\\Noselect) \"/\" a/\r\na OK LIST completed.\r\n" },
	{ "extended list of nothing", "a LIST \"\" \"\" RETURN (CHILDREN)\r\n"
	  "b LIST \"a/b\" (\"\" INBOX)\r\n",
	  "a OK LIST completed.\r\nb OK LIST completed.\r\n" },
	{ "lsub of nothing", "a LSUB \"\" \"\"\r\nb LSUB \"\" a\r\n",
	  "a OK LSUB completed.\r\nb OK LSUB completed.\r\n" },
	{ "list subscribed", "a LIST (SUBSCRIBED) \"\" (a* f*)\r\n",
	  "* LIST (\\Subscribed) \"/\" a/b\r\n"
	  "* LIST (\\Subscribed) \"/\" f&APw-r\r\na OK LIST completed.\r\n" },
	{ "list special use", "a LIST (SPECIAL-USE) \"\" * RETURN (CHILDREN)"
	  "\r\n", "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"\r\n"
	  "a OK LIST completed.\r\n" },
	{ "list status", "a LIST \"\" (INBOX) RETURN (SUBSCRIBED STATUS "
	  "(MESSAGES))\r\n", "* LIST () \"/\" INBOX\r\n"
	  "* STATUS INBOX (MESSAGES 3)\r\na OK LIST completed.\r\n" },
	{ "list recursive match alone", "a LIST (RECURSIVEMATCH) \"\" *\r\n",
	  "a BAD RECURSIVEMATCH must not be the only selection option.\r\n" },
	{ "list select what", "a LIST (X) \"\" *\r\n",
	  "a BAD Unknown select option\r\n" },
	{ "list return what", "a LIST \"\" * RETURN (X)\r\n",
	  "a BAD Unknown return option\r\n" },
	{ "list no pattern", "a LIST \"\"\r\n", BAD_ARGS("LIST") },
	{ "list no patterns", "a LIST \"\" ()\r\n", BAD_ARGS("LIST") },
	{ "lsub", "a LSUB \"\" *\r\n", "* LSUB () \"/\" a/b\r\n"
	  "* LSUB () \"/\" f&APw-r\r\na OK LSUB completed.\r\n" },

	{ "create", "a CREATE new/\r\nb LIST \"\" n*\r\n",
	  "a OK [MAILBOXID " ID "] Create completed.\r\n* LIST (\\HasNoChildren) \"/\" new\r\n"
	  "b OK LIST completed.\r\n" },
	{ "create again", "a CREATE a/b\r\n",
	  "a NO [ALREADYEXISTS] Mailbox already exists.\r\n" },
	{ "create special", "a CREATE T (USE (\\Trash \\Junk))\r\n"
	  "b LIST \"\" T\r\n", "a OK [MAILBOXID " ID "] Create completed.\r\n"
	  "* LIST (\\HasNoChildren \\Junk \\Trash) \"/\" T\r\n"
	  "b OK LIST completed.\r\n" },
	{ "create unknown use", "a CREATE T (USE (\\What))\r\n",
	  "a NO [USEATTR] Special use is not supported.\r\n" },
	{ "create wrong use", "a CREATE T (USE)\r\n", BAD_ARGS("CREATE") },
	{ "delete", "a DELETE a/b\r\nb STATUS a/b (MESSAGES)\r\n",
	  "a OK Delete completed.\r\n"
	  "b NO [NONEXISTENT] Mailbox doesn't exist.\r\n" },
	{ "delete inbox", "a DELETE inbox\r\n",
	  "a NO [CANNOT] INBOX can't be deleted.\r\n" },
	{ "delete the selected", SEL "a RENAME a/b c\r\nb SELECT c\r\n"
	  "c DELETE c\r\nd NOOP\r\n", SEL_OUT
	  "a OK Rename completed.\r\n"
	  "* OK [CLOSED] Previous mailbox closed.\r\n"
	  "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
	  "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen "
	  "\\Draft \\*)] Flags permitted.\r\n* 0 EXISTS\r\n* 0 RECENT\r\n"
	  "* OK [UIDVALIDITY 1003] UIDs valid\r\n"
	  "* OK [UIDNEXT 1] Predicted next UID\r\n"
	  "* OK [HIGHESTMODSEQ 10] Highest\r\n" MAILBOX_ID
	  "b OK [READ-WRITE] Select completed.\r\n"
	  "c OK Delete completed.\r\nd OK NOOP completed.\r\n" },
	{ "rename onto", "a RENAME a/b inbox\r\n",
	  "a NO [ALREADYEXISTS] Can't rename to INBOX.\r\n" },
	{ "subscribe", "a SUBSCRIBE INBOX\r\nb UNSUBSCRIBE a/b\r\n"
	  "c LSUB \"\" %\r\n", "a OK Subscribe completed.\r\n"
	  "b OK Unsubscribe completed.\r\n* LSUB () \"/\" INBOX\r\n"
	  "* LSUB () \"/\" f&APw-r\r\nc OK LSUB completed.\r\n" },
	{ "subscribe none", "a SUBSCRIBE none\r\n",
	  "a NO [NONEXISTENT] Mailbox doesn't exist.\r\n" },

	{ "idle", SEL "a IDLE\r\nDONE\r\nb NOOP\r\n", SEL_OUT "+ idling\r\n"
	  "a OK Idle completed.\r\nb OK NOOP completed.\r\n" },
	{ "idle without a mailbox", "a IDLE\r\ndone\r\n",
	  "+ idling\r\na OK Idle completed.\r\n" },
	{ "idle and junk", "a IDLE\r\nb NOOP\r\n",
	  "+ idling\r\na BAD Expected DONE.\r\n" },
	{ "pipelined", SEL "a FETCH 1 UID\r\nb UID SEARCH 3\r\nc UNSELECT\r\n"
	  "d LOGOUT\r\n", SEL_OUT "* 1 FETCH (UID 1)\r\n"
	  "a OK Fetch completed.\r\n* SEARCH 3\r\nb OK Search completed.\r\n"
	  "c OK Unselect completed.\r\n* BYE Logging out\r\n"
	  "d OK Logout completed.\r\n" },
	{ "syntax", "a FETCH 1 (FLAGS\r\nb NOOP\r\n",
	  "a BAD Error in IMAP command: Missing ')'.\r\n"
	  "b OK NOOP completed.\r\n" },
	{ "no tag", "+ NOOP\r\nb NOOP\r\n",
	  "* BAD Error in IMAP command: Invalid tag.\r\n"
	  "b OK NOOP completed.\r\n" },
};

/* With all bytes at once, and one by one: the same. */
static void scripts_answer(void **state)
{
	static const size_t steps[] = { 1000000, 1, 7 };
	int wrong = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct cv_session *s = mock_session_new();
			const char *out = mock_session_play(s,
				cv_span_of(scripts[i].in), steps[k]);

			if (strcmp(out, scripts[i].out) != 0) {
				print_error("script '%s', step %u:\n%s\n",
					    scripts[i].name, (unsigned int)
					    steps[k], out);
				wrong++;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

static const char *play(struct cv_session *s, const char *in)
{
	const char *out = mock_session_play(s, cv_span_of(in), 100000);

	return out;
}

static void deliver_later(struct cv_session *s)
{
	struct mock_box *inbox = mock_box_find(&s->user, "INBOX");

	mock_deliver(inbox, CV_FLAG_FLAGGED, "x\r\n");
	inbox->messages[0].flags = 0;
}

static void idle_tells_of_changes(void **state)
{
	struct cv_session *s = mock_session_new();

	s->conn.idle = deliver_later;
	assert_string_equal(mock_session_play(s, CV_SPAN(
		SEL "a IDLE\r\nDONE\r\n"), sizeof(SEL "a IDLE\r\n") - 1),
		SEL_OUT "+ idling\r\n* 4 EXISTS\r\n"
		"* 1 FETCH (FLAGS ())\r\na OK Idle completed.\r\n");
	mock_session_free(&s);
}

static void stop_says_bye(void **state)
{
	struct cv_session *s = mock_session_new();

	s->stopping = true;
	assert_string_equal(play(s, "a NOOP\r\n"),
			    "* BYE Server shutting down.\r\n");
	mock_session_free(&s);
}

/* [RFC8437 3] */
static void unauthenticate_gives_the_connection_back(void **state)
{
	for (int fails = 0; fails < 2; fails++) {
		struct cv_session *s = mock_session_new();
		const char *out;

		(void)state;
		mock_settings.imap_unauthenticate = true;
		s->return_fails = fails != 0;
		out = mock_session_play(s, cv_span_of(SEL
			"a UNAUTHENTICATE x\r\nb UNAUTHENTICATE\r\n"
			"c LOGIN b secret\r\n"), 1);
		assert_non_null(strstr(out, BAD_ARGS("UNAUTHENTICATE")));
		assert_non_null(strstr(out, "b OK Unauthenticated.\r\n"));
		assert_int_equal(fails != 0, strstr(out, "\r\n* BYE ") !=
				 NULL);
		/* what follows is not this session's */
		assert_null(strstr(out, "c "));
		assert_int_equal(s->given_back, fails == 0);
		mock_settings.imap_unauthenticate = false;
		mock_session_free(&s);
	}
}

static void hooks_refuse_commands(void **state)
{
	struct cv_session *s = mock_session_new();

	s->refuse_command = CV_E_DENIED;
	assert_string_equal(play(s, "a CREATE x\r\n"),
			    "a NO [NOPERM] Permission denied.\r\n");
	mock_session_free(&s);
}

static void append_failure_reads_the_literal(void **state)
{
	struct cv_session *s = mock_session_new();

	s->fail_save = CV_E_NO_SPACE;
	assert_string_equal(play(s, "a APPEND a/b {10}\r\nb NOOP\r\n\r\n"
				 "\r\nc NOOP\r\n"),
			    "+ OK\r\na NO [OVERQUOTA] Not enough space.\r\n"
			    "c OK NOOP completed.\r\n");
	assert_int_equal(mock_box_find(&s->user, "a/b")->count, 0);
	mock_session_free(&s);
}

static void append_with_nul_is_refused(void **state)
{
	struct cv_session *s = mock_session_new();

	assert_string_equal(mock_session_play(s, CV_SPAN(
		"a APPEND a/b {3}\r\na\0b\r\nc NOOP\r\n"), 1000),
		"+ OK\r\na NO [CANNOT] Message contains NUL characters.\r\n"
		"c OK NOOP completed.\r\n");
	assert_int_equal(mock_box_find(&s->user, "a/b")->count, 0);
	mock_session_free(&s);
}

static void fetch_failure_follows_the_setting(void **state)
{
	static const struct { uint32_t how; const char *out; } t[] = {
		{ IMAP_FETCH_DISCONNECT_IMMEDIATELY, SEL_OUT
		  "* BYE FETCH failed: a message could not be read.\r\n" },
		{ IMAP_FETCH_DISCONNECT_AFTER, SEL_OUT
		  "* BYE FETCH failed: a message could not be read.\r\n" },
		{ IMAP_FETCH_NO_AFTER, SEL_OUT
		  "a NO [SERVERBUG] Some messages could not be read.\r\n"
		  "b OK NOOP completed.\r\n" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_session *s = mock_session_new();

		mock_settings.imap_fetch_failure = t[i].how;
		s->fail_section = CV_E_TEMP;
		assert_string_equal(play(s, SEL "a FETCH 1 (UID BODY[])\r\n"
					 "b NOOP\r\n"), t[i].out);
		mock_session_free(&s);
	}
	mock_init();
}

static void expunge_later(struct cv_session *s)
{
	struct mock_box *inbox = mock_box_find(&s->user, "INBOX");

	/* another session removes the first message */
	memmove(inbox->messages, inbox->messages + 1,
		sizeof(inbox->messages[0]) * 2);
	inbox->count = 2;
}

static void expunged_message_is_told_in_time(void **state)
{
	struct cv_session *s = mock_session_new();

	s->conn.idle = expunge_later;
	assert_string_equal(mock_session_play(s, CV_SPAN(
		SEL "a IDLE\r\nDONE\r\nb FETCH 1:2 UID\r\n"),
		sizeof(SEL "a IDLE\r\n") - 1),
		SEL_OUT "+ idling\r\n* 1 EXPUNGE\r\na OK Idle completed.\r\n"
		"* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 3)\r\n"
		"b OK Fetch completed.\r\n");
	mock_session_free(&s);
}

/* [RFC3501 7.4.1] numbers do not move under what is being reported. */
static void uid_store_reports_the_right_messages(void **state)
{
	struct cv_session *s = mock_session_new();

	s->meanwhile = expunge_later;
	assert_string_equal(play(s, SEL "a UID STORE 2:3 +FLAGS (\\Draft)\r\n"
				 "b NOOP\r\n"), SEL_OUT
		"* 2 FETCH (UID 2 FLAGS (\\Draft))\r\n"
		"* 3 FETCH (UID 3 FLAGS (\\Draft))\r\n"
		"a OK Store completed.\r\n"
		"* 1 EXPUNGE\r\nb OK NOOP completed.\r\n");
	mock_session_free(&s);
}

static void new_mail_can_be_held_back(void **state)
{
	static const char *const delay[] = { "delay-newmail" };
	struct cv_session *s = mock_session_new();

	mock_settings.imap_client_workarounds.items = delay;
	mock_settings.imap_client_workarounds.count = 1;
	assert_string_equal(play(s, SEL "a APPEND INBOX {1+}\r\nx\r\n"
				 "b FETCH * UID\r\nc UID FETCH 4 FLAGS\r\n"
				 "d SEARCH ALL\r\ne NOOP\r\n"),
		SEL_OUT "a OK [APPENDUID 1001 4] Append completed.\r\n"
		"* 3 FETCH (UID 3)\r\nb OK Fetch completed.\r\n"
		"c OK Fetch completed.\r\n"
		"* SEARCH 1 2 3\r\nd OK Search completed.\r\n"
		"* 4 EXISTS\r\ne OK NOOP completed.\r\n");
	mock_init();
	mock_session_free(&s);
}

/* [RFC7888 5] TOOBIG for what takes messages */
static void literal_minus_limits_literals(void **state)
{
	static const struct { const char *line, *reply; } cases[] = {
		{ "a APPEND a/b {4097+}\r\nb NOOP\r\n",
		  "a BAD [TOOBIG] Non-synchronizing literal is too large." },
		{ SEL "a UID REPLACE 1 a/b {4097+}\r\nb NOOP\r\n",
		  "a BAD [TOOBIG] Non-synchronizing literal is too large." },
		{ "a APPEND {4097+}\r\nb NOOP\r\n",
		  "a BAD [TOOBIG] Non-synchronizing literal is too large." },
		{ "a CREATE {4097+}\r\nb NOOP\r\n",
		  "a BAD Error in IMAP command: Non-synchronizing literal is "
		  "too large." },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_session *s = mock_session_new();
		const char *out, *bye;

		mock_settings.imap_literal_minus = true;
		out = play(s, cases[i].line);
		out = strstr(out, "a BAD");
		assert_non_null(out);
		bye = strstr(out, "\r\n");
		assert_int_equal(bye - out, strlen(cases[i].reply));
		assert_memory_equal(out, cases[i].reply, (size_t)(bye - out));
		assert_string_equal(bye + 2,
			"* BYE Input could not be understood.\r\n");
		mock_init();
		mock_session_free(&s);
	}
}

#define BURST SEL "a STORE 1 +FLAGS.SILENT (\\Flagged)\r\n" \
	"b STORE 2 +FLAGS (\\Flagged)\r\n" \
	"c STORE 9 +FLAGS (\\Flagged)\r\nd UID STORE 3 +FLAGS.SILENT $x\r\n"

/* [RFC3501 5.5] the commands of one burst are answered in order, after one
 * sync for all. */
static void stores_of_one_burst_share_a_sync(void **state)
{
	struct cv_session *s = mock_session_new();

	(void)mock_session_play(s, CV_SPAN(BURST), 10000);
	assert_int_equal(s->user.settled, 1);
	mock_session_free(&s);
	/* with each byte on its own every reply waits for its own */
	s = mock_session_new();
	(void)mock_session_play(s, CV_SPAN(BURST), 1);
	assert_int_equal(s->user.settled, 3);
	mock_session_free(&s);
	/* another command wants to see what was done */
	s = mock_session_new();
	(void)mock_session_play(s, CV_SPAN(BURST "e NOOP\r\n" BURST), 10000);
	assert_int_equal(s->user.settled, 2);
	mock_session_free(&s);
	(void)state;
}

static void a_failed_sync_turns_each_ok_into_no(void **state)
{
	static const char no[] = " NO [SERVERBUG] Changes could not be saved.";
	struct cv_session *s = mock_session_new();
	const char *out;
	unsigned int count = 0;

	s->user.settle_fails = 1;
	out = mock_session_play(s, CV_SPAN(BURST "e NOOP\r\n"), 10000);
	assert_null(strstr(out, "a OK"));
	assert_null(strstr(out, "b OK"));
	assert_null(strstr(out, "d OK"));
	assert_non_null(strstr(out, "\r\nc BAD "));
	assert_non_null(strstr(out, "\r\ne OK "));
	for (const char *p = out; (p = strstr(p, no)) != NULL; p++) {
		assert_true(p[-2] == '\n' && p[sizeof(no) - 1] == '\r');
		count++;
	}
	assert_int_equal(count, 3);
	mock_session_free(&s);
	(void)state;
}

static void too_many_wrong_commands_end_it(void **state)
{
	struct cv_session *s = mock_session_new();
	struct cv_text in;
	const char *out;

	cv_text_init(&in, s->pool);
	for (int i = 0; i < 30; i++)
		cv_text_append_str(&in, "a X\r\n");
	out = play(s, cv_text_str(&in));
	assert_non_null(strstr(out, "* BYE Too many invalid"));
	assert_int_equal(s->conn.out.len - (size_t)(out - s->conn.out.data),
		20 * strlen("a BAD Error in IMAP command received by server."
			    "\r\n") +
		strlen("* BYE Too many invalid IMAP commands.\r\n"));
	mock_session_free(&s);
}

static void deep_programs_are_refused(void **state)
{
	struct cv_session *s = mock_session_new();
	struct cv_text in;

	cv_text_init(&in, s->pool);
	cv_text_append_str(&in, SEL "a SEARCH");
	for (int i = 0; i < 1000; i++)
		cv_text_append_str(&in, i % 2 == 0 ? " NOT" : " OR ALL");
	cv_text_append_str(&in, " ALL\r\nb SEARCH");
	/* but long chains of OR are what clients send */
	for (int i = 0; i < 1000; i++)
		cv_text_append_str(&in, " OR HEADER Message-ID x");
	cv_text_append_str(&in, " ALL\r\n");
	assert_string_equal(play(s, cv_text_str(&in)), SEL_OUT
		"a BAD Search program is nested too deeply.\r\n"
		"* SEARCH 1 2 3\r\nb OK Search completed.\r\n");
	mock_session_free(&s);
}

static void logout_format_is_filled_in(void **state)
{
	struct cv_session *s = mock_session_new();

	mock_settings.imap_logout_format = "i=%i o=%{output} d=%{deleted} "
		"b=%{fetch_body_bytes} 100%%";
	(void)play(s, SEL "a STORE 1:2 +FLAGS.SILENT \\Deleted\r\n"
		   "b FETCH 1 BODY.PEEK[]\r\n");
	assert_memory_equal(s->stats, "i=75 o=", 7);
	assert_non_null(strstr(s->stats, " d=2 b=46 100%"));
	mock_init();
	mock_session_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(idle_tells_of_changes),
		cmocka_unit_test(stop_says_bye),
		cmocka_unit_test(hooks_refuse_commands),
		cmocka_unit_test(unauthenticate_gives_the_connection_back),
		cmocka_unit_test(append_failure_reads_the_literal),
		cmocka_unit_test(append_with_nul_is_refused),
		cmocka_unit_test(fetch_failure_follows_the_setting),
		cmocka_unit_test(expunged_message_is_told_in_time),
		cmocka_unit_test(uid_store_reports_the_right_messages),
		cmocka_unit_test(new_mail_can_be_held_back),
		cmocka_unit_test(literal_minus_limits_literals),
		cmocka_unit_test(stores_of_one_burst_share_a_sync),
		cmocka_unit_test(a_failed_sync_turns_each_ok_into_no),
		cmocka_unit_test(too_many_wrong_commands_end_it),
		cmocka_unit_test(deep_programs_are_refused),
		cmocka_unit_test(logout_format_is_filled_in),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
