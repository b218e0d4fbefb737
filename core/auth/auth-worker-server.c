/* auth-worker-server.c - the worker's end of a channel. */
#include "auth-worker-server.h"
#include "ipc/user-message.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct server {
	struct auth *auth;
	int fd;
	struct event *readable;
	void (*ended)(void *context);
	void *context;
	uint32_t job_id;		/* the present one, for found */
	struct ipc_writer writer;
	struct ipc_reader reader;
};

static bool send_found(void *context, struct cv_span user)
{
	struct server *server = context;

	/* names that could not be looked up are not listed */
	if (user.len == 0 || user.len > USER_NAME_MAX ||
	    memchr(user.data, '\0', user.len) != NULL)
		return true;
	ipc_begin(&server->writer, WORKER_MSG_FOUND);
	ipc_put_u32(&server->writer, server->job_id);
	ipc_put_span(&server->writer, user);
	return ipc_send(server->fd, &server->writer, NULL) == CV_OK;
}

static int do_job(struct server *server, struct cv_pool *pool,
		  struct cv_error *err)
{
	struct auth_job job;
	int ret;

	if (server->reader.type != WORKER_MSG_JOB)
		return ipc_refuse(&server->reader, "auth", err);
	ret = auth_job_read(&server->reader, &server->auth->dbs, pool, &job,
			    err);
	explicit_bzero(server->reader.data, server->reader.len);
	if (ret == CV_E_CONFIG) {
		job.result = CV_E_CONFIG;
		job.error = *err;
	} else if (ret < 0) {
		return ret;
	} else {
		job.found = send_found;
		job.context = server;
		server->job_id = job.id;
		auth_job_run(&job);
	}
	ipc_begin(&server->writer, WORKER_MSG_DONE);
	auth_job_result_put(&server->writer, &job);
	return ipc_send(server->fd, &server->writer, err);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct server *server = context;
	struct cv_error err = ERROR_NONE;
	struct cv_pool *pool;
	int ret;

	(void)what;
	ret = ipc_receive((int)fd, &server->reader, &err);
	if (ret == CV_OK) {
		pool = pool_create("auth-worker");
		pool_set_secret(pool);
		ret = do_job(server, pool, &err);
		pool_destroy(&pool);
	}
	if (ret == CV_OK || ret == CV_NOT_FOUND)
		return;
	if (ret != CV_EOF)
		log_error("auth-worker", "%s", err.text);
	event_free(server->readable);
	close(server->fd);
	server->ended(server->context);
	free(server);
}

void auth_worker_serve(struct auth *auth, int fd,
		       void (*ended)(void *context), void *context)
{
	struct server *server = calloc(1, sizeof(*server));

	BUG_IF(server == NULL);
	server->auth = auth;
	server->fd = fd;
	server->ended = ended;
	server->context = context;
	/* a worker may wait for its reader */
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	server->readable = event_new(auth->base, fd, EV_READ | EV_PERSIST,
				     on_readable, server);
	BUG_IF(server->readable == NULL);
	event_add(server->readable, NULL);
}
