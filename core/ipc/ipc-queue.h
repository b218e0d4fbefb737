/* ipc-queue.h - what one end of a channel has to say while the other is busy.
 *
 * A socket holds some hundred messages; when more are to be said in one
 * moment, those that do not fit wait here, in order, and leave as the peer
 * reads.  Both ends of a login process's channel to auth have one. */
#ifndef IPC_QUEUE_H
#define IPC_QUEUE_H

#include "ipc.h"

struct event;
struct event_base;
struct ipc_queued;

struct ipc_queue_config {
	struct event_base *base;
	int fd;				/* the owner's; non-blocking */
	/* Of all that waits.  A message beyond is refused, not dropped. */
	size_t bytes_max;
	uint32_t fds_max;
	/* From the event loop, last of all, so that it may deinit the queue.
	 * CV_OK: some of it has left.  CV_EOF: the peer is gone; what it sent
	 * before can still be read.  Else err tells; in both cases the rest
	 * has been dropped, and all later messages fail. */
	void (*moved)(void *context, int status, const struct cv_error *err);
	void *context;
};

/* Embedded in the channel that owns it. */
struct ipc_queue {
	struct ipc_queue_config config;
	struct ipc_queued *first, **end;
	size_t bytes;
	uint32_t count, fds;
	struct event *event;		/* NULL: nothing waits */
	bool failed;
};

void ipc_queue_init(struct ipc_queue *queue,
		    const struct ipc_queue_config *config);
/* Wipes and drops what waits, its descriptors, too; fd is left alone.  May be
 * called twice, and for a queue of zeros. */
void ipc_queue_deinit(struct ipc_queue *queue);

/* Never blocks.  CV_OK: sent, or copied and its descriptors duplicated; the
 * caller wipes and keeps its own.  CV_E_LIMIT: a bound is reached, or it
 * does not fit into a message: nothing was done, the channel goes on.  Else
 * the channel is lost: CV_EOF, as of ipc_send. */
int ipc_queue_send(struct ipc_queue *queue, const struct ipc_writer *w,
		   struct cv_error *err);
/* As ipc_queue_send, past the bound in bytes: for a word that ends something
 * which was let in before, and is no larger than that was. */
int ipc_queue_send_last(struct ipc_queue *queue, const struct ipc_writer *w,
			struct cv_error *err);
bool ipc_queue_is_empty(const struct ipc_queue *queue);

#endif
