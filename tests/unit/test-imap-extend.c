/* test-imap-extend.c - what other plugins add to IMAP (cv-imap.h): rows of all
 * kinds beside the built-in ones, looks at commands, faults of all kinds; with
 * the bytes arriving in pieces. */
#include "imap-mock-session.h"

#include "cv-imap.h"

#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"

static const struct cv_imap_api *imap;

/* --- a plugin ------------------------------------------------------------- */

/* X-ECHO string list: an untagged line with what came */
static int echo(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args, members;
	struct cv_span text, atom;
	uint64_t number;
	int code = imap->string(call, &args, &text);

	if (code >= 0)
		code = imap->list(call, &args, &members);
	if (code >= 0)
		code = imap->end(call, &args);
	if (code >= 0)
		code = imap->atom(call, &members, &atom);
	if (code >= 0)
		code = imap->number(call, &members, 1000, &number);
	if (code < 0)
		return code;
	imap->line_begin(call->out);
	imap->put_atom(call->out, CV_SPAN("X-ECHO"));
	imap->put_string(call->out, text);
	imap->list_begin(call->out);
	imap->put_astring(call->out, atom);
	imap->list_begin(call->out);
	imap->put_number(call->out, number);
	imap->put_string(call->out, CV_SPAN_NONE);
	imap->list_end(call->out);
	imap->put_date_time(call->out, 0);
	imap->list_end(call->out);
	imap->put_mailbox(call->out, "a b");
	imap->line_end(call->out);
	call->response_code = "X-ECHOED 1";
	call->text = "Echoed.";
	return CV_OK;
}

/* X-FAULT n: one wrong thing after a right line */
static int fault(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	struct cv_imap_out *out = call->out;
	uint64_t which;

	if (imap->number(call, &args, 100, &which) < 0)
		return CV_E_SYNTAX;
	imap->line_begin(out);
	imap->put_atom(out, CV_SPAN("X-RIGHT"));
	imap->line_end(out);
	if (which != 9)
		imap->line_begin(out);
	switch (which) {
	case 0: imap->put_atom(out, CV_SPAN("A\r\n* BYE")); break;
	case 1: imap->put_atom(out, CV_SPAN("A B")); break;
	case 2: imap->put_string(out, cv_span("a\0b", 3)); break;
	case 3: imap->put_number(out, 1);
		imap->put_atom(out, CV_SPAN("Expunge")); break;
	case 4: imap->put_atom(out, CV_SPAN("BYE")); break;
	case 5: imap->list_begin(out); break;
	case 6: imap->put_atom(out, CV_SPAN("OK"));
		imap->put_text(out, CV_SPAN("a\r\nb NO")); break;
	case 7: imap->list_end(out); break;
	case 8: break;
	case 9: imap->put_atom(out, CV_SPAN("OUTSIDE")); return CV_OK;
	case 10: return CV_E_INTERNAL;
	case 11: call->response_code = "A] B"; call->text = "a\r\nb OK c";
		 imap->put_atom(out, CV_SPAN("OK")); break;
	case 12: imap->put_astring(out, CV_SPAN("PREAUTH")); break;
	case 13:
		for (int i = 0; i < 30; i++)
			imap->list_begin(out);
		break;
	case 14:
		for (int i = 0; i < 200000; i++)
			imap->put_string(out, CV_SPAN("longer"));
		break;
	}
	imap->line_end(out);
	return CV_OK;
}

static int refuse(struct cv_imap_call *call)
{
	call->response_code = "X-SUNDAY";
	(void)FAIL(call->err, CV_E_DENIED, "it is Sunday");
	(void)error_set_client(call->err, "Not on a Sunday.");
	return CV_E_DENIED;
}

/* X-SEQS set: the messages, by number */
static int seqs(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	struct cv_set set;
	int code = imap->messages(call, &args, &set);

	for (uint32_t i = 0; code >= 0 && i < set.count; i++) {
		imap->line_begin(call->out);
		imap->put_atom(call->out, CV_SPAN("X-SEQS"));
		imap->put_number(call->out, set.ranges[i].first);
		imap->put_number(call->out, set.ranges[i].last);
		imap->line_end(call->out);
	}
	return code;
}

