/* mbox-append.c - a message at the end of the file.
 *
 * It is one write.  What a crash left of an earlier attempt is the beginning
 * of the same bytes, at the end of the file: it is taken away first. */
#include "mbox.h"

enum { WRITE_MAX = 1024 * 1024 };

struct append {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	struct mbox_reader reader;	/* of the body; fd -1: in memory */
	struct cv_span memory;
	uint64_t body_len;
	struct cv_text text;		/* what is written first */
	struct mbox_record record;
	size_t head_at;			/* bytes of the source in text */
	struct cv_error *err;
};

static int source(struct append *a, uint64_t offset, size_t want,
		  struct cv_span *span_r)
{
	if (a->reader.fd != -1)
		return mbox_reader_get(&a->reader, offset, want, span_r,
				       a->err);
	*span_r = cv_span(a->memory.data + offset,
			  (size_t)(a->body_len - offset));
	return CV_OK;
}

/* The sender of the From_ line: that of a Return-Path at the top. */
static struct cv_span find_sender(struct cv_span data)
{
	struct cv_span line;
	const char *end;

	if (!cv_span_begins_icase(data, CV_SPAN("Return-Path:")))
		return CV_SPAN("MAILER-DAEMON");
	(void)cv_span_split(&data, '\n', &line);
	line = cv_span_trim(cv_span_skip(line, 12));
	if (line.len > 2 && line.data[0] == '<' &&
	    (end = memchr(line.data, '>', line.len)) != NULL)
		line = cv_span(line.data + 1, (size_t)(end - line.data) - 1);
	return line.len == 0 ? CV_SPAN("MAILER-DAEMON") : line;
}

/* A header that is not seen whole cannot be told from its body. */
static int find_head(struct append *a, struct cv_span *data_r)
{
	size_t want = 8192;
	int ret;

	do {
		ret = source(a, 0, want, data_r);
		want *= 4;
	} while (ret == CV_OK && data_r->len < a->body_len &&
		 want <= MBOX_HEAD_MAX && memmem(data_r->data, data_r->len,
						 "\n\n", 2) == NULL &&
		 memmem(data_r->data, data_r->len, "\r\n\r\n", 4) == NULL);
	return ret;
}

static int compose(struct append *a, const struct cv_blob *blob, bool is_first)
{
	struct cv_storage_folder *folder = a->folder;
	struct mbox_record *r = &a->record;
	struct cv_span data;
	struct cv_text head;
	uint32_t base_at;
	size_t blank;
	bool has_body;
	int ret = find_head(a, &data);

	if (ret < 0)
		return ret;
	if (data.len > MBOX_HEAD_MAX / 2) {
		const char *lf = memrchr(data.data, '\n', MBOX_HEAD_MAX / 2);

		data.len = lf == NULL ? MBOX_HEAD_MAX / 2 :
			(size_t)(lf - data.data) + 1;
	}
	cv_text_init(&head, a->pool);
	cv_text_reset(&a->text);
	has_body = mbox_head_hide(data, data.len == a->body_len, &head,
				  &a->head_at);
	*r = (struct mbox_record){
		.uid = blob->uid, .flags = blob->flags & CV_FLAGS_STORED,
		.body_len = a->body_len - a->head_at, .visible = a->body_len,
		.received = blob->received, .has_length = true,
		.separator = 1,
	};
	r->keywords = mbox_keyword_bits(folder, &blob->keywords);
	if (blob->virtual_bytes > blob->bytes)
		r->bare_lf = blob->virtual_bytes - blob->bytes;
	mbox_from_append(&a->text, find_sender(data), blob->received);
	r->from_len = (uint32_t)a->text.len;
	blank = mbox_head_blank(cv_text_span(&head));
	cv_text_append(&a->text, head.data, head.len - blank);
	r->meta_at = (uint32_t)a->text.len - r->from_len;
	(void)mbox_render_meta(folder, r, is_first, 0, &a->text, &base_at);
	r->base_at = base_at == 0 ? 0 : base_at - r->from_len;
	r->meta_len = (uint32_t)a->text.len - r->from_len - r->meta_at;
	cv_text_append(&a->text, head.data + head.len - blank, blank);
	r->head_len = (uint32_t)a->text.len - r->from_len;
	/* without a body and a blank line there is nothing to separate */
	if (!has_body && r->body_len == 0)
		r->separator = 0;
	return CV_OK;
}

