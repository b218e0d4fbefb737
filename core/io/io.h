/* io.h - the I/O port: every operation on mail data goes through it.
 *
 * A struct io is a table of operations.  io_posix() makes the system call
 * and nothing else; io_fault_create (io-fault.h) fails, shortens or dies at
 * a chosen operation; io_record_create (io-record.h) writes down what was
 * done, so that crash states can be replayed.
 *
 * The operations behave as the system calls they are named after: -1 and
 * errno at failure.  EINTR is retried inside.  Descriptors are real ones in
 * all implementations, so mmap and sendfile work on them; they are closed
 * with io_close only.
 *
 * Names are relative to a directory descriptor.  A final component that is a
 * symbolic link is never followed. */
#ifndef IO_H
#define IO_H

#include "base.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

struct io;

struct io_ops {
	int (*open)(struct io *io, int dirfd, const char *name, int flags,
		    mode_t mode);
	int (*close)(struct io *io, int fd);
	ssize_t (*pread)(struct io *io, int fd, void *data, size_t len,
			 uint64_t offset);
	ssize_t (*pwritev)(struct io *io, int fd, const struct iovec *vec,
			   int count, uint64_t offset);
	ssize_t (*append)(struct io *io, int fd, const void *data,
			  size_t len);
	int (*fdatasync)(struct io *io, int fd);
	int (*fsync)(struct io *io, int fd);
	void (*write_back)(struct io *io, int fd);
	int (*rename)(struct io *io, int from_dirfd, const char *from,
		      int to_dirfd, const char *to, unsigned int flags);
	int (*link)(struct io *io, int from_dirfd, const char *from,
		    int to_dirfd, const char *to);
	int (*unlink)(struct io *io, int dirfd, const char *name, int flags);
	int (*mkdir)(struct io *io, int dirfd, const char *name, mode_t mode);
	int (*fstat)(struct io *io, int fd, struct stat *st);
	int (*stat)(struct io *io, int dirfd, const char *name,
		    struct stat *st);
	int (*truncate)(struct io *io, int fd, uint64_t size);
	int (*fallocate)(struct io *io, int fd, int mode, uint64_t offset,
			 uint64_t len);
	int (*set_times)(struct io *io, int fd, const struct timespec ts[2]);
	int (*set_mode)(struct io *io, int fd, mode_t mode);
	int (*set_owner)(struct io *io, int fd, uid_t uid, gid_t gid);
	/* type F_RDLCK, F_WRLCK or F_UNLCK; never waits: EAGAIN. */
	int (*lock)(struct io *io, int fd, int type);
};

struct io {
	const struct io_ops *ops;
	/* the implementation's own members follow */
};

/* The real one; static, needs no release. */
struct io *io_posix(void);

/* --- plain operations ---------------------------------------------------- */

/* O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK and O_NOCTTY are added.  What is opened
 * may be anything: see io_open_file. */
static inline int io_open(struct io *io, int dirfd, const char *name,
			  int flags, mode_t mode)
{
	return io->ops->open(io, dirfd, name, flags, mode);
}

/* -1 is ignored.  errno is kept. */
static inline void io_close(struct io *io, int fd)
{
	if (fd != -1)
		(void)io->ops->close(io, fd);
}

/* May be short, 0 at the end. */
static inline ssize_t io_pread(struct io *io, int fd, void *data, size_t len,
			       uint64_t offset)
{
	return io->ops->pread(io, fd, data, len, offset);
}

static inline int io_fdatasync(struct io *io, int fd)
{
	return io->ops->fdatasync(io, fd);
}

/* Begins to write what a file has in memory, and promises nothing: before
 * many files are synced one after the other.  NULL in ops: nothing to do. */
static inline void io_write_back(struct io *io, int fd)
{
	if (io->ops->write_back != NULL)
		io->ops->write_back(io, fd);
}

/* For directories, and for files whose metadata counts. */
static inline int io_fsync(struct io *io, int fd)
{
	return io->ops->fsync(io, fd);
}

/* Replaces to. */
static inline int io_rename(struct io *io, int from_dirfd, const char *from,
			    int to_dirfd, const char *to)
{
	return io->ops->rename(io, from_dirfd, from, to_dirfd, to, 0);
}

/* EEXIST when to exists (RENAME_NOREPLACE; EINVAL where the file system
 * cannot: then link and unlink). */
static inline int io_rename_new(struct io *io, int from_dirfd,
				const char *from, int to_dirfd,
				const char *to)
{
	return io->ops->rename(io, from_dirfd, from, to_dirfd, to, 1);
}

static inline int io_link(struct io *io, int from_dirfd, const char *from,
			  int to_dirfd, const char *to)
{
	return io->ops->link(io, from_dirfd, from, to_dirfd, to);
}

