/* sdbox-put.c - new messages: written hidden, and placed after the commit,
 * when their UID is known.  The first half is mdbox's too. */
#include "dbox.h"

enum { ROOM = DBOX_RECORD_SIZE };

static void new_name(char kind, struct cv_storage_put *put)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	cv_api->random(&put->id, sizeof(put->id));
	/* in the order of time, for whoever has to put them in order */
	snprintf(put->name, sizeof(put->name), "%c.%014llx%016llx", kind,
		 (unsigned long long)now.tv_sec * 1000000 +
		 (unsigned long long)now.tv_nsec / 1000,
		 (unsigned long long)put->id);
}

int dbox_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		    uint64_t bytes, uint64_t virtual_bytes,
		    struct cv_storage_put **put_r, struct cv_error *err)
{
	struct cv_storage_put *put = CV_ALLOC(pool, struct cv_storage_put);

	(void)virtual_bytes; (void)err;
	put->folder = folder;
	put->pool = pool;
	put->fd = -1;
	new_name('c', put);
	cv_text_init(&put->bytes, pool);
	if (bytes > 0 && bytes <= DBOX_SPILL)
		cv_api->text_grow(&put->bytes, (size_t)bytes + ROOM +
				  dbox_slot_size(folder) + 1);
	for (int i = 0; i < ROOM; i++)
		cv_text_append_c(&put->bytes, '\0');
	*put_r = put;
	return CV_OK;
}

static void hidden_name(struct cv_span ref, char dst[DBOX_PATH_MAX])
{
	snprintf(dst, DBOX_PATH_MAX, "h.%.*s", CV_SPAN_ARG(ref));
}

static int open_target(struct cv_storage_put *put, struct cv_error *err)
{
	struct cv_storage_root *root = put->folder->root;
	char name[DBOX_PATH_MAX];

	if (root->multi)	/* a large one has a container for itself */
		return mdbox_append_open(root, true, &put->fd, &put->number,
					 &put->start, err);
	hidden_name(cv_span_of(put->name), name);
	put->fd = DBOX_CALL(root, open, put->folder->fd, name,
			    O_RDWR | O_CREAT | O_EXCL, 0600);
	return put->fd < 0 ? common_fail(err, "create", name) : CV_OK;
}

static int write_out(struct cv_storage_put *put, struct cv_error *err)
{
	struct cv_storage_root *root = put->folder->root;

	if (DBOX_CALL(root, pwrite, put->fd, put->bytes.data, put->bytes.len,
		      put->start + put->written) < 0)
		return common_fail(err, "write", put->name);
	put->written += put->bytes.len;
	cv_text_reset(&put->bytes);
	return CV_OK;
}

int dbox_put_write(struct cv_storage_put *put, const void *data, size_t len,
		   struct cv_error *err)
{
	int ret = CV_OK;

	put->crc = cv_api->crc32c(put->crc, data, len);
	put->length += len;
	cv_text_append(&put->bytes, data, len);
	if (put->bytes.len < DBOX_SPILL)
		return CV_OK;
	if (put->fd < 0)
		ret = open_target(put, err);
	return ret == CV_OK ? write_out(put, err) : ret;
}

void dbox_put_abort(struct cv_storage_put **put)
{
	struct cv_storage_put *p = *put;
	struct cv_storage_root *root;
	char name[DBOX_PATH_MAX];

	if (p == NULL)
		return;
	root = p->folder->root;
	*put = NULL;
	if (p->fd < 0)
		return;
	dbox_close(root, p->fd);
	if (root->multi) {
		mdbox_container_name(p->number, name);
		if (p->written > 0)	/* its own container */
			(void)DBOX_CALL(root, unlink, root->storage_fd, name);
	} else {
		hidden_name(cv_span_of(p->name), name);
		(void)DBOX_CALL(root, unlink, p->folder->fd, name);
	}
}

/* Everything into the file; a large one has its head last. */
static int write_record(struct cv_storage_put *put, uint64_t virtual_bytes,
			int64_t received, uint32_t slot,
			struct cv_error *err)
{
	struct dbox_record record = {
		.id = put->id, .length = put->length,
		.virtual_bytes = virtual_bytes, .received = received,
		.slot = slot, .body_crc = put->crc,
	};
	unsigned char head[DBOX_RECORD_SIZE];
	uint64_t end = DBOX_RECORD_SIZE + put->length + slot;
	int ret;

	if (put->written == 0)
		dbox_record_format(&record, (unsigned char *)put->bytes.data);
	/* in a container the next record begins at a multiple of 8 */
	for (uint64_t i = end - slot; i < dbox_record_room(&record); i++)
		cv_text_append_c(&put->bytes, '\0');
	if (put->written == 0)
		return write_out(put, err);
	ret = write_out(put, err);
	dbox_record_format(&record, head);
	if (ret == CV_OK &&
	    DBOX_CALL(put->folder->root, pwrite, put->fd, head, sizeof(head),
		      put->start) < 0)
		ret = common_fail(err, "write", put->name);
	return ret;
}

