/* message-parser.h - one pass over a message: its parts, sizes, and the
 * header fields that others ask for.
 *
 * Bytes are fed in chunks of any size; the result does not depend on the
 * cuts.  No recursion; memory is bounded by the caps below whatever the
 * input; each byte is looked at about once. */
#ifndef MESSAGE_PARSER_H
#define MESSAGE_PARSER_H

#include "mime-part.h"
#include "envelope.h"
#include "stream/stream.h"

enum {
	MESSAGE_NAME_MAX = 1000,	/* longer field names are not fields */
	MESSAGE_HEADER_MAX = 10 * 1024 * 1024,	/* kept per message, for
						 * parsing only */
};

/* A complete header field, valid during the call only.  raw is the whole
 * field without its last line end, folds inside as CRLF; value is what
 * follows the colon in it.  Only fields that were asked for are reported. */
typedef void message_field_fn(void *context, struct cv_span name,
			      struct cv_span value, struct cv_span raw);

struct message_parser;

struct message_parser_config {
	message_field_fn *field;	/* NULL: none */
	void *context;
	/* Which fields of the message's own header to report; NULL: all. */
	bool (*wanted)(struct cv_span name);
};

/* config may be NULL. */
struct message_parser *
message_parser_create(struct cv_pool *pool,
		      const struct message_parser_config *config);
void message_parser_feed(struct message_parser *parser, struct cv_span chunk);
/* Ends the message.  The tree lives in the pool. */
const struct mime_tree *message_parser_finish(struct message_parser *parser);

/* True when fields were left out because of MESSAGE_HEADER_MAX. */
bool message_parser_header_is_cut(const struct message_parser *parser);

/* All of a stream from its current place. */
int message_parse(struct cv_pool *pool, struct cv_stream *stream,
		  const struct message_parser_config *config,
		  const struct mime_tree **tree_r, struct cv_error *err);

#endif
