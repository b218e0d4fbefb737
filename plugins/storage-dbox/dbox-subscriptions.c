/* dbox-subscriptions.c - the file "subscriptions" of the tree. */
#include "dbox.h"

int dbox_subscriptions_read(struct cv_storage_root *root,
			    struct cv_text *stamp, struct cv_pool *pool,
			    struct cv_strings *names_r, struct cv_error *err)
{
	int ret = common_subscriptions_read(root->config, &dbox_layout,
					    root->fd, stamp, pool, names_r,
					    err);

	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

int dbox_subscriptions_write(struct cv_storage_root *root,
			     const struct cv_strings *names,
			     struct cv_text *stamp, struct cv_error *err)
{
	return common_subscriptions_write(root->config, &dbox_layout,
					  root->fd, names, stamp, err);
}
