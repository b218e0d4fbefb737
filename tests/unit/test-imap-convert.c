/* test-imap-convert.c - CONVERT and CONVERSIONS [RFC5259]: each script also
 * with its bytes arriving one by one. */
#include "imap-mock-session.h"

#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

#define OK(tag) tag " OK Convert completed.\r\n"
#define ALL_FAILED(tag) tag " NO All conversions failed.\r\n"
#define BAD_PARAMS "a BAD Invalid conversion parameters.\r\n"
#define BAD_ITEM "a BAD Unknown CONVERT item.\r\n"
#define ASCII "(\"text/plain\" (\"charset\" \"ascii\")) "

/* Of the three messages the first has "y" in its text, the second is an
 * image, the third is good.  out: behind the answer to SELECT. */
static const struct { const char *in, *out; } scripts[] = {
	{ "a CONVERSIONS \"*\" \"*\"\r\nb CONVERSIONS \"text/*\" text/plain\r\n"
	  "c CONVERSIONS text/html TEXT/plain\r\n"
	  "d CONVERSIONS image/gif \"*\"\r\n",
	  "* CONVERSION \"text/plain\" \"text/plain\" (\"charset\" \"x\")\r\n"
	  "* CONVERSION \"text/html\" \"text/plain\" (\"charset\" \"x\")\r\n"
	  "a OK Conversions completed.\r\n"
	  "* CONVERSION \"text/plain\" \"text/plain\" (\"charset\" \"x\")\r\n"
	  "* CONVERSION \"text/html\" \"text/plain\" (\"charset\" \"x\")\r\n"
	  "b OK Conversions completed.\r\n"
	  "* CONVERSION \"text/html\" \"text/plain\" (\"charset\" \"x\")\r\n"
	  "c OK Conversions completed.\r\nd OK Conversions completed.\r\n" },
	{ "a CONVERSIONS text \"*\"\r\n", "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERSIONS \"*/plain\" \"*\"\r\n",
	  "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERSIONS \"text/pl*\" \"*\"\r\n",
	  "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERSIONS \"*\"\r\n", "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERSIONS \"*\" \"*\" x\r\n", "a BAD Error in IMAP command "
	  "CONVERSIONS: Invalid arguments.\r\n" },
	{ "a CONVERT 3 " ASCII "BINARY[1]\r\n",
	  "* 3 CONVERTED (TAG \"a\") (BINARY[1] {11}\r\nTHE THIRD\r\n)\r\n"
	  OK("a") },
	{ "a UID CONVERT 3 " ASCII "(BINARY.SIZE[1] BINARY[1]<4.3> "
	  "binary[1]<20.1> bodypartstructure[1])\r\n",
	  "* 3 CONVERTED (TAG \"a\") (UID 3 BINARY.SIZE[1] 11 "
	  "BINARY[1]<4> {3}\r\nTHI BINARY[1]<20> {0}\r\n "
	  "BODYPARTSTRUCTURE[1] (\"text\" \"plain\" (\"charset\" \"ascii\") "
	  "NIL NIL \"7bit\" 11 1 NIL NIL NIL NIL))\r\n" OK("a") },
	/* [RFC5259 8.1] UID is the first, wherever it was asked for */
	{ "a CONVERT 3 " ASCII "(BINARY.SIZE[1] UID BINARY.SIZE[1])\r\n",
	  "* 3 CONVERTED (TAG \"a\") (UID 3 BINARY.SIZE[1] 11)\r\n" OK("a") },
	{ "a CONVERT 3 (NIL) UID\r\n",
	  "* 3 CONVERTED (TAG \"a\") (UID 3)\r\n" OK("a") },
	{ "a CONVERT 1 " ASCII "(BINARY[1] BINARY[2])\r\n",
	  "* 1 CONVERTED (TAG \"a\") (BINARY[1] (ERROR \"The text has "
	  "characters that the charset has not\" BADPARAMETERS "
	  "\"text/plain\" \"text/plain\" (\"charset\" \"ascii\")) "
	  "BINARY[2] (ERROR \"There is no such part\" BADPARAMETERS NIL "
	  "\"text/plain\"))\r\n" ALL_FAILED("a") },
	{ "a CONVERT 1,3 " ASCII "BINARY.SIZE[1]\r\n",
	  "* 1 CONVERTED (TAG \"a\") (BINARY.SIZE[1] (ERROR \"The text has "
	  "characters that the charset has not\" BADPARAMETERS "
	  "\"text/plain\" \"text/plain\" (\"charset\" \"ascii\")))\r\n"
	  "* 3 CONVERTED (TAG \"a\") (BINARY.SIZE[1] 11)\r\n"
	  "a OK Some conversions failed.\r\n" },
	{ "a CONVERT 1 (\"text/plain\" (charset ascii "
	  "Unknown-Character-Replacement x)) BINARY.SIZE[1]\r\n"
	  "b CONVERT 1 (\"text/plain\" (charset ascii "
	  "unknown-character-replacement \"?\")) BINARY.SIZE[1]\r\n"
	  "c CONVERT 1 (\"text/plain\" (charset ascii "
	  "unknown-character-replacement \"<badchar>\")) BINARY.SIZE[1]\r\n",
	  "* 1 CONVERTED (TAG \"a\") (BINARY.SIZE[1] 10)\r\n" OK("a")
	  "* 1 CONVERTED (TAG \"b\") (BINARY.SIZE[1] (ERROR \"The charset has "
	  "not the replacement, either\" BADPARAMETERS \"text/plain\" "
	  "\"text/plain\" (\"unknown-character-replacement\" \"?\")))\r\n"
	  ALL_FAILED("b")
	  "* 1 CONVERTED (TAG \"c\") (BINARY.SIZE[1] (ERROR "
	  "\"UNKNOWN-CHARACTER-REPLACEMENT is limited to 4 bytes\" "
	  "BADPARAMETERS \"text/plain\" \"text/plain\" "
	  "(\"unknown-character-replacement\" \"<badchar>\")))\r\n"
	  ALL_FAILED("c") },
	{ "a CONVERT 3 (\"text/plain\") BINARY[1]\r\n"
	  "b CONVERT 3 (NIL) BINARY.SIZE[1]\r\n"
	  "c CONVERT 3 (NIL (charset klingon)) BINARY.SIZE[1]\r\n",
	  "* 3 CONVERTED (TAG \"a\") (BINARY[1] (ERROR \"CHARSET must be "
	  "specified for text conversions\" MISSINGPARAMETERS \"text/plain\" "
	  "\"text/plain\"(\"charset\")))\r\n" ALL_FAILED("a")
	  "* 3 CONVERTED (TAG \"b\") (BINARY.SIZE[1] 11)\r\n" OK("b")
	  "* 3 CONVERTED (TAG \"c\") (BINARY.SIZE[1] (ERROR \"The charset is "
	  "not known\" BADPARAMETERS \"text/plain\" \"text/plain\" "
	  "(\"charset\" \"klingon\")))\r\n" ALL_FAILED("c") },
	/* all that are wrong are listed, none is ignored */
	{ "a CONVERT 3 (\"text/plain\" (pix-x 1 charset ascii PIX-Y \"2\")) "
	  "BINARY[1]\r\n",
	  "* 3 CONVERTED (TAG \"a\") (BINARY[1] (ERROR \"Unknown conversion "
	  "parameter\" BADPARAMETERS \"text/plain\" \"text/plain\" (\"pix-x\" "
	  "\"1\" \"PIX-Y\" \"2\")))\r\n" ALL_FAILED("a") },
	{ "a CONVERT 2 (NIL) (AVAILABLECONVERSIONS[1] "
	  "AVAILABLECONVERSIONS[])\r\n"
	  "b CONVERT 3 (NIL) AVAILABLECONVERSIONS[1]\r\n"
	  "c CONVERT 2 (\"text/plain\") AVAILABLECONVERSIONS[1]\r\n"
	  "d CONVERT 3 (\"text/plain\") AVAILABLECONVERSIONS[1]\r\n"
	  "e CONVERT 3 (NIL (pix-x 1)) AVAILABLECONVERSIONS[1]\r\n"
	  "f CONVERT 3 (NIL) AVAILABLECONVERSIONS[7]\r\n",
	  "* 2 CONVERTED (TAG \"a\") (AVAILABLECONVERSIONS[1] (()) "
	  "AVAILABLECONVERSIONS[] (()))\r\n" OK("a")
	  "* 3 CONVERTED (TAG \"b\") (AVAILABLECONVERSIONS[1] "
	  "((\"text/plain\")))\r\n" OK("b")
	  "* 2 CONVERTED (TAG \"c\") (AVAILABLECONVERSIONS[1] (ERROR \"This "
	  "conversion is not possible\" BADPARAMETERS \"image/gif\" "
	  "\"text/plain\"))\r\n" ALL_FAILED("c")
	  "* 3 CONVERTED (TAG \"d\") (AVAILABLECONVERSIONS[1] "
	  "((\"text/plain\")))\r\n" OK("d")
	  "* 3 CONVERTED (TAG \"e\") (AVAILABLECONVERSIONS[1] (ERROR "
	  "\"Unknown conversion parameter\" BADPARAMETERS \"text/plain\" "
	  "\"text/plain\" (\"pix-x\" \"1\")))\r\n" ALL_FAILED("e")
	  "* 3 CONVERTED (TAG \"f\") (AVAILABLECONVERSIONS[7] (ERROR \"There "
	  "is no such part\" BADPARAMETERS NIL \"text/plain\"))\r\n"
	  ALL_FAILED("f") },
	{ "a CONVERT 3 (NIL (charset ascii)) (BODY[HEADER] BODY[1.MIME])\r\n"
	  "b CONVERT 3 (NIL) BODY[HEADER]\r\n",
	  "* 3 CONVERTED (TAG \"a\") (BODY[HEADER] {18}\r\nSUBJECT: THREE"
	  "\r\n\r\n BODY[1.MIME] {18}\r\nSUBJECT: THREE\r\n\r\n)\r\n" OK("a")
	  "* 3 CONVERTED (TAG \"b\") (BODY[HEADER] (ERROR \"CHARSET must be "
	  "specified for text conversions\" MISSINGPARAMETERS "
	  "\"text/rfc822-headers\" \"text/rfc822-headers\"(\"charset\")))\r\n"
	  ALL_FAILED("b") },
	{ "a CONVERT 3 " ASCII "BODY[HEADER]\r\n",
	  "a BAD Headers have the default conversion only.\r\n" },
	{ "a CONVERT 1:3 " ASCII "(BINARY[1] BINARY[2] BINARY[3])\r\n"
	  "b CONVERT 3 " ASCII "(BINARY[1] BINARY.SIZE[1] BINARY[1.2] "
	  "BINARY[1.3])\r\n",
	  "a NO [MAXCONVERTMESSAGES 2] Too many messages.\r\n"
	  "b NO [MAXCONVERTPARTS 2] Too many body parts.\r\n" },
	/* [RFC5259 10] */
	{ "a CONVERT 3 NIL BINARY[1]\r\n", BAD_PARAMS },
	{ "a CONVERT 3 (\"NIL\") BINARY[1]\r\n",
	  "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERT 3 (text/plain) BINARY[1]\r\n",
	  "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERT 3 (\"text/*\") BINARY[1]\r\n",
	  "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERT 3 () BINARY[1]\r\n", "a BAD Invalid MIME type.\r\n" },
	{ "a CONVERT 3 (NIL ()) BINARY[1]\r\n", BAD_PARAMS },
	{ "a CONVERT 3 (NIL (charset)) BINARY[1]\r\n", BAD_PARAMS },
	{ "a CONVERT 3 (NIL (charset x) y) BINARY[1]\r\n", BAD_PARAMS },
	{ "a CONVERT 3 (NIL charset) BINARY[1]\r\n", BAD_PARAMS },
	{ "a CONVERT 3 (NIL)\r\n",
	  "a BAD Error in IMAP command CONVERT: Invalid arguments.\r\n" },
	{ "a CONVERT 3 (NIL) BINARY[1] BINARY[2]\r\n",
	  "a BAD Error in IMAP command CONVERT: Invalid arguments.\r\n" },
	{ "a CONVERT 3 (NIL) ()\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) FLAGS\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BINARY[1.MIME]\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BODY[1]\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BODY[TEXT]\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BINARY.SIZE[1]<0.1>\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BINARY[1]<0.0>\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BINARY[0]\r\n", BAD_ITEM },
	{ "a CONVERT 3 (NIL) BINARY.PEEK[1]\r\n", BAD_ITEM },
	/* [RFC9586 3] */
	{ "a ENABLE UIDONLY\r\nb UID CONVERT 3 (NIL) BINARY[1]\r\n"
	  "c CONVERT 3 (NIL) BINARY[1]\r\n",
	  "* ENABLED UIDONLY\r\na OK Enabled.\r\n"
	  "* 3 CONVERTED (TAG \"b\") (UID 3 BINARY[1] {11}\r\n"
	  "THE THIRD\r\n)\r\n"
	  "b OK Convert completed.\r\n"
	  "c BAD [UIDREQUIRED] Message numbers are not allowed.\r\n" },
};

