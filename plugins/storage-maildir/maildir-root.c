/* maildir-root.c - the tree: finding, making, renaming, removing folders. */
#include "maildir.h"

#include <unistd.h>

static const char *const maildir_subdirs[] = { "tmp", "new", "cur" };

void maildir_stamp_of(const struct stat *st, struct maildir_stamp *stamp)
{
	stamp->inode = st->st_ino;
	stamp->seconds = st->st_mtim.tv_sec;
	stamp->nanoseconds = (uint32_t)st->st_mtim.tv_nsec;
}

bool maildir_stamp_equal(const struct maildir_stamp *a,
			 const struct maildir_stamp *b)
{
	return a->inode == b->inode && a->seconds == b->seconds &&
		a->nanoseconds == b->nanoseconds;
}

/* --- opening --------------------------------------------------------------- */

int maildir_detect(const struct cv_storage_config *config)
{
	struct cv_storage_root root = { .config = config };
	struct stat st;
	int fd, ret;

	fd = MD_CALL(&root, open, AT_FDCWD, config->path,
		     O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return CV_NOT_FOUND;
	ret = MD_CALL(&root, stat, fd, "cur", &st) == 0 &&
		S_ISDIR(st.st_mode) ? CV_OK : CV_NOT_FOUND;
	MAILDIR_API(&root)->close(MAILDIR_IO(&root), fd);
	return ret;
}

/* LAYOUT=fs without DIRNAME=.  In a tree of ours that is older INBOX is a folder
 * among the others. */
static bool inbox_is_root(struct cv_storage_root *root)
{
	struct stat st;

	return root->fs && root->config->dirname[0] == '\0' &&
		(MD_CALL(root, stat, root->fd, "cur", &st) == 0 ||
		 MD_CALL(root, stat, root->fd, "INBOX/cur", &st) < 0);
}

int maildir_root_open(const struct cv_storage_config *config,
		      struct cv_storage_root **root_r, struct cv_error *err)
{
	struct cv_storage_root *root =
		CV_ALLOC(config->pool, struct cv_storage_root);
	int ret;

	root->config = config;
	root->pool = config->pool;
	root->set = maildir_settings(config);
	root->fs = strcmp(config->layout, "fs") == 0;
	ret = common_layout_check(config, "maildir", err);
	if (ret < 0)
		return ret;
	if (!root->fs && config->layout[0] != '\0' &&
	    strcasecmp(config->layout, "maildir++") != 0)
		return CV_FAIL(err, CV_E_CONFIG, "mail_location: layout '%s' "
			       "is not known (maildir++ or fs)",
			       config->layout);
	root->layout = root->fs ? &maildir_fs_layout : &maildir_plus_layout;
	ret = common_root_open(config, config->path, &root->fd, err);
	if (ret < 0)
		return ret;
	root->inbox_is_root = inbox_is_root(root);
	maildir_places_find(root);
	*root_r = root;
	return CV_OK;
}

void maildir_root_close(struct cv_storage_root **root)
{
	if (*root == NULL)
		return;
	maildir_uids_close(*root);
	MAILDIR_API(*root)->close(MAILDIR_IO(*root), (*root)->fd);
	*root = NULL;
}

char maildir_separator(struct cv_storage_root *root)
{
	return root->fs ? '/' : '.';
}

const char *maildir_account_dir(struct cv_storage_root *root)
{
	return root->account_dir;
}

/* --- the list of folders ---------------------------------------------------- */

int maildir_folders_check(struct cv_storage_root *root,
			  struct cv_text *stamp, struct cv_error *err)
{
	struct maildir_stamp now = { 0 };
	struct stat st;
	bool same;

	if (MD_CALL(root, fstat, root->fd, &st) < 0)
		return common_fail(err, "stat", root->config->path);
	/* no stamp covers a whole tree; what is left of removed folders is
	 * removed with the next scan */
	if (root->fs || root->trash_waits)
		return CV_CHANGED;
	maildir_stamp_of(&st, &now);
	same = stamp->len == sizeof(now) &&
		memcmp(stamp->data, &now, sizeof(now)) == 0;
	cv_text_reset(stamp);
	cv_text_append(stamp, &now, sizeof(now));
	/* a change within the same clock tick would not be seen */
	if (time(NULL) - now.seconds < 1)
		stamp->data[0] ^= 1;
	return same ? CV_OK : CV_CHANGED;
}

/* False with errno 0: there is something else. */
static bool has_cur(struct cv_storage_root *root, int dirfd,
		    const char *dir, struct cv_text *scratch)
{
	struct stat st;

	cv_text_reset(scratch);
	cv_text_append_str(scratch, dir);
	if (root->fs && root->config->dirname[0] != '\0') {
		cv_text_append_c(scratch, '/');
		cv_text_append_str(scratch, root->config->dirname);
	}
	cv_text_append_str(scratch, "/cur");
	if (MD_CALL(root, stat, dirfd, scratch->data, &st) < 0)
		return false;
	errno = 0;
	return S_ISDIR(st.st_mode);
}

static int report_folder(cv_folder_fn *fn, void *context, const char *name,
			 bool selectable)
{
	struct cv_folder_found found = {
		CV_SIZED(cv_folder_found), .name = name,
		.selectable = selectable,
	};

	return fn(context, &found);
}

struct fs_scan {
	struct cv_storage_root *root;
	cv_folder_fn *fn;
	void *context;
};

static int fs_found(void *context, struct cv_pool *pool, const char *name,
		    const char *path, unsigned char type)
{
	struct fs_scan *scan = context;
	struct cv_text scratch;

	(void)type;
	cv_text_init(&scratch, pool);
	if (!has_cur(scan->root, scan->root->fd, path, &scratch))
		return errno == EACCES ? CV_NOT_FOUND : CV_OK;
	if (strcasecmp(name, "INBOX") == 0)
		return CV_OK;
	return report_folder(scan->fn, scan->context, name, true);
}

static int fs_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		   void *context, struct cv_error *err)
{
	struct fs_scan scan = { root, fn, context };
	struct common_walk walk = {
		.config = root->config, .layout = root->layout,
		.self = maildir_self, .told = &root->told,
		.fd = root->fd, .top = "", .found = fs_found,
		.context = &scan,
	};
	uint32_t files = MAILDIR_TRASH_FILES;

	maildir_trash_clean(root, &files);
	return common_walk(&walk, err);
}

