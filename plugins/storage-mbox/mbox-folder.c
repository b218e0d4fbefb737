/* mbox-folder.c - one folder: what the journal keeps of it, and what others
 * have changed. */
#include "mbox.h"


enum { STATE_VERSION = 1,
       STATE_BYTES = 1 + 16 + 8 + 8 + 8 + 8 + 4 + 8 + 4 };
#define STATE_UNSURE ((uint32_t)1 << 31)	/* with the nanoseconds */

/* --- the state ---------------------------------------------------------------------- */

bool mbox_state(struct cv_storage_folder *folder, struct cv_text *dst)
{
	const struct mbox_state *s = &folder->state;
	bool changed = folder->state_changed;

	cv_text_append_c(dst, STATE_VERSION);
	cv_text_append(dst, s->boot_id, sizeof(s->boot_id));
	common_put_u64(dst, s->synced_modseq, 8);
	common_put_u64(dst, s->stamp.inode, 8);
	common_put_u64(dst, s->stamp.size, 8);
	common_put_u64(dst, (uint64_t)s->stamp.seconds, 8);
	common_put_u64(dst, s->stamp.nanoseconds |
		       (s->unsure ? STATE_UNSURE : 0), 4);
	common_put_u64(dst, s->generation, 8);
	common_put_u64(dst, s->count, 4);
	folder->state_changed = false;
	return changed;
}

void mbox_state_set(struct cv_storage_folder *folder, struct cv_span state)
{
	const unsigned char *at = (const unsigned char *)state.data;
	struct mbox_state s = { 0 };

	if (state.len == STATE_BYTES && *at++ == STATE_VERSION) {
		memcpy(s.boot_id, at, sizeof(s.boot_id));
		at += sizeof(s.boot_id);
		s.synced_modseq = common_get_u64(&at, 8);
		s.stamp.inode = common_get_u64(&at, 8);
		s.stamp.size = common_get_u64(&at, 8);
		s.stamp.seconds = (int64_t)common_get_u64(&at, 8);
		s.stamp.nanoseconds = (uint32_t)common_get_u64(&at, 4);
		s.unsure = (s.stamp.nanoseconds & STATE_UNSURE) != 0;
		s.stamp.nanoseconds &= ~STATE_UNSURE;
		s.generation = common_get_u64(&at, 8);
		s.count = (uint32_t)common_get_u64(&at, 4);
	}
	folder->state = s;
	folder->state_changed = false;
}

static bool same_boot(const struct cv_storage_folder *folder)
{
	return memcmp(folder->state.boot_id, folder->root->config->boot_id,
		      sizeof(folder->state.boot_id)) == 0;
}

bool mbox_was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	return !same_boot(folder) && modseq > folder->state.synced_modseq;
}

static bool state_is_current(const struct cv_storage_folder *folder)
{
	const struct mbox_state *s = &folder->state;

	return mbox_stamp_equal(&s->stamp, &folder->head.stamp) &&
		s->generation == folder->head.generation &&
		s->count == folder->head.count;
}

static void state_take(struct cv_storage_folder *folder)
{
	folder->state.stamp = folder->head.stamp;
	folder->state.generation = folder->head.generation;
	folder->state.count = folder->head.count;
	folder->state.unsure = folder->head.unsure != 0;
	folder->state_changed = true;
}

bool mbox_change_begin(struct cv_storage_folder *folder)
{
	return state_is_current(folder);
}

void mbox_change_end(struct cv_storage_folder *folder, bool was_known)
{
	if (was_known && folder->map_loaded && !folder->head.dirty)
		state_take(folder);
}

int mbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	int ret = mbox_begin(folder, MBOX_READ, err);

	if (ret != CV_OK)
		return ret;
	if ((folder->fd != -1 && MB_CALL(root, fdatasync, folder->fd) < 0) ||
	    MB_CALL(root, fdatasync, folder->map_fd) < 0)
		ret = common_fail(err, "sync", folder->path);
	mbox_end(folder);
	/* 0: no scan has looked yet for what a power cut has undone */
	if (ret < 0 || modseq == 0)
		return ret;
	folder->state.synced_modseq = modseq;
	memcpy(folder->state.boot_id, root->config->boot_id,
	       sizeof(folder->state.boot_id));
	folder->state_changed = true;
	return CV_OK;
}

