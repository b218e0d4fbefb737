/* maildir-remove.c - removing folders.
 *
 * A folder is gone at once for everybody: it goes into a directory that nobody
 * lists (trash_dir), in a Maildir++ tree the one that Dovecot has for
 * the same purpose, under a name of its own that says since when.  What a
 * process that died left there, the list of folders removes.  That the one
 * that put it there is still at it is no harm: what is already gone is no
 * error to either.
 *
 * With LAYOUT=fs a folder's directory has those of its children in it, and
 * stays for them.  Its messages go one directory after the other then, cur as
 * the last: as long as that is there it is a folder, which can be removed
 * again, and afterwards nothing of it is left. */
#include "maildir.h"

#include <inttypes.h>
#include <stdlib.h>

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

/* A name in the trash that is nobody else's; its directory is there. */
static int trash_name(struct cv_storage_root *root, char trash[static 512])
{
	const char *dir = root->trash_dir;
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	if ((size_t)snprintf(trash, 512, "%s/" TRASHED "%llx-%016llx", dir,
			     (unsigned long long)time(NULL),
			     (unsigned long long)random) >= 512)
		return -1;
	return common_dir_make(root->config, root->fd, dir,
			       maildir_root_mode(root), NULL);
}

/* False: it stays where it is. */
static bool to_trash(struct cv_storage_root *root, const char *path,
		     char trash[static 512])
{
	for (int tries = 0; tries < TRASH_TRIES; tries++) {
		if (trash_name(root, trash) < 0)
			return false;
		if (MD_CALL(root, rename, root->fd, path, root->fd, trash,
			    false) == 0)
			return true;
		/* another process has just removed an empty trash */
		if (errno != ENOENT)
			break;
	}
	(void)MD_CALL(root, rmdir, root->fd, root->trash_dir);
	return false;
}

/* Where it is, and where it was. */
static int sync_trash(struct cv_storage_root *root, const char *path,
		      const char *trash, struct cv_error *err)
{
	if (common_parent_sync(root->config, root->fd, trash) < 0 ||
	    (common_parent_sync(root->config, root->fd, path) < 0 &&
	     errno != ENOENT) || MD_CALL(root, fsync, root->fd) < 0)
		return common_fail(err, "sync", root->config->path);
	return CV_OK;
}

/* --- directories with children in them -------------------------------------------- */

static bool is_subdir(const char *entry)
{
	return strcmp(entry, "cur") == 0 || strcmp(entry, "new") == 0 ||
		strcmp(entry, "tmp") == 0;
}

static bool has_children(struct cv_storage_root *root, const char *path)
{
	struct cv_io_dir *dir = MD_CALL(root, dir_open, root->fd, path);
	const char *entry;
	unsigned char type;
	bool found = false;

	if (dir == NULL)
		return false;
	while ((entry = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (type != DT_REG && !is_subdir(entry))
			found = true;
	}
	/* who cannot be asked may have some */
	return MAILDIR_API(root)->dir_close(&dir) < 0 || found;
}

/* A directory that has none goes as one.  False: it has, or it stays. */
static bool to_trash_whole(struct cv_storage_root *root, const char *path,
			   char trash[static 512])
{
	if (root->fs && has_children(root, path))
		return false;
	if (!to_trash(root, path, trash))
		return false;
	/* another program has made one meanwhile */
	if (root->fs && has_children(root, trash) &&
	    MD_CALL(root, rename, root->fd, trash, root->fd, path, true) == 0)
		return false;
	return true;
}

/* False: some of it stays. */
static bool to_trash_in_parts(struct cv_storage_root *root, const char *path,
			      char trash[static 512])
{
	static const char *const subdirs[] = { "new", "tmp", "cur" };
	int dirfd = MD_CALL(root, open, root->fd, path,
			    O_RDONLY | O_DIRECTORY, 0);
	char to[520];
	bool moved = dirfd >= 0 && trash_name(root, trash) == CV_OK &&
		MD_CALL(root, mkdir, root->fd, trash,
			maildir_root_mode(root)) == 0;

	if (moved)
		remove_control_files(root, dirfd);
	for (size_t i = 0; i < 3 && moved; i++) {
		snprintf(to, sizeof(to), "%s/%s", trash, subdirs[i]);
		moved = MD_CALL(root, rename, dirfd, subdirs[i], root->fd,
				to, false) == 0 || errno == ENOENT;
	}
	MAILDIR_API(root)->close(MAILDIR_IO(root), dirfd);
	return moved;
}

/* --- what was left behind ---------------------------------------------------------- */

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

void maildir_trash_clean(struct cv_storage_root *root, uint32_t *files)
{
	const char *trash = root->trash_dir, *name;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, root->fd, trash);
	unsigned char type;
	char path[512];

	if (dir == NULL)
		return;
	while ((name = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (!cv_span_begins(cv_span_of(name), CV_SPAN(TRASHED)) ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", trash,
				     name) >= sizeof(path))
			continue;
		if (is_left(name))
			clean(root, path, files);
		else
			root->trash_waits = true;
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
	(void)MD_CALL(root, rmdir, root->fd, trash);
}

bool maildir_trash_found(struct cv_storage_root *root, const char *entry,
			 uint32_t *files)
{
	if (cv_span_begins(cv_span_of(entry), CV_SPAN(TRASHED_BEFORE))) {
		clean(root, entry, files);
		return true;
	}
	if (strcmp(entry, root->trash_dir) != 0)
		return false;
	maildir_trash_clean(root, files);
	return true;
}

/* --- removing -------------------------------------------------------------------- */

/* Directories that hold nothing any more, from below: levels above that are no
 * folders, and what a folder's own is in with DIRNAME=. */
static void remove_empty_levels(struct cv_storage_root *root,
				struct cv_pool *pool, const char *path)
{
	char *level = common_strdup(pool, path);
	char *slash;

	while (level[0] != '/' && (slash = strrchr(level, '/')) != NULL) {
		*slash = '\0';
		if (MD_CALL(root, rmdir, root->fd, level) < 0)
			break;
	}
}

int maildir_folder_remove(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir remove");
	const char *path = maildir_path(root, pool, name);
	uint32_t all = UINT32_MAX;
	char trash[512];
	bool movable = strcmp(path, ".") != 0 && path[0] != '/';
	bool whole = movable && to_trash_whole(root, path, trash);
	bool trashed = whole || (movable && root->fs &&
				 to_trash_in_parts(root, path, trash));
	int ret = CV_OK;

	/* before it is half empty */
	if (trashed)
		ret = sync_trash(root, path, trash, err);
	if (ret == CV_OK)
		ret = remove_tree(root, trashed ? trash : path, &all, err);
	if (trashed && !whole)
		(void)MD_CALL(root, rmdir, root->fd, path);
	if (trashed)
		(void)MD_CALL(root, rmdir, root->fd, root->trash_dir);
	if (ret == CV_OK)
		remove_empty_levels(root, pool, path);
	if (ret == CV_OK && MD_CALL(root, fsync, root->fd) < 0)
		ret = common_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}
