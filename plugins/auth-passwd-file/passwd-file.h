/* passwd-file.h - one line of a passwd-like file:
 *
 *	user:password:uid:gid:(gecos):home:(shell):extra fields
 *
 * Fields from the end may be missing, down to the name alone, which is how
 * lists for deny = yes are written.  The eighth is the rest of the line and
 * may have colons in it. */
#ifndef PASSWD_FILE_H
#define PASSWD_FILE_H

#include "cv-types.h"

enum { PASSWD_LINE_MAX = 65536 };

/* Spans point into the line; NULL data: the field is not there. */
struct passwd_entry {
	struct cv_span user, password;
	struct cv_span uid, gid;	/* a number each, or empty */
	struct cv_span home, extra;
	const char *scheme;		/* from "hash[13]", NULL: none */
};

/* A line without its line end.  CV_OK; CV_NOT_FOUND: a comment or an empty
 * line; CV_E_SYNTAX: *why_r says what is wrong with it. */
int passwd_file_parse_line(struct cv_span line, struct passwd_entry *entry_r,
			   const char **why_r);

/* Takes the next line (without CR LF) off the front; false at the end. */
bool passwd_file_next_line(struct cv_span *rest, struct cv_span *line_r);

#endif
