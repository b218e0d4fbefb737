/* mailbox-broker-private.h - what a broker and its requests consist of. */
#ifndef MAILBOX_BROKER_PRIVATE_H
#define MAILBOX_BROKER_PRIVATE_H

#include "mailbox-private.h"
#include "mailbox-broker.h"
#include "remote-wire.h"

struct served_view {
	struct cv_mailbox *box;		/* NULL: free */
	uint32_t id;
	int bell;			/* -1: nobody waits */
};

struct broker {
	struct cv_user *user;
	struct namespace *ns;
	int channel;
	const struct mailbox_broker_host *host;	/* NULL: none */
	struct served_view views[REMOTE_VIEWS_MAX];
	struct cv_save *save;
	struct cv_pool *pool;		/* of a request */
	int bell;			/* of all mailboxes; -1: nobody waits */
	uint64_t watch_turn;
};

struct request {
	struct broker *broker;
	struct remote_reader in;
	struct cv_text out;
	int fd_in, fd_out;		/* -1: none */
	struct cv_error err;
};

/* mailbox-broker.c */

/* The next field, as the name of a mailbox of the owner.  A name that cannot
 * be gets the answer of one that is not. */
int broker_take_name(struct request *q, const char **name_r);

/* mailbox-broker-view.c: each answers one request into q->out; CV_E_SYNTAX:
 * the request was none. */

int broker_op_open(struct request *q);
int broker_op_close(struct request *q);
int broker_op_watch(struct request *q);
int broker_op_sync(struct request *q);
int broker_op_view(struct request *q);
int broker_op_messages(struct request *q);
int broker_op_section(struct request *q);
int broker_op_store(struct request *q);
int broker_op_expunge(struct request *q);
int broker_op_copy(struct request *q);
int broker_op_search(struct request *q);
int broker_op_vanished(struct request *q);
int broker_op_freeze(struct request *q);
int broker_op_thaw(struct request *q);
int broker_op_sort(struct request *q);
int broker_op_thread(struct request *q);
int broker_op_save_begin(struct request *q);
int broker_op_save_add(struct request *q);
int broker_op_save_commit(struct request *q);
int broker_op_save_abort(struct request *q);
int broker_op_save_replace(struct request *q);
int broker_op_url(struct request *q);	/* mailbox-broker-url.c */

/* mailbox-broker-watch.c */

int broker_op_watch_all(struct request *q);
int broker_op_place(struct request *q);
/* Readable when broker_heard is to be called; -1: nobody waits. */
int broker_watch_fd(struct broker *b);
void broker_heard(struct broker *b);
void broker_unwatch(struct broker *b);

/* mailbox-broker-view.c */

/* The next field as a view, a set of UIDs as its numbers, and back. */
int broker_take_box(struct request *q, struct cv_mailbox **box_r);
void broker_put_seqs(struct request *q, struct cv_mailbox *box,
		     struct cv_set seqs);
/* Up to a bound, in the answer or in a sealed file: what remote_take_bytes
 * reads. */
int broker_put_bytes(struct request *q, struct cv_stream *stream,
		     uint64_t size);
void broker_view_close(struct served_view *view);

#endif
