/* dbox-root.c - the tree as a whole: finding it, making it. */
#include "dbox.h"

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

/* --- the alternative place ------------------------------------------------------------ */

int dbox_alt_there(struct cv_storage_root *root, struct cv_error *err)
{
	int fd;

	if (root->alt[0] == '\0')
		return CV_OK;
	fd = DBOX_CALL(root, open, AT_FDCWD, root->alt,
		       O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0) {
		dbox_close(root, fd);
		return CV_OK;
	}
	(void)CV_FAIL(err, CV_E_TEMP, "the message may be in the alternative "
		      "place '%s', which is not there (hint: mount it, or make "
		      "the folder when it is new)", root->alt);
	/* tools tell it from damage by this */
	return cv_api->error_set_client(err, "Not there for now: the message "
					"is in a place that is not mounted.");
}

int dbox_recover_from_alt(struct cv_storage_folder *folder,
			  const struct cv_blob *blob)
{
	if (dbox_alt_there(folder->root, NULL) == CV_OK)
		return CV_NOT_FOUND;
	cv_api->log(dbox_self, CV_LOG_WARNING, "message '%.*s' is not found, "
		    "and kept: the alternative place '%s' is not there",
		    CV_SPAN_ARG(blob->ref), folder->root->alt);
	return CV_OK;
}

/* --- directories ------------------------------------------------------------------ */

int dbox_sync_dir(struct cv_storage_root *root, int dirfd, const char *path,
		  struct cv_error *err)
{
	int fd = DBOX_CALL(root, open, dirfd, path, O_RDONLY | O_DIRECTORY,
			   0);
	int ret;

	if (fd < 0)
		return common_fail(err, "open", path);
	ret = DBOX_CALL(root, fsync, fd);
	dbox_close(root, fd);
	return ret < 0 ? common_fail(err, "sync", path) : CV_OK;
}

/* --- opening ----------------------------------------------------------------------- */

/* The journal of an account does not say which of the two it is for, and to
 * the wrong one all messages look lost.  "storage" is on disk before the
 * first mailbox is made. */
static int check_kind(struct cv_storage_root *root, struct cv_error *err)
{
	const char *path = root->config->path;
	bool has_storage = has_dir(root, root->fd, "storage");

	if (!root->multi && has_storage)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is a tree of mdbox: "
			       "it has a folder 'storage' (hint: "
			       "mail_location = mdbox:%s)", path, path);
	if (root->multi && !has_storage &&
	    has_dir(root, root->fd, "mailboxes/INBOX"))
		return CV_FAIL(err, CV_E_CONFIG, "'%s' has mailboxes, but no "
			       "folder 'storage': it is a tree of sdbox, or "
			       "has lost its mail (hint: mail_location = "
			       "sdbox:%s, or bring 'storage' back)",
			       path, path);
	return CV_OK;
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
	ret = common_layout_check(config, multi ? "mdbox" : "sdbox", err);
	if (ret < 0)
		return ret;
	if (config->layout[0] != '\0' && strcmp(config->layout, "fs") != 0)
		return CV_FAIL(err, CV_E_CONFIG, "mail_location: layout '%s' "
			       "is not known to dbox (fs)", config->layout);
	ret = common_root_open(config, config->path, &root->fd, err);
	if (ret == CV_OK)
		ret = check_kind(root, err);
	if (ret == CV_OK)
		ret = common_dir_make(config, root->fd, "mailboxes", 0700,
				      err);
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
	mdbox_owed_forget(*root);
	dbox_close(*root, (*root)->storage_fd);
	dbox_close(*root, (*root)->alt_fd);
	mdbox_rescue_end(*root);
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
