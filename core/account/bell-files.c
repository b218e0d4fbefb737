/* bell-files.c - a bell for accounts in local files: inotify on their
 * directory, where every commit and every new generation is an event. */
#include "bell.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

struct bell_files {
	struct bell bell;
	struct io *io;
	int dirfd;
	char *path;
	int fd;			/* -1: nobody has asked yet */
};

static struct bell_files *bell_of(struct bell *bell)
{
	return (struct bell_files *)bell;
}

static void bell_files_close(struct bell *bell)
{
	struct bell_files *b = bell_of(bell);

	io_close(b->io, b->fd);
	free(b->path);
	free(b);
}

static void bell_files_ring(struct bell *bell, uint64_t txn)
{
	/* the write was heard already */
	(void)bell;
	(void)txn;
}

/* inotify takes no descriptor of a directory. */
static int add_watch(struct bell_files *b, int fd)
{
	static const uint32_t events = IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR;
	char by_fd[64];

	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", b->dirfd);
	return inotify_add_watch(fd, b->path[0] == '/' ? b->path : by_fd,
				 events);
}

static int bell_files_watch(struct bell *bell)
{
	struct bell_files *b = bell_of(bell);
	int fd;

	if (b->fd != -1)
		return b->fd;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -1;
	if (add_watch(b, fd) < 0) {
		io_close(b->io, fd);
		return -1;
	}
	b->fd = fd;
	return fd;
}

static void bell_files_clear(struct bell *bell)
{
	char events[4096] __attribute__((aligned(8)));

	if (bell_of(bell)->fd == -1)
		return;
	while (read(bell_of(bell)->fd, events, sizeof(events)) > 0)
		;
}

static int bell_files_place(struct bell *bell)
{
	return openat(bell_of(bell)->dirfd, ".", O_PATH | O_DIRECTORY |
		      O_CLOEXEC);
}

static const struct bell_ops bell_files_ops = {
	.close = bell_files_close,
	.ring = bell_files_ring,
	.watch = bell_files_watch,
	.clear = bell_files_clear,
	.place = bell_files_place,
};

struct bell *bell_files_open(struct io *io, int dirfd, const char *where)
{
	struct bell_files *b = calloc(1, sizeof(*b));
	char *path = strdup(where);

	if (b == NULL || path == NULL) {
		free(b);
		free(path);
		return NULL;
	}
	b->bell.ops = &bell_files_ops;
	b->io = io;
	b->dirfd = dirfd;
	b->path = path;
	b->fd = -1;
	return &b->bell;
}
