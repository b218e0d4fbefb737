/* io.c - what is composed of the port's operations. */
#include "io.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int io_open_file(struct io *io, int dirfd, const char *name, int flags,
		 mode_t mode, struct stat *st_r)
{
	struct stat st;
	int fd = io_open(io, dirfd, name, flags, mode);

	if (fd < 0)
		return -1;
	if (io_fstat(io, fd, &st) < 0) {
		io_close(io, fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		io_close(io, fd);
		errno = EINVAL;
		return -1;
	}
	if (st_r != NULL)
		*st_r = st;
	return fd;
}

int io_create_file(struct io *io, int dirfd, const char *name, mode_t mode)
{
	return io_open(io, dirfd, name, O_RDWR | O_CREAT | O_EXCL, mode);
}

int io_open_dir(struct io *io, int dirfd, const char *name)
{
	return io_open(io, dirfd, name, O_RDONLY | O_DIRECTORY, 0);
}

ssize_t io_pread_full(struct io *io, int fd, void *data, size_t len,
		      uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = io_pread(io, fd, (char *)data + done, len - done,
				     offset + done);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Drops n bytes from the front of vec. */
static void vec_advance(struct iovec **vec, int *count, size_t n)
{
	while (*count > 0 && n >= (*vec)->iov_len) {
		n -= (*vec)->iov_len;
		(*vec)++;
		(*count)--;
	}
	if (*count > 0) {
		(*vec)->iov_base = (char *)(*vec)->iov_base + n;
		(*vec)->iov_len -= n;
	}
}

static uint64_t vec_len(const struct iovec *vec, int count)
{
	uint64_t len = 0;

	for (int i = 0; i < count; i++)
		len += vec[i].iov_len;
	return len;
}

int io_pwritev_room(struct io *io, int fd, struct iovec *vec, int count,
		    uint64_t offset, io_make_room *make_room, void *context)
{
	vec_advance(&vec, &count, 0);
	while (count > 0) {
		int part = count < 1024 ? count : 1024;	/* IOV_MAX */
		ssize_t n = io->ops->pwritev(io, fd, vec, part, offset);

		if (n == 0)
			errno = ENOSPC;
		if (n > 0) {
			offset += (uint64_t)n;
			vec_advance(&vec, &count, (size_t)n);
		} else if ((errno != ENOSPC && errno != EDQUOT) ||
			   make_room == NULL ||
			   !make_room(context, vec_len(vec, count))) {
			return -1;
		}
	}
	return 0;
}

int io_pwritev(struct io *io, int fd, struct iovec *vec, int count,
	       uint64_t offset)
{
	return io_pwritev_room(io, fd, vec, count, offset, NULL, NULL);
}

int io_pwrite(struct io *io, int fd, const void *data, size_t len,
	      uint64_t offset)
{
	struct iovec vec = { (void *)(uintptr_t)data, len };

	return io_pwritev(io, fd, &vec, 1, offset);
}

int io_append(struct io *io, int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = io->ops->append(io, fd, p, len);

		if (n < 0)
			return -1;
		if (n == 0) {
			errno = ENOSPC;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

enum { LOCK_PAUSE_FIRST_USECS = 100, LOCK_PAUSE_MAX_USECS = 20000 };

int io_lock(struct io *io, int fd, int type, uint64_t deadline_msecs)
{
	uint64_t pause = LOCK_PAUSE_FIRST_USECS;

	while (io->ops->lock(io, fd, type) < 0) {
		struct timespec ts = { 0, (long)pause * 1000 };

		if (errno != EAGAIN)
			return -1;
		if (time_monotonic_msecs() >= deadline_msecs) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)nanosleep(&ts, NULL);
		if (pause < LOCK_PAUSE_MAX_USECS)
			pause += pause / 2;
	}
	return 0;
}

void io_unlock(struct io *io, int fd)
{
	int saved = errno;

	(void)io->ops->lock(io, fd, F_UNLCK);
	errno = saved;
}

/* --- directories --------------------------------------------------------- */

enum { DIR_FIRST = 2048, DIR_ROOM = 32768 };

/* Without the C library's stream, which is made for large directories: most
 * are small, and a new process pays for each page that it touches. */
struct io_dir {
	struct io *io;
	int fd, error;
	size_t at, len, room;
	char *data;		/* first, or allocated */
	_Alignas(struct dirent64) char first[DIR_FIRST];
};

struct io_dir *io_dir_open(struct io *io, int dirfd, const char *name)
{
	int fd = io_open_dir(io, dirfd, name);
	struct io_dir *dir;

	if (fd < 0)
		return NULL;
	dir = malloc(sizeof(*dir));
	if (dir == NULL) {
		io_close(io, fd);
		errno = ENOMEM;
		return NULL;
	}
	dir->io = io;
	dir->fd = fd;
	dir->error = 0;
	dir->at = dir->len = 0;
	dir->room = DIR_FIRST;
	dir->data = dir->first;
	return dir;
}

static bool dir_fill(struct io_dir *dir)
{
	ssize_t n;

	if (dir->room == DIR_FIRST && dir->len > 0) {
		char *data = dir->len < DIR_FIRST / 2 ? NULL :
			malloc(DIR_ROOM);

		if (data != NULL) {
			dir->data = data;
			dir->room = DIR_ROOM;
		}
	}
	n = getdents64(dir->fd, dir->data, dir->room);
	if (n < 0)
		dir->error = errno;
	dir->at = 0;
	dir->len = n < 0 ? 0 : (size_t)n;
	return n > 0;
}

const char *io_dir_next(struct io_dir *dir, unsigned char *type)
{
	const struct dirent64 *d;

	do {
		if (dir->at == dir->len && !dir_fill(dir))
			return NULL;
		d = (const struct dirent64 *)(const void *)
			(dir->data + dir->at);
		dir->at += d->d_reclen;
	} while (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0);
	if (type != NULL)
		*type = d->d_type;
	return d->d_name;
}

int io_dir_fd(const struct io_dir *dir)
{
	return dir->fd;
}

int io_dir_close(struct io_dir **dir_p)
{
	struct io_dir *dir = *dir_p;
	int error;

	if (dir == NULL)
		return 0;
	*dir_p = NULL;
	error = dir->error;
	io_close(dir->io, dir->fd);
	if (dir->data != dir->first)
		free(dir->data);
	free(dir);
	if (error != 0) {
		errno = error;
		return -1;
	}
	return 0;
}
