/* imap-append.c - see imap-append.h: a machine that takes arguments as the
 * parser gives them, and each literal when it stands before it. */
#include "imap-append.h"
#include "imap-args.h"
#include "imap-annotate.h"
#include "imap-catenate.h"
#include "imap-date.h"
#include "imap-name.h"
#include "imap-limit.h"
#include "imap-notify.h"
#include "imap-respond.h"
#include "imap-set.h"

enum append_step {
	WANTS_MAILBOX = 0,
	WANTS_OPTIONS,		/* flags, date or data: nothing of them yet */
	WANTS_DATE,		/* behind the flags */
	WANTS_DATA,		/* behind the date */
	WANTS_PARTS,		/* behind CATENATE */
	IN_PARTS,		/* in its list */
	WANTS_TEXT,		/* behind TEXT */
	WANTS_URL,		/* behind URL */
};

enum {
	MESSAGES_MAX = 2000,	/* in one command [security.md B2] */
};

bool imap_literal_waits(const struct imap_session *s)
{
	const struct imap_parser *p = &s->parser;

	return p->arg_count > 0 &&
		p->args[p->arg_count - 1].type == IMAP_STREAM &&
		imap_parser_at_stream(p);
}

static void give_up(struct imap_append *a)
{
	if (a->save != NULL)
		imap_mailbox_api->save_abort(&a->save);
	a->save = NULL;
	a->refused = true;
}

static void refuse_arguments(struct imap_append *a)
{
	imap_bad_arguments(a->cmd);
	give_up(a);
}

static void refuse_target(struct imap_append *a, int code)
{
	imap_no_error_target(a->cmd, code);
	give_up(a);
}

/* --- a message ------------------------------------------------------------ */

static bool save_begin(struct imap_append *a)
{
	struct imap_session *s = a->cmd->s;
	int code;

	if (a->save != NULL)
		return true;
	code = imap_mailbox_api->save_begin(s->user, a->mailbox, &a->save,
					    s->err);
	if (code < 0) {
		a->save = NULL;
		refuse_target(a, code);
		return false;
	}
	if (a->replaced_seq == 0)
		return true;
	code = imap_mailbox_api->save_replace(a->save, s->box,
					      a->replaced_seq, s->err);
	if (code == CV_OK)
		return true;
	if (code == CV_NOT_FOUND)
		imap_no(a->cmd, "[EXPUNGEISSUED] The message no longer "
			"exists.");
	else
		imap_no_error(a->cmd, code);
	give_up(a);
	return false;
}

static void refuse_add(struct imap_append *a, int code)
{
	if (a->request.annotation_count == 0 ||
	    (code != CV_E_LIMIT && code != CV_E_SYNTAX)) {
		refuse_target(a, code);
		return;
	}
	(void)imap_annotations_failed(a->cmd, code);
	give_up(a);
}

static void message_add(struct imap_append *a, bool binary,
			uint64_t size_hint)
{
	struct imap_session *s = a->cmd->s;
	uint32_t limit = imap_limit_saves(s);
	int code;

	if (a->messages >= MESSAGES_MAX) {
		imap_no(a->cmd, "[LIMIT] Too many messages in one command.");
		give_up(a);
		return;
	}
	if (limit > 0 && a->messages >= limit) {
		/* [RFC9738] nothing is appended */
		imap_no(a->cmd, "[MESSAGELIMIT %u] Too many messages in one "
			"command.", limit);
		give_up(a);
		return;
	}
	if (!save_begin(a))
		return;
	a->request.mailbox_name = a->mailbox;
	a->request.size_hint = size_hint;
	a->request.binary = binary;
	code = imap_mailbox_api->save_add(a->save, &a->request, s->err);
	if (code < 0)
		refuse_add(a, code);
	else
		a->adding = true;
}

/* The next message begins with nothing. */
static void message_next(struct imap_append *a)
{
	a->step = WANTS_OPTIONS;
	a->adding = a->in_body = false;
	a->line_len = 0;
	a->size = 0;
	a->request = (struct cv_save_request){ CV_SIZED(cv_save_request),
		.internal_date = INT64_MIN };
}

/* A NUL, or what should not be binary is. */
static void refuse_write(struct imap_append *a, int code)
{
	if (code != CV_E_SYNTAX || !a->request.binary) {
		refuse_add(a, code);
		return;
	}
	/* [RFC3516 4.4] */
	imap_no(a->cmd, "[UNKNOWN-CTE] NUL characters are possible only in "
		"parts with the transfer encoding binary.");
	give_up(a);
}

