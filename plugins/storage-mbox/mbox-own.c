/* mbox-own.c - the files of ours that belong to a folder; and which folder that
 * is by now, when another session has renamed or removed it.
 *
 * The lock file is the folder, whatever its name: who renames the folder does
 * so under the lock and writes the new name into the file, and who removes it
 * writes that.  A session that has it open finds there what has become of it.
 * INVARIANT: the lock comes after that of the account. */
#include "mbox.h"

#include <sys/mman.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 4096 };
static const char removed_mark = '\n';	/* in no name */

const char *mbox_own_path(char dst[256], const char *own, const char *kind)
{
	snprintf(dst, 256, "%s.%s", own, kind);
	return dst;
}

/* --- the lock ------------------------------------------------------------------------ */

static int wait_lock(struct cv_storage_root *root, int fd, const char *own,
		     struct cv_error *err)
{
	/* who may only read does not write our files either */
	bool reads = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
	struct flock lock = { .l_type = reads ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET };
	uint64_t deadline = cv_api->monotonic_msecs() +
		root->settings->mbox_lock_timeout;
	struct timespec pause = { .tv_nsec = 1000000 };

	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return common_fail(err, "lock", own);
		if (cv_api->monotonic_msecs() >= deadline)
			return CV_FAIL(err, CV_E_TIMEOUT, "'%s' is locked",
				       own);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 50 * 1000000)
			pause.tv_nsec *= 2;
	}
	return CV_OK;
}

int mbox_own_copy(struct cv_storage_root *root, const char *name)
{
	int to = memfd_create("mbox", MFD_CLOEXEC);
	int from = to < 0 ? -1 : MB_CALL(root, open, root->own_fd, name,
					 O_RDONLY, 0);
	char buffer[4096];
	uint64_t at = 0;
	ssize_t n = from < 0 ? 0 : 1;

	while (n > 0) {
		n = MB_CALL(root, pread, from, buffer, sizeof(buffer), at);
		if (n > 0 && pwrite(to, buffer, (size_t)n, (off_t)at) != n)
			n = -1;
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (from >= 0)
		mbox_close_fd(root, &from);
	if (n < 0)
		mbox_close_fd(root, &to);
	return to;
}

/* Where nothing can be written and nobody has been yet, nobody else is either:
 * any lock will do. */
static int open_lock(struct cv_storage_root *root, const char *own, int *fd_r,
		     bool *made_r, struct cv_error *err)
{
	char name[256];

	*fd_r = MB_CALL(root, open, root->own_fd,
			mbox_own_path(name, own, "lock"), O_RDWR | O_CREAT,
			0600);
	if (*fd_r < 0 && errno == EROFS)
		*fd_r = MB_CALL(root, open, root->own_fd, name, O_RDONLY, 0);
	*made_r = *fd_r < 0 && errno == ENOENT;
	if (*made_r)
		*fd_r = memfd_create("mbox", MFD_CLOEXEC);
	return *fd_r < 0 ? common_fail(err, "open", name) : CV_OK;
}

int mbox_own_open(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct stat st;
	int ret;

	if (folder->lock_fd != -1)
		return CV_OK;
	ret = open_lock(root, folder->own, &folder->lock_fd,
			&folder->lock_made, err);
	if (ret == CV_OK && MB_CALL(root, fstat, folder->lock_fd, &st) < 0) {
		ret = common_fail(err, "stat", folder->own);
		mbox_close_fd(root, &folder->lock_fd);
	}
	if (ret < 0)
		return ret;
	folder->lock_inode = st.st_ino;
	folder->lock_dev = st.st_dev;
	return CV_OK;
}

/* Is the lock file where it was?  Else the folder is another one by now, or
 * none; or somebody has removed our files. */
static int follow(struct cv_storage_folder *folder, bool *again_r,
		  struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char path[256], name[NAME_MAX_BYTES];
	struct stat st;
	ssize_t got;

	if (folder->lock_made)
		return CV_OK;
	mbox_own_path(path, folder->own, "lock");
	if (MB_CALL(root, stat, root->own_fd, path, &st) == 0 &&
	    st.st_ino == folder->lock_inode && st.st_dev == folder->lock_dev)
		return CV_OK;
	got = MB_CALL(root, pread, folder->lock_fd, name, sizeof(name), 0);
	if (got < 0)
		return common_fail(err, "read", path);
	if (got > 0 && name[0] == removed_mark)
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' was removed",
			       folder->path);
	*again_r = true;
	mbox_close_fd(root, &folder->fd);
	if (got > 0) {
		mbox_folder_name(folder, cv_span(name, (size_t)got));
		return CV_OK;
	}
	mbox_close_fd(root, &folder->lock_fd);
	mbox_close_fd(root, &folder->map_fd);
	folder->map_loaded = false;
	return CV_OK;
}

