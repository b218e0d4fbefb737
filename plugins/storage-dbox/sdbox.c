/* sdbox.c - a message is a file of its folder. */
#include "dbox.h"

bool sdbox_name_valid(struct cv_span name)
{
	if (name.len < 3 || name.len > DBOX_NAME_MAX || name.data[1] != '.' ||
	    (name.data[0] != 'c' && name.data[0] != 'l' &&
	     name.data[0] != 'u'))
		return false;
	for (size_t i = 2; i < name.len; i++) {
		char c = name.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

static void file_name(struct cv_span ref, bool hidden,
		      char dst[DBOX_PATH_MAX])
{
	snprintf(dst, DBOX_PATH_MAX, "%s%.*s", hidden ? "h." : "",
		 CV_SPAN_ARG(ref));
}

static int open_alt_dir(struct cv_storage_folder *folder)
{
	struct cv_text path;
	struct cv_pool *pool;
	int fd;

	if (folder->root->alt[0] == '\0') {
		errno = ENOENT;
		return -1;
	}
	pool = cv_api->pool_create("dbox alt");
	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/%s", folder->root->alt, folder->path);
	fd = DBOX_CALL(folder->root, open, AT_FDCWD, path.data,
		       O_RDONLY | O_DIRECTORY, 0);
	cv_api->pool_destroy(&pool);
	return fd;
}

static int open_alt(struct cv_storage_folder *folder, const char *name,
		    int flags)
{
	int dir = open_alt_dir(folder), fd;

	if (dir < 0)
		return -1;
	fd = DBOX_CALL(folder->root, open, dir, name, flags, 0);
	dbox_close(folder->root, dir);
	return fd;
}

/* The file of a message, wherever it is.  CV_NOT_FOUND. */
static int open_file(struct cv_storage_folder *folder, struct cv_span ref,
		     int flags, int *fd_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[DBOX_PATH_MAX];
	int fd;

	if (!sdbox_name_valid(ref))
		return CV_NOT_FOUND;
	file_name(ref, false, name);
	fd = DBOX_CALL(root, open, folder->fd, name, flags | O_NONBLOCK, 0);
	if (fd < 0 && errno == ENOENT) {
		/* committed a moment ago, and not placed yet */
		file_name(ref, true, name);
		fd = DBOX_CALL(root, open, folder->fd, name,
			       flags | O_NONBLOCK, 0);
		file_name(ref, false, name);
	}
	if (fd < 0 && errno == ENOENT)
		fd = open_alt(folder, name, flags | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)	/* placed meanwhile */
		fd = DBOX_CALL(root, open, folder->fd, name,
			       flags | O_NONBLOCK, 0);
	if (fd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", name);
	*fd_r = fd;
	return CV_OK;
}

static int read_file(struct cv_storage_folder *folder, int fd, bool trailer,
		     struct cv_pool *pool, struct dbox_message *m_r,
		     struct cv_error *err)
{
	uint32_t head = 0;
	uint64_t first = 0;
	int ret = dbox_message_read(folder->root, fd, 0, 0, trailer, pool,
				    m_r, err);

	if (ret == CV_NOT_FOUND &&
	    dbox_foreign_head(folder->root, fd, &head, &first))
		ret = dbox_message_read(folder->root, fd, first, head,
					trailer, pool, m_r, err);
	return ret;
}

static bool is_long_enough(struct cv_storage_root *root, int fd,
			   const struct dbox_message *m)
{
	struct stat st;

	return DBOX_CALL(root, fstat, fd, &st) == 0 &&
		S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size >= m->body + m->length;
}

const char *sdbox_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	const char *base = root->config->path;
	char name[DBOX_PATH_MAX];
	struct cv_text path;
	struct stat st;

	if (!sdbox_name_valid(blob->ref))
		return NULL;
	file_name(blob->ref, false, name);
	if (DBOX_CALL(root, stat, folder->fd, name, &st) < 0) {
		int fd = open_alt(folder, name, O_RDONLY | O_NONBLOCK);

		if (fd >= 0)
			base = root->alt;
		dbox_close(root, fd);
	}
	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/%s/%s", base, folder->path, name);
	return path.data;
}

int sdbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err)
{
	struct dbox_message m;
	int fd, ret = open_file(folder, blob->ref, O_RDONLY, &fd, err);

	if (ret == CV_NOT_FOUND && dbox_alt_there(folder->root, err) < 0)
		return CV_E_TEMP;
	if (ret != CV_OK)
		return ret;
	ret = read_file(folder, fd, false, NULL, &m, err);
	if (ret == CV_OK)
		ret = dbox_message_source(folder->root, fd, &m, src_r, err);
	else if (ret == CV_NOT_FOUND)
		ret = CV_FAIL(err, CV_E_TEMP, "the file '%.*s' is damaged",
			      CV_SPAN_ARG(blob->ref));
	if (ret < 0)
		dbox_close(folder->root, fd);
	return ret;
}

int sdbox_facts(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_blob_facts *facts_r,
		struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct dbox_message m;
	struct stat st;
	int fd, ret = open_file(folder, blob->ref, O_RDONLY, &fd, err);

	if (ret != CV_OK)
		return ret;
	/* copies are links */
	if (DBOX_CALL(root, fstat, fd, &st) == 0 && st.st_nlink > 0)
		facts_r->references = (uint32_t)st.st_nlink;
	ret = read_file(folder, fd, false, NULL, &m, err);
	if (ret == CV_OK)
		dbox_facts(root, fd, &m, pool, facts_r);
	dbox_close(root, fd);
	return ret < 0 ? ret : CV_OK;
}

int sdbox_recover(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_error *err)
{
	char hidden[DBOX_PATH_MAX], name[DBOX_PATH_MAX];
	struct stat st;

	if (!sdbox_name_valid(blob->ref))
		return CV_NOT_FOUND;
	file_name(blob->ref, true, hidden);
	file_name(blob->ref, false, name);
	if (DBOX_CALL(folder->root, rename, folder->fd, hidden, folder->fd,
		      name, false) == 0)
		return CV_OK;
	if (errno != ENOENT)
		return common_fail(err, "place", hidden);
	/* whoever committed it may have been quicker */
	return DBOX_CALL(folder->root, stat, folder->fd, name, &st) == 0 ?
		CV_OK : dbox_recover_from_alt(folder, blob);
}

static int remove_one(struct cv_storage_folder *folder, struct cv_span ref,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[DBOX_PATH_MAX], hidden[DBOX_PATH_MAX];
	int dir;

	if (!sdbox_name_valid(ref))
		return CV_OK;
	file_name(ref, false, name);
	file_name(ref, true, hidden);
	if (DBOX_CALL(root, unlink, folder->fd, name) < 0) {
		if (errno != ENOENT)
			return common_fail(err, "remove", name);
		if (DBOX_CALL(root, unlink, folder->fd, hidden) < 0 &&
		    errno != ENOENT)
			return common_fail(err, "remove", hidden);
	}
	/* an altmove that was cut off leaves it at both places */
	dir = open_alt_dir(folder);
	if (dir < 0)
		return CV_OK;
	if (DBOX_CALL(root, unlink, dir, name) < 0 && errno != ENOENT) {
		int ret = common_fail(err, "remove", name);

		dbox_close(root, dir);
		return ret;
	}
	dbox_close(root, dir);
	return CV_OK;
}

int sdbox_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < count; i++) {
		int one = remove_one(folder, blobs[i].ref,
				     ret < 0 ? NULL : err);

		if (one < 0)
			ret = one;
	}
	return ret;
}

int sdbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	       struct cv_error *err)
{
	if (DBOX_CALL(folder->root, fsync, folder->fd) < 0)
		return common_fail(err, "sync", folder->path);
	dbox_synced(folder, modseq);
	return CV_OK;
}

/* --- scanning -------------------------------------------------------------------- */

static int scan_dir(struct cv_storage_folder *folder, int dirfd,
		    cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	const char *entry;
	unsigned char type;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", folder->path);
	while (ret == CV_OK &&
	       (entry = DBOX_API(root)->dir_next(dir, &type)) != NULL) {
		struct cv_found found = {
			CV_SIZED(cv_found), .received = INT64_MIN,
			.ref = cv_span_of(entry),
		};

		if ((type == DT_REG || type == DT_UNKNOWN) &&
		    sdbox_name_valid(found.ref))
			ret = fn(context, &found);
	}
	if (DBOX_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		ret = common_fail(err, "read", folder->path);
	return ret;
}

int sdbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err)
{
	int dir, ret = scan_dir(folder, folder->fd, fn, context, err);

	(void)scan;
	if (ret < 0)
		return ret;
	dir = open_alt_dir(folder);
	if (dir < 0)
		return CV_OK;
	ret = scan_dir(folder, dir, fn, context, err);
	dbox_close(folder->root, dir);
	return ret;
}

int sdbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err)
{
	struct cv_pool *pool;
	struct dbox_message m;
	int fd, ret = open_file(folder, found->ref, O_RDONLY, &fd, err);

	if (ret != CV_OK)
		return ret;
	pool = cv_api->pool_create("dbox look");
	ret = read_file(folder, fd, true, pool, &m, err);
	if (ret == CV_OK && !is_long_enough(folder->root, fd, &m))
		ret = CV_NOT_FOUND;
	if (ret == CV_OK)
		ret = dbox_message_found(folder->root, fd, &m, folder->pool,
					 found);
	dbox_close(folder->root, fd);
	cv_api->pool_destroy(&pool);
	return ret;
}

bool sdbox_trailer(struct cv_storage_folder *folder, struct cv_span ref,
		   struct dbox_trailer *trailer_r)
{
	struct cv_pool *pool;
	struct dbox_message m;
	bool found = false;
	int fd;

