/* common-private.c - the flags of one reader that Dovecot keeps beside a tree
 * of INDEXPVT=: an index with its log for each folder, "dovecot.index.pvt". */
#include "common.h"
#include "dovecot-index.h"

enum { PRIVATE_BYTES_MAX = 64 << 20 };

static void folder_path(const struct cv_storage_config *config,
			const struct common_layout *layout, const char *below,
			struct cv_span name, struct cv_text *path)
{
	cv_text_append_f(path, "%s/%s%s", config->index, below,
			 layout->separator == '.' ? "." : "");
	common_levels_encode(config, layout, path, name);
}

static int read_index(const struct cv_storage_config *config,
		      const char *path, struct cv_pool *pool,
		      struct dovecot_index *index_r, struct cv_error *err)
{
	const struct dovecot_files files = { .wanted = { NULL } };
	int ret, dirfd = COMMON_CALL(config, open, AT_FDCWD, path,
				     O_RDONLY | O_DIRECTORY, 0);

	if (dirfd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND :
			common_fail(err, "open", path);
	ret = common_dovecot_index(config, dirfd, "dovecot.index.pvt", files,
				   PRIVATE_BYTES_MAX, pool, index_r, err);
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
	struct dovecot_index index;
	struct cv_text path;
	int ret;

	/* the name may be from another process */
	if (!cv_span_is(name, "INBOX") &&
	    common_name_check(config, layout, name, NULL) < 0)
		return CV_NOT_FOUND;
	cv_text_init(&path, pool);
	folder_path(config, layout, below, name, &path);
	ret = read_index(config, cv_text_str(&path), pool, &index, err);
	if (ret == CV_OK)
		take(&index, pool, takeover_r);
	return ret;
}
