/* auth-queue.h - sessions that wait until their zygote takes one more.
 *
 * A zygote reads one order after another, and its socket holds some hundred:
 * when a thousand users log in at once, the others wait here, in order, those
 * of each port by themselves. */
#ifndef AUTH_QUEUE_H
#define AUTH_QUEUE_H

#include "base/base.h"

struct event_base;

enum {
	AUTH_QUEUE_RETRY_MSECS = 5,
	AUTH_QUEUE_WAIT_MSECS = 30000,
};

/* Part of what waits.  All zeros: it does not. */
struct auth_queued {
	struct auth_queued *next, **prev;
	struct auth_queue *queue;	/* NULL: waits for nothing */
	uint64_t until;			/* monotonic milliseconds */
	/* Tries again; it is in no queue then, and may be gone afterwards.
	 * CV_E_TEMP: the port is full still.  last: it has waited for too
	 * long, and is not asked again. */
	int (*send)(void *context, bool last);
	void *context;
};

/* Others wait for the port, who came before. */
bool auth_queue_is_waiting(int port);
/* To the end of those who wait for the port; send and context are set. */
void auth_queue_add(struct event_base *base, int port,
		    struct auth_queued *queued);
/* Nothing when it does not wait. */
void auth_queue_remove(struct auth_queued *queued);

#endif
