/* message-summary.h - what FETCH, SEARCH, SORT and THREAD ask again and
 * again, made in the one pass at save: a record of the catalogue.
 *
 * The record is a versioned byte string without a checksum of its own (the
 * catalogue has one); decoding checks every length all the same, and a
 * record of another version is CV_NOT_FOUND: make it anew. */
#ifndef MESSAGE_SUMMARY_H
#define MESSAGE_SUMMARY_H

#include "message-parser.h"
#include "mail-date.h"

enum { MESSAGE_SUMMARY_VERSION = 1 };

enum message_summary_flags {
	SUMMARY_HAS_DATE = 1,		/* sent is set */
	SUMMARY_IS_REPLY = 2,		/* base subject had Re: or Fwd: */
	SUMMARY_HAS_ATTACHMENT = 4,
	SUMMARY_HAS_NUL = 8,
	SUMMARY_FIELDS_CUT = 16,	/* fields is not complete: read the
					 * message */
};

struct message_summary {
	uint64_t physical_size, virtual_size;
	uint64_t header_physical, header_virtual;
	uint32_t flags;			/* enum message_summary_flags */
	struct mail_date sent;
	struct cv_span envelope;	/* wire form, with brackets */
	struct cv_span body_structure;	/* wire form, with brackets */
	struct cv_span tree;		/* mime_tree_decode */
	/* Header fields as they are sent: "Name: value" CRLF, all the fields
	 * of message_summary_has_field, in their order. */
	struct cv_span fields;
	struct cv_span base_subject;	/* UTF-8 [RFC5256 2.1] */
	struct cv_span message_id;	/* normalised, data NULL: none */
	struct cv_span preview;		/* UTF-8, see preview.h; data NULL:
					 * not made yet */
	/* Sort keys: local part of the first address [RFC5256 3], decoded
	 * display names for SORT=DISPLAY [RFC5957]. */
	struct cv_span from_mailbox, to_mailbox, cc_mailbox;
	struct cv_span from_display, to_display;
};

/* True for the fields that are kept, if the message has them. */
bool message_summary_has_field(struct cv_span name);

struct message_summarizer;
/* Feed it while the message is written; it does everything in passing. */
struct message_summarizer *message_summarizer_create(struct cv_pool *pool);
void message_summarizer_feed(struct message_summarizer *s,
			     struct cv_span chunk);
/* *tree_r (may be NULL) with info, for who wants more than the summary. */
void message_summarizer_finish(struct message_summarizer *s,
			       struct message_summary *summary_r,
			       const struct mime_tree **tree_r);

int message_summary_make(struct cv_pool *pool, struct cv_stream *stream,
			 struct message_summary *summary_r,
			 struct cv_error *err);

void message_summary_encode(struct cv_text *dst,
			    const struct message_summary *summary);
/* Spans point into src.  CV_NOT_FOUND: other version; CV_E_SYNTAX. */
int message_summary_decode(struct cv_span src,
			   struct message_summary *summary_r);

/* In the header fields that a summary keeps ("Name: value" CRLF, folded ones
 * too): the value of the first of that name, with what stands around it. */
bool message_summary_field(struct cv_span fields, struct cv_span name,
			   struct cv_span *value_r);

#endif
