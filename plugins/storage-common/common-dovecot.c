/* common-dovecot.c - Dovecot's index files of a folder, from their directory:
 * for drivers whose trees were Dovecot's. */
#include "common.h"
#include "dovecot-cache.h"

#include <stdio.h>

/* A part that is not there stays empty. */
static int read_part(const struct cv_storage_config *config, int dirfd,
		     const char *name, const char *suffix, size_t max,
		     struct cv_pool *pool, struct cv_span *part_r,
		     struct cv_error *err)
{
	struct cv_text text;
	char full[64];
	int ret;

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	cv_text_init(&text, pool);
	ret = common_file_read(config, dirfd, full, max, &text, err);
	if (ret == CV_OK)
		*part_r = cv_text_span(&text);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

int common_dovecot_index(const struct cv_storage_config *config, int dirfd,
			 const char *name, struct dovecot_files files,
			 size_t max, struct cv_pool *pool,
			 struct dovecot_index *index_r, struct cv_error *err)
{
	int ret = read_part(config, dirfd, name, "", max, pool, &files.index,
			    err);

	if (ret == CV_OK)
		ret = read_part(config, dirfd, name, ".log.2", max, pool,
				&files.older, err);
	if (ret == CV_OK)
		ret = read_part(config, dirfd, name, ".log", max, pool,
				&files.log, err);
	if (ret < 0)
		return ret;
	ret = dovecot_index_read(pool, &files, index_r);
	if (ret == CV_E_LIMIT)
		return CV_FAIL(err, ret, "'%s' asks for too much work", name);
	return ret;
}

/* --- save dates ---------------------------------------------------------------- */

struct cache_file {
	const struct cv_storage_config *config;
	int fd;
};

static ssize_t read_cache(void *context, void *data, size_t len,
			  uint64_t offset)
{
	const struct cache_file *file = context;

	return COMMON_CALL(file->config, pread, file->fd, data, len, offset);
}

int common_dovecot_cache_open(const struct cv_storage_config *config,
			      int dirfd)
{
	struct cache_file file = { config, -1 };
	struct dovecot_cache cache;
	struct cv_pool *pool;
	int ret;

	file.fd = COMMON_CALL(config, open, dirfd, "dovecot.index.cache",
			      O_RDONLY | O_NONBLOCK, 0);
	if (file.fd < 0)
		return -1;
	pool = cv_api->pool_create("dovecot cache");
	ret = dovecot_cache_open(pool, read_cache, &file, 0, &cache);
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK)
		return file.fd;
	COMMON_CALL(config, close, file.fd);
	return -1;
}

void common_dovecot_saved(const struct cv_storage_config *config,
			  int *cache_fd, const struct common_cached *cached,
			  int64_t *saved)
{
	struct cache_file file = { config, *cache_fd };
	struct dovecot_cache cache;
	struct cv_pool *pool;

	if (*cache_fd < 0)
		return;
	pool = cv_api->pool_create("dovecot cache");
	/* of another index, or written anew since: its offsets say nothing */
	if (dovecot_cache_open(pool, read_cache, &file, cached->count,
			       &cache) == CV_OK &&
	    cache.indexid == cached->indexid &&
	    cache.file_seq == cached->file_seq) {
		for (uint32_t i = 0; i < cached->count; i++) {
			if (cached->offsets[i] != 0)
				saved[i] = dovecot_cache_saved(
					&cache, cached->offsets[i]);
		}
	}
	cv_api->pool_destroy(&pool);
	COMMON_CALL(config, close, *cache_fd);
	*cache_fd = -1;
}

/* Both ascend. */
static void find_offsets(const struct dovecot_index *index, uint32_t wanted,
			 const struct cv_takeover *takeover,
			 uint32_t *offsets)
{
	uint32_t row = 0;

	for (uint32_t i = 0; i < takeover->count; i++) {
		while (row < index->count &&
		       index->rows[row].uid < takeover->entries[i].uid)
			row++;
		if (row < index->count && index->rows[row].has[wanted] &&
		    index->rows[row].uid == takeover->entries[i].uid)
			offsets[i] = dovecot_row_u32(&index->rows[row],
						     wanted, 0);
	}
}

void common_dovecot_takeover(const struct cv_storage_config *config,
			     int *cache_fd, const struct dovecot_index *index,
			     uint32_t wanted, struct cv_pool *pool,
			     struct cv_takeover *takeover)
{
	size_t count = (size_t)takeover->count + 1;
	uint32_t *offsets = CV_ALLOC_ARRAY(pool, uint32_t, count);
	int64_t *saved = CV_ALLOC_ARRAY(pool, int64_t, count);
	const struct common_cached cached = {
		.indexid = index->indexid, .offsets = offsets,
		.file_seq = index->reset_id[wanted], .count = takeover->count,
	};

	find_offsets(index, wanted, takeover, offsets);
	common_dovecot_saved(config, cache_fd, &cached, saved);
	takeover->saved = saved;
}