/* The hash of the visible header, as a scan will find it. */
static void hash_head(struct append *a)
{
	struct mbox_record *r = &a->record;
	struct cv_text shown;
	struct mbox_hash hash;
	uint8_t digest[16];

	cv_text_init(&shown, a->pool);
	mbox_head_show(cv_span(a->text.data + r->from_len, r->head_len),
		       &shown);
	mbox_hash_init(&hash);
	mbox_hash_add(&hash, shown.data, shown.len);
	mbox_hash_end(&hash, digest);
	memcpy(&r->head_hash, digest, 8);
}

/* Text, then the body, then the line end: as one write when it is small. */
static int write_out(struct append *a, uint64_t offset)
{
	struct cv_storage_folder *folder = a->folder;
	uint64_t done = a->head_at;
	int ret = CV_OK;

	for (;;) {
		struct cv_span data;

		while (done < a->body_len && a->text.len < WRITE_MAX) {
			ret = source(a, done, 1, &data);
			if (ret < 0)
				return ret;
			cv_text_append_span(&a->text, data);
			done += data.len;
		}
		if (done == a->body_len && a->record.separator)
			cv_text_append_c(&a->text, '\n');
		if (MB_CALL(folder->root, pwrite, folder->fd, a->text.data,
			    a->text.len, offset) < 0)
			return common_fail(a->err, "write", folder->path);
		if (done == a->body_len)
			return CV_OK;
		offset += a->text.len;
		cv_text_reset(&a->text);
	}
}

/* Are the file's last len bytes the beginning of what we are to write? */
static bool is_beginning(struct append *a, uint64_t at, uint64_t len)
{
	struct cv_storage_folder *folder = a->folder;
	uint64_t done = 0;
	char *data = cv_api->alloc(a->pool, WRITE_MAX);

	if (len > a->text.len + (a->body_len - a->head_at) + 1)
		return false;
	while (done < len) {
		uint64_t left = len - done;
		struct cv_span want;

		if (done < a->text.len)
			want = cv_span(a->text.data + done,
				       a->text.len - (size_t)done);
		else if (done - a->text.len == a->body_len - a->head_at)
			want = CV_SPAN("\n");
		else if (source(a, a->head_at + (done - a->text.len), 1,
				&want) < 0)
			return false;
		if (want.len > left)
			want.len = (size_t)left;
		if (want.len > WRITE_MAX)
			want.len = WRITE_MAX;
		if (MB_CALL(folder->root, pread, folder->fd, data, want.len,
			    at + done) != (ssize_t)want.len ||
		    memcmp(data, want.data, want.len) != 0)
			return false;
		done += want.len;
	}
	return true;
}

/* Is the last message in the file what we are about to write, cut short? */
static int remove_torn(struct append *a)
{
	struct cv_storage_folder *folder = a->folder;
	struct mbox_record *last;

	if (folder->head.count == 0)
		return CV_OK;
	last = &folder->records[folder->head.count - 1];
	if (!(last->marks & MBOX_FRESH) ||
	    !is_beginning(a, last->offset,
			  folder->head.stamp.size - last->offset))
		return CV_OK;
	if (MB_CALL(folder->root, truncate, folder->fd, last->offset) < 0)
		return common_fail(a->err, "shorten", folder->path);
	folder->head.count--;
	mbox_map_forget_slots(folder);
	return mbox_map_save(folder, folder->head.count, a->err);
}

/* Digits in what a power cut may yet take away would be all that is left of
 * it. */
