/* maildir-path.c - a folder's name and its place on disk.
 *
 * Maildir++: INBOX is the root, "a/b" is ".a.b" in it.  fs: "a/b" is a/b
 * below the root.  INVARIANT: different names are different places, and
 * none is outside of the root [security.md B10]. */
#include "maildir.h"

static bool is_reserved(struct cv_span level)
{
	static const char *const exact[] = {
		"cur", "new", "tmp", "subscriptions", "maildirfolder",
	};

	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		if (cv_span_is_icase(level, exact[i]))
			return true;
	}
	return cv_span_begins_icase(level, CV_SPAN("dovecot")) ||
		cv_span_begins_icase(level, CV_SPAN("culver.")) ||
		level.data[0] == '.';
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
		if (!root->fs && c == '.')
			return "a '.' separates levels on disk";
	}
	if (root->fs && (is_reserved(level) ||
			 (root->config->dirname[0] != '\0' &&
			  cv_span_is(level, root->config->dirname))))
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

int maildir_name_check(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text path;
	struct cv_span rest = name, level;
	const char *fault = NULL;
	uint32_t levels = 0;

	if (cv_span_is(name, "INBOX"))
		return CV_OK;
	pool = cv_api->pool_create("maildir name");
	cv_text_init(&path, pool);
	while (fault == NULL && cv_span_split(&rest, '/', &level)) {
		size_t before = path.len;

		fault = level_fault(root, level);
		if (fault != NULL)
			break;
		cv_text_append_c(&path, '.');
		level_encode(root, &path, level);
		if (root->fs && path.len - before > 240)
			fault = "too long";
		if (++levels > 64)
			fault = "too many levels";
	}
	if (fault == NULL && (levels == 0 ||
			      path.len > (root->fs ? 2000 : 240)))
		fault = "too long or empty";
	/* folders_scan takes it for another place of INBOX */
	if (fault == NULL && cv_span_is_icase(name, "INBOX"))
		fault = "reserved name";
	cv_api->pool_destroy(&pool);
	if (fault == NULL)
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	return cv_api->error_set_client(err, "Invalid mailbox name: %s",
					fault);
}

const char *maildir_path(struct cv_storage_root *root, struct cv_pool *pool,
			 struct cv_span name)
{
	struct cv_text path;
	struct cv_span rest = name, level;

	if (cv_span_is(name, "INBOX")) {
		if (root->config->inbox[0] != '\0')
			return root->config->inbox;
		if (!root->fs)
			return ".";
	}
	cv_text_init(&path, pool);
	while (cv_span_split(&rest, '/', &level)) {
		if (!root->fs)
			cv_text_append_c(&path, '.');
		else if (path.len > 0)
			cv_text_append_c(&path, '/');
		level_encode(root, &path, level);
	}
	if (root->fs && root->config->dirname[0] != '\0') {
		cv_text_append_c(&path, '/');
		cv_text_append_str(&path, root->config->dirname);
	}
	return cv_text_str(&path);
}

const char *maildir_folder_path(struct cv_storage_root *root,
				struct cv_span name, struct cv_pool *pool)
{
	const char *path = maildir_path(root, pool, name);
	struct cv_text text;

	if (path[0] == '/' || strcmp(path, ".") == 0)
		return path[0] == '/' ? path : root->config->path;
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s/%s", root->config->path, path);
	return cv_text_str(&text);
}

bool maildir_level_decode(struct cv_storage_root *root, struct cv_span level,
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

bool maildir_path_parse(struct cv_storage_root *root, const char *dir,
			struct cv_text *name)
{
	struct cv_span rest = cv_span_of(dir), level;

	if (rest.len < 2 || dir[0] != '.')
		return false;
	rest = cv_span_skip(rest, 1);
	while (cv_span_split(&rest, '.', &level)) {
		if (name->len > 0)
			cv_text_append_c(name, '/');
		if (!maildir_level_decode(root, level, name))
			return false;
	}
	/* ".INBOX" would be a second place for INBOX */
	return !cv_span_is_icase(cv_text_span(name), "INBOX");
}
