/* rfc822-lexer.h - the tokens of structured header fields, [RFC5322 3.2]
 * and [RFC2045 5.1].  Linear, no recursion, no copying unless asked. */
#ifndef RFC822_LEXER_H
#define RFC822_LEXER_H

#include "base.h"

struct rfc822_lexer {
	const char *at, *end;
	struct cv_text *comment;	/* set: the last comment's text */
};

void rfc822_lexer_init(struct rfc822_lexer *lexer, struct cv_span value);

/* Skips blanks, line ends and comments (nested; an unterminated one ends
 * with the value).  False at the end of the value. */
bool rfc822_skip_cfws(struct rfc822_lexer *lexer);

/* Each parser below appends to dst what it reads and then skips CFWS; false
 * (and nothing consumed) when the token is not there. */

/* 1*atext; 8-bit bytes count as atext [RFC6532 3.2]. */
bool rfc822_parse_atom(struct rfc822_lexer *lexer, struct cv_text *dst);
/* Atoms joined by dots; blanks around the dots are dropped
 * [RFC5322 4.4].  Stray dots are kept. */
bool rfc822_parse_dot_atom(struct rfc822_lexer *lexer, struct cv_text *dst);
/* Without the quotes, backslashes and line ends; an unterminated one ends
 * with the value. */
bool rfc822_parse_quoted(struct rfc822_lexer *lexer, struct cv_text *dst);
/* [RFC2045 5.1] token */
bool rfc822_parse_token(struct rfc822_lexer *lexer, struct cv_text *dst);
/* "@" then a dot-atom or [literal]. */
bool rfc822_parse_domain(struct rfc822_lexer *lexer, struct cv_text *dst);
/* The next byte if it is c, then CFWS. */
bool rfc822_parse_char(struct rfc822_lexer *lexer, char c);

#endif
