/* common-file.c - errors, small files, directories. */
#include "common.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 4096 };

char *common_strdup(struct cv_pool *pool, const char *text)
{
	size_t len = strlen(text);
	char *copy = cv_api->alloc(pool, len + 1);

	memcpy(copy, text, len);
	return copy;
}

int common_fail(struct cv_error *err, const char *what, const char *name)
{
	int number = errno, code = CV_E_TEMP;

	switch (number) {
	case ENOSPC:
	case EDQUOT:
		code = CV_E_NO_SPACE;
		break;
	case ENOENT:
		code = CV_E_NOT_FOUND;
		break;
	case EEXIST:
	case ENOTEMPTY:
	case EISDIR:
		code = CV_E_EXISTS;
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		code = CV_E_ACCESS;
		break;
	}
	if (number == EACCES || number == EPERM)
		CV_FAIL(err, code, "cannot %s '%s': %s (as uid %u, gid %u)",
			what, name, strerror(number), (unsigned int)geteuid(),
			(unsigned int)getegid());
	else
		CV_FAIL(err, code, "cannot %s '%s': %s", what, name,
			strerror(number));
	errno = number;
	return code;
}

/* --- small files ----------------------------------------------------------- */

static int read_all(const struct cv_storage_config *config, int fd,
		    const char *name, size_t max, struct cv_text *text,
		    struct cv_error *err)
{
	struct stat st;
	size_t room;
	ssize_t got = 1;
	int ret;

	if (COMMON_CALL(config, fstat, fd, &st) < 0)
		return common_fail(err, "stat", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return CV_FAIL(err, CV_E_TEMP, "'%s' is no regular file, or "
			       "too large", name);
	/* at once: it may be large.  What is added meanwhile is not read. */
	room = (size_t)st.st_size;
	ret = cv_api->memory_check(room, err);
	if (ret < 0)
		return ret;
	cv_text_reset(text);
	cv_api->text_grow(text, room + 1);
	while (got > 0 && text->len < room) {
		got = COMMON_CALL(config, pread, fd, text->data + text->len,
				  room - text->len, text->len);
		if (got > 0)
			text->len += (size_t)got;
	}
	text->data[text->len] = '\0';
	return got < 0 ? common_fail(err, "read", name) : CV_OK;
}

int common_file_read(const struct cv_storage_config *config, int dirfd,
		     const char *name, size_t max, struct cv_text *text,
		     struct cv_error *err)
{
	int fd = COMMON_CALL(config, open, dirfd, name,
			     O_RDONLY | O_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND :
			common_fail(err, "open", name);
	ret = read_all(config, fd, name, max, text, err);
	COMMON_CALL(config, close, fd);
	return ret;
}

int common_file_write(const struct cv_storage_config *config, int dirfd,
		      const char *name, const char *temp, struct cv_span data,
		      struct cv_error *err)
{
	int fd, ret = CV_OK;

