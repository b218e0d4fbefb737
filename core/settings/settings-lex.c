/* settings-lex.c - quoting, comments, continuation: one logical line at a
 * time.  The rules are those of Dovecot 2.3, odd ones included: a quote
 * anywhere hides a '#', and only a value that begins and ends with the same
 * quote is a quoted one. */
#include "settings-lex.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct cv_span trim_end(struct cv_span s)
{
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

static struct cv_span trim_start(struct cv_span s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = cv_span_skip(s, 1);
	return s;
}

void settings_lex_init(struct settings_lex *lex, struct cv_pool *pool,
		       struct cv_span text)
{
	*lex = (struct settings_lex){ .rest = text, .pool = pool, .line = 1 };
	/* a byte order mark, as some editors leave it */
	if (cv_span_begins(text, CV_SPAN("\xef\xbb\xbf")))
		lex->rest = cv_span_skip(text, 3);
	cv_text_init(&lex->joined, pool);
}

/* The offset behind the quote that closes the one at start; 0: none does. */
static size_t quote_end(struct cv_span s, size_t start)
{
	for (size_t i = start + 1; i < s.len; i++) {
		if (s.data[i] == s.data[start])
			return i + 1;
		if (s.data[i] == '\\' && i + 1 < s.len)
			i++;
	}
	return 0;
}

static struct cv_span comment_strip(struct settings_lex *lex,
				    struct cv_span s)
{
	for (size_t i = 0; i < s.len;) {
		if (s.data[i] == '"' || s.data[i] == '\'') {
			size_t end = quote_end(s, i);

			if (end != 0) {
				i = end;
				continue;
			}
			if (memchr(s.data + i, '#', s.len - i) != NULL) {
				lex->warning = "the quote is not closed, so "
					"the '#' after it is no comment";
			}
			return s;
		}
		if (s.data[i] == '#') {
			if (i > 0 && !is_blank(s.data[i - 1])) {
				lex->warning = "'#' begins a comment here: put "
					"a space before it, or the value in "
					"\"quotes\" when it belongs to it";
			}
			return cv_span(s.data, i);
		}
		i++;
	}
	return s;
}

/* A byte no configuration may hold; NULL: fine. */
static const char *control_find(struct settings_lex *lex, struct cv_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c == '\0')
			return "NUL byte: this is no text file";
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return pool_printf(lex->pool, "control character "
					   "0x%02x in the line", c);
	}
	return NULL;
}

/* One physical line without its end; false when there is none. */
static bool physical_line(struct settings_lex *lex, struct cv_span *s_r)
{
	if (lex->rest.len == 0)
		return false;
	(void)cv_span_split(&lex->rest, '\n', s_r);
	if (lex->rest.data == NULL)
		lex->rest = CV_SPAN_NONE;
	if (s_r->len > 0 && s_r->data[s_r->len - 1] == '\r')
		s_r->len--;
	lex->line++;
	return true;
}

enum join { JOIN_LINE, JOIN_EMPTY, JOIN_END, JOIN_BAD };

/* Puts together what '\' at the line's end continues. */
static enum join logical_line(struct settings_lex *lex, const char **bad_r)
{
	struct cv_span s;
	bool more = false;

	cv_text_reset(&lex->joined);
	*bad_r = NULL;
	while (physical_line(lex, &s)) {
		const char *bad = control_find(lex, s);
		bool comment_only;

		if (bad != NULL) {
			*bad_r = bad;
			return JOIN_BAD;
		}
		s = trim_start(s);
		comment_only = s.len > 0 && s.data[0] == '#';
		s = trim_end(comment_strip(lex, s));
		if (more && comment_only)
			lex->warning = "a comment ends the continued line "
				"above it";
		more = s.len > 0 && s.data[s.len - 1] == '\\';
		if (more)
			s = trim_end(cv_span(s.data, s.len - 1));
		cv_text_append_span(&lex->joined, s);
		if (!more)
			return lex->joined.len == 0 ? JOIN_EMPTY : JOIN_LINE;
		cv_text_append_c(&lex->joined, ' ');
	}
	if (more) {
		*bad_r = "the file ends behind a '\\' that continues the line";
		return JOIN_BAD;
	}
	return JOIN_END;
}

/* Takes the backslashes out of what stood in quotes. */
static struct cv_span unescape(struct cv_pool *pool, struct cv_span s)
{
	char *out = pool_copy(pool, s.data, s.len);
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\\' && i + 1 < s.len)
			i++;
		out[len++] = s.data[i];
	}
	out[len] = '\0';
	return cv_span(out, len);
}

