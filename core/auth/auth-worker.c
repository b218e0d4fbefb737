/* auth-worker.c - auth's side of the workers. */
#include "auth-worker.h"
#include "ipc/user-message.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct worker {
	struct auth_workers *owner;
	int fd;
	struct event *readable;
	struct auth_job *job;		/* NULL: idle */
	struct worker *next;
};

struct auth_workers {
	struct auth_workers_config config;
	struct cv_pool *pool;
	struct worker *workers;
	uint32_t worker_count;
	struct auth_job *queue, **queue_end;
	uint32_t queued;
	uint32_t last_id;
	struct event *wake;		/* looks at the queue */
	struct ipc_writer writer;
	struct ipc_reader reader;
};

static void job_fail(struct auth_job *job, int code, const char *text)
{
	job->result = FAIL(&job->error, code, "%s", text);
	auth_reply_clear(&job->reply);
	job->done(job);
}

static void worker_free(struct worker *worker)
{
	struct worker **at = &worker->owner->workers;

	while (*at != worker)
		at = &(*at)->next;
	*at = worker->next;
	worker->owner->worker_count--;
	event_free(worker->readable);
	close(worker->fd);
	free(worker);
}

/* The worker is lost, with what it was doing. */
static void worker_lost(struct worker *worker, const char *why)
{
	struct auth_job *job = worker->job;

	worker_free(worker);
	if (job != NULL) {
		log_error("auth", "auth-worker: %s", why);
		job_fail(job, CV_E_TEMP, why);
	}
}

static bool worker_send(struct worker *worker, struct auth_job *job)
{
	struct auth_workers *w = worker->owner;
	struct timeval limit = { .tv_sec = AUTH_WORKER_TIMEOUT_SECS };
	struct cv_error err = ERROR_NONE;
	int ret;

	job->id = ++w->last_id;
	ipc_begin(&w->writer, WORKER_MSG_JOB);
	auth_job_put(&w->writer, job);
	worker->job = job;
	ret = ipc_send(worker->fd, &w->writer, &err);
	/* passwords do not stay here longer than they must */
	explicit_bzero(w->writer.data, w->writer.len);
	if (ret == CV_E_LIMIT) {
		worker->job = NULL;
		job_fail(job, CV_E_LIMIT, "request is too large");
		return true;
	}
	if (ret != CV_OK) {
		worker->job = NULL;
		return false;
	}
	event_add(worker->readable, &limit);
	return true;
}

static struct auth_job *queue_take(struct auth_workers *w)
{
	struct auth_job *job = w->queue;

	if (job == NULL)
		return NULL;
	w->queue = job->next;
	if (w->queue == NULL)
		w->queue_end = &w->queue;
	w->queued--;
	job->next = NULL;
	return job;
}

/* One that goes away is noticed; one that has nothing to do for long is let
 * go, its process ends. */
static void wait_idle(struct worker *worker)
{
	uint32_t secs = worker->owner->config.idle_secs;
	struct timeval limit = { .tv_sec = secs };

	if (secs > 0)
		event_add(worker->readable, &limit);
	else
		event_remove_timer(worker->readable);
}

static void job_finished(struct worker *worker)
{
	struct auth_job *job = worker->job;
	struct cv_error err = ERROR_NONE;

	if (auth_job_result_read(&worker->owner->reader, job, &err) < 0) {
		worker_lost(worker, err.text);
		return;
	}
	worker->job = NULL;
	wait_idle(worker);
	job->done(job);
}

static void message_take(struct worker *worker)
{
	struct ipc_reader *r = &worker->owner->reader;
	struct auth_job *job = worker->job;
	const char *user;

	if (job == NULL || ipc_get_u32(r) != job->id ||
	    (r->type != WORKER_MSG_DONE && r->type != WORKER_MSG_FOUND) ||
	    (r->type == WORKER_MSG_FOUND && job->kind != AUTH_JOB_LIST)) {
		(void)ipc_refuse(r, "auth-worker", NULL);
		worker_lost(worker, "auth-worker said what was not asked");
		return;
	}
	if (r->type == WORKER_MSG_DONE) {
		job_finished(worker);
		return;
	}
	user = ipc_get_str(r, USER_NAME_MAX);
	if (!job->found(job->context, cv_span_of(user))) {
		(void)ipc_finish(r, NULL);
		worker_lost(worker, "list of users was given up");
	} else if (ipc_finish(r, NULL) < 0) {
		worker_lost(worker, "auth-worker sent a malformed message");
	}
}

