/* sync-feed.c - see sync-feed.h. */
#include "sync-feed.h"
#include "sync/sync-side.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WALK_BOXES = 4, WALK_ROWS = 400 };

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
int __real_poll(struct pollfd *p, nfds_t n, int timeout);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);
ssize_t __wrap_recv(int fd, void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);

static struct cv_span feed;
static size_t feed_step;
static int feed_fd = -1;

void feed_set(struct cv_span data, size_t step)
{
	feed = data;
	feed_step = step == 0 ? 1 : step;
}

int feed_open(struct cv_span data, size_t step)
{
	feed_set(data, step);
	feed_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return feed_fd;
}

void feed_end(void)
{
	feed_fd = -1;
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags)
{
	size_t n = len < feed_step ? len : feed_step;

	if (n > feed.len)
		n = feed.len;
	memcpy(data, feed.data, n);
	feed = cv_span_skip(feed, n);
	return (ssize_t)n;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	return (ssize_t)len;
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fd == feed_fd ? __wrap_recv(fd, data, len, 0) :
		__real_read(fd, data, len);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return fd == feed_fd ? (ssize_t)len : __real_write(fd, data, len);
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout)
{
	if (n != 1 || p->fd != feed_fd)
		return __real_poll(p, n, timeout);
	p->revents = p->events;
	return 1;
}

int __wrap_socket(int domain, int type, int protocol)
{
	return feed_open(feed, feed_step);
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	return 0;
}

/* --- asking for everything ----------------------------------------------- */

static void walk_messages(struct sync_side *side, struct cv_pool *pool,
			  struct cv_error *err)
{
	uint32_t uids[WALK_ROWS], count = 0, uid;
	struct cv_span data;
	sync_rows rows;
	int ret;

	array_init(&rows, pool);
	if (side->ops->rows(side, pool, &rows, err) < 0)
		return;
	for (size_t i = 0; i < rows.count; i++) {
		BUG_IF(i > 0 && rows.items[i].uid <= rows.items[i - 1].uid);
		if (count < WALK_ROWS)
			uids[count++] = rows.items[i].uid;
	}
	ret = side->ops->fetch(side, uids, count, err);
	while (ret == CV_OK &&
	       (ret = side->ops->fetch_next(side, &uid, err)) == CV_OK) {
		/* every seventh is not wanted any more */
		if (uid % 7 == 0)
			continue;
		while ((ret = side->ops->fetch_read(side, &data, err)) ==
		       CV_OK)
			BUG_IF(data.len == 0);
		ret = ret == CV_EOF ? CV_OK : ret;
		if (uid % 11 == 0)
			break;
	}
	side->ops->fetch_end(side);
}

void feed_walk(struct sync_side *side)
{
	struct cv_pool *pool = pool_create("walk");
	struct cv_error err = ERROR_NONE;
	struct sync_words words;
	sync_entries entries;
	sync_boxes boxes;
	sync_names names;

	sync_words_init(&words, pool);
	array_init(&boxes, pool);
	array_init(&names, pool);
	array_init(&entries, pool);
	side->words = &words;
	if (side->ops->list(side, pool, &boxes, &err) == CV_OK)
		(void)side->ops->subscriptions(side, pool, &names, &err);
	for (size_t i = 0; i < names.count; i++)
		BUG_IF(strlen(names.items[i]) > SYNC_NAME_MAX);
	for (size_t i = 0; i < boxes.count && i < WALK_BOXES &&
	     !side->broken; i++) {
		struct sync_box box;

		BUG_IF(strlen(boxes.items[i].name) > SYNC_NAME_MAX);
		(void)side->ops->metadata(side, boxes.items[i].name, pool,
					  &entries, &err);
		if (!side->broken && side->ops->open(
				side, boxes.items[i].name, &box, &err) == CV_OK)
			walk_messages(side, pool, &err);
	}
	side->ops->close(&side);
	pool_destroy(&pool);
}
