/* mbox-root.c - the tree: finding, making, renaming, removing folders. */
#include "mbox.h"

char *mbox_strdup(struct cv_pool *pool, const char *text)
{
	size_t len = strlen(text);
	char *copy = cv_api->alloc(pool, len + 1);

	memcpy(copy, text, len);
	return copy;
}

int mbox_fail(struct cv_error *err, const char *what, const char *name)
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
		code = CV_E_DENIED;
		break;
	}
	return CV_FAIL(err, code, "cannot %s '%s': %s", what, name,
		       strerror(number));
}

/* --- opening ----------------------------------------------------------------------- */

int mbox_detect(const struct cv_storage_config *config)
{
	struct cv_storage_root root = { .config = config };
	struct stat st;
	bool is_ours = false;
	int fd = MB_CALL(&root, open, AT_FDCWD, config->path,
			 O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return CV_NOT_FOUND;
	is_ours = MB_CALL(&root, stat, fd, ".imap", &st) == 0 &&
		S_ISDIR(st.st_mode);
	if (!is_ours && MB_CALL(&root, stat, fd, "inbox", &st) == 0)
		is_ours = S_ISREG(st.st_mode);
	if (!is_ours && MB_CALL(&root, stat, fd, "mbox", &st) == 0)
		is_ours = S_ISREG(st.st_mode);
	mbox_close_fd(&root, &fd);
	return is_ours ? CV_OK : CV_NOT_FOUND;
}

/* A name is durable when its directory was synced: that of "a/b" is "a". */
static int sync_parent(struct cv_storage_root *root, int dirfd,
		       const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[4096] = ".";
	int fd, result;

	if (slash != NULL)
		(void)snprintf(parent, sizeof(parent), "%.*s",
			       slash == path ? 1 : (int)(slash - path), path);
	fd = MB_CALL(root, open, dirfd, parent, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return -1;
	result = MB_CALL(root, fsync, fd);
	mbox_close_fd(root, &fd);
	return result;
}

/* Makes the directory and its parents. */
static int make_path(struct cv_storage_root *root, const char *path)
{
	struct cv_text part;
	const char *at = path;

	cv_text_init(&part, root->pool);
	while (*at != '\0') {
		const char *end = strchr(at + 1, '/');

		if (end == NULL)
			end = at + strlen(at);
		cv_text_append(&part, at, (size_t)(end - at));
		at = end;
		if (MB_CALL(root, mkdir, AT_FDCWD, part.data, 0700) == 0) {
			if (sync_parent(root, AT_FDCWD, part.data) < 0)
				return -1;
		} else if (errno != EEXIST &&
			   (*at == '\0' || errno != EACCES)) {
			return -1;
		}
	}
	return 0;
}

static int open_dir(struct cv_storage_root *root, const char *path,
		    int *fd_r, struct cv_error *err)
{
	struct cv_text text;

	/* the last part may be a link that the administrator made */
	cv_text_init(&text, root->pool);
	cv_text_append_f(&text, "%s/.", path);
	*fd_r = MB_CALL(root, open, AT_FDCWD, text.data,
			O_RDONLY | O_DIRECTORY, 0);
	if (*fd_r < 0 && errno == ENOENT && root->config->create) {
		if (make_path(root, path) < 0)
			return mbox_fail(err, "create", path);
		*fd_r = MB_CALL(root, open, AT_FDCWD, text.data,
				O_RDONLY | O_DIRECTORY, 0);
	}
	return *fd_r < 0 ? mbox_fail(err, "open", path) : CV_OK;
}

static const struct mbox_settings *find_settings(
	const struct cv_storage_config *config)
{
	const struct mbox_settings *set = NULL;

	if (mbox_user_api != NULL && config->user != NULL)
		set = mbox_user_api->settings(config->user, mbox_self);
	return set == NULL ? &mbox_defaults : set;
}

static int check_methods(const struct cv_strings *methods, const char *name,
			 struct cv_error *err)
{
	for (uint32_t i = 0; i < methods->count; i++) {
		const char *m = methods->items[i];

		if (strcmp(m, "fcntl") != 0 && strcmp(m, "flock") != 0 &&
		    strcmp(m, "dotlock") != 0 &&
		    strcmp(m, "dotlock_try") != 0)
			return CV_FAIL(err, CV_E_CONFIG, "%s: '%s' is not "
				       "known (fcntl, flock, dotlock, "
				       "dotlock_try)", name, m);
	}
	return CV_OK;
}

int mbox_root_open(const struct cv_storage_config *config,
		   struct cv_storage_root **root_r, struct cv_error *err)
{
	struct cv_storage_root *root =
		CV_ALLOC(config->pool, struct cv_storage_root);
	struct cv_text own;
	int ret;

	root->config = config;
	root->pool = config->pool;
	root->fd = root->own_fd = -1;
	root->settings = find_settings(config);
	root->inbox = config->inbox[0] == '\0' ? "inbox" : config->inbox;
	if (config->layout[0] != '\0' && strcmp(config->layout, "fs") != 0)
		return CV_FAIL(err, CV_E_CONFIG, "mail_location: layout '%s' "
			       "is not possible with mbox (fs)",
			       config->layout);
	ret = check_methods(&root->settings->mbox_read_locks,
			    "mbox_read_locks", err);
	if (ret == CV_OK)
		ret = check_methods(&root->settings->mbox_write_locks,
				    "mbox_write_locks", err);
	if (ret == CV_OK)
		ret = open_dir(root, config->path, &root->fd, err);
	cv_text_init(&own, root->pool);
	if (CV_HAS(config, index) && config->index != NULL &&
	    config->index[0] != '\0' && strcmp(config->index, "MEMORY") != 0)
		cv_text_append_f(&own, "%s/mbox", config->index);
	else
		cv_text_append_f(&own, "%s/.imap/mbox", config->path);
	if (ret == CV_OK)
		ret = open_dir(root, own.data, &root->own_fd, err);
	*root_r = root;
	if (ret < 0)
		mbox_root_close(root_r);
	return ret;
}

void mbox_root_close(struct cv_storage_root **root)
{
	if (*root == NULL)
		return;
	mbox_close_fd(*root, &(*root)->fd);
	mbox_close_fd(*root, &(*root)->own_fd);
	*root = NULL;
}

/* --- the list of folders -------------------------------------------------------------- */

int mbox_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
		       struct cv_error *err)
{
	(void)root; (void)stamp; (void)err;
	return CV_CHANGED;	/* no stamp covers a whole tree */
}

struct walk {
	struct cv_pool *pool;
	struct cv_storage_root *root;
	struct stat inbox;		/* st_ino 0: none */
	char **names, **dirs;		/* still to be looked into */
	size_t count, room;
	cv_folder_fn *fn;
	void *context;
};

static void walk_add(struct walk *walk, const char *name, const char *dir)
{
	if (walk->count == walk->room) {
		size_t room = walk->room * 2 + 64;
		char **names = CV_ALLOC_ARRAY(walk->pool, char *, room);
		char **dirs = CV_ALLOC_ARRAY(walk->pool, char *, room);

		if (walk->count > 0) {
			memcpy(names, walk->names,
			       walk->count * sizeof(*names));
			memcpy(dirs, walk->dirs, walk->count * sizeof(*dirs));
		}
		walk->names = names;
		walk->dirs = dirs;
		walk->room = room;
	}
	walk->names[walk->count] = mbox_strdup(walk->pool, name);
	walk->dirs[walk->count++] = mbox_strdup(walk->pool, dir);
}

static int report(struct walk *walk, const char *name)
{
	struct cv_folder_found found = {
		CV_SIZED(cv_folder_found), .name = name, .selectable = true,
	};

	return walk->fn(walk->context, &found);
}

static int walk_entry(struct walk *walk, const char *name, const char *path)
{
	struct cv_storage_root *root = walk->root;
	const char *dirname = root->config->dirname;
	struct stat st;
	struct cv_text box;

	if (MB_CALL(root, stat, root->fd, path, &st) < 0)
		return CV_OK;
	if (S_ISDIR(st.st_mode)) {
		if (walk->count < 100000)
			walk_add(walk, name, path);
		if (dirname[0] == '\0')
			return CV_OK;
		cv_text_init(&box, walk->pool);
		cv_text_append_f(&box, "%s/%s", path, dirname);
		if (MB_CALL(root, stat, root->fd, box.data, &st) < 0)
			return CV_OK;
	} else if (dirname[0] != '\0') {
		return CV_OK;
	}
	if (!S_ISREG(st.st_mode) ||
	    (st.st_ino == walk->inbox.st_ino &&
	     st.st_dev == walk->inbox.st_dev))
		return CV_OK;
	return report(walk, name);
}

static int walk_dir(struct walk *walk, const char *name, const char *dir,
		    struct cv_error *err)
{
	struct cv_storage_root *root = walk->root;
	struct cv_io_dir *d = MB_CALL(root, dir_open, root->fd,
				      dir[0] == '\0' ? "." : dir);
	struct cv_text child, path;
	const char *entry;
	unsigned char type;
	int ret = CV_OK;

	if (d == NULL)
		return errno == ENOENT || errno == ENOTDIR ||
			errno == ELOOP || errno == EACCES ? CV_OK :
			mbox_fail(err, "read", dir);
	cv_text_init(&child, walk->pool);
	cv_text_init(&path, walk->pool);
	while (ret == CV_OK &&
	       (entry = MBOX_API(root)->dir_next(d, &type)) != NULL) {
		if (entry[0] == '.' || (type != DT_DIR && type != DT_REG &&
					type != DT_UNKNOWN))
			continue;
		cv_text_reset(&child);
		cv_text_reset(&path);
		if (*name != '\0')
			cv_text_append_f(&child, "%s/", name);
		if (*dir != '\0')
			cv_text_append_f(&path, "%s/", dir);
		cv_text_append_str(&path, entry);
		if (mbox_level_decode(root, cv_span_of(entry), &child) &&
		    mbox_name_check(root, cv_text_span(&child), NULL) ==
		    CV_OK &&
		    !cv_span_is_icase(cv_text_span(&child), "INBOX"))
			ret = walk_entry(walk, cv_text_str(&child),
					 cv_text_str(&path));
	}
	if (MBOX_API(root)->dir_close(&d) < 0 && ret == CV_OK)
		ret = mbox_fail(err, "read", dir);
	return ret;
}

int mbox_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		      void *context, struct cv_error *err)
{
	struct walk walk = { .root = root, .fn = fn, .context = context };
	int ret;

	walk.pool = cv_api->pool_create("mbox tree");
	if (MB_CALL(root, stat, root->fd, root->inbox, &walk.inbox) < 0)
		walk.inbox.st_ino = 0;
	ret = walk_dir(&walk, "", "", err);
	for (size_t i = 0; ret == CV_OK && i < walk.count; i++)
		ret = walk_dir(&walk, walk.names[i], walk.dirs[i], err);
	cv_api->pool_destroy(&walk.pool);
	return ret;
}

