/* casemap.h - texts in the form in which two of them are compared: by octets
 * they then order and match as the collation says.
 *
 *	i;unicode-casemap [RFC5051 2]	each character in title case and
 *					decomposed
 *	i;ascii-casemap [RFC4790 9.2]	ASCII letters in upper case
 *	i;octet [RFC4790 9.3]		as it is */
#ifndef CASEMAP_H
#define CASEMAP_H

#include "base.h"

enum casemap {
	CASEMAP_UNICODE = 0,
	CASEMAP_ASCII,
	CASEMAP_OCTET,
};

/* Appends text in that form.  What is not valid UTF-8 stays as it is. */
void casemap_append(struct cv_text *dst, enum casemap map, struct cv_span src);
/* How many bytes at the beginning are ASCII. */
size_t ascii_length(const char *data, size_t len);

#endif
