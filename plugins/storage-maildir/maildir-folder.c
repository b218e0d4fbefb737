/* maildir-folder.c - one folder: its directory, what is known of it, and its
 * control files. */
#include "maildir.h"

enum { STATE_VERSION = 1, STATE_BYTES = 1 + 16 + 8 + 20 + 20 + 8 + 4 + 1 };

/* --- the state kept in the journal ----------------------------------------- */

static void put_stamp(struct cv_text *dst, const struct maildir_stamp *stamp)
{
	common_put_u64(dst, stamp->inode, 8);
	common_put_u64(dst, (uint64_t)stamp->seconds, 8);
	common_put_u64(dst, stamp->nanoseconds, 4);
}

static void get_stamp(const unsigned char **at, struct maildir_stamp *stamp)
{
	stamp->inode = common_get_u64(at, 8);
	stamp->seconds = (int64_t)common_get_u64(at, 8);
	stamp->nanoseconds = (uint32_t)common_get_u64(at, 4);
}

bool maildir_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	const struct maildir_state *s = &folder->state;
	bool changed = folder->state_changed;

	cv_text_append_c(dst, STATE_VERSION);
	cv_text_append(dst, s->boot_id, sizeof(s->boot_id));
	common_put_u64(dst, s->synced_modseq, 8);
	put_stamp(dst, &s->new_dir);
	put_stamp(dst, &s->cur_dir);
	common_put_u64(dst, (uint64_t)s->scanned_at, 8);
	common_put_u64(dst, s->scanned_count, 4);
	cv_text_append_c(dst, s->cur_dirty);
	folder->state_changed = false;
	return changed;
}

void maildir_state_set(struct cv_storage_folder *folder,
		       struct cv_span state)
{
	const unsigned char *at = (const unsigned char *)state.data;
	struct maildir_state s = { 0 };

	/* an unknown version is as good as none: scan */
	if (state.len == STATE_BYTES && *at++ == STATE_VERSION) {
		memcpy(s.boot_id, at, sizeof(s.boot_id));
		at += sizeof(s.boot_id);
		s.synced_modseq = common_get_u64(&at, 8);
		get_stamp(&at, &s.new_dir);
		get_stamp(&at, &s.cur_dir);
		s.scanned_at = (int64_t)common_get_u64(&at, 8);
		s.scanned_count = (uint32_t)common_get_u64(&at, 4);
		s.cur_dirty = *at != 0;
	}
	folder->state = s;
	folder->state_changed = false;
	/* whoever wrote it may have given a letter to a new keyword */
	maildir_keywords_forget(folder);
}

static bool same_boot(const struct cv_storage_folder *folder)
{
	return memcmp(folder->state.boot_id, folder->root->config->boot_id,
		      sizeof(folder->state.boot_id)) == 0;
}

bool maildir_was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	/* what this run of the machine did is there, synced or not */
	return !same_boot(folder) && modseq > folder->state.synced_modseq;
}

int maildir_sync(struct cv_storage_folder *folder, uint64_t modseq,
		 struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	static const char *const names[] = { "new", "cur" };

	for (size_t i = 0; i < 2; i++) {
		int fd = MD_CALL(root, open, folder->fd, names[i],
				 O_RDONLY | O_DIRECTORY, 0);
		int ret;

		if (fd < 0)
			return common_fail(err, "open", names[i]);
		ret = MD_CALL(root, fsync, fd);
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
		if (ret < 0)
			return common_fail(err, "sync", names[i]);
	}
	if (modseq == 0)
		return CV_OK;
	folder->state.synced_modseq = modseq;
	memcpy(folder->state.boot_id, root->config->boot_id,
	       sizeof(folder->state.boot_id));
	folder->state_changed = true;
	return CV_OK;
}

/* --- changes of ours -------------------------------------------------------- */

bool maildir_change_begin(struct cv_storage_folder *folder)
{
	struct maildir_stamp stamp;
	struct stat st;

	if (folder->state.cur_dir.inode == 0 ||
	    MD_CALL(folder->root, stat, folder->fd, "cur", &st) < 0)
		return false;
	maildir_stamp_of(&st, &stamp);
	return maildir_stamp_equal(&stamp, &folder->state.cur_dir);
}

void maildir_change_end(struct cv_storage_folder *folder, bool was_known)
{
	struct stat st;

	if (!was_known ||
	    MD_CALL(folder->root, stat, folder->fd, "cur", &st) < 0)
		return;		/* the old stamp stays: scan */
	maildir_stamp_of(&st, &folder->state.cur_dir);
	folder->state.cur_dirty = true;
	folder->state_changed = true;
}

/* --- opening ------------------------------------------------------------------ */

/* INBOX has a directory of its own there, as with Dovecot.  We once had its
 * files in CONTROL= itself, or in INBOX=: there they stay. */
static bool inbox_was_elsewhere(struct cv_storage_root *root,
				const char *place, const char *old_dir,
				struct cv_pool *pool)
{
	static const char list[] = "dovecot-uidlist";
	struct cv_text now, old;
	struct stat st;

