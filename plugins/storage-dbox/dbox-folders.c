/* dbox-folders.c - the list of folders: finding, making, renaming, removing.
 * A folder is there when its dbox-Mails is. */
#include "dbox.h"

enum { REMOVE_TRIES = 20 };

/* Beside "mailboxes", so that neither Dovecot nor we list it; what a process
 * that died left there, the next list of folders removes. */
#define TRASHED ".culver-trashed-"

/* The tree is ours alone, but a process may die between a change of it and
 * the commit that says so: each change leaves its time in one place. */
int dbox_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
		       struct cv_error *err)
{
	struct { uint64_t inode, seconds, nanoseconds; } now;
	struct stat st;
	bool same;

	if (DBOX_CALL(root, stat, root->fd, "mailboxes", &st) < 0)
		return common_fail(err, "stat", "mailboxes");
	now.inode = st.st_ino;
	now.seconds = (uint64_t)st.st_mtim.tv_sec;
	now.nanoseconds = (uint64_t)st.st_mtim.tv_nsec;
	same = stamp->len == sizeof(now) &&
		memcmp(stamp->data, &now, sizeof(now)) == 0;
	cv_text_reset(stamp);
	cv_text_append(stamp, &now, sizeof(now));
	/* a change within the same clock tick would not be seen */
	if (time(NULL) - st.st_mtim.tv_sec < 1)
		stamp->data[0] ^= 1;
	return same ? CV_OK : CV_CHANGED;
}

/* The tree is about to change, perhaps far below the directory whose time is
 * looked at. */
static int announce_change(struct cv_storage_root *root, struct cv_error *err)
{
	char name[64];
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	snprintf(name, sizeof(name), "mailboxes/.changed-%016llx",
		 (unsigned long long)random);
	if (DBOX_CALL(root, mkdir, root->fd, name, 0700) < 0 ||
	    DBOX_CALL(root, rmdir, root->fd, name) < 0)
		return common_fail(err, "change", "mailboxes");
	return CV_OK;
}

/* --- the tree ---------------------------------------------------------------------- */

struct scan {
	struct cv_storage_root *root;
	cv_folder_fn *fn;
	void *context;
};

static int found(void *context, struct cv_pool *pool, const char *name,
		 const char *path, unsigned char type)
{
	struct scan *scan = context;
	struct cv_folder_found folder = {
		CV_SIZED(cv_folder_found), .name = name, .selectable = true,
	};
	struct cv_text mails;
	struct stat st;

	(void)type;
	cv_text_init(&mails, pool);
	cv_text_append_f(&mails, "%s/%s", path, dbox_dirname(scan->root));
	if (DBOX_CALL(scan->root, stat, scan->root->fd, mails.data, &st) < 0)
		return errno == EACCES ? CV_NOT_FOUND : CV_OK;
	if (!S_ISDIR(st.st_mode))
		return CV_OK;
	return scan->fn(scan->context, &folder);
}

/* --- making --------------------------------------------------------------------------- */

/* The directory and those above it, up to the root. */
static int sync_path(struct cv_storage_root *root, const char *path,
		     struct cv_error *err)
{
	char part[4096];
	size_t len = strlen(path);
	int ret = CV_OK;

