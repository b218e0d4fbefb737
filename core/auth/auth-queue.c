/* auth-queue.c - sessions that wait until their zygote takes one more. */
#include "auth-queue.h"
#include "base/time-util.h"

#include <event2/event.h>
#include <stdlib.h>

/* Of one port; kept, since ports are few and stay. */
struct auth_queue {
	struct auth_queue *next;
	int port;
	struct auth_queued *first, **end;
	struct event *timer;		/* NULL: nobody waits */
};

static struct auth_queue *queues;

static struct auth_queue *queue_find(int port)
{
	struct auth_queue *queue = queues;

	while (queue != NULL && queue->port != port)
		queue = queue->next;
	return queue;
}

static struct auth_queue *queue_get(int port)
{
	struct auth_queue *queue = queue_find(port);

	if (queue != NULL)
		return queue;
	queue = calloc(1, sizeof(*queue));
	BUG_IF(queue == NULL);
	queue->port = port;
	queue->end = &queue->first;
	queue->next = queues;
	queues = queue;
	return queue;
}

static void put(struct auth_queue *queue, struct auth_queued *queued,
		struct auth_queued **at)
{
	queued->queue = queue;
	queued->prev = at;
	queued->next = *at;
	if (queued->next != NULL)
		queued->next->prev = &queued->next;
	else
		queue->end = &queued->next;
	*at = queued;
}

static void take_out(struct auth_queued *queued)
{
	*queued->prev = queued->next;
	if (queued->next != NULL)
		queued->next->prev = queued->prev;
	else
		queued->queue->end = queued->prev;
	queued->queue = NULL;
}

static void wait_a_little(struct auth_queue *queue)
{
	static const struct timeval little = {
		0, AUTH_QUEUE_RETRY_MSECS * 1000,
	};

	BUG_IF(event_add(queue->timer, &little) < 0);
}

static void is_empty(struct auth_queue *queue)
{
	if (queue->first != NULL || queue->timer == NULL)
		return;
	event_free(queue->timer);
	queue->timer = NULL;
}

/* Only the first is looked at, each time anew: who is sent may take others
 * along. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct auth_queue *queue = context;
	uint64_t now = time_monotonic_msecs();
	struct auth_queued *queued;

	(void)fd;
	(void)what;
	while ((queued = queue->first) != NULL) {
		bool last = now >= queued->until;

		take_out(queued);
		if (queued->send(queued->context, last) != CV_E_TEMP || last)
			continue;
		put(queue, queued, &queue->first);
		wait_a_little(queue);
		return;
	}
	is_empty(queue);
}

bool auth_queue_is_waiting(int port)
{
	const struct auth_queue *queue = queue_find(port);

	return queue != NULL && queue->first != NULL;
}

void auth_queue_add(struct event_base *base, int port,
		    struct auth_queued *queued)
{
	struct auth_queue *queue = queue_get(port);

	queued->until = time_monotonic_msecs() + AUTH_QUEUE_WAIT_MSECS;
	put(queue, queued, queue->end);
	if (queue->timer != NULL)
		return;
	queue->timer = event_new(base, -1, 0, on_timer, queue);
	BUG_IF(queue->timer == NULL);
	wait_a_little(queue);
}

void auth_queue_remove(struct auth_queued *queued)
{
	struct auth_queue *queue = queued->queue;

	if (queue == NULL)
		return;
	take_out(queued);
	is_empty(queue);
}