static void value_parse(struct settings_lex *lex, struct cv_span s,
			struct lex_line *line)
{
	char first = s.len > 0 ? s.data[0] : '\0';

	line->kind = LEX_SETTING;
	if ((first == '"' || first == '\'') && s.len > 1 &&
	    s.data[s.len - 1] == first) {
		line->quoted = true;
		line->value = unescape(lex->pool, cv_span(s.data + 1,
							  s.len - 2));
		return;
	}
	if (first == '<') {
		line->from_file = true;
		line->value = trim_start(cv_span_skip(s, 1));
		return;
	}
	line->value = s;
	if (first == '"' && quote_end(s, 0) == 0)
		line->warning = "the quote at the beginning is not closed";
}

static void bad(struct lex_line *line, const char *problem)
{
	line->kind = LEX_BAD;
	line->problem = problem;
}

/* What follows a key that is no setting's: [name] { */
static void open_parse(struct settings_lex *lex, struct cv_span s,
		       struct lex_line *line)
{
	line->kind = LEX_OPEN;
	line->value = CV_SPAN("");
	if (s.len > 0 && s.data[0] == '"') {
		size_t end = quote_end(s, 0);

		if (end == 0) {
			bad(line, "the quoted name is not closed");
			return;
		}
		line->value = unescape(lex->pool, cv_span(s.data + 1, end - 2));
		s = trim_start(cv_span_skip(s, end));
	} else if (s.len > 0 && s.data[0] != '{') {
		size_t len = 0;

		while (len < s.len && !is_blank(s.data[len]))
			len++;
		line->value = cv_span(s.data, len);
		s = trim_start(cv_span_skip(s, len));
	}
	if (s.len == 0 && line->value.len > 1 &&
	    line->value.data[line->value.len - 1] == '{')
		bad(line, "expecting '{' by itself: put a space before it");
	else if (s.len == 0 || s.data[0] != '{')
		bad(line, pool_printf(lex->pool, "expecting '%.*s = value' or "
				      "'%.*s name {'", CV_SPAN_ARG(line->key),
				      CV_SPAN_ARG(line->key)));
	else if (s.len > 1)
		bad(line, "text behind '{': what is in the block begins on "
		    "the next line");
}

static void line_parse(struct settings_lex *lex, struct lex_line *line)
{
	struct cv_span s = pool_span(lex->pool, cv_text_span(&lex->joined));
	size_t len = 0;

	s = trim_end(s);
	while (len < s.len && !is_blank(s.data[len]) && s.data[len] != '=')
		len++;
	line->key = cv_span(s.data, len);
	s = trim_start(cv_span_skip(s, len));
	if (cv_span_is(line->key, "!include")) {
		line->kind = LEX_INCLUDE;
		line->value = s;
	} else if (cv_span_is(line->key, "!include_try")) {
		line->kind = LEX_INCLUDE_TRY;
		line->value = s;
	} else if (line->key.len == 0) {
		bad(line, "no name before '='");
	} else if (s.len > 0 && s.data[0] == '=') {
		value_parse(lex, trim_start(cv_span_skip(s, 1)), line);
	} else if (cv_span_is(line->key, "}")) {
		line->kind = LEX_CLOSE;
		if (s.len > 0)
			bad(line, "text behind '}'");
	} else if (line->key.data[line->key.len - 1] == '{' && s.len == 0 &&
		   line->key.len > 1) {
		bad(line, "expecting '{' by itself: put a space before it");
	} else if (cv_span_is(line->key, "{")) {
		bad(line, "'{' stands on the line of the block's name: "
		    "join it to the line before");
	} else if (line->key.data[0] == '!') {
		bad(line, pool_printf(lex->pool, "'%.*s' is neither !include "
				      "nor !include_try",
				      CV_SPAN_ARG(line->key)));
	} else {
		open_parse(lex, s, line);
	}
}

void settings_lex_next(struct settings_lex *lex, struct lex_line *line_r)
{
	const char *problem;
	enum join join;

	lex->warning = NULL;
	do {
		*line_r = (struct lex_line){ .line = lex->line };
		join = logical_line(lex, &problem);
	} while (join == JOIN_EMPTY);
	if (join == JOIN_END)
		return;
	if (join == JOIN_BAD)
		bad(line_r, problem);
	else
		line_parse(lex, line_r);
	if (line_r->warning == NULL)
		line_r->warning = lex->warning;
}