static void message_end(struct imap_append *a)
{
	int code;

	if (a->refused)
		return;
	code = imap_mailbox_api->save_finish(a->save, a->cmd->s->err);
	if (code < 0) {
		refuse_write(a, code);
		return;
	}
	a->messages++;
	message_next(a);
	/* what is there of the next one stays */
	if (a->at < a->cmd->s->parser.arg_count)
		return;
	imap_parser_forget(&a->cmd->s->parser, a->keep);
	a->at = a->keep;
}

static bool size_allowed(struct imap_append *a, uint64_t more)
{
	uint64_t max = a->cmd->s->set->imap_max_append_size;

	if (max == 0 || (a->size <= max && more <= max - a->size))
		return true;
	/* [RFC7889 4] */
	imap_no(a->cmd, "[TOOBIG] Message is too large.");
	give_up(a);
	return false;
}

/* --- literals ------------------------------------------------------------- */

/* [RFC6855 3] is only for those who have enabled it. */
static bool header_allowed(struct imap_append *a, const char *data,
			   size_t len)
{
	const struct imap_session *s = a->cmd->s;

	for (size_t i = 0; i < len && !a->in_body; i++) {
		if (data[i] == '\n') {
			a->in_body = a->line_len == 0;
			a->line_len = 0;
		} else if (data[i] != '\r') {
			a->line_len = 1;
		}
		if ((unsigned char)data[i] >= 0x80 && !a->in_body &&
		    !a->from_url &&
		    !imap_name_is_utf8(s) &&
		    (s->workarounds & IMAP_APPEND_8BIT) == 0)
			return false;
	}
	return true;
}

static void take(struct imap_append *a, const char *data, size_t len)
{
	int code;

	if (a->refused)
		return;
	if (a->into_url) {
		cv_text_append(&a->url, data, len);
		return;
	}
	if (!header_allowed(a, data, len)) {
		imap_no(a->cmd, "[CANNOT] Headers with 8-bit characters need "
			"ENABLE UTF8=ACCEPT.");
		give_up(a);
		return;
	}
	/* [RFC3501 4.3] NUL is allowed in literal8 only */
	if (!a->request.binary && memchr(data, '\0', len) != NULL) {
		imap_no(a->cmd, "[CANNOT] Message contains NUL characters.");
		give_up(a);
		return;
	}
	code = imap_mailbox_api->save_write(a->save, data, len,
					    a->cmd->s->err);
	if (code < 0)
		refuse_write(a, code);
}

/* The literal's bytes; they are read even when nobody wants them. */
static int literal_read(struct imap_append *a)
{
	struct imap_session *s = a->cmd->s;
	uint64_t left = s->parser.literal_size;

	while (left > 0) {
		struct cv_span in = imap_connection_api->peek(s->conn);

		if (in.len == 0) {
			if (imap_wait_input(s) < 0)
				return CV_E_TEMP;
			continue;
		}
		if (in.len > left)
			in.len = (size_t)left;
		take(a, in.data, in.len);
		imap_connection_api->skip(s->conn, in.len);
		left -= in.len;
	}
	imap_parser_stream_done(&s->parser);
	return 0;
}

/* Until the parser stands before another literal or at the end: an enum
 * imap_parse_result; negative: close. */
static int parse_on(struct imap_append *a)
{
	struct imap_session *s = a->cmd->s;
	enum imap_parse_result result = IMAP_PARSE_MORE;

	while (result == IMAP_PARSE_MORE || result == IMAP_PARSE_CONTINUE) {
		struct cv_span in = imap_connection_api->peek(s->conn);
		size_t used;

		if (in.len == 0) {
			if (imap_wait_input(s) < 0)
				return CV_E_TEMP;
			continue;
		}
		result = imap_parser_feed(&s->parser, in, &used);
		imap_connection_api->skip(s->conn, used);
		if (result == IMAP_PARSE_CONTINUE)
			imap_send_line(s, "+ OK");
	}
	/* the line may have moved */
	a->cmd->tag = imap_parser_tag(&s->parser);
	return (int)result;
}

/* --- parts of a message [RFC4469 3] --------------------------------------- */

