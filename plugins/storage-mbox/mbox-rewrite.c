/* mbox-rewrite.c - flags are written over the old ones where there is room
 * for them; else, and to remove messages, the end of the file is written
 * anew. */
#include "mbox.h"

enum { CHUNK = 256 * 1024 };

struct rewrite {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	struct cv_text scratch;
	char *buffer;
	int fd;				/* the redo file */
	bool began;			/* to write over the mbox */
	struct mbox_redo redo;
	struct mbox_hash hash;
	struct cv_error *err;
};

static void was_written(struct mbox_record *r)
{
	r->file_flags = r->flags;
	r->file_keywords = r->keywords;
	if (r->uid != 0)
		r->file_uid = r->uid;
	r->marks |= MBOX_OLD;
}

/* --- in place ---------------------------------------------------------------------- */

/* CV_NOT_FOUND: there is no room. */
static int write_over(struct rewrite *w, uint32_t index)
{
	struct cv_storage_folder *folder = w->folder;
	struct mbox_record *r = &folder->records[index];
	uint32_t base_at;

	cv_text_reset(&w->scratch);
	if (r->meta_len == 0 ||
	    !mbox_render_meta(folder, r, index == 0, r->meta_len,
			      &w->scratch, &base_at))
		return CV_NOT_FOUND;
	if (MB_CALL(folder->root, pwrite, folder->fd, w->scratch.data,
		    w->scratch.len, r->offset + r->from_len + r->meta_at) < 0)
		return common_fail(w->err, "write", folder->path);
	r->base_at = base_at == 0 ? 0 : r->meta_at + base_at;
	if (base_at != 0)
		folder->head.base_keywords = folder->head.keyword_count;
	was_written(r);
	return CV_OK;
}

static bool flags_differ(const struct mbox_record *r)
{
	return r->flags != r->file_flags || r->keywords != r->file_keywords;
}

/* The first record from which on the file must be written anew. */
static int write_in_place(struct rewrite *w, uint32_t *start_r)
{
	struct cv_storage_folder *folder = w->folder;
	uint64_t size = folder->head.stamp.size;
	uint32_t i;

	for (i = 0; i < folder->head.count; i++) {
		struct mbox_record *r = &folder->records[i];
		int ret;

		if (r->marks & MBOX_GONE)
			break;
		if (!mbox_is_unwritten(r) &&
		    !(i == 0 && mbox_base_is_behind(folder)))
			continue;
		ret = write_over(w, i);
		if (ret < 0)
			return ret;
		if (ret == CV_NOT_FOUND &&
		    (flags_differ(r) ||
		     size - r->offset <= MBOX_UID_REWRITE_MAX))
			break;
	}
	*start_r = i;
	return CV_OK;
}

/* --- the new end of the file ---------------------------------------------------------- */

static int put(struct rewrite *w, const void *data, size_t len)
{
	if (len > 0 && MB_CALL(w->folder->root, pwrite, w->fd, data, len,
			       MBOX_REDO_CONTENT + w->hash.len) < 0)
		return common_fail(w->err, "write", "redo file");
	mbox_hash_add(&w->hash, data, len);
	return CV_OK;
}

static int copy(struct rewrite *w, uint64_t from, uint64_t to)
{
	struct cv_storage_folder *folder = w->folder;
	int ret = CV_OK;

	while (from < to && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = MB_CALL(folder->root, pread, folder->fd,
				      w->buffer, want, from);

		if (got < (ssize_t)want)
			return got < 0 ? common_fail(w->err, "read",
						     folder->path) :
				CV_FAIL(w->err, CV_E_TEMP, "'%s' is short",
					folder->path);
		ret = put(w, w->buffer, want);
		from += want;
	}
	return ret;
}

static void append_others(struct cv_span head, struct cv_text *dst)
{
	struct mbox_line line;
	size_t at = 0;

	while (at < head.len && mbox_head_next(head, true, &at, &line)) {
		if (line.kind == MBOX_LINE_FROM)
			break;
		if (line.kind < MBOX_LINE_STATUS ||
		    line.kind > MBOX_LINE_LENGTH)
			cv_text_append(dst, head.data + line.at, line.len);
	}
}

