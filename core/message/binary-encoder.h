/* binary-encoder.h - makes a message that has parts with the transfer encoding
 * "binary" one that can be stored and sent anywhere [RFC3516 4.4].
 *
 * Such parts become base64, and so do their Content-Transfer-Encoding fields;
 * what they contain stays the same to the byte.  Where "binary" stands at a
 * multipart or a message, whose parts are looked at one by one, it becomes
 * "8bit".  Everything else goes through as it is.  Fed with pieces cut
 * anywhere; holds a header block and a line at most. */
#ifndef BINARY_ENCODER_H
#define BINARY_ENCODER_H

#include "base.h"

struct binary_encoder;

/* Dies with the pool. */
struct binary_encoder *binary_encoder_create(struct cv_pool *pool);
/* Appends to out what is ready.  CV_E_SYNTAX: a NUL outside of a binary part;
 * CV_E_LIMIT: a header that is too large.  After a failure all calls fail. */
int binary_encoder_feed(struct binary_encoder *e, struct cv_span in,
			struct cv_text *out, struct cv_error *err);
/* The end of the message. */
int binary_encoder_finish(struct binary_encoder *e, struct cv_text *out,
			  struct cv_error *err);

#endif
