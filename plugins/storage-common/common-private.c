/* common-private.c - the flags of one reader that Dovecot keeps beside a tree
 * of INDEXPVT=: an index with its log for each folder, "dovecot.index.pvt". */
#include "common.h"
#include "dovecot-index.h"

#include <stdio.h>

enum { PRIVATE_BYTES_MAX = 64 << 20 };

static void folder_path(const struct cv_storage_config *config,
			const struct common_layout *layout, const char *below,
			struct cv_span name, struct cv_text *path)
{
	cv_text_append_f(path, "%s/%s%s", config->index, below,
			 layout->separator == '.' ? "." : "");
	common_levels_encode(config, layout, path, name);
}

/* A part that is not there stays empty. */
static int read_part(const struct cv_storage_config *config, int dirfd,
		     const char *name, struct cv_pool *pool,
		     struct cv_span *part_r, struct cv_error *err)
{
	struct cv_text text;
	int ret;

	cv_text_init(&text, pool);
	ret = common_file_read(config, dirfd, name, PRIVATE_BYTES_MAX, &text,
			       err);
	if (ret == CV_OK)
		*part_r = cv_text_span(&text);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

static int read_files(const struct cv_storage_config *config,
		      const char *path, struct cv_pool *pool,
		      struct dovecot_files *files, struct cv_error *err)
{
	int ret, dirfd = COMMON_CALL(config, open, AT_FDCWD, path,
				     O_RDONLY | O_DIRECTORY, 0);

	if (dirfd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND :
			common_fail(err, "open", path);
	ret = read_part(config, dirfd, "dovecot.index.pvt", pool,
			&files->index, err);
	if (ret == CV_OK)
		ret = read_part(config, dirfd, "dovecot.index.pvt.log.2",
				pool, &files->older, err);
	if (ret == CV_OK)
		ret = read_part(config, dirfd, "dovecot.index.pvt.log", pool,
				&files->log, err);
	COMMON_CALL(config, close, dirfd);
	return ret;
}

static void take(const struct dovecot_index *index, struct cv_pool *pool,
		 struct cv_takeover *out)
{
	struct cv_takeover_entry *entries = CV_ALLOC_ARRAY(
		pool, struct cv_takeover_entry, index->count + 1);

	out->uidvalidity = index->uidvalidity;
	out->uidnext = index->uidnext;
	out->entries = entries;
	for (uint32_t i = 0; i < index->count; i++) {
		if (index->rows[i].flags == 0)
			continue;
		entries[out->count].uid = index->rows[i].uid;
		entries[out->count].flags = index->rows[i].flags;
		entries[out->count++].has_flags = true;
	}
}

int common_private_flags(const struct cv_storage_config *config,
			 const struct common_layout *layout, const char *below,
			 struct cv_span name, struct cv_pool *pool,
			 struct cv_takeover *takeover_r, struct cv_error *err)
{
	struct dovecot_files files = { .wanted = { NULL } };
	struct dovecot_index index;
	struct cv_text path;
	int ret;

	/* the name may be from another process */
	if (!cv_span_is(name, "INBOX") &&
	    common_name_check(config, layout, name, NULL) < 0)
		return CV_NOT_FOUND;
	cv_text_init(&path, pool);
	folder_path(config, layout, below, name, &path);
	ret = read_files(config, cv_text_str(&path), pool, &files, err);
	if (ret == CV_OK)
		ret = dovecot_index_read(pool, &files, &index);
	if (ret == CV_E_LIMIT)
		return CV_FAIL(err, ret, "'%s/dovecot.index.pvt' asks for "
			       "too much work", cv_text_str(&path));
	if (ret == CV_OK)
		take(&index, pool, takeover_r);
	return ret;
}
