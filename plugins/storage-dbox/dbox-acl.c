/* dbox-acl.c - the file "dovecot-acl" beside the messages: read, never
 * written. */
#include "dbox.h"

struct acl_stamp { uint64_t inode; int64_t seconds, nanoseconds; };

int dbox_acl_read(struct cv_storage_root *root, struct cv_span name,
		  struct cv_text *stamp, struct cv_pool *pool,
		  struct cv_span *text_r, struct cv_error *err)
{
	struct cv_text path, file;
	struct acl_stamp now;
	struct stat st;
	int ret;

	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/dovecot-acl", name.len == 0 ? "." :
			 dbox_path(root, pool, name));
	if (DBOX_CALL(root, stat, root->fd, cv_text_str(&path), &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_OK :
			common_fail(err, "stat", cv_text_str(&path));
	now = (struct acl_stamp){ st.st_ino, st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec };
	if (cv_span_equal(cv_text_span(stamp),
			  cv_span((const char *)&now, sizeof(now))))
		return CV_OK;
	cv_text_init(&file, pool);
	ret = dbox_file_read(root, root->fd, cv_text_str(&path), &file, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	cv_text_reset(stamp);
	cv_text_append(stamp, &now, sizeof(now));
	*text_r = cv_span(cv_text_str(&file), file.len);
	return CV_CHANGED;
}
