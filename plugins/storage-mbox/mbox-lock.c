/* mbox-lock.c - the locks that all programs agree on, more or less: fcntl,
 * flock, and a file FILE.lock beside the mbox, in the configured order. */
#include "mbox.h"

#include <sys/file.h>
#include <sys/fsuid.h>
#include <unistd.h>

enum { MBOX_LOCK_PAUSE_MAX = 100 };

struct wait {
	uint64_t deadline;
	uint32_t pause;
};

static bool may_wait(struct wait *wait)
{
	struct timespec ts = { .tv_nsec = (long)wait->pause * 1000000 };

	if (cv_api->monotonic_msecs() >= wait->deadline)
		return false;
	nanosleep(&ts, NULL);
	if (wait->pause < MBOX_LOCK_PAUSE_MAX)
		wait->pause += wait->pause + 1;
	return true;
}

/* --- the privileged group --------------------------------------------------------- */

/* The saved group of a session is mail_privileged_group.  It is taken for
 * one system call, when without it there is no permission. */
static bool take_group(const char *path)
{
	gid_t real, effective, saved;

	/* what INBOX= names, never anything in the user's own tree */
	if (path[0] != '/' || getresgid(&real, &effective, &saved) < 0 ||
	    saved == effective)
		return false;
	(void)setfsgid(saved);
	return true;
}

int mbox_open_spool(struct cv_storage_root *root, const char *path,
		    int flags, mode_t mode)
{
	int fd = MB_CALL(root, open, root->fd, path, flags, mode);

	if (fd >= 0 || errno != EACCES || !take_group(path))
		return fd;
	fd = MB_CALL(root, open, root->fd, path, flags, mode);
	(void)setfsgid(getegid());
	return fd;
}

static int unlink_spool(struct cv_storage_root *root, const char *path)
{
	int ret = MB_CALL(root, unlink, root->fd, path);

	if (ret == 0 || errno != EACCES || !take_group(path))
		return ret;
	ret = MB_CALL(root, unlink, root->fd, path);
	(void)setfsgid(getegid());
	return ret;
}

/* --- the lock file --------------------------------------------------------------- */

/* Where the lock file is: beside what the path leads to. */
static void dotlock_path(struct cv_storage_folder *folder, char dst[4096])
{
	snprintf(dst, 4096, "%s.lock", folder->path);
}

/* What says that a lock file is one of this folder's, made by us. */
static void dotlock_text(struct cv_storage_folder *folder, char text[400])
{
	struct cv_storage_root *root = folder->root;
	struct stat st;

	if (root->own_inode == 0 &&
	    MB_CALL(root, fstat, root->own_fd, &st) == 0)
		root->own_inode = st.st_ino;
	snprintf(text, 400, ":%.64s culver:%llu:%s\n",
		 root->config->hostname,
		 (unsigned long long)root->own_inode, folder->own);
}

/* We hold the map's lock: another process of ours that made this lock file
 * has died. */
static bool is_ours(struct cv_storage_folder *folder, const char *path)
{
	struct cv_storage_root *root = folder->root;
	char text[500], own[400], *colon;
	ssize_t got = 0;
	int fd = MB_CALL(root, open, root->fd, path, O_RDONLY, 0);

	if (fd >= 0)
		got = MB_CALL(root, pread, fd, text, sizeof(text) - 1, 0);
	mbox_close_fd(root, &fd);
	if (got <= 0 || folder->depth == 0)
		return false;
	text[got] = '\0';
	colon = strchr(text, ':');
	dotlock_text(folder, own);
	return colon != NULL && strcmp(colon, own) == 0;
}

/* A lock that nobody has renewed, on an mbox that nobody has changed, is one
 * that was left behind. */
static bool is_stale(struct cv_storage_folder *folder, const char *path,
		     struct stat *seen, uint64_t *since)
{
	struct cv_storage_root *root = folder->root;
	struct stat st, box;
	uint64_t now = cv_api->monotonic_msecs();

	if (MB_CALL(root, stat, root->fd, path, &st) < 0)
		return false;
	if (is_ours(folder, path))
		return true;
	if (folder->fd != -1 && MB_CALL(root, fstat, folder->fd, &box) == 0 &&
	    box.st_mtim.tv_sec > st.st_mtim.tv_sec)
		st.st_mtim = box.st_mtim;
	if (seen->st_ino != st.st_ino ||
	    seen->st_mtim.tv_sec != st.st_mtim.tv_sec) {
		*seen = st;
		*since = now;
		return false;
	}
	return now - *since >= root->settings->mbox_dotlock_change_timeout ||
		time(NULL) - st.st_mtim.tv_sec >= (int64_t)
		(root->settings->mbox_dotlock_change_timeout / 1000);
}

static int dotlock(struct cv_storage_folder *folder, struct wait *wait,
		   struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct stat seen = { 0 };
	uint64_t since = 0;
	char path[4096], text[500];
	int len;
	int fd;

	dotlock_path(folder, path);
	while ((fd = mbox_open_spool(root, path, O_WRONLY | O_CREAT | O_EXCL,
				     0644)) < 0) {
		if (errno != EEXIST)
			return common_fail(err, "create", path);
		if (is_stale(folder, path, &seen, &since)) {
			mbox_log(CV_LOG_WARNING, "'%s' was left behind by "
				 "another program, and is removed", path);
			(void)unlink_spool(root, path);
			seen.st_ino = 0;
			continue;
		}
		if (!may_wait(wait))
			return CV_FAIL(err, CV_E_TIMEOUT, "'%s' is held by "
				       "another program", path);
	}
	len = snprintf(text, sizeof(text), "%ld", (long)getpid());
	dotlock_text(folder, text + len);
	(void)MB_CALL(root, pwrite, fd, text, strlen(text), 0);
	mbox_close_fd(root, &fd);
	folder->dotlocked = true;
	return CV_OK;
}

