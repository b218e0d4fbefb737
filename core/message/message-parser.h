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

enum {
	MESSAGE_NAME_MAX = 1000,	/* longer field names are not fields */
	MESSAGE_HEADER_MAX = 10 * 1024 * 1024,	/* kept per message, for
						 * parsing only */
	MESSAGE_BOUNDARY_MAX = 200,	/* compared up to here */
};

/* A complete header field: value raw (folds inside, without the last line
 * end), valid during the call only; part 0 is the message itself.  Fields
 * that were not wanted are not reported. */
typedef void message_field_fn(void *context, uint32_t part,
			      struct cv_span name, struct cv_span value);

struct message_parser;

struct message_parser_config {
	message_field_fn *field;	/* NULL: none */
	void *context;
	/* Names of the fields to report, of the root part only, besides
	 * those the parser itself needs; "*": all of them. */
	const char *const *names;
	size_t name_count;
};

/* config may be NULL. */
struct message_parser *
message_parser_create(struct cv_pool *pool,
		      const struct message_parser_config *config);
void message_parser_feed(struct message_parser *parser, struct cv_span chunk);
/* Ends the message.  The tree lives in the pool. */
const struct mime_tree *message_parser_finish(struct message_parser *parser);

/* All of a stream from its current place. */
int message_parse(struct cv_pool *pool, struct cv_stream *stream,
		  const struct message_parser_config *config,
		  const struct mime_tree **tree_r, struct cv_error *err);

#endif