static void take_url(struct imap_append *a, struct cv_span url)
{
	struct imap_session *s = a->cmd->s;
	struct cv_stream *stream;
	uint64_t len;

	a->parts++;
	a->step = IN_PARTS;
	if (!imap_catenate_open(a, url, &stream, &len)) {
		imap_catenate_bad_url(a->cmd, url);
		give_up(a);
		return;
	}
	if (size_allowed(a, len))
		a->size += len;
	a->from_url = true;	/* what is stored may have anything */
	while (len > 0 && !a->refused) {
		struct cv_span in;
		int code = imap_stream_api->peek(stream, &in, s->err);

		if (code != CV_OK) {
			imap_no_error(a->cmd, code < 0 ? code : CV_E_TEMP);
			give_up(a);
			break;
		}
		if (in.len > len)
			in.len = (size_t)len;
		take(a, in.data, in.len);
		imap_stream_api->skip(stream, in.len);
		len -= in.len;
	}
	a->from_url = false;
	imap_stream_api->close(&stream);
}

static void begin_parts(struct imap_append *a, const struct imap_arg *arg)
{
	if (arg->type != IMAP_LIST) {
		refuse_arguments(a);
		return;
	}
	a->list = a->at++;
	a->parts = 0;
	a->step = IN_PARTS;
	message_add(a, false, 0);
}

static bool parts_end(const struct imap_append *a)
{
	const struct imap_arg *list = &a->cmd->s->parser.args[a->list];

	return a->step == IN_PARTS && list->end != 0 && a->at == list->end;
}

static void end_parts(struct imap_append *a)
{
	if (a->parts == 0) {
		refuse_arguments(a);
	} else if (a->size == 0) {
		imap_no(a->cmd, "[CANNOT] Can't save a zero byte message.");
		give_up(a);
	} else {
		message_end(a);
	}
}

/* cat-part = "TEXT" SP literal / "URL" SP astring; end: behind the last
 * argument before a literal. */
static void take_part(struct imap_append *a, const struct imap_arg *arg,
		      uint32_t end)
{
	bool text = imap_arg_is_atom(arg, "TEXT");

	a->at++;
	if (a->at == end && imap_literal_waits(a->cmd->s) &&
	    (text || imap_arg_is_atom(arg, "URL"))) {
		a->step = text ? WANTS_TEXT : WANTS_URL;
	} else if (!text && imap_arg_is_atom(arg, "URL") && a->at < end &&
		   imap_arg_is_string(arg + 1)) {
		a->at++;
		take_url(a, arg[1].text);
	} else {
		refuse_arguments(a);
	}
}

/* The literal of a part. */
static void begin_part(struct imap_append *a)
{
	const struct imap_parser *p = &a->cmd->s->parser;

	a->into_url = a->step == WANTS_URL;
	a->parts += a->step == WANTS_TEXT;
	if (p->args[a->at].binary) {
		refuse_arguments(a);
	} else if (!a->into_url) {
		if (size_allowed(a, p->literal_size))
			a->size += p->literal_size;
	} else if (p->literal_size > CV_URL_BYTES_MAX) {
		imap_no(a->cmd, "[BADURL ?] The URL is too long.");
		give_up(a);
	}
	a->at++;
	a->step = IN_PARTS;
	cv_text_init(&a->url, a->cmd->pool);
}

static void end_part(struct imap_append *a)
{
	struct imap_parser *p = &a->cmd->s->parser;
	bool url = a->into_url;

	a->into_url = false;
	if (url && !a->refused)
		take_url(a, cv_text_span(&a->url));
	/* a message may have as many parts as the client likes */
	imap_parser_forget(p, a->list + 1);
	a->at = p->arg_count;
}

/* --- utf8-literal = "UTF8" SP "(" literal8 ")" [RFC6855 4] ----------------
 * RFC 9755 needs it no longer; clients of before send nothing else.  Not as a
 * part of CATENATE, where TEXT does. */

/* end: behind the last argument before a literal. */
static void begin_utf8(struct imap_append *a, uint32_t end)
{
	const struct imap_session *s = a->cmd->s;

	if (a->at + 2 != end || s->parser.args[a->at + 1].type != IMAP_LIST ||
	    !imap_literal_waits(s)) {
		refuse_arguments(a);
		return;
	}
	a->utf8 = a->at + 1;
	a->at += 2;
}

/* Behind the literal: nothing else stands in its list. */
static void end_utf8(struct imap_append *a)
{
	const struct imap_arg *list = &a->cmd->s->parser.args[a->utf8];

	a->utf8 = 0;
	if (list->end != a->at)
		refuse_arguments(a);
	else
		message_end(a);
}

/* --- arguments ------------------------------------------------------------ */

