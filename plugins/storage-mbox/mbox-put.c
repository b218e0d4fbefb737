/* mbox-put.c - new messages.  An mbox cannot hide one: until the commit it is
 * a file of ours beside the map, and then it is appended.
 *
 * The name of that file is the instance of the reference.  An odd instance
 * was synced because the journal does not have the message's bytes: then the
 * mbox is synced before the file goes. */
#include "mbox.h"

/* Of no folder yet: that may be renamed meanwhile. */
#define PUT_STEM "put.t."
enum { STAGE_ENDING = 19 };	/* ".s." and an instance: mbox_stage_name */

/* When no hidden message was written. */
enum { WAITS_MTIME = 1 };

void mbox_stage_name(const struct cv_storage_folder *folder,
		     uint64_t instance, char dst[256])
{
	snprintf(dst, 256, "%s.s.%016llx", folder->own,
		 (unsigned long long)instance);
}

int mbox_stage_open(struct cv_storage_folder *folder, uint64_t instance,
		    uint64_t *size_r)
{
	struct cv_storage_root *root = folder->root;
	char name[256];
	struct stat st;
	int fd;

	mbox_stage_name(folder, instance, name);
	fd = MB_CALL(root, open, root->own_fd, name, O_RDONLY, 0);
	if (fd >= 0 && MB_CALL(root, fstat, fd, &st) < 0)
		mbox_close_fd(root, &fd);
	if (fd >= 0)
		*size_r = (uint64_t)st.st_size;
	return fd;
}

bool mbox_is_staged(struct cv_storage_folder *folder, uint64_t instance)
{
	struct cv_storage_root *root = folder->root;
	char name[256];
	struct stat st;

	mbox_stage_name(folder, instance, name);
	return MB_CALL(root, stat, root->own_fd, name, &st) == 0;
}

void mbox_stage_wait(struct cv_storage_folder *folder, int fd)
{
	(void)MB_CALL(folder->root, set_times, fd, WAITS_MTIME);
}

static bool waits(const struct stat *st)
{
	return st->st_mtim.tv_sec == WAITS_MTIME;
}

bool mbox_stage_waits(struct cv_storage_folder *folder, uint64_t instance)
{
	struct cv_storage_root *root = folder->root;
	char name[256];
	struct stat st;

	mbox_stage_name(folder, instance, name);
	return MB_CALL(root, stat, root->own_fd, name, &st) == 0 &&
		waits(&st);
}

bool mbox_stage_is_whole(struct cv_storage_folder *folder, int fd,
			 uint64_t size, struct cv_span ref)
{
	struct cv_pool *pool = cv_api->pool_create("mbox stage");
	struct mbox_reader reader;
	struct mbox_hash hash;
	struct cv_span data;
	uint8_t digest[16], want[16];
	uint64_t at = 0, instance;
	int ret = CV_OK;

	if (!mbox_ref_parse(ref, want, &instance))
		return false;
	mbox_reader_init(&reader, folder->root, fd, size, pool, 64 * 1024);
	mbox_hash_init(&hash);
	while (at < size && ret == CV_OK) {
		ret = mbox_reader_get(&reader, at, 1, &data, NULL);
		if (ret == CV_OK)
			mbox_hash_add(&hash, data.data, data.len);
		at += ret == CV_OK ? data.len : 0;
	}
	mbox_hash_end(&hash, digest);
	cv_api->pool_destroy(&pool);
	return ret == CV_OK && memcmp(digest, want, 16) == 0;
}

void mbox_stage_remove(struct cv_storage_folder *folder, uint64_t instance)
{
	char name[256];

	mbox_stage_name(folder, instance, name);
	(void)MB_CALL(folder->root, unlink, folder->root->own_fd, name);
}

bool mbox_has_staged(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MB_CALL(root, dir_open, root->own_fd, ".");
	char stem[256];
	const char *name;
	bool found = false;
	size_t len = strlen(mbox_own_path(stem, folder->own, "s."));

	if (dir == NULL)
		return false;
	while (!found && (name = MBOX_API(root)->dir_next(dir, NULL)) != NULL)
		found = strncmp(name, stem, len) == 0;
	(void)MBOX_API(root)->dir_close(&dir);
	return found;
}

static void put_name(const struct cv_storage_put *put, char dst[256])
{
	snprintf(dst, 256, PUT_STEM "%016llx",
		 (unsigned long long)put->instance);
}

int mbox_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		    uint64_t bytes, uint64_t virtual_bytes,
		    struct cv_storage_put **put_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_storage_put *put = CV_ALLOC(pool, struct cv_storage_put);
	char name[256];

	(void)bytes;
	(void)virtual_bytes;
	put->folder = folder;
	put->pool = pool;
	cv_api->random(&put->instance, sizeof(put->instance));
	mbox_hash_init(&put->hash);
	put_name(put, name);
	put->fd = MB_CALL(root, open, root->own_fd, name,
			  O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (put->fd < 0)
		return common_fail(err, "create", name);
	*put_r = put;
	return CV_OK;
}

