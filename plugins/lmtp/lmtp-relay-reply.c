/* lmtp-relay-reply.c - what another server answers, and how a message is
 * written for it. */
#include "lmtp-relay.h"

/* --- answers ------------------------------------------------------------------ */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Text of others ends up in our own reply: one line, printable. */
static void take_text(struct lmtp_answer *answer, struct cv_span text)
{
	size_t len = text.len < LMTP_ANSWER_TEXT - 1 ? text.len :
		LMTP_ANSWER_TEXT - 1;

	for (size_t i = 0; i < len; i++) {
		char c = text.data[i];

		answer->text[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	answer->text[len] = '\0';
}

int lmtp_answer_line(struct lmtp_answer *answer, struct cv_span line)
{
	const char *p = line.data;

	if (line.len < 3 || !is_digit(p[0]) || !is_digit(p[1]) ||
	    !is_digit(p[2]) || p[0] < '2' || p[0] > '5' ||
	    (line.len > 3 && p[3] != ' ' && p[3] != '-') ||
	    ++answer->lines > LMTP_ANSWER_LINES)
		return CV_E_SYNTAX;
	answer->code = (uint32_t)(p[0] - '0') * 100 +
		(uint32_t)(p[1] - '0') * 10 + (uint32_t)(p[2] - '0');
	take_text(answer, cv_span_skip(line, line.len > 3 ? 4 : 3));
	return line.len > 3 && p[3] == '-' ? CV_NOT_FOUND : CV_OK;
}

/* [RFC2034 4] "5.1.1 " of the class of the code. */
static bool has_status(const struct lmtp_answer *answer)
{
	const char *p = answer->text;

	if (*p != (char)('0' + answer->code / 100) || p[1] != '.')
		return false;
	p += 2;
	while (is_digit(*p))
		p++;
	if (*p++ != '.' || !is_digit(*p))
		return false;
	while (is_digit(*p))
		p++;
	return *p == ' ' || *p == '\0';
}

const char *lmtp_answer_reply(const struct lmtp_answer *answer,
			      struct cv_pool *pool)
{
	uint32_t class = answer->code / 100, code = answer->code;
	struct cv_text reply;

	/* what is neither yes nor no is no promise; and it is that
	 * connection that ends with 421, not ours */
	if (class == 3 || code == 421)
		code = 451;
	else if (class == 2)
		code = 250;
	cv_text_init(&reply, pool);
	cv_text_append_f(&reply, "%u ", code);
	if (class == 3 || !has_status(answer))
		cv_text_append_f(&reply, "%u.0.0 ", code / 100);
	cv_text_append_str(&reply, answer->text);
	return cv_text_str(&reply);
}

/* --- dots ----------------------------------------------------------------------- */

/* The end of data, behind a line end that may have been missing. */
static size_t put_end(struct lmtp_stuffer *s, char *dst)
{
	size_t n = 0;

	if (!s->line_start) {
		if (s->last != '\r')
			dst[n++] = '\r';
		dst[n++] = '\n';
	}
	memcpy(dst + n, ".\r\n", 3);
	s->ended = true;
	return n + 3;
}

/* One piece of a line, or its end; UNSAFE: writes at most room, which is at
 * least 8. */
static size_t put_piece(struct lmtp_stuffer *s, struct cv_span *part,
			char *dst, size_t room)
{
	size_t len = part->len < room - 3 ? part->len : room - 3, n = 0;
	const char *lf = memchr(part->data, '\n', len);

	if (s->line_start && part->data[0] == '.')
		dst[n++] = '.';
	s->line_start = false;
	if (lf != NULL)
		len = (size_t)(lf - part->data);
	memcpy(dst + n, part->data, len);
	n += len;
	if (len > 0)
		s->last = part->data[len - 1];
	*part = cv_span_skip(*part, len);
	if (lf == NULL)
		return n;
	/* [RFC5321 2.3.8] a line ends with CRLF: some servers would take a
	 * bare LF before a dot for the end of data */
	if (s->last != '\r')
		dst[n++] = '\r';
	dst[n++] = '\n';
	s->last = '\n';
	s->line_start = true;
	*part = cv_span_skip(*part, 1);
	return n;
}

size_t lmtp_stuffer_next(struct lmtp_stuffer *s, char *dst, size_t room)
{
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		while (s->parts[i].len > 0 && room - n >= 8)
			n += put_piece(s, &s->parts[i], dst + n, room - n);
		if (s->parts[i].len > 0)
			return n;
	}
	if (!s->ended && room - n >= 8)
		n += put_end(s, dst + n);
	return n;
}
