/* dbox-path.c - a folder's name and its place on disk: "a/b" is
 * mailboxes/a/b/dbox-Mails.  INVARIANT: different names are different places,
 * and none is outside of the root [security.md B10]. */
#include "dbox.h"

const char *dbox_dirname(struct cv_storage_root *root)
{
	return root->config->dirname[0] != '\0' ? root->config->dirname :
		"dbox-Mails";
}

int dbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err)
{
	return common_name_check(root->config, &dbox_layout, name, err);
}

const char *dbox_level_path(struct cv_storage_root *root,
			    struct cv_pool *pool, struct cv_span name)
{
	struct cv_text path;

	cv_text_init(&path, pool);
	cv_text_append_str(&path, "mailboxes/");
	common_levels_encode(root->config, &dbox_layout, &path, name);
	return cv_text_str(&path);
}

const char *dbox_path(struct cv_storage_root *root, struct cv_pool *pool,
		      struct cv_span name)
{
	struct cv_text path;

	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/%s", dbox_level_path(root, pool, name),
			 dbox_dirname(root));
	return cv_text_str(&path);
}

const char *dbox_folder_path(struct cv_storage_root *root,
			     struct cv_span name, struct cv_pool *pool)
{
	struct cv_text path;

	cv_text_init(&path, pool);
	cv_text_append_f(&path, "%s/%s", root->config->path,
			 dbox_path(root, pool, name));
	return cv_text_str(&path);
}

/* What dbox-folders.c makes for a moment, or once made: 16 digits follow. */
static bool is_passing(struct cv_span level)
{
	size_t len = cv_span_begins(level, CV_SPAN(".trash-")) ? 7 :
		cv_span_begins(level, CV_SPAN(".changed-")) ? 9 : 0;

	if (len == 0 || level.len != len + 16)
		return false;
	for (size_t i = len; i < level.len; i++) {
		char c = level.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static bool is_reserved(const struct cv_storage_config *config,
			struct cv_span level)
{
	return is_passing(level) || cv_span_is(level, "dbox-Mails") ||
		(config->dirname[0] != '\0' &&
		 cv_span_is(level, config->dirname));
}

const struct common_layout dbox_layout = {
	.separator = '/', .is_reserved = is_reserved,
	.subscriptions = "subscriptions",
};