int mbox_put_write(struct cv_storage_put *put, const void *data, size_t len,
		   struct cv_error *err)
{
	if (MB_CALL(put->folder->root, pwrite, put->fd, data, len,
		    put->written) < 0)
		return common_fail(err, "write", "new message");
	mbox_hash_add(&put->hash, data, len);
	put->written += len;
	return CV_OK;
}

void mbox_put_abort(struct cv_storage_put **put)
{
	struct cv_storage_put *p = *put;
	char name[256];

	if (p == NULL)
		return;
	mbox_close_fd(p->folder->root, &p->fd);
	put_name(p, name);
	(void)MB_CALL(p->folder->root, unlink, p->folder->root->own_fd, name);
	*put = NULL;
}

/* The put becomes a hidden message; under the lock, since whoever renames the
 * folder takes it along. */
static int show_hidden(struct cv_storage_put *p, uint64_t instance, bool sync,
		       struct cv_error *err)
{
	struct cv_storage_root *root = p->folder->root;
	char name[256], to[256];
	int ret = mbox_own_lock(p->folder, err);

	if (ret != CV_OK)
		return ret;
	put_name(p, name);
	mbox_stage_name(p->folder, instance, to);
	if (MB_CALL(root, rename, root->own_fd, name, root->own_fd, to,
		    true) < 0)
		ret = common_fail(err, "rename", name);
	if (ret == CV_OK && sync) {
		ret = mbox_sync_hidden(p->folder, err);
		if (ret < 0)
			mbox_stage_remove(p->folder, instance);
	}
	mbox_own_unlock(p->folder);
	return ret;
}

int mbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		    int64_t received, bool sync, struct cv_span *ref_r,
		    struct cv_error *err)
{
	struct cv_storage_put *p = *put;
	struct cv_storage_root *root = p->folder->root;
	struct mbox_record r = { .instance = p->instance };
	char *ref;
	int ret = CV_OK;

	(void)virtual_bytes;
	(void)received;
	if (sync && MB_CALL(root, fdatasync, p->fd) < 0)
		ret = common_fail(err, "sync", "new message");
	r.instance = sync ? r.instance | 1 : r.instance & ~UINT64_C(1);
	if (ret == CV_OK)
		ret = show_hidden(p, r.instance, sync, err);
	if (ret < 0) {
		mbox_put_abort(put);
		return ret;
	}
	mbox_close_fd(root, &p->fd);
	mbox_hash_end(&p->hash, r.digest);
	ref = cv_api->alloc(p->pool, MBOX_REF_BYTES + 1);
	mbox_ref_format(&r, ref);
	*ref_r = cv_span(ref, MBOX_REF_BYTES);
	*put = NULL;
	return CV_OK;
}

void mbox_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		uint32_t count)
{
	(void)folder;
	for (uint32_t i = 0; i < count; i++)
		blobs[i].marks = 0;
}

/* --- placing ---------------------------------------------------------------------- */

