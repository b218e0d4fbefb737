/* maildir-put.c - new message files: written in tmp/, placed after the
 * commit. */
#include "maildir.h"

int maildir_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		       uint64_t bytes, uint64_t virtual_bytes,
		       struct cv_storage_put **put_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_storage_put *put = CV_ALLOC(pool, struct cv_storage_put);
	char path[MAILDIR_PATH_MAX];

	put->folder = folder;
	put->pool = pool;
	maildir_file_create_base(root, put->name);
	if (virtual_bytes > 0) {
		size_t len = strlen(put->name);

		snprintf(put->name + len, sizeof(put->name) - len,
			 ",S=%llu,W=%llu", (unsigned long long)bytes,
			 (unsigned long long)virtual_bytes);
		put->has_sizes = true;
	}
	if (!maildir_hidden_path(cv_span_of(put->name), path))
		return CV_FAIL(err, CV_E_INTERNAL, "file name is too long");
	put->fd = MD_CALL(root, open, folder->fd, path,
			  O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (put->fd < 0 && maildir_folder_mend(folder))
		put->fd = MD_CALL(root, open, folder->fd, path,
				  O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (put->fd < 0)
		return common_fail(err, "create", path);
	*put_r = put;
	return CV_OK;
}

int maildir_put_write(struct cv_storage_put *put, const void *data,
		      size_t len, struct cv_error *err)
{
	if (MD_CALL(put->folder->root, pwrite, put->fd, data, len,
		    put->written) < 0)
		return common_fail(err, "write", put->name);
	put->written += len;
	return CV_OK;
}

void maildir_put_abort(struct cv_storage_put **put)
{
	struct cv_storage_put *p = *put;

	if (p == NULL)
		return;
	MAILDIR_API(p->folder->root)->close(MAILDIR_IO(p->folder->root),
					    p->fd);
	maildir_unlink_hidden(p->folder, cv_span_of(p->name));
	*put = NULL;
}

static int add_sizes(struct cv_storage_put *put, uint64_t virtual_bytes,
		     struct cv_error *err)
{
	struct cv_storage_root *root = put->folder->root;
	char from[MAILDIR_PATH_MAX], to[MAILDIR_PATH_MAX];
	char name[MAILDIR_NAME_MAX + 64];

	snprintf(name, sizeof(name), "%s,S=%llu,W=%llu", put->name,
		 (unsigned long long)put->written,
		 (unsigned long long)virtual_bytes);
	if (!maildir_hidden_path(cv_span_of(put->name), from) ||
	    !maildir_hidden_path(cv_span_of(name), to))
		return CV_FAIL(err, CV_E_INTERNAL, "file name is too long");
	if (MD_CALL(root, rename, put->folder->fd, from, put->folder->fd, to,
		    false) < 0)
		return common_fail(err, "rename", from);
	memcpy(put->name, name, strlen(name) + 1);
	return CV_OK;
}

int maildir_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		       int64_t received, bool sync, struct cv_span *ref_r,
		       struct cv_error *err)
{
	struct cv_storage_put *p = *put;
	struct cv_storage_root *root = p->folder->root;
	int64_t age = (int64_t)time(NULL) - received;
	int ret = CV_OK;

	/* the time of the file is the message's INTERNALDATE for others */
	if (age != 0 && MD_CALL(root, set_times, p->fd, received) < 0)
		ret = common_fail(err, "set times of", p->name);
	if (ret == CV_OK && sync && MD_CALL(root, fdatasync, p->fd) < 0)
		ret = common_fail(err, "sync", p->name);
	if (ret == CV_OK && !p->has_sizes)
		ret = add_sizes(p, virtual_bytes, err);
	if (ret == CV_OK && sync)
		ret = maildir_sync_hidden(p->folder, err);
	if (ret < 0) {
		maildir_put_abort(put);
		return ret;
	}
	MAILDIR_API(root)->close(MAILDIR_IO(root), p->fd);
	*ref_r = cv_span_of(common_strdup(p->pool, p->name));
	*put = NULL;
	return CV_OK;
}