static void note_coding(struct cv_storage_root *root, struct common_shut *shut,
			struct cv_pool *pool, const char *entry,
			struct cv_text *scratch)
{
	struct cv_span rest = cv_span_skip(cv_span_of(entry), 1), level;

	if (!has_cur(root, root->fd, entry, scratch))
		return;
	while (cv_span_split(&rest, '.', &level)) {
		if (common_coding_note(root->config, shut, pool, level,
				       entry))
			return;
	}
}

static int plus_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		     void *context, struct cv_error *err)
{
	struct cv_io_dir *dir = MD_CALL(root, dir_open, root->fd, ".");
	struct common_shut shut = {
		.self = maildir_self, .told = &root->told,
	};
	struct cv_pool *pool;
	struct cv_text name, scratch;
	uint32_t files = MAILDIR_TRASH_FILES;
	const char *entry;
	unsigned char type;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", root->config->path);
	root->trash_waits = false;
	pool = cv_api->pool_create("maildir list");
	cv_text_init(&name, pool);
	cv_text_init(&scratch, pool);
	while (ret == CV_OK &&
	       (entry = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		if (entry[0] != '.' || (type != DT_DIR && type != DT_LNK &&
					type != DT_UNKNOWN))
			continue;
		if (type != DT_LNK &&
		    maildir_trash_found(root, entry, &files))
			continue;
		cv_text_reset(&name);
		if (!maildir_path_parse(root, entry, &name)) {
			note_coding(root, &shut, pool, entry, &scratch);
			continue;
		}
		if (type == DT_LNK)
			common_link_note(&shut, pool, entry);
		else if (has_cur(root, root->fd, entry, &scratch))
			ret = report_folder(fn, context, cv_text_str(&name),
					    true);
		else
			common_shut_note(&shut, pool, entry);
	}
	common_shut_tell(root->config, root->fd, &shut);
	if (MAILDIR_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		ret = common_fail(err, "read", root->config->path);
	if (ret == CV_OK && shut.count > 0)
		ret = CV_CHANGED;
	cv_api->pool_destroy(&pool);
	return ret;
}

int maildir_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
			 void *context, struct cv_error *err)
{
	return root->fs ? fs_scan(root, fn, context, err) :
		plus_scan(root, fn, context, err);
}

/* --- making ------------------------------------------------------------------ */

mode_t maildir_root_mode(struct cv_storage_root *root)
{
	struct stat st;

	if (MD_CALL(root, fstat, root->fd, &st) < 0)
		return 0700;
	return (st.st_mode & 0770) | 0700;
}

/* cur is made last, when the others are durable: a directory without it is no
 * folder. */
static int make_subdirs(struct cv_storage_root *root, const char *path,
			mode_t mode, bool *made_r, struct cv_error *err)
{
	int dirfd = MD_CALL(root, open, root->fd, path,
			    O_RDONLY | O_DIRECTORY, 0);
	int ret = CV_OK;

	*made_r = false;
	if (dirfd < 0)
		return common_fail(err, "open", path);
	for (size_t i = 0; i < 3 && ret == CV_OK; i++) {
		if (i == 2 && *made_r && MD_CALL(root, fsync, dirfd) < 0)
			ret = common_fail(err, "sync", path);
		else if (MD_CALL(root, mkdir, dirfd, maildir_subdirs[i],
			    mode) == 0)
			*made_r = true;
		else if (errno != EEXIST)
			ret = common_fail(err, "create",
					  maildir_subdirs[i]);
	}
	if (ret == CV_OK && *made_r && MD_CALL(root, fsync, dirfd) < 0)
		ret = common_fail(err, "sync", path);
	MAILDIR_API(root)->close(MAILDIR_IO(root), dirfd);
	return ret;
}

static void make_marker(struct cv_storage_root *root, const char *path,
			mode_t mode)
{
	char name[4096];
	int fd;

	/* Courier's sign for a folder of a Maildir++ tree */
	if (root->fs || strcmp(path, ".") == 0 ||
	    (size_t)snprintf(name, sizeof(name), "%s/maildirfolder",
			     path) >= sizeof(name))
		return;
	fd = MD_CALL(root, open, root->fd, name, O_WRONLY | O_CREAT,
		     mode & 0660);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
}

int maildir_folder_create(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir create");
	const char *path = maildir_path(root, pool, name);
	mode_t mode = maildir_root_mode(root);
	bool made;
	int ret;

	ret = common_parents_make(root->config, root->fd, path, mode, err);
	if (ret == CV_OK && strcmp(path, ".") != 0 &&
	    MD_CALL(root, mkdir, root->fd, path, mode) < 0 &&
	    errno != EEXIST)
		ret = common_fail(err, "create", path);
	if (ret == CV_OK)
		ret = make_subdirs(root, path, mode, &made, err);
	if (ret == CV_OK && !made)
		ret = CV_FAIL(err, CV_E_EXISTS, "'%s' exists", path);
	if (ret == CV_OK) {
		make_marker(root, path, mode);
		if (common_parent_sync(root->config, root->fd, path) < 0)
			ret = common_fail(err, "sync", root->config->path);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- renaming ----------------------------------------------------------------- */

int maildir_folder_rename(struct cv_storage_root *root, struct cv_span name,
			  struct cv_span new_name, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir rename");
	const char *from = maildir_path(root, pool, name);
	const char *to = maildir_path(root, pool, new_name);
	struct stat st;
	int ret = common_parents_make(root->config, root->fd, to,
				      maildir_root_mode(root), err);

	if (ret == CV_OK &&
	    MD_CALL(root, rename, root->fd, from, root->fd, to, true) < 0) {
		bool moved = errno == ENOENT &&
			MD_CALL(root, stat, root->fd, to, &st) == 0;

		/* in an fs tree children went with their parent */
		if (!moved)
			ret = common_fail(err, "rename", from);
	}
	/* a child's old parent went with it */
	if (ret == CV_OK &&
	    (common_parent_sync(root->config, root->fd, to) < 0 ||
	     (common_parent_sync(root->config, root->fd, from) < 0 &&
	      errno != ENOENT)))
		ret = common_fail(err, "sync", root->config->path);
	cv_api->pool_destroy(&pool);
	return ret;
}
