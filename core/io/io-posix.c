/* io-posix.c - the system calls themselves. */
#include "io.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define RETRY(result, call) do { \
	(result) = (call); \
} while ((result) < 0 && errno == EINTR)

static int posix_open(struct io *io, int dirfd, const char *name, int flags,
		      mode_t mode)
{
	int fd;

	(void)io;
	/* O_NONBLOCK: a FIFO in place of a file must not stop us [F1] */
	RETRY(fd, openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW |
			 O_NONBLOCK | O_NOCTTY, mode));
	return fd;
}

static int posix_close(struct io *io, int fd)
{
	int saved = errno, result;

	(void)io;
	result = close(fd);
	errno = saved;
	return result;
}

static ssize_t posix_pread(struct io *io, int fd, void *data, size_t len,
			   uint64_t offset)
{
	ssize_t result;

	(void)io;
	RETRY(result, pread(fd, data, len, (off_t)offset));
	return result;
}

static ssize_t posix_pwritev(struct io *io, int fd, const struct iovec *vec,
			     int count, uint64_t offset)
{
	ssize_t result;

	(void)io;
	if (count == 1) {
		RETRY(result, pwrite(fd, vec->iov_base, vec->iov_len,
				     (off_t)offset));
		return result;
	}
	RETRY(result, pwritev(fd, vec, count, (off_t)offset));
	return result;
}

static ssize_t posix_append(struct io *io, int fd, const void *data,
			    size_t len)
{
	ssize_t result;

	(void)io;
	RETRY(result, write(fd, data, len));
	return result;
}

static int posix_fdatasync(struct io *io, int fd)
{
	int result;

	(void)io;
	RETRY(result, fdatasync(fd));
	return result;
}

static void posix_write_back(struct io *io, int fd)
{
	(void)io;
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int posix_fsync(struct io *io, int fd)
{
	int result;

	(void)io;
	RETRY(result, fsync(fd));
	return result;
}

static int posix_rename(struct io *io, int from_dirfd, const char *from,
			int to_dirfd, const char *to, unsigned int flags)
{
	(void)io;
	return flags == 0 ? renameat(from_dirfd, from, to_dirfd, to) :
		renameat2(from_dirfd, from, to_dirfd, to, flags);
}

static int posix_link(struct io *io, int from_dirfd, const char *from,
		      int to_dirfd, const char *to)
{
	(void)io;
	return linkat(from_dirfd, from, to_dirfd, to, 0);
}

static int posix_unlink(struct io *io, int dirfd, const char *name, int flags)
{
	(void)io;
	return unlinkat(dirfd, name, flags);
}

static int posix_mkdir(struct io *io, int dirfd, const char *name,
		       mode_t mode)
{
	(void)io;
	return mkdirat(dirfd, name, mode);
}

static int posix_fstat(struct io *io, int fd, struct stat *st)
{
	(void)io;
	return fstat(fd, st);
}

static int posix_stat(struct io *io, int dirfd, const char *name,
		      struct stat *st)
{
	(void)io;
	return fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW);
}

static int posix_truncate(struct io *io, int fd, uint64_t size)
{
	int result;

	(void)io;
	RETRY(result, ftruncate(fd, (off_t)size));
	return result;
}

static int posix_preallocate(struct io *io, int fd, int mode, uint64_t offset,
			   uint64_t len)
{
	int result;

	(void)io;
	RETRY(result, fallocate(fd, mode, (off_t)offset, (off_t)len));
	return result;
}

static int posix_set_times(struct io *io, int fd,
			   const struct timespec ts[2])
{
	(void)io;
	return futimens(fd, ts);
}

static int posix_set_mode(struct io *io, int fd, mode_t mode)
{
	(void)io;
	return fchmod(fd, mode);
}

static int posix_set_owner(struct io *io, int fd, uid_t uid, gid_t gid)
{
	(void)io;
	return fchown(fd, uid, gid);
}

static int posix_lock(struct io *io, int fd, int type)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET };
	int result;

	(void)io;
	/* OFD: survives the closing of another descriptor of the same file,
	 * unlike the older POSIX locks */
	RETRY(result, fcntl(fd, F_OFD_SETLK, &lock));
	if (result < 0 && errno == EACCES)
		errno = EAGAIN;
	return result;
}

static const struct io_ops posix_ops = {
	.open = posix_open,
	.close = posix_close,
	.pread = posix_pread,
	.pwritev = posix_pwritev,
	.append = posix_append,
	.fdatasync = posix_fdatasync,
	.fsync = posix_fsync,
	.write_back = posix_write_back,
	.rename = posix_rename,
	.link = posix_link,
	.unlink = posix_unlink,
	.mkdir = posix_mkdir,
	.fstat = posix_fstat,
	.stat = posix_stat,
	.truncate = posix_truncate,
	.fallocate = posix_preallocate,
	.set_times = posix_set_times,
	.set_mode = posix_set_mode,
	.set_owner = posix_set_owner,
	.lock = posix_lock,
};

struct io *io_posix(void)
{
	static struct io posix = { .ops = &posix_ops };

	return &posix;
}