void maildir_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		   uint32_t count)
{
	char path[MAILDIR_PATH_MAX];

	for (uint32_t i = 0; i < count; i++) {
		blobs[i].marks = 0;
		if (blobs[i].flags == 0 && blobs[i].keywords.count == 0)
			blobs[i].marks = MAILDIR_IN_NEW;
		else	/* letters for the keywords */
			(void)maildir_file_path(folder, blobs[i].ref,
						blobs[i].flags,
						&blobs[i].keywords, 0, true,
						path);
	}
}

void maildir_place(struct cv_storage_folder *folder,
		   const struct cv_blob *blobs, uint32_t count)
{
	struct cv_storage_root *root = folder->root;
	char from[MAILDIR_PATH_MAX], to[MAILDIR_PATH_MAX];
	bool in_cur = false, known = false;

	for (uint32_t i = 0; i < count; i++)
		in_cur |= !(blobs[i].marks & MAILDIR_IN_NEW);
	if (in_cur)
		known = maildir_change_begin(folder);
	for (uint32_t i = 0; i < count; i++) {
		if (!maildir_hidden_path(blobs[i].ref, from) ||
		    !maildir_blob_path(folder, &blobs[i], to))
			continue;
		/* another process may have been quicker */
		if (MD_CALL(root, rename, folder->fd, from, folder->fd, to,
			    false) < 0 && errno != ENOENT)
			cv_api->log(maildir_self, CV_LOG_WARNING,
				    "cannot place '%s': %s", from,
				    strerror(errno));
	}
	if (in_cur)
		maildir_change_end(folder, known);
}

/* CV_OK: the file has these bytes; it is synced then.  CV_NOT_FOUND: there is
 * none. */
static int check_whole(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_span body)
{
	struct cv_storage_root *root = folder->root;
	struct cv_blob_source src = { CV_SIZED(cv_blob_source) };
	struct cv_pool *pool;
	char *data;
	bool whole = false;
	int ret = maildir_get(folder, blob, &src, NULL);

	if (ret != CV_OK)
		return ret;
	if (src.len == body.len) {
		pool = cv_api->pool_create("maildir check");
		data = cv_api->alloc(pool, body.len + 1);
		whole = MD_CALL(root, pread, src.fd, data, body.len, 0) ==
			(ssize_t)body.len &&
			memcmp(data, body.data, body.len) == 0 &&
			MD_CALL(root, fdatasync, src.fd) == 0;
		cv_api->pool_destroy(&pool);
	}
	MAILDIR_API(root)->close(MAILDIR_IO(root), src.fd);
	return whole ? CV_OK : CV_CHANGED;
}

static bool placed_name(struct cv_storage_folder *folder,
			const struct cv_blob *blob, char *dst, size_t size)
{
	return size >= MAILDIR_PATH_MAX && maildir_blob_path(folder, blob, dst);
}

void maildir_sync_placed(struct cv_storage_folder *folder,
			 struct cv_blob_sync *items, uint32_t count)
{
	const struct common_files files = {
		.config = folder->root->config, .dirfd = folder->fd,
		.name = placed_name, .folder = folder,
	};

	common_files_sync(&files, items, count);
}

