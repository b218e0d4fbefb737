/* mbox-redo.c - a rewrite in place that a crash cannot tear.
 *
 * The file's new end is first written to a redo file and synced.  Whoever
 * finds one does what it says, as often as it takes.  Mail that another
 * program has appended to a half-written mbox in between is found behind it,
 * and becomes a part of the redo file first. */
#include "mbox.h"

enum { CHUNK = 256 * 1024, BEFORE = 512 };
static const char redo_magic[8] = "CVMBRED\n";

static uint64_t redo_check(const struct mbox_redo *redo)
{
	return mbox_hash64(redo, offsetof(struct mbox_redo, check));
}

int mbox_redo_create(struct cv_storage_folder *folder, const char *suffix,
		     int *fd_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256];

	mbox_own_path(name, folder->own, suffix);
	(void)MB_CALL(root, unlink, root->own_fd, name);
	*fd_r = MB_CALL(root, open, root->own_fd, name,
			O_RDWR | O_CREAT | O_EXCL, 0600);
	return *fd_r < 0 ? mbox_fail(err, "create", name) : CV_OK;
}

void mbox_redo_remove(struct cv_storage_folder *folder)
{
	char name[256];

	(void)MB_CALL(folder->root, unlink, folder->root->own_fd,
		      mbox_own_path(name, folder->own, "redo"));
}

/* The hash of a range, at most what is there. */
static int hash_range(struct cv_storage_root *root, int fd, uint64_t from,
		      uint64_t to, uint8_t digest[16], struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox hash");
	char *buffer = cv_api->alloc(pool, CHUNK);
	struct mbox_hash hash;
	int ret = CV_OK;

	mbox_hash_init(&hash);
	while (from < to && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = MB_CALL(root, pread, fd, buffer, want, from);

		if (got < 0)
			ret = mbox_fail(err, "read", "mbox");
		if (got <= 0)
			break;
		mbox_hash_add(&hash, buffer, (size_t)got);
		from += (uint64_t)got;
	}
	mbox_hash_end(&hash, digest);
	cv_api->pool_destroy(&pool);
	return ret;
}

static int hash64_range(struct cv_storage_root *root, int fd, uint64_t from,
			uint64_t to, uint64_t *hash_r, struct cv_error *err)
{
	uint8_t digest[16];
	int ret = hash_range(root, fd, from, to, digest, err);

	memcpy(hash_r, digest, 8);
	return ret;
}

static uint64_t before(uint64_t start)
{
	return start < BEFORE ? 0 : start - BEFORE;
}

int mbox_redo_seal(struct cv_storage_folder *folder, int fd,
		   struct mbox_redo *redo, const struct mbox_hash *content,
		   struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct mbox_stamp stamp;
	uint64_t new_end = redo->start + content->len;
	int ret = mbox_take_stamp(folder, &stamp, err);

	memcpy(redo->magic, redo_magic, 8);
	redo->inode = stamp.inode;
	redo->old_size = stamp.size;
	redo->content_len = content->len;
	mbox_hash_end(content, redo->content_hash);
	if (ret == CV_OK)
		ret = hash64_range(root, folder->fd, before(redo->start),
				   redo->start, &redo->before_hash, err);
	if (ret == CV_OK && new_end < stamp.size)
		ret = hash64_range(root, folder->fd, new_end, stamp.size,
				   &redo->left_hash, err);
	redo->check = redo_check(redo);
	if (ret == CV_OK && (MB_CALL(root, pwrite, fd, redo, sizeof(*redo),
				     0) < 0 ||
			     MB_CALL(root, fdatasync, fd) < 0))
		ret = mbox_fail(err, "write", "redo file");
	return ret;
}

