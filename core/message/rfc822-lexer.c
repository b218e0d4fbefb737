/* rfc822-lexer.c - tokens of structured fields.  Every function moves
 * forward only, so that reading a value is linear in its length. */
#include "rfc822-lexer.h"

enum { IS_ATEXT = 1, IS_TOKEN = 2 };

/* [RFC5322 3.2.3] atext and [RFC2045 5.1] token characters. */
static unsigned int rfc822_class(unsigned char c)
{
	if (c >= 0x80)
		return IS_ATEXT | IS_TOKEN;
	if (c <= ' ' || c == 0x7f)
		return 0;
	if (strchr("()<>@,;:\\\"[]", c) != NULL)
		return 0;
	if (c == '/' || c == '=' || c == '?')
		return IS_ATEXT;
	return c == '.' ? IS_TOKEN : IS_ATEXT | IS_TOKEN;
}

void rfc822_lexer_init(struct rfc822_lexer *lexer, struct cv_span value)
{
	/* no span at all is an empty one: nothing is added to NULL */
	const char *data = value.data == NULL ? "" : value.data;

	*lexer = (struct rfc822_lexer){
		.at = data, .end = data + value.len,
	};
}

/* At "(": moves behind the matching ")". */
static void rfc822_skip_comment(struct rfc822_lexer *lexer)
{
	struct cv_text *text = lexer->comment;
	uint32_t depth = 0;
	char c;

	if (text != NULL)
		cv_text_reset(text);
	while (lexer->at < lexer->end) {
		c = *lexer->at++;
		if (c == '(' && depth++ == 0)
			continue;
		if (c == ')' && --depth == 0)
			return;
		if (c == '\\' && lexer->at < lexer->end)
			c = *lexer->at++;
		if (text != NULL && c != '\r' && c != '\n')
			cv_text_append_c(text, c);
	}
}

bool rfc822_skip_cfws(struct rfc822_lexer *lexer)
{
	while (lexer->at < lexer->end) {
		switch (*lexer->at) {
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			lexer->at++;
			break;
		case '(':
			rfc822_skip_comment(lexer);
			break;
		default:
			return true;
		}
	}
	return false;
}

static bool rfc822_parse_class(struct rfc822_lexer *lexer,
			       struct cv_text *dst, unsigned int class)
{
	const char *start = lexer->at;

	while (lexer->at < lexer->end &&
	       (rfc822_class((unsigned char)*lexer->at) & class) != 0)
		lexer->at++;
	if (lexer->at == start)
		return false;
	cv_text_append(dst, start, (size_t)(lexer->at - start));
	(void)rfc822_skip_cfws(lexer);
	return true;
}

bool rfc822_parse_atom(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	return rfc822_parse_class(lexer, dst, IS_ATEXT);
}

bool rfc822_parse_token(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	return rfc822_parse_class(lexer, dst, IS_TOKEN);
}

bool rfc822_parse_char(struct rfc822_lexer *lexer, char c)
{
	if (lexer->at == lexer->end || *lexer->at != c)
		return false;
	lexer->at++;
	(void)rfc822_skip_cfws(lexer);
	return true;
}

bool rfc822_parse_dot_atom(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	bool found = false;

	for (;;) {
		if (rfc822_parse_char(lexer, '.'))
			cv_text_append_c(dst, '.');
		else if (!rfc822_parse_atom(lexer, dst))
			return found;
		else if (lexer->at < lexer->end && *lexer->at != '.')
			return true;
		found = true;
	}
}

bool rfc822_parse_quoted(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	char c;

	if (lexer->at == lexer->end || *lexer->at != '"')
		return false;
	lexer->at++;
	while (lexer->at < lexer->end) {
		c = *lexer->at++;
		if (c == '"')
			break;
		if (c == '\r' || c == '\n')
			continue;	/* folding [RFC5322 3.2.4] */
		if (c == '\\' && lexer->at < lexer->end)
			c = *lexer->at++;
		cv_text_append_c(dst, c);
	}
	(void)rfc822_skip_cfws(lexer);
	return true;
}

/* "[" dtext "]" [RFC5322 3.4.1], blanks dropped. */
static void rfc822_parse_literal(struct rfc822_lexer *lexer,
				 struct cv_text *dst)
{
	char c;

	while (lexer->at < lexer->end) {
		c = *lexer->at++;
		if (c == '\\' && lexer->at < lexer->end)
			c = *lexer->at++;
		else if (strchr(" \t\r\n", c) != NULL && c != '\0')
			continue;
		cv_text_append_c(dst, c);
		if (c == ']')
			break;
	}
	(void)rfc822_skip_cfws(lexer);
}

bool rfc822_parse_domain(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	const char *start = lexer->at;

	if (!rfc822_parse_char(lexer, '@'))
		return false;
	if (lexer->at < lexer->end && *lexer->at == '[') {
		rfc822_parse_literal(lexer, dst);
		return true;
	}
	if (rfc822_parse_dot_atom(lexer, dst))
		return true;
	lexer->at = start;
	return false;
}