static int sync_first(struct append *a, struct mbox_record *first)
{
	struct cv_storage_folder *folder = a->folder;

	if (first->marks & MBOX_SYNCED)
		return CV_OK;
	if (MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		return common_fail(a->err, "sync", folder->path);
	first->marks |= MBOX_SYNCED;
	return mbox_map_mark(folder, first, a->err);
}

/* X-IMAPbase must not be behind X-UID when others look. */
static int raise_base(struct append *a)
{
	struct cv_storage_folder *folder = a->folder;
	struct mbox_record *first = folder->records;
	char digits[16];
	int ret;

	if (folder->head.count == 0 || first->base_at == 0 ||
	    folder->head.base_last >= a->record.uid)
		return CV_OK;
	snprintf(digits, sizeof(digits), "%010u", a->record.uid);
	ret = sync_first(a, first);
	if (ret < 0)
		return ret;
	if (MB_CALL(folder->root, pwrite, folder->fd, digits, 10,
		    first->offset + first->from_len + first->base_at) < 0)
		return common_fail(a->err, "write", folder->path);
	folder->head.base_last = a->record.uid;
	return CV_OK;
}

/* The file ends with a line end, or begins. */
static int end_line(struct append *a, uint64_t *size)
{
	struct cv_storage_folder *folder = a->folder;
	struct mbox_record *last;
	char c = '\n';

	if (*size == 0)
		return CV_OK;
	if (MB_CALL(folder->root, pread, folder->fd, &c, 1, *size - 1) != 1)
		return common_fail(a->err, "read", folder->path);
	last = folder->head.count == 0 ? NULL :
		&folder->records[folder->head.count - 1];
	if (c == '\n')
		return CV_OK;
	/* synced, since a hole begins at a line's beginning or a sector's */
	if (MB_CALL(folder->root, pwrite, folder->fd, "\n", 1, *size) < 0 ||
	    MB_CALL(folder->root, fdatasync, folder->fd) < 0)
		return common_fail(a->err, "write", folder->path);
	(*size)++;
	if (last != NULL)
		last->separator++;
	return CV_OK;
}

static int create_box(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;

	if (folder->fd != -1)
		return CV_OK;
	folder->fd = mbox_open_spool(root, folder->path, O_RDWR | O_CREAT,
				     0600);
	if (folder->fd < 0)
		return common_fail(err, "create", folder->path);
	/* to be opened by the lock, which knows what it opens */
	mbox_close_fd(root, &folder->fd);
	return mbox_lock(folder, true, err);
}

static int do_append(struct append *a, const struct cv_blob *blob)
{
	struct cv_storage_folder *folder = a->folder;
	struct mbox_stamp stamp;
	uint32_t first;
	int ret = create_box(folder, a->err);

	/* what is cut short may be the only message: then it was the first
	 * one, and is again */
	if (ret == CV_OK && folder->head.count == 1) {
		ret = compose(a, blob, true);
		if (ret == CV_OK)
			ret = remove_torn(a);
	}
	if (ret == CV_OK)
		ret = compose(a, blob, folder->head.count == 0);
	if (ret < 0)
		return ret;
	hash_head(a);
	ret = remove_torn(a);
	first = folder->head.count == 0 ? 0 : folder->head.count - 1;
	if (ret == CV_OK)
		ret = raise_base(a);
	if (ret == CV_OK)
		ret = mbox_take_stamp(folder, &stamp, a->err);
	if (ret == CV_OK)
		ret = end_line(a, &stamp.size);
	if (ret < 0)
		return ret;
	a->record.offset = stamp.size;
	ret = write_out(a, stamp.size);
	if (ret < 0) {
		(void)MB_CALL(folder->root, truncate, folder->fd, stamp.size);
		return ret;
	}
	if (!mbox_ref_parse(blob->ref, a->record.digest,
			    &a->record.instance))
		return CV_FAIL(a->err, CV_E_INTERNAL, "damaged reference");
	a->record.file_uid = a->record.uid;
	a->record.file_flags = a->record.flags;
	a->record.file_keywords = a->record.keywords;
	a->record.marks = MBOX_OLD;
	if (folder->head.count == 0) {
		folder->head.base_validity = folder->uidvalidity;
		folder->head.base_keywords = folder->head.keyword_count;
		folder->head.base_last = folder->uidnext == 0 ? 0 :
			folder->uidnext - 1;
	}
	*mbox_map_add(folder) = a->record;
	folder->touched |= mbox_base_is_behind(folder);
	return mbox_map_save(folder, first, a->err);
}

int mbox_append(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_span body, int body_fd, struct cv_error *err)
{
	struct append a = {
		.folder = folder, .memory = body, .body_len = body.len,
		.err = err, .pool = cv_api->pool_create("mbox append"),
	};
	int ret;

	cv_text_init(&a.text, a.pool);
	if (body_fd != -1)
		mbox_reader_init(&a.reader, folder->root, body_fd, body.len,
				 a.pool, MBOX_HEAD_MAX + 8192);
	a.reader.fd = body_fd;
	ret = do_append(&a, blob);
	cv_api->pool_destroy(&a.pool);
	return ret;
}
