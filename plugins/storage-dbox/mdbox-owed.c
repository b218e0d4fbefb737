/* mdbox-owed.c - containers that are to be synced, each of them once: a
 * rotation lays out thousands of messages of a few containers. */
#include "dbox.h"

static int settle(struct cv_storage_root *root, uint32_t at,
		  struct cv_error *err)
{
	int fd = root->owed[at].fd;
	int ret = CV_OK;

	if (DBOX_CALL(root, fdatasync, fd) < 0)
		ret = common_fail(err, "sync", "container");
	dbox_close(root, fd);
	root->owed[at] = root->owed[--root->owed_count];
	return ret;
}

int mdbox_owe(struct cv_storage_root *root, uint32_t number, bool alt, int fd,
	      struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < root->owed_count; i++) {
		if (root->owed[i].number == number &&
		    root->owed[i].alt == alt) {
			dbox_close(root, fd);
			return CV_OK;
		}
	}
	if (root->owed_count == MDBOX_OWED_MAX)
		ret = settle(root, 0, err);
	root->owed[root->owed_count++] = (struct mdbox_owed){
		number, alt, fd
	};
	return ret;
}

int mdbox_owed_sync(struct cv_storage_root *root, struct cv_error *err)
{
	int ret = CV_OK;

	while (root->owed_count > 0) {
		if (settle(root, 0, ret < 0 ? NULL : err) < 0)
			ret = CV_E_TEMP;
	}
	return ret;
}

void mdbox_owed_forget(struct cv_storage_root *root)
{
	while (root->owed_count > 0)
		dbox_close(root, root->owed[--root->owed_count].fd);
}
