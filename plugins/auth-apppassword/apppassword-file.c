/* apppassword-file.c - reading and changing a file of passwords. */
#include "apppassword-file.h"
#include "apppassword-line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_TRIES = 10, FILE_MODE = 0600 };

static int fail_errno(struct cv_error *err, const char *what,
		      const char *path)
{
	int code = errno == ENOSPC || errno == EDQUOT ? CV_E_NO_SPACE :
		errno == EACCES || errno == EPERM ? CV_E_PERM : CV_E_TEMP;

	return CV_FAIL(err, code, "cannot %s '%s': %s", what, path,
		       strerror(errno));
}

static const char *with_suffix(struct cv_pool *pool, const char *path,
			       const char *suffix)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s%s", path, suffix);
	return cv_text_str(&text);
}

static const char *folder_of(struct cv_pool *pool, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append(&text, path, slash == path ? 1 :
		       (size_t)(slash - path));
	return cv_text_str(&text);
}

static int read_fd(int fd, const char *path, struct cv_pool *pool,
		   struct cv_span *text_r, struct cv_error *err)
{
	struct stat st;
	size_t len = 0, size;
	char *data;
	ssize_t ret;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "stat", path);
	if (!S_ISREG(st.st_mode) || st.st_size > APPPASSWORD_FILE_MAX)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is no regular file, or "
			       "larger than %d bytes", path,
			       APPPASSWORD_FILE_MAX);
	size = (size_t)st.st_size;
	data = cv_api->alloc(pool, size + 1);
	while (len < size) {
		ret = pread(fd, data + len, size - len, (off_t)len);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return fail_errno(err, "read", path);
		if (ret == 0)
			break;
		len += (size_t)ret;
	}
	*text_r = cv_span(data, len);
	return CV_OK;
}

int apppassword_file_read(const char *path, struct cv_pool *pool,
			  struct cv_span *text_r, struct cv_error *err)
{
	/* the path may be made of a user's name: no link leads it astray */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
		      O_NOCTTY), ret;

	*text_r = CV_SPAN("");
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CV_NOT_FOUND;
	if (fd < 0)
		return fail_errno(err, "open", path);
	ret = read_fd(fd, path, pool, text_r, err);
	(void)close(fd);
	return ret;
}

/* A file made by root belongs to whom its directory belongs. */
static int give_away(int fd, const char *path, struct cv_pool *pool,
		     struct cv_error *err)
{
	struct stat st;

	if (geteuid() != 0)
		return CV_OK;
	if (stat(folder_of(pool, path), &st) < 0)
		return fail_errno(err, "stat the directory of", path);
	return fchown(fd, st.st_uid, st.st_gid) < 0 ?
		fail_errno(err, "change the owner of", path) : CV_OK;
}

/* Opens the file, or makes it, and locks it; what it was replaced by while
 * this waited for the lock is opened in its place. */
static int open_locked(const char *path, struct cv_pool *pool, int *fd_r,
		       struct cv_error *err)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		struct stat here, there;
		bool is_new = false;
		int ret = CV_OK;
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW |
			      O_NOCTTY | O_APPEND);

		if (fd < 0 && errno == ENOENT) {
			fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW |
				  O_APPEND | O_CREAT | O_EXCL, FILE_MODE);
			is_new = true;
			if (fd < 0 && errno == EEXIST)
				continue;
		}
		if (fd < 0)
			return fail_errno(err, "open", path);
		if (is_new)
			ret = give_away(fd, path, pool, err);
		if (ret == CV_OK && flock(fd, LOCK_EX) < 0)
			ret = fail_errno(err, "lock", path);
		if (ret == CV_OK && fstat(fd, &here) == 0 &&
		    lstat(path, &there) == 0 && here.st_ino == there.st_ino &&
		    here.st_dev == there.st_dev) {
			*fd_r = fd;
			return CV_OK;
		}
		(void)close(fd);
		if (ret < 0)
			return ret;
	}
	return CV_FAIL(err, CV_E_TEMP, "'%s' changes all the time", path);
}

static int write_all(int fd, struct cv_span text, const char *path,
		     struct cv_error *err)
{
	while (text.len > 0) {
		ssize_t ret = write(fd, text.data, text.len);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0)
			return fail_errno(err, "write", path);
		text = cv_span_skip(text, (size_t)ret);
	}
	return CV_OK;
}

