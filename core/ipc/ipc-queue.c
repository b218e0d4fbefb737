/* ipc-queue.c - messages that wait until the peer has read.
 *
 * INVARIANT: event is there as long as something waits, and nothing is sent
 * past what waits.  Messages hold passwords: each is wiped when it goes. */
#include "ipc-queue.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { RETRY_MSECS = 5 };

struct ipc_queued {
	struct ipc_queued *next;
	uint32_t type, fd_count;
	int fds[IPC_FDS_MAX];
	size_t len;
	char fields[];
};

static size_t size_of(const struct ipc_queued *m)
{
	return sizeof(*m) + m->len;
}

static void message_free(struct ipc_queued *m)
{
	for (uint32_t i = 0; i < m->fd_count; i++)
		(void)close(m->fds[i]);
	explicit_bzero(m, size_of(m));
	free(m);
}

static void drop_first(struct ipc_queue *queue)
{
	struct ipc_queued *m = queue->first;

	queue->first = m->next;
	if (queue->first == NULL)
		queue->end = &queue->first;
	queue->bytes -= size_of(m);
	queue->fds -= m->fd_count;
	queue->count--;
	message_free(m);
}

static void drop_all(struct ipc_queue *queue)
{
	while (queue->first != NULL)
		drop_first(queue);
	if (queue->event != NULL)
		event_free(queue->event);
	queue->event = NULL;
}

void ipc_queue_init(struct ipc_queue *queue,
		    const struct ipc_queue_config *config)
{
	*queue = (struct ipc_queue){ .config = *config };
	queue->end = &queue->first;
}

void ipc_queue_deinit(struct ipc_queue *queue)
{
	drop_all(queue);
	queue->failed = true;
}

bool ipc_queue_is_empty(const struct ipc_queue *queue)
{
	return queue->first == NULL;
}

/* --- leaving ---------------------------------------------------------------- */

static int send_first(struct ipc_queue *queue, struct cv_error *err)
{
	const struct ipc_queued *m = queue->first;

	return ipc_send_fields(queue->config.fd, m->type,
			       cv_span(m->fields, m->len), m->fds,
			       m->fd_count, err);
}

/* writable: until the socket has room.  Else for a moment: it has, and the
 * kernel still takes nothing (descriptors under way are counted for a user,
 * not for a socket). */
static void wait_on(struct ipc_queue *queue, event_callback_fn fn,
		    bool writable)
{
	static const struct timeval moment = { 0, RETRY_MSECS * 1000 };

	if (queue->event != NULL)
		event_free(queue->event);
	queue->event = event_new(queue->config.base,
				 writable ? queue->config.fd : -1,
				 (short)(writable ? EV_WRITE : 0), fn, queue);
	BUG_IF(queue->event == NULL);
	BUG_IF(event_add(queue->event, writable ? NULL : &moment) < 0);
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
	struct ipc_queue *queue = context;
	const struct ipc_queue_config *config = &queue->config;
	struct cv_error err = ERROR_NONE;
	uint32_t before = queue->count;
	int status = CV_OK;

	(void)fd;
	(void)what;
	while (queue->first != NULL &&
	       (status = send_first(queue, &err)) == CV_OK)
		drop_first(queue);
	if (status == CV_E_TEMP) {
		wait_on(queue, on_ready, queue->count < before);
		status = CV_OK;
	} else {
		queue->failed = status != CV_OK;
		drop_all(queue);
	}
	if (status != CV_OK || queue->count < before)
		config->moved(config->context, status, &err);
}

/* --- coming ----------------------------------------------------------------- */

static int copy_fds(struct ipc_queued *m, const struct ipc_writer *w,
		    struct cv_error *err)
{
	for (uint32_t i = 0; i < w->fd_count; i++) {
		m->fds[i] = fcntl(w->fds[i], F_DUPFD_CLOEXEC, 0);
		if (m->fds[i] < 0)
			return FAIL(err, CV_E_LIMIT, "cannot keep a "
				    "descriptor for a busy process: %s",
				    strerror(errno));
		m->fd_count++;
	}
	return CV_OK;
}

static int append(struct ipc_queue *queue, const struct ipc_writer *w,
		  struct cv_error *err)
{
	struct cv_span fields = ipc_fields(w);
	struct ipc_queued *m = calloc(1, sizeof(*m) + fields.len);
	int status;

	BUG_IF(m == NULL);
	m->type = w->type;
	m->len = fields.len;
	memcpy(m->fields, fields.data, fields.len);
	status = copy_fds(m, w, err);
	if (status != CV_OK) {
		message_free(m);
		return status;
	}
	*queue->end = m;
	queue->end = &m->next;
	queue->bytes += size_of(m);
	queue->fds += m->fd_count;
	if (queue->count++ == 0)
		wait_on(queue, on_ready, true);
	return CV_OK;
}

static int check_bounds(const struct ipc_queue *queue,
			const struct ipc_writer *w, bool last,
			struct cv_error *err)
{
	const struct ipc_queue_config *config = &queue->config;
	size_t more = sizeof(struct ipc_queued) + w->len;

	if (!last && (queue->bytes > config->bytes_max ||
		      more > config->bytes_max - queue->bytes))
		return FAIL(err, CV_E_LIMIT, "the receiver is busy: %u messages "
			    "(%zu bytes) wait for it, and %zu bytes may",
			    queue->count, queue->bytes, config->bytes_max);
	if (w->fd_count > config->fds_max - queue->fds)
		return FAIL(err, CV_E_LIMIT, "the receiver is busy: %u "
			    "descriptors wait for it, and %u may", queue->fds,
			    config->fds_max);
	return CV_OK;
}

static int queue_send(struct ipc_queue *queue, const struct ipc_writer *w,
		      bool last, struct cv_error *err)
{
	int status = CV_E_TEMP;

	if (queue->failed)
		return CV_EOF;
	if (w->failed || queue->first == NULL)
		status = ipc_send_now(queue->config.fd, w, err);
	if (status != CV_E_TEMP)
		return status;
	status = check_bounds(queue, w, last, err);
	return status == CV_OK ? append(queue, w, err) : status;
}

int ipc_queue_send(struct ipc_queue *queue, const struct ipc_writer *w,
		   struct cv_error *err)
{
	return queue_send(queue, w, false, err);
}

int ipc_queue_send_last(struct ipc_queue *queue, const struct ipc_writer *w,
			struct cv_error *err)
{
	return queue_send(queue, w, true, err);
}
