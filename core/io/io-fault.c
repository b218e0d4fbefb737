/* io-fault.c - faults by count, and a disk that becomes full. */
#include "io-fault.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum op_class {
	OP_READ = 1 << 0,
	OP_WRITE = 1 << 1,
	OP_SYNC = 1 << 2,
	OP_SPACE = 1 << 3,	/* other operations that may need a block */
	OP_OTHER = 1 << 4,
};

struct io_fault {
	struct io io;
	struct io *lower;
	enum io_fault_kind kind;
	uint64_t countdown;
	bool sticky, hit, full;
	uint64_t syncs, writes;
	uint64_t room;		/* bytes; UINT64_MAX: no bound */
};

static const unsigned int classes_hit[] = {
	[IO_FAULT_NONE] = 0,
	[IO_FAULT_EIO] = OP_READ | OP_WRITE | OP_SYNC | OP_SPACE | OP_OTHER,
	[IO_FAULT_EINTR] = OP_READ | OP_WRITE | OP_SYNC | OP_SPACE | OP_OTHER,
	[IO_FAULT_ENOSPC] = OP_WRITE | OP_SYNC | OP_SPACE,
	[IO_FAULT_SHORT] = OP_READ | OP_WRITE,
	[IO_FAULT_TORN] = OP_WRITE | OP_SYNC,
	[IO_FAULT_LATE] = OP_WRITE | OP_SYNC,
	[IO_FAULT_KILL] = OP_READ | OP_WRITE | OP_SYNC | OP_SPACE | OP_OTHER,
};

static struct io_fault *self_of(struct io *io)
{
	return (struct io_fault *)io;
}

/* The fault that this operation meets. */
static enum io_fault_kind fault_of(struct io *io, enum op_class class)
{
	struct io_fault *self = self_of(io);

	self->syncs += class == OP_SYNC;
	self->writes += class == OP_WRITE;
	if ((classes_hit[self->kind] & class) == 0)
		return IO_FAULT_NONE;
	if (self->hit)
		return self->sticky ? self->kind : IO_FAULT_NONE;
	if (--self->countdown > 0)
		return IO_FAULT_NONE;
	self->hit = true;
	return self->kind;
}

/* For operations without halves: true when the lower one is not called. */
static bool fails(struct io *io, enum op_class class)
{
	switch (fault_of(io, class)) {
	case IO_FAULT_NONE:
	case IO_FAULT_SHORT:
	case IO_FAULT_LATE:
		return false;
	case IO_FAULT_EINTR:
		errno = EINTR;
		return true;
	case IO_FAULT_ENOSPC:
		errno = ENOSPC;
		return true;
	case IO_FAULT_KILL:
		raise(SIGKILL);
		return true;
	case IO_FAULT_EIO:
	case IO_FAULT_TORN:
		errno = EIO;
		return true;
	}
	return false;
}

/* --- a disk with so much room --------------------------------------------- */

static bool has_bound(struct io *io)
{
	return self_of(io)->room != UINT64_MAX;
}

static uint64_t size_of_fd(struct io *io, int fd)
{
	struct stat st;

	return io_fstat(self_of(io)->lower, fd, &st) < 0 ? 0 :
		(uint64_t)st.st_size;
}

/* What goes when this name does. */
static uint64_t size_of_name(struct io *io, int dirfd, const char *name)
{
	struct stat st;

	return has_bound(io) &&
		io_stat(self_of(io)->lower, dirfd, name, &st) == 0 &&
		S_ISREG(st.st_mode) && st.st_nlink == 1 ?
		(uint64_t)st.st_size : 0;
}

static void give_back(struct io *io, uint64_t bytes)
{
	if (has_bound(io))
		self_of(io)->room += bytes;
}

/* How many of len bytes at offset there is room for; it is taken.  0: none,
 * with errno. */
