/* message-section.h - what FETCH BODY[section] sends [RFC9051 6.4.5.1]. */
#ifndef MESSAGE_SECTION_H
#define MESSAGE_SECTION_H

#include "mime-part.h"
#include "stream/stream.h"

enum message_section_kind {
	SECTION_ALL,		/* "" or "1.2" */
	SECTION_HEADER,		/* "HEADER" or "1.HEADER" */
	SECTION_TEXT,
	SECTION_MIME,		/* "1.2.MIME": needs a path */
	SECTION_FIELDS,		/* HEADER.FIELDS (...) */
	SECTION_FIELDS_NOT,	/* HEADER.FIELDS.NOT (...) */
	SECTION_DECODED,	/* BINARY: as ALL, without the encoding */
};

enum { SECTION_PATH_MAX = 100 };

struct message_section {
	enum message_section_kind kind;
	uint32_t *path;		/* each from 1 */
	uint32_t path_len;
	struct cv_span *fields;	/* names */
	uint32_t field_count;
	bool raw;		/* NUL stays; else it becomes 0x80 */
};

/* "", "HEADER", "1.2.MIME", "HEADER.FIELDS (From To)", "1.TEXT" ...: what
 * stands between the square brackets, field names as atoms or quoted.  False
 * on a syntax error. */
bool message_section_parse(struct cv_pool *pool, struct cv_span text,
			   struct message_section *section_r);

/* Opens a section of a message.  file: the message as stored; tree: parsed
 * or decoded.  *stream_r gives the
 * bytes as the client sees them (CRLF), from place 0, *size_r of them
 * exactly; seek it for a partial fetch.  CV_NOT_FOUND: no such part or no
 * such section of it, NIL is the answer.  A header section of a part that is
 * no message/rfc822 is CV_NOT_FOUND.  CV_CHANGED: the tree is not that of
 * this file, make the summary anew. */
int message_section_open(struct cv_pool *pool, struct cv_stream *file,
			 const struct mime_tree *tree,
			 const struct message_section *section,
			 struct cv_stream **stream_r, uint64_t *size_r,
			 struct cv_error *err);

/* The size alone, where it is known without reading (all but FIELDS and
 * DECODED). */
int message_section_size(const struct mime_tree *tree,
			 const struct message_section *section,
			 uint64_t *size_r);

/* The content of a part with its transfer encoding removed
 * [RFC3516 BINARY].  CV_E_UNSUPPORTED for an encoding that is not known. */
int message_part_open_decoded(struct cv_pool *pool, struct cv_stream *file,
			      const struct mime_tree *tree, uint32_t part,
			      struct cv_stream **stream_r,
			      struct cv_error *err);

/* Copies from a header in CRLF form the fields that are (or, with not, are
 * not) among the names, and the blank line at the end.  Used on stored
 * headers and on message_summary.fields alike. */
void message_fields_select(struct cv_text *dst, struct cv_span header,
			   const struct cv_span *names, size_t count,
			   bool not);

#endif
