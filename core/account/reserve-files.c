/* reserve-files.c - the file `reserve` of an account. */
#include "reserve-files.h"

#include <errno.h>

static const char reserve_name[] = "reserve";

bool reserve_could_help(void)
{
	return errno == ENOSPC || errno == EDQUOT;
}

/* -1: there is none, or a file of somebody else has its name. */
static int reserve_open(struct io *io, int dirfd, uint64_t *size_r)
{
	struct stat st;
	int fd = io_open_file(io, dirfd, reserve_name, O_RDWR, 0, &st);

	if (fd < 0)
		return -1;
	*size_r = (uint64_t)st.st_size;
	if (st.st_nlink == 1 && *size_r <= RESERVE_SIZE)
		return fd;
	io_close(io, fd);
	errno = EEXIST;
	return -1;
}

/* Blocks are given back whole, and the file that grows may need one more for
 * its map of them. */
static uint64_t what_is_left(uint64_t size, uint64_t bytes)
{
	enum { BLOCK = 4096 };

	if (bytes >= size || size - bytes < 2 * (uint64_t)BLOCK)
		return 0;
	return (size - bytes) / BLOCK * BLOCK - BLOCK;
}

bool reserve_give(struct io *io, int dirfd, uint64_t bytes)
{
	int saved = errno, result = -1, fd;
	uint64_t size = 0;

	fd = reserve_open(io, dirfd, &size);
	/* shortened and not removed: what is freed is free at once on every
	 * file system, and no name has to be made again */
	if (fd >= 0 && size > 0)
		result = io_truncate(io, fd, what_is_left(size, bytes));
	io_close(io, fd);
	errno = saved;
	return result == 0;
}

/* Bytes that no file system makes smaller. */
static int write_noise(struct io *io, int fd, uint64_t from)
{
	unsigned char noise[4096];

	while (from < RESERVE_SIZE) {
		uint64_t left = RESERVE_SIZE - from;
		size_t len = left < sizeof(noise) ? (size_t)left :
			sizeof(noise);

		random_bytes(noise, sizeof(noise));
		if (io_pwrite(io, fd, noise, len, from) < 0)
			return -1;
		from += len;
	}
	return 0;
}

bool reserve_fill(struct io *io, int dirfd, mode_t mode)
{
	uint64_t size = 0;
	int saved = errno, result = 0;
	int fd = reserve_open(io, dirfd, &size);
	bool full;

	if (fd < 0 && errno == ENOENT)
		fd = io_create_file(io, dirfd, reserve_name, mode);
	if (fd >= 0 && size < RESERVE_SIZE) {
		result = io_allocate(io, fd, size, RESERVE_SIZE - size);
		if (result < 0 && errno == EOPNOTSUPP)
			result = write_noise(io, fd, size);
		if (result < 0)
			(void)io_truncate(io, fd, size);
	}
	full = fd >= 0 && result == 0;
	io_close(io, fd);
	errno = saved;
	return full;
}
