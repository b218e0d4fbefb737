/* maildir-saved.c - when messages came into their folder, as Dovecot's cache
 * remembers it: the change time of a file is that of its last flag. */
#include "maildir.h"

#include <string.h>

enum { INDEX_BYTES_MAX = 256 << 20 };

/* Where Dovecot's index of the folder is; -1: nowhere. */
static int open_index_dir(const struct cv_storage_folder *folder,
			  struct cv_pool *pool)
{
	struct cv_storage_root *root = folder->root;
	const char *index = root->config->index, *path = folder->path;
	size_t len = strlen(path), last = strlen(root->config->dirname);
	struct cv_text text;

	if (index == NULL || index[0] != '/')
		return MD_CALL(root, open, folder->fd, ".",
			       O_RDONLY | O_DIRECTORY, 0);
	/* directories for mail are not made there */
	if (root->fs && last > 0 && len > last + 1 &&
	    path[len - last - 1] == '/' &&
	    strcmp(path + len - last, root->config->dirname) == 0)
		len -= last + 1;
	cv_text_init(&text, pool);
	if (path[0] == '/' || strcmp(path, ".") == 0)
		cv_text_append_f(&text, "%s/%sINBOX", index,
				 root->fs ? "" : ".");
	else
		cv_text_append_f(&text, "%s/%.*s", index, (int)len, path);
	return MD_CALL(root, open, AT_FDCWD, cv_text_str(&text),
		       O_RDONLY | O_DIRECTORY, 0);
}

void maildir_saved(struct cv_storage_folder *folder, struct cv_pool *pool,
		   struct cv_takeover *takeover)
{
	const struct cv_storage_config *config = folder->root->config;
	const struct dovecot_files files = { .wanted = { "cache" } };
	struct cv_pool *scratch = cv_api->pool_create("dovecot index");
	int cache = -1, dirfd = open_index_dir(folder, scratch);
	struct dovecot_index index;

	if (dirfd >= 0)
		cache = common_dovecot_cache_open(config, dirfd);
	/* a damaged index is no reason not to read mail */
	if (cache >= 0 &&
	    common_dovecot_index(config, dirfd, "dovecot.index", files,
				 INDEX_BYTES_MAX, scratch, &index, NULL) ==
	    CV_OK && index.uidvalidity == takeover->uidvalidity)
		common_dovecot_takeover(config, &cache, &index, 0, pool,
					takeover);
	if (cache >= 0)
		COMMON_CALL(config, close, cache);
	if (dirfd >= 0)
		COMMON_CALL(config, close, dirfd);
	cv_api->pool_destroy(&scratch);
}
