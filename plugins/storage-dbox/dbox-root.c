/* dbox-root.c - the tree as a whole: finding it, making it. */
#include "dbox.h"

char *dbox_strdup(struct cv_pool *pool, const char *text)
{
	size_t len = strlen(text);
	char *copy = cv_api->alloc(pool, len + 1);

	memcpy(copy, text, len);
	return copy;
}

int dbox_fail(struct cv_error *err, const char *what, const char *name)
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
		code = CV_E_EXISTS;
		break;
	case EACCES:
	case EPERM:
		code = CV_E_DENIED;
		break;
	}
	return CV_FAIL(err, code, "cannot %s '%s': %s", what, name,
		       strerror(number));
}

void dbox_close(struct cv_storage_root *root, int fd)
{
	DBOX_API(root)->close(DBOX_IO(root), fd);
}

/* --- detection ----------------------------------------------------------------- */

static bool has_dir(struct cv_storage_root *root, int dirfd, const char *name)
{
	struct stat st;

	return DBOX_CALL(root, stat, dirfd, name, &st) == 0 &&
		S_ISDIR(st.st_mode);
}

static int detect(const struct cv_storage_config *config, bool multi)
{
	struct cv_storage_root root = { .config = config };
	int fd = DBOX_CALL(&root, open, AT_FDCWD, config->path,
			   O_RDONLY | O_DIRECTORY, 0);
	bool found;

	if (fd < 0)
		return CV_NOT_FOUND;
	found = has_dir(&root, fd, "storage") == multi &&
		(multi || has_dir(&root, fd, "mailboxes"));
	dbox_close(&root, fd);
	return found ? CV_OK : CV_NOT_FOUND;
}

int dbox_detect_single(const struct cv_storage_config *config)
{
	return detect(config, false);
}

int dbox_detect_multi(const struct cv_storage_config *config)
{
	return detect(config, true);
}

/* --- directories ------------------------------------------------------------------ */

int dbox_sync_dir(struct cv_storage_root *root, int dirfd, const char *path,
		  struct cv_error *err)
{
	int fd = DBOX_CALL(root, open, dirfd, path, O_RDONLY | O_DIRECTORY,
			   0);
	int ret;

	if (fd < 0)
		return dbox_fail(err, "open", path);
	ret = DBOX_CALL(root, fsync, fd);
	dbox_close(root, fd);
	return ret < 0 ? dbox_fail(err, "sync", path) : CV_OK;
}

/* A name is durable when its directory was synced: that of "a/b" is "a". */
static int sync_parent(struct cv_storage_root *root, int dirfd,
		       const char *path, struct cv_error *err)
{
	const char *slash = strrchr(path, '/');
	char parent[4096] = ".";

	if (slash != NULL)
		(void)snprintf(parent, sizeof(parent), "%.*s",
			       slash == path ? 1 : (int)(slash - path), path);
	return dbox_sync_dir(root, dirfd, parent, err);
}

int dbox_make_path(struct cv_storage_root *root, int dirfd, const char *path,
		   struct cv_error *err)
{
	char part[4096];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return CV_FAIL(err, CV_E_PERM, "path is too long");
	for (size_t i = 1; i <= len; i++) {
		int ret = CV_OK;

		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (DBOX_CALL(root, mkdir, dirfd, part, 0700) == 0)
			ret = sync_parent(root, dirfd, part, err);
		else if (errno != EEXIST && (i == len || errno != EACCES))
			ret = dbox_fail(err, "create", part);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

/* --- opening ----------------------------------------------------------------------- */

static int open_root_dir(struct cv_storage_root *root, struct cv_error *err)
{
	const struct cv_storage_config *config = root->config;
	struct cv_text path;
	int ret;

	/* the root itself may be a link that the administrator made */
	cv_text_init(&path, config->pool);
	cv_text_append_f(&path, "%s/.", config->path);
	root->fd = DBOX_CALL(root, open, AT_FDCWD, path.data,
			     O_RDONLY | O_DIRECTORY, 0);
	if (root->fd < 0 && errno == ENOENT && config->create) {
		ret = dbox_make_path(root, AT_FDCWD, config->path, err);
		if (ret < 0)
			return ret;
		root->fd = DBOX_CALL(root, open, AT_FDCWD, path.data,
				     O_RDONLY | O_DIRECTORY, 0);
	}
	return root->fd < 0 ? dbox_fail(err, "open", config->path) : CV_OK;
}

static int root_open(const struct cv_storage_config *config, bool multi,
		     struct cv_storage_root **root_r, struct cv_error *err)
{
	struct cv_storage_root *root =
		CV_ALLOC(config->pool, struct cv_storage_root);
	int ret;

	root->config = config;
	root->pool = config->pool;
	root->multi = multi;
	root->fd = root->storage_fd = root->alt_fd = -1;
	root->alt = CV_HAS(config, alt) && config->alt != NULL ?
		config->alt : "";
	if (config->layout[0] != '\0' && strcmp(config->layout, "fs") != 0)
		return CV_FAIL(err, CV_E_CONFIG, "mail_location: layout '%s' "
			       "is not known to dbox (fs)", config->layout);
	ret = open_root_dir(root, err);
	if (ret == CV_OK)
		ret = dbox_make_path(root, root->fd, "mailboxes", err);
	if (ret == CV_OK && multi)
		ret = mdbox_storage(root, err);
	if (ret < 0) {
		dbox_close(root, root->fd);
		return ret;
	}
	dbox_settings(root);
	*root_r = root;
	return CV_OK;
}

int dbox_root_open_single(const struct cv_storage_config *config,
			  struct cv_storage_root **root_r,
			  struct cv_error *err)
{
	return root_open(config, false, root_r, err);
}

int dbox_root_open_multi(const struct cv_storage_config *config,
			 struct cv_storage_root **root_r,
			 struct cv_error *err)
{
	return root_open(config, true, root_r, err);
}

void dbox_root_close(struct cv_storage_root **root)
{
	if (*root == NULL)
		return;
	dbox_close(*root, (*root)->fd);
	dbox_close(*root, (*root)->storage_fd);
	dbox_close(*root, (*root)->alt_fd);
	*root = NULL;
}

char dbox_separator(struct cv_storage_root *root)
{
	(void)root;
	return '/';
}

const char *dbox_account_dir(struct cv_storage_root *root)
{
	(void)root;	/* folders are below mailboxes/ */
	return "culver";
}