static const struct cv_imap_command commands[] = {
	{ "x-echo", 0, echo },
	{ "X-FAULT", 0, fault },
	{ "X-REFUSE", CV_IMAP_NO_ARGS, refuse },
	{ "X-SEQS", CV_IMAP_SELECTED | CV_IMAP_HAS_UID, seqs },
};

static int tell_score(struct cv_imap_call *call)
{
	imap->put_number(call->out, call->message->uid * 10 +
			 (call->data != NULL ? 1 : 0));
	return CV_OK;
}

static int parse_score(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	struct cv_span word;

	if (args.count == 0)
		return CV_OK;
	call->data = call;
	return imap->atom(call, &args, &word);
}

static int tell_odd(struct cv_imap_call *call)
{
	if (call->seq == 1)
		return CV_NOT_FOUND;
	if (call->seq == 3) {
		imap->put_number(call->out, 3);
		imap->put_number(call->out, 3);
		return CV_OK;
	}
	/* ends with what could be taken for the begin of a list */
	imap->put_string(call->out, CV_SPAN("\n("));
	return CV_OK;
}

static const struct cv_imap_fetch_item fetch_items[] = {
	{ "X-SCORE", 0, parse_score, tell_score },
	{ "X-ODD", 0, NULL, tell_odd },
};

static int parse_uid(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	uint64_t *uid = pool_alloc(call->pool, sizeof(*uid));

	call->data = uid;
	return imap->number(call, &args, UINT32_MAX, uid);
}

static int match_uid(struct cv_imap_call *call)
{
	const uint64_t *uid = call->data;

	if (*uid == 99)
		return FAIL(call->err, CV_E_INTERNAL, "99 is too much");
	return call->message->uid == *uid ? CV_OK : CV_NOT_FOUND;
}

static int find_last(struct cv_imap_call *call, struct cv_set *seqs_r)
{
	static const struct cv_range last = { 3, 1000 };

	*seqs_r = (struct cv_set){ &last, 1 };
	return CV_OK;
}

static int find_wrong(struct cv_imap_call *call, struct cv_set *seqs_r)
{
	static const struct cv_range wrong[] = { { 2, 3 }, { 1, 1 } };

	*seqs_r = (struct cv_set){ wrong, 2 };
	return CV_OK;
}

static const struct cv_imap_search_key search_keys[] = {
	{ "X-UID", 0, 1, parse_uid, match_uid, NULL },
	{ "X-LAST", 0, 0, NULL, NULL, find_last },
	{ "X-WRONG", 0, 0, NULL, NULL, find_wrong },
};

static int tell_double(struct cv_imap_call *call)
{
	if (strcmp(call->mailbox_name, "a/b") == 0)
		return CV_E_TEMP;
	imap->put_number(call->out, 2 * (uint64_t)call->status->messages);
	return CV_OK;
}

static const struct cv_imap_status_item status_items[] = {
	{ "X-DOUBLE", CV_STATUS_MESSAGES, tell_double },
};

static int if_selected(struct cv_imap_call *call)
{
	return call->box != NULL ? CV_OK : CV_NOT_FOUND;
}

static const struct cv_imap_capability capabilities[] = {
	{ "X-BOTH", CV_IMAP_BEFORE_LOGIN | CV_IMAP_AFTER_LOGIN, NULL },
	{ "X-EARLY", CV_IMAP_BEFORE_LOGIN, NULL },
	{ "X-OPEN=1", CV_IMAP_AFTER_LOGIN, if_selected },
};

