/* lmtp-plugin.c - LMTP [RFC2033]: takes mail from an MTA.
 *
 * Runs as the unprivileged service user: it sees the conversation, not the
 * mailboxes.  Its peer is an MTA on this host or network, and is trusted with
 * envelope addresses, nothing else. */
#include "lmtp.h"

static const struct cv_setting_def lmtp_setting_defs[] = {
	CV_SETTING(lmtp_settings, lmtp_save_to_detail_mailbox, CV_SET_BOOL,
		   "no", NULL, 0, "Deliver user+detail@domain to the mailbox "
		   "named detail."),
	CV_SETTING(lmtp_settings, lmtp_add_received_header, CV_SET_BOOL,
		   "yes", NULL, 0, "Add a Received header field."),
	CV_SETTING(lmtp_settings, lmtp_hdr_delivery_address, CV_SET_ENUM,
		   "final", "none|final|original", 0, "The address in the "
		   "Delivered-To header field: the user it was delivered to, "
		   "the address as the MTA gave it, or no such field."),
	CV_SETTING(lmtp_settings, lmtp_verbose_replies, CV_SET_BOOL, "no",
		   NULL, 0, "Tell the MTA more about what went wrong."),
	CV_SETTING(lmtp_settings, lmtp_client_workarounds, CV_SET_LIST, "",
		   NULL, 0, "whitespace-before-path: accept blanks between "
		   "the colon and the address. mailbox-for-path: accept "
		   "addresses without angle brackets."),
	CV_SETTING(lmtp_settings, lmtp_max_message_size, CV_SET_SIZE, "100M",
		   "1024..4G", 0, "Largest message that is accepted; it is "
		   "announced to the MTA. Keep it above the MTA's own limit."),
	CV_SETTING(lmtp_settings, lmtp_proxy, CV_SET_BOOL, "no", NULL,
		   CV_SET_CONNECTS, "Ask the passdbs where the mail of a "
		   "recipient is, and give the message to the server that "
		   "their fields proxy and host name. Set it for the whole "
		   "service, not for single networks."),
	CV_SETTING(lmtp_settings, lmtp_proxy_data_timeout, CV_SET_TIME,
		   "9 mins", "1s..1h", 0, "How long another server that has "
		   "been given a whole message may take to say that it is "
		   "kept. Stay just below the MTA's own limit (Postfix: "
		   "lmtp_data_done_timeout): what is answered later is sent "
		   "once more, and delivered twice."),
	CV_SETTING_OBSOLETE("lmtp_proxy_rawlog_dir", ""),
	CV_SETTING_OBSOLETE("lmtp_rawlog_dir",
		"what an MTA sends is not recorded"),
	CV_SETTING_OBSOLETE("lmtp_rcpt_check_quota",
		"quota is looked at when the message is there: each recipient "
		"is answered after DATA"),
	CV_SETTING_OBSOLETE("lmtp_user_concurrency_limit", "deliveries to "
			    "one user are made one after the other; "
			    "use the MTA's destination concurrency limit"),
};

struct cv_plugin *lmtp_self;
const struct cv_connection_api *lmtp_conn;
const struct cv_session_api *lmtp_sess;
const struct cv_delivery_api *lmtp_delivery;
const struct cv_client_api *lmtp_client;

static const struct cv_protocol lmtp_protocol = {
	CV_SIZED(cv_protocol), .name = "lmtp",
	.flags = CV_PROTOCOL_NO_LOGIN, .run = lmtp_run,
};

static int lmtp_init(const struct cv_host *host, struct cv_plugin *self,
		     struct cv_error *err)
{
	cv_api = host;
	lmtp_self = self;
	lmtp_conn = host->service("connection", 1);
	lmtp_sess = host->service("session", 1);
	lmtp_delivery = host->service("delivery", 1);
	lmtp_client = host->service("client", 1);
	if (lmtp_conn == NULL || lmtp_sess == NULL || lmtp_delivery == NULL ||
	    lmtp_client == NULL)
		return CV_FAIL(err, CV_E_ABI, "lmtp needs the services "
			       "connection, session, delivery and client");
	return cv_provide_protocol(self, &lmtp_protocol, err);
}

static const char *const lmtp_processes[] = { "lmtp", NULL };
/* With lmtp_proxy: to find other servers, and to know whom to believe. */
static const char *const lmtp_paths[] = {
	"/etc/hosts", "/etc/resolv.conf", "/etc/host.conf", "/etc/gai.conf",
	"/etc/nsswitch.conf", "/etc/services", "/etc/ssl",
	"/usr/share/ca-certificates", "/run/systemd/resolve", NULL,
};
CV_PLUGIN_DEFINE("lmtp", 0, .version = "1.0", .license = "MIT",
	.summary = "takes mail from an MTA (RFC 2033)",
	.processes = lmtp_processes, .paths = lmtp_paths,
	.settings = CV_ARRAY(lmtp_setting_defs),
	.settings_bytes = sizeof(struct lmtp_settings),
	.init = lmtp_init);
