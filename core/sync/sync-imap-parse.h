/* sync-imap-parse.h - what an IMAP server says: words, tokens, names, dates.
 *
 * All of it is hostile: no function reads past its span or keeps it. */
#ifndef SYNC_IMAP_PARSE_H
#define SYNC_IMAP_PARSE_H

#include "sync-side.h"

/* [RFC9051 4.3] True when the line ends with "{n}": a literal of so many
 * bytes follows. */
bool sync_imap_literal(struct cv_span line, uint64_t *size_r);

/* The next word between spaces, taken from the front; empty at the end. */
struct cv_span sync_imap_word(struct cv_span *rest);

enum sync_imap_token_type { T_END, T_OPEN, T_CLOSE, T_ATOM, T_STRING };
struct sync_imap_token { enum sync_imap_token_type type; struct cv_span text; };

/* The next token; a literal stands in the text as "{n}\r\n" and its bytes.
 * The text points into rest or into pool. */
struct sync_imap_token sync_imap_token(struct cv_span *rest,
				       struct cv_pool *pool);

/* 0: no number, or one above max. */
uint64_t sync_imap_number(struct cv_span text, uint64_t max);

/* [RFC3501 5.1.3] The canonical name of a mailbox: in UTF-8, without the
 * prefix, '/' between levels.  What is no modified UTF-7 is taken as it
 * stands.  NULL: it cannot be one. */
const char *sync_imap_name(struct cv_pool *pool, const char *prefix,
			   struct cv_span raw, char separator);

/* [RFC9051 4.3] As a quoted string; the text has no line end. */
const char *sync_imap_quote(struct cv_pool *pool, const char *text);

/* [RFC9051 9 date-time] INT64_MIN: it is none. */
int64_t sync_imap_date(struct cv_span text);

#endif