void mbox_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		  uint32_t uidnext)
{
	folder->uidvalidity = uidvalidity;
	folder->uidnext = uidnext;
}

/* --- opening -------------------------------------------------------------------------- */

void mbox_folder_name(struct cv_storage_folder *folder, struct cv_span name)
{
	folder->is_inbox = cv_span_is(name, "INBOX");
	folder->path = mbox_path(folder->root, folder->pool, name);
	folder->own = mbox_own_name(folder->pool, name);
}

int mbox_folder_open(struct cv_storage_root *root, struct cv_span name,
		     struct cv_span state,
		     struct cv_storage_folder **folder_r,
		     struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox folder");
	struct cv_storage_folder *folder =
		CV_ALLOC(pool, struct cv_storage_folder);
	struct stat st;

	folder->root = root;
	folder->pool = pool;
	mbox_folder_name(folder, name);
	folder->fd = folder->map_fd = folder->lock_fd = -1;
	if (!folder->is_inbox &&
	    (MB_CALL(root, stat, root->fd, folder->path, &st) < 0 ||
	     !S_ISREG(st.st_mode))) {
		int ret = errno == ENOENT || errno == ENOTDIR || errno == 0 ?
			CV_FAIL(err, CV_E_NOT_FOUND, "'%s' is not there",
				folder->path) :
			common_fail(err, "open", folder->path);

		cv_api->pool_destroy(&pool);
		return ret;
	}
	/* where it cannot be, mbox_begin says so */
	(void)mbox_own_open(folder, NULL);
	mbox_state_set(folder, state);
	*folder_r = folder;
	return CV_OK;
}

/* Flags that only the map has: other programs want to see them too. */
static void write_flags(struct cv_storage_folder *folder)
{
	struct cv_pool *pool = cv_api->pool_create("mbox flags");
	struct cv_error *err = cv_api->error_new(pool);
	int ret = mbox_begin(folder, MBOX_WRITE, err);

	if (ret == CV_OK) {
		if (folder->fd != -1 && (folder->head.unwritten > 0 ||
					 mbox_base_is_behind(folder)))
			ret = mbox_rewrite(folder, err);
		mbox_end(folder);
	}
	if (ret < 0 && ret != CV_E_ACCESS && ret != CV_E_NOT_FOUND)
		mbox_log(CV_LOG_WARNING, "'%s': flags are not written: %s",
			 folder->path, cv_api->error_text(err));
	cv_api->pool_destroy(&pool);
}

void mbox_folder_close(struct cv_storage_folder **folder)
{
	struct cv_storage_folder *f = *folder;
	struct cv_pool *pool;

	if (f == NULL)
		return;
	if (f->touched)
		write_flags(f);
	mbox_close_fd(f->root, &f->fd);
	mbox_close_fd(f->root, &f->map_fd);
	mbox_close_fd(f->root, &f->lock_fd);
	if (f->map_pool != NULL)
		cv_api->pool_destroy(&f->map_pool);
	pool = f->pool;
	*folder = NULL;
	cv_api->pool_destroy(&pool);
}

/* --- what others have changed ------------------------------------------------------------ */

