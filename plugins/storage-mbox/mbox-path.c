/* mbox-path.c - a folder's name and its place on disk: "a/b" is the file a/b
 * below the root, or with DIRNAME=x the file a/b/x.
 *
 * INVARIANT: different names are different places, and none is outside of
 * the root [security.md B10]. */
#include "mbox.h"

int mbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err)
{
	if (cv_span_is(name, "INBOX"))
		return CV_OK;
	/* the file of INBOX when mail_location names no other */
	if (cv_span_is_icase(name, "inbox"))
		return common_name_refuse(name, "reserved name", err);
	return common_name_check(root->config, &mbox_layout, name, err);
}

const char *mbox_path(struct cv_storage_root *root, struct cv_pool *pool,
		      struct cv_span name)
{
	struct cv_text path;

	if (cv_span_is(name, "INBOX"))
		return root->inbox;
	cv_text_init(&path, pool);
	common_levels_encode(root->config, &mbox_layout, &path, name);
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

static bool ends_with(struct cv_span level, struct cv_span end)
{
	return level.len >= end.len &&
		memcmp(level.data + level.len - end.len, end.data,
		       end.len) == 0;
}

/* Files and folders beside the mboxes, Dovecot's and ours. */
static bool is_reserved(const struct cv_storage_config *config,
			struct cv_span level)
{
	return cv_span_is(level, ".imap") ||
		cv_span_is(level, common_subscriptions_name(config,
							    &mbox_layout)) ||
		/* a lock file is no mailbox, and no mailbox may look like
		 * one; nor what NFS keeps of a removed one */
		ends_with(level, CV_SPAN(".lock")) ||
		ends_with(level, CV_SPAN(".culver-new")) ||
		cv_span_begins(level, CV_SPAN(".temp.")) ||
		cv_span_begins(level, CV_SPAN(".nfs")) ||
		(config->dirname[0] != '\0' &&
		 cv_span_is(level, config->dirname));
}

const struct common_layout mbox_layout = {
	.separator = '/', .is_reserved = is_reserved,
	.subscriptions = ".subscriptions",
};