	if (len >= sizeof(part))
		return CV_FAIL(err, CV_E_PERM, "path is too long");
	memcpy(part, path, len + 1);
	while (ret == CV_OK) {
		char *slash = strrchr(part, '/');

		ret = dbox_sync_dir(root, root->fd, part, err);
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	if (ret == CV_OK && DBOX_CALL(root, fsync, root->fd) < 0)
		ret = common_fail(err, "sync", root->config->path);
	return ret;
}

int dbox_folder_create(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("dbox create");
	const char *level = dbox_level_path(root, pool, name);
	const char *path = dbox_path(root, pool, name);
	int ret = announce_change(root, err);

	if (ret == CV_OK)
		ret = common_dir_make(root->config, root->fd, level, 0700,
				      err);
	if (ret == CV_OK && DBOX_CALL(root, mkdir, root->fd, path, 0700) < 0)
		ret = common_fail(err, "create", path);
	if (ret == CV_OK)
		ret = sync_path(root, path, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- removing --------------------------------------------------------------------------- */

static int empty_dir(struct cv_storage_root *root, const char *path,
		     struct cv_error *err)
{
	int dirfd = DBOX_CALL(root, open, root->fd, path,
			      O_RDONLY | O_DIRECTORY, 0);
	struct cv_io_dir *dir;
	const char *entry;
	unsigned char type;
	int ret = CV_OK;

	if (dirfd < 0)
		return errno == ENOENT ? CV_OK : common_fail(err, "open", path);
	dir = DBOX_CALL(root, dir_open, dirfd, ".");
	if (dir == NULL)
		ret = common_fail(err, "read", path);
	while (dir != NULL &&
	       (entry = DBOX_API(root)->dir_next(dir, &type)) != NULL) {
		if (type != DT_DIR &&
		    DBOX_CALL(root, unlink, dirfd, entry) < 0 &&
		    errno != ENOENT)
			ret = common_fail(err, "remove", entry);
	}
	if (dir != NULL && DBOX_API(root)->dir_close(&dir) < 0)
		ret = common_fail(err, "read", path);
	dbox_close(root, dirfd);
	return ret;
}

static int remove_dir(struct cv_storage_root *root, const char *path,
		      struct cv_error *err)
{
	for (int tries = 0;; tries++) {
		int ret = empty_dir(root, path, err);

		if (ret != CV_OK ||
		    DBOX_CALL(root, rmdir, root->fd, path) == 0 ||
		    errno == ENOENT)
			return ret;
		/* whoever still saves there has its directory open */
		if ((errno != ENOTEMPTY && errno != EEXIST) ||
		    tries == REMOVE_TRIES)
			return common_fail(err, "remove", path);
	}
}

/* --- the alternative place --------------------------------------------------------------- */

/* It has the tree of root; false: there is none, or it is not to be reached. */
static bool alt_open(struct cv_storage_root *root,
		     struct cv_storage_root *alt_r)
{
	if (root->multi || root->alt[0] == '\0')
		return false;
	*alt_r = *root;
	alt_r->fd = DBOX_CALL(root, open, AT_FDCWD, root->alt,
			      O_RDONLY | O_DIRECTORY, 0);
	return alt_r->fd >= 0;
}

static void remove_alt(struct cv_storage_root *root, const char *path)
{
	struct cv_storage_root alt;

	if (!alt_open(root, &alt))
		return;
	(void)remove_dir(&alt, path, NULL);
	dbox_close(root, alt.fd);
}

/* Under the name that the folder itself has in the trash: what a process that
 * died left of it goes with that.  Else it would be in the next folder of this
 * name. */
static void trash_alt(struct cv_storage_root *root, const char *level,
		      const char *path, const char *trash)
{
	struct cv_storage_root alt;

	if (!alt_open(root, &alt))
		return;
	if (DBOX_CALL(&alt, rename, alt.fd, path, alt.fd, trash, false) == 0) {
		(void)dbox_sync_dir(&alt, alt.fd, level, NULL);
		(void)DBOX_CALL(&alt, fsync, alt.fd);
	}
	dbox_close(root, alt.fd);
}

/* Whoever renamed it there may still be at it: both may. */
static void clean_trash(struct cv_storage_root *root)
{
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, root->fd, ".");
	const char *entry;
	unsigned char type;

	if (dir == NULL)
		return;
	while ((entry = DBOX_API(root)->dir_next(dir, &type)) != NULL) {
		if (strncmp(entry, TRASHED, strlen(TRASHED)) == 0 &&
		    (type == DT_DIR || type == DT_UNKNOWN)) {
			remove_alt(root, entry);
			(void)remove_dir(root, entry, NULL);
		}
	}
	(void)DBOX_API(root)->dir_close(&dir);
}

int dbox_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		      void *context, struct cv_error *err)
{
	struct scan scan = { root, fn, context };
	struct common_walk walk = {
		.config = root->config, .layout = &dbox_layout,
		.self = dbox_self, .told = &root->told,
		.fd = root->fd, .top = "mailboxes", .found = found,
		.context = &scan,
	};

	if (root->config->create)
		clean_trash(root);
	return common_walk(&walk, err);
}

/* Directories that hold nothing any more, from below. */
static void remove_empty(struct cv_storage_root *root, const char *level)
{
	char part[4096];
	char *slash;

	if (strlen(level) >= sizeof(part))
		return;
	memcpy(part, level, strlen(level) + 1);
	while ((slash = strrchr(part, '/')) != NULL &&
	       DBOX_CALL(root, rmdir, root->fd, part) == 0)
		*slash = '\0';
}

/* Dovecot's messages in it are expunged with it.  What cannot be said now
 * costs room, and no mail. */
static void expunge_foreign(struct cv_storage_root *root, struct cv_span name)
{
	struct cv_storage_folder *folder;
	struct dbox_foreign *f = NULL;
	struct cv_span *refs;

	if (!root->multi ||
	    dbox_folder_open(root, name, CV_SPAN(""), &folder, NULL) < 0)
		return;
	if (dbox_foreign_load(folder, &f, NULL) == CV_OK) {
		refs = CV_ALLOC_ARRAY(folder->pool, struct cv_span,
				      (size_t)f->count + 1);
		for (uint32_t i = 0; i < f->count; i++)
			refs[i] = f->messages[i].ref;
		(void)mdbox_ledger_add(root, f->uidvalidity, refs, f->count,
				       NULL);
	}
	dbox_folder_close(&folder);
}

int dbox_folder_remove(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("dbox remove");
	const char *level = dbox_level_path(root, pool, name);
	const char *path = dbox_path(root, pool, name);
	char trash[64];
	uint64_t random;
	int ret = announce_change(root, err);

	if (ret < 0) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	expunge_foreign(root, name);
	/* gone at once: no folder has a name like this */
	cv_api->random(&random, sizeof(random));
	snprintf(trash, sizeof(trash), TRASHED "%016llx",
		 (unsigned long long)random);
	if (DBOX_CALL(root, rename, root->fd, path, root->fd, trash,
		      false) == 0) {
		trash_alt(root, level, path, trash);
		ret = dbox_sync_dir(root, root->fd, level, err);
		if (ret == CV_OK && DBOX_CALL(root, fsync, root->fd) < 0)
			ret = common_fail(err, "sync", root->config->path);
		/* before the other, which says that there is something */
		remove_alt(root, trash);
		if (ret == CV_OK)
			ret = remove_dir(root, trash, err);
	} else if (errno != ENOENT) {
		ret = common_fail(err, "remove", path);
	}
	if (ret == CV_OK) {
		remove_alt(root, path);
		remove_empty(root, level);
		ret = dbox_sync_dir(root, root->fd, "mailboxes", err);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- renaming --------------------------------------------------------------------------- */

static void rename_alt(struct cv_storage_root *root, const char *from,
		       const char *level, const char *to)
{
	int fd;

	if (root->multi || root->alt[0] == '\0')
		return;
	fd = DBOX_CALL(root, open, AT_FDCWD, root->alt,
		       O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	if (common_dir_make(root->config, fd, level, 0700, NULL) == CV_OK &&
	    DBOX_CALL(root, rename, fd, from, fd, to, true) < 0 &&
	    errno != ENOENT)
		cv_api->log(dbox_self, CV_LOG_ERROR, "cannot rename '%s/%s': "
			    "%s", root->alt, from, strerror(errno));
	dbox_close(root, fd);
}

int dbox_folder_rename(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span new_name, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("dbox rename");
	const char *from = dbox_path(root, pool, name);
	const char *to = dbox_path(root, pool, new_name);
	const char *level = dbox_level_path(root, pool, new_name);
	int ret = announce_change(root, err);

	if (ret == CV_OK)
		ret = common_dir_make(root->config, root->fd, level, 0700,
				      err);
	if (ret == CV_OK &&
	    DBOX_CALL(root, rename, root->fd, from, root->fd, to, true) < 0)
		ret = common_fail(err, "rename", from);
	if (ret == CV_OK) {
		rename_alt(root, from, level, to);
		ret = sync_path(root, to, err);
	}
	if (ret == CV_OK)
		/* where it was; gone with its last folder */
		(void)dbox_sync_dir(root, root->fd, dbox_level_path(
			root, pool, name), NULL);
	if (ret == CV_OK)
		remove_empty(root, dbox_level_path(root, pool, name));
	cv_api->pool_destroy(&pool);
	return ret;
}
