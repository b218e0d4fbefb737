/* mdbox-rewrite.c - containers written anew, with some of the records of
 * others.
 *
 * A container is replaced under its number by one that has a table: old
 * offset and ID to new offset.  So no reference changes, and a crash leaves
 * the old file or the new one.  One that is being appended to loses its
 * second name first, under its lock. */
#include "mdbox-rewrite.h"

#include <stdlib.h>

enum { CHUNK = 256 * 1024 };

/* --- writing one anew ------------------------------------------------------------- */

struct writer {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	int fd;
	uint64_t at;
	uint32_t number;
	unsigned char *table;
	uint32_t count;
	struct cv_error *err;
};

static int copy_range(struct writer *w, int from, uint64_t offset,
		      uint64_t len, uint32_t *crc)
{
	char *data = cv_api->alloc(w->pool, CHUNK);

	while (len > 0) {
		size_t want = len < CHUNK ? (size_t)len : CHUNK;

		if (DBOX_CALL(w->root, pread, from, data, want, offset) !=
		    (ssize_t)want)
			return CV_FAIL(w->err, CV_E_TEMP, "container %u "
				       "cannot be read", w->number);
		if (crc != NULL)
			*crc = cv_api->crc32c(*crc, data, want);
		if (DBOX_CALL(w->root, pwrite, w->fd, data, want, w->at) < 0)
			return common_fail(w->err, "write", "container");
		w->at += want;
		offset += want;
		len -= want;
	}
	return CV_OK;
}

static void put_number(unsigned char *dst, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		dst[i] = (unsigned char)(value >> (8 * i) & 0xff);
}

/* With the parts that lie in mail_attachment_dir: ours has all in one. */
static int copy_whole(struct writer *w, int from,
		      const struct dbox_message *m, uint64_t *length_r,
		      uint32_t *crc)
{
	char *data = cv_api->alloc(w->pool, CHUNK);
	struct dbox_whole *whole;
	uint64_t offset = 0;
	size_t got;
	int ret = dbox_whole_open(w->root, from, m, w->pool, &whole, w->err);

	if (ret < 0)
		return ret;
	while ((ret = dbox_whole_read(whole, offset, data, CHUNK, &got,
				      w->err)) == CV_OK) {
		*crc = cv_api->crc32c(*crc, data, got);
		if (DBOX_CALL(w->root, pwrite, w->fd, data, got, w->at) < 0) {
			ret = common_fail(w->err, "write", "container");
			break;
		}
		w->at += got;
		offset += got;
	}
	*length_r = offset;
	dbox_whole_close(whole);
	return ret == CV_EOF ? CV_OK : ret;
}

/* One of Dovecot's becomes one of ours. */
static int copy_foreign(struct writer *w, int from,
			const struct dbox_message *m)
{
	struct dbox_record record = {
		.length = m->length, .received = m->metadata.received,
		.virtual_bytes = m->metadata.virtual_bytes, .slot = 128,
	};
	struct dbox_trailer t = { .saved = time(NULL) };
	unsigned char head[DBOX_RECORD_SIZE];
	uint64_t start = w->at;
	struct cv_text trailer;
	int ret;

	if (record.received == INT64_MIN)
		record.received = time(NULL);
	cv_api->random(&record.id, sizeof(record.id));
	memcpy(t.guid, m->metadata.guid, sizeof(t.guid));
	w->at += DBOX_RECORD_SIZE;
	ret = m->metadata.external.data != NULL ?
		copy_whole(w, from, m, &record.length, &record.body_crc) :
		copy_range(w, from, m->body, m->length, &record.body_crc);
	if (ret < 0)
		return ret;
	cv_text_init(&trailer, w->pool);
	dbox_trailer_format(&trailer, &t, record.slot);
	dbox_record_format(&record, head);
	if (DBOX_CALL(w->root, pwrite, w->fd, trailer.data, trailer.len,
		      w->at) < 0 ||
	    DBOX_CALL(w->root, pwrite, w->fd, head, sizeof(head), start) < 0)
		return common_fail(w->err, "write", "container");
	w->at = start + dbox_record_room(&record);
	return CV_OK;
}

static int copy_item(struct writer *w, int from,
		     const struct mdbox_item *item)
{
	unsigned char *entry = w->table + (size_t)w->count++ *
		DBOX_TABLE_ENTRY;
	uint64_t start = w->at;
	int ret;

	put_number(entry, item->ref.offset);
	put_number(entry + 8, item->ref.id);
	put_number(entry + 16, start);
	if (!item->message.ours)
		return copy_foreign(w, from, &item->message);
	ret = copy_range(w, from, item->message.offset, DBOX_RECORD_SIZE +
			 item->message.length + item->message.record.slot,
			 NULL);
	w->at = start + dbox_record_room(&item->message.record);
	return ret;
}

