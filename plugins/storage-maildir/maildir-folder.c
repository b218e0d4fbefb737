/* maildir-folder.c - one folder: its directory, what is known of it, and its
 * control files. */
#include "maildir.h"

enum { STATE_VERSION = 1, STATE_BYTES = 1 + 16 + 8 + 20 + 20 + 8 + 4 + 1 };

/* --- the state kept in the journal ----------------------------------------- */

static void put_u64(struct cv_text *dst, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(dst, (char)(value >> (8 * i) & 0xff));
}

static uint64_t get_u64(const unsigned char **at, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | (*at)[i];
	*at += bytes;
	return value;
}

static void put_stamp(struct cv_text *dst, const struct maildir_stamp *stamp)
{
	put_u64(dst, stamp->inode, 8);
	put_u64(dst, (uint64_t)stamp->seconds, 8);
	put_u64(dst, stamp->nanoseconds, 4);
}

static void get_stamp(const unsigned char **at, struct maildir_stamp *stamp)
{
	stamp->inode = get_u64(at, 8);
	stamp->seconds = (int64_t)get_u64(at, 8);
	stamp->nanoseconds = (uint32_t)get_u64(at, 4);
}

bool maildir_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	const struct maildir_state *s = &folder->state;
	bool changed = folder->state_changed;

	cv_text_append_c(dst, STATE_VERSION);
	cv_text_append(dst, s->boot_id, sizeof(s->boot_id));
	put_u64(dst, s->synced_modseq, 8);
	put_stamp(dst, &s->new_dir);
	put_stamp(dst, &s->cur_dir);
	put_u64(dst, (uint64_t)s->scanned_at, 8);
	put_u64(dst, s->scanned_count, 4);
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
		s.synced_modseq = get_u64(&at, 8);
		get_stamp(&at, &s.new_dir);
		get_stamp(&at, &s.cur_dir);
		s.scanned_at = (int64_t)get_u64(&at, 8);
		s.scanned_count = (uint32_t)get_u64(&at, 4);
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
			return maildir_fail(err, "open", names[i]);
		ret = MD_CALL(root, fsync, fd);
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
		if (ret < 0)
			return maildir_fail(err, "sync", names[i]);
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

static const char *control_path(struct cv_storage_root *root,
				struct cv_pool *pool, const char *path)
{
	struct cv_text text;

	if (root->config->control[0] == '\0' || path[0] == '/')
		return "";
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
		int ret = maildir_fail(err, "open", path);

		cv_api->pool_destroy(&pool);
		return ret;
	}
	maildir_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

void maildir_folder_close(struct cv_storage_folder **folder)
{
	struct cv_pool *pool;

	if (*folder == NULL)
		return;
	pool = (*folder)->pool;
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
	int fd = MD_CALL(root, open, dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	struct stat st;
	uint64_t offset = 0;
	ssize_t got = 1;
	size_t room;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND :
			maildir_fail(err, "open", name);
	if (MD_CALL(root, fstat, fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > MAILDIR_FILE_MAX) {
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
		return CV_FAIL(err, CV_E_TEMP, "'%s' is no regular file, or "
			       "too large", name);
	}
	/* at once: it may be large.  What is added meanwhile is not read. */
	room = (size_t)st.st_size;
	cv_text_reset(text);
	cv_api->text_grow(text, room + 1);
	while (got > 0 && offset < room) {
		got = MD_CALL(root, pread, fd, text->data + offset,
			      room - offset, offset);
		if (got > 0)
			offset += (uint64_t)got;
	}
	text->len = (size_t)offset;
	text->data[text->len] = '\0';
	if (got < 0)
		maildir_fail(err, "read", name);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	return got < 0 ? CV_E_TEMP : CV_OK;
}

int maildir_file_write(struct cv_storage_root *root, int dirfd,
		       const char *name, const char *temp,
		       struct cv_span data, struct cv_error *err)
{
	int fd, ret = CV_OK;

	(void)MD_CALL(root, unlink, dirfd, temp);
	fd = MD_CALL(root, open, dirfd, temp, O_WRONLY | O_CREAT | O_EXCL,
		     0600);
	if (fd < 0)
		return maildir_fail(err, "create", temp);
	if (MD_CALL(root, pwrite, fd, data.data, data.len, 0) < 0 ||
	    MD_CALL(root, fdatasync, fd) < 0)
		ret = maildir_fail(err, "write", temp);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	if (ret == CV_OK &&
	    MD_CALL(root, rename, dirfd, temp, dirfd, name, false) < 0)
		ret = maildir_fail(err, "rename", temp);
	else if (ret == CV_OK && MD_CALL(root, fsync, dirfd) < 0)
		ret = maildir_fail(err, "sync directory of", name);
	if (ret < 0)
		(void)MD_CALL(root, unlink, dirfd, temp);
	return ret;
}

/* A control directory of its own is made with its parents. */
static void make_control(struct cv_storage_folder *folder)
{
	struct cv_pool *pool = cv_api->pool_create("maildir control");
	struct cv_text part;
	const char *at = folder->control_path;

	cv_text_init(&part, pool);
	while (*at != '\0') {
		const char *end = strchr(at + 1, '/');

		if (end == NULL)
			end = at + strlen(at);
		cv_text_append(&part, at, (size_t)(end - at));
		at = end;
		(void)MD_CALL(folder->root, mkdir, AT_FDCWD,
			      cv_text_str(&part), 0700);
	}
	cv_api->pool_destroy(&pool);
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
	make_control(folder);
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
			maildir_fail(err, "open", folder->control_path);
	ret = maildir_file_read(folder->root, dirfd, name, text, err);
	maildir_control_close(folder, dirfd);
	return ret;
}

int maildir_control_write(struct cv_storage_folder *folder, const char *name,
			  struct cv_span data, struct cv_error *err)
{
	int dirfd = maildir_control_open(folder, true), ret;

	if (dirfd < 0)
		return maildir_fail(err, "open", folder->control_path);
	ret = maildir_file_write(folder->root, dirfd, name,
				 dirfd == folder->fd ?
				 "tmp/culver-control.tmp" :
				 "culver-control.tmp", data, err);
	maildir_control_close(folder, dirfd);
	return ret;
}
