/* imapc-plugin.c - storage-imapc: mail that lies on another IMAP server.
 *
 * Trusts neither the server (tokens are bounded, names and UIDs are checked)
 * nor the network.  Runs inside the session, as the user; the session may
 * open connections because of it. */
#include "imapc.h"

struct cv_plugin *imapc_self;
const struct cv_client_api *imapc_client;
const struct cv_stream_api *imapc_streams;

#define TEXT(member, doc) \
	CV_SETTING(imapc_settings, member, CV_SET_STRING, "", NULL, \
		   CV_SET_EXPAND | CV_SET_PER_USER, doc)

static const struct cv_setting_def imapc_setting_defs[] = {
	TEXT(imapc_host, "Server that imapc: means."),
	TEXT(imapc_user, "User there; empty: the same."),
	TEXT(imapc_master_user, "Who logs in for the user."),
	TEXT(imapc_list_prefix, "Only mailboxes below it, without it."),
	CV_SETTING(imapc_settings, imapc_password, CV_SET_STRING, "", NULL,
		   CV_SET_EXPAND | CV_SET_PER_USER | CV_SET_SECRET |
		   CV_SET_SESSION,
		   "Password there."),
	CV_SETTING(imapc_settings, imapc_port, CV_SET_UINT, "0", NULL,
		   CV_SET_PER_USER, "Port; 0: 143, with imaps 993."),
	/* in the order of enum cv_client_tls */
	CV_SETTING(imapc_settings, imapc_ssl, CV_SET_ENUM, "no",
		   "no|imaps|starttls", CV_SET_PER_USER, "TLS there."),
	CV_SETTING(imapc_settings, imapc_ssl_verify, CV_SET_BOOL, "yes",
		   NULL, CV_SET_PER_USER, "Its certificate must be good."),
	CV_SETTING(imapc_settings, imapc_features, CV_SET_LIST, "", NULL,
		   CV_SET_PER_USER, "no-examine: select mailboxes for reading "
		   "too. The other words of Dovecot are accepted; what they "
		   "ask for is always done, or not needed."),
};

const struct imapc_settings *
imapc_settings(const struct cv_storage_config *config)
{
	const struct cv_user_api *users = cv_api->service("user", 1);

	return users == NULL || config->user == NULL ? NULL :
		users->settings(config->user, imapc_self);
}

bool imapc_has_feature(const struct cv_storage_root *root, const char *name)
{
	const struct cv_strings *features = &root->set->imapc_features;

	for (uint32_t i = 0; i < features->count; i++) {
		if (strcasecmp(features->items[i], name) == 0)
			return true;
	}
	return false;
}

/* --- what a server takes care of ----------------------------------------------- */

static bool imapc_keyword_shown(struct cv_storage_folder *folder,
				const char *name)
{
	(void)folder; (void)name;
	return true;
}

static bool imapc_was_lost(struct cv_storage_folder *folder, uint64_t modseq)
{
	(void)folder; (void)modseq;
	return false;
}

static int imapc_recover(struct cv_storage_folder *folder,
			 const struct cv_blob *blob, struct cv_error *err)
{
	(void)folder; (void)blob; (void)err;
	return CV_NOT_FOUND;
}

static int imapc_sync(struct cv_storage_folder *folder, uint64_t modseq,
		      struct cv_error *err)
{
	(void)folder; (void)modseq; (void)err;
	return CV_OK;
}

static void imapc_marks(struct cv_storage_folder *folder,
			struct cv_blob *blobs, uint32_t count)
{
	(void)folder;
	for (uint32_t i = 0; i < count; i++)
		blobs[i].marks = 0;
}

static void imapc_place(struct cv_storage_folder *folder,
			const struct cv_blob *blobs, uint32_t count)
{
	(void)folder; (void)blobs; (void)count;
}

static int imapc_lay_out(struct cv_storage_folder *folder,
			 const struct cv_blob *blob, struct cv_span body,
			 struct cv_error *err)
{
	(void)folder; (void)blob; (void)body; (void)err;
	return CV_OK;
}

static int imapc_sync_hidden(struct cv_storage_folder *folder,
			     struct cv_error *err)
{
	(void)folder; (void)err;
	return CV_OK;
}

static const struct cv_storage imapc_storage = {
	CV_SIZED(cv_storage),
	.name = "imapc",
	.caps = CV_STORAGE_FOREIGN | CV_STORAGE_ORDERED | CV_STORAGE_REMOTE,
	.default_path = "~/imapc",
	.root_open = imapc_root_open,
	.root_close = imapc_root_close,
	.separator = imapc_separator,
	.account_dir = imapc_account_dir,
	.name_check = imapc_name_check,
	.folders_check = imapc_folders_check,
	.folders_scan = imapc_folders_scan,
	.folder_create = imapc_folder_create,
	.folder_remove = imapc_folder_remove,
	.folder_rename = imapc_folder_rename,
	.subscriptions_read = imapc_subscriptions_read,
	.subscriptions_write = imapc_subscriptions_write,
	.folder_open = imapc_folder_open,
	.folder_close = imapc_folder_close,
	.state = imapc_state,
	.state_set = imapc_state_set,
	.check = imapc_check,
	.scan = imapc_scan,
	.look = imapc_look,
	.keyword_shown = imapc_keyword_shown,
	.was_lost = imapc_was_lost,
	.recover = imapc_recover,
	.sync = imapc_sync,
	.takeover = imapc_takeover,
	.get = imapc_get,
	.put_create = imapc_put_create,
	.put_write = imapc_put_write,
	.put_finish = imapc_put_finish,
	.put_abort = imapc_put_abort,
	.marks = imapc_marks,
	.place = imapc_place,
	.lay_out = imapc_lay_out,
	.link = imapc_link,
	.sync_hidden = imapc_sync_hidden,
	.unlink_hidden = imapc_unlink_hidden,
	.set_flags = imapc_set_flags,
	.remove = imapc_remove,
	.send = imapc_send,
	.listen = imapc_listen,
};

static int imapc_init(const struct cv_host *host, struct cv_plugin *self,
		      struct cv_error *err)
{
	cv_api = host;
	imapc_self = self;
	imapc_client = cv_need_service("client", 1, err);
	imapc_streams = imapc_client == NULL ? NULL :
		cv_need_service("stream", 1, err);
	if (imapc_streams == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_storage(self, &imapc_storage, err);
}

/* To find the server, and to know whom to believe. */
static const char *const paths[] = {
	"/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/services", "/etc/ssl", "/usr/share/ca-certificates",
	"/run/systemd/resolve", NULL,
};

CV_PLUGIN_DEFINE("storage-imapc", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Mail on another IMAP server",
	.flags = CV_PLUGIN_CONNECTS,
	.paths = paths,
	.settings = CV_ARRAY(imapc_setting_defs),
	.settings_bytes = sizeof(struct imapc_settings),
	.init = imapc_init);
