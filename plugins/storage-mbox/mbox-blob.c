/* mbox-blob.c - reading, marking and removing messages. */
#include "mbox.h"

enum {
	WHOLE_BYTES = 64 * 1024,	/* of a body, read at once */
};

/* --- finding -------------------------------------------------------------------- */

/* One without a UID was expunged: what has no X-UID may have come since. */
static struct mbox_record *claim(struct cv_storage_folder *folder,
				 const struct cv_blob *blob, bool any_uid)
{
	uint8_t digest[16];
	uint64_t instance;

	if (!mbox_ref_parse(blob->ref, digest, &instance))
		return NULL;
	for (uint32_t i = 0; i < folder->head.count; i++) {
		struct mbox_record *r = &folder->records[i];

		if (!(r->marks & MBOX_FRESH) || (r->marks & MBOX_PSEUDO) ||
		    memcmp(r->digest, digest, 16) != 0 ||
		    (!any_uid && (blob->uid == 0 ||
				  r->file_uid != blob->uid)) ||
		    (blob->uid == 0 && r->file_uid == 0))
			continue;
		r->instance = instance;
		r->uid = blob->uid;
		r->marks &= ~(uint32_t)MBOX_FRESH;
		mbox_map_forget_slots(folder);
		return r;
	}
	return NULL;
}

struct mbox_record *mbox_find(struct cv_storage_folder *folder,
			      const struct cv_blob *blob)
{
	struct mbox_record *r = mbox_map_find(folder, blob->ref);
	uint8_t digest[16];
	uint64_t instance;

	if (r != NULL || !mbox_ref_parse(blob->ref, digest, &instance))
		return r;
	/* it was appended, and then we died */
	r = claim(folder, blob, false);
	if (r == NULL) {
		/* what still waits to be placed is not in the mbox */
		if (mbox_is_staged(folder, instance))
			return NULL;
		/* the map was lost */
		r = claim(folder, blob, true);
	}
	if (r != NULL && mbox_map_save_record(folder, r, NULL) < 0)
		folder->map_loaded = false;
	return r;
}

/* --- reading ---------------------------------------------------------------------- */

struct reading {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	char ref[MBOX_REF_BYTES + 1];
	struct cv_text head;		/* as clients see it */
	uint64_t len;
};

static int read_body(struct reading *r, uint64_t offset, void *data,
		     size_t len, size_t *got_r, struct cv_error *err)
{
	struct cv_storage_folder *folder = r->folder;
	const struct mbox_record *record;
	ssize_t got;
	int ret = mbox_begin(folder, MBOX_READ, err);

	if (ret != CV_OK)
		return ret;
	/* it may lie elsewhere than a moment ago */
	record = mbox_map_find(folder, cv_span(r->ref, MBOX_REF_BYTES));
	if (record == NULL || record->visible != r->len ||
	    offset > record->body_len || len > record->body_len - offset) {
		ret = CV_FAIL(err, CV_E_TEMP, "another program has removed "
			      "a message from '%s' while it was read",
			      folder->path);
	} else {
		got = MB_CALL(folder->root, pread, folder->fd, data, len,
			      mbox_record_body(record) + offset);
		if (got < (ssize_t)len)
			ret = common_fail(err, "read", folder->path);
		*got_r = len;
	}
	mbox_end(folder);
	return ret;
}

static int read_piece(void *context, uint64_t offset, void *data, size_t len,
		      size_t *got_r, struct cv_error *err)
{
	struct reading *r = context;

	if (offset < r->head.len) {
		size_t left = r->head.len - (size_t)offset;

		*got_r = left < len ? left : len;
		memcpy(data, r->head.data + offset, *got_r);
		return CV_OK;
	}
	return read_body(r, offset - r->head.len, data, len, got_r, err);
}

/* The bytes as they lie in the file, from the header on. */
static int read_raw(struct reading *r, const struct mbox_record *record,
		    size_t len, char **raw_r, struct cv_error *err)
{
	struct cv_storage_folder *folder = r->folder;
	ssize_t got;

	*raw_r = cv_api->alloc(r->pool, len + 1);
	got = MB_CALL(folder->root, pread, folder->fd, *raw_r, len,
		      record->offset + record->from_len);
	if (got < 0)
		return common_fail(err, "read", folder->path);
	if (got < (ssize_t)len)
		return CV_FAIL(err, CV_E_TEMP, "'%s' has become shorter",
			       folder->path);
	return CV_OK;
}