static void take_mailbox(struct imap_append *a)
{
	struct imap_cmd *cmd = a->cmd;

	cmd->args.at = a->at;
	/* what a plugin has put there stays */
	if (!cmd->changed) {
		cmd->args.end = cmd->s->parser.arg_count;
		cmd->args.all = cmd->s->parser.args;
	}
	if (!imap_mailbox_arg(cmd, &a->mailbox)) {
		give_up(a);
		return;
	}
	a->keep = ++a->at;
	message_next(a);
}

/* [ flag-list ]: the list is complete. */
static void take_flags(struct imap_append *a, const struct imap_arg *list)
{
	const struct imap_parser *p = &a->cmd->s->parser;
	struct imap_args all = { p->args, 0, p->arg_count };

	if (a->step != WANTS_OPTIONS || list->end == 0) {
		refuse_arguments(a);
	} else if (!imap_flags_args(a->cmd, imap_args_of_list(&all, list),
				    &a->request.flags,
				    &a->request.keywords)) {
		give_up(a);
	} else {
		a->at = list->end;
		a->step = WANTS_DATE;
	}
}

static void take_date(struct imap_append *a, const struct imap_arg *arg)
{
	if (a->step == WANTS_DATA) {
		refuse_arguments(a);
	} else if (!imap_date_time_parse(arg->text,
					 &a->request.internal_date)) {
		imap_bad(a->cmd, "Invalid internal date.");
		give_up(a);
	} else {
		a->at++;
		a->step = WANTS_DATA;
	}
}

/* [RFC5257 5 append-ext] behind flags and date */
static void take_annotations(struct imap_append *a, uint32_t end)
{
	const struct imap_parser *p = &a->cmd->s->parser;
	struct imap_args all = { p->args, 0, p->arg_count };
	const struct imap_arg *list = a->at + 1 < end ?
		&p->args[a->at + 1] : NULL;

	if (list == NULL || list->type != IMAP_LIST || list->end == 0 ||
	    a->request.annotation_count > 0) {
		refuse_arguments(a);
	} else if (!imap_annotations_parse(a->cmd,
					   imap_args_of_list(&all, list),
					   &a->request.annotations,
					   &a->request.annotation_count)) {
		give_up(a);
	} else {
		a->request.annotations_max =
			a->cmd->s->set->imap_annotate_max_entries;
		a->at = list->end;
		a->step = WANTS_DATA;
	}
}

static void take_argument(struct imap_append *a, uint32_t end)
{
	const struct imap_arg *arg = &a->cmd->s->parser.args[a->at];

	if (a->step == WANTS_MAILBOX) {
		take_mailbox(a);
	} else if (a->single && a->messages > 0) {
		refuse_arguments(a);
	} else if (a->step == WANTS_PARTS) {
		begin_parts(a, arg);
	} else if (a->step == IN_PARTS) {
		take_part(a, arg, end);
	} else if (imap_arg_is_atom(arg, "CATENATE")) {
		a->at++;
		a->step = WANTS_PARTS;
	} else if (imap_arg_is_atom(arg, "ANNOTATION")) {
		take_annotations(a, end);
	} else if (imap_arg_is_atom(arg, "UTF8")) {
		begin_utf8(a, end);
	} else if (arg->type == IMAP_LIST) {
		take_flags(a, arg);
	} else if (arg->type == IMAP_QUOTED) {
		take_date(a, arg);
	} else {
		refuse_arguments(a);
	}
}

/* The parser stands before a literal, its last argument. */
static void stream_begin(struct imap_append *a)
{
	const struct imap_parser *p = &a->cmd->s->parser;
	const struct imap_arg *arg = &p->args[a->at];

	if (a->step == WANTS_TEXT || a->step == WANTS_URL) {
		begin_part(a);
		return;
	}
	if (a->step == WANTS_MAILBOX || a->step >= WANTS_PARTS ||
	    (p->depth > 0 && a->utf8 == 0) ||
	    (a->utf8 != 0 && !arg->binary) ||
	    (a->single && a->messages > 0)) {
		refuse_arguments(a);
		return;
	}
	if (p->literal_size == 0) {
		/* [RFC3502 6.3.11] this is how a client cancels */
		imap_no(a->cmd, "[CANNOT] Can't save a zero byte message.");
		give_up(a);
	} else if (size_allowed(a, p->literal_size)) {
		a->size += p->literal_size;
		a->at++;
		/* [RFC6855 4] a literal8 with 8-bit, not with NUL */
		message_add(a, arg->binary && a->utf8 == 0, p->literal_size);
	}
}