/* From_ line, the other fields, our fields. */
static int put_head(struct rewrite *w, struct mbox_record *r, bool is_first)
{
	struct cv_storage_folder *folder = w->folder;
	size_t len = (size_t)r->from_len + r->head_len;
	struct cv_pool *pool = cv_api->pool_create("mbox head");
	char *old = cv_api->alloc(pool, len + 1);
	struct cv_span head = cv_span(old + r->from_len, r->head_len);
	size_t blank;
	uint32_t base_at;
	int ret = CV_OK;

	if (MB_CALL(folder->root, pread, folder->fd, old, len, r->offset) !=
	    (ssize_t)len)
		ret = common_fail(w->err, "read", folder->path);
	blank = mbox_head_blank(head);
	if (ret == CV_OK) {
		cv_text_reset(&w->scratch);
		cv_text_append(&w->scratch, old, r->from_len);
		append_others(head, &w->scratch);
		w->scratch.len -= blank;
		r->meta_at = (uint32_t)w->scratch.len - r->from_len;
		r->has_length = true;
		(void)mbox_render_meta(folder, r, is_first, 0, &w->scratch,
				       &base_at);
		r->base_at = base_at == 0 ? 0 : base_at - r->from_len;
		if (base_at != 0)
			folder->head.base_keywords =
				folder->head.keyword_count;
		r->meta_len = (uint32_t)w->scratch.len - r->from_len -
			r->meta_at;
		cv_text_append(&w->scratch, head.data + head.len - blank,
			       blank);
		r->head_len = (uint32_t)w->scratch.len - r->from_len;
		ret = put(w, w->scratch.data, w->scratch.len);
		was_written(r);
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

static int put_message(struct rewrite *w, struct mbox_record *r,
		       bool is_first)
{
	uint64_t offset = w->redo.start + w->hash.len;
	uint64_t body = mbox_record_body(r), end = mbox_record_end(r);
	int ret = CV_OK;

	if ((mbox_is_unwritten(r) ||
	     (is_first && (r->base_at == 0 ||
			   mbox_base_is_behind(w->folder)))) &&
	    r->from_len + r->head_len < MBOX_HEAD_MAX)
		ret = put_head(w, r, is_first);
	else
		ret = copy(w, r->offset, body);
	r->offset = offset;
	return ret < 0 ? ret : copy(w, body, end);
}

/* ret: of writing the content. */
static int put_in_place(struct rewrite *w, int ret, uint32_t count)
{
	struct cv_storage_folder *folder = w->folder;

	if (ret == CV_OK)
		ret = mbox_redo_seal(folder, w->fd, &w->redo, &w->hash,
				     w->err);
	if (ret == CV_OK && MB_CALL(folder->root, fsync,
				    folder->root->own_fd) < 0)
		ret = common_fail(w->err, "sync", "index directory");
	w->began = ret == CV_OK;
	if (ret == CV_OK)
		ret = mbox_redo_perform(folder, w->fd, &w->redo, w->err);
	else
		mbox_redo_remove(folder);
	if (ret < 0)
		return ret;
	folder->head.count = count;
	mbox_map_forget_slots(folder);
	cv_api->random(&folder->head.generation,
		       sizeof(folder->head.generation));
	return CV_OK;
}

static int write_end(struct rewrite *w, uint32_t start)
{
	struct cv_storage_folder *folder = w->folder;
	struct mbox_record *records = folder->records;
	uint32_t to = start;
	int ret = mbox_redo_create(folder, "redo", &w->fd, w->err);

	if (ret < 0)
		return ret;
	w->redo.start = records[start].offset;
	for (uint32_t i = start; i < folder->head.count && ret == CV_OK;
	     i++) {
		if (records[i].marks & MBOX_GONE)
			continue;
		ret = put_message(w, &records[i], to == 0);
		records[to++] = records[i];
	}
	return put_in_place(w, ret, to);
}

static bool all_gone(const struct cv_storage_folder *folder, uint32_t start)
{
	for (uint32_t i = start; i < folder->head.count; i++) {
		if (!(folder->records[i].marks & MBOX_GONE))
			return false;
	}
	return true;
}

/* When nothing is left behind them the file is but cut: that happens or does
 * not, and needs no room on a full disk. */
static int cut_end(struct rewrite *w, uint32_t start)
{
	struct cv_storage_folder *folder = w->folder;
	struct cv_storage_root *root = folder->root;

	if (MB_CALL(root, truncate, folder->fd,
		    folder->records[start].offset) < 0)
		return common_fail(w->err, "shorten", folder->path);
	if (MB_CALL(root, fdatasync, folder->fd) < 0)
		return common_fail(w->err, "sync", folder->path);
	folder->head.count = start;
	mbox_map_forget_slots(folder);
	cv_api->random(&folder->head.generation,
		       sizeof(folder->head.generation));
	return CV_OK;
}

/* The last message took along what UIDs there were: as UW-IMAP and Dovecot do
 * it, a message of the server's own keeps that. */
static int write_pseudo(struct rewrite *w)
{
	struct cv_storage_folder *folder = w->folder;
	int ret;

	cv_text_reset(&w->scratch);
	if (!mbox_render_pseudo(folder, time(NULL), &w->scratch))
		return CV_NOT_FOUND;
	ret = mbox_redo_create(folder, "redo", &w->fd, w->err);
	if (ret < 0)
		return ret;
	w->redo.start = 0;
	ret = put_in_place(w, put(w, w->scratch.data, w->scratch.len), 0);
	return ret < 0 ? ret : mbox_refresh(folder, true, false, w->err);
}

static int write_nothing(struct rewrite *w, uint32_t start)
{
	int ret = start == 0 ? write_pseudo(w) : CV_NOT_FOUND;

	/* on a full disk that its messages are gone comes first */
	return ret == CV_OK || w->began ? ret : cut_end(w, start);
}

static int rewrite(struct rewrite *w)
{
	struct cv_storage_folder *folder = w->folder;
	uint32_t start;
	int ret = mbox_map_dirty(folder, w->err);

	/* nothing is written over what a power cut may yet take away */
	if (ret == CV_OK && MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		ret = common_fail(w->err, "sync", folder->path);
	if (ret == CV_OK)
		ret = write_in_place(w, &start);
	if (ret == CV_OK && start < folder->head.count &&
	    all_gone(folder, start)) {
		ret = write_nothing(w, start);
	} else if (ret == CV_OK && start < folder->head.count) {
		ret = write_end(w, start);
	}
	mbox_close_fd(folder->root, &w->fd);
	if (ret == CV_OK)
		ret = mbox_map_save(folder, 0, w->err);
	/* what is in memory is not what lies on disk */
	if (ret < 0)
		folder->map_loaded = false;
	return ret;
}

/* Is the run of our fields where the map says?  Then the other fields are
 * those that are known, whatever stands in that run. */
static bool is_in_place(struct rewrite *w, const struct mbox_record *r)
{
	struct cv_storage_folder *folder = w->folder;
	size_t len = (size_t)r->from_len + r->head_len;
	size_t after = (size_t)r->from_len + r->meta_at + r->meta_len;
	struct cv_pool *pool = cv_api->pool_create("mbox heal");
	char *old = cv_api->alloc(pool, len + 1);
	struct cv_text shown;
	bool same = false;

	cv_text_init(&shown, pool);
	if (after <= len && len <= MBOX_HEAD_MAX + MBOX_FROM_MAX &&
	    MB_CALL(folder->root, pread, folder->fd, old, len, r->offset) ==
	    (ssize_t)len && memcmp(old, "From ", 5) == 0) {
		mbox_head_show(cv_span(old + r->from_len, r->meta_at),
			       &shown);
		mbox_head_show(cv_span(old + after, len - after), &shown);
		same = mbox_hash64(shown.data, shown.len) == r->head_hash;
	}
	cv_api->pool_destroy(&pool);
	return same;
}

int mbox_heal(struct cv_storage_folder *folder, uint64_t limit,
	      struct cv_error *err)
{
	struct rewrite w = {
		.folder = folder, .fd = -1, .err = err,
		.pool = cv_api->pool_create("mbox heal"),
	};
	int ret = CV_OK;

	cv_text_init(&w.scratch, w.pool);
	for (uint32_t i = 0; i < folder->head.count && ret >= 0; i++) {
		const struct mbox_record *r = &folder->records[i];

		if (r->offset < limit && mbox_is_unwritten(r) &&
		    r->meta_len > 0 && r->from_len > 5 && is_in_place(&w, r))
			ret = write_over(&w, i);
	}
	cv_api->pool_destroy(&w.pool);
	return ret < 0 ? ret : CV_OK;
}

int mbox_rewrite(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct rewrite w = {
		.folder = folder, .fd = -1, .err = err,
		.pool = cv_api->pool_create("mbox rewrite"),
	};
	int ret;

	cv_text_init(&w.scratch, w.pool);
	w.buffer = cv_api->alloc(w.pool, CHUNK);
	mbox_hash_init(&w.hash);
	ret = rewrite(&w);
	cv_api->pool_destroy(&w.pool);
	return ret;
}
