/* adm-account.c - "imapc:" and "pop3c:": the account at another server, from
 * the settings. */
#include "adm-sync.h"

#include "settings/core-settings.h"

struct account_settings {
	const char *imapc_host, *imapc_user, *imapc_password;
	const char *imapc_master_user, *imapc_list_prefix;
	const char *pop3c_host, *pop3c_user, *pop3c_password;
	const char *pop3c_master_user;
	uint32_t imapc_port, imapc_ssl, pop3c_port, pop3c_ssl;
	bool imapc_ssl_verify, pop3c_ssl_verify;
};

#define TEXT(member, doc) \
	CV_SETTING(account_settings, member, CV_SET_STRING, "", NULL, \
		   CV_SET_EXPAND | CV_SET_PER_USER, doc)
#define SECRET(member, doc) \
	CV_SETTING(account_settings, member, CV_SET_STRING, "", NULL, \
		   CV_SET_PER_USER | CV_SET_SECRET, doc)

static const struct cv_setting_def account_setting_defs[] = {
	TEXT(imapc_host, "Server that imapc: means."),
	TEXT(imapc_user, "User there; empty: the same."),
	TEXT(imapc_master_user, "Who logs in for the user."),
	TEXT(imapc_list_prefix, "Only mailboxes below it, without it."),
	SECRET(imapc_password, "Password there."),
	CV_SETTING(account_settings, imapc_port, CV_SET_UINT, "0", NULL,
		   CV_SET_PER_USER, "Port; 0: 143, with imaps 993."),
	CV_SETTING(account_settings, imapc_ssl, CV_SET_ENUM, "no",
		   "no|imaps|starttls", CV_SET_PER_USER, "TLS there."),
	CV_SETTING(account_settings, imapc_ssl_verify, CV_SET_BOOL, "yes",
		   NULL, CV_SET_PER_USER, "Its certificate must be good."),
	TEXT(pop3c_host, "Server that pop3c: means."),
	TEXT(pop3c_user, "User there; empty: the same."),
	TEXT(pop3c_master_user, "Who logs in for the user."),
	SECRET(pop3c_password, "Password there."),
	CV_SETTING(account_settings, pop3c_port, CV_SET_UINT, "0", NULL,
		   CV_SET_PER_USER, "Port; 0: 110, with pop3s 995."),
	CV_SETTING(account_settings, pop3c_ssl, CV_SET_ENUM, "no",
		   "no|pop3s|starttls", CV_SET_PER_USER, "TLS there."),
	CV_SETTING(account_settings, pop3c_ssl_verify, CV_SET_BOOL, "yes",
		   NULL, CV_SET_PER_USER, "Its certificate must be good."),
};
const struct settings_table adm_account_settings_table = SETTINGS_TABLE(
	"accounts elsewhere", NULL, account_settings, account_setting_defs);

static const char *or_user(struct adm_mail *m, const char *name)
{
	return *name == '\0' ? user_name(m->user) : name;
}

static struct sync_account *take(struct adm_mail *m,
				 const struct account_settings *set,
				 const struct ssl_settings *ssl, bool imap)
{
	struct sync_account *a = pool_new(m->pool, struct sync_account);

	*a = (struct sync_account){
		.host = imap ? set->imapc_host : set->pop3c_host,
		.user = or_user(m, imap ? set->imapc_user :
				set->pop3c_user),
		.password = imap ? set->imapc_password :
			set->pop3c_password,
		.master_user = imap ? set->imapc_master_user :
			set->pop3c_master_user,
		.port = imap ? set->imapc_port : set->pop3c_port,
		/* the enum's words are in the order of enum sync_tls */
		.tls = imap ? set->imapc_ssl : set->pop3c_ssl,
		.verify = imap ? set->imapc_ssl_verify :
			set->pop3c_ssl_verify,
		.prefix = set->imapc_list_prefix,
		.ca_file = ssl->ssl_client_ca_file,
		.ca_dir = ssl->ssl_client_ca_dir,
	};
	return a;
}

int adm_sync_open_account(struct adm_mail *m, const char *location,
			  struct sync_side **side_r, struct cv_error *err)
{
	bool imap = strncmp(location, "imapc:", 6) == 0;
	struct account_settings set;
	struct ssl_settings ssl;
	struct sync_account *account;
	int ret = settings_get(user_settings(m->user),
			       &adm_account_settings_table,
			       user_scope(m->user), m->pool, &set, err);

	if (ret == CV_OK)
		ret = settings_get(user_settings(m->user),
				   &ssl_settings_table, user_scope(m->user),
				   m->pool, &ssl, err);
	if (ret < 0)
		return ret;
	account = take(m, &set, &ssl, imap);
	if (*account->host == '\0')
		return FAIL(err, CV_E_CONFIG, "%s: which server? (hint: set "
			    "%s_host)", location, imap ? "imapc" : "pop3c");
	return imap ? sync_imap_open(account, side_r, err) :
		sync_pop3_open(account, side_r, err);
}
