/* apppassword-line.h - the lines of a file of application passwords.
 *
 *	user TAB id TAB {SCHEME}hash TAB created TAB expires TAB protocols
 *	TAB nets TAB name
 *
 * Times are seconds since 1970, expires 0 never; protocols and nets have
 * commas between, empty is all.  Further fields are left alone.  Lines that
 * begin with '#' and empty ones count for nothing.  Beside the file NAME is
 * NAME.used, to which each login adds
 *
 *	user TAB id TAB time TAB address
 *
 * the last line for an id being the one that counts. */
#ifndef APPPASSWORD_LINE_H
#define APPPASSWORD_LINE_H

#include "cv-types.h"

enum { APPPASSWORD_LINE_MAX = 4096, APPPASSWORD_PER_USER_MAX = 100 };

/* Spans point into the line. */
struct apppassword_line {
	struct cv_span user, id, stored, protocols, nets, name;
	uint64_t created, expires;
};

struct apppassword_use {
	struct cv_span user, id, ip;
	uint64_t time;
};

/* The next line without its end; false: there is none. */
bool apppassword_next_line(struct cv_span *rest, struct cv_span *line_r);
/* CV_OK; CV_NOT_FOUND: an empty line or a comment; CV_E_SYNTAX. */
int apppassword_parse_line(struct cv_span line,
			   struct apppassword_line *line_r);
int apppassword_parse_use(struct cv_span line, struct apppassword_use *use_r);
/* "imap,pop3" has service; an empty list has all. */
bool apppassword_has_protocol(struct cv_span protocols,
			      struct cv_span service);
/* No TAB, LF or other control byte. */
bool apppassword_is_text(struct cv_span text);

#endif