static int show_head(struct reading *r, const struct mbox_record *record,
		     const char *raw, struct cv_error *err)
{
	cv_text_init(&r->head, r->pool);
	mbox_head_show(cv_span(raw, record->head_len), &r->head);
	if (r->head.len + record->body_len != record->visible)
		return CV_FAIL(err, CV_E_TEMP, "'%s' has changed",
			       r->folder->path);
	return CV_OK;
}

/* Small ones are taken whole: a session that has announced a length can give
 * these bytes whatever another one does to the file meanwhile. */
static int get_placed(struct cv_storage_folder *folder,
		      const struct mbox_record *record,
		      struct cv_blob_source *src, struct cv_error *err)
{
	struct reading *r = CV_ALLOC(src->pool, struct reading);
	size_t head = record->head_len, body = (size_t)record->body_len;
	bool whole = record->body_len <= WHOLE_BYTES;
	char *raw;
	int ret;

	r->folder = folder;
	r->pool = src->pool;
	r->len = record->visible;
	mbox_ref_format(record, r->ref);
	ret = read_raw(r, record, head + (whole ? body : 0), &raw, err);
	if (ret == CV_OK)
		ret = show_head(r, record, raw, err);
	if (ret < 0)
		return ret;
	src->fd = -1;
	src->len = r->len;
	if (whole) {
		cv_text_append(&r->head, raw + head, body);
		src->stream = mbox_stream_api->from_memory(src->pool,
			cv_span(r->head.data, r->head.len));
	} else {
		src->stream = mbox_stream_api->from_reader(src->pool, r->len,
			read_piece, NULL, r);
	}
	return CV_OK;
}

int mbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	     struct cv_blob_source *src_r, struct cv_error *err)
{
	struct mbox_record *record;
	uint8_t digest[16];
	uint64_t instance;
	int ret = mbox_begin(folder, MBOX_READ, err);

	if (ret != CV_OK)
		return ret;
	record = mbox_find(folder, blob);
	if (record != NULL) {
		ret = get_placed(folder, record, src_r, err);
	} else if (!mbox_ref_parse(blob->ref, digest, &instance)) {
		ret = CV_NOT_FOUND;
	} else {
		/* committed a moment ago, and not placed yet */
		src_r->fd = mbox_stage_open(folder, instance, &src_r->len);
		src_r->offset = 0;
		src_r->stream = NULL;
		if (src_r->fd < 0)
			ret = errno == ENOENT ? CV_NOT_FOUND :
				common_fail(err, "open", "new message");
	}
	mbox_end(folder);
	return ret;
}

/* --- what was lost ------------------------------------------------------------------ */

/* The map was lost, and with it flags that the mbox did not show yet. */
static int recover_flags(struct cv_storage_folder *folder,
			 const struct cv_blob *blob, struct mbox_record *r,
			 struct cv_error *err)
{
	uint64_t keywords = mbox_keyword_bits(folder, &blob->keywords);

	if (!mbox_was_lost(folder, blob->modseq) ||
	    (r->flags == (blob->flags & CV_FLAGS_STORED) &&
	     r->keywords == keywords))
		return CV_OK;
	r->flags = blob->flags & CV_FLAGS_STORED;
	r->keywords = keywords;
	folder->touched = true;
	return mbox_map_save_record(folder, r, err);
}

static int recover(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_error *err)
{
	struct mbox_record *r = mbox_find(folder, blob);
	uint8_t digest[16];
	uint64_t instance, size;
	int fd, ret = CV_OK;

	if (!mbox_ref_parse(blob->ref, digest, &instance))
		return CV_NOT_FOUND;
	if (r != NULL) {
		ret = recover_flags(folder, blob, r, err);
	} else {
		fd = mbox_stage_open(folder, instance, &size);
		if (fd < 0)
			return CV_NOT_FOUND;
		ret = mbox_stage_is_whole(folder, fd, size, blob->ref) ?
			mbox_append(folder, blob, cv_span(NULL, (size_t)size),
				    fd, err) : CV_NOT_FOUND;
		if (ret == CV_E_NO_SPACE)
			mbox_stage_wait(folder, fd);
		mbox_close_fd(folder->root, &fd);
	}
	if (ret == CV_OK && (instance & 1) &&
	    MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		ret = common_fail(err, "sync", folder->path);
	if (ret == CV_OK)
		mbox_stage_remove(folder, instance);
	return ret;
}

int mbox_recover(struct cv_storage_folder *folder,
		 const struct cv_blob *blob, struct cv_error *err)
{
	bool known;
	int ret = mbox_begin(folder, MBOX_WRITE, err);

	if (ret != CV_OK)
		return ret;
	known = mbox_change_begin(folder);
	ret = recover(folder, blob, err);
	mbox_change_end(folder, known);
	mbox_end(folder);
	return ret;
}

void mbox_adopted(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count)
{
	uint32_t first = UINT32_MAX;

	if (mbox_begin(folder, MBOX_MAP, NULL) != CV_OK)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct mbox_record *r = mbox_map_find(folder, blobs[i].ref);

		if (r == NULL)
			continue;
		r->uid = blobs[i].uid;
		r->marks &= ~(uint32_t)MBOX_FRESH;
		if ((uint32_t)(r - folder->records) < first)
			first = (uint32_t)(r - folder->records);
	}
	if (first != UINT32_MAX) {
		(void)mbox_map_save_only(folder, first, NULL);
		folder->touched = true;
	}
	mbox_end(folder);
}