	if (open_file(folder, ref, O_RDONLY, &fd, NULL) != CV_OK)
		return false;
	pool = cv_api->pool_create("dbox look");
	if (read_file(folder, fd, true, pool, &m, NULL) == CV_OK && m.ours &&
	    m.has_trailer) {
		*trailer_r = m.trailer;
		/* these are in the pool */
		trailer_r->folder = CV_SPAN_NONE;
		trailer_r->keywords = (struct cv_keywords){ NULL, 0 };
		found = true;
	}
	dbox_close(folder->root, fd);
	cv_api->pool_destroy(&pool);
	return found;
}

static void clean_dir(struct cv_storage_root *root, int dirfd)
{
	struct cv_io_dir *dir = DBOX_CALL(root, dir_open, dirfd, ".");
	int64_t oldest = time(NULL) - DBOX_HIDDEN_SECONDS;
	const char *entry;

	if (dir == NULL)
		return;
	while ((entry = DBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		struct stat st;

		if ((strncmp(entry, "h.", 2) == 0 ||
		     strncmp(entry, "t.", 2) == 0) &&
		    DBOX_CALL(root, stat, dirfd, entry, &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_ctim.tv_sec < oldest)
			(void)DBOX_CALL(root, unlink, dirfd, entry);
	}
	(void)DBOX_API(root)->dir_close(&dir);
}

/* An altmove that was cut off leaves its half at the place it went to. */
void sdbox_clean(struct cv_storage_folder *folder)
{
	int alt = open_alt_dir(folder);

	clean_dir(folder->root, folder->fd);
	if (alt < 0)
		return;
	clean_dir(folder->root, alt);
	dbox_close(folder->root, alt);
}

/* --- the alternative place ------------------------------------------------------------ */

static int copy_file(struct cv_storage_root *root, int fd, int to,
		     const char *name, struct cv_error *err)
{
	enum { CHUNK = 256 * 1024 };
	struct cv_pool *pool = cv_api->pool_create("dbox copy");
	char *data = cv_api->alloc(pool, CHUNK);
	uint64_t at = 0;
	ssize_t got;
	int ret = CV_OK;

	while (ret == CV_OK &&
	       (got = DBOX_CALL(root, pread, fd, data, CHUNK, at)) != 0) {
		if (got < 0 || DBOX_CALL(root, pwrite, to, data, (size_t)got,
					 at) < 0)
			ret = common_fail(err, "copy", name);
		else
			at += (uint64_t)got;
	}
	if (ret == CV_OK && DBOX_CALL(root, fdatasync, to) < 0)
		ret = common_fail(err, "sync", name);
	cv_api->pool_destroy(&pool);
	return ret;
}

/* Copied, synced, shown; then it goes where it was: a crash leaves it at both
 * places, which are one message.  What is being copied has a name that nobody
 * takes for a message that waits for its place. */
static int move_file(struct cv_storage_root *root, int from, int to,
		     const char *name, struct cv_error *err)
{
	char hidden[DBOX_PATH_MAX];
	int fd, target, ret;

	fd = DBOX_CALL(root, open, from, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return errno == ENOENT ? CV_OK : common_fail(err, "open", name);
	snprintf(hidden, sizeof(hidden), "t.%.*s", DBOX_NAME_MAX, name);
	(void)DBOX_CALL(root, unlink, to, hidden);
	target = DBOX_CALL(root, open, to, hidden,
			   O_WRONLY | O_CREAT | O_EXCL, 0600);
	ret = target < 0 ? common_fail(err, "create", hidden) :
		copy_file(root, fd, target, hidden, err);
	dbox_close(root, target);
	dbox_close(root, fd);
	if (ret == CV_OK &&
	    DBOX_CALL(root, rename, to, hidden, to, name, false) < 0)
		ret = common_fail(err, "rename", hidden);
	if (ret == CV_OK && DBOX_CALL(root, fsync, to) < 0)
		ret = common_fail(err, "sync", name);
	if (ret == CV_OK && DBOX_CALL(root, unlink, from, name) < 0 &&
	    errno != ENOENT)
		ret = common_fail(err, "remove", name);
	return ret;
}

int sdbox_altmove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count, bool back,
		  struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_text path;
	char name[DBOX_PATH_MAX];
	int alt, ret = CV_OK;

	if (root->alt[0] == '\0')
		return CV_FAIL(err, CV_E_UNSUPPORTED, "mail_location has no "
			       "ALT=");
	cv_text_init(&path, folder->pool);
	cv_text_append_f(&path, "%s/%s", root->alt, folder->path);
	if (!back)
		ret = common_dir_make(root->config, AT_FDCWD, path.data,
				      0700, err);
	alt = ret == CV_OK ? open_alt_dir(folder) : -1;
	if (alt < 0)
		return ret < 0 ? ret : back && errno == ENOENT ? CV_OK :
			common_fail(err, "open", path.data);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		if (!sdbox_name_valid(blobs[i].ref))
			continue;
		file_name(blobs[i].ref, false, name);
		ret = back ? move_file(root, alt, folder->fd, name, err) :
			move_file(root, folder->fd, alt, name, err);
	}
	dbox_close(root, alt);
	return ret;
}