static int new_args(struct cv_imap_call *call, struct cv_imap_arg arg,
		    uint32_t count)
{
	struct cv_imap_arg *all = pool_alloc(call->pool, count *
						sizeof(*all));

	all[0] = arg;
	for (uint32_t i = 1; i < count; i++)
		all[i] = (struct cv_imap_arg){ CV_IMAP_ATOM, 0, 0,
					       CV_SPAN("x") };
	call->args = (struct cv_imap_args){ all, count };
	return CV_OK;
}

static int before_folder(struct cv_imap_call *call, const char *name)
{
	if (strcmp(name, "keep") == 0) {
		(void)error_set_client(call->err, "It stays.");
		call->response_code = "CANNOT";
		return CV_E_PERM;
	}
	if (strcmp(name, "other") == 0)
		return new_args(call, (struct cv_imap_arg){ CV_IMAP_QUOTED, 0,
			0, imap->mailbox_encode(call, "a/b") }, 1);
	if (strcmp(name, "examine") == 0)
		call->verb = CV_SPAN("examine");
	if (strcmp(name, "nul") == 0)
		return new_args(call, (struct cv_imap_arg){ CV_IMAP_LITERAL,
			0, 0, cv_span("a\0", 2) }, 1);
	if (strcmp(name, "list") == 0)
		return new_args(call, (struct cv_imap_arg){ CV_IMAP_LIST, 0,
			3, CV_SPAN("") }, 3);
	if (strcmp(name, "atom") == 0)
		return new_args(call, (struct cv_imap_arg){ CV_IMAP_ATOM, 0,
			0, CV_SPAN("a b") }, 1);
	if (strcmp(name, "type") == 0)
		return new_args(call, (struct cv_imap_arg){ 9, 0, 0,
			CV_SPAN("a") }, 1);
	if (strcmp(name, "verb") == 0)
		call->verb = CV_SPAN("NOTHING");
	if (strcmp(name, "append") == 0)
		call->verb = CV_SPAN("APPEND");
	return CV_OK;
}

/* SELECT, DELETE: by the folder's name; LOGIN: not for mallory; APPEND to
 * "elsewhere" goes to INBOX, to "more" gets one argument too many */
static int before(struct cv_imap_call *call)
{
	struct cv_imap_args args = call->args;
	struct cv_span word;
	const char *name;

	if (call->preauth != NULL) {
		if (cv_span_is(call->verb, "LOGIN") && args.count == 1 &&
		    imap->string(call, &args, &word) == CV_OK &&
		    cv_span_is(word, "mallory"))
			return refuse(call);
		return CV_OK;
	}
	if (cv_span_is(call->verb, "SELECT") ||
	    cv_span_is(call->verb, "DELETE")) {
		int code = imap->mailbox(call, &args, &name);

		return code < 0 ? code : before_folder(call, name);
	}
	if (cv_span_is(call->verb, "APPEND") && args.count > 0) {
		if (cv_span_is(args.at[0].text, "elsewhere"))
			return new_args(call, (struct cv_imap_arg){
				CV_IMAP_ATOM, 0, 0, CV_SPAN("INBOX") },
				args.count);
		if (cv_span_is(args.at[0].text, "more"))
			return new_args(call, args.at[0], args.count + 1);
	}
	return CV_OK;
}

static const struct cv_imap_extension table = {
	CV_SIZED(cv_imap_extension),
	.commands = CV_ARRAY(commands),
	.fetch_items = CV_ARRAY(fetch_items),
	.search_keys = CV_ARRAY(search_keys),
	.status_items = CV_ARRAY(status_items),
	.capabilities = CV_ARRAY(capabilities),
	.before = before, .priority = 5,
};
static const struct cv_extension extension = {
	CV_SIZED(cv_extension), .name = "extras", .of = "imap",
	.major = CV_IMAP_MAJOR, .table = &table,
};

/* --- scripts --------------------------------------------------------------- */

#define RIGHT "* X-RIGHT\r\n"
#define BUG "a NO [SERVERBUG] Internal error.\r\n"