	(void)COMMON_CALL(config, unlink, dirfd, temp);
	fd = COMMON_CALL(config, open, dirfd, temp,
			 O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return common_fail(err, "create", temp);
	if (COMMON_CALL(config, pwrite, fd, data.data, data.len, 0) < 0 ||
	    COMMON_CALL(config, fdatasync, fd) < 0)
		ret = common_fail(err, "write", temp);
	COMMON_CALL(config, close, fd);
	if (ret == CV_OK && COMMON_CALL(config, rename, dirfd, temp, dirfd,
					name, false) < 0)
		ret = common_fail(err, "rename", temp);
	else if (ret == CV_OK && COMMON_CALL(config, fsync, dirfd) < 0)
		ret = common_fail(err, "sync directory of", name);
	if (ret < 0)
		(void)COMMON_CALL(config, unlink, dirfd, temp);
	return ret;
}

/* --- many files ------------------------------------------------------------ */

enum { SYNC_BATCH = 64, NAME_BYTES = 512, CHUNK = 4096 };

/* -1: it is not there, or not whole. */
static int open_whole(const struct common_files *files,
		      const struct cv_blob_sync *item)
{
	const struct cv_storage_config *config = files->config;
	char name[NAME_BYTES];
	struct stat st;
	int fd;

	if (!files->name(files->folder, &item->blob, name, sizeof(name)))
		return -1;
	fd = COMMON_CALL(config, open, files->dirfd, name, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	if (COMMON_CALL(config, fstat, fd, &st) < 0 ||
	    !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size < item->bytes + files->more) {
		config->io_api->close(config->io, fd);
		return -1;
	}
	if (CV_HAS(config->io_api, write_back))
		config->io_api->write_back(config->io, fd);
	return fd;
}

/* What could not be written counts as written for the kernel once that was
 * said: all of it is to be written again by whoever syncs next. */
static void touch_again(const struct common_files *files,
			const struct cv_blob_sync *item)
{
	const struct cv_storage_config *config = files->config;
	char name[NAME_BYTES], data[CHUNK];
	uint64_t at = 0;
	ssize_t got = 1;
	int fd = -1;

	if (files->name(files->folder, &item->blob, name, sizeof(name)))
		fd = COMMON_CALL(config, open, files->dirfd, name, O_RDWR, 0);
	while (fd >= 0 && got > 0) {
		got = COMMON_CALL(config, pread, fd, data, sizeof(data), at);
		if (got > 0 && COMMON_CALL(config, pwrite, fd, data,
					   (size_t)got, at) < 0)
			break;
		at += got > 0 ? (uint64_t)got : 0;
	}
	if (fd >= 0)
		config->io_api->close(config->io, fd);
}

static void sync_batch(const struct common_files *files,
		       struct cv_blob_sync *items, uint32_t count)
{
	const struct cv_storage_config *config = files->config;
	int fds[SYNC_BATCH];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = open_whole(files, &items[i]);
	for (uint32_t i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		items[i].synced = COMMON_CALL(config, fdatasync,
					      fds[i]) == 0;
		config->io_api->close(config->io, fds[i]);
		if (!items[i].synced)
			touch_again(files, &items[i]);
	}
}

void common_files_sync(const struct common_files *files,
		       struct cv_blob_sync *items, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += SYNC_BATCH)
		sync_batch(files, items + i, count - i < SYNC_BATCH ?
			   count - i : SYNC_BATCH);
}

/* --- directories ----------------------------------------------------------- */

/* A name is durable when its directory was synced: that of "a/b" is "a/.", for
 * directories of the admin's may be symbolic links. */
int common_parent_sync(const struct cv_storage_config *config, int dirfd,
		       const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX_BYTES];
	size_t len = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	int fd, result;

	if (len + 1 >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)snprintf(parent, sizeof(parent), "%.*s.", (int)len, path);
	fd = COMMON_CALL(config, open, dirfd, parent, O_RDONLY | O_DIRECTORY,
			 0);
	if (fd < 0)
		return -1;
	result = COMMON_CALL(config, fsync, fd);
	COMMON_CALL(config, close, fd);
	return result;
}

static int make_one(const struct cv_storage_config *config, int dirfd,
		    const char *path, bool is_last, mode_t mode,
		    struct cv_error *err)
{
	if (COMMON_CALL(config, mkdir, dirfd, path, mode) < 0)
		/* what is above may be nobody's business */
		return errno == EEXIST || (errno == EACCES && !is_last) ?
			CV_OK : common_fail(err, "create", path);
	return common_parent_sync(config, dirfd, path) < 0 ?
		common_fail(err, "sync directory of", path) : CV_OK;
}

static int make_levels(const struct cv_storage_config *config, int dirfd,
		       const char *path, size_t len, mode_t mode,
		       struct cv_error *err)
{
	char part[PATH_MAX_BYTES];
	int ret = CV_OK;

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return CV_FAIL(err, CV_E_PERM, "path is too long");
	}
	for (size_t i = 1; i <= len && ret == CV_OK; i++) {
		if (i < len && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		ret = make_one(config, dirfd, part, i == len, mode, err);
	}
	return ret;
}

int common_dir_make(const struct cv_storage_config *config, int dirfd,
		    const char *path, mode_t mode, struct cv_error *err)
{
	return make_levels(config, dirfd, path, strlen(path), mode, err);
}

int common_parents_make(const struct cv_storage_config *config, int dirfd,
			const char *path, mode_t mode, struct cv_error *err)
{
	const char *slash = strrchr(path, '/');

	return make_levels(config, dirfd, path, slash == NULL ? 0 :
			   (size_t)(slash - path), mode, err);
}

int common_root_open(const struct cv_storage_config *config, const char *path,
		     int *fd_r, struct cv_error *err)
{
	struct cv_text dot;
	int ret;

	cv_text_init(&dot, config->pool);
	cv_text_append_f(&dot, "%s/.", path);
	*fd_r = COMMON_CALL(config, open, AT_FDCWD, dot.data,
			    O_RDONLY | O_DIRECTORY, 0);
	if (*fd_r < 0 && errno == ENOENT && config->create) {
		ret = common_dir_make(config, AT_FDCWD, path, 0700, err);
		if (ret < 0)
			return ret;
		*fd_r = COMMON_CALL(config, open, AT_FDCWD, dot.data,
				    O_RDONLY | O_DIRECTORY, 0);
	}
	return *fd_r < 0 ? common_fail(err, "open", path) : CV_OK;
}