/* Content from one offset of the mbox on to another. */
static int copy_out(struct cv_storage_folder *folder, int fd,
		    const struct mbox_redo *redo, uint64_t from, uint64_t to,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *buffer = cv_api->alloc(pool, CHUNK);
	int ret = CV_OK;

	while (from < to && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = MB_CALL(root, pread, fd, buffer, want,
				      MBOX_REDO_CONTENT + from - redo->start);

		if (got < (ssize_t)want)
			ret = got < 0 ? mbox_fail(err, "read", "redo file") :
				CV_FAIL(err, CV_E_TEMP, "redo file is short");
		else if (MB_CALL(root, pwrite, folder->fd, buffer, want,
				 from) < 0)
			ret = mbox_fail(err, "write", folder->path);
		from += want;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_redo_perform(struct cv_storage_folder *folder, int fd,
		      const struct mbox_redo *redo, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint64_t end = redo->start + redo->content_len;
	uint64_t middle = end > redo->old_size ? redo->old_size : end;
	int ret;

	/* a file that grows gets its new end first: when there is no room
	 * for it nothing else has changed */
	ret = copy_out(folder, fd, redo, middle, end, err);
	if (ret < 0) {
		if (MB_CALL(root, truncate, folder->fd, redo->old_size) == 0)
			mbox_redo_remove(folder);
		return ret;
	}
	ret = copy_out(folder, fd, redo, redo->start, middle, err);
	if (ret == CV_OK && end < redo->old_size) {
		/* in this order, also on disk: what is left behind the new
		 * end says whether this has been done */
		if (MB_CALL(root, fdatasync, folder->fd) < 0 ||
		    MB_CALL(root, truncate, folder->fd, end) < 0)
			ret = mbox_fail(err, "shorten", folder->path);
	}
	if (ret == CV_OK && MB_CALL(root, fdatasync, folder->fd) < 0)
		ret = mbox_fail(err, "sync", folder->path);
	if (ret == CV_OK)
		mbox_redo_remove(folder);
	return ret;
}

/* --- after a crash ----------------------------------------------------------------- */

static int read_redo(struct cv_storage_folder *folder, int fd,
		     struct mbox_redo *redo, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint8_t digest[16];
	ssize_t got = MB_CALL(root, pread, fd, redo, sizeof(*redo), 0);
	int ret;

	if (got < 0)
		return mbox_fail(err, "read", "redo file");
	if ((size_t)got < sizeof(*redo) ||
	    memcmp(redo->magic, redo_magic, 8) != 0 ||
	    redo->check != redo_check(redo) ||
	    redo->content_len > INT64_MAX / 4 || redo->start > INT64_MAX / 4)
		return CV_NOT_FOUND;
	ret = hash_range(root, fd, MBOX_REDO_CONTENT,
			 MBOX_REDO_CONTENT + redo->content_len, digest, err);
	if (ret == CV_OK && memcmp(digest, redo->content_hash, 16) != 0)
		ret = CV_NOT_FOUND;
	return ret;
}

/* How far the mbox is the same as the content, from an offset on. */
static int find_difference(struct cv_storage_folder *folder, int fd,
			   const struct mbox_redo *redo, uint64_t from,
			   uint64_t to, uint64_t *at_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *ours = cv_api->alloc(pool, CHUNK);
	char *theirs = cv_api->alloc(pool, CHUNK);
	bool same = true;
	int ret = CV_OK;

	while (from < to && same && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		size_t i = 0;

		if (MB_CALL(root, pread, fd, ours, want, MBOX_REDO_CONTENT +
			    from - redo->start) != (ssize_t)want ||
		    MB_CALL(root, pread, folder->fd, theirs, want, from) !=
		    (ssize_t)want)
			ret = mbox_fail(err, "read", folder->path);
		while (i < want && ours[i] == theirs[i])
			i++;
		same = i == want;
		from += i;
	}
	*at_r = from;
	cv_api->pool_destroy(&pool);
	return ret;
}

/* Where mail begins that others have appended to a file of this size. */
static int find_foreign(struct cv_storage_folder *folder, int fd,
			const struct mbox_redo *redo, uint64_t size,
			uint64_t *at_r, struct cv_error *err)
{
	uint64_t end = redo->start + redo->content_len, left;
	int ret;

	*at_r = size;
	if (end >= redo->old_size)
		return size <= redo->old_size ? CV_OK :
			find_difference(folder, fd, redo, redo->old_size,
					size < end ? size : end, at_r, err);
	if (size >= redo->old_size) {
		ret = hash64_range(folder->root, folder->fd, end,
				   redo->old_size, &left, err);
		if (ret < 0 || left == redo->left_hash) {
			*at_r = redo->old_size;
			return ret;
		}
	}
	*at_r = size < end ? size : end;
	return CV_OK;
}

/* What others have appended goes behind the content of a new redo file. */
static int take_along(struct cv_storage_folder *folder, int *fd,
		      struct mbox_redo *redo, uint64_t from, uint64_t size,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *buffer = cv_api->alloc(pool, CHUNK);
	uint64_t total = redo->content_len + (size - from), done = 0;
	char name[256], new_name[256];
	struct mbox_hash hash;
	int to, ret = mbox_redo_create(folder, "redo-new", &to, err);

	mbox_hash_init(&hash);
	while (ret == CV_OK && done < total) {
		bool ours = done < redo->content_len;
		uint64_t left = ours ? redo->content_len - done :
			total - done;
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		uint64_t at = ours ? MBOX_REDO_CONTENT + done :
			from + (done - redo->content_len);

		if (MB_CALL(root, pread, ours ? *fd : folder->fd, buffer,
			    want, at) != (ssize_t)want ||
		    MB_CALL(root, pwrite, to, buffer, want,
			    MBOX_REDO_CONTENT + done) < 0)
			ret = mbox_fail(err, "copy", folder->path);
		mbox_hash_add(&hash, buffer, want);
		done += want;
	}
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK)
		ret = mbox_redo_seal(folder, to, redo, &hash, err);
	mbox_own_path(name, folder->own, "redo");
	mbox_own_path(new_name, folder->own, "redo-new");
	if (ret == CV_OK && (MB_CALL(root, rename, root->own_fd, new_name,
				     root->own_fd, name, false) < 0 ||
			     MB_CALL(root, fsync, root->own_fd) < 0))
		ret = mbox_fail(err, "rename", new_name);
	mbox_close_fd(root, ret == CV_OK ? fd : &to);
	if (ret == CV_OK)
		*fd = to;
	return ret;
}

/* Another program has made something else of the file: what we wanted to
 * write is kept for the administrator. */
static int set_aside(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256], lost[256], kind[40];
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	snprintf(kind, sizeof(kind), "lost-%08llx",
		 (unsigned long long)(random & 0xffffffff));
	mbox_own_path(name, folder->own, "redo");
	mbox_own_path(lost, folder->own, kind);
	if (MB_CALL(root, rename, root->own_fd, name, root->own_fd, lost,
		    true) < 0)
		return mbox_fail(err, "rename", name);
	mbox_log(CV_LOG_ERROR, "'%s': a rewrite was interrupted, and another "
		 "program has changed the file since: messages from byte %d "
		 "of '%s' on may be missing in it", folder->path,
		 MBOX_REDO_CONTENT, lost);
	return CV_OK;
}