	cv_text_init(&now, pool);
	cv_text_init(&old, pool);
	cv_text_append_f(&now, "%s/%s", place, list);
	cv_text_append_f(&old, "%s/%s", old_dir, list);
	return MD_CALL(root, stat, AT_FDCWD, cv_text_str(&now), &st) < 0 &&
		MD_CALL(root, stat, AT_FDCWD, cv_text_str(&old), &st) == 0;
}

static const char *inbox_control(struct cv_storage_root *root,
				 struct cv_pool *pool, const char *path)
{
	const char *control = root->config->control;
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s/%s", control, root->fs ? "INBOX" :
			 ".INBOX");
	if (!inbox_was_elsewhere(root, cv_text_str(&text), path[0] == '/' ?
				 path : control, pool))
		return cv_text_str(&text);
	return path[0] == '/' ? "" : control;
}

static const char *control_path(struct cv_storage_root *root,
				struct cv_pool *pool, const char *path)
{
	struct cv_text text;

	if (root->config->control[0] == '\0')
		return "";
	if (path[0] == '/' || strcmp(path, ".") == 0)
		return inbox_control(root, pool, path);
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s/%s", root->config->control, path);
	return cv_text_str(&text);
}

int maildir_folder_open(struct cv_storage_root *root, struct cv_span name,
			struct cv_span state,
			struct cv_storage_folder **folder_r,
			struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir folder");
	const char *path = maildir_path(root, pool, name);
	struct cv_storage_folder *folder =
		CV_ALLOC(pool, struct cv_storage_folder);

	folder->root = root;
	folder->pool = pool;
	folder->path = path;
	folder->control_path = control_path(root, pool, path);
	folder->fd = MD_CALL(root, open, root->fd, path,
			     O_RDONLY | O_DIRECTORY, 0);
	if (folder->fd < 0) {
		int ret = common_fail(err, "open", path);

		cv_api->pool_destroy(&pool);
		return ret;
	}
	maildir_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

bool maildir_folder_mend(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	mode_t mode = maildir_root_mode(root);
	struct stat st;

	if (errno != ENOENT || !root->config->create ||
	    MD_CALL(root, stat, folder->fd, "cur", &st) < 0)
		return false;
	return (MD_CALL(root, mkdir, folder->fd, "tmp", mode) == 0 ||
		errno == EEXIST) &&
		(MD_CALL(root, mkdir, folder->fd, "new", mode) == 0 ||
		 errno == EEXIST);
}

void maildir_folder_close(struct cv_storage_folder **folder)
{
	struct cv_pool *pool;

	if (*folder == NULL)
		return;
	pool = (*folder)->pool;
	maildir_facts_forget(*folder);
	MAILDIR_API((*folder)->root)->close(MAILDIR_IO((*folder)->root),
					    (*folder)->fd);
	*folder = NULL;
	cv_api->pool_destroy(&pool);
}

/* --- small files --------------------------------------------------------------- */

int maildir_file_read(struct cv_storage_root *root, int dirfd,
		      const char *name, struct cv_text *text,
		      struct cv_error *err)
{
	return common_file_read(root->config, dirfd, name, MAILDIR_FILE_MAX,
				text, err);
}

int maildir_control_open(struct cv_storage_folder *folder, bool make)
{
	struct cv_storage_root *root = folder->root;
	int fd;

	if (folder->control_path[0] == '\0')
		return folder->fd;
	fd = MD_CALL(root, open, AT_FDCWD, folder->control_path,
		     O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	(void)common_dir_make(root->config, AT_FDCWD, folder->control_path,
			      0700, NULL);
	return MD_CALL(root, open, AT_FDCWD, folder->control_path,
		       O_RDONLY | O_DIRECTORY, 0);
}

void maildir_control_close(struct cv_storage_folder *folder, int fd)
{
	if (fd != folder->fd)
		MAILDIR_API(folder->root)->close(MAILDIR_IO(folder->root),
						 fd);
}

int maildir_control_read(struct cv_storage_folder *folder, const char *name,
			 struct cv_text *text, struct cv_error *err)
{
	int dirfd = maildir_control_open(folder, false), ret;

	if (dirfd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", folder->control_path);
	ret = maildir_file_read(folder->root, dirfd, name, text, err);
	maildir_control_close(folder, dirfd);
	return ret;
}

int maildir_control_write(struct cv_storage_folder *folder, const char *name,
			  struct cv_span data, struct cv_error *err)
{
	int dirfd = maildir_control_open(folder, true), ret;

	if (dirfd < 0)
		return common_fail(err, "open", folder->control_path);
	ret = common_file_write(folder->root->config, dirfd, name,
				dirfd == folder->fd ?
				"tmp/culver-control.tmp" :
				"culver-control.tmp", data, err);
	maildir_control_close(folder, dirfd);
	return ret;
}