static int compare_entries(const void *a, const void *b)
{
	const unsigned char *x = a, *y = b;

	for (int i = 7; i >= 0; i--) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

static int write_table(struct writer *w)
{
	struct dbox_container head = {
		.number = w->number, .created = time(NULL), .table = w->at,
		.table_count = w->count,
	};
	unsigned char data[DBOX_CONTAINER_SIZE];
	size_t size = (size_t)w->count * DBOX_TABLE_ENTRY;

	if (w->count > 1)
		qsort(w->table, w->count, DBOX_TABLE_ENTRY, compare_entries);
	head.table_crc = cv_api->crc32c(0, w->table, size);
	memcpy(head.boot_id, w->root->config->boot_id, 16);
	dbox_container_format(&head, data);
	if (DBOX_CALL(w->root, pwrite, w->fd, w->table, size, w->at) < 0 ||
	    DBOX_CALL(w->root, pwrite, w->fd, data, sizeof(data), 0) < 0 ||
	    DBOX_CALL(w->root, fdatasync, w->fd) < 0)
		return common_fail(w->err, "write", "container");
	return CV_OK;
}

int mdbox_container_write(struct cv_storage_root *root, int dirfd,
			  uint32_t number,
			  const struct mdbox_source *sources,
			  uint32_t source_count, struct cv_error *err)
{
	struct writer w = {
		.root = root, .number = number, .at = DBOX_CONTAINER_SIZE,
		.err = err,
	};
	char name[DBOX_PATH_MAX], temp[DBOX_PATH_MAX];
	size_t room = 1;
	int ret = CV_OK;

	for (uint32_t i = 0; i < source_count; i++)
		room += sources[i].count;
	w.pool = cv_api->pool_create("dbox rewrite");
	w.table = cv_api->alloc(w.pool, room * DBOX_TABLE_ENTRY);
	mdbox_container_name(number, name);
	snprintf(temp, sizeof(temp), "t.%u", number);
	(void)DBOX_CALL(root, unlink, dirfd, temp);
	w.fd = DBOX_CALL(root, open, dirfd, temp,
			 O_RDWR | O_CREAT | O_EXCL, 0600);
	if (w.fd < 0)
		ret = common_fail(err, "create", temp);
	for (uint32_t i = 0; i < source_count; i++) {
		for (uint32_t k = 0; k < sources[i].count && ret == CV_OK;
		     k++) {
			struct cv_pool *all = w.pool;

			w.pool = cv_api->pool_create("dbox copy");
			ret = copy_item(&w, sources[i].fd,
					&sources[i].items[k]);
			cv_api->pool_destroy(&w.pool);
			w.pool = all;
		}
	}
	if (ret == CV_OK)
		ret = write_table(&w);
	dbox_close(root, w.fd);
	if (ret == CV_OK &&
	    DBOX_CALL(root, rename, dirfd, temp, dirfd, name, false) < 0)
		ret = common_fail(err, "rename", temp);
	if (ret == CV_OK && DBOX_CALL(root, fsync, dirfd) < 0)
		ret = common_fail(err, "sync", "storage");
	if (ret < 0)
		(void)DBOX_CALL(root, unlink, dirfd, temp);
	cv_api->pool_destroy(&w.pool);
	return ret;
}

/* --- in place of the old one ------------------------------------------------------------ */

int mdbox_claim(struct cv_storage_root *root, int fd, uint64_t size)
{
	struct stat mine, theirs;

	if (DBOX_CALL(root, lock, fd, F_WRLCK, 1000) < 0 ||
	    DBOX_CALL(root, fstat, fd, &mine) < 0)
		return CV_NOT_FOUND;
	if (mine.st_nlink >= 2 &&
	    (DBOX_CALL(root, stat, root->storage_fd, "c.append",
		       &theirs) < 0 || theirs.st_ino != mine.st_ino ||
	     DBOX_CALL(root, unlink, root->storage_fd, "c.append") < 0))
		return CV_NOT_FOUND;
	return (uint64_t)mine.st_size == size ? CV_OK : CV_CHANGED;
}

int mdbox_container_replace(struct cv_storage_root *root, int dirfd,
			    uint32_t number, bool foreign,
			    const struct mdbox_source *left,
			    struct cv_error *err)
{
	char name[DBOX_PATH_MAX];
	int ret = CV_OK;

	if (left->count > 0)
		ret = mdbox_container_write(root, dirfd, number, left, 1, err);
	snprintf(name, sizeof(name), "%c.%u", foreign ? 'm' : 'c', number);
	if (ret == CV_OK && (left->count == 0 || foreign) &&
	    DBOX_CALL(root, unlink, dirfd, name) < 0 && errno != ENOENT)
		ret = common_fail(err, "remove", name);
	return ret;
}

/* --- what stands in two places ------------------------------------------------------------ */

static int by_ref(const void *a, const void *b)
{
	const struct mdbox_ref *x = &(*(struct mdbox_item *const *)a)->ref;
	const struct mdbox_ref *y = &(*(struct mdbox_item *const *)b)->ref;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (x->foreign > y->foreign) - (x->foreign < y->foreign);
}

uint32_t mdbox_items_minus(struct cv_storage_root *root,
			   struct mdbox_item *items, uint32_t count,
			   const struct mdbox_source *other, bool whole)
{
	struct cv_pool *pool;
	const struct mdbox_item **sorted;
	uint32_t to = 0;

	if (other->count == 0)
		return count;
	pool = cv_api->pool_create("dbox doubles");
	sorted = CV_ALLOC_ARRAY(pool, const struct mdbox_item *,
				other->count);
	for (uint32_t i = 0; i < other->count; i++)
		sorted[i] = &other->items[i];
	qsort(sorted, other->count, sizeof(struct mdbox_item *), by_ref);
	for (uint32_t i = 0; i < count; i++) {
		const struct mdbox_item *key = &items[i];
		const struct mdbox_item **same =
			bsearch(&key, sorted, other->count,
				sizeof(struct mdbox_item *), by_ref);

		if (same == NULL ||
		    (whole && !mdbox_item_whole(root, other->fd, *same)))
			items[to++] = items[i];
	}
	cv_api->pool_destroy(&pool);
	return to;
}