static void worker_read(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;
	struct auth_workers *w = worker->owner;
	struct cv_error err = ERROR_NONE;
	int ret;

	if ((what & EV_TIMEOUT) != 0 && worker->job == NULL) {
		worker_free(worker);
		return;
	} else if ((what & EV_TIMEOUT) != 0) {
		worker_lost(worker, "auth-worker did not answer in time");
	} else {
		ret = ipc_receive((int)fd, &w->reader, &err);
		if (ret == CV_NOT_FOUND)
			return;
		if (ret != CV_OK)
			worker_lost(worker, "auth-worker ended early");
		else
			message_take(worker);
		explicit_bzero(w->reader.data, w->reader.len);
	}
	event_active(w->wake, EV_TIMEOUT, 0);
}

static struct worker *worker_open(struct auth_workers *w,
				  struct cv_error *err)
{
	struct worker *worker;
	int fd, flags;

	if (w->config.connect(w->config.context, &fd, err) < 0)
		return NULL;
	flags = fcntl(fd, F_GETFL);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	worker = calloc(1, sizeof(*worker));
	BUG_IF(worker == NULL);
	worker->owner = w;
	worker->fd = fd;
	worker->readable = event_new(w->config.base, fd,
				     EV_READ | EV_PERSIST, worker_read,
				     worker);
	BUG_IF(worker->readable == NULL);
	event_add(worker->readable, NULL);
	worker->next = w->workers;
	w->workers = worker;
	w->worker_count++;
	wait_idle(worker);
	return worker;
}

static struct worker *worker_idle(struct auth_workers *w)
{
	for (struct worker *worker = w->workers; worker != NULL;
	     worker = worker->next) {
		if (worker->job == NULL)
			return worker;
	}
	return NULL;
}

/* Gives waiting jobs to workers as long as there are both. */
static void dispatch(struct auth_workers *w)
{
	struct cv_error err = ERROR_NONE;
	struct worker *worker;
	struct auth_job *job;

	while (w->queue != NULL) {
		worker = worker_idle(w);
		if (worker == NULL && w->worker_count >= w->config.max)
			return;
		if (worker == NULL)
			worker = worker_open(w, &err);
		if (worker == NULL) {
			if (w->worker_count > 0)
				return;
			log_error("auth", "auth-worker: %s", err.text);
			job_fail(queue_take(w), CV_E_TEMP,
				 "auth-worker cannot be reached");
			continue;
		}
		job = queue_take(w);
		if (worker_send(worker, job))
			continue;
		/* an old channel: its process has ended; try another */
		worker_free(worker);
		job->next = w->queue;
		if (w->queue == NULL)
			w->queue_end = &job->next;
		w->queue = job;
		w->queued++;
	}
}

static void wake(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	dispatch(context);
}

struct auth_workers *auth_workers_create(const struct auth_workers_config *c)
{
	struct cv_pool *pool = pool_create("auth-workers");
	struct auth_workers *w = pool_new(pool, struct auth_workers);

	w->pool = pool;
	w->config = *c;
	w->queue_end = &w->queue;
	w->wake = event_new(c->base, -1, 0, wake, w);
	BUG_IF(w->wake == NULL);
	return w;
}

void auth_workers_destroy(struct auth_workers **workers)
{
	struct auth_workers *w = *workers;
	struct cv_pool *pool = w->pool;
	struct auth_job *job;

	*workers = NULL;
	while (w->workers != NULL)
		worker_lost(w->workers, "auth is ending");
	while ((job = queue_take(w)) != NULL)
		job_fail(job, CV_E_TEMP, "auth is ending");
	event_free(w->wake);
	pool_destroy(&pool);
}

void auth_workers_submit(struct auth_workers *workers, struct auth_job *job)
{
	if (workers->queued >= AUTH_WORKER_QUEUE_MAX) {
		job_fail(job, CV_E_TEMP, "too many requests wait for "
			 "auth-worker");
		return;
	}
	job->next = NULL;
	*workers->queue_end = job;
	workers->queue_end = &job->next;
	workers->queued++;
	dispatch(workers);
}
