/* imap-fetch.h - FETCH: the request as data, and sending it. */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap-return.h"
#include "imap-session.h"

enum imap_fetch_item {
	IMAP_FETCH_UID = 1, IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
	IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE, IMAP_FETCH_BODY,
	IMAP_FETCH_BODYSTRUCTURE,
	IMAP_FETCH_MODSEQ, IMAP_FETCH_EMAILID, IMAP_FETCH_THREADID,
	IMAP_FETCH_SAVEDATE, IMAP_FETCH_PREVIEW, IMAP_FETCH_ANNOTATION,
	IMAP_FETCH_ITEMS,	/* how many, and one */
};

struct imap_fetch_body {
	struct cv_section section;
	bool partial, size_only;	/* size_only: BINARY.SIZE */
	uint32_t start, count;
	struct cv_span label;	/* "BODY[TEXT]<0>" as it is answered */
};

struct imap_fetch_extended;	/* an item of another plugin */

struct imap_fetch {
	uint8_t items[IMAP_FETCH_ITEMS];	/* in the order asked for */
	uint32_t item_count;
	struct imap_fetch_body *bodies;
	uint32_t body_count, body_room;
	struct imap_fetch_extended *extended;
	uint32_t extended_count;
	struct imap_annotation_item *annotation;	/* NULL: none */
	uint32_t message_items;		/* enum cv_message_item */
	bool marks_seen;
	/* modifiers [RFC4466 2.4] */
	bool changed, vanished, partial;
	uint64_t changed_since;		/* [RFC7162 3.1.4.1] */
	struct imap_partial range;	/* [RFC9394 3.3] */
};

/* Reads the rest of the command's arguments; false after setting BAD. */
bool imap_fetch_parse(struct imap_cmd *cmd, struct imap_fetch *fetch);
/* The items of a list alone. */
bool imap_fetch_parse_items(struct imap_cmd *cmd, struct imap_fetch *fetch,
			    struct imap_args list);
/* Tells them of these messages, and sets the reply. */
int imap_fetch_messages(struct imap_cmd *cmd, const struct imap_fetch *fetch,
			struct cv_set seqs);
void imap_fetch_add(struct imap_fetch *fetch, uint8_t item, bool first);
/* "BODY[...]" at arg, which may take more arguments of the list.  False after
 * setting BAD. */
bool imap_fetch_parse_body(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_arg *arg, struct imap_args *list);
/* "BINARY[...]", "BINARY.PEEK[...]", "BINARY.SIZE[...]" [RFC3516 4.2] at arg:
 * false when it is none of them, or after setting BAD. */
bool imap_fetch_parse_binary(struct imap_cmd *cmd, struct imap_fetch *fetch,
			     const struct imap_arg *arg);
/* "", "1.2.MIME", "HEADER.FIELDS (From)": false when it is none. */
bool imap_section_parse(struct imap_cmd *cmd, struct cv_span text,
			struct cv_section *section);
/* "<0.100>" or nothing. */
bool imap_fetch_parse_partial(struct cv_span text,
			      struct imap_fetch_body *body);
/* What the answer calls it: "BODY[TEXT]<0>" of "BODY" and "text". */
void imap_fetch_label(struct imap_cmd *cmd, struct imap_fetch_body *body,
		      const char *name, struct cv_span section);
/* RFC822, RFC822.HEADER, RFC822.TEXT: false when it is none of them. */
bool imap_fetch_parse_rfc822(struct imap_cmd *cmd, struct imap_fetch *fetch,
			     const struct imap_arg *arg);

/* One section of message seq: literal or NIL.  first: no space before it.
 * Negative: it cannot be read; nothing was sent of it, or the connection has
 * failed. */
/* CV_E_UNSUPPORTED: the transfer encoding is not known [RFC3516 4.3]. */
int imap_fetch_send_body(struct imap_session *s, uint32_t seq,
			 const struct imap_fetch_body *body, bool first);

#endif
