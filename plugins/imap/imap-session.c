/* imap-session.c - see imap-session.h: read a command, run it, tell what has
 * changed, answer.
 *
 * Runs in the user's own process.  The client is hostile; so is what the
 * services return in texts for clients. */
#include "imap-session.h"
#include "imap-append.h"
#include "imap-capability.h"
#include "imap-check.h"
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-convert.h"
#include "imap-enable.h"
#include "imap-extend.h"
#include "imap-language.h"
#include "imap-limit.h"
#include "imap-logout.h"
#include "imap-metadata.h"
#include "imap-name.h"
#include "imap-modseq.h"
#include "imap-notify.h"
#include "imap-progress.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-settle.h"
#include "imap-sleep.h"
#include "imap-sync.h"
#include "imap-urlauth.h"

enum {
	/* [RFC3501 5.4] at least 30 minutes */
	INACTIVITY_MSECS = 30 * 60 * 1000,
	WINDOW_MAX = 65536,
	BAD_MAX = 20,
	TOKENS_MAX = 8192,
	LITERAL_MINUS_MAX = 4096,	/* [RFC7888 5] */
};

void imap_bye(struct imap_session *s, const char *text)
{
	if (s->closing)
		return;
	s->closing = true;
	imap_settle(s);
	imap_flush(s);
	cv_text_append_str(&s->out, "* BYE ");
	imap_say(s, text);
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

/* [RFC3501 7.1.5] a server that ends the connection says why. */
bool imap_stopping(struct imap_session *s)
{
	if (!imap_session_api->stopping(s->session))
		return false;
	imap_bye(s, imap_session_api->stop_reason(s->session));
	return true;
}

/* What waiting has ended with. */
static int input_came(struct imap_session *s, int code)
{
	if (code == CV_OK)
		return CV_OK;
	if (code == CV_E_TIMEOUT)
		imap_bye(s, "Disconnected for inactivity.");
	else if (code != CV_EOF)
		(void)imap_stopping(s);
	s->gone = code == CV_EOF && !s->closing;
	s->closing = true;
	return CV_E_TEMP;
}

int imap_wait_input(struct imap_session *s)
{
	imap_settle(s);
	return input_came(s, imap_connection_api->fill(
				  s->conn, WINDOW_MAX, INACTIVITY_MSECS,
				  s->err));
}

void imap_unselect(struct imap_session *s)
{
	if (s->box != NULL)
		imap_mailbox_api->close(&s->box);
	s->box = NULL;
	/* [RFC5267 4.3] */
	imap_contexts_end(s, false);
	s->exists = s->recent = 0;
	imap_saved_clear(s);
	imap_withheld_clear(s);
	imap_convert_forget(s);
	imap_notify_selection(s);
}

const struct imap_command *imap_command_find(struct cv_span name)
{
	for (size_t i = 0; i < imap_command_count; i++) {
		if (cv_span_is_icase(name, imap_commands[i].name))
			return &imap_commands[i];
	}
	return imap_extended_command(name);
}

bool imap_command_is_own(struct cv_span name)
{
	for (size_t i = 0; i < imap_command_count; i++) {
		if (cv_span_is_icase(name, imap_commands[i].name))
			return true;
	}
	return cv_span_is_icase(name, "UID") || cv_span_is_icase(name, "DONE");
}

/* --- one command ---------------------------------------------------------- */

static void send_reply(struct imap_cmd *cmd)
{
	static const char *const words[] = { "", " OK ", " NO ", " BAD " };
	struct imap_session *s = cmd->s;

	if (cmd->reply == IMAP_REPLY_NONE)
		return;
	if (s->unsettled && cmd->reply == IMAP_OK)
		imap_hold_reply(s, s->out.len, cmd->tag.len);
	if (cmd->tag.len == 0)
		cv_text_append_c(&s->out, '*');
	cv_text_append_span(&s->out, cmd->tag);
	cv_text_append_str(&s->out, words[cmd->reply]);
	imap_say(s, cv_text_str(&cmd->text));
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	if (cmd->reply != IMAP_BAD)
		s->bad = 0;
	else if (++s->bad >= BAD_MAX)
		imap_bye(s, "Too many invalid IMAP commands.");
}

/* [RFC6855 3] */
static bool quoted_valid(const struct imap_args *args)
{
	for (uint32_t i = args->at; i < args->end; i++) {
		if (args->all[i].type == IMAP_QUOTED &&
		    !imap_utf8_valid(args->all[i].text))
			return false;
	}
	return true;
}

static bool is_allowed(struct imap_cmd *cmd, struct cv_span verb)
{
	struct imap_session *s = cmd->s;
	const struct cv_session_api *api = imap_session_api;
	int code;

	if ((cmd->def->flags & IMAP_SELECTED) != 0 && s->box == NULL) {
		imap_bad(cmd, "No mailbox selected.");
		return false;
	}
	if (!quoted_valid(&cmd->args)) {
		imap_bad(cmd, "Error in IMAP command: Invalid UTF-8.");
		return false;
	}
	if ((cmd->def->flags & IMAP_NO_ARGS) != 0 &&
	    imap_args_peek(&cmd->args) != NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	/* [RFC9586] once enabled, none of them takes message numbers */
	if ((cmd->def->flags & (IMAP_HAS_UID | IMAP_NO_NUMBERS)) ==
	    IMAP_HAS_UID && !cmd->uid &&
	    imap_enabled(s, IMAP_ENABLED_UIDONLY)) {
		imap_bad(cmd, "[UIDREQUIRED] Message numbers are not "
			 "allowed.");
		return false;
	}
	if (!CV_HAS(api, command) || api->command == NULL)
		return true;
	code = api->command(s->session, verb, imap_parser_rest(&s->parser),
			    s->err);
	if (code >= 0)
		return true;
	imap_no_error(cmd, code);
	return false;
}

static void code_prefix(struct imap_cmd *cmd)
{
	char *old = cv_api->alloc(cmd->pool, cmd->text.len + 1);

	memcpy(old, cv_text_str(&cmd->text), cmd->text.len);
	imap_ok(cmd, "[HIGHESTMODSEQ %llu] %s",
		(unsigned long long)cmd->s->modseq, old);
}

static int sync_after(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	uint32_t flags = cmd->def->flags;
	bool newmail = (s->workarounds & IMAP_DELAY_NEWMAIL) == 0 ||
		(flags & IMAP_NEWMAIL) != 0;
	const struct imap_report report = { cmd->report, cmd->report_modseqs,
					    cmd->uid, cmd->expunges ||
					    cmd->def->run == imap_cmd_replace };
	bool still;
	int code;

	if (s->box == NULL || (flags & IMAP_NO_SYNC) != 0 || s->closing)
		return 0;
	/* [RFC3501 7.4.1] no EXPUNGE during FETCH, STORE, SEARCH; and none
	 * that would move the numbers of what is to be reported; [RFC7162
	 * 3.2.10.2] nor during a UID SEARCH with numbers in it */
	still = report.flags.count > 0 || report.modseqs.count > 0 ||
		((flags & IMAP_NO_EXPUNGE) != 0 &&
		 (!cmd->uid || cmd->has_numbers));
	s->expunged = 0;
	s->unreported = false;
	code = imap_sync_report(s, cmd->pool,
				still ? CV_SYNC_NO_EXPUNGES : 0, newmail,
				&report);
	if (code >= 0 && s->unreported && !cmd->uid && cmd->reply == IMAP_OK &&
	    cmd->def->run == imap_cmd_store)
		imap_store_missed(cmd);
	/* [RFC7162 3.2.7, 3.2.9] */
	if (code >= 0 && cmd->expunges && s->expunged > 0 &&
	    cmd->reply == IMAP_OK && imap_enabled(s, IMAP_ENABLED_QRESYNC))
		code_prefix(cmd);
	return code;
}

/* "UID FETCH": the argument names the command. */
static void uid_resolve(struct imap_cmd *cmd, struct cv_span *verb)
{
	const struct imap_arg *arg;

	if (!cv_span_is_icase(*verb, "UID"))
		return;
	cmd->def = NULL;
	arg = imap_args_next(&cmd->args);
	if (arg == NULL || arg->type != IMAP_ATOM)
		return;
	cmd->def = imap_command_find(arg->text);
	cmd->uid = true;
	if (cmd->def != NULL && (cmd->def->flags & IMAP_HAS_UID) == 0)
		cmd->def = NULL;
}

/* [RFC4978 3] the reply is the last that is not compressed. */
static int compress_begin(struct imap_session *s)
{
	int level = (int)s->set->imap_compress_deflate_level;

	imap_settle(s);
	return imap_connection_api->compress(s->conn, level, s->err);
}

/* [RFC8437 3] who cannot is to say BYE: a login may be on its way. */
static int give_back(struct imap_session *s)
{
	int code;

	imap_settle(s);
	code = imap_session_api->give_back(s->session, s->err);
	if (code == CV_OK) {
		s->closing = true;
		return CV_OK;
	}
	cv_api->log(imap_self, CV_LOG_ERROR, "cannot give the connection "
		    "back: %s", cv_api->error_text(s->err));
	imap_bye(s, "Cannot go back to before the login.");
	return CV_E_TEMP;
}

/* What has changed, and the reply. */
static int finish_command(struct imap_cmd *cmd, int code)
{
	if (code >= 0 && cmd->reply != IMAP_BAD)
		code = sync_after(cmd);
	if (code >= 0 && cmd->reply != IMAP_BAD && !cmd->s->closing) {
		imap_notify_others(cmd->s, cmd->pool);
		imap_metadata_notify(cmd->s, cmd->pool);
		imap_urlauth_tell(cmd->s);
	}
	if (code >= 0) {
		imap_limit_reply(cmd);
		send_reply(cmd);
	}
	return code;
}

static int run_command(struct imap_session *s, struct imap_cmd *cmd)
{
	bool compressed = s->compressed;
	struct cv_span verb = imap_parser_verb(&s->parser);
	bool streams = imap_literal_waits(s);
	int code = 0;

	cmd->args = imap_parser_args(&s->parser);
	cmd->def = imap_command_find(verb);
	uid_resolve(cmd, &verb);
	if (cmd->def == NULL) {
		imap_bad(cmd, "Error in IMAP command received by server.");
		send_reply(cmd);
		return 0;
	}
	imap_session_api->set_activity(s->session, cmd->def->name);
	imap_compress_reset(s);
	if ((cmd->def->flags & IMAP_HOLDS) == 0)
		imap_settle(s);
	if (streams)
		imap_parser_resolve(&s->parser);
	if (imap_extend_before(cmd) && is_allowed(cmd, verb)) {
		s->running = cmd;
		imap_progress_begin(s);
		code = cmd->def->run(cmd);
		s->running = NULL;
	} else if (streams) {
		code = imap_literals_drop(cmd);
	}
	code = finish_command(cmd, code);
	if (code >= 0 && s->compressed && !compressed)
		code = compress_begin(s);
	if (code >= 0 && s->leaving && !s->closing)
		code = give_back(s);
	return code;
}

/* --- reading -------------------------------------------------------------- */

static void command_begin(struct imap_session *s, struct imap_cmd *cmd)
{
	cv_api->pool_reset(s->cmd_pool);
	*cmd = (struct imap_cmd){ .s = s, .pool = s->cmd_pool };
	cv_text_init(&cmd->text, s->cmd_pool);
	cmd->tag = imap_parser_tag(&s->parser);
}

/* Literals that a command reads by itself: those of messages. */
/* Values of annotations, which are in lists of lists [RFC5257 5 value]. */
static bool literal_takes_nul(const struct imap_parser *p)
{
	static const char *const verbs[] = {
		"STORE", "APPEND", "REPLACE", "UID",
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (cv_span_is_icase(imap_parser_verb(p), verbs[i]))
			return p->depth >= 2;
	}
	/* [RFC5464 5] value = nstring / literal8 */
	return p->depth == 1 &&
		cv_span_is_icase(imap_parser_verb(p), "SETMETADATA");
}

/* The command that takes messages, and from which argument on; NULL: another. */
static const struct imap_command *literal_command(const struct imap_parser *p,
						  uint32_t *from_r)
{
	struct cv_span verb = imap_parser_verb(p);
	const struct imap_command *def;

	*from_r = 1;
	if (cv_span_is_icase(verb, "UID")) {
		if (p->arg_count == 0 || p->args[0].type != IMAP_ATOM)
			return NULL;
		verb = cv_span(p->line.data + p->args[0].offset,
			       p->args[0].len);
		(*from_r)++;
	}
	def = imap_command_find(verb);
	if (def == NULL || (def->flags & IMAP_STREAMS) == 0)
		return NULL;
	if ((def->flags & IMAP_STREAMS_LATER) != 0)
		(*from_r)++;
	return def;
}

static bool literal_streams(const struct imap_parser *p)
{
	uint32_t from;

	return literal_command(p, &from) != NULL && p->arg_count >= from;
}

static bool literal_appends(const struct imap_parser *p)
{
	uint32_t from;

	return literal_command(p, &from) != NULL;
}

static void parse_failed(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;

	if (s->parser.too_large_nonsync && literal_appends(&s->parser)) {
		/* [RFC7888 5] MUST of APPEND, and of what is like it */
		imap_bad(cmd, "[TOOBIG] %s.", s->parser.error);
		return;
	}
	if (s->parser.too_large)
		cmd->def = imap_command_find(imap_parser_verb(&s->parser));
	if (cmd->def != NULL && cmd->def->too_large != NULL)
		(void)cmd->def->too_large(cmd);
	else
		imap_bad(cmd, "Error in IMAP command: %s.", s->parser.error);
}

/* The parser has something to say. */
static int parsed(struct imap_session *s, enum imap_parse_result result)
{
	struct imap_cmd cmd;
	int code = 0;

	switch (result) {
	case IMAP_PARSE_MORE:
		return 0;
	case IMAP_PARSE_VERB:
		return 0;
	case IMAP_PARSE_CONTINUE:
		imap_send_line(s, "+ OK");
		return 0;
	case IMAP_PARSE_DONE:
	case IMAP_PARSE_STREAM:
		command_begin(s, &cmd);
		code = run_command(s, &cmd);
		break;
	case IMAP_PARSE_ERROR:
	case IMAP_PARSE_FATAL:
		command_begin(s, &cmd);
		parse_failed(&cmd);
		send_reply(&cmd);
		if (result == IMAP_PARSE_FATAL)
			imap_bye(s, "Input could not be understood.");
		break;
	}
	imap_parser_reset(&s->parser);
	return code;
}

/* [RFC5465 3.1] the client listens also while nothing is asked of the server:
 * until there is input, or the time (monotonic milliseconds) has come. */
static int wait_and_tell(struct imap_session *s, uint64_t until)
{
	int fd, code = imap_notify_watch(s, &fd);

	while (code >= 0 && !s->closing) {
		uint64_t now = cv_api->monotonic_msecs();

		code = imap_connection_api->wait(
			s->conn, fd, now >= until ? 0 :
			(uint32_t)(until - now), s->err);
		if (code != CV_CHANGED)
			return code;
		code = imap_notify_push(s, false);
		if (code >= 0)
			code = imap_notify_watch(s, &fd);
	}
	return CV_E_TEMP;
}

static int wait_and_listen(struct imap_session *s)
{
	uint64_t since = cv_api->monotonic_msecs();
	int code = CV_E_TIMEOUT;

	imap_settle(s);
	while (code == CV_E_TIMEOUT) {
		uint64_t now = cv_api->monotonic_msecs();
		uint32_t quiet = imap_parser_is_idle(&s->parser) ?
			imap_sleep_after(s) : 0;
		uint64_t end = since + INACTIVITY_MSECS;

		if (quiet != 0 && now + quiet < end)
			end = now + quiet;
		code = wait_and_tell(s, end);
		now = cv_api->monotonic_msecs();
		if (code == CV_E_TIMEOUT && quiet != 0 &&
		    now < since + INACTIVITY_MSECS &&
		    imap_sleep(s, CV_SPAN_NONE,
			       since + INACTIVITY_MSECS - now))
			return CV_E_TEMP;
		if (now >= since + INACTIVITY_MSECS)
			break;
	}
	return input_came(s, code);
}

/* Between commands, where the session can sleep. */
static int wait_command(struct imap_session *s)
{
	uint32_t quiet = imap_sleep_after(s);
	int code = CV_E_TIMEOUT;

	if (imap_notify_listens(s))
		return wait_and_listen(s);

	if (quiet == 0 || !imap_parser_is_idle(&s->parser))
		return imap_wait_input(s);
	imap_settle(s);
	code = imap_connection_api->fill(s->conn, WINDOW_MAX, quiet, s->err);
	if (code == CV_OK)
		return CV_OK;
	if (code == CV_E_TIMEOUT && imap_sleep(s, CV_SPAN_NONE,
					       INACTIVITY_MSECS - quiet))
		return CV_E_TEMP;
	return imap_wait_input(s);
}

static int session_loop(struct imap_session *s)
{
	int code = 0;

	while (code >= 0 && !s->closing &&
	       !imap_connection_api->failed(s->conn)) {
		struct cv_span in = imap_connection_api->peek(s->conn);
		enum imap_parse_result result;
		size_t used;

		if (in.len == 0) {
			if (imap_stopping(s))
				break;
			code = wait_command(s);
			continue;
		}
		result = imap_parser_feed(&s->parser, in, &used);
		imap_connection_api->skip(s->conn, used);
		code = parsed(s, result);
	}
	return code;
}

/* [RFC2221 4] in the tagged OK: the user's own mailboxes are elsewhere, and
 * others may be here.  What the server can do comes before it. */
static void greet_elsewhere(struct imap_session *s, struct cv_span tag,
			    struct cv_span url)
{
	cv_text_append_str(&s->out, "* CAPABILITY ");
	imap_capability_session(&s->out, s);
	cv_text_append_str(&s->out, "\r\n");
	cv_text_append_span(&s->out, tag);
	cv_text_append_str(&s->out, " OK [REFERRAL ");
	cv_text_append_span(&s->out, url);
	cv_text_append_str(&s->out, "] ");
	imap_say(s, "Logged in, but you should use this server instead.");
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

static void greet(struct imap_session *s)
{
	struct cv_span words = imap_session_api->login_tag(s->session);
	struct cv_span tag = CV_SPAN_NONE, language = CV_SPAN_NONE;

	/* as imap-preauth.c has put them together */
	(void)cv_span_split(&words, ' ', &tag);
	(void)cv_span_split(&words, ' ', &language);
	s->language = imap_language_find(language);
	if (words.len > 0) {
		greet_elsewhere(s, tag, words);
		return;
	}
	if (tag.len > 0) {
		cv_text_append_span(&s->out, tag);
		cv_text_append_str(&s->out, " OK [CAPABILITY ");
	} else {
		/* [RFC3501 7.1.4] */
		cv_text_append_str(&s->out, "* PREAUTH [CAPABILITY ");
	}
	imap_capability_session(&s->out, s);
	cv_text_append_str(&s->out, "] ");
	imap_say(s, "Logged in");
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

static uint32_t workarounds_of(const struct imap_settings *set)
{
	const struct cv_strings *list = &set->imap_client_workarounds;
	uint32_t bits = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		uint32_t bit = imap_workaround_find(list->items[i]);

		bits |= bit;
		/* the configuration was looked over, a userdb was not */
		if (bit == 0)
			cv_api->log(imap_self, CV_LOG_WARNING,
				    "imap_client_workarounds: '%s' is not "
				    "known", list->items[i]);
	}
	return bits;
}

static void session_init(struct imap_session *s, struct cv_session *session)
{
	struct imap_parser_limits limits = {
		.tokens_max = TOKENS_MAX,
		.depth_max = IMAP_PARSER_DEPTH_MAX,
	};
	uint64_t line_max;

	s->session = session;
	s->conn = imap_session_api->connection(session);
	s->user = imap_session_api->user(session);
	s->pool = imap_session_api->pool(session);
	s->set = imap_session_api->settings(session, imap_self);
	s->cmd_pool = cv_api->pool_create("imap command");
	s->err = cv_api->error_new(s->pool);
	s->workarounds = workarounds_of(s->set);
	line_max = s->set->imap_max_line_length;
	limits.line_max = line_max > INT32_MAX ? INT32_MAX :
		(uint32_t)line_max;
	limits.literal_max = limits.line_max;
	/* [RFC7888 4] LITERAL+ has no limit of its own */
	limits.nonsync_max = s->set->imap_literal_minus ? LITERAL_MINUS_MAX :
		UINT32_MAX;
	imap_parser_init(&s->parser, s->pool, &limits);
	s->parser.streams = literal_streams;
	s->parser.takes_nul = literal_takes_nul;
	cv_text_init(&s->out, s->pool);
	cv_text_init(&s->held, s->pool);
}

/* The session slept, and goes on; in IDLE when it was. */
static void go_on(struct imap_session *s, int code, struct cv_span state)
{
	struct imap_cmd cmd = { .s = s, .pool = s->cmd_pool };

	if (code >= 0)
		code = imap_sleep_restore(s, state, &cmd.tag);
	if (code < 0) {
		cv_api->log(imap_self, CV_LOG_INFO, "cannot go on with a "
			    "session that slept: %s",
			    cv_api->error_text(s->err));
		imap_bye(s, code == CV_E_NOT_FOUND ?
			 "Mailbox was deleted under you." :
			 "Internal error: please log in again.");
		return;
	}
	if (cmd.tag.len == 0)
		return;
	cmd.def = imap_command_find(CV_SPAN("IDLE"));
	cv_text_init(&cmd.text, s->cmd_pool);
	imap_session_api->set_activity(s->session, cmd.def->name);
	(void)finish_command(&cmd, imap_idle_go_on(&cmd));
}

static void begin(struct imap_session *s)
{
	struct cv_span state = CV_SPAN_NONE;
	int code = CV_HAS(imap_session_api, woken) &&
		imap_session_api->woken != NULL ?
		imap_session_api->woken(s->session, &s->box, &state,
					s->err) : CV_NOT_FOUND;

	if (code == CV_NOT_FOUND)
		greet(s);
	else
		go_on(s, code, state);
}

int imap_session_run(struct cv_session *session, struct cv_error *err)
{
	struct cv_pool *pool = imap_session_api->pool(session);
	struct imap_session *s = CV_ALLOC(pool, struct imap_session);

	session_init(s, session);
	imap_progress_init(s);
	begin(s);
	(void)session_loop(s);
	/* another process goes on with one that sleeps */
	if (!s->asleep)
		imap_settle(s);
	imap_unselect(s);
	if (!s->asleep) {
		(void)imap_connection_api->flush(s->conn, s->err);
		imap_logout_log(s);
	}
	cv_api->pool_destroy(&s->cmd_pool);
	if (s->saved_pool != NULL)
		cv_api->pool_destroy(&s->saved_pool);
	imap_notify_destroy(&s->notify);
	return s->gone ? CV_EOF : CV_OK;
}
