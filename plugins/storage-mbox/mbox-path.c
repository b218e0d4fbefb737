/* mbox-path.c - a folder's name and its place on disk: "a/b" is the file a/b
 * below the root, or with DIRNAME=x the file a/b/x.
 *
 * INVARIANT: different names are different places, and none is outside of
 * the root [security.md B10]. */
#include "mbox.h"

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
	/* a lock file is no mailbox, and no mailbox may look like one */
	if (level.data[0] == '.' ||
	    (level.len >= 5 && memcmp(level.data + level.len - 5, ".lock",
				      5) == 0) ||
	    (root->config->dirname[0] != '\0' &&
	     cv_span_is(level, root->config->dirname)))
		return "reserved name";
	return NULL;
}

void mbox_level_encode(struct cv_storage_root *root, struct cv_text *dst,
		       struct cv_span level)
{
	if (root->config->utf8_names)
		cv_text_append_span(dst, level);
	else
		cv_api->utf7_encode(dst, level);
}

bool mbox_level_decode(struct cv_storage_root *root, struct cv_span level,
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

int mbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text path;
	struct cv_span rest = name, level;
	const char *fault = NULL;
	uint32_t levels = 0;

	if (cv_span_is(name, "INBOX"))
		return CV_OK;
	pool = cv_api->pool_create("mbox name");
	cv_text_init(&path, pool);
	while (fault == NULL && cv_span_split(&rest, '/', &level)) {
		size_t before = path.len;

		fault = level_fault(root, level);
		if (fault != NULL)
			break;
		cv_text_append_c(&path, '/');
		mbox_level_encode(root, &path, level);
		if (path.len - before > 240)
			fault = "too long";
		if (++levels > 64)
			fault = "too many levels";
	}
	if (fault == NULL && (levels == 0 || path.len > 2000))
		fault = "too long or empty";
	/* the file of INBOX when mail_location names no other */
	if (fault == NULL && levels == 1 && cv_span_is_icase(name, "inbox"))
		fault = "reserved name";
	cv_api->pool_destroy(&pool);
	if (fault == NULL)
		return CV_OK;
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	return cv_api->error_set_client(err, "Invalid mailbox name: %s",
					fault);
}

const char *mbox_path(struct cv_storage_root *root, struct cv_pool *pool,
		      struct cv_span name)
{
	struct cv_text path;
	struct cv_span rest = name, level;

	if (cv_span_is(name, "INBOX"))
		return root->inbox;
	cv_text_init(&path, pool);
	while (cv_span_split(&rest, '/', &level)) {
		if (path.len > 0)
			cv_text_append_c(&path, '/');
		mbox_level_encode(root, &path, level);
	}
	if (root->config->dirname[0] != '\0') {
		cv_text_append_c(&path, '/');
		cv_text_append_str(&path, root->config->dirname);
	}
	return cv_text_str(&path);
}

const char *mbox_own_name(struct cv_pool *pool, struct cv_span name)
{
	struct mbox_record r = { .instance = 0 };
	struct mbox_hash hash;
	struct cv_text own;
	char ref[MBOX_REF_BYTES + 1];

	mbox_hash_init(&hash);
	mbox_hash_add(&hash, name.data, name.len);
	mbox_hash_end(&hash, r.digest);
	mbox_ref_format(&r, ref);
	cv_text_init(&own, pool);
	/* for people: the hash alone tells them apart */
	for (size_t i = 0; i < name.len && i < 32; i++) {
		char c = name.data[i];
		bool plain = (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		cv_text_append_c(&own, plain ? c : '_');
	}
	cv_text_append_f(&own, "-%.32s", ref);
	return cv_text_str(&own);
}