static struct cv_span give_ref(struct cv_storage_put *put, const char *text)
{
	return cv_span_of(common_strdup(put->pool, text));
}

int sdbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err)
{
	struct cv_storage_put *p = *put;
	struct cv_storage_root *root = p->folder->root;
	uint32_t slot = dbox_slot_size(p->folder);
	int ret = p->fd < 0 ? open_target(p, err) : CV_OK;

	if (ret == CV_OK)
		ret = write_record(p, virtual_bytes, received, slot, err);
	if (ret == CV_OK && sync && DBOX_CALL(root, fdatasync, p->fd) < 0)
		ret = common_fail(err, "sync", p->name);
	if (ret == CV_OK && sync)
		ret = sdbox_sync_hidden(p->folder, err);
	if (ret < 0) {
		dbox_put_abort(put);
		return ret;
	}
	*ref_r = give_ref(p, p->name);
	dbox_open_keep(p->folder, p->name, p->fd,
		       DBOX_RECORD_SIZE + p->length, slot);
	*put = NULL;
	return CV_OK;
}

/* The number it was written to, the offset, and the ID it has there. */
static struct cv_span record_ref(struct cv_storage_put *put)
{
	char text[DBOX_NAME_MAX];

	snprintf(text, sizeof(text), "c.%u.%llu.%llx", put->number,
		 (unsigned long long)put->start,
		 (unsigned long long)put->id);
	return give_ref(put, text);
}

int mdbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err)
{
	struct cv_storage_put *p = *put;
	struct cv_storage_root *root = p->folder->root;
	uint32_t slot = dbox_slot_size(p->folder);
	bool shared = p->fd < 0;
	int ret = CV_OK;

	if (shared)
		ret = mdbox_append_open(root, false, &p->fd, &p->number,
					&p->start, err);
	if (ret == CV_OK)
		ret = write_record(p, virtual_bytes, received, slot, err);
	if (ret == CV_OK && sync && DBOX_CALL(root, fdatasync, p->fd) < 0)
		ret = common_fail(err, "sync", p->name);
	if (ret == CV_OK && sync)
		ret = mdbox_sync_storage(root, err);
	if (ret < 0 && shared) {
		/* a torn record stays where it is; closing unlocks */
		dbox_close(root, p->fd);
		p->fd = -1;
	}
	if (ret < 0) {
		dbox_put_abort(put);
		return ret;
	}
	*ref_r = record_ref(p);
	if (!shared) {
		dbox_close(root, p->fd);
		*put = NULL;
		return CV_OK;
	}
	/* the next one may append while this one waits for its place */
	(void)DBOX_CALL(root, lock, p->fd, F_UNLCK, 0);
	dbox_open_keep(p->folder, ref_r->data, p->fd,
		       p->start + DBOX_RECORD_SIZE + p->length, slot);
	*put = NULL;
	return CV_OK;
}

/* --- placing ------------------------------------------------------------------------- */

/* The trailer of a file that is not open any more. */
static int open_again(struct cv_storage_folder *folder, struct cv_span ref,
		      struct dbox_open *open)
{
	struct cv_storage_root *root = folder->root;
	struct dbox_message m;
	char name[DBOX_PATH_MAX];

	hidden_name(ref, name);
	open->fd = DBOX_CALL(root, open, folder->fd, name, O_RDWR, 0);
	if (open->fd < 0)
		return CV_NOT_FOUND;
	if (dbox_message_read(root, open->fd, 0, 0, true, folder->pool, &m,
			      NULL) != CV_OK || !m.ours) {
		dbox_close(root, open->fd);
		return CV_NOT_FOUND;
	}
	open->offset = m.body + m.length;
	open->slot = m.record.slot;
	return CV_OK;
}

static void write_trailer(struct cv_storage_folder *folder,
			  const struct cv_blob *blob)
{
	struct dbox_open again, *open = dbox_open_find(folder, blob->ref);
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool;
	struct cv_text trailer;

	if (open == NULL) {
		if (open_again(folder, blob->ref, &again) != CV_OK)
			return;
		open = &again;
	}
	pool = cv_api->pool_create("dbox trailer");
	cv_text_init(&trailer, pool);
	dbox_trailer_of(folder, blob, open->slot, &trailer);
	/* what fails is known to the journal all the same */
	(void)DBOX_CALL(root, pwrite, open->fd, trailer.data, trailer.len,
			open->offset);
	cv_api->pool_destroy(&pool);
	dbox_open_drop(folder, open);
}

void sdbox_place(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count)
{
	struct cv_storage_root *root = folder->root;
	char from[DBOX_PATH_MAX], to[DBOX_PATH_MAX];

	for (uint32_t i = 0; i < count; i++) {
		if (!sdbox_name_valid(blobs[i].ref))
			continue;
		/* a link shares its trailer with where it came from */
		if (blobs[i].ref.data[0] == 'c')
			write_trailer(folder, &blobs[i]);
		hidden_name(blobs[i].ref, from);
		snprintf(to, sizeof(to), "%.*s", CV_SPAN_ARG(blobs[i].ref));
		if (DBOX_CALL(root, rename, folder->fd, from, folder->fd, to,
			      false) < 0 && errno != ENOENT)
			cv_api->log(dbox_self, CV_LOG_WARNING,
				    "cannot place '%s': %s", from,
				    strerror(errno));
	}
}

