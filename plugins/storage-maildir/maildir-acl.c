/* maildir-acl.c - the file "dovecot-acl" in a folder's directory: read, never
 * written. */
#include "maildir.h"

int maildir_acl_read(struct cv_storage_root *root, struct cv_span name,
		     struct cv_text *stamp, struct cv_pool *pool,
		     struct cv_span *text_r, struct cv_error *err)
{
	struct maildir_stamp now = { 0 };
	struct cv_text path, file;
	struct stat st;
	int ret;

	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/dovecot-acl", name.len == 0 ? "." :
			 maildir_path(root, pool, name));
	if (MD_CALL(root, stat, root->fd, cv_text_str(&path), &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_OK :
			common_fail(err, "stat", cv_text_str(&path));
	maildir_stamp_of(&st, &now);
	if (cv_span_equal(cv_text_span(stamp),
			  cv_span((const char *)&now, sizeof(now))))
		return CV_OK;
	cv_text_init(&file, pool);
	ret = maildir_file_read(root, root->fd, cv_text_str(&path), &file,
				err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	cv_text_reset(stamp);
	cv_text_append(stamp, &now, sizeof(now));
	*text_r = cv_span(cv_text_str(&file), file.len);
	return CV_CHANGED;
}
