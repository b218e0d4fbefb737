/* imap-respond.c - see imap-respond.h. */
#include "imap-respond.h"
#include "imap-enable.h"
#include "imap-language.h"
#include "imap-name.h"
#include "imap-settle.h"

enum { HELD_MAX = 49152 };	/* replies that wait for imap_settle */

/* A line break in a text from elsewhere would be a second response. */
static void text_clean(struct cv_text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		if ((unsigned char)text->data[i] < ' ')
			text->data[i] = ' ';
	}
}

#define REPLY(kind) do { \
	va_list args; \
	cmd->reply = (kind); \
	cv_text_reset(&cmd->text); \
	va_start(args, fmt); \
	cv_api->text_append_vf(&cmd->text, fmt, args); \
	va_end(args); \
	text_clean(&cmd->text); \
} while (0)

int imap_ok(struct imap_cmd *cmd, const char *fmt, ...)
{
	REPLY(IMAP_OK);
	return 0;
}

int imap_no(struct imap_cmd *cmd, const char *fmt, ...)
{
	REPLY(IMAP_NO);
	return 0;
}

int imap_bad(struct imap_cmd *cmd, const char *fmt, ...)
{
	REPLY(IMAP_BAD);
	return 0;
}

int imap_bad_arguments(struct imap_cmd *cmd)
{
	return imap_bad(cmd, "Error in IMAP command %s: Invalid arguments.",
			cmd->def->name);
}

struct code_text {
	int code;
	const char *response_code, *text;
	bool logged;
};

/* [RFC5530 3] */
static const struct code_text codes[] = {
	{ CV_E_TEMP, "UNAVAILABLE", "Temporary failure.", true },
	{ CV_E_PERM, "CANNOT", "Operation is not possible.", false },
	{ CV_E_DENIED, "NOPERM", "Permission denied.", false },
	{ CV_E_ACCESS, "CONTACTADMIN", "The server may not open this.", true },
	{ CV_E_LIMIT, "LIMIT", "A limit was reached.", false },
	{ CV_E_SYNTAX, "CANNOT", "Invalid name or value.", false },
	{ CV_E_CONFIG, "CONTACTADMIN", "Server is misconfigured.", true },
	{ CV_E_UNSUPPORTED, "CANNOT", "Operation is not supported.", false },
	{ CV_E_NOT_FOUND, "NONEXISTENT", "Mailbox doesn't exist.", false },
	{ CV_E_EXISTS, "ALREADYEXISTS", "Mailbox already exists.", false },
	{ CV_E_TIMEOUT, "INUSE", "Mailbox is in use, try again.", true },
	{ CV_E_NO_SPACE, "OVERQUOTA", "Not enough space.", true },
	{ CV_E_QUOTA, "OVERQUOTA", "Quota exceeded.", false },
	{ CV_E_INTERNAL, "SERVERBUG", "Internal error.", true },
};

static const struct code_text *code_find(int code)
{
	const size_t count = sizeof(codes) / sizeof(codes[0]);

	for (size_t i = 0; i < count; i++) {
		if (codes[i].code == code)
			return &codes[i];
	}
	return &codes[count - 1];
}

static int no_error(struct imap_cmd *cmd, int code, const char *response)
{
	const struct code_text *t = code_find(code);
	struct cv_error *err = cmd->s->err;
	const char *client = "", *text = "";

	/* err may be an older one when the callee had nothing to say */
	if (cv_api->error_code(err) == code) {
		client = cv_api->error_client(err);
		text = cv_api->error_text(err);
	}
	if (t->logged)
		cv_api->log(imap_self, CV_LOG_ERROR, "%s: %s",
			    cmd->def->name, *text == '\0' ? t->text : text);
	return imap_no(cmd, "[%s] %s", response != NULL ? response :
		       t->response_code, *client == '\0' ? t->text : client);
}

int imap_no_as(struct imap_cmd *cmd, int code, const char *response,
	       const char *text)
{
	const struct code_text *t = code_find(code);

	return imap_no(cmd, "[%s] %s", response != NULL ? response :
		       t->response_code, *text == '\0' ? t->text : text);
}

void imap_no_text(struct cv_text *dst, int code, const char *response,
		  const char *text)
{
	const struct code_text *t = code_find(code);

	cv_text_append_f(dst, "NO [%s] %s", response != NULL ? response :
			 t->response_code, *text == '\0' ? t->text : text);
	text_clean(dst);
}

int imap_no_error(struct imap_cmd *cmd, int code)
{
	return no_error(cmd, code, NULL);
}