static size_t take_room(struct io *io, int fd, uint64_t offset, size_t len)
{
	struct io_fault *self = self_of(io);
	uint64_t have, want = offset + len;

	if (!has_bound(io) || len == 0)
		return len;
	have = size_of_fd(io, fd);
	if (want <= have)
		return len;
	if (want - have <= self->room) {
		self->room -= want - have;
		return len;
	}
	self->full = true;
	have += self->room;
	if (have <= offset) {
		errno = ENOSPC;
		return 0;
	}
	self->room = 0;
	return have - offset;
}

static size_t vec_len(const struct iovec *vec, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += vec[i].iov_len;
	return len;
}

/* --- operations ----------------------------------------------------------- */

static int fault_open(struct io *io, int dirfd, const char *name, int flags,
		      mode_t mode)
{
	if (fails(io, (flags & O_CREAT) != 0 ? OP_SPACE : OP_OTHER))
		return -1;
	if ((flags & O_TRUNC) != 0)
		give_back(io, size_of_name(io, dirfd, name));
	return io_open(self_of(io)->lower, dirfd, name, flags, mode);
}

static int fault_close(struct io *io, int fd)
{
	io_close(self_of(io)->lower, fd);
	return 0;
}

static ssize_t fault_pread(struct io *io, int fd, void *data, size_t len,
			   uint64_t offset)
{
	struct io *lower = self_of(io)->lower;

	switch (fault_of(io, OP_READ)) {
	case IO_FAULT_NONE:
	case IO_FAULT_ENOSPC:
	case IO_FAULT_TORN:
	case IO_FAULT_LATE:
		return io_pread(lower, fd, data, len, offset);
	case IO_FAULT_SHORT:
		return io_pread(lower, fd, data, (len + 1) / 2, offset);
	case IO_FAULT_KILL:
		raise(SIGKILL);
		break;
	case IO_FAULT_EINTR:
		errno = EINTR;
		return -1;
	case IO_FAULT_EIO:
		break;
	}
	errno = EIO;
	return -1;
}

/* Writes the first bytes of what vec describes; the bytes written. */
static ssize_t write_part(struct io *lower, int fd, const struct iovec *vec,
			  int count, uint64_t offset, size_t len)
{
	size_t done = 0;

	for (int i = 0; i < count && done < len; i++) {
		size_t n = vec[i].iov_len < len - done ? vec[i].iov_len :
			len - done;

		if (io_pwrite(lower, fd, vec[i].iov_base, n, offset + done) < 0)
			return -1;
		done += n;
	}
	return (ssize_t)done;
}

static ssize_t write_half(struct io *lower, int fd, const struct iovec *vec,
			  int count, uint64_t offset)
{
	return write_part(lower, fd, vec, count, offset,
			  (vec_len(vec, count) + 1) / 2);
}

/* As much as there is room for. */
static ssize_t write_room(struct io *io, int fd, const struct iovec *vec,
			  int count, uint64_t offset)
{
	struct io *lower = self_of(io)->lower;
	size_t len = vec_len(vec, count);
	size_t room = take_room(io, fd, offset, len);

	if (room < len)
		return room == 0 ? -1 :
			write_part(lower, fd, vec, count, offset, room);
	return lower->ops->pwritev(lower, fd, vec, count, offset);
}

static ssize_t fault_pwritev(struct io *io, int fd, const struct iovec *vec,
			     int count, uint64_t offset)
{
	struct io *lower = self_of(io)->lower;

	switch (fault_of(io, OP_WRITE)) {
	case IO_FAULT_NONE:
		return write_room(io, fd, vec, count, offset);
	case IO_FAULT_SHORT:
		return write_half(lower, fd, vec, count, offset);
	case IO_FAULT_ENOSPC:
		errno = ENOSPC;
		return -1;
	case IO_FAULT_TORN:
		(void)write_half(lower, fd, vec, count, offset);
		break;
	case IO_FAULT_LATE:
		(void)lower->ops->pwritev(lower, fd, vec, count, offset);
		break;
	case IO_FAULT_KILL:
		(void)write_half(lower, fd, vec, count, offset);
		raise(SIGKILL);
		break;
	case IO_FAULT_EINTR:
		errno = EINTR;
		return -1;
	case IO_FAULT_EIO:
		break;
	}
	errno = EIO;
	return -1;
}

