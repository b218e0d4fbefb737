/* io-readonly.c - refuses whatever would change something. */
#include "io-readonly.h"

#include <errno.h>

static int refuse(void)
{
	errno = EROFS;
	return -1;
}

static int readonly_open(struct io *io, int dirfd, const char *name,
			 int flags, mode_t mode)
{
	struct stat st;

	(void)io;
	/* that it is not there comes first */
	if ((flags & O_ACCMODE) != O_RDONLY ||
	    (flags & (O_CREAT | O_TRUNC)) != 0)
		return (flags & O_CREAT) == 0 &&
			io_stat(io_posix(), dirfd, name, &st) < 0 ? -1 :
			refuse();
	return io_open(io_posix(), dirfd, name, flags, mode);
}

static int readonly_close(struct io *io, int fd)
{
	(void)io;
	return io_posix()->ops->close(io_posix(), fd);
}

static ssize_t readonly_pread(struct io *io, int fd, void *data, size_t len,
			      uint64_t offset)
{
	(void)io;
	return io_pread(io_posix(), fd, data, len, offset);
}

static ssize_t readonly_pwritev(struct io *io, int fd,
				const struct iovec *vec, int count,
				uint64_t offset)
{
	(void)io; (void)fd; (void)vec; (void)count; (void)offset;
	return refuse();
}

static ssize_t readonly_append(struct io *io, int fd, const void *data,
			       size_t len)
{
	(void)io; (void)fd; (void)data; (void)len;
	return refuse();
}

static int readonly_sync(struct io *io, int fd)
{
	(void)io; (void)fd;
	return 0;
}

static int readonly_rename(struct io *io, int from_dirfd, const char *from,
			   int to_dirfd, const char *to, unsigned int flags)
{
	(void)io; (void)from_dirfd; (void)from; (void)to_dirfd; (void)to;
	(void)flags;
	return refuse();
}

static int readonly_link(struct io *io, int from_dirfd, const char *from,
			 int to_dirfd, const char *to)
{
	(void)io; (void)from_dirfd; (void)from; (void)to_dirfd; (void)to;
	return refuse();
}

static int readonly_unlink(struct io *io, int dirfd, const char *name,
			   int flags)
{
	(void)io; (void)dirfd; (void)name; (void)flags;
	return refuse();
}

static int readonly_mkdir(struct io *io, int dirfd, const char *name,
			  mode_t mode)
{
	struct stat st;

	(void)io; (void)mode;
	/* that it is there comes first */
	if (io_stat(io_posix(), dirfd, name, &st) < 0)
		return refuse();
	errno = EEXIST;
	return -1;
}

static int readonly_fstat(struct io *io, int fd, struct stat *st)
{
	(void)io;
	return io_fstat(io_posix(), fd, st);
}

static int readonly_stat(struct io *io, int dirfd, const char *name,
			 struct stat *st)
{
	(void)io;
	return io_posix()->ops->stat(io_posix(), dirfd, name, st);
}

static int readonly_truncate(struct io *io, int fd, uint64_t size)
{
	(void)io; (void)fd; (void)size;
	return refuse();
}

static int readonly_fallocate(struct io *io, int fd, int mode,
			      uint64_t offset, uint64_t len)
{
	(void)io; (void)fd; (void)mode; (void)offset; (void)len;
	return refuse();
}

static int readonly_set_times(struct io *io, int fd,
			      const struct timespec ts[2])
{
	(void)io; (void)fd; (void)ts;
	return refuse();
}

static int readonly_set_mode(struct io *io, int fd, mode_t mode)
{
	(void)io; (void)fd; (void)mode;
	return refuse();
}

static int readonly_set_owner(struct io *io, int fd, uid_t uid, gid_t gid)
{
	(void)io; (void)fd; (void)uid; (void)gid;
	return refuse();
}

/* Nobody else is kept from anything: what is read may change meanwhile, which
 * readers must bear anyway. */
static int readonly_lock(struct io *io, int fd, int type)
{
	(void)io;
	return type == F_WRLCK ? refuse() :
		io_posix()->ops->lock(io_posix(), fd, type);
}

static const struct io_ops readonly_ops = {
	.open = readonly_open,
	.close = readonly_close,
	.pread = readonly_pread,
	.pwritev = readonly_pwritev,
	.append = readonly_append,
	.fdatasync = readonly_sync,
	.fsync = readonly_sync,
	.rename = readonly_rename,
	.link = readonly_link,
	.unlink = readonly_unlink,
	.mkdir = readonly_mkdir,
	.fstat = readonly_fstat,
	.stat = readonly_stat,
	.truncate = readonly_truncate,
	.fallocate = readonly_fallocate,
	.set_times = readonly_set_times,
	.set_mode = readonly_set_mode,
	.set_owner = readonly_set_owner,
	.lock = readonly_lock,
};

struct io *io_readonly(void)
{
	static struct io readonly = { .ops = &readonly_ops };

	return &readonly;
}
