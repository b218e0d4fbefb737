/* mbox-plugin.c - storage-mbox: a folder is one file, which other programs
 * append to and rewrite.
 *
 * Trusts nobody: what is in the files is hostile input, links are not
 * followed.  Runs inside the session, as the user: to lock an INBOX in
 * /var/mail with a lock file it takes mail_privileged_group for a moment. */
#include "mbox.h"

struct cv_plugin *mbox_self;
const struct cv_stream_api *mbox_stream_api;
const struct cv_user_api *mbox_user_api;

static char mbox_separator(struct cv_storage_root *root)
{
	(void)root;
	return '/';
}

static const char *mbox_account_dir(struct cv_storage_root *root)
{
	(void)root;
	return ".imap/culver";
}

static const char *mbox_folder_path(struct cv_storage_root *root,
				    struct cv_span name,
				    struct cv_pool *pool)
{
	const char *path = mbox_path(root, pool, name);
	struct cv_text text;

	if (path[0] == '/')
		return path;
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s/%s", root->config->path, path);
	return cv_text_str(&text);
}

/* All messages of a folder are in one. */
static const char *mbox_path_of(struct cv_storage_folder *folder,
				const struct cv_blob *blob,
				struct cv_pool *pool)
{
	struct cv_text text;

	(void)blob;
	cv_text_init(&text, pool);
	if (folder->path[0] != '/')
		cv_text_append_f(&text, "%s/", folder->root->config->path);
	cv_text_append_str(&text, folder->path);
	return text.data;
}

static void mbox_location_check(const struct cv_check *check)
{
	static const char *const layouts[] = { "fs", NULL };

	cv_check_layout(check, layouts);
}

static int mbox_private_flags(const struct cv_storage_config *config,
			      struct cv_span name, struct cv_pool *pool,
			      struct cv_takeover *takeover_r,
			      struct cv_error *err)
{
	return common_private_flags(config, &mbox_layout, "", name, pool,
				    takeover_r, err);
}

static const struct cv_storage mbox_storage = {
	CV_SIZED(cv_storage),
	.name = "mbox",
	.caps = CV_STORAGE_FOREIGN | CV_STORAGE_ORDERED |
		CV_STORAGE_LEAVES,
	.detect = mbox_detect,
	.root_open = mbox_root_open,
	.location_check = mbox_location_check,
	.root_close = mbox_root_close,
	.separator = mbox_separator,
	.account_dir = mbox_account_dir,
	.name_check = mbox_name_check,
	.folders_check = mbox_folders_check,
	.folders_scan = mbox_folders_scan,
	.folder_create = mbox_folder_create,
	.folder_remove = mbox_folder_remove,
	.folder_rename = mbox_folder_rename,
	.subscriptions_read = mbox_subscriptions_read,
	.subscriptions_write = mbox_subscriptions_write,
	.folder_open = mbox_folder_open,
	.folder_close = mbox_folder_close,
	.state = mbox_state,
	.state_set = mbox_state_set,
	.check = mbox_check,
	.scan = mbox_scan,
	.look = mbox_look,
	.keyword_shown = mbox_keyword_shown,
	.was_lost = mbox_was_lost,
	.recover = mbox_recover,
	.sync = mbox_sync,
	.takeover = mbox_takeover,
	.get = mbox_get,
	.put_create = mbox_put_create,
	.put_write = mbox_put_write,
	.put_finish = mbox_put_finish,
	.put_abort = mbox_put_abort,
	.marks = mbox_marks,
	.place = mbox_place,
	.lay_out = mbox_lay_out,
	.link = mbox_link,
	.sync_hidden = mbox_sync_hidden,
	.unlink_hidden = mbox_unlink_hidden,
	.set_flags = mbox_set_flags,
	.remove = mbox_remove,
	.watch_open = mbox_watch_open,
	.clean = mbox_clean,
	.numbers = mbox_numbers,
	.adopted = mbox_adopted,
	.folder_path = mbox_folder_path,
	.blob_path = mbox_path_of,
	.acl_read = mbox_acl_read,
	.private_flags = mbox_private_flags,
	.guard_begin = mbox_guard_begin,
	.guard_end = mbox_guard_end,
};

static int mbox_init(const struct cv_host *host, struct cv_plugin *self,
		     struct cv_error *err)
{
	cv_api = host;
	mbox_self = self;
	mbox_stream_api = host->service("stream", 1);
	mbox_user_api = host->service("user", 1);
	if (mbox_stream_api == NULL ||
	    !CV_HAS(mbox_stream_api, from_reader))
		return CV_FAIL(err, CV_E_ABI, "this server has no streams "
			       "that plugins read: a newer one is needed");
	return cv_provide_storage(self, &mbox_storage, err);
}

static const char *const default_read[] = { "fcntl" };
static const char *const default_write[] = { "dotlock", "fcntl" };
const struct mbox_settings mbox_defaults = {
	.mbox_read_locks = { default_read, 1 },
	.mbox_write_locks = { default_write, 2 },
	.mbox_lock_timeout = 5 * 60 * 1000,
	.mbox_dotlock_change_timeout = 2 * 60 * 1000,
	.mbox_dirty_syncs = true, .mbox_lazy_writes = true,
};

static const struct cv_setting_def mbox_setting_defs[] = {
	CV_SETTING(mbox_settings, mbox_read_locks, CV_SET_LIST, "fcntl",
		NULL, 0,
		"How an mbox is locked to be read, in this order: fcntl, "
		"flock, dotlock (a file FILE.lock), dotlock_try (dotlock "
		"unless the directory cannot be written). All programs that "
		"touch the file must agree on at least one."),
	CV_SETTING(mbox_settings, mbox_write_locks, CV_SET_LIST,
		"dotlock fcntl", NULL, 0,
		"How an mbox is locked to be written, in this order; see "
		"mbox_read_locks."),
	CV_SETTING(mbox_settings, mbox_lock_timeout, CV_SET_TIME, "5 mins",
		NULL, 0,
		"How long to wait for a lock before the operation fails and "
		"is to be tried again."),
	CV_SETTING(mbox_settings, mbox_dotlock_change_timeout, CV_SET_TIME,
		"2 mins", NULL, 0,
		"A lock file is removed when neither it nor the mbox has "
		"changed for so long: whoever made it has died."),
	CV_SETTING(mbox_settings, mbox_dirty_syncs, CV_SET_BOOL, "yes", NULL,
		0,
		"When an mbox has grown since it was last looked at, only "
		"its new end is read until the folder is selected again."),
	CV_SETTING(mbox_settings, mbox_very_dirty_syncs, CV_SET_BOOL, "no",
		NULL, 0,
		"Only the new end is read even when the folder is selected. "
		"Flags that other programs have changed are seen later."),
	CV_SETTING(mbox_settings, mbox_lazy_writes, CV_SET_BOOL, "yes", NULL,
		0,
		"Flags are written into the mbox when the folder is closed "
		"or messages are removed. They are durable at once in any "
		"case; only other programs see them later."),
	CV_SETTING_OBSOLETE("mbox_min_index_size",
		"it has no effect: an account always has its journal"),
	CV_SETTING_OBSOLETE("mbox_md5",
		"it has no effect: messages are known by all of their "
		"bytes"),
};

CV_PLUGIN_DEFINE("storage-mbox", 0,
	.license = "MIT", .version = "1.0",
	.summary = "mbox files, shared with delivery agents and mail readers",
	.settings = CV_ARRAY(mbox_setting_defs),
	.settings_bytes = sizeof(struct mbox_settings),
	.init = mbox_init);