static int recover(struct cv_storage_folder *folder, int *fd,
		   struct cv_error *err)
{
	struct mbox_stamp stamp;
	struct mbox_redo redo;
	uint64_t hash, foreign;
	int ret = read_redo(folder, *fd, &redo, err);

	/* half a redo file: the mbox was not touched yet */
	if (ret == CV_NOT_FOUND) {
		mbox_redo_remove(folder);
		return CV_OK;
	}
	if (ret == CV_OK)
		ret = mbox_take_stamp(folder, &stamp, err);
	if (ret == CV_OK)
		ret = hash64_range(folder->root, folder->fd,
				   before(redo.start), redo.start, &hash,
				   err);
	if (ret < 0)
		return ret;
	if (stamp.inode != redo.inode || stamp.size < redo.start ||
	    hash != redo.before_hash)
		return set_aside(folder, err);
	ret = find_foreign(folder, *fd, &redo, stamp.size, &foreign, err);
	if (ret == CV_OK && foreign < stamp.size)
		ret = take_along(folder, fd, &redo, foreign, stamp.size, err);
	return ret < 0 ? ret : mbox_redo_perform(folder, *fd, &redo, err);
}

int mbox_redo_recover(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256];
	int fd, ret;

	if (folder->readonly || folder->fd == -1)
		return CV_OK;
	fd = MB_CALL(root, open, root->own_fd,
		     mbox_own_path(name, folder->own, "redo"), O_RDWR, 0);
	if (fd < 0)
		return errno == ENOENT ? CV_OK : mbox_fail(err, "open", name);
	ret = recover(folder, &fd, err);
	mbox_close_fd(root, &fd);
	return ret;
}
