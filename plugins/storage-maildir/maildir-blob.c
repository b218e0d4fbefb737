/* maildir-blob.c - reading, marking and removing message files. */
#include "maildir.h"

/* A file that another program has cut short, emptied or written to is not the
 * message that clients know under its UID. */
static void set_wrong_size(struct cv_storage_folder *folder,
			   const struct cv_blob *blob,
			   struct cv_blob_source *src)
{
	if (!CV_HAS(src, claimed_bytes))
		return;
	src->claimed_bytes = maildir_claimed_bytes(blob->ref);
	src->wrong_size = CV_WRONG_SIZE_CORRECT;
	if (folder->root->set->maildir_broken_filename_sizes)
		return;
	src->wrong_size = CV_WRONG_SIZE_REFUSE;
	src->wrong_size_hint = "maildir_broken_filename_sizes = yes reads it "
		"as it is";
}

/* Opens path; CV_NOT_FOUND when it is not there. */
static int try_open(struct cv_storage_folder *folder, const char *path,
		    const struct cv_blob *blob, struct cv_blob_source *src_r,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct stat st;
	int fd = MD_CALL(root, open, folder->fd, path,
			 O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return errno == ENOENT || errno == ENAMETOOLONG ?
			CV_NOT_FOUND : common_fail(err, "open", path);
	if (MD_CALL(root, fstat, fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
		return CV_FAIL(err, CV_E_TEMP, "'%s' is no regular file",
			       path);
	}
	src_r->fd = fd;
	src_r->offset = 0;
	src_r->len = (uint64_t)st.st_size;
	src_r->stream = NULL;
	set_wrong_size(folder, blob, src_r);
	return CV_OK;
}

int maildir_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_blob_source *src_r, struct cv_error *err)
{
	char path[MAILDIR_PATH_MAX];
	int ret = CV_NOT_FOUND;

	if (maildir_blob_path(folder, blob, path))
		ret = try_open(folder, path, blob, src_r, err);
	/* committed a moment ago, and not placed yet */
	if (ret == CV_NOT_FOUND && maildir_hidden_path(blob->ref, path))
		ret = try_open(folder, path, blob, src_r, err);
	/* somebody renames it while we look for it: look again */
	for (int i = 0; i < 3 && ret == CV_NOT_FOUND; i++) {
		int found = maildir_file_search(folder, blob->ref, path, err);

		if (found < 0)
			return found;
		if (found == CV_OK)
			ret = try_open(folder, path, blob, src_r, err);
		else if (i > 0)
			break;
	}
	return ret;
}

const char *maildir_path_of(struct cv_storage_folder *folder,
			    const struct cv_blob *blob, struct cv_pool *pool)
{
	char path[MAILDIR_PATH_MAX];
	struct cv_text text;

	if (maildir_file_search(folder, blob->ref, path, NULL) != CV_OK &&
	    !maildir_blob_path(folder, blob, path))
		return NULL;
	cv_text_init(&text, pool);
	if (folder->path[0] != '/')
		cv_text_append_f(&text, "%s/", folder->root->config->path);
	if (strcmp(folder->path, ".") != 0)
		cv_text_append_f(&text, "%s/", folder->path);
	cv_text_append_str(&text, path);
	return text.data;
}

int maildir_recover(struct cv_storage_folder *folder,
		    const struct cv_blob *blob, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char hidden[MAILDIR_PATH_MAX], path[MAILDIR_PATH_MAX];
	struct stat st;

	if (!maildir_hidden_path(blob->ref, hidden) ||
	    !maildir_blob_path(folder, blob, path))
		return CV_NOT_FOUND;
	if (MD_CALL(root, rename, folder->fd, hidden, folder->fd, path,
		    false) == 0)
		return CV_OK;
	if (errno != ENOENT)
		return common_fail(err, "place", hidden);
	/* whoever committed it may have been quicker */
	return MD_CALL(root, stat, folder->fd, path, &st) == 0 ? CV_OK :
		CV_NOT_FOUND;
}

static bool has_letters(struct cv_storage_folder *folder,
			const struct cv_keywords *keywords)
{
	for (uint32_t i = 0; i < keywords->count; i++) {
		if (maildir_keyword_index(folder, keywords->names[i],
					  true) >= 0)
			return true;
	}
	return false;
}

static int set_one(struct cv_storage_folder *folder,
		   struct cv_flag_update *update, bool *renamed,
		   struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char from[MAILDIR_PATH_MAX], to[MAILDIR_PATH_MAX];
	const struct cv_blob *blob = &update->blob;
	uint32_t marks = blob->marks;
	struct stat st;

	/* a message in new/ without flags may stay there */
	if (!(marks & update->marks & MAILDIR_IN_NEW) || update->flags != 0 ||
	    has_letters(folder, &update->keywords))
		marks &= ~(uint32_t)(MAILDIR_IN_NEW | MAILDIR_ODD);
	update->marks = blob->marks;
	if (!maildir_blob_path(folder, blob, from) ||
	    !maildir_file_path(folder, blob->ref, update->flags,
			       &update->keywords, marks, true, to))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	update->marks = marks;
	if (blob->marks & MAILDIR_ODD) {
		int ret = maildir_file_search(folder, blob->ref, from, err);

		if (ret != CV_OK)
			return ret;
		if (!maildir_file_shows(folder, from, blob))
			return CV_CHANGED;
	}
	if (strcmp(from, to) == 0) {
		/* told to be as it is: is it? */
		if (MD_CALL(root, stat, folder->fd, from, &st) == 0)
			return CV_OK;
	} else if (MD_CALL(root, rename, folder->fd, from, folder->fd, to,
			   false) == 0) {
		*renamed = true;
		return CV_OK;
	}
	return errno == ENOENT ? CV_CHANGED :
		common_fail(err, "rename", from);
}

int maildir_set_flags(struct cv_storage_folder *folder,
		      struct cv_flag_update *updates, uint32_t count,
		      struct cv_error *err)
{
	bool known = maildir_change_begin(folder), renamed = false;

	for (uint32_t i = 0; i < count; i++)
		updates[i].status = set_one(folder, &updates[i], &renamed,
					    err);
	if (renamed)
		maildir_change_end(folder, known);
	return CV_OK;
}

static int remove_one(struct cv_storage_folder *folder,
		      const struct cv_blob *blob, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char path[MAILDIR_PATH_MAX];

	if (!(blob->marks & MAILDIR_ODD) &&
	    maildir_blob_path(folder, blob, path)) {
		if (MD_CALL(root, unlink, folder->fd, path) == 0)
			return CV_OK;
		if (errno != ENOENT)
			return common_fail(err, "remove", path);
	}
	if (maildir_hidden_path(blob->ref, path) &&
	    MD_CALL(root, unlink, folder->fd, path) == 0)
		return CV_OK;
	for (int missed = 0;;) {
		int ret = maildir_file_search(folder, blob->ref, path, err);

		if (ret < 0)
			return ret;
		/* renamed while we read the directory? */
		if (ret == CV_NOT_FOUND && ++missed == 2)
			return CV_OK;
		if (ret == CV_NOT_FOUND)
			continue;
		if (MD_CALL(root, unlink, folder->fd, path) == 0)
			return CV_OK;
		if (errno != ENOENT)
			return common_fail(err, "remove", path);
	}
}

int maildir_remove(struct cv_storage_folder *folder,
		   const struct cv_blob *blobs, uint32_t count,
		   struct cv_error *err)
{
	bool known = maildir_change_begin(folder);
	int ret = CV_OK;

	for (uint32_t i = 0; i < count; i++) {
		int one = remove_one(folder, &blobs[i],
				     ret < 0 ? NULL : err);

		if (one < 0)
			ret = one;
	}
	maildir_change_end(folder, known);
	return ret;
}
