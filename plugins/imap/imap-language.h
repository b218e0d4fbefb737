/* imap-language.h - in which language texts for people are [RFC5255 3].
 *
 * All of them are written in English where they arise, and translated on their
 * way out, by a table: what is not in it (an administrator's own words, say)
 * stays as it is. */
#ifndef IMAP_LANGUAGE_H
#define IMAP_LANGUAGE_H

#include "imap-parser.h"

/* The first one is that of a new connection [RFC5255 3.1]; with imap_language
 * in imap.c, which has the same names. */
enum imap_language {
	IMAP_LANGUAGE_DEFAULT = 0,
	IMAP_LANGUAGE_EN,
	IMAP_LANGUAGE_DE,
	IMAP_LANGUAGES,
};
#define IMAP_LANGUAGE_NAMES "i-default|en|de"

extern const char *const imap_language_names[IMAP_LANGUAGES];

/* Appends a text, which may begin with a response code. */
void imap_language_append(struct cv_text *dst, uint32_t language,
			  struct cv_span text);
/* The same for a word of a namespace prefix: false and nothing appended when
 * there is no translation. */
bool imap_language_prefix(struct cv_text *dst, uint32_t language,
			  struct cv_span word);

enum imap_language_answer {
	IMAP_LANGUAGE_BAD = 1,		/* not the arguments of LANGUAGE */
	IMAP_LANGUAGE_NONE,		/* none of them is known */
	IMAP_LANGUAGE_LIST,		/* they are to be listed */
	IMAP_LANGUAGE_SET,
};
/* What LANGUAGE asks for [RFC5255 3.2]; preferred: "default". */
enum imap_language_answer imap_language_choose(struct imap_args args,
					       uint32_t preferred,
					       uint32_t *language_r);
/* The untagged response: that one, or IMAP_LANGUAGES for all. */
void imap_language_tell(struct cv_text *dst, uint32_t language);


/* IMAP_LANGUAGE_DEFAULT when there is none of that name. */
uint32_t imap_language_find(struct cv_span name);

#endif
