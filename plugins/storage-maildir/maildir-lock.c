/* maildir-lock.c - dot locks as Dovecot makes them: a file NAME.lock, made
 * exclusively, that goes stale.  Ours are only taken under the account's lock:
 * one that is found there was left by a process that died.
 *
 * In the file is "PID:HOST", which lets Dovecot take over the lock of a process
 * that is gone without waiting.  A zero before the PID, which counts for
 * nothing there, tells our locks from Dovecot's. */
#include "maildir.h"

#include <ctype.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum { LOCK_STALE_SECONDS = 120, LOCK_TRIES = 100, LOCK_STEP_MSECS = 20,
       LOCK_EMPTY_TRIES = 4, LOCK_TEXT_MAX = HOST_NAME_MAX + 32 };

static int lock_text(char *text)
{
	char host[HOST_NAME_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	return snprintf(text, LOCK_TEXT_MAX, "0%ld:%s", (long)getpid(), host);
}

/* "culver" stands in those of our older versions. */
static bool is_our_text(const char *text, size_t len)
{
	return cv_span_begins(cv_span(text, len), CV_SPAN("culver\n")) ||
		(len >= 2 && text[0] == '0' &&
		 isdigit((unsigned char)text[1]) != 0);
}

/* Dovecot writes its process id at once: one that stays empty is left from a
 * power cut. */
static bool is_ours(struct cv_storage_root *root, int dirfd, const char *path,
		    int *empty)
{
	char text[LOCK_TEXT_MAX];
	ssize_t got;
	int fd = MD_CALL(root, open, dirfd, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return false;
	got = MD_CALL(root, pread, fd, text, sizeof(text), 0);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	if (got == 0)
		return ++*empty >= LOCK_EMPTY_TRIES;
	return got > 0 && is_our_text(text, (size_t)got);
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
	char path[MAILDIR_PATH_MAX], text[LOCK_TEXT_MAX];
	int empty = 0, len = lock_text(text);

	snprintf(path, sizeof(path), "%s.lock", name);
	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = MD_CALL(root, open, dirfd, path,
				 O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (fd >= 0) {
			if (len > 0)
				(void)MD_CALL(root, pwrite, fd, text,
					      (size_t)len, 0);
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
