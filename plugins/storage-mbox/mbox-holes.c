/* mbox-holes.c - what a power cut leaves of appends that were not synced.
 *
 * A file system may have made the file longer and not have written all of it:
 * there are zeros then, in whole sectors, or from where one append began to
 * where the next one does.  Each message of ours that they belong to is in the
 * journal or beside the map, and is appended again: what is left of it goes to
 * a file of its own, lest anything be lost that is not what it looks like. */
#include "mbox.h"

enum { SECTOR = 512, LOOK = 8 * SECTOR, CHUNK = 256 * 1024 };

static size_t count_zeros(struct cv_span data)
{
	size_t len = 0;

	while (len < data.len && data.data[len] == '\0')
		len++;
	return len;
}

/* Are the first len bytes, which are zeros, one? */
static bool is_hole(const struct mbox_reader *reader, uint64_t offset,
		    struct cv_span data, size_t len, bool line_start)
{
	uint64_t end = offset + len;
	size_t from_len;
	int64_t received;

	if (len == 0 || (offset % SECTOR != 0 && !line_start))
		return false;
	return end == reader->end || end % SECTOR == 0 || len >= LOOK ||
		mbox_is_from(cv_span_skip(data, len), &from_len, &received);
}

/* A From_ line may have its beginning in the sector before. */
static size_t line_before(struct cv_span data, size_t z, bool line_start)
{
	const char *lf = z == 0 ? NULL : memrchr(data.data, '\n', z);
	size_t at = lf == NULL ? 0 : (size_t)(lf - data.data) + 1;
	size_t len = z - at < 5 ? z - at : 5;

	return (lf != NULL || line_start) &&
		memcmp(data.data + at, "From ", len) == 0 ? at : z;
}

int mbox_hole_next(struct mbox_reader *reader, uint64_t at, bool line_start,
		   struct cv_span *data, bool *hole_r, struct cv_error *err)
{
	size_t z = 0, look = LOOK + MBOX_FROM_MAX + 1;
	const char *nul;

	while ((nul = memchr(data->data + z, '\0', data->len - z)) != NULL) {
		size_t len;

		reader->seen_nul = true;
		if (!reader->holes)
			break;
		z = (size_t)(nul - data->data);
		if (data->len - z < look && at + data->len < reader->end) {
			int ret;

			if (z > 2 * MBOX_FROM_MAX) {
				data->len = z;	/* it is the next one's */
				break;
			}
			ret = mbox_reader_get(reader, at, z + look, data, err);
			if (ret < 0)
				return ret;
		}
		len = count_zeros(cv_span_skip(*data, z));
		if (is_hole(reader, at + z, cv_span_skip(*data, z), len,
			    z > 0 ? data->data[z - 1] == '\n' : line_start)) {
			data->len = line_before(*data, z, line_start);
			*hole_r = true;
			break;
		}
		z += len;
	}
	return CV_OK;
}

bool mbox_hole_inside(struct cv_span data, uint64_t at)
{
	size_t i = (size_t)(-at % SECTOR);

	for (; i + SECTOR <= data.len; i += SECTOR) {
		if (count_zeros(cv_span(data.data + i, SECTOR)) == SECTOR)
			return true;
	}
	return false;
}

/* Behind the next zeros. */
static int skip_zeros(struct mbox_reader *reader, uint64_t *offset,
		      struct cv_error *err)
{
	bool seen = false;

	while (*offset < reader->end) {
		struct cv_span data;
		const char *nul;
		size_t at;
		int ret = mbox_reader_get(reader, *offset, 1, &data, err);

		if (ret < 0)
			return ret;
		nul = seen ? data.data : memchr(data.data, '\0', data.len);
		at = nul == NULL ? data.len : (size_t)(nul - data.data);
		seen |= nul != NULL;
		at += count_zeros(cv_span_skip(data, at));
		*offset += at;
		if (seen && at < data.len)
			break;
	}
	return CV_OK;
}

int mbox_hole_skip(struct mbox_reader *reader, uint64_t from,
		   struct mbox_record *gap_r, struct cv_error *err)
{
	struct mbox_record r = { .offset = from };
	struct mbox_hash hash;
	int ret;

	reader->holes = true;
	do {
		ret = skip_zeros(reader, &r.offset, err);
		r.body_len = r.separator = 0;
		mbox_hash_init(&hash);
		if (ret == CV_OK)
			ret = mbox_scan_lines(reader, &r, &hash, err);
		r.offset = mbox_record_end(&r);
	} while (ret == CV_OK && reader->at_hole);
	reader->holes = false;
	*gap_r = (struct mbox_record){
		.offset = from, .body_len = r.offset - from,
		.marks = MBOX_GONE,
	};
	return ret;
}

static int copy_part(struct cv_storage_folder *folder, int fd, uint64_t from,
		     uint64_t len, uint64_t to, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox hole");
	char *buffer = cv_api->alloc(pool, CHUNK);
	int ret = CV_OK;

	while (len > 0 && ret == CV_OK) {
		size_t want = len < CHUNK ? (size_t)len : CHUNK;

		if (MB_CALL(root, pread, folder->fd, buffer, want, from) !=
		    (ssize_t)want)
			ret = common_fail(err, "read", folder->path);
		else if (count_zeros(cv_span(buffer, want)) < want &&
			 MB_CALL(root, pwrite, fd, buffer, want, to) < 0)
			ret = common_fail(err, "write", "lost-");
		from += want;
		to += want;
		len -= want;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_holes_keep(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256], kind[40];
	uint64_t random, len = 0;
	int fd, ret = CV_OK;

	cv_api->random(&random, sizeof(random));
	snprintf(kind, sizeof(kind), "lost-%08llx",
		 (unsigned long long)(random & 0xffffffff));
	mbox_own_path(name, folder->own, kind);
	fd = MB_CALL(root, open, root->own_fd, name,
		     O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return common_fail(err, "create", name);
	for (uint32_t i = 0; i < folder->head.count && ret == CV_OK; i++) {
		const struct mbox_record *r = &folder->records[i];

		if (!(r->marks & MBOX_GONE))
			continue;
		ret = copy_part(folder, fd, r->offset, r->body_len, len, err);
		len += r->body_len;
	}
	if (ret == CV_OK && (MB_CALL(root, fdatasync, fd) < 0 ||
			     MB_CALL(root, fsync, root->own_fd) < 0))
		ret = common_fail(err, "sync", name);
	mbox_close_fd(root, &fd);
	if (ret == CV_OK)
		mbox_log(CV_LOG_WARNING, "'%s': a power cut has left holes in "
			 "what was being appended: %llu bytes of it are now "
			 "in '%s'", folder->path, (unsigned long long)len,
			 name);
	return ret;
}