/* --- locks on the file -------------------------------------------------------------- */

static int fcntl_lock(struct cv_storage_folder *folder, bool write,
		      struct wait *wait, struct cv_error *err)
{
	struct flock lock = {
		.l_type = write ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET,
	};

	while (fcntl(folder->fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return common_fail(err, "lock (fcntl)", folder->path);
		if (!may_wait(wait))
			return CV_FAIL(err, CV_E_TIMEOUT, "'%s' is locked by "
				       "another program (fcntl)",
				       folder->path);
	}
	return CV_OK;
}

static int flock_lock(struct cv_storage_folder *folder, bool write,
		      struct wait *wait, struct cv_error *err)
{
	while (flock(folder->fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return common_fail(err, "lock (flock)", folder->path);
		if (!may_wait(wait))
			return CV_FAIL(err, CV_E_TIMEOUT, "'%s' is locked by "
				       "another program (flock)",
				       folder->path);
	}
	return CV_OK;
}

/* The client only learns that it may not: the rest is the administrator's. */
static int must_dotlock(struct cv_storage_folder *folder, struct wait *wait,
			struct cv_error *err)
{
	int ret = dotlock(folder, wait, err);

	/* who waits a short time only comes again */
	if (ret == CV_E_ACCESS && folder->patience == 0)
		mbox_log(CV_LOG_ERROR, "cannot create '%s.lock': no "
			 "permission: set mail_privileged_group to the group "
			 "of its directory, or take dotlock out of "
			 "mbox_write_locks", folder->path);
	return ret;
}

static int lock_one(struct cv_storage_folder *folder, const char *method,
		    bool write, struct wait *wait, struct cv_error *err)
{
	if (strcmp(method, "fcntl") == 0)
		return fcntl_lock(folder, write && !folder->readonly, wait,
				  err);
	if (strcmp(method, "flock") == 0)
		return flock_lock(folder, write, wait, err);
	if (strcmp(method, "dotlock_try") == 0) {
		/* where the directory cannot be written the others do */
		int ret = dotlock(folder, wait, err);

		return ret == CV_E_ACCESS ? CV_OK : ret;
	}
	return must_dotlock(folder, wait, err);
}

static int open_box(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct stat st;

	folder->readonly = false;
	folder->fd = MB_CALL(root, open, root->fd, folder->path, O_RDWR, 0);
	if (folder->fd < 0 && (errno == EACCES || errno == EROFS ||
			       errno == EPERM)) {
		folder->readonly = true;
		folder->fd = MB_CALL(root, open, root->fd, folder->path,
				     O_RDONLY, 0);
	}
	if (folder->fd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", folder->path);
	if (MB_CALL(root, fstat, folder->fd, &st) < 0 ||
	    !S_ISREG(st.st_mode)) {
		mbox_close_fd(root, &folder->fd);
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' is no regular file",
			       folder->path);
	}
	folder->inode = st.st_ino;
	folder->dev = st.st_dev;
	return CV_OK;
}

/* Is what we have open what others find under the name? */
static int is_current(struct cv_storage_folder *folder, bool *current_r,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct stat st;

	*current_r = true;
	if (MB_CALL(root, stat, root->fd, folder->path, &st) < 0) {
		if (errno != ENOENT)
			return common_fail(err, "stat", folder->path);
		*current_r = false;
	} else if (!S_ISLNK(st.st_mode)) {
		*current_r = st.st_ino == folder->inode &&
			st.st_dev == folder->dev;
	}
	return CV_OK;
}

int mbox_lock(struct cv_storage_folder *folder, bool write,
	      struct cv_error *err)
{
	const struct mbox_settings *set = folder->root->settings;
	const struct cv_strings *methods = write ? &set->mbox_write_locks :
		&set->mbox_read_locks;
	struct wait wait = {
		cv_api->monotonic_msecs() + (folder->patience != 0 ?
			folder->patience : set->mbox_lock_timeout), 1,
	};
	bool current = false;
	int ret = CV_OK;

	for (int tries = 0; tries < 10; tries++) {
		if (folder->fd == -1)
			ret = open_box(folder, err);
		if (ret == CV_OK && write && folder->readonly)
			ret = CV_FAIL(err, CV_E_ACCESS, "'%s' cannot be "
				      "written", folder->path);
		for (uint32_t i = 0; ret == CV_OK && i < methods->count; i++)
			ret = lock_one(folder, methods->items[i], write,
				       &wait, err);
		folder->locked = true;
		if (ret == CV_OK)
			ret = is_current(folder, &current, err);
		if (ret != CV_OK || current)
			break;
		mbox_unlock(folder);
		mbox_close_fd(folder->root, &folder->fd);
	}
	if (ret == CV_OK && !current)
		ret = CV_FAIL(err, CV_E_TEMP, "'%s' is replaced all the time",
			      folder->path);
	if (ret != CV_OK)
		mbox_unlock(folder);
	return ret;
}

void mbox_unlock(struct cv_storage_folder *folder)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	char path[4096];

	if (folder->fd != -1 && folder->locked) {
		(void)fcntl(folder->fd, F_OFD_SETLK, &lock);
		(void)flock(folder->fd, LOCK_UN);
	}
	if (folder->dotlocked) {
		dotlock_path(folder, path);
		if (unlink_spool(folder->root, path) < 0 && errno != ENOENT)
			mbox_log(CV_LOG_WARNING, "cannot remove '%s': %s",
				 path, strerror(errno));
	}
	folder->dotlocked = false;
	folder->locked = false;
}
