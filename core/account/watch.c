/* watch.c - the bell: a descriptor that wakes us when others commit. */
#include "account-private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int account_watch_fd(struct account *account)
{
	char by_fd[64];
	const char *path = account->dir;
	int fd;

	if (account->watch_fd != -1)
		return account->watch_fd;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -1;
	/* the directory, not the journal: rotation begins another file */
	if (path[0] != '/') {
		(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d",
			       account->dirfd);
		path = by_fd;
	}
	if (inotify_add_watch(fd, path, IN_MODIFY | IN_MOVED_TO |
			      IN_ONLYDIR) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	account->watch_fd = fd;
	return fd;
}

void account_watch_clear(struct account *account)
{
	char events[4096] __attribute__((aligned(8)));

	if (account->watch_fd == -1)
		return;
	while (read(account->watch_fd, events, sizeof(events)) > 0)
		;
}