int maildir_lay_out(struct cv_storage_folder *folder,
		    const struct cv_blob *blob, struct cv_span body,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char path[MAILDIR_PATH_MAX], old[MAILDIR_PATH_MAX];
	char hidden[MAILDIR_PATH_MAX];
	bool known;
	int fd, ret = check_whole(folder, blob, body);

	if (ret == CV_OK)	/* placed, or still hidden */
		return maildir_recover(folder, blob, err) < 0 ? CV_E_TEMP :
			CV_OK;
	/* What this run of the machine has placed is there, unless another
	 * program has removed it: the next scan says so.  A second file under
	 * a new name would bring it back. */
	if (ret == CV_NOT_FOUND && !maildir_was_lost(folder, UINT64_MAX))
		return CV_OK;
	ret = CV_OK;
	if (!maildir_hidden_path(blob->ref, hidden) ||
	    !maildir_blob_path(folder, blob, path))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	known = maildir_change_begin(folder);
	if (maildir_file_search(folder, blob->ref, old, NULL) == CV_OK &&
	    strcmp(old, path) != 0)
		(void)MD_CALL(root, unlink, folder->fd, old);
	(void)MD_CALL(root, unlink, folder->fd, hidden);
	fd = MD_CALL(root, open, folder->fd, hidden,
		     O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return common_fail(err, "create", hidden);
	if (MD_CALL(root, pwrite, fd, body.data, body.len, 0) < 0 ||
	    MD_CALL(root, set_times, fd, blob->received) < 0 ||
	    MD_CALL(root, fdatasync, fd) < 0)
		ret = common_fail(err, "write", hidden);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	if (ret == CV_OK && MD_CALL(root, rename, folder->fd, hidden,
				    folder->fd, path, false) < 0)
		ret = common_fail(err, "rename", hidden);
	if (ret < 0)
		(void)MD_CALL(root, unlink, folder->fd, hidden);
	maildir_change_end(folder, known);
	return ret;
}

int maildir_link(struct cv_storage_folder *folder,
		 struct cv_storage_folder *from, const struct cv_blob *blob,
		 struct cv_pool *pool, struct cv_span *ref_r,
		 struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char source[MAILDIR_PATH_MAX], hidden[MAILDIR_PATH_MAX];
	char base[MAILDIR_NAME_MAX + 1];
	uint64_t claimed = maildir_claimed_bytes(blob->ref);
	size_t len;
	char *ref;

	if (!root->set->maildir_copy_with_hardlinks)
		return CV_E_UNSUPPORTED;
	maildir_file_create_base(root, base);
	len = strlen(base);
	/* that of the file is another one when it is compressed */
	if (claimed > 0 && blob->virtual_bytes > 0)
		len += (size_t)snprintf(
			base + len, sizeof(base) - len, ",S=%llu,W=%llu",
			(unsigned long long)claimed,
			(unsigned long long)blob->virtual_bytes);
	if (!maildir_hidden_path(cv_span_of(base), hidden))
		return CV_FAIL(err, CV_E_INTERNAL, "file name is too long");
	for (int tries = 0;; tries++) {
		bool guess = tries == 0 && !(blob->marks & MAILDIR_ODD) &&
			maildir_blob_path(from, blob, source);

		if (!guess) {
			int ret = maildir_file_search(from, blob->ref, source,
						      err);

			if (ret == CV_NOT_FOUND &&
			    maildir_hidden_path(blob->ref, source))
				ret = CV_OK;
			if (ret != CV_OK)
				return ret;
		}
		if (MD_CALL(root, link, from->fd, source, folder->fd,
			    hidden) == 0)
			break;
		if (errno == EXDEV || errno == EMLINK || errno == EPERM)
			return CV_E_UNSUPPORTED;
		if (errno != ENOENT)
			return common_fail(err, "link", source);
		if (tries >= 3)
			return CV_NOT_FOUND;
	}
	ref = cv_api->alloc(pool, len + 1);
	memcpy(ref, base, len);
	*ref_r = cv_span(ref, len);
	return CV_OK;
}

int maildir_sync_hidden(struct cv_storage_folder *folder,
			struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	int fd = MD_CALL(root, open, folder->fd, "tmp",
			 O_RDONLY | O_DIRECTORY, 0);
	int ret;

	if (fd < 0)
		return common_fail(err, "open", "tmp");
	ret = MD_CALL(root, fsync, fd);
	MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
	return ret < 0 ? common_fail(err, "sync", "tmp") : CV_OK;
}

void maildir_unlink_hidden(struct cv_storage_folder *folder,
			   struct cv_span ref)
{
	char path[MAILDIR_PATH_MAX];

	if (maildir_hidden_path(ref, path))
		(void)MD_CALL(folder->root, unlink, folder->fd, path);
}
