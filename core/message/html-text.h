/* html-text.h - the text of an HTML document.
 *
 * One home for all that want it: previews, CONVERT, searches in an index,
 * Sieve.  Fed with UTF-8 in pieces cut anywhere; holds some bytes of state
 * whatever nests, and takes time in proportion to what it is fed. */
#ifndef HTML_TEXT_H
#define HTML_TEXT_H

#include "base.h"

enum html_text_form {
	/* Words alone: each element that is not inline parts them. */
	HTML_TEXT_WORDS = 0,
	/* For people: paragraphs, list items, quotations and table cells
	 * can be told apart. */
	HTML_TEXT_LAYOUT,
};

struct html_text {
	enum html_text_form form;
	uint32_t state;
	char name[16];		/* of the tag, in lower case, cut */
	uint32_t name_len;
	char entity[32];	/* behind "&" */
	uint32_t entity_len;
	bool is_end, slash, after_equals;
	char quote;		/* of an attribute's value */
	uint32_t dashes;	/* of the end of a comment */
	const char *raw;	/* the element whose end is looked for */
	uint32_t raw_at;
	bool c2;		/* 0xc2 was seen, perhaps of U+00A0 */
	/* What is due before the next character. */
	uint32_t lines, spaces;
	bool tab, item;
	bool any, in_line;	/* something was written, in this line */
	uint32_t pre, quotes;	/* how deep */
};

void html_text_init(struct html_text *h, enum html_text_form form);
/* Appends what is certain: no tags, comments, scripts and styles; entities
 * decoded; lines end with CRLF. */
void html_text_add(struct html_text *h, struct cv_span html,
		   struct cv_text *dst);
/* The end of the document. */
void html_text_finish(struct html_text *h, struct cv_text *dst);

/* All at once. */
void html_to_text(struct cv_text *dst, struct cv_span html,
		  enum html_text_form form);

#endif