static const struct script { const char *in, *out; } scripts[] = {
	/* commands */
	{ "a X-ECHO {3+}\r\nx y (b 7)\r\n",
	  "* X-ECHO \"x y\" (b (7 NIL) \"01-Jan-1970 00:00:00 +0000\") "
	  "\"a b\"\r\na OK [X-ECHOED 1] Echoed.\r\n" },
	{ "a x-Echo {2}\r\n\r\n (\"nil\" 7)\r\n",
	  "+ OK\r\na BAD Error in IMAP command X-ECHO: "
	  "Missing atom argument.\r\n" },
	{ "a X-ECHO {2}\r\n\r\n (nil 7)\r\n",
	  "+ OK\r\n* X-ECHO {2}\r\n\r\n (\"nil\" (7 NIL) "
	  "\"01-Jan-1970 00:00:00 +0000\") \"a b\"\r\n"
	  "a OK [X-ECHOED 1] Echoed.\r\n" },
	{ "a X-ECHO\r\nb X-ECHO (x)\r\nc X-ECHO x y\r\nd X-ECHO x (y) z\r\n"
	  "e X-ECHO x (y 1001)\r\nf X-ECHO x (y z)\r\n",
	  "a BAD Error in IMAP command X-ECHO: Missing string argument.\r\n"
	  "b BAD Error in IMAP command X-ECHO: Missing string argument.\r\n"
	  "c BAD Error in IMAP command X-ECHO: Missing list argument.\r\n"
	  "d BAD Error in IMAP command X-ECHO: Too many arguments.\r\n"
	  "e BAD Error in IMAP command X-ECHO: Invalid number argument.\r\n"
	  "f BAD Error in IMAP command X-ECHO: Invalid number argument.\r\n" },
	{ "a X-REFUSE\r\nb X-REFUSE x\r\nc UID X-REFUSE\r\n",
	  "a NO [X-SUNDAY] Not on a Sunday.\r\n"
	  "b BAD Error in IMAP command X-REFUSE: Invalid arguments.\r\n"
	  "c BAD Error in IMAP command received by server.\r\n" },
	{ "a X-SEQS 2:*\r\nb UID X-SEQS 1,3\r\nc X-SEQS 9\r\nd X-SEQS (1)\r\n",
	  "* X-SEQS 2 3\r\na OK Completed.\r\n"
	  "* X-SEQS 1 1\r\n* X-SEQS 3 3\r\nb OK Completed.\r\n"
	  "c BAD Error in IMAP command X-SEQS: "
	  "Invalid messageset.\r\n"
	  "d BAD Error in IMAP command X-SEQS: Missing message set.\r\n" },
	{ "a CLOSE\r\nb X-SEQS 1\r\n",
	  "a OK Close completed.\r\nb BAD No mailbox selected.\r\n" },

	/* faults */
	{ "a X-FAULT 0\r\n", RIGHT BUG }, { "a X-FAULT 1\r\n", RIGHT BUG },
	{ "a X-FAULT 2\r\n", RIGHT BUG }, { "a X-FAULT 3\r\n", RIGHT BUG },
	{ "a X-FAULT 4\r\n", RIGHT BUG }, { "a X-FAULT 5\r\n", RIGHT BUG },
	{ "a X-FAULT 6\r\n", RIGHT BUG }, { "a X-FAULT 7\r\n", RIGHT BUG },
	{ "a X-FAULT 8\r\n", RIGHT BUG }, { "a X-FAULT 9\r\n", RIGHT BUG },
	{ "a X-FAULT 10\r\n", RIGHT BUG },
	{ "a X-FAULT 11\r\n", RIGHT "* OK\r\na OK a  b OK c\r\n" },
	{ "a X-FAULT 12\r\n", RIGHT BUG }, { "a X-FAULT 13\r\n", RIGHT BUG },
	{ "a X-FAULT 14\r\n", RIGHT BUG },

	/* items of FETCH */
	{ "a FETCH 1:2 (X-SCORE FLAGS)\r\nb UID FETCH 2 x-score\r\n",
	  "* 1 FETCH (FLAGS (\\Seen) X-SCORE 10)\r\n"
	  "* 2 FETCH (FLAGS () X-SCORE 20)\r\na OK Fetch completed.\r\n"
	  "* 2 FETCH (UID 2 X-SCORE 20)\r\nb OK Fetch completed.\r\n" },
	{ "a FETCH 1 (X-SCORE (FINE) UID X-SCORE)\r\n"
	  "b FETCH 1 (X-SCORE ((x)))\r\n",
	  "* 1 FETCH (UID 1 X-SCORE 11)\r\na OK Fetch completed.\r\n"
	  "b BAD Error in IMAP command X-SCORE: Missing atom argument.\r\n" },
	{ "a FETCH 1:2 (X-ODD X-SCORE BODY.PEEK[]<0.2>)\r\n",
	  "* 1 FETCH (X-ODD NIL X-SCORE 10 BODY[]<0> {2}\r\nFr)\r\n"
	  "* 2 FETCH (X-ODD {2}\r\n\n( X-SCORE 20 BODY[]<0> {2}\r\nFr)\r\n"
	  "a OK Fetch completed.\r\n" },
	/* it fails with the third, whose other items are told */
	{ "a FETCH 1:3 (X-ODD)\r\nb FETCH 3 (X-ODD UID)\r\nc FETCH 1 UID\r\n",
	  "* 1 FETCH (X-ODD NIL)\r\n* 2 FETCH (X-ODD {2}\r\n\n()\r\n" BUG
	  "* 3 FETCH (UID 3)\r\nb NO [SERVERBUG] Internal error.\r\n"
	  "* 1 FETCH (UID 1)\r\nc OK Fetch completed.\r\n" },
	{ "a FETCH 1 X-SCORE (CHANGEDSINCE 99)\r\n",
	  "* OK [HIGHESTMODSEQ 13] Highest\r\na OK Fetch completed.\r\n" },

	/* keys of SEARCH */
	{ "a SEARCH X-UID 2\r\nb SEARCH NOT X-UID 2\r\n"
	  "c SEARCH OR X-UID 1 (X-LAST NOT SEEN)\r\nd UID SEARCH X-LAST\r\n"
	  "e SEARCH X-UID 1 X-UID 2\r\n",
	  "* SEARCH 2\r\na OK Search completed.\r\n"
	  "* SEARCH 1 3\r\nb OK Search completed.\r\n"
	  "* SEARCH 1 3\r\nc OK Search completed.\r\n"
	  "* SEARCH 3\r\nd OK Search completed.\r\n"
	  "* SEARCH\r\ne OK Search completed.\r\n" },
	{ "a SEARCH X-UID\r\nb SEARCH X-UID x\r\nc SEARCH X-UID 99\r\n"
	  "d SEARCH X-WRONG\r\n",
	  "a BAD Missing argument for search key.\r\n"
	  "b BAD Error in IMAP command X-UID: Invalid number argument.\r\n"
	  "c NO [SERVERBUG] Internal error.\r\n"
	  "d NO [SERVERBUG] Internal error.\r\n" },

	/* [RFC5267 4.3.1] */
	{ "a SEARCH RETURN (ALL UPDATE) X-UID 2\r\n",
	  "* ESEARCH (TAG \"a\") ALL 2\r\n* NO [NOUPDATE \"a\"] A key of a "
	  "plugin is not kept up to date\r\na OK Search completed.\r\n" },

	/* items of STATUS */
	{ "a STATUS INBOX (X-DOUBLE)\r\nb STATUS INBOX (x-double UIDNEXT)\r\n"
	  "c STATUS a/b (X-DOUBLE)\r\nd STATUS INBOX (X-TRIPLE)\r\n",
	  "* STATUS INBOX (X-DOUBLE 6)\r\na OK Status completed.\r\n"
	  "* STATUS INBOX (UIDNEXT 4 X-DOUBLE 6)\r\nb OK Status completed.\r\n"
	  "c NO [UNAVAILABLE] Temporary failure.\r\n"
	  "d BAD Invalid status item X-TRIPLE\r\n" },
	{ "a LIST \"\" (INBOX a/b) RETURN (STATUS (X-DOUBLE))\r\n",
	  "* LIST () \"/\" INBOX\r\n* LIST () \"/\" a/b\r\n"
	  "* STATUS INBOX (X-DOUBLE 6)\r\na OK LIST completed.\r\n" },

	/* what looks at every command */
	{ "a DELETE keep\r\nb DELETE {4+}\r\nkeep\r\n",
	  "a NO [CANNOT] It stays.\r\nb NO [CANNOT] It stays.\r\n" },
	{ "a DELETE\r\n",
	  "a BAD Error in IMAP command DELETE: Missing mailbox name.\r\n" },
	{ "a SELECT nul\r\nb SELECT list\r\nc SELECT atom\r\nd SELECT type\r\n"
	  "e SELECT verb\r\nf SELECT append\r\n",
	  "a NO [SERVERBUG] Internal error.\r\n"
	  "b NO [SERVERBUG] Internal error.\r\n"
	  "c NO [SERVERBUG] Internal error.\r\n"
	  "d NO [SERVERBUG] Internal error.\r\n"
	  "e NO [SERVERBUG] Internal error.\r\n"
	  "f NO [SERVERBUG] Internal error.\r\n" },
	{ "a APPEND more {1}\r\nb APPEND more (x) {2+}\r\nxx\r\n"
	  "c NOOP\r\n",
	  "a NO [SERVERBUG] Internal error.\r\n"
	  "b NO [SERVERBUG] Internal error.\r\nc OK NOOP completed.\r\n" },
};