static int sync_folder(const char *path, struct cv_pool *pool,
		       struct cv_error *err)
{
	const char *folder = folder_of(pool, path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = fd < 0 || fsync(fd) < 0 ?
		fail_errno(err, "sync", folder) : CV_OK;

	if (fd >= 0)
		(void)close(fd);
	return ret;
}

static int fill(int fd, int old, const char *path, struct cv_span text,
		struct cv_error *err)
{
	struct stat st;
	int ret = write_all(fd, text, path, err);

	if (ret < 0)
		return ret;
	if (fstat(old, &st) < 0 || fchmod(fd, st.st_mode & 07777) < 0 ||
	    (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0))
		return fail_errno(err, "give owner and mode to", path);
	return fsync(fd) < 0 ? fail_errno(err, "sync", path) : CV_OK;
}

/* A new file in the place of the old one, which is locked. */
static int replace(const char *path, int old, struct cv_span text,
		   struct cv_pool *pool, struct cv_error *err)
{
	const char *temp = with_suffix(pool, path, ".tmp");
	int fd, ret;

	/* one that was left behind by a crash: the lock is ours */
	if (unlink(temp) < 0 && errno != ENOENT)
		return fail_errno(err, "remove", temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		  FILE_MODE);
	if (fd < 0)
		return fail_errno(err, "create", temp);
	ret = fill(fd, old, temp, text, err);
	if (close(fd) < 0 && ret == CV_OK)
		ret = fail_errno(err, "close", temp);
	if (ret == CV_OK && rename(temp, path) < 0)
		ret = fail_errno(err, "replace", path);
	if (ret < 0) {
		(void)unlink(temp);
		return ret;
	}
	return sync_folder(path, pool, err);
}

int apppassword_file_change(const char *path, struct cv_pool *pool,
			    apppassword_change_fn *change, void *context,
			    struct cv_error *err)
{
	struct cv_span old;
	struct cv_text text;
	int fd, ret = open_locked(path, pool, &fd, err);

	if (ret < 0)
		return ret;
	cv_text_init(&text, pool);
	ret = read_fd(fd, path, pool, &old, err);
	if (ret == CV_OK)
		ret = change(context, old, &text, err);
	if (ret == CV_OK)
		ret = replace(path, fd, cv_text_span(&text), pool, err);
	(void)close(fd);
	return ret;
}

/* The time of the last use that is noted, 0 none. */
static uint64_t last_use(struct cv_span text, struct cv_span user,
			 struct cv_span id)
{
	struct cv_span line;
	struct apppassword_use use;
	uint64_t last = 0;

	while (apppassword_next_line(&text, &line)) {
		if (apppassword_parse_use(line, &use) == CV_OK &&
		    cv_span_equal(use.user, user) &&
		    cv_span_equal(use.id, id))
			last = use.time;
	}
	return last;
}

/* Only the last line of each id. */
static void shorten(struct cv_span text, struct cv_text *out)
{
	struct cv_span rest = text, line;
	struct apppassword_use use;

	while (apppassword_next_line(&rest, &line)) {
		/* the last of its kind has nothing like it behind it */
		if (apppassword_parse_use(line, &use) != CV_OK ||
		    (rest.data != NULL &&
		     last_use(rest, use.user, use.id) != 0))
			continue;
		cv_text_append_span(out, line);
		cv_text_append_c(out, '\n');
	}
}

int apppassword_file_used(const char *path, struct cv_pool *pool,
			  const char *user, struct cv_span id, uint64_t now,
			  const char *ip, struct cv_error *err)
{
	const char *used = with_suffix(pool, path, ".used");
	struct cv_span old;
	struct cv_text line, text;
	int fd, ret = open_locked(used, pool, &fd, err);

	if (ret < 0)
		return ret;
	cv_text_init(&line, pool);
	cv_text_init(&text, pool);
	cv_text_append_f(&line, "%s\t%.*s\t%llu\t%s\n", user, CV_SPAN_ARG(id),
			 (unsigned long long)now, ip);
	ret = read_fd(fd, used, pool, &old, err);
	if (ret == CV_OK && old.len > APPPASSWORD_USED_MAX) {
		shorten(old, &text);
		cv_text_append_span(&text, cv_text_span(&line));
		ret = replace(used, fd, cv_text_span(&text), pool, err);
	} else if (ret == CV_OK &&
		   last_use(old, cv_span_of(user), id) +
		   APPPASSWORD_USED_SECS <= now) {
		ret = write_all(fd, cv_text_span(&line), used, err);
	}
	(void)close(fd);
	return ret;
}