/* --- flags ------------------------------------------------------------------------------ */

static int set_one(struct cv_storage_folder *folder,
		   struct cv_flag_update *update, struct cv_error *err)
{
	struct mbox_record *r = mbox_map_find(folder, update->blob.ref);
	uint32_t names = folder->head.keyword_count;
	struct mbox_record old;
	uint64_t keywords, instance;
	uint8_t digest[16];
	int ret;

	update->marks = 0;
	/* what waits for room will be placed with the flags that it has then;
	 * what another process is about to place has its old ones */
	if (r == NULL)
		return mbox_ref_parse(update->blob.ref, digest, &instance) &&
			mbox_stage_waits(folder, instance) ? CV_OK :
			CV_CHANGED;
	old = *r;
	keywords = mbox_keyword_bits(folder, &update->keywords);
	if (update->blob.uid != 0)
		r->uid = update->blob.uid;
	if (r->flags == (update->flags & CV_FLAGS_STORED) &&
	    r->keywords == keywords && names == folder->head.keyword_count)
		return CV_OK;
	/* another program was here, and core has not heard of it */
	if (r->flags != (update->blob.flags & CV_FLAGS_STORED) &&
	    r->flags != (update->flags & CV_FLAGS_STORED))
		return CV_CHANGED;
	r->flags = update->flags & CV_FLAGS_STORED;
	r->keywords = keywords;
	folder->touched = true;
	ret = mbox_map_save_record(folder, r, err);
	if (ret < 0) {
		/* the first of its two writes may have been done */
		*r = old;
		(void)mbox_map_save_record(folder, r, NULL);
	}
	return ret;
}

int mbox_set_flags(struct cv_storage_folder *folder,
		   struct cv_flag_update *updates, uint32_t count,
		   struct cv_error *err)
{
	bool lazy = folder->root->settings->mbox_lazy_writes, known = false;
	int ret = mbox_begin(folder, lazy ? MBOX_MAP : MBOX_WRITE, err);

	if (ret != CV_OK)
		return ret;
	if (!lazy)
		known = mbox_change_begin(folder);
	for (uint32_t i = 0; i < count; i++)
		updates[i].status = set_one(folder, &updates[i], err);
	if (!lazy) {
		ret = mbox_rewrite(folder, err);
		mbox_change_end(folder, known);
	}
	mbox_end(folder);
	return ret;
}

/* --- removing ------------------------------------------------------------------------------ */

int mbox_remove(struct cv_storage_folder *folder,
		const struct cv_blob *blobs, uint32_t count,
		struct cv_error *err)
{
	uint32_t gone = 0;
	bool known;
	int ret = mbox_begin(folder, MBOX_WRITE, err);

	if (ret != CV_OK)
		return ret == CV_E_NOT_FOUND ? CV_OK : ret;
	known = mbox_change_begin(folder);
	for (uint32_t i = 0; i < count; i++) {
		struct mbox_record *r;

		/* this first: what is still hidden is not looked for */
		mbox_unlink_hidden(folder, blobs[i].ref);
		r = mbox_find(folder, &blobs[i]);
		if (r != NULL) {
			r->marks |= MBOX_GONE;
			gone++;
		}
	}
	if (gone > 0)
		ret = mbox_rewrite(folder, err);
	mbox_change_end(folder, known);
	mbox_end(folder);
	return ret;
}