/* Behind all that is there, as a file that is written once is. */
static ssize_t append_room(struct io *io, int fd, const void *data,
			   size_t len)
{
	struct io *lower = self_of(io)->lower;
	size_t room = has_bound(io) && len > 0 ?
		take_room(io, fd, size_of_fd(io, fd), len) : len;

	return room == 0 && len > 0 ? -1 :
		lower->ops->append(lower, fd, data, room);
}

static ssize_t fault_append(struct io *io, int fd, const void *data,
			    size_t len)
{
	struct io *lower = self_of(io)->lower;

	switch (fault_of(io, OP_WRITE)) {
	case IO_FAULT_NONE:
		return append_room(io, fd, data, len);
	case IO_FAULT_SHORT:
		return lower->ops->append(lower, fd, data, (len + 1) / 2);
	case IO_FAULT_ENOSPC:
		errno = ENOSPC;
		return -1;
	case IO_FAULT_TORN:
		(void)lower->ops->append(lower, fd, data, (len + 1) / 2);
		break;
	case IO_FAULT_LATE:
		(void)lower->ops->append(lower, fd, data, len);
		break;
	case IO_FAULT_KILL:
		(void)lower->ops->append(lower, fd, data, (len + 1) / 2);
		raise(SIGKILL);
		break;
	case IO_FAULT_EINTR:
		errno = EINTR;
		return -1;
	case IO_FAULT_EIO:
		break;
	}
	errno = EIO;
	return -1;
}

static int fault_sync(struct io *io, int fd, bool all)
{
	struct io *lower = self_of(io)->lower;
	bool late = false;

	switch (fault_of(io, OP_SYNC)) {
	case IO_FAULT_NONE:
	case IO_FAULT_SHORT:
		break;
	case IO_FAULT_LATE:
		late = true;
		break;
	case IO_FAULT_ENOSPC:
		errno = ENOSPC;
		return -1;
	case IO_FAULT_KILL:
		raise(SIGKILL);
		return -1;
	case IO_FAULT_EINTR:
		errno = EINTR;
		return -1;
	case IO_FAULT_EIO:
	case IO_FAULT_TORN:
		errno = EIO;
		return -1;
	}
	if ((all ? io_fsync(lower, fd) : io_fdatasync(lower, fd)) < 0)
		return -1;
	if (!late)
		return 0;
	errno = EIO;
	return -1;
}

static int fault_fdatasync(struct io *io, int fd)
{
	return fault_sync(io, fd, false);
}

static int fault_fsync(struct io *io, int fd)
{
	return fault_sync(io, fd, true);
}

static int fault_rename(struct io *io, int from_dirfd, const char *from,
			int to_dirfd, const char *to, unsigned int flags)
{
	struct io *lower = self_of(io)->lower;
	uint64_t bytes = size_of_name(io, to_dirfd, to);

	if (fails(io, OP_SPACE) || lower->ops->rename(lower, from_dirfd, from,
						      to_dirfd, to, flags) < 0)
		return -1;
	give_back(io, bytes);
	return 0;
}

static int fault_link(struct io *io, int from_dirfd, const char *from,
		      int to_dirfd, const char *to)
{
	return fails(io, OP_SPACE) ? -1 : io_link(self_of(io)->lower,
		from_dirfd, from, to_dirfd, to);
}

static int fault_unlink(struct io *io, int dirfd, const char *name, int flags)
{
	struct io *lower = self_of(io)->lower;
	uint64_t bytes = size_of_name(io, dirfd, name);

	if (fails(io, OP_OTHER) ||
	    lower->ops->unlink(lower, dirfd, name, flags) < 0)
		return -1;
	give_back(io, bytes);
	return 0;
}

static int fault_mkdir(struct io *io, int dirfd, const char *name,
		       mode_t mode)
{
	return fails(io, OP_SPACE) ? -1 :
		io_mkdir(self_of(io)->lower, dirfd, name, mode);
}