/* --- what a power cut lost -------------------------------------------------------------- */

static bool is_whole(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, struct cv_span body)
{
	struct cv_storage_root *root = folder->root;
	struct cv_blob_source src = { CV_SIZED(cv_blob_source) };
	struct cv_pool *pool;
	char *data;
	bool whole;

	if (sdbox_get(folder, blob, &src, NULL) != CV_OK)
		return false;
	pool = cv_api->pool_create("dbox check");
	data = cv_api->alloc(pool, body.len + 1);
	whole = src.len == body.len &&
		DBOX_CALL(root, pread, src.fd, data, body.len,
			  src.offset) == (ssize_t)body.len &&
		memcmp(data, body.data, body.len) == 0 &&
		DBOX_CALL(root, fdatasync, src.fd) == 0;
	cv_api->pool_destroy(&pool);
	dbox_close(root, src.fd);
	return whole;
}

static bool placed_name(struct cv_storage_folder *folder,
			const struct cv_blob *blob, char *dst, size_t size)
{
	(void)folder;
	if (!sdbox_name_valid(blob->ref) || blob->ref.len >= size)
		return false;
	snprintf(dst, size, "%.*s", CV_SPAN_ARG(blob->ref));
	return true;
}

void sdbox_sync_placed(struct cv_storage_folder *folder,
		       struct cv_blob_sync *items, uint32_t count)
{
	const struct common_files files = {
		.config = folder->root->config, .dirfd = folder->fd,
		.more = DBOX_RECORD_SIZE, .name = placed_name,
		.folder = folder,
	};

	common_files_sync(&files, items, count);
}

int sdbox_lay_out(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_span body,
		  struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[DBOX_PATH_MAX], hidden[DBOX_PATH_MAX];
	struct cv_pool *pool;
	struct cv_text data;
	uint64_t id;
	int ret;

	if (!sdbox_name_valid(blob->ref))
		return CV_FAIL(err, CV_E_INTERNAL, "damaged reference");
	hidden_name(blob->ref, hidden);
	snprintf(name, sizeof(name), "%.*s", CV_SPAN_ARG(blob->ref));
	if (is_whole(folder, blob, body))	/* placed or still hidden */
		return sdbox_recover(folder, blob, err) < 0 ? CV_E_TEMP :
			CV_OK;
	pool = cv_api->pool_create("dbox lay out");
	cv_text_init(&data, pool);
	cv_api->text_grow(&data, body.len + 4096);
	for (int i = 0; i < ROOM; i++)
		cv_text_append_c(&data, '\0');
	cv_text_append_span(&data, body);
	cv_api->random(&id, sizeof(id));
	dbox_record_finish(&data, 0, folder, blob, id,
			   cv_api->crc32c(0, body.data, body.len),
			   dbox_slot_size(folder));
	ret = common_file_write(root->config, folder->fd, name, hidden,
				cv_text_span(&data), err);
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- copies ---------------------------------------------------------------------------------- */

static int open_source(struct cv_storage_folder *from, struct cv_span ref,
		       int dirfd, const char *hidden)
{
	struct cv_storage_root *root = from->root;
	char name[DBOX_PATH_MAX];

	snprintf(name, sizeof(name), "%.*s", CV_SPAN_ARG(ref));
	if (DBOX_CALL(root, link, from->fd, name, dirfd, hidden) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	hidden_name(ref, name);
	return DBOX_CALL(root, link, from->fd, name, dirfd, hidden);
}

int sdbox_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err)
{
	struct cv_storage_put put = { .folder = folder };
	char hidden[DBOX_PATH_MAX];

	if (!sdbox_name_valid(blob->ref))
		return CV_NOT_FOUND;
	new_name('l', &put);
	hidden_name(cv_span_of(put.name), hidden);
	if (open_source(from, blob->ref, folder->fd, hidden) < 0) {
		if (errno == EXDEV || errno == EMLINK || errno == EPERM)
			return CV_E_UNSUPPORTED;
		if (errno == ENOENT)	/* in the alternative place? */
			return from->root->alt[0] != '\0' ?
				CV_E_UNSUPPORTED : CV_NOT_FOUND;
		return common_fail(err, "link", hidden);
	}
	*ref_r = cv_span_of(common_strdup(pool, put.name));
	return CV_OK;
}

int sdbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err)
{
	return DBOX_CALL(folder->root, fsync, folder->fd) < 0 ?
		common_fail(err, "sync", folder->path) : CV_OK;
}

void sdbox_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref)
{
	char name[DBOX_PATH_MAX];

	dbox_open_drop(folder, dbox_open_find(folder, ref));
	if (!sdbox_name_valid(ref))
		return;
	hidden_name(ref, name);
	(void)DBOX_CALL(folder->root, unlink, folder->fd, name);
}
