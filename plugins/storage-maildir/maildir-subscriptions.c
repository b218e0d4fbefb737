/* maildir-subscriptions.c - the file "subscriptions"; where there is none yet,
 * Courier's. */
#include "maildir.h"

int maildir_subscriptions_read(struct cv_storage_root *root,
			       struct cv_text *stamp, struct cv_pool *pool,
			       struct cv_strings *names_r,
			       struct cv_error *err)
{
	int ret = common_subscriptions_read(root->config, root->layout,
					    root->fd, stamp, pool, names_r,
					    err);

	if (ret == CV_NOT_FOUND)
		ret = maildir_courier_subscribed(root, pool, names_r) ==
			CV_OK ? CV_CHANGED : CV_OK;
	return ret;
}

int maildir_subscriptions_write(struct cv_storage_root *root,
				const struct cv_strings *names,
				struct cv_text *stamp, struct cv_error *err)
{
	return common_subscriptions_write(root->config, root->layout,
					  root->fd, names, stamp, err);
}