int imap_no_error_target(struct imap_cmd *cmd, int code)
{
	/* [RFC3501 6.3.11] the client may create it and try again */
	return no_error(cmd, code, code == CV_E_NOT_FOUND ? "TRYCREATE" :
			NULL);
}

void imap_flush(struct imap_session *s)
{
	if (s->unsettled && s->out.len < HELD_MAX)
		return;
	imap_settle(s);
	imap_connection_api->write(s->conn, s->out.data, s->out.len);
	cv_text_reset(&s->out);
}

void imap_compress_reset(struct imap_session *s)
{
	if (!s->compressed)
		return;
	imap_flush(s);
	imap_connection_api->compress_reset(s->conn);
}

void imap_say(struct imap_session *s, const char *text)
{
	imap_language_append(&s->out, s->language, cv_span_of(text));
}

void imap_send_line(struct imap_session *s, const char *line)
{
	static const char ok[] = "* OK ";
	bool says = strncmp(line, ok, sizeof(ok) - 1) == 0;

	imap_settle(s);
	if (says) {
		cv_text_append_str(&s->out, ok);
		imap_say(s, line + sizeof(ok) - 1);
	} else {
		cv_text_append_str(&s->out, line);
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

static const struct { uint32_t flag; struct cv_span name; } flag_names[] = {
	{ CV_FLAG_ANSWERED, { "\\Answered ", 10 } },
	{ CV_FLAG_FLAGGED, { "\\Flagged ", 9 } },
	{ CV_FLAG_DELETED, { "\\Deleted ", 9 } },
	{ CV_FLAG_SEEN, { "\\Seen ", 6 } },
	{ CV_FLAG_DRAFT, { "\\Draft ", 7 } },
	{ CV_FLAG_RECENT, { "\\Recent ", 8 } },
};

uint32_t imap_flags_told(const struct imap_session *s, uint32_t flags)
{
	return (s->enabled & IMAP_ENABLED_REV2) == 0 ? flags :
		flags & ~(uint32_t)CV_FLAG_RECENT;
}

void imap_append_flags(struct cv_text *dst, uint32_t flags,
		       const struct cv_keywords *keywords)
{
	cv_text_append_c(dst, '(');
	for (size_t i = 0; flags != 0 && i < sizeof(flag_names) /
	     sizeof(flag_names[0]); i++) {
		if ((flags & flag_names[i].flag) != 0)
			cv_text_append_span(dst, flag_names[i].name);
	}
	for (uint32_t i = 0; i < keywords->count; i++) {
		cv_text_append_str(dst, keywords->names[i]);
		cv_text_append_c(dst, ' ');
	}
	if (dst->data[dst->len - 1] == ' ')
		dst->len--;
	cv_text_append_c(dst, ')');
}

static void append_quoted(struct cv_text *dst, struct cv_span s)
{
	cv_text_append_c(dst, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"' || s.data[i] == '\\')
			cv_text_append_c(dst, '\\');
		cv_text_append_c(dst, s.data[i]);
	}
	cv_text_append_c(dst, '"');
}

void imap_append_string(struct cv_text *dst, struct cv_span s)
{
	bool literal = s.len > 200;

	for (size_t i = 0; i < s.len && !literal; i++)
		literal = s.data[i] == '\r' || s.data[i] == '\n' ||
			s.data[i] == '\0' || (unsigned char)s.data[i] >= 0x80;
	if (literal) {
		cv_text_append_c(dst, '{');
		cv_text_append_u64(dst, s.len);
		cv_text_append_str(dst, "}\r\n");
		cv_text_append_span(dst, s);
		return;
	}
	append_quoted(dst, s);
}

void imap_append_astring(struct cv_text *dst, struct cv_span s)
{
	bool atom = s.len > 0 && !cv_span_is_icase(s, "NIL");

	for (size_t i = 0; i < s.len && atom; i++)
		atom = s.data[i] > ' ' && s.data[i] < 0x7f &&
			strchr("(){%*\"\\]", s.data[i]) == NULL;
	if (atom)
		cv_text_append_span(dst, s);
	else
		imap_append_string(dst, s);
}

void imap_append_mailbox(struct imap_cmd *cmd, struct cv_text *dst,
			 const char *name)
{
	struct cv_text wire;

	cv_text_init(&wire, cmd->pool);
	imap_name_encode(cmd->s, &wire, cv_span_of(name));
	/* [RFC6855 3] only the names of clients that asked have 8-bit */
	if (imap_is_ascii(cv_text_span(&wire)))
		imap_append_astring(dst, cv_text_span(&wire));
	else
		append_quoted(dst, cv_text_span(&wire));
}
