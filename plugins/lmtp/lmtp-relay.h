/* lmtp-relay.h - recipients whose mail is on other servers: one transaction
 * with each of those, on a connection of its own, which ends with ours.
 *
 * INVARIANT: a recipient is answered 250 after the message only when their
 * server has said so; whatever breaks before is answered 451, and nothing is
 * sent to a server twice. */
#ifndef LMTP_RELAY_H
#define LMTP_RELAY_H

#include "lmtp.h"

enum { LMTP_ANSWER_TEXT = 400, LMTP_ANSWER_LINES = 100 };

/* What another server has answered: the last line of it, without the code;
 * anything that is not printable is gone. */
struct lmtp_answer {
	uint32_t code;			/* 0: none yet */
	uint32_t lines;
	char text[LMTP_ANSWER_TEXT];
};

enum lmtp_backend_state {
	LMTP_BACKEND_ASKED,		/* DATA was said */
	LMTP_BACKEND_SENDING,
	LMTP_BACKEND_SENT,		/* its answers are due */
	LMTP_BACKEND_OVER,
};

/* Dot-stuffing [RFC5321 4.5.2] of what is sent. */
struct lmtp_stuffer {
	struct cv_span parts[2];	/* header, content: what is left */
	char last;			/* byte that was sent */
	bool line_start, ended;
};

struct lmtp_backend {
	struct lmtp_backend *next;
	const struct cv_relay *relay;	/* of its first recipient */
	bool is_smtp;
	struct cv_client *far;		/* NULL: closed */
	const char *failure;		/* the reply to all from now on */

	/* what it has announced */
	bool has_8bit, has_size, has_starttls;
	uint32_t xclient;		/* enum lmtp_xclient_name, as bits */

	/* lmtp-relay-data.c */
	uint32_t accepted, answered;	/* recipients */
	enum lmtp_backend_state state;
	struct lmtp_stuffer stuffer;
	uint64_t deadline;		/* monotonic milliseconds */
	short events;			/* of poll, that it waits for */
	struct lmtp_answer answer;	/* being read */
	char in[1024];
	size_t in_len;
	char out[32768];
	size_t out_at, out_len;
};

/* lmtp-relay.c: offers the recipient to their server and answers RCPT.  NULL:
 * with a refusal. */
struct lmtp_backend *lmtp_relay_recipient(struct lmtp_session *l,
					  const struct cv_recipient *r);
/* The transaction is over; what was not sent is forgotten. */
void lmtp_relay_close(struct lmtp_session *l);
/* Nothing more is expected of it: reply ("451 4.4.2 Text") is that to all its
 * recipients that have none.  why, for the log, may be NULL. */
void lmtp_relay_fail(struct lmtp_session *l, struct lmtp_backend *b,
		     const char *reply, const char *why);

/* lmtp-relay-data.c: gives the message to all of them; returns when each has
 * it or has failed. */
void lmtp_relay_send(struct lmtp_session *l, struct cv_incoming *incoming);
/* Waits for their answers; then each of their recipients has a reply. */
void lmtp_relay_wait(struct lmtp_session *l);

/* lmtp-relay-reply.c: one more line of an answer [RFC5321 4.2].  CV_OK: that
 * was the last; CV_NOT_FOUND: there are more; CV_E_SYNTAX: it is none, or
 * there are too many. */
int lmtp_answer_line(struct lmtp_answer *answer, struct cv_span line);
/* What our client is told of it; in pool. */
const char *lmtp_answer_reply(const struct lmtp_answer *answer,
			      struct cv_pool *pool);

/* The next bytes of what is to be sent, dots doubled, line ends CRLF, with
 * the end of data; 0: there are no more. */
size_t lmtp_stuffer_next(struct lmtp_stuffer *s, char *dst, size_t room);

#endif
