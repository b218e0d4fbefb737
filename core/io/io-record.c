/* io-record.c - the list of what was done. */
#include "io-record.h"

#include <errno.h>
#include <unistd.h>

struct known_inode { ino_t inode; uint32_t object; };

struct io_record {
	struct io io;
	struct io *lower;
	struct cv_pool *pool;
	ARRAY(struct io_record_op) ops;
	ARRAY(struct known_inode) inodes;	/* the newest last */
	uint32_t objects;
};

static struct io_record *self_of(struct io *io)
{
	return (struct io_record *)io;
}

static struct io_record_op *add_op(struct io_record *self,
				   enum io_record_kind kind)
{
	struct io_record_op *op = array_add(&self->ops);

	op->kind = kind;
	return op;
}

static uint32_t object_of_inode(struct io_record *self, ino_t inode)
{
	for (size_t i = self->inodes.count; i > 0; i--) {
		if (self->inodes.items[i - 1].inode == inode)
			return self->inodes.items[i - 1].object;
	}
	/* everything below the root is made through this port */
	BUG_REACHED();
}

static uint32_t new_object(struct io_record *self, ino_t inode)
{
	struct known_inode *known = array_add(&self->inodes);

	known->inode = inode;
	known->object = self->objects++;
	return known->object;
}

static uint32_t object_of_fd(struct io_record *self, int fd)
{
	struct stat st;

	BUG_IF(fstat(fd, &st) < 0);
	return object_of_inode(self, st.st_ino);
}

/* The directory that name is in, and the last part of name. */
static uint32_t parent_of(struct io_record *self, int dirfd, const char *name,
			  const char **last_r)
{
	const char *slash = strrchr(name, '/');
	struct stat st;

	*last_r = pool_strdup(self->pool, slash == NULL ? name : slash + 1);
	if (slash == NULL) {
		BUG_IF((dirfd == AT_FDCWD ? stat(".", &st) :
			fstat(dirfd, &st)) < 0);
	} else {
		char *path = pool_copy(self->pool, name,
				       slash == name ? 1 :
				       (size_t)(slash - name));

		BUG_IF(fstatat(dirfd, path, &st, 0) < 0);
	}
	return object_of_inode(self, st.st_ino);
}

static int record_open(struct io *io, int dirfd, const char *name, int flags,
		       mode_t mode)
{
	struct io_record *self = self_of(io);
	bool creates = (flags & O_CREAT) != 0;
	struct io_record_op *op;
	struct stat st;
	int fd;

	if (creates && io_stat(self->lower, dirfd, name, &st) == 0)
		creates = false;
	fd = io_open(self->lower, dirfd, name, flags, mode);
	if (fd < 0 || !creates)
		return fd;
	BUG_IF(fstat(fd, &st) < 0);
	op = add_op(self, IO_RECORD_CREATE);
	op->dir = parent_of(self, dirfd, name, &op->name);
	op->object = new_object(self, st.st_ino);
	return fd;
}

static int record_close(struct io *io, int fd)
{
	io_close(self_of(io)->lower, fd);
	return 0;
}

static ssize_t record_pread(struct io *io, int fd, void *data, size_t len,
			    uint64_t offset)
{
	return io_pread(self_of(io)->lower, fd, data, len, offset);
}

static ssize_t record_pwritev(struct io *io, int fd, const struct iovec *vec,
			      int count, uint64_t offset)
{
	struct io_record *self = self_of(io);
	ssize_t n = self->lower->ops->pwritev(self->lower, fd, vec, count,
					      offset);
	struct io_record_op *op;
	struct cv_text data;
	size_t left = n < 0 ? 0 : (size_t)n;

	if (n <= 0)
		return n;
	cv_text_init(&data, self->pool);
	for (int i = 0; i < count && left > 0; i++) {
		size_t len = vec[i].iov_len < left ? vec[i].iov_len : left;

		cv_text_append(&data, vec[i].iov_base, len);
		left -= len;
	}
	op = add_op(self, IO_RECORD_WRITE);
	op->object = object_of_fd(self, fd);
	op->offset = offset;
	op->data = cv_text_span(&data);
	return n;
}

static ssize_t record_append(struct io *io, int fd, const void *data,
			     size_t len)
{
	struct io_record *self = self_of(io);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = self->lower->ops->append(self->lower, fd, data, len);
	struct io_record_op *op;

	if (n <= 0)
		return n;
	op = add_op(self, IO_RECORD_WRITE);
	op->object = object_of_fd(self, fd);
	op->offset = (uint64_t)at;
	op->data = pool_span(self->pool, cv_span(data, (size_t)n));
	return n;
}

static int record_sync(struct io *io, int fd)
{
	struct io_record *self = self_of(io);
	int result = io_fsync(self->lower, fd);

	if (result == 0)
		add_op(self, IO_RECORD_SYNC)->object = object_of_fd(self, fd);
	return result;
}

