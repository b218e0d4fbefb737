/* remote-call.h - a request to a broker and its answer, for the files
 * mailbox-remote*.c. */
#ifndef REMOTE_CALL_H
#define REMOTE_CALL_H

#include "mailbox-remote.h"

struct remote_answer {
	struct remote_reader fields;
	int fd;				/* the caller's; -1: none */
};

/* Connects when that is needed.  CV_E_NOT_FOUND for owners that do not exist
 * as for mailboxes; CV_E_TEMP when the connection broke: the next call makes a
 * new one.  The answer lives in pool.  fd -1: none. */
int remote_call(struct remote *remote, uint32_t op,
		const struct cv_text *fields, int fd, struct cv_pool *pool,
		struct remote_answer *answer_r, struct cv_error *err);
/* All of the answer must have been read.  Else, as remote_confused: the
 * connection ends; CV_E_TEMP. */
int remote_end(struct remote *remote, struct remote_answer *a,
	       struct cv_error *err);
int remote_confused(struct remote *remote, struct cv_error *err);

/* mailbox-remote-view.c */

/* The last fields of an answer: bytes, in it or in a file that nobody can
 * change any more.  The stream and the file live in pool. */
int remote_take_bytes(struct remote *remote, struct remote_answer *a,
		      struct cv_pool *pool, struct cv_stream **stream_r,
		      uint64_t *size_r, struct cv_error *err);

/* A view that the broker does not know yet. */
void remote_view_create(struct remote *remote, const char *name,
			struct cv_mailbox *box);
/* Has the broker open it; the answer is what remote_view_take reads, and then
 * all UIDs. */
int remote_view_ask(struct cv_mailbox *box, const char *name, uint32_t flags,
		    struct cv_pool *pool, struct remote_answer *a,
		    struct cv_error *err);
/* All that is not the list of UIDs.  Returns those with \Recent, for
 * remote_view_count when the list is known. */
struct cv_set remote_view_take(struct cv_mailbox *box,
			       struct remote_reader *in, bool *readonly_r,
			       uint32_t *uidvalidity_r);
void remote_view_count(struct cv_mailbox *box, struct cv_set recent);
/* Adds the UIDs behind the last one. */
int remote_view_add(struct cv_mailbox *box, struct cv_set uids,
		    struct cv_error *err);
/* The same for an open view: fields begin with those of remote_view_fields. */
int remote_view_call(struct cv_mailbox *box, uint32_t op,
		     const struct cv_text *fields, struct cv_pool *pool,
		     struct remote_answer *a, struct cv_error *err);
void remote_view_fields(struct cv_mailbox *box, struct cv_text *fields,
			struct cv_pool *pool);

#endif
