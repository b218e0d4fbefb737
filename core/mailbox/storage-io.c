/* storage-io.c - the I/O port as blob drivers see it: struct cv_io is core's
 * struct io. */
#include "user.h"

#include <errno.h>

static struct io *port(struct cv_io *io) { return (struct io *)io; }

static int api_open(struct cv_io *io, int dirfd, const char *name, int flags,
		    mode_t mode)
{
	return io_open(port(io), dirfd, name, flags, mode);
}

static void api_close(struct cv_io *io, int fd)
{
	int saved = errno;

	io_close(port(io), fd);
	errno = saved;
}

static ssize_t api_pread(struct cv_io *io, int fd, void *data, size_t len,
			 uint64_t offset)
{
	return io_pread_full(port(io), fd, data, len, offset);
}

static int api_pwrite(struct cv_io *io, int fd, const void *data, size_t len,
		      uint64_t offset)
{
	return io_pwrite(port(io), fd, data, len, offset);
}

static int api_fdatasync(struct cv_io *io, int fd)
{
	return io_fdatasync(port(io), fd);
}

static int api_fsync(struct cv_io *io, int fd)
{
	return io_fsync(port(io), fd);
}

static int api_rename(struct cv_io *io, int from_dirfd, const char *from,
		      int to_dirfd, const char *to, bool exclusive)
{
	return exclusive ?
		io_rename_new(port(io), from_dirfd, from, to_dirfd, to) :
		io_rename(port(io), from_dirfd, from, to_dirfd, to);
}

static int api_link(struct cv_io *io, int from_dirfd, const char *from,
		    int to_dirfd, const char *to)
{
	return io_link(port(io), from_dirfd, from, to_dirfd, to);
}

static int api_unlink(struct cv_io *io, int dirfd, const char *name)
{
	return io_unlink(port(io), dirfd, name);
}

static int api_rmdir(struct cv_io *io, int dirfd, const char *name)
{
	return io_rmdir(port(io), dirfd, name);
}

static int api_mkdir(struct cv_io *io, int dirfd, const char *name,
		     mode_t mode)
{
	return io_mkdir(port(io), dirfd, name, mode);
}

static int api_fstat(struct cv_io *io, int fd, struct stat *st)
{
	return io_fstat(port(io), fd, st);
}

static int api_stat(struct cv_io *io, int dirfd, const char *name,
		    struct stat *st)
{
	return io_stat(port(io), dirfd, name, st);
}

static int api_set_times(struct cv_io *io, int fd, int64_t seconds)
{
	struct timespec ts[2] = {
		{ .tv_sec = seconds }, { .tv_sec = seconds },
	};

	return io_set_times(port(io), fd, ts);
}

static struct cv_io_dir *api_dir_open(struct cv_io *io, int dirfd,
				      const char *name)
{
	return (struct cv_io_dir *)io_dir_open(port(io), dirfd, name);
}

static const char *api_dir_next(struct cv_io_dir *dir, unsigned char *type)
{
	return io_dir_next((struct io_dir *)dir, type);
}

static int api_dir_close(struct cv_io_dir **dir)
{
	struct io_dir *d = (struct io_dir *)*dir;

	*dir = NULL;
	return io_dir_close(&d);
}

static int api_truncate(struct cv_io *io, int fd, uint64_t size)
{
	return io_truncate(port(io), fd, size);
}

static int api_lock(struct cv_io *io, int fd, int type, uint32_t wait_msecs)
{
	return io_lock(port(io), fd, type, wait_msecs == 0 ? 0 :
		       time_monotonic_msecs() + wait_msecs);
}

static int api_preallocate(struct cv_io *io, int fd, uint64_t offset,
			   uint64_t len)
{
	return io_preallocate(port(io), fd, offset, len);
}

static void api_write_back(struct cv_io *io, int fd)
{
	io_write_back(port(io), fd);
}

const struct cv_io_api storage_io_api = {
	CV_SIZED(cv_io_api),
	.open = api_open,
	.close = api_close,
	.pread = api_pread,
	.pwrite = api_pwrite,
	.fdatasync = api_fdatasync,
	.fsync = api_fsync,
	.rename = api_rename,
	.link = api_link,
	.unlink = api_unlink,
	.rmdir = api_rmdir,
	.mkdir = api_mkdir,
	.fstat = api_fstat,
	.stat = api_stat,
	.set_times = api_set_times,
	.dir_open = api_dir_open,
	.dir_next = api_dir_next,
	.dir_close = api_dir_close,
	.truncate = api_truncate,
	.lock = api_lock,
	.preallocate = api_preallocate,
	.write_back = api_write_back,
};