static void plays(const char *in, const char *wanted, size_t step)
{
	struct cv_session *s = mock_session_new();
	struct cv_text script;
	const char *out, *at;

	cv_text_init(&script, s->pool);
	cv_text_append_str(&script, SEL);
	cv_text_append_str(&script, in);
	out = mock_session_play(s, cv_text_span(&script), step);
	at = strstr(out, "Select completed.\r\n");
	assert_non_null(at);
	at += strlen("Select completed.\r\n");
	if (strncmp(at, wanted, strlen(wanted)) != 0)
		print_error("step %zu:\n%s\n", step, in);
	/* what comes behind is of the end of the session */
	assert_string_equal(at, wanted);
	mock_session_free(&s);
}

static void rows_of_plugins_work_beside_the_built_in_ones(void **state)
{
	static const size_t steps[] = { 1, 7, 4096 };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++)
			plays(scripts[i].in, scripts[i].out, steps[k]);
	}
}

static void a_fault_is_logged_with_the_plugins_name(void **state)
{
	static const struct { const char *in, *line; } cases[] = {
		{ "a X-FAULT 0\r\n",
		  "plugin 'extras': X-FAULT: an atom that is none" },
		{ "a X-FAULT 3\r\n", "plugin 'extras': X-FAULT: what the "
		  "session alone may say" },
		{ "a X-FAULT 10\r\n", "plugin 'extras': X-FAULT: " },
		{ "a X-FAULT 14\r\n", "plugin 'extras': X-FAULT: more bytes "
		  "than an answer may have" },
		{ "a SEARCH X-UID 99\r\n",
		  "plugin 'extras': X-UID: 99 is too much" },
		{ "a SELECT nul\r\n",
		  "plugin 'extras': SELECT: an argument with NUL" },
		{ "a FETCH 3 X-ODD\r\n",
		  "plugin 'extras': X-ODD: more than one value" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_session *s = mock_session_new();
		char script[256];

		mock_logged[0] = '\0';
		(void)snprintf(script, sizeof(script), SEL "%s", cases[i].in);
		(void)mock_session_play(s, cv_span_of(script), 4096);
		assert_memory_equal(mock_logged, cases[i].line,
				    strlen(cases[i].line));
		mock_session_free(&s);
	}
}

static const char *play(struct cv_session *s, const char *script)
{
	return mock_session_play(s, cv_span_of(script), 4096);
}

static void a_command_is_changed_before_it_runs(void **state)
{
	struct cv_session *s = mock_session_new();
	const char *out = play(s, "a SELECT other\r\nb STATUS a/b (MESSAGES)"
			       "\r\nc SELECT examine\r\n");

	/* a/b is the one that was opened */
	assert_non_null(strstr(out, "a OK [READ-WRITE] Select completed."));
	assert_non_null(strstr(out, "c NO [NONEXISTENT]"));
	mock_session_free(&s);
	s = mock_session_new();
	out = play(s, "a APPEND elsewhere (\\Seen) {3+}\r\nabc\r\n"
		   "b STATUS INBOX (MESSAGES)\r\n");
	assert_non_null(strstr(out, "* STATUS INBOX (MESSAGES 4)\r\n"));
	mock_session_free(&s);
}

static void capabilities_are_told_while_they_are_offered(void **state)
{
	struct cv_session *s = mock_session_new();
	const char *out = play(s, "a CAPABILITY\r\n" SEL "b CAPABILITY\r\n");
	const char *second = strstr(out, "Select completed.");

	assert_non_null(strstr(out, " X-BOTH\r\n"));
	assert_null(strstr(out, "X-EARLY"));
	assert_non_null(strstr(second, " X-BOTH X-OPEN=1\r\n"));
	mock_session_free(&s);
	s = mock_session_new();
	mock_settings.imap_capability = "IMAP4rev1 OWN";
	out = play(s, "a CAPABILITY\r\n");
	assert_memory_equal(out, "* CAPABILITY IMAP4rev1 OWN\r\n", 28);
	mock_session_free(&s);
	mock_init();
}

static void logins_of_a_kind_are_refused_before_they_begin(void **state)
{
	static const char login[] = "a LOGIN mallory secret\r\n";
	static const char good[] = "b LOGIN alice secret\r\n";
	struct cv_preauth *p;

	mock_init();
	p = mock_preauth_new();
	p->secure = true;
	assert_non_null(strstr(cv_text_str(&p->out), " X-BOTH X-EARLY"));
	assert_null(strstr(cv_text_str(&p->out), "X-OPEN"));
	cv_text_reset(&p->out);
	mock_preauth_feed(p, login, strlen(login));
	assert_string_equal(cv_text_str(&p->out),
			    "a NO [X-SUNDAY] Not on a Sunday.\r\n");
	assert_int_equal(p->auth_begun, 0);
	mock_preauth_feed(p, good, strlen(good));
	assert_int_equal(p->auth_begun, 1);
	mock_preauth_free(&p);
}

/* --- what is refused at load ------------------------------------------------- */

static int check(const struct cv_imap_extension *tried, const char *wanted)
{
	const struct cv_extension other = {
		CV_SIZED(cv_extension), .name = "other", .of = "imap",
		.major = CV_IMAP_MAJOR, .table = tried,
	};
	struct cv_error err = ERROR_NONE;
	int code = mock_service.check(&other, &err);

	assert_string_equal(err.text, wanted);
	return code;
}

#define TRY(member, type, ...) \
	&(const struct cv_imap_extension){ CV_SIZED(cv_imap_extension), \
		.member = { (const struct cv_imap_##type[]){ __VA_ARGS__ }, \
			sizeof((const struct cv_imap_##type[]){ \
				__VA_ARGS__ }) / \
			sizeof(struct cv_imap_##type), \
			sizeof(struct cv_imap_##type) } }
#define OWN(what, name) "its " what " '" name "' is one of IMAP itself " \
	"(hint: give it another name, as 'X-" name "')"

static void names_that_are_taken_are_refused(void **state)
{
	assert_int_equal(check(TRY(commands, command,
		{ "fetch", 0, echo }), OWN("command", "fetch")), CV_E_EXISTS);
	check(TRY(commands, command, { "UID", 0, echo }),
	      OWN("command", "UID"));
	check(TRY(fetch_items, fetch_item,
		  { "BINARY.SIZE", 0, NULL, tell_odd }),
	      OWN("item of FETCH", "BINARY.SIZE"));
	check(TRY(fetch_items, fetch_item, { "Full", 0, NULL, tell_odd }),
	      OWN("item of FETCH", "Full"));
	check(TRY(search_keys, search_key,
		  { "UNSEEN", 0, 0, NULL, match_uid, NULL }),
	      OWN("key of SEARCH", "UNSEEN"));
	check(TRY(status_items, status_item, { "MESSAGES", 0, tell_double }),
	      OWN("item of STATUS", "MESSAGES"));
	check(TRY(capabilities, capability, { "idle", 2, NULL }),
	      OWN("capability", "idle"));
	check(TRY(capabilities, capability, { "MESSAGELIMIT=5", 2, NULL }),
	      OWN("capability", "MESSAGELIMIT=5"));
	assert_int_equal(check(TRY(commands, command, { "X-Echo", 0, echo }),
			       "its command 'X-Echo' is one of the plugin "
			       "'extras' already (hint: load only one of "
			       "them)"), CV_E_EXISTS);
	check(TRY(commands, command, { "X-A", 0, echo }, { "x-a", 0, echo }),
	      "it has the command 'x-a' twice");
	assert_int_equal(check(TRY(commands, command, { "X-NEW", 0, echo }),
			       ""), CV_OK);
}

static void rows_that_are_broken_are_refused(void **state)
{
	struct { struct cv_imap_extension known; uint64_t more; } longer = {
		{ .size = sizeof(longer) }, 1,
	};

	check(TRY(commands, command, { "X NEW", 0, echo }),
	      "the name of its command 'X NEW' is no atom of letters, digits "
	      "and -._=+:/");
	check(TRY(commands, command, { NULL, 0, echo }),
	      "the name of its command '' is no atom of letters, digits and "
	      "-._=+:/");
	check(TRY(search_keys, search_key,
		  { "7", 0, 0, NULL, match_uid, NULL }),
	      "the name of its key of SEARCH '7' is no atom of letters, "
	      "digits and -._=+:/");
	check(TRY(commands, command, { "X-NEW", 0, NULL }),
	      "its command 'X-NEW' lacks what it must have");
	check(TRY(search_keys, search_key,
		  { "X-NEW", 0, 99, NULL, match_uid, NULL }),
	      "its key of SEARCH 'X-NEW' lacks what it must have");
	check(TRY(capabilities, capability, { "X-NEW", 0, NULL }),
	      "its capability 'X-NEW' lacks what it must have");
	check(&(const struct cv_imap_extension){ .size = 8 },
	      "its table for IMAP says it has 8 bytes (hint: begin it with "
	      "CV_SIZED)");
	assert_int_equal(mock_service.check(&(const struct cv_extension){
		CV_SIZED(cv_extension), .name = "other", .of = "imap",
		.major = 1, .table = &longer }, NULL), CV_E_ABI);
	check(&(const struct cv_imap_extension){ CV_SIZED(cv_imap_extension),
		.commands = { NULL, 3, 24 } },
	      "its table of the kind 'command' is broken (hint: use "
	      "CV_ARRAY)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_plugins_work_beside_the_built_in_ones),
		cmocka_unit_test(a_fault_is_logged_with_the_plugins_name),
		cmocka_unit_test(a_command_is_changed_before_it_runs),
		cmocka_unit_test(capabilities_are_told_while_they_are_offered),
		cmocka_unit_test(logins_of_a_kind_are_refused_before_they_begin),
		cmocka_unit_test(names_that_are_taken_are_refused),
		cmocka_unit_test(rows_that_are_broken_are_refused),
	};

	mock_init();
	imap = mock_service.table;
	mock_extensions[0] = &extension;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
