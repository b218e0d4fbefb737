/* maildir-plugin.c - storage-maildir: messages as files that every other
 * mail program can read.
 *
 * Trusts nobody: names of files are parsed as hostile input, links are not
 * followed.  Runs inside the session, as the user. */
#include "maildir.h"
#include "cv-mailbox.h"

struct cv_plugin *maildir_self;

static const struct cv_setting_def maildir_setting_defs[] = {
	CV_SETTING(maildir_settings, maildir_copy_with_hardlinks,
		   CV_SET_BOOL, "yes", NULL, CV_SET_PER_USER,
		   "Copy a message within a Maildir as a hard link."),
	CV_SETTING(maildir_settings, maildir_very_dirty_syncs, CV_SET_BOOL,
		   "no", NULL, CV_SET_PER_USER,
		   "Read cur/ only when its time of change says that another "
		   "program was there; a change within the same clock tick as "
		   "one of ours is then found later."),
	CV_SETTING(maildir_settings, maildir_broken_filename_sizes,
		   CV_SET_BOOL, "no", NULL, CV_SET_PER_USER,
		   "Read messages whose files have another size than they had "
		   "when they came, or than S= in their names says, as they "
		   "are now."),
};

/* Without a registry of settings (tools that link the driver in). */
static const struct maildir_settings maildir_defaults = {
	.maildir_copy_with_hardlinks = true,
};

const struct maildir_settings *
maildir_settings(const struct cv_storage_config *config)
{
	const struct cv_user_api *users = cv_api->service("user", 1);
	const struct maildir_settings *set = NULL;

	if (maildir_self == NULL)
		return &maildir_defaults;
	if (users != NULL && CV_HAS(config, user) && config->user != NULL)
		set = users->settings(config->user, maildir_self);
	else
		set = cv_api->settings(maildir_self);
	return set == NULL ? &maildir_defaults : set;
}

static void maildir_location_check(const struct cv_check *check)
{
	static const char *const layouts[] = { "maildir++", "fs", NULL };

	cv_check_layout(check, layouts);
}

static int maildir_private_flags(const struct cv_storage_config *config,
				 struct cv_span name, struct cv_pool *pool,
				 struct cv_takeover *takeover_r,
				 struct cv_error *err)
{
	return common_private_flags(config, strcmp(config->layout, "fs") == 0 ?
				    &maildir_fs_layout : &maildir_plus_layout,
				    "", name, pool, takeover_r, err);
}

static const struct cv_storage maildir_storage = {
	CV_SIZED(cv_storage),
	.name = "maildir",
	.caps = CV_STORAGE_FOREIGN | CV_STORAGE_DOTS,
	.detect = maildir_detect,
	.root_open = maildir_root_open,
	.location_check = maildir_location_check,
	.root_close = maildir_root_close,
	.separator = maildir_separator,
	.account_dir = maildir_account_dir,
	.name_check = maildir_name_check,
	.folders_check = maildir_folders_check,
	.folders_scan = maildir_folders_scan,
	.folder_create = maildir_folder_create,
	.folder_remove = maildir_folder_remove,
	.folder_rename = maildir_folder_rename,
	.subscriptions_read = maildir_subscriptions_read,
	.subscriptions_write = maildir_subscriptions_write,
	.folder_open = maildir_folder_open,
	.folder_close = maildir_folder_close,
	.state = maildir_state,
	.state_set = maildir_state_set,
	.check = maildir_check,
	.scan = maildir_scan,
	.look = maildir_look,
	.keyword_shown = maildir_keyword_shown,
	.was_lost = maildir_was_lost,
	.recover = maildir_recover,
	.sync = maildir_sync,
	.takeover = maildir_takeover,
	.get = maildir_get,
	.put_create = maildir_put_create,
	.put_write = maildir_put_write,
	.put_finish = maildir_put_finish,
	.put_abort = maildir_put_abort,
	.marks = maildir_marks,
	.place = maildir_place,
	.lay_out = maildir_lay_out,
	.link = maildir_link,
	.sync_hidden = maildir_sync_hidden,
	.unlink_hidden = maildir_unlink_hidden,
	.set_flags = maildir_set_flags,
	.remove = maildir_remove,
	.watch_open = maildir_watch_open,
	.clean = maildir_clean,
	.numbers = maildir_numbers,
	.folder_path = maildir_folder_path,
	.uids_add = maildir_uids_add,
	.uids_write = maildir_uids_write,
	.acl_read = maildir_acl_read,
	.shown = maildir_shown,
	.settle = maildir_settle,
	.private_flags = maildir_private_flags,
	.facts = maildir_facts,
	.blob_path = maildir_path_of,
	.hidden = maildir_hidden,
	.sync_placed = maildir_sync_placed,
};

static int maildir_init(const struct cv_host *host, struct cv_plugin *self,
			struct cv_error *err)
{
	cv_api = host;
	maildir_self = self;
	return cv_provide_storage(self, &maildir_storage, err);
}

CV_PLUGIN_DEFINE("storage-maildir", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Maildir++ and fs trees of message files",
	.settings = CV_ARRAY(maildir_setting_defs),
	.settings_bytes = sizeof(struct maildir_settings),
	.init = maildir_init);