static inline int io_unlink(struct io *io, int dirfd, const char *name)
{
	return io->ops->unlink(io, dirfd, name, 0);
}

static inline int io_rmdir(struct io *io, int dirfd, const char *name)
{
	return io->ops->unlink(io, dirfd, name, AT_REMOVEDIR);
}

static inline int io_mkdir(struct io *io, int dirfd, const char *name,
			   mode_t mode)
{
	return io->ops->mkdir(io, dirfd, name, mode);
}

static inline int io_fstat(struct io *io, int fd, struct stat *st)
{
	return io->ops->fstat(io, fd, st);
}

/* AT_SYMLINK_NOFOLLOW. */
static inline int io_stat(struct io *io, int dirfd, const char *name,
			  struct stat *st)
{
	return io->ops->stat(io, dirfd, name, st);
}

static inline int io_truncate(struct io *io, int fd, uint64_t size)
{
	return io->ops->truncate(io, fd, size);
}

/* FALLOC_FL_KEEP_SIZE.  EOPNOTSUPP where the file system cannot. */
static inline int io_preallocate(struct io *io, int fd, uint64_t offset,
				 uint64_t len)
{
	return io->ops->fallocate(io, fd, 1, offset, len);
}

/* The file becomes at least as long, with zeros, and has room for all of it.
 * EOPNOTSUPP where the file system cannot. */
static inline int io_allocate(struct io *io, int fd, uint64_t offset,
			      uint64_t len)
{
	return io->ops->fallocate(io, fd, 0, offset, len);
}

static inline int io_set_times(struct io *io, int fd,
			       const struct timespec ts[2])
{
	return io->ops->set_times(io, fd, ts);
}

static inline int io_set_mode(struct io *io, int fd, mode_t mode)
{
	return io->ops->set_mode(io, fd, mode);
}

static inline int io_set_owner(struct io *io, int fd, uid_t uid, gid_t gid)
{
	return io->ops->set_owner(io, fd, uid, gid);
}

/* --- composed operations (io.c) ------------------------------------------ */

/* Opens a regular file; ELOOP for a symbolic link, EINVAL for anything else
 * (FIFO, device, directory) [security.md F1].  st may be NULL; else it is
 * filled (the fstat is made in any case). */
int io_open_file(struct io *io, int dirfd, const char *name, int flags,
		 mode_t mode, struct stat *st);

/* A new file that did not exist: O_RDWR|O_CREAT|O_EXCL.  No fstat: what was
 * just created is regular. */
int io_create_file(struct io *io, int dirfd, const char *name, mode_t mode);

/* Opens a directory for the dirfd arguments and for io_fsync. */
int io_open_dir(struct io *io, int dirfd, const char *name);

/* Reads until len bytes are there or the file ends: the count, or -1. */
ssize_t io_pread_full(struct io *io, int fd, void *data, size_t len,
		      uint64_t offset);

/* Writes all of it or fails; after a failure a part may have been written.
 * A write that makes no progress is ENOSPC. */
int io_pwrite(struct io *io, int fd, const void *data, size_t len,
	      uint64_t offset);
/* As io_pwrite; vec is used up. */
int io_pwritev(struct io *io, int fd, struct iovec *vec, int count,
	       uint64_t offset);

/* True: there is room for so many bytes more, perhaps: it is tried again. */
typedef bool io_make_room(void *context, uint64_t bytes);

/* As io_pwritev; where the disk or a quota is full (ENOSPC, EDQUOT) room is
 * made, for what is left to write, until there is none to make. */
int io_pwritev_room(struct io *io, int fd, struct iovec *vec, int count,
		    uint64_t offset, io_make_room *make_room, void *context);
/* As io_pwrite, at the file's own position. */
int io_append(struct io *io, int fd, const void *data, size_t len);

/* Takes an OFD lock on the whole file, waiting until the deadline
 * (time_monotonic_msecs; 0: do not wait).  -1 with ETIMEDOUT then.  Asks
 * with growing pauses; holders are few and brief. */
int io_lock(struct io *io, int fd, int type, uint64_t deadline_msecs);
void io_unlock(struct io *io, int fd);

/* --- directories --------------------------------------------------------- */

/* Names of a directory except "." and "..".
 *
 *	struct io_dir *dir = io_dir_open(io, dirfd, "cur");
 *	while ((name = io_dir_next(dir, &type)) != NULL) ...
 *	if (io_dir_close(&dir) < 0) ... reading had failed: errno
 *
 * NULL with errno when it cannot be opened.  The name lives until the next
 * call; type is DT_REG, DT_DIR, ... or DT_UNKNOWN (type may be NULL). */
struct io_dir *io_dir_open(struct io *io, int dirfd, const char *name);
const char *io_dir_next(struct io_dir *dir, unsigned char *type);
int io_dir_fd(const struct io_dir *dir);
int io_dir_close(struct io_dir **dir);

#endif