static int record_rename(struct io *io, int from_dirfd, const char *from,
			 int to_dirfd, const char *to, unsigned int flags)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;
	struct stat st;
	int result = self->lower->ops->rename(self->lower, from_dirfd, from,
					      to_dirfd, to, flags);

	if (result < 0)
		return result;
	BUG_IF(fstatat(to_dirfd, to, &st, AT_SYMLINK_NOFOLLOW) < 0);
	op = add_op(self, IO_RECORD_RENAME);
	op->object = object_of_inode(self, st.st_ino);
	op->dir = parent_of(self, from_dirfd, from, &op->name);
	op->to_dir = parent_of(self, to_dirfd, to, &op->to_name);
	return 0;
}

static int record_link(struct io *io, int from_dirfd, const char *from,
		       int to_dirfd, const char *to)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;
	struct stat st;

	if (io_link(self->lower, from_dirfd, from, to_dirfd, to) < 0)
		return -1;
	BUG_IF(fstatat(to_dirfd, to, &st, AT_SYMLINK_NOFOLLOW) < 0);
	op = add_op(self, IO_RECORD_LINK);
	op->object = object_of_inode(self, st.st_ino);
	op->dir = parent_of(self, to_dirfd, to, &op->name);
	return 0;
}

static int record_unlink(struct io *io, int dirfd, const char *name,
			 int flags)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;
	int result = self->lower->ops->unlink(self->lower, dirfd, name,
					      flags);

	if (result < 0)
		return result;
	op = add_op(self, IO_RECORD_UNLINK);
	op->dir = parent_of(self, dirfd, name, &op->name);
	return 0;
}

static int record_mkdir(struct io *io, int dirfd, const char *name,
			mode_t mode)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;
	struct stat st;

	if (io_mkdir(self->lower, dirfd, name, mode) < 0)
		return -1;
	BUG_IF(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0);
	op = add_op(self, IO_RECORD_MKDIR);
	op->dir = parent_of(self, dirfd, name, &op->name);
	op->object = new_object(self, st.st_ino);
	return 0;
}

static int record_fstat(struct io *io, int fd, struct stat *st)
{
	return io_fstat(self_of(io)->lower, fd, st);
}

static int record_stat(struct io *io, int dirfd, const char *name,
		       struct stat *st)
{
	return io_stat(self_of(io)->lower, dirfd, name, st);
}

static int record_truncate(struct io *io, int fd, uint64_t size)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;

	if (io_truncate(self->lower, fd, size) < 0)
		return -1;
	op = add_op(self, IO_RECORD_TRUNCATE);
	op->object = object_of_fd(self, fd);
	op->offset = size;
	return 0;
}

static int record_fallocate(struct io *io, int fd, int mode, uint64_t offset,
			    uint64_t len)
{
	struct io_record *self = self_of(io);
	struct io_record_op *op;
	struct stat st;

	BUG_IF(fstat(fd, &st) < 0);
	if (self->lower->ops->fallocate(self->lower, fd, mode, offset,
					len) < 0)
		return -1;
	/* else sizes and bytes stay as they are: nothing to note */
	if (mode == 0 && (uint64_t)st.st_size < offset + len) {
		op = add_op(self, IO_RECORD_TRUNCATE);
		op->object = object_of_fd(self, fd);
		op->offset = offset + len;
	}
	return 0;
}

static int record_set_times(struct io *io, int fd,
			    const struct timespec ts[2])
{
	return io_set_times(self_of(io)->lower, fd, ts);
}

static int record_set_mode(struct io *io, int fd, mode_t mode)
{
	return io_set_mode(self_of(io)->lower, fd, mode);
}

static int record_set_owner(struct io *io, int fd, uid_t uid, gid_t gid)
{
	return io_set_owner(self_of(io)->lower, fd, uid, gid);
}

static int record_lock(struct io *io, int fd, int type)
{
	struct io *lower = self_of(io)->lower;

	return lower->ops->lock(lower, fd, type);
}

static const struct io_ops record_ops = {
	.open = record_open,
	.close = record_close,
	.pread = record_pread,
	.pwritev = record_pwritev,
	.append = record_append,
	.fdatasync = record_sync,
	.fsync = record_sync,
	.rename = record_rename,
	.link = record_link,
	.unlink = record_unlink,
	.mkdir = record_mkdir,
	.fstat = record_fstat,
	.stat = record_stat,
	.truncate = record_truncate,
	.fallocate = record_fallocate,
	.set_times = record_set_times,
	.set_mode = record_set_mode,
	.set_owner = record_set_owner,
	.lock = record_lock,
};

struct io *io_record_create(struct io *lower, struct cv_pool *pool,
			    int root_dirfd)
{
	struct io_record *self = pool_new(pool, struct io_record);
	struct stat st;

	self->io.ops = &record_ops;
	self->lower = lower;
	self->pool = pool;
	array_init(&self->ops, pool);
	array_init(&self->inodes, pool);
	BUG_IF(fstat(root_dirfd, &st) < 0);
	(void)new_object(self, st.st_ino);
	return &self->io;
}

void io_record_mark(struct io *io, uint64_t mark)
{
	add_op(self_of(io), IO_RECORD_MARK)->offset = mark;
}

const struct io_record_op *io_record_ops(const struct io *io, size_t *count_r)
{
	const struct io_record *self = (const struct io_record *)io;

	*count_r = self->ops.count;
	return self->ops.items;
}
