/* text-find.h - is this text in that one, by a collation.
 *
 * The needle is prepared once.  Text that is ASCII is looked through where it
 * lies, without a copy, for two bytes of the needle at a time; only around
 * other characters it is brought into the form of casemap.h. */
#ifndef TEXT_FIND_H
#define TEXT_FIND_H

#include "casemap.h"

struct text_needle {
	struct cv_span form;		/* in the form of casemap.h */
	enum casemap map;
	bool ascii;			/* all of form is */
	bool has_line_end;		/* CRLF and LF are one then */
	size_t probe[2];		/* its two rarest bytes */
};

/* Text in UTF-8; it is copied into pool.  Line ends in it match CRLF and LF. */
void text_needle_init(struct text_needle *needle, struct cv_pool *pool,
		      enum casemap map, struct cv_span text);
/* An empty needle is in every text.  scratch is reset, for what has to be
 * converted. */
bool text_contains(const struct text_needle *needle, struct cv_span text,
		   struct cv_text *scratch);

/* For a text that comes in pieces: remembers as much of the end of a piece as
 * a match may begin in. */
struct text_finder {
	const struct text_needle *needle;
	struct cv_text tail, scratch;
	bool found;
};

void text_finder_init(struct text_finder *finder,
		      const struct text_needle *needle, struct cv_pool *pool);
void text_finder_add(struct text_finder *finder, struct cv_span piece);

#endif
