/* maildir-remove.c - removing folders.
 *
 * A folder of a Maildir++ tree is gone at once for everybody: it goes into the
 * directory TRASH, which Dovecot has for the same purpose and lists no more
 * than we do, under a name of its own that says since when.  What a process
 * that died left there, the list of folders removes (maildir_trash_clean).
 * That the one that put it there is still at it is no harm: what is already
 * gone is no error to either. */
#include "maildir.h"

#include <inttypes.h>
#include <stdlib.h>

#define TRASH "..DOVECOT-TRASHED"
#define TRASHED "culver-"
/* Where our older versions put them. */
#define TRASHED_BEFORE "..culver-trashed-"

enum { REMOVE_TRIES = 100, TRASH_SECONDS = 60, TRASH_TRIES = 5 };

/* Removes the files in a directory, at most *left; directories in it stay. */
static int empty_dir(struct cv_storage_root *root, int dirfd,
		     const char *name, uint32_t *left)
{
	struct cv_io_dir *dir = MD_CALL(root, dir_open, dirfd, name);
	const char *entry;
	unsigned char type;
	char path[MAILDIR_PATH_MAX];
	int failed = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -1;
	while (*left > 0 &&
	       (entry = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (type == DT_DIR ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", name,
				     entry) >= sizeof(path))
			continue;
		*left -= *left < UINT32_MAX;
		if (MD_CALL(root, unlink, dirfd, path) < 0 &&
		    errno != ENOENT && errno != EISDIR && errno != EPERM)
			failed = errno;
	}
	if (MAILDIR_API(root)->dir_close(&dir) < 0)
		return -1;
	errno = failed;
	return failed == 0 ? 0 : -1;
}

/* What is no folder of its own in an fs tree: control files. */
static void remove_control_files(struct cv_storage_root *root, int dirfd)
{
	struct cv_io_dir *dir = MD_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	unsigned char type;

	if (dir == NULL)
		return;
	while ((entry = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (type == DT_REG)
			(void)MD_CALL(root, unlink, dirfd, entry);
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
}

static int remove_subdir(struct cv_storage_root *root, int dirfd,
			 const char *name, uint32_t *left,
			 struct cv_error *err)
{
	for (int tries = 0;; tries++) {
		if (empty_dir(root, dirfd, name, left) < 0)
			return common_fail(err, "remove", name);
		if (MD_CALL(root, rmdir, dirfd, name) == 0 || errno == ENOENT)
			return CV_OK;
		/* whoever still saves there has its directory open */
		if ((errno != ENOTEMPTY && errno != EEXIST) ||
		    tries == REMOVE_TRIES || *left == 0)
			return common_fail(err, "remove", name);
	}
}

/* left: how many files may be removed; UINT32_MAX: all. */
static int remove_tree(struct cv_storage_root *root, const char *path,
		       uint32_t *left, struct cv_error *err)
{
	int dirfd = MD_CALL(root, open, root->fd, path,
			    O_RDONLY | O_DIRECTORY, 0);
	static const char *const subdirs[] = { "cur", "new", "tmp" };
	int ret = CV_OK;

	if (dirfd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(err, "open", path);
	/* cur goes first: from then on it is no folder */
	for (size_t i = 0; i < 3 && ret == CV_OK; i++)
		ret = remove_subdir(root, dirfd, subdirs[i], left, err);
	if (ret == CV_OK)
		remove_control_files(root, dirfd);
	MAILDIR_API(root)->close(MAILDIR_IO(root), dirfd);
	/* children of an fs folder keep the directory */
	if (ret == CV_OK && MD_CALL(root, rmdir, root->fd, path) < 0 &&
	    errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
		ret = common_fail(err, "remove", path);
	return ret;
}

/* --- what waits to be removed --------------------------------------------------- */

/* False: it stays where it is. */
static bool to_trash(struct cv_storage_root *root, const char *path,
		     char trash[static 96])
{
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	snprintf(trash, 96, TRASH "/" TRASHED "%llx-%016llx",
		 (unsigned long long)time(NULL), (unsigned long long)random);
	for (int tries = 0; tries < TRASH_TRIES; tries++) {
		if (MD_CALL(root, mkdir, root->fd, TRASH,
			    maildir_root_mode(root)) < 0 && errno != EEXIST)
			return false;
		if (MD_CALL(root, rename, root->fd, path, root->fd, trash,
			    false) == 0)
			return true;
		/* another process has just removed an empty TRASH */
		if (errno != ENOENT)
			break;
	}
	(void)MD_CALL(root, rmdir, root->fd, TRASH);
	return false;
}

/* Where it is, and where it was. */
static int sync_trash(struct cv_storage_root *root, struct cv_error *err)
{
	int fd = MD_CALL(root, open, root->fd, TRASH, O_RDONLY | O_DIRECTORY,
			 0);
	int ret = CV_OK;

	if (fd < 0 || MD_CALL(root, fsync, fd) < 0 ||
	    MD_CALL(root, fsync, root->fd) < 0)
		ret = common_fail(err, "sync", root->config->path);
	if (fd >= 0)
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	return ret;
}

/* Has it been there so long that nobody is at it any more? */
static bool is_left(const char *name)
{
	const char *since = name + strlen(TRASHED);
	char *end;
	uintmax_t at = strtoumax(since, &end, 16);
	time_t now = time(NULL);

	return end == since || *end != '-' || at > (uintmax_t)now ||
		(uintmax_t)now - at > TRASH_SECONDS;
}

static void clean(struct cv_storage_root *root, const char *path,
		  uint32_t *files)
{
	if ((*files == 0 || remove_tree(root, path, files, NULL) < 0) &&
	    *files == 0)
		root->trash_waits = true;
}

bool maildir_trash_clean(struct cv_storage_root *root, const char *entry,
			 uint32_t *files)
{
	struct cv_io_dir *dir;
	const char *name;
	unsigned char type;
	char path[512];

	if (cv_span_begins(cv_span_of(entry), CV_SPAN(TRASHED_BEFORE))) {
		clean(root, entry, files);
		return true;
	}
	if (strcmp(entry, TRASH) != 0)
		return false;
	dir = MD_CALL(root, dir_open, root->fd, TRASH);
	if (dir == NULL)
		return true;
	while ((name = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (!cv_span_begins(cv_span_of(name), CV_SPAN(TRASHED)) ||
		    (size_t)snprintf(path, sizeof(path), TRASH "/%s",
				     name) >= sizeof(path))
			continue;
		if (is_left(name))
			clean(root, path, files);
		else
			root->trash_waits = true;
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
	(void)MD_CALL(root, rmdir, root->fd, TRASH);
	return true;
}

/* --- removing -------------------------------------------------------------------- */

int maildir_folder_remove(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir remove");
	const char *path = maildir_path(root, pool, name);
	uint32_t all = UINT32_MAX;
	char trash[96];
	bool trashed = !root->fs && strcmp(path, ".") != 0 &&
		to_trash(root, path, trash);
	int ret = CV_OK;

	/* before it is half empty */
	if (trashed)
		ret = sync_trash(root, err);
	if (ret == CV_OK)
		ret = remove_tree(root, trashed ? trash : path, &all, err);
	if (trashed)
		(void)MD_CALL(root, rmdir, root->fd, TRASH);
	if (ret == CV_OK && MD_CALL(root, fsync, root->fd) < 0)
		ret = common_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}
