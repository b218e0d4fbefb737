/* imap-extend-out.c - answers of other plugins.
 *
 * INVARIANT: whatever they put, what leaves is IMAP: one line or one value,
 * its parentheses closed, no line break but in literals; and it does not say
 * what only the session may say. */
#include "imap-extend.h"
#include "imap-args.h"
#include "imap-date.h"
#include "imap-name.h"
#include "imap-respond.h"

enum { DEPTH_MAX = 20, FLUSH_AT = 16384 };

void imap_out_init(struct cv_imap_out *out, struct imap_cmd *cmd, bool lines)
{
	*out = (struct cv_imap_out){ .cmd = cmd, .lines = lines,
		.to = &cmd->s->out, .start = cmd->s->out.len,
		.open = !lines };
}

static void fault(struct cv_imap_out *out, const char *why)
{
	if (out->fault == NULL)
		out->fault = why;
}

const char *imap_out_end(struct cv_imap_out *out)
{
	if (out->lines && out->open)
		fault(out, "a line without an end");
	else if (out->depth > 0)
		fault(out, "a list without an end");
	else if (!out->lines && out->values != 1)
		fault(out, "not one value");
	if (out->fault != NULL)
		out->to->len = out->start;
	return out->fault;
}

/* Before each of what is put; bytes: how many come. */
static bool begin(struct cv_imap_out *out, size_t bytes)
{
	if (out->fault != NULL)
		return false;
	if (!out->open)
		fault(out, "something outside of a line");
	else if (!out->lines && out->depth == 0 && out->values > 0)
		fault(out, "more than one value");
	else if (bytes > CV_IMAP_LINE_MAX ||
		 out->to->len - out->start > CV_IMAP_LINE_MAX - bytes)
		fault(out, "more bytes than an answer may have");
	if (out->fault != NULL)
		return false;
	if (out->space)
		cv_text_append_c(out->to, ' ');
	out->space = true;
	if (out->depth == 0)
		out->values++;
	return true;
}

/* What clients count by is told by the session alone. */
static bool is_reserved(const struct cv_imap_out *out, struct cv_span word)
{
	static const char *const words[] = {
		"EXISTS", "RECENT", "EXPUNGE", "VANISHED", "BYE", "PREAUTH",
	};

	if (!out->lines || out->depth > 0 || out->values > 1)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (cv_span_is_icase(word, words[i]))
			return true;
	}
	return false;
}

static void line_begin(struct cv_imap_out *out)
{
	if (out->fault != NULL)
		return;
	if (!out->lines || out->open) {
		fault(out, "a line within another");
		return;
	}
	out->start = out->to->len;
	cv_text_append_str(out->to, "*");
	out->open = out->space = true;
	out->values = out->depth = 0;
}

static void line_end(struct cv_imap_out *out)
{
	if (out->fault != NULL)
		return;
	if (!out->lines || !out->open || out->values == 0 || out->depth > 0) {
		fault(out, "an end where there is none");
		return;
	}
	cv_text_append_str(out->to, "\r\n");
	out->open = false;
	if (out->to->len > FLUSH_AT)
		imap_flush(out->cmd->s);
	out->start = out->to->len;
}

static void put_atom(struct cv_imap_out *out, struct cv_span atom)
{
	struct cv_span word = atom;

	/* "\Seen" */
	if (word.len > 0 && word.data[0] == '\\')
		word = cv_span_skip(word, 1);
	if (!imap_is_atom(word))
		fault(out, "an atom that is none");
	else if (is_reserved(out, word))
		fault(out, "what the session alone may say");
	else if (begin(out, atom.len))
		cv_text_append_span(out->to, atom);
}

static void put_number(struct cv_imap_out *out, uint64_t number)
{
	if (begin(out, 20))
		cv_text_append_u64(out->to, number);
}

static void put_string(struct cv_imap_out *out, struct cv_span text)
{
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		fault(out, "a string with NUL");
	else if (!begin(out, text.len))
		return;
	else if (text.data == NULL)
		cv_text_append_str(out->to, "NIL");
	else
		imap_append_string(out->to, text);
}

static void put_astring(struct cv_imap_out *out, struct cv_span text)
{
	if (text.data == NULL || !imap_is_atom(text) ||
	    cv_span_is_icase(text, "NIL"))
		put_string(out, text.data == NULL ? CV_SPAN("") : text);
	else
		put_atom(out, text);
}

static void put_mailbox(struct cv_imap_out *out, const char *name)
{
	if (begin(out, 2 * strlen(name)))
		imap_append_mailbox(out->cmd, out->to, name);
}

static void put_date_time(struct cv_imap_out *out, int64_t seconds)
{
	char date[IMAP_DATE_LEN];

	if (!begin(out, sizeof(date)))
		return;
	imap_date_time_format(date, seconds);
	cv_text_append(out->to, date, sizeof(date));
}

static void list_begin(struct cv_imap_out *out)
{
	if (out->depth == DEPTH_MAX)
		fault(out, "lists that are nested too deeply");
	if (!begin(out, 1))
		return;
	cv_text_append_c(out->to, '(');
	out->depth++;
	out->space = false;
}

static void list_end(struct cv_imap_out *out)
{
	if (out->fault != NULL)
		return;
	if (out->depth == 0) {
		fault(out, "an end where there is none");
		return;
	}
	cv_text_append_c(out->to, ')');
	out->depth--;
	out->space = true;
}

/* [RFC3501 9] text; [RFC9051 9] or UTF-8 */
static void put_text(struct cv_imap_out *out, struct cv_span text)
{
	bool clean = text.len > 0 && imap_utf8_valid(text);

	for (size_t i = 0; i < text.len && clean; i++)
		clean = (unsigned char)text.data[i] >= ' ' &&
			text.data[i] != 0x7f;
	if (!clean || !out->lines || out->depth > 0 || out->values == 0)
		fault(out, "a text that is none, or has no place");
	else if (begin(out, text.len))
		cv_text_append_span(out->to, text);
}

const struct cv_imap_api imap_extend_api = {
	CV_SIZED(cv_imap_api),
	.atom = imap_extend_atom, .string = imap_extend_string,
	.number = imap_extend_number, .list = imap_extend_list,
	.mailbox = imap_extend_mailbox, .messages = imap_extend_messages,
	.end = imap_extend_args_end,
	.mailbox_encode = imap_extend_mailbox_encode,
	.line_begin = line_begin, .line_end = line_end,
	.put_atom = put_atom, .put_number = put_number,
	.put_string = put_string, .put_astring = put_astring,
	.put_mailbox = put_mailbox, .put_date_time = put_date_time,
	.list_begin = list_begin, .list_end = list_end,
	.put_text = put_text,
};
