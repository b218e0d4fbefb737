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

/* A name stands in front of a line, in JSON and in a field of the journal:
 * none of them takes a line end or a quote. */
static bool is_name(const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name <= ' ' || *name >= 0x7f || *name == '"' ||
		    *name == '\\')
			return false;
	}
	return true;
}

/* Senders clean their lines; one that has been taken over does not, and would
 * write lines of its own into the log. */
static bool is_clean(struct cv_span text)
{
	char cleaned[LOG_LINE_MAX + 1];

	return log_clean(cleaned, sizeof(cleaned), text.data, text.len) ==
		text.len && memcmp(cleaned, text.data, text.len) == 0;
}

int log_line_get(struct ipc_reader *r, struct log_line *line_r,
		 struct cv_error *err)
{
	int status;

	line_r->level = ipc_get_count(r, LOG_LEVEL_PANIC);
	line_r->service = ipc_get_str(r, LOG_NAME_MAX);
	line_r->category = ipc_get_str(r, LOG_NAME_MAX);
	line_r->text = ipc_get_span(r, LOG_LINE_MAX);
	line_r->pid = ipc_get_u32(r);
	line_r->usecs = ipc_get_u64(r);
	status = ipc_finish(r, err);
	if (status != CV_OK)
		return status;
	if (!is_name(line_r->service) || !is_name(line_r->category) ||
	    !is_clean(line_r->text))
		return FAIL(err, CV_E_SYNTAX, "a process sent a log line with "
			    "control characters in it");
	return CV_OK;
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
