/* imap-convert.h - CONVERT [RFC5259]: the request as data, conversions and
 * what is told of them. */
#ifndef IMAP_CONVERT_H
#define IMAP_CONVERT_H

#include "imap-fetch.h"

enum imap_convert_item {
	IMAP_CONVERT_BINARY = 1,
	IMAP_CONVERT_SIZE,
	IMAP_CONVERT_STRUCTURE,
	IMAP_CONVERT_AVAILABLE,
	IMAP_CONVERT_HEADER,		/* BODY[...HEADER], BODY[...MIME] */
};

struct imap_convert_att {
	uint32_t item;			/* enum imap_convert_item */
	/* body.size_only: BINARY.SIZE.  section.kind: what is read. */
	struct imap_fetch_body body;
};

/* A parameter as the client wrote it. */
struct imap_convert_param { struct cv_span name, value; };

struct imap_convert {
	const char *to;			/* lower case; NULL: default */
	struct imap_convert_param *params;
	uint32_t param_count;
	const char *charset;		/* NULL: not given */
	struct cv_span replacement;	/* data NULL: not given */
	/* Of params, those that nobody knows or that have a wrong value, and
	 * why ("": all are good). */
	uint64_t wrong;
	const char *wrong_why;
	struct imap_convert_att *atts;
	uint32_t att_count, part_count;	/* parts: different ones */
	bool uid;			/* UID is to be told */
};

enum { IMAP_CONVERT_PARAMS_MAX = 64 };	/* bits of wrong */

bool imap_convert_offered(const struct imap_settings *set);
/* Reads what follows the message set; false after setting BAD. */
bool imap_convert_parse(struct imap_cmd *cmd, struct imap_convert *convert);
/* "type/subtype" of tokens [RFC2045 5.1]; wildcards: also "type/" "*" and
 * "*". */
bool imap_convert_is_type(struct cv_span text, bool wildcards);

enum imap_convert_result {
	IMAP_CONVERT_DONE = 0,
	IMAP_CONVERT_FAILED,		/* an ERROR phrase was told */
	IMAP_CONVERT_TEMPFAIL,		/* one that may pass */
};

/* Converts what the message's answer needs, before any of it is said, as far
 * as it will be remembered; INPROGRESS may be sent.  Negative: the connection
 * has failed. */
int imap_convert_prepare(struct imap_cmd *cmd,
			 const struct imap_convert *convert, uint32_t seq,
			 uint32_t uid);
/* Appends one item of message seq; enum imap_convert_result, or negative: the
 * connection has failed. */
int imap_convert_tell(struct imap_cmd *cmd, const struct imap_convert *convert,
		      const struct imap_convert_att *att, uint32_t seq,
		      uint32_t uid);
/* Conversions that are remembered are those of the mailbox that is open. */
void imap_convert_forget(struct imap_session *s);

#endif
