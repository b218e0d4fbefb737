/* mailbox-watch.c - hearing that a mailbox has changed: what its account
 * commits, and what other programs do to its files. */
#include "mailbox-remote.h"
#include "mailbox-seen.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

/* What other programs change; -1: no more. */
static int open_watched(struct cv_mailbox *box, uint32_t index)
{
	const struct cv_storage *driver = box->store->driver;

	errno = 0;
	return driver->watch_open == NULL ? -1 :
		driver->watch_open(box->sf->blobs, index);
}

static void add_watch(int inotify, int fd)
{
	static const uint32_t events = IN_MODIFY | IN_CREATE | IN_DELETE |
		IN_MOVED_TO | IN_MOVED_FROM | IN_MOVE_SELF | IN_DELETE_SELF;
	char name[64];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	(void)inotify_add_watch(inotify, name, events);
}

int mailbox_watch_fd(struct cv_mailbox *box)
{
	int fd, watched;

	/* all changes are made there, ours too */
	if (box->store->driver->listen != NULL)
		return box->store->driver->listen(box->sf->blobs);
	fd = account_watch_fd(box->store->account);
	for (uint32_t i = 0; fd != -1 && !box->watched &&
	     (watched = open_watched(box, i)) >= 0; i++) {
		add_watch(fd, watched);
		(void)close(watched);
	}
	box->watched = true;
	return fd;
}

void mailbox_watch_clear(struct cv_mailbox *box)
{
	account_watch_clear(box->store->account);
	box->checked_at = 0;	/* the next sync looks at the store, too */
}

static int open_local(struct cv_mailbox *box, int *fds_r, uint32_t room,
		      uint32_t *count_r, struct cv_error *err)
{
	int fd;

	*count_r = 0;
	if ((box->store->driver->caps & CV_STORAGE_REMOTE) != 0)
		return FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s' is watched "
			    "by this process alone", box->name);
	fd = account_watch_open(box->store->account);
	for (uint32_t i = 0; fd >= 0 && *count_r < room; i++) {
		fds_r[(*count_r)++] = fd;
		fd = open_watched(box, i);
	}
	if (fd >= 0)
		(void)close(fd);
	else if (*count_r > 0 && errno == 0)
		return CV_OK;
	while (*count_r > 0)
		(void)close(fds_r[--*count_r]);
	return FAIL_ERRNO(err, errno, "mailbox '%s' cannot be watched",
			  box->name);
}

/* What the reader has seen of it lies in the reader's account. */
static int open_seen(struct cv_mailbox *box, int *fds_r, uint32_t room,
		     uint32_t *count_r, struct cv_error *err)
{
	struct store *store = box->seen == NULL ? NULL : box->seen->store;
	int fd;

	if (store == NULL || store->account == NULL ||
	    store == box->store || *count_r == room)
		return CV_OK;
	fd = account_watch_open(store->account);
	if (fd >= 0) {
		fds_r[(*count_r)++] = fd;
		return CV_OK;
	}
	while (*count_r > 0)
		(void)close(fds_r[--*count_r]);
	return FAIL(err, CV_E_UNSUPPORTED, "what was seen of mailbox '%s' is "
		    "watched by this process alone", box->name);
}

int mailbox_watch_open(struct cv_mailbox *box, int *fds_r, uint32_t room,
		       uint32_t *count_r, struct cv_error *err)
{
	int ret = box->remote != NULL ?
		remote_watch_open(box, fds_r, room, count_r, err) :
		open_local(box, fds_r, room, count_r, err);

	return ret == CV_OK ? open_seen(box, fds_r, room, count_r, err) : ret;
}
