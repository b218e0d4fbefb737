/* mbox-root.c - the tree: finding, making, renaming, removing folders. */
#include "mbox.h"

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
	ret = common_layout_check(config, "mbox", err);
	if (ret < 0)
		return ret;
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
		ret = common_root_open(config, config->path, &root->fd, err);
	cv_text_init(&own, root->pool);
	if (CV_HAS(config, index) && config->index != NULL &&
	    config->index[0] != '\0' && strcmp(config->index, "MEMORY") != 0)
		cv_text_append_f(&own, "%s/mbox", config->index);
	else
		cv_text_append_f(&own, "%s/.imap/mbox", config->path);
	if (ret == CV_OK)
		ret = common_root_open(config, own.data, &root->own_fd, err);
	/* who only looks makes nothing: there is none of our files yet, and
	 * a folder that has none is as good as one */
	if (ret == CV_E_NOT_FOUND && root->fd >= 0 && !config->create)
		ret = common_root_open(config, config->path, &root->own_fd,
				       err);
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

struct scan {
	struct cv_storage_root *root;
	struct stat inbox;		/* st_ino 0: none */
	cv_folder_fn *fn;
	void *context;
};

/* The file at a place of the tree, or with DIRNAME= in it. */
static bool find_file(struct cv_storage_root *root, struct cv_pool *pool,
		      const char *path, struct stat *st)
{
	const char *dirname = root->config->dirname;
	struct cv_text box;

	cv_text_init(&box, pool);
	cv_text_append_str(&box, path);
	if (dirname[0] != '\0')
		cv_text_append_f(&box, "/%s", dirname);
	return MB_CALL(root, stat, root->fd, box.data, st) == 0 &&
		S_ISREG(st->st_mode);
}

static int found(void *context, struct cv_pool *pool, const char *name,
		 const char *path, unsigned char type)
{
	struct scan *scan = context;
	struct cv_folder_found folder = {
		CV_SIZED(cv_folder_found), .name = name, .selectable = true,
	};
	struct stat st;

	(void)type;
	if (strcasecmp(name, "INBOX") == 0 ||
	    !find_file(scan->root, pool, path, &st) ||
	    (st.st_ino == scan->inbox.st_ino &&
	     st.st_dev == scan->inbox.st_dev))
		return CV_OK;
	return scan->fn(scan->context, &folder);
}

int mbox_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		      void *context, struct cv_error *err)
{
	struct scan scan = { .root = root, .fn = fn, .context = context };
	struct common_walk walk = {
		.config = root->config, .layout = &mbox_layout,
		.self = mbox_self, .told = &root->told,
		.fd = root->fd, .top = "", .files = true, .found = found,
		.context = &scan,
	};

	if (MB_CALL(root, stat, root->fd, root->inbox, &scan.inbox) < 0)
		scan.inbox.st_ino = 0;
	return common_walk(&walk, err);
}

/* --- making and removing ---------------------------------------------------------------- */

static int make_parents(struct cv_storage_root *root, const char *path,
			struct cv_error *err)
{
	int ret = common_parents_make(root->config, root->fd, path, 0700,
				      err);

	if (ret == CV_OK || errno != ENOTDIR)
		return ret;
	CV_FAIL(err, CV_E_PERM, "'%s': a level above is a file", path);
	return cv_api->error_set_client(
		err, "A mailbox with messages cannot have children.");
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
			ret = common_fail(err, "create", path);
		else if (MB_CALL(root, fsync, fd) < 0 ||
			 common_parent_sync(root->config, root->fd,
					    path) < 0)
			ret = common_fail(err, "sync", path);
		mbox_close_fd(root, &fd);
	}
	if (ret == CV_OK)
		ret = mbox_own_clear(root, mbox_own_name(pool, name), err);
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_folder_remove(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox remove");
	const char *path = mbox_path(root, pool, name);
	const char *own = mbox_own_name(pool, name);
	int fd, ret = mbox_own_hold(root, own, &fd, err);

	if (ret == CV_OK && MB_CALL(root, unlink, root->fd, path) < 0 &&
	    errno != ENOENT)
		ret = common_fail(err, "remove", path);
	if (ret == CV_OK)
		mbox_own_remove(root, own, fd);
	mbox_close_fd(root, &fd);
	/* the directory of a DIRNAME folder that has no children */
	if (ret == CV_OK && root->config->dirname[0] != '\0') {
		char *slash = strrchr(common_strdup(pool, path), '/');

		if (slash != NULL) {
			size_t len = strlen(path) - strlen(slash);
			char *dir = common_strdup(pool, path);

			dir[len] = '\0';
			(void)MB_CALL(root, rmdir, root->fd, dir);
		}
	}
	if (ret == CV_OK &&
	    common_parent_sync(root->config, root->fd, path) < 0 &&
	    errno != ENOENT)
		ret = common_fail(err, "sync", root->config->path);
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
	int fd = -1, ret = make_parents(root, to, err);

	if (ret == CV_OK)
		ret = mbox_own_hold(root, own, &fd, err);
	if (ret == CV_OK && MB_CALL(root, rename, root->fd, from, root->fd,
				    to, true) < 0)
		ret = common_fail(err, "rename", from);
	if (ret == CV_OK)
		ret = mbox_own_clear(root, new_own, err);
	if (ret == CV_OK)
		mbox_own_rename(root, own, fd, new_name, new_own);
	mbox_close_fd(root, &fd);
	if (ret == CV_OK &&
	    (common_parent_sync(root->config, root->fd, to) < 0 ||
	     common_parent_sync(root->config, root->fd, from) < 0 ||
	     MB_CALL(root, fsync, root->own_fd) < 0))
		ret = common_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}
