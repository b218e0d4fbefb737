/* dbox-plugin.c - mail_location = sdbox:~/sdbox or mdbox:~/mdbox.  Trusts
 * nothing that it finds on disk, least of all another server's indexes: names
 * are checked, links are not followed, work has a budget.  Runs inside the
 * session, as the user. */
#include "dbox.h"
#include "cv-mailbox.h"

struct cv_plugin *dbox_self;

struct dbox_settings {
	uint64_t mdbox_rotate_size, mdbox_rotate_interval;
	bool mdbox_preallocate_space;
	const char *mail_attachment_dir;
};

static const struct cv_setting_def dbox_setting_defs[] = {
	CV_SETTING(dbox_settings, mdbox_rotate_size, CV_SET_SIZE, "10M",
		   "0..4G", CV_SET_PER_USER,
		   "A file of mdbox that has this size gets no more mail; 0: "
		   "each mail has a file of its own."),
	CV_SETTING(dbox_settings, mdbox_rotate_interval, CV_SET_TIME, "0",
		   NULL, CV_SET_PER_USER,
		   "A file of mdbox that is this old gets no more mail; 0: "
		   "age does not matter."),
	CV_SETTING(dbox_settings, mdbox_preallocate_space, CV_SET_BOOL, "no",
		   NULL, CV_SET_PER_USER,
		   "Ask the file system for mdbox_rotate_size bytes when a "
		   "file of mdbox is made."),
	CV_SETTING(dbox_settings, mail_attachment_dir, CV_SET_PATH, "", NULL,
		   CV_SET_PER_USER | CV_SET_EXPAND_PATH | CV_SET_READABLE,
		   "Where Dovecot has put attachments of messages that are "
		   "read in its sdbox and mdbox. New mail keeps its "
		   "attachments."),
};

void dbox_settings(struct cv_storage_root *root)
{
	const struct cv_user_api *users = cv_api->service("user", 1);
	const struct dbox_settings *set = NULL;

	root->attachments = "";
	root->rotate_size = 10 * 1024 * 1024;
	if (users != NULL && CV_HAS(root->config, user) &&
	    root->config->user != NULL)
		set = users->settings(root->config->user, dbox_self);
	else
		set = cv_api->settings(dbox_self);
	if (set == NULL)
		return;
	root->rotate_size = set->mdbox_rotate_size;
	root->rotate_msecs = set->mdbox_rotate_interval;
	root->preallocate = set->mdbox_preallocate_space;
	root->attachments = common_strdup(root->pool,
					  set->mail_attachment_dir);
}

static int dbox_private_flags(const struct cv_storage_config *config,
			      struct cv_span name, struct cv_pool *pool,
			      struct cv_takeover *takeover_r,
			      struct cv_error *err)
{
	return common_private_flags(config, &dbox_layout, "mailboxes/", name,
				    pool, takeover_r, err);
}

#define DBOX_COMMON \
	.root_close = dbox_root_close, \
	.separator = dbox_separator, \
	.account_dir = dbox_account_dir, \
	.name_check = dbox_name_check, \
	.folders_check = dbox_folders_check, \
	.folders_scan = dbox_folders_scan, \
	.folder_create = dbox_folder_create, \
	.folder_remove = dbox_folder_remove, \
	.folder_rename = dbox_folder_rename, \
	.subscriptions_read = dbox_subscriptions_read, \
	.subscriptions_write = dbox_subscriptions_write, \
	.folder_open = dbox_folder_open, \
	.folder_close = dbox_folder_close, \
	.state = dbox_state, \
	.state_set = dbox_state_set, \
	.check = dbox_check, \
	.keyword_shown = dbox_keyword_shown, \
	.was_lost = dbox_was_lost, \
	.put_create = dbox_put_create, \
	.put_write = dbox_put_write, \
	.put_abort = dbox_put_abort, \
	.marks = dbox_marks, \
	.set_flags = dbox_set_flags, \
	.numbers = dbox_numbers, \
	.folder_path = dbox_folder_path, \
	.acl_read = dbox_acl_read, \
	.private_flags = dbox_private_flags

static void dbox_location_check(const struct cv_check *check)
{
	static const char *const layouts[] = { "fs", NULL };
	const char *at = strstr(check->value, ":LAYOUT=");

	if (at != NULL && strncasecmp(at + 8, "index", 5) == 0 &&
	    (at[13] == '\0' || at[13] == ':'))
		check->error(check, "", "LAYOUT=index is not read (hint: "
			     "'doveadm backup -u USER %s:/new/place', while "
			     "Dovecot still runs, makes a tree that is)",
			     check->driver);
	else
		cv_check_layout(check, layouts);
}

static const struct cv_storage sdbox_storage = {
	CV_SIZED(cv_storage),
	.name = "sdbox",
	.detect = dbox_detect_single,
	.root_open = dbox_root_open_single,
	.location_check = dbox_location_check,
	DBOX_COMMON,
	.scan = sdbox_scan,
	.look = sdbox_look,
	.recover = sdbox_recover,
	.sync = sdbox_sync,
	.takeover = sdbox_takeover,
	.get = sdbox_get,
	.put_finish = sdbox_put_finish,
	.place = sdbox_place,
	.lay_out = sdbox_lay_out,
	.link = sdbox_link,
	.sync_hidden = sdbox_sync_hidden,
	.unlink_hidden = sdbox_unlink_hidden,
	.remove = sdbox_remove,
	.clean = sdbox_clean,
	.altmove = sdbox_altmove,
	.facts = sdbox_facts,
	.blob_path = sdbox_path,
	.sync_placed = sdbox_sync_placed,
};

static const struct cv_storage mdbox_storage_driver = {
	CV_SIZED(cv_storage),
	.name = "mdbox",
	.caps = CV_STORAGE_POOLED,
	.detect = dbox_detect_multi,
	.root_open = dbox_root_open_multi,
	.location_check = dbox_location_check,
	DBOX_COMMON,
	.scan = mdbox_scan,
	.look = mdbox_look,
	.recover = mdbox_recover,
	.sync = mdbox_sync,
	.takeover = mdbox_takeover,
	.get = mdbox_get,
	.put_finish = mdbox_put_finish,
	.place = mdbox_place,
	.lay_out = mdbox_lay_out,
	.link = mdbox_link,
	.sync_hidden = mdbox_sync_hidden,
	.unlink_hidden = mdbox_unlink_hidden,
	.remove = mdbox_remove,
	.purge = mdbox_purge,
	.altmove_known = mdbox_altmove,
	.facts = mdbox_facts,
	.same_bytes = mdbox_same_bytes,
	.blob_path = mdbox_path,
};

static int dbox_init(const struct cv_host *host, struct cv_plugin *self,
		     struct cv_error *err)
{
	int ret;

	cv_api = host;
	dbox_self = self;
	/* a tree of mdbox has all that one of sdbox has */
	ret = cv_provide_storage(self, &mdbox_storage_driver, err);
	return ret < 0 ? ret : cv_provide_storage(self, &sdbox_storage, err);
}

CV_PLUGIN_DEFINE("storage-dbox", 0,
	.license = "MIT", .version = "1.0",
	.summary = "sdbox and mdbox trees, Dovecot's too",
	.settings = CV_ARRAY(dbox_setting_defs),
	.settings_bytes = sizeof(struct dbox_settings),
	.init = dbox_init);
