/* connection-rawlog.c - records of what the protocol sees, for debugging one
 * user. */
#include "connection-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void connection_rawlog(int *fd, const void *data, size_t len)
{
	if (*fd < 0)
		return;
	if (write(*fd, data, len) == (ssize_t)len)
		return;
	log_warning("rawlog", "the record ends here: %s", strerror(errno));
	(void)close(*fd);
	*fd = -1;
}

static int open_rawlog(const char *dir, const char *id, const char *end,
		       int *fd_r, struct cv_error *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s.%s", dir, id, end) >=
	    (int)sizeof(path))
		return FAIL(err, CV_E_CONFIG, "rawlog_dir is too long");
	*fd_r = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
		     O_CLOEXEC | O_APPEND, 0600);
	return *fd_r >= 0 ? CV_OK :
		FAIL_ERRNO(err, errno, "cannot create '%s'", path);
}

int connection_set_rawlog(struct cv_connection *c, const char *dir,
			  const char *id, struct cv_error *err)
{
	char name[64];
	size_t len = 0;
	int status;

	/* session ids contain '/' in base64 */
	for (const char *at = id; *at != '\0' && len < sizeof(name) - 1; at++)
		name[len++] = *at == '/' ? '_' : *at;
	name[len] = '\0';
	status = open_rawlog(dir, name, "in", &c->rawlog_in, err);
	if (status == CV_OK)
		status = open_rawlog(dir, name, "out", &c->rawlog_out, err);
	if (status == CV_OK)
		connection_rawlog(&c->rawlog_in, c->in + c->in_at,
				  c->in_end - c->in_at);
	return status;
}