/* Everything that is there; what follows a refusal does not matter. */
static void take_arguments(struct imap_append *a)
{
	struct imap_parser *p = &a->cmd->s->parser;
	uint32_t end = p->arg_count - imap_literal_waits(a->cmd->s);

	imap_parser_resolve(p);
	if (!a->refused && a->utf8 != 0) {
		end_utf8(a);
		end = p->arg_count - imap_literal_waits(a->cmd->s);
	}
	while (!a->refused && (a->at < end || parts_end(a))) {
		if (parts_end(a)) {
			end_parts(a);
			/* it may have forgotten what was read */
			end = p->arg_count - imap_literal_waits(a->cmd->s);
		} else {
			take_argument(a, end);
		}
	}
	if (!a->refused && imap_literal_waits(a->cmd->s))
		stream_begin(a);
}

/* The literal that the parser stands before.  CV_CHANGED: the client does not
 * send it, since the command has failed. */
static int take_literal(struct imap_append *a)
{
	struct imap_session *s = a->cmd->s;
	struct imap_parser *p = &s->parser;
	uint64_t max = s->set->imap_max_append_size;

	if (a->refused && p->literal_sync)
		return CV_CHANGED;
	/* [RFC7888 4] one that is not waited for comes in any case; one that
	 * is too large closes the connection */
	if (a->refused && max > 0 && p->literal_size > max) {
		imap_bye(s, "[TOOBIG] Message is too large.");
		return CV_CHANGED;
	}
	if (p->literal_sync)
		imap_send_line(s, "+ OK");
	if (literal_read(a) < 0)
		return CV_E_TEMP;
	if (a->refused)
		/* however much comes, the answer is known */
		imap_parser_forget(p, a->keep);
	else if (a->step == IN_PARTS)
		end_part(a);
	else if (a->utf8 == 0)
		message_end(a);
	return CV_OK;
}

static int read_on(struct imap_append *a)
{
	struct imap_session *s = a->cmd->s;
	int result = imap_literal_waits(s) ? IMAP_PARSE_STREAM :
		IMAP_PARSE_DONE;

	while (result == IMAP_PARSE_STREAM) {
		int code;

		take_arguments(a);
		code = take_literal(a);
		if (code != CV_OK)
			return code;
		result = parse_on(a);
	}
	if (result < 0)
		return result;
	if (result != IMAP_PARSE_DONE) {
		if (!a->refused)
			imap_bad(a->cmd, "Error in IMAP command: %s.",
				 s->parser.error);
		give_up(a);
		if (result == IMAP_PARSE_FATAL)
			imap_bye(s, "Input could not be understood.");
		return CV_OK;
	}
	take_arguments(a);
	/* a command ends behind a message */
	if (!a->refused && (a->messages == 0 || a->step != WANTS_OPTIONS ||
			    a->adding))
		refuse_arguments(a);
	return CV_OK;
}

int imap_append_read(struct imap_append *a)
{
	int code;

	a->at = a->cmd->args.at;
	a->step = WANTS_MAILBOX;
	a->request = (struct cv_save_request){ CV_SIZED(cv_save_request),
		.internal_date = INT64_MIN };
	code = read_on(a);
	imap_catenate_close(a);
	if (code < 0)
		give_up(a);
	return code < 0 ? code : CV_OK;
}

int imap_literals_drop(struct imap_cmd *cmd)
{
	struct imap_append a = { .cmd = cmd, .refused = true };
	int code = imap_literal_waits(cmd->s) ? read_on(&a) : CV_OK;

	return code < 0 ? code : CV_OK;
}

bool imap_append_commit(struct imap_append *a, struct cv_text *code_text)
{
	struct imap_cmd *cmd = a->cmd;
	struct cv_set uids = { NULL, 0 };
	uint32_t uidvalidity = 0;
	int code = imap_mailbox_api->save_commit(&a->save, cmd->pool,
						 &uidvalidity, &uids,
						 cmd->s->err);

	a->save = NULL;
	if (code == CV_NOT_FOUND) {
		imap_no(cmd, "[EXPUNGEISSUED] The message no longer exists.");
		return false;
	}
	if (code < 0) {
		imap_no_error_target(cmd, code);
		return false;
	}
	cmd->s->counters.appended += a->messages;
	imap_notify_own(cmd->s, a->mailbox, uids);
	cv_text_init(code_text, cmd->pool);
	if (uids.count == 0)
		return true;
	/* [RFC4315 3], [RFC3502] as many UIDs as messages */
	cv_text_append_str(code_text, "[APPENDUID ");
	cv_text_append_u64(code_text, uidvalidity);
	cv_text_append_c(code_text, ' ');
	imap_set_format(code_text, uids);
	cv_text_append_str(code_text, "] ");
	return true;
}