/* --- making and removing ---------------------------------------------------------------- */

static int make_parents(struct cv_storage_root *root, const char *path,
			struct cv_error *err)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return CV_FAIL(err, CV_E_PERM, "path is too long");
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (MB_CALL(root, mkdir, root->fd, part, 0700) == 0) {
			if (sync_parent(root, root->fd, part) < 0)
				return mbox_fail(err, "sync", part);
			continue;
		}
		if (errno == EEXIST)
			continue;
		if (errno != ENOTDIR)
			return mbox_fail(err, "create", part);
		CV_FAIL(err, CV_E_PERM, "'%s' is a file", part);
		return cv_api->error_set_client(
			err, "A mailbox with messages cannot have children.");
	}
	return CV_OK;
}

int mbox_folder_create(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool;
	const char *path;
	struct stat st;
	int fd, ret;

	if (cv_span_is(name, "INBOX"))
		return MB_CALL(root, stat, root->fd, root->inbox, &st) == 0 ?
			CV_FAIL(err, CV_E_EXISTS, "INBOX exists") : CV_OK;
	pool = cv_api->pool_create("mbox create");
	path = mbox_path(root, pool, name);
	ret = make_parents(root, path, err);
	if (ret == CV_OK) {
		fd = MB_CALL(root, open, root->fd, path,
			     O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 && errno == ENOTDIR)
			ret = CV_FAIL(err, CV_E_PERM, "'%s': a level above "
				      "is a file", path);
		else if (fd < 0)
			ret = mbox_fail(err, "create", path);
		else if (MB_CALL(root, fsync, fd) < 0 ||
			 sync_parent(root, root->fd, path) < 0)
			ret = mbox_fail(err, "sync", path);
		mbox_close_fd(root, &fd);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_folder_remove(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox remove");
	const char *path = mbox_path(root, pool, name);
	int ret = CV_OK;

	if (MB_CALL(root, unlink, root->fd, path) < 0 && errno != ENOENT)
		ret = mbox_fail(err, "remove", path);
	if (ret == CV_OK)
		mbox_map_remove(root, mbox_own_name(pool, name));
	/* the directory of a DIRNAME folder that has no children */
	if (ret == CV_OK && root->config->dirname[0] != '\0') {
		char *slash = strrchr(mbox_strdup(pool, path), '/');

		if (slash != NULL) {
			size_t len = strlen(path) - strlen(slash);
			char *dir = mbox_strdup(pool, path);

			dir[len] = '\0';
			(void)MB_CALL(root, rmdir, root->fd, dir);
		}
	}
	if (ret == CV_OK && sync_parent(root, root->fd, path) < 0 &&
	    errno != ENOENT)
		ret = mbox_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_folder_rename(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span new_name, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox rename");
	const char *from = mbox_path(root, pool, name);
	const char *to = mbox_path(root, pool, new_name);
	const char *own = mbox_own_name(pool, name);
	const char *new_own = mbox_own_name(pool, new_name);
	int ret = make_parents(root, to, err);

	if (ret == CV_OK && MB_CALL(root, rename, root->fd, from, root->fd,
				    to, true) < 0)
		ret = mbox_fail(err, "rename", from);
	if (ret == CV_OK) {
		mbox_map_remove(root, new_own);
		mbox_map_rename(root, own, new_own);
	}
	if (ret == CV_OK && (sync_parent(root, root->fd, to) < 0 ||
			     sync_parent(root, root->fd, from) < 0 ||
			     MB_CALL(root, fsync, root->own_fd) < 0))
		ret = mbox_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}
