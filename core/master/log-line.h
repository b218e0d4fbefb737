/* log-line.h - log lines on their way to the log service.
 *
 * Every process writes to descriptor 4, one end of a socket pair that the
 * master keeps; the log service reads the other.  While it restarts, lines
 * wait in the socket. */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "ipc/ipc.h"

enum { LOG_MSG_LINE = 0x400, LOG_MSG_REOPEN, LOG_MSG_TEST };

struct log_line {
	uint32_t level;			/* enum log_level */
	const char *service, *category;
	struct cv_span text;
	uint32_t pid;
	uint64_t usecs;			/* since 1970 */
};

void log_line_put(struct ipc_writer *w, const struct log_line *line);
int log_line_get(struct ipc_reader *r, struct log_line *line_r,
		 struct cv_error *err);

/* From now on log_write sends to fd.  service must stay valid.  A line that
 * cannot be sent within a second goes to stderr. */
void log_line_use(int fd, const char *service);

#endif
