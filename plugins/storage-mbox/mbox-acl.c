/* mbox-acl.c - the file "dovecot-acl" of a folder: read, never written.
 *
 * An mbox is a file; what Dovecot knows of a/b lies in a/.imap/b/, below
 * CONTROL= where there is one.  With DIRNAME= it has no place for it. */
#include "mbox.h"

struct acl_stamp { uint64_t inode; int64_t seconds, nanoseconds; };

static const char *acl_path(struct cv_storage_root *root, struct cv_span name,
			    struct cv_pool *pool)
{
	const struct cv_storage_config *config = root->config;
	struct cv_text levels, path;
	struct cv_span leaf;
	size_t at;

	cv_text_init(&levels, pool);
	cv_text_init(&path, pool);
	common_levels_encode(config, &mbox_layout, &levels, name);
	for (at = levels.len; at > 0 && levels.data[at - 1] != '/'; at--)
		;
	leaf = cv_span_skip(cv_text_span(&levels), at);
	if (config->control[0] != '\0')
		cv_text_append_f(&path, "%s/", config->control);
	cv_text_append(&path, levels.data, at);
	cv_text_append_f(&path, ".imap/%.*s/dovecot-acl", CV_SPAN_ARG(leaf));
	return cv_text_str(&path);
}

int mbox_acl_read(struct cv_storage_root *root, struct cv_span name,
		  struct cv_text *stamp, struct cv_pool *pool,
		  struct cv_span *text_r, struct cv_error *err)
{
	struct acl_stamp now;
	struct cv_text file;
	const char *path;
	struct stat st;
	int ret;

	if (name.len == 0 || root->config->dirname[0] != '\0')
		return CV_OK;
	path = acl_path(root, name, pool);
	if (MB_CALL(root, stat, root->fd, path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_OK :
			common_fail(err, "stat", path);
	memset(&now, 0, sizeof(now));
	now.inode = st.st_ino;
	now.seconds = st.st_mtim.tv_sec;
	now.nanoseconds = st.st_mtim.tv_nsec;
	if (cv_span_equal(cv_text_span(stamp),
			  cv_span((const char *)&now, sizeof(now))))
		return CV_OK;
	cv_text_init(&file, pool);
	ret = common_file_read(root->config, root->fd, path, 1024 * 1024,
			       &file, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	cv_text_reset(stamp);
	cv_text_append(stamp, &now, sizeof(now));
	*text_r = cv_span(cv_text_str(&file), file.len);
	return CV_CHANGED;
}
