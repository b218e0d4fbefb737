/* log-line.c - the sink of every process but the log service. */
#include "log-line.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { LOG_WAIT_MSECS = 1000, LOG_NAME_MAX = 255 };

static struct { int fd; const char *service; } sender = { .fd = -1 };

void log_line_put(struct ipc_writer *w, const struct log_line *line)
{
	ipc_begin(w, LOG_MSG_LINE);
	ipc_put_u32(w, line->level);
	ipc_put_str(w, line->service);
	ipc_put_str(w, line->category);
	ipc_put_span(w, line->text);
	ipc_put_u32(w, line->pid);
	ipc_put_u64(w, line->usecs);
}

int log_line_get(struct ipc_reader *r, struct log_line *line_r,
		 struct cv_error *err)
{
	line_r->level = ipc_get_count(r, LOG_LEVEL_PANIC);
	line_r->service = ipc_get_str(r, LOG_NAME_MAX);
	line_r->category = ipc_get_str(r, LOG_NAME_MAX);
	line_r->text = ipc_get_span(r, LOG_LINE_MAX);
	line_r->pid = ipc_get_u32(r);
	line_r->usecs = ipc_get_u64(r);
	return ipc_finish(r, err);
}

static void send_line(enum log_level level, const char *category,
		      const char *line, size_t len, void *context)
{
	struct log_line message = {
		.level = (uint32_t)level, .service = sender.service,
		.category = category, .text = cv_span(line, len),
		.pid = (uint32_t)getpid(), .usecs = time_now_usecs(),
	};
	struct pollfd p = { .fd = sender.fd, .events = POLLOUT };
	static struct ipc_writer w;	/* a frame this large costs */
	int status;

	(void)context;
	log_line_put(&w, &message);
	status = ipc_send(sender.fd, &w, NULL);
	if (status == CV_E_TEMP && poll(&p, 1, LOG_WAIT_MSECS) == 1)
		status = ipc_send(sender.fd, &w, NULL);
	if (status != CV_OK)
		(void)fprintf(stderr, "%s: %.*s\n", log_level_name(level),
			      (int)len, line);
}

void log_line_use(int fd, const char *service)
{
	sender.fd = fd;
	sender.service = service;
	log_set_sink(send_line, NULL);
}
