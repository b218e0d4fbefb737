/* maildir-scan.c - what other programs have done to a folder.
 *
 * The modification times of new/ and cur/ say whether something has changed.
 * A time that lay within the last second when it was taken is not trusted:
 * another change may share its clock tick.  In new/, which is kept short,
 * that costs another look; in cur/, where our own changes are frequent and a
 * look is dear, it is put off for so long that looking takes about a
 * hundredth of the time. */
#include "maildir.h"


static int64_t recheck_after(const struct maildir_state *state)
{
	int64_t wait = state->scanned_count / 1000;

	return wait < 2 ? 2 : wait;
}

static int take_stamp(struct cv_storage_folder *folder, const char *name,
		      struct maildir_stamp *stamp, struct cv_error *err)
{
	struct stat st;

	if (MD_CALL(folder->root, stat, folder->fd, name, &st) < 0 &&
	    (!maildir_folder_mend(folder) ||
	     MD_CALL(folder->root, stat, folder->fd, name, &st) < 0))
		return common_fail(err, "stat", name);
	maildir_stamp_of(&st, stamp);
	return CV_OK;
}

int maildir_check(struct cv_storage_folder *folder, bool thorough,
		  uint32_t *scan_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct maildir_state *state = &folder->state;
	struct maildir_stamp stamp;
	int ret;

	*scan_r = 0;
	ret = take_stamp(folder, "cur", &stamp, err);
	if (ret < 0)
		return ret;
	if (!maildir_stamp_equal(&stamp, &state->cur_dir) ||
	    memcmp(state->boot_id, root->config->boot_id,
		   sizeof(state->boot_id)) != 0) {
		*scan_r = CV_SCAN_ALL;
		return CV_CHANGED;
	}
	if (thorough && state->cur_dirty &&
	    !root->set->maildir_very_dirty_syncs &&
	    time(NULL) - state->scanned_at >= recheck_after(state) &&
	    time(NULL) - stamp.seconds > 1) {
		*scan_r = CV_SCAN_ALL;
		return CV_CHANGED;
	}
	ret = take_stamp(folder, "new", &stamp, err);
	if (ret < 0)
		return ret;
	if (!maildir_stamp_equal(&stamp, &state->new_dir)) {
		*scan_r = CV_SCAN_ARRIVALS;
		return CV_CHANGED;
	}
	return CV_OK;
}

static void found_keywords(struct cv_storage_folder *folder,
			   uint32_t letters, const char **names,
			   struct cv_keywords *keywords)
{
	keywords->names = names;
	keywords->count = 0;
	for (uint32_t i = 0; letters >> i != 0; i++) {
		const char *name = letters >> i & 1 ?
			maildir_keyword_name(folder, i) : NULL;

		if (name != NULL)
			names[keywords->count++] = name;
	}
}

static int scan_dir(struct cv_storage_folder *folder, const char *name,
		    bool in_new, cv_found_fn *fn, void *context,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, folder->fd, name);
	const char *names[MAILDIR_KEYWORDS];
	const char *entry;
	unsigned char type;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", name);
	while (ret == CV_OK &&
	       (entry = MAILDIR_API(root)->dir_next(dir, &type)) != NULL) {
		struct cv_found found = {
			CV_SIZED(cv_found), .received = INT64_MIN,
		};
		struct maildir_file file;

		if ((type != DT_REG && type != DT_UNKNOWN) ||
		    !maildir_file_parse(entry, in_new, &file))
			continue;
		found.ref = file.base;
		found.flags = file.flags;
		found.marks = file.marks;
		if (!root->set->maildir_broken_filename_sizes) {
			found.bytes = file.bytes;
			found.virtual_bytes = file.virtual_bytes;
		}
		found_keywords(folder, file.letters, names, &found.keywords);
		ret = fn(context, &found);
		folder->state.scanned_count++;
	}
	if (MAILDIR_API(root)->dir_close(&dir) < 0 && ret == CV_OK)
		ret = common_fail(err, "read", name);
	return ret;
}

