/* cv-annotation.h - names of annotations of messages [RFC5257 3.2]. */
#ifndef CV_ANNOTATION_H
#define CV_ANNOTATION_H

#include "cv-mailbox.h"

enum { CV_ANNOTATION_DEPTH_MAX = 64 };	/* numbers of a part */

/* An entry of a part of the message: "/1.2/comment". */
static inline bool cv_annotation_of_part(struct cv_span entry)
{
	return entry.len > 1 && entry.data[1] >= '0' && entry.data[1] <= '9';
}

/* The part's numbers, each from 1 without leading zeros
 * [RFC3501 9 section-part], up to '/' or the end; returns where that is, 0:
 * they are none. */
static inline size_t
cv_annotation_part(struct cv_span entry,
		   uint32_t path[CV_ANNOTATION_DEPTH_MAX], size_t *len_r)
{
	uint64_t number = 0;

	*len_r = 0;
	for (size_t i = 1; i <= entry.len; i++) {
		char c = i < entry.len ? entry.data[i] : '/';

		if (c >= '0' && c <= '9') {
			number = number * 10 + (uint64_t)(c - '0');
			if (number == 0 || number > UINT32_MAX)
				return 0;
			continue;
		}
		if ((c != '.' && c != '/') || number == 0 ||
		    *len_r == CV_ANNOTATION_DEPTH_MAX)
			return 0;
		path[(*len_r)++] = (uint32_t)number;
		number = 0;
		if (c == '/')
			return i;
	}
	return 0;
}

/* The form of an entry's name; pattern: '*' and '%' may be in it. */
static inline bool cv_annotation_entry_ok(struct cv_span entry, bool pattern)
{
	uint32_t path[CV_ANNOTATION_DEPTH_MAX];
	bool slash = false, wild = false;
	size_t len;

	if (entry.len == 0 || entry.len > CV_ANNOTATION_ENTRY_MAX)
		return false;
	for (size_t i = 0; i < entry.len; i++) {
		unsigned char c = (unsigned char)entry.data[i];

		if (c < 0x20 || c >= 0x7f || (slash && c == '/'))
			return false;
		wild = wild || c == '*' || c == '%';
		slash = c == '/';
	}
	if (slash || (wild && !pattern) ||
	    (entry.data[0] != '/' && entry.data[0] != '*' &&
	     entry.data[0] != '%'))
		return false;
	return wild || !cv_annotation_of_part(entry) ||
		cv_annotation_part(entry, path, &len) != 0;
}

#endif