/* CV_NOT_FOUND: neither in the mbox nor hidden. */
static int place_one(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, bool *synced,
		     struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct mbox_record *r = mbox_find(folder, blob);
	uint8_t digest[16];
	uint64_t instance, size;
	int fd, ret = CV_OK;

	if (!mbox_ref_parse(blob->ref, digest, &instance))
		return CV_NOT_FOUND;
	if (r != NULL) {
		if (r->uid == 0)
			r->uid = blob->uid;
		*synced |= instance & 1;
		return CV_OK;
	}
	if (mbox_stage_waits(folder, instance))
		return CV_FAIL(err, CV_E_TEMP, "a scan does it now");
	fd = mbox_stage_open(folder, instance, &size);
	if (fd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			common_fail(err, "open", "new message");
	ret = mbox_append(folder, blob, cv_span(NULL, (size_t)size), fd, err);
	if (ret == CV_E_NO_SPACE)
		mbox_stage_wait(folder, fd);
	mbox_close_fd(root, &fd);
	*synced |= instance & 1;
	return ret;
}

static int place_all(struct cv_storage_folder *folder,
		     const struct cv_blob *blobs, uint32_t count,
		     struct cv_error *err)
{
	bool sync = false;
	uint32_t done = 0;
	int ret = CV_OK;

	while (done < count && ret >= 0)
		ret = place_one(folder, &blobs[done++], &sync, err);
	if (ret < 0)
		done--;
	if (sync && folder->fd != -1 &&
	    MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		return common_fail(err, "sync", folder->path);
	for (uint32_t i = 0; i < done; i++) {
		uint8_t digest[16];
		uint64_t instance;

		if (mbox_ref_parse(blobs[i].ref, digest, &instance))
			mbox_stage_remove(folder, instance);
	}
	return ret;
}

void mbox_place(struct cv_storage_folder *folder, const struct cv_blob *blobs,
		uint32_t count)
{
	struct cv_pool *pool = cv_api->pool_create("mbox place");
	struct cv_error *err = cv_api->error_new(pool);
	bool known;
	int ret = mbox_begin(folder, MBOX_WRITE, err);

	if (ret == CV_OK) {
		known = mbox_change_begin(folder);
		ret = place_all(folder, blobs, count, err);
		mbox_change_end(folder, known);
		mbox_end(folder);
	}
	if (ret < 0 && ret != CV_E_NOT_FOUND)
		mbox_log(CV_LOG_WARNING, "'%s': a new message waits to be "
			 "appended: %s", folder->path,
			 cv_api->error_text(err));
	cv_api->pool_destroy(&pool);
}

/* Whoever locks the mbox for long keeps the whole account waiting: then UIDs
 * may be out of order for once. */
enum { GUARD_MSECS = 2000 };

int mbox_guard_begin(struct cv_storage_folder *folder, struct cv_error *err)
{
	uint32_t last;
	int ret;

	folder->patience = GUARD_MSECS;
	ret = mbox_begin(folder, MBOX_WRITE, err);
	folder->patience = 0;
	if (ret != CV_OK)
		return ret;
	if (folder->fd == -1) {
		mbox_end(folder);
		return CV_FAIL(err, CV_E_NOT_FOUND, "'%s' is not there yet",
			       folder->path);
	}
	/* UIDs that another server gave to what is gone again */
	if (folder->uidnext != 0 &&
	    folder->head.base_validity == folder->uidvalidity &&
	    folder->head.base_last >= folder->uidnext)
		return CV_CHANGED;
	/* what others have added is at the end */
	for (last = folder->head.count; last > 0 &&
	     (folder->records[last - 1].marks & MBOX_PSEUDO); last--)
		;
	return last > 0 && (folder->records[last - 1].marks & MBOX_FRESH) ?
		CV_CHANGED : CV_OK;
}

void mbox_guard_end(struct cv_storage_folder *folder)
{
	mbox_end(folder);
}

int mbox_lay_out(struct cv_storage_folder *folder,
		 const struct cv_blob *blob, struct cv_span body,
		 struct cv_error *err)
{
	uint8_t digest[16];
	uint64_t instance;
	bool known;
	int ret;

	if (!mbox_ref_parse(blob->ref, digest, &instance))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	ret = mbox_begin(folder, MBOX_WRITE, err);
	if (ret != CV_OK)
		return ret;
	if (mbox_find(folder, blob) == NULL) {
		known = mbox_change_begin(folder);
		ret = mbox_append(folder, blob, body, -1, err);
		mbox_change_end(folder, known);
	}
	/* also what was appended before must be on disk when the journal
	 * lets it go */
	if (ret == CV_OK && folder->fd != -1 &&
	    MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		ret = common_fail(err, "sync", folder->path);
	if (ret == CV_OK)
		mbox_stage_remove(folder, instance);
	mbox_end(folder);
	return ret;
}

int mbox_link(struct cv_storage_folder *folder,
	      struct cv_storage_folder *from, const struct cv_blob *blob,
	      struct cv_pool *pool, struct cv_span *ref_r,
	      struct cv_error *err)
{
	(void)folder; (void)from; (void)blob; (void)pool; (void)ref_r;
	(void)err;
	return CV_E_UNSUPPORTED;
}

int mbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err)
{
	if (MB_CALL(folder->root, fsync, folder->root->own_fd) < 0)
		return common_fail(err, "sync", "index directory");
	return CV_OK;
}

void mbox_unlink_hidden(struct cv_storage_folder *folder,
			struct cv_span ref)
{
	uint8_t digest[16];
	uint64_t instance;

	if (mbox_ref_parse(ref, digest, &instance) &&
	    mbox_own_lock(folder, NULL) == CV_OK) {
		mbox_stage_remove(folder, instance);
		mbox_own_unlock(folder);
	}
}

/* Of whatever folder: one that was removed meanwhile is cleaned by nobody
 * else. */
static bool is_stage(const char *name)
{
	size_t len = strlen(name);

	return len > STAGE_ENDING &&
		strncmp(name + len - STAGE_ENDING, ".s.", 3) == 0 &&
		strspn(name + len - STAGE_ENDING + 3, "0123456789abcdef") ==
			STAGE_ENDING - 3;
}

/* After two days a hidden message was never committed, or waits for room. */
void mbox_clean(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MB_CALL(root, dir_open, root->own_fd, ".");
	int64_t oldest = time(NULL) - 36 * 3600;
	const char *name;
	struct stat st;

	if (dir == NULL)
		return;
	while ((name = MBOX_API(root)->dir_next(dir, NULL)) != NULL) {
		if ((is_stage(name) ||
		     strncmp(name, PUT_STEM, strlen(PUT_STEM)) == 0) &&
		    MB_CALL(root, stat, root->own_fd, name, &st) == 0 &&
		    st.st_ctim.tv_sec < oldest && !waits(&st))
			(void)MB_CALL(root, unlink, root->own_fd, name);
	}
	(void)MBOX_API(root)->dir_close(&dir);
}