int mbox_check(struct cv_storage_folder *folder, bool thorough,
	       uint32_t *scan_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	const struct mbox_settings *set = root->settings;
	struct mbox_stamp now = { 0 };
	struct stat st;

	*scan_r = 0;
	if (MB_CALL(root, stat, root->fd, folder->path, &st) == 0) {
		now.inode = st.st_ino;
		now.size = (uint64_t)st.st_size;
		now.seconds = st.st_ctim.tv_sec;
		now.nanoseconds = (uint32_t)st.st_ctim.tv_nsec;
	} else if (errno != ENOENT) {
		return common_fail(err, "stat", folder->path);
	} else if (!folder->is_inbox) {
		/* renamed, or gone: whoever locks it finds out */
		*scan_r = CV_SCAN_ALL;
		return CV_CHANGED;
	}
	if (mbox_stamp_equal(&now, &folder->state.stamp) &&
	    folder->state.generation != 0 && same_boot(folder) &&
	    !(thorough && folder->state.unsure && !set->mbox_very_dirty_syncs))
		return CV_OK;
	*scan_r = CV_SCAN_ALL;
	if (folder->state.generation != 0 && same_boot(folder) &&
	    set->mbox_dirty_syncs &&
	    (!thorough || set->mbox_very_dirty_syncs) &&
	    now.size > folder->state.stamp.size)
		*scan_r = CV_SCAN_ARRIVALS;
	return CV_CHANGED;
}

static uint32_t bit_names(struct cv_storage_folder *folder, uint64_t bits,
			  const char **names)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < folder->head.keyword_count; i++) {
		if (bits >> i & 1)
			names[count++] = folder->head.keywords[i];
	}
	return count;
}

static int report(struct cv_storage_folder *folder, uint32_t first,
		  cv_found_fn *fn, void *context)
{
	const char *names[MBOX_KEYWORDS];
	char ref[MBOX_REF_BYTES + 1];
	int ret = CV_OK;

	for (uint32_t i = first; i < folder->head.count && ret == CV_OK;
	     i++) {
		const struct mbox_record *r = &folder->records[i];
		struct cv_found found = {
			CV_SIZED(cv_found), .ref = { ref, MBOX_REF_BYTES },
			.flags = r->flags, .bytes = r->visible,
			.virtual_bytes = r->visible + r->bare_lf,
			.received = r->received,
		};

		if (r->marks & MBOX_PSEUDO)
			continue;
		mbox_ref_format(r, ref);
		found.keywords.names = names;
		found.keywords.count = bit_names(folder, r->keywords, names);
		ret = fn(context, &found);
	}
	return ret;
}

int mbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	      cv_found_fn *fn, void *context, struct cv_error *err)
{
	const struct mbox_settings *set = folder->root->settings;
	bool all = scan == CV_SCAN_ALL, partial = false;
	uint32_t first = 0;
	int ret = mbox_begin(folder, MBOX_READ |
			     (all && !set->mbox_very_dirty_syncs ?
			      MBOX_FULL : 0), err);

	if (ret != CV_OK)
		return ret;
	if (!all && folder->state.generation == folder->head.generation &&
	    folder->state.count <= folder->head.count)
		first = folder->state.count;
	else
		partial = !all;
	/* what is new at the end may be the beginning of a message of ours
	 * that is still to be placed: a whole scan finds out */
	if (!all && folder->head.count > first &&
	    (folder->records[folder->head.count - 1].marks & MBOX_FRESH) &&
	    mbox_has_staged(folder)) {
		first = folder->head.count;
		partial = true;
	}
	ret = report(folder, first, fn, context);
	if (ret == CV_OK) {
		state_take(folder);
		/* more has changed than was asked for: look again */
		if (partial)
			folder->state.generation = 0;
	}
	mbox_end(folder);
	return ret;
}

int mbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	      struct cv_error *err)
{
	const struct mbox_record *r;
	int ret = mbox_begin(folder, MBOX_MAP, err);

	if (ret != CV_OK)
		return ret;
	r = mbox_map_find(folder, found->ref);
	if (r != NULL) {
		found->bytes = r->visible;
		found->virtual_bytes = r->visible + r->bare_lf;
		found->received = r->received;
	}
	mbox_end(folder);
	return r == NULL ? CV_NOT_FOUND : CV_OK;
}

bool mbox_keyword_shown(struct cv_storage_folder *folder, const char *name)
{
	return mbox_keyword_index(folder, cv_span_of(name), false) >= 0;
}

int mbox_watch_open(struct cv_storage_folder *folder, uint32_t index)
{
	return index > 0 ? -1 : MB_CALL(folder->root, open, folder->root->fd,
					folder->path, O_PATH, 0);
}
