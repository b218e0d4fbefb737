/* maildir-lock.c - dot locks as Dovecot makes them: a file NAME.lock, made
 * exclusively, that goes stale.  Ours are only taken under the account's lock:
 * one that is found there was left by a process that died. */
#include "maildir.h"

#include <poll.h>

enum { LOCK_STALE_SECONDS = 120, LOCK_TRIES = 100, LOCK_STEP_MSECS = 20,
       LOCK_EMPTY_TRIES = 4 };

static const char ours[] = "culver\n";

/* Dovecot writes its process id at once: one that stays empty is left from a
 * power cut. */
static bool is_ours(struct cv_storage_root *root, int dirfd, const char *path,
		    int *empty)
{
	char text[sizeof(ours)];
	ssize_t got;
	int fd = MD_CALL(root, open, dirfd, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return false;
	got = MD_CALL(root, pread, fd, text, sizeof(text), 0);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	if (got == 0)
		return ++*empty >= LOCK_EMPTY_TRIES;
	return got == sizeof(ours) - 1 &&
		memcmp(text, ours, sizeof(ours) - 1) == 0;
}

static bool is_stale(struct cv_storage_root *root, int dirfd,
		     const char *path, int *empty)
{
	struct stat st;

	return is_ours(root, dirfd, path, empty) ||
		(MD_CALL(root, stat, dirfd, path, &st) == 0 &&
		 time(NULL) - st.st_mtim.tv_sec > LOCK_STALE_SECONDS);
}

bool maildir_lock(struct cv_storage_root *root, int dirfd, const char *name)
{
	char path[MAILDIR_PATH_MAX];
	int empty = 0;

	snprintf(path, sizeof(path), "%s.lock", name);
	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = MD_CALL(root, open, dirfd, path,
				 O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (fd >= 0) {
			(void)MD_CALL(root, pwrite, fd, ours,
				      sizeof(ours) - 1, 0);
			MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
			return true;
		}
		if (errno != EEXIST)
			return false;
		if (is_stale(root, dirfd, path, &empty))
			(void)MD_CALL(root, unlink, dirfd, path);
		else
			(void)poll(NULL, 0, LOCK_STEP_MSECS);
	}
	errno = EAGAIN;
	return false;
}

void maildir_unlock(struct cv_storage_root *root, int dirfd, const char *name)
{
	char path[MAILDIR_PATH_MAX];

	snprintf(path, sizeof(path), "%s.lock", name);
	(void)MD_CALL(root, unlink, dirfd, path);
}