static void scripts_answer(void **state)
{
	static const size_t steps[] = { 1000000, 1, 7 };
	int wrong = 0;

	mock_settings.imap_convert_max_messages = 2;
	mock_settings.imap_convert_max_parts = 2;
	mock_settings.imap_convert_max_size = 1000;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct cv_session *s = mock_session_new();
			char in[1000];
			const char *out;

			snprintf(in, sizeof(in), "s SELECT INBOX\r\n%s",
				 scripts[i].in);
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

/* Behind the answer to SELECT. */
static void check_one(struct cv_session *s, const char *in, const char *wanted)
{
	char all[200];
	const char *out;

	snprintf(all, sizeof(all), "s SELECT INBOX\r\n%s", in);
	out = strstr(mock_session_play(s, cv_span_of(all), 1000),
		     "Select completed.\r\n");
	assert_non_null(out);
	assert_string_equal(out + strlen("Select completed.\r\n"), wanted);
	mock_session_free(&s);
}

static void what_cannot_be_read_fails_for_now(void **state)
{
	struct cv_session *s = mock_session_new();

	s->fail_section = CV_E_TEMP;
	check_one(s, "a CONVERT 3 (NIL) BINARY[1]\r\n",
		  "* 3 CONVERTED (TAG \"a\") (BINARY[1] (ERROR \"The text "
		  "could not be read\" TEMPFAIL))\r\n"
		  "a NO [TEMPFAIL] All conversions failed.\r\n");
	s = mock_session_new();
	s->fail_section = CV_E_UNSUPPORTED;
	check_one(s, "a CONVERT 3 (NIL) BODY[HEADER]\r\n",
		  "* 3 CONVERTED (TAG \"a\") (BODY[HEADER] (ERROR \"CHARSET "
		  "must be specified for text conversions\" "
		  "MISSINGPARAMETERS \"text/rfc822-headers\" "
		  "\"text/rfc822-headers\"(\"charset\")))\r\n"
		  ALL_FAILED("a"));
}

static void the_size_is_limited_and_zero_switches_it_off(void **state)
{
	mock_settings.imap_convert_max_size = 5;
	check_one(mock_session_new(), "a CONVERT 3 (NIL) BINARY[1]\r\n",
		  "* 3 CONVERTED (TAG \"a\") (BINARY[1] (ERROR \"The result "
		  "is too large\" BADPARAMETERS \"text/plain\" "
		  "\"text/plain\"))\r\n" ALL_FAILED("a"));
	mock_settings.imap_convert_max_size = 0;
	check_one(mock_session_new(), "a CONVERT 3 (NIL) BINARY[1]\r\n"
		  "b CONVERSIONS \"*\" \"*\"\r\n",
		  "a BAD CONVERT is not offered.\r\n"
		  "b BAD CONVERT is not offered.\r\n");
	mock_settings.imap_convert_max_size = 1000;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(what_cannot_be_read_fails_for_now),
		cmocka_unit_test(the_size_is_limited_and_zero_switches_it_off),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