static int fault_fstat(struct io *io, int fd, struct stat *st)
{
	return fails(io, OP_OTHER) ? -1 :
		io_fstat(self_of(io)->lower, fd, st);
}

static int fault_stat(struct io *io, int dirfd, const char *name,
		      struct stat *st)
{
	return fails(io, OP_OTHER) ? -1 :
		io_stat(self_of(io)->lower, dirfd, name, st);
}

static int fault_truncate(struct io *io, int fd, uint64_t size)
{
	uint64_t before = has_bound(io) ? size_of_fd(io, fd) : 0;

	if (fails(io, OP_SPACE) ||
	    io_truncate(self_of(io)->lower, fd, size) < 0)
		return -1;
	/* holes take no room */
	if (size < before)
		give_back(io, before - size);
	return 0;
}

static int fault_fallocate(struct io *io, int fd, int mode, uint64_t offset,
			   uint64_t len)
{
	struct io *lower = self_of(io)->lower;
	uint64_t room = self_of(io)->room;

	if (fails(io, OP_SPACE))
		return -1;
	/* one that keeps the size takes nothing yet: what is written does */
	if (mode == 0 && take_room(io, fd, offset, len) < len) {
		self_of(io)->room = room;
		errno = ENOSPC;
		return -1;
	}
	return lower->ops->fallocate(lower, fd, mode, offset, len);
}

static int fault_set_times(struct io *io, int fd,
			   const struct timespec ts[2])
{
	return fails(io, OP_OTHER) ? -1 :
		io_set_times(self_of(io)->lower, fd, ts);
}

static int fault_set_mode(struct io *io, int fd, mode_t mode)
{
	return fails(io, OP_OTHER) ? -1 :
		io_set_mode(self_of(io)->lower, fd, mode);
}

static int fault_set_owner(struct io *io, int fd, uid_t uid, gid_t gid)
{
	return fails(io, OP_OTHER) ? -1 :
		io_set_owner(self_of(io)->lower, fd, uid, gid);
}

static int fault_lock(struct io *io, int fd, int type)
{
	struct io *lower = self_of(io)->lower;

	if (type != F_UNLCK && fails(io, OP_OTHER))
		return -1;
	return lower->ops->lock(lower, fd, type);
}

static const struct io_ops fault_ops = {
	.open = fault_open,
	.close = fault_close,
	.pread = fault_pread,
	.pwritev = fault_pwritev,
	.append = fault_append,
	.fdatasync = fault_fdatasync,
	.fsync = fault_fsync,
	.rename = fault_rename,
	.link = fault_link,
	.unlink = fault_unlink,
	.mkdir = fault_mkdir,
	.fstat = fault_fstat,
	.stat = fault_stat,
	.truncate = fault_truncate,
	.fallocate = fault_fallocate,
	.set_times = fault_set_times,
	.set_mode = fault_set_mode,
	.set_owner = fault_set_owner,
	.lock = fault_lock,
};

struct io *io_fault_create(struct io *lower, struct cv_pool *pool)
{
	struct io_fault *self = pool_new(pool, struct io_fault);

	self->io.ops = &fault_ops;
	self->lower = lower;
	self->room = UINT64_MAX;
	return &self->io;
}

void io_fault_arm(struct io *io, enum io_fault_kind kind, uint64_t n,
		  bool sticky)
{
	struct io_fault *self = self_of(io);

	self->kind = kind;
	self->countdown = n;
	self->sticky = sticky;
	self->hit = false;
}

void io_fault_room(struct io *io, uint64_t bytes)
{
	self_of(io)->room = bytes;
	self_of(io)->full = false;
}

uint64_t io_fault_room_left(const struct io *io)
{
	return ((const struct io_fault *)io)->room;
}

bool io_fault_hit(const struct io *io)
{
	const struct io_fault *self = (const struct io_fault *)io;

	return self->hit || self->full;
}

uint64_t io_fault_syncs(const struct io *io)
{
	return ((const struct io_fault *)io)->syncs;
}

uint64_t io_fault_writes(const struct io *io)
{
	return ((const struct io_fault *)io)->writes;
}
