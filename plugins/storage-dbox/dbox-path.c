/* dbox-path.c - a folder's name and its place on disk: "a/b" is
 * mailboxes/a/b/dbox-Mails.  INVARIANT: different names are different places,
 * and none is outside of the root [security.md B10]. */
#include "dbox.h"

enum { LEVEL_MAX = 240, LEVELS_MAX = 64, BYTES_MAX = 2000 };

const char *dbox_dirname(struct cv_storage_root *root)
{
	return root->config->dirname[0] != '\0' ? root->config->dirname :
		"dbox-Mails";
}

/* NULL when the level may be part of a name, else the reason. */
static const char *level_fault(struct cv_storage_root *root,
			       struct cv_span level)
{
	if (level.len == 0)
		return "empty hierarchy level";
	for (size_t i = 0; i < level.len; i++) {
		unsigned char c = (unsigned char)level.data[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return "control character or slash";
	}
	if (level.data[0] == '.' || cv_span_is(level, dbox_dirname(root)) ||
	    cv_span_is_icase(level, "dbox-Mails"))
		return "reserved name";
	return NULL;
}

static void level_encode(struct cv_storage_root *root, struct cv_text *dst,
			 struct cv_span level)
{
	if (root->config->utf8_names)
		cv_text_append_span(dst, level);
	else
		cv_api->utf7_encode(dst, level);
}

int dbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("dbox name");
	struct cv_span rest = name, level;
	const char *fault = NULL;
	struct cv_text path;
	uint32_t levels = 0;

	cv_text_init(&path, pool);
	while (fault == NULL && cv_span_split(&rest, '/', &level)) {
		size_t before = path.len;

		fault = level_fault(root, level);
		if (fault != NULL)
			break;
		level_encode(root, &path, level);
		if (path.len - before > LEVEL_MAX)
			fault = "too long";
		if (++levels > LEVELS_MAX)
			fault = "too many levels";
	}
	if (fault == NULL && (levels == 0 || path.len > BYTES_MAX))
		fault = "too long or empty";
	cv_api->pool_destroy(&pool);
	if (fault == NULL)
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	return cv_api->error_set_client(err, "Invalid mailbox name: %s",
					fault);
}

const char *dbox_level_path(struct cv_storage_root *root,
			    struct cv_pool *pool, struct cv_span name)
{
	struct cv_span rest = name, level;
	struct cv_text path;

	cv_text_init(&path, pool);
	cv_text_append_str(&path, "mailboxes");
	while (cv_span_split(&rest, '/', &level)) {
		cv_text_append_c(&path, '/');
		level_encode(root, &path, level);
	}
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

bool dbox_level_decode(struct cv_storage_root *root, struct cv_span level,
		       struct cv_text *name)
{
	size_t before = name->len;

	if (root->config->utf8_names)
		cv_text_append_span(name, level);
	else if (!cv_api->utf7_decode(name, level))
		return false;
	return level_fault(root, cv_span(name->data + before,
					 name->len - before)) == NULL;
}