void mbox_own_unlock(struct cv_storage_folder *folder)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (folder->lock_fd != -1 && folder->depth == 0)
		(void)fcntl(folder->lock_fd, F_OFD_SETLK, &lock);
}

int mbox_own_lock(struct cv_storage_folder *folder, struct cv_error *err)
{
	bool again = true;
	int ret = CV_OK;

	if (folder->depth > 0)
		return CV_OK;
	for (int tries = 0; again && ret == CV_OK && tries < 100; tries++) {
		again = false;
		ret = mbox_own_open(folder, err);
		if (ret == CV_OK)
			ret = wait_lock(folder->root, folder->lock_fd,
					folder->own, err);
		if (ret == CV_OK)
			ret = follow(folder, &again, err);
	}
	if (ret == CV_OK && again)
		ret = CV_FAIL(err, CV_E_TEMP, "'%s' is renamed all the time",
			      folder->path);
	if (ret < 0)
		mbox_own_unlock(folder);
	return ret;
}

/* --- removing and renaming ------------------------------------------------------------- */

int mbox_own_hold(struct cv_storage_root *root, const char *own, int *fd_r,
		  struct cv_error *err)
{
	bool made;
	int ret = open_lock(root, own, fd_r, &made, err);

	if (ret == CV_OK)
		ret = wait_lock(root, *fd_r, own, err);
	if (ret < 0)
		mbox_close_fd(root, fd_r);
	return ret;
}

/* Each file of a folder's own, of every kind. */
static void each_own(struct cv_storage_root *root, const char *own,
		     const char *new_own)
{
	struct cv_io_dir *dir = MB_CALL(root, dir_open, root->own_fd, ".");
	size_t len = strlen(own);
	char to[512];
	const char *name;

	if (dir == NULL)
		return;
	while ((name = MBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		if (strncmp(name, own, len) != 0 || name[len] != '.')
			continue;
		snprintf(to, sizeof(to), "%s%s",
			 new_own == NULL ? "" : new_own, name + len);
		if (new_own == NULL)
			(void)MB_CALL(root, unlink, root->own_fd, name);
		else if (MB_CALL(root, rename, root->own_fd, name,
				 root->own_fd, to, false) < 0)
			mbox_log(CV_LOG_WARNING, "cannot rename '%s': %s",
				 name, strerror(errno));
	}
	(void)MBOX_API(root)->dir_close(&dir);
}

static void write_fate(struct cv_storage_root *root, int lock_fd,
		       struct cv_span text)
{
	if (MB_CALL(root, truncate, lock_fd, 0) < 0 ||
	    MB_CALL(root, pwrite, lock_fd, text.data, text.len, 0) < 0)
		mbox_log(CV_LOG_WARNING, "cannot write a lock file: %s",
			 strerror(errno));
}

void mbox_own_remove(struct cv_storage_root *root, const char *own,
		     int lock_fd)
{
	write_fate(root, lock_fd, cv_span(&removed_mark, 1));
	each_own(root, own, NULL);
}

int mbox_own_clear(struct cv_storage_root *root, const char *own,
		   struct cv_error *err)
{
	int fd, ret = mbox_own_hold(root, own, &fd, err);

	if (ret == CV_OK) {
		mbox_own_remove(root, own, fd);
		mbox_close_fd(root, &fd);
	}
	return ret;
}

void mbox_own_rename(struct cv_storage_root *root, const char *own,
		     int lock_fd, struct cv_span new_name,
		     const char *new_own)
{
	write_fate(root, lock_fd, new_name);
	each_own(root, own, new_own);
}