int maildir_scan(struct cv_storage_folder *folder, uint32_t scan,
		 cv_found_fn *fn, void *context, struct cv_error *err)
{
	struct maildir_stamp new_dir, cur_dir = folder->state.cur_dir;
	int64_t now = time(NULL);
	bool all = scan == CV_SCAN_ALL;
	int ret;

	/* stamps from before the look: what comes later is seen later */
	ret = take_stamp(folder, "new", &new_dir, err);
	if (ret == CV_OK && all)
		ret = take_stamp(folder, "cur", &cur_dir, err);
	if (ret < 0)
		return ret;
	maildir_keywords_forget(folder);	/* others add to it */
	if (all)
		folder->state.scanned_count = 0;
	ret = scan_dir(folder, "new", true, fn, context, err);
	if (ret == CV_OK && all)
		ret = scan_dir(folder, "cur", false, fn, context, err);
	if (ret < 0)
		return ret;
	folder->state.new_dir = new_dir;
	if (now - new_dir.seconds <= 1)
		folder->state.new_dir.inode = 0;
	if (all) {
		folder->state.cur_dir = cur_dir;
		folder->state.cur_dirty = now - cur_dir.seconds <= 1;
		folder->state.scanned_at = now;
	}
	folder->state_changed = true;
	return CV_OK;
}

int maildir_look(struct cv_storage_folder *folder, struct cv_found *found,
		 struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_blob blob = {
		CV_SIZED(cv_blob), .ref = found->ref, .flags = found->flags,
		.keywords = found->keywords, .marks = found->marks,
	};
	char path[MAILDIR_PATH_MAX];
	struct stat st;

	if ((found->marks & MAILDIR_ODD) ||
	    !maildir_blob_path(folder, &blob, path) ||
	    MD_CALL(root, stat, folder->fd, path, &st) < 0) {
		int ret = maildir_file_search(folder, found->ref, path, err);

		if (ret != CV_OK)
			return ret;
		if (MD_CALL(root, stat, folder->fd, path, &st) < 0)
			return errno == ENOENT ? CV_NOT_FOUND :
				common_fail(err, "stat", path);
	}
	/* what is found now is the message, whatever its name says: it may
	 * be compressed, which is not for us to know */
	if (found->bytes != (uint64_t)st.st_size)
		found->virtual_bytes = 0;
	found->bytes = (uint64_t)st.st_size;
	found->received = st.st_mtim.tv_sec;
	/* as Dovecot, which caches it when it is asked first */
	found->saved = st.st_ctim.tv_sec;
	return S_ISREG(st.st_mode) ? CV_OK : CV_NOT_FOUND;
}

int maildir_watch_open(struct cv_storage_folder *folder, uint32_t index)
{
	static const char *const names[] = { "new", "cur" };

	return index >= sizeof(names) / sizeof(names[0]) ? -1 :
		MD_CALL(folder->root, open, folder->fd, names[index],
			O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

int maildir_hidden(struct cv_storage_folder *folder, cv_found_fn *fn,
		   void *context, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, folder->fd, "tmp");
	const char *entry;
	int ret = CV_OK;

	if (dir == NULL)
		return common_fail(err, "read", "tmp");
	while (ret == CV_OK &&
	       (entry = MAILDIR_API(root)->dir_next(dir, NULL)) != NULL) {
		struct cv_found found = {
			CV_SIZED(cv_found), .ref = cv_span_of(entry),
		};

		if (*entry != '.')
			ret = fn(context, &found);
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
	return ret;
}

void maildir_clean(struct cv_storage_folder *folder)
{
	struct cv_storage_root *root = folder->root;
	struct cv_io_dir *dir = MD_CALL(root, dir_open, folder->fd, "tmp");
	int64_t oldest = time(NULL) - MAILDIR_HIDDEN_SECONDS;
	const char *entry;

	maildir_uids_clean(folder, oldest);
	if (dir == NULL)
		return;
	while ((entry = MAILDIR_API(root)->dir_next(dir, NULL)) != NULL) {
		char path[MAILDIR_PATH_MAX];
		struct stat st;

		/* the change time: that of the content may be the message's
		 * own, which is old */
		if (maildir_hidden_path(cv_span_of(entry), path) &&
		    MD_CALL(root, stat, folder->fd, path, &st) == 0 &&
		    S_ISREG(st.st_mode) && st.st_ctim.tv_sec < oldest &&
		    st.st_mtim.tv_sec < oldest)
			(void)MD_CALL(root, unlink, folder->fd, path);
	}
	(void)MAILDIR_API(root)->dir_close(&dir);
}
