/* imap.c - the descriptor of the plugin: services, settings, the protocol. */
#include "imap.h"
#include "imap-check.h"
#include "imap-extend.h"
#include "imap-language.h"
#include "imap-preauth.h"
#include "imap-proxy.h"
#include "imap-session.h"

struct cv_plugin *imap_self;
const struct cv_preauth_api *imap_preauth_api;
const struct cv_session_api *imap_session_api;
const struct cv_connection_api *imap_connection_api;
const struct cv_user_api *imap_user_api;
const struct cv_mailbox_api *imap_mailbox_api;
const struct cv_stream_api *imap_stream_api;
const struct cv_convert_api *imap_convert_api;
const struct cv_client_api *imap_client_api;

static const struct cv_protocol imap_protocol = {
	CV_SIZED(cv_protocol), .name = "imap",
	.preauth_line_max = IMAP_PREAUTH_WINDOW,
	.connected = imap_preauth_connected,
	.input = imap_preauth_input,
	.auth_challenge = imap_preauth_challenge,
	.auth_done = imap_preauth_done,
	.tls_started = imap_preauth_tls_started,
	.closing = imap_preauth_closing,
	.run = imap_session_run,
	.resumed = imap_preauth_resumed,
};

static const struct cv_service imap_service = {
	CV_SIZED(cv_service), .name = "imap", .major = CV_IMAP_MAJOR,
	.table = &imap_extend_api, .check = imap_extend_check,
};

static int imap_init(const struct cv_host *host, struct cv_plugin *self,
		     struct cv_error *err)
{
	struct cv_protocol table = imap_protocol;
	int code;

	cv_api = host;
	imap_self = self;
	imap_preauth_api = host->service("preauth", 1);
	imap_session_api = host->service("session", 1);
	imap_connection_api = host->service("connection", 1);
	imap_user_api = host->service("user", 1);
	imap_mailbox_api = host->service("mailbox", 1);
	imap_stream_api = host->service("stream", 1);
	imap_convert_api = host->service("convert", 1);
	imap_client_api = host->service("client", 1);
	table.proxy = &imap_proxy_protocol;
	table.preauth_bytes = imap_preauth_bytes;
	code = cv_provide_protocol(self, &table, err);
	return code < 0 ? code : cv_provide_service(self, &imap_service, err);
}

#define IMAP_SETTING(member, type, def, allowed, flags, doc) \
	CV_SETTING(imap_settings, member, type, def, allowed, flags, doc)

static const struct cv_setting_def imap_setting_defs[] = {
	IMAP_SETTING(imap_annotate_max_entries, CV_SET_UINT, "100", "1..100",
		CV_SET_PER_USER,
		"How many annotations a message may have that are shared, and "
		"how many that are the user's own; more are refused with "
		"TOOMANY.  Those that are there stay."),
	IMAP_SETTING(imap_annotate_max_size, CV_SET_SIZE, "64k", "1024..64k",
		CV_SET_PER_USER,
		"How large the value of an annotation of a message may be; "
		"larger ones are refused with TOOBIG.  No more than half of "
		"imap_max_line_length either way."),
	IMAP_SETTING(imap_capability, CV_SET_STRING, "", "+WORD|-WORD", 0,
		"The CAPABILITY string.  Empty: what this server can do.  "
		"Beginning with \"+\" or \"-\": words to add to that, and, with "
		"\"-\" before each, to leave out; \"-THREAD=\" leaves out all "
		"that begin so.  Anything else replaces it.  \"imap_capability "
		"{ X = yes }\" is the same as \"imap_capability = "
		"$imap_capability +X\", and no the same as \"-X\"."),
	IMAP_SETTING(imap_client_workarounds, CV_SET_LIST, "", NULL,
		CV_SET_PER_USER,
		"Departures for clients with faults, separated by blanks.  "
		"delay-newmail: new mail is announced in answers to NOOP, "
		"CHECK and IDLE only.  tb-extra-mailbox-sep: a trailing "
		"hierarchy separator of a mailbox name is ignored.  "
		"tb-lsub-flags: LSUB returns the flags of LIST.  "
		"append-8bit-headers: APPEND takes headers with 8-bit bytes "
		"from clients that have not enabled UTF8=ACCEPT, too."),
	IMAP_SETTING(imap_compress_deflate_level, CV_SET_UINT, "6", "1..9",
		CV_SET_PER_USER,
		"How hard answers are compressed after COMPRESS: 1 is "
		"fastest, 9 smallest."),
	IMAP_SETTING(imap_convert_default, CV_SET_LIST, "text/plain", NULL,
		CV_SET_PER_USER,
		"Types that CONVERT makes of a part when the client leaves the "
		"choice to the server: the first of them that the part can "
		"become."),
	IMAP_SETTING(imap_convert_max_messages, CV_SET_UINT, "100", "1..",
		CV_SET_PER_USER,
		"How many messages one CONVERT works on; more are refused with "
		"MAXCONVERTMESSAGES."),
	IMAP_SETTING(imap_convert_max_parts, CV_SET_UINT, "10", "1..",
		CV_SET_PER_USER,
		"How many parts of a message one CONVERT works on; more are "
		"refused with MAXCONVERTPARTS."),
	IMAP_SETTING(imap_convert_max_size, CV_SET_SIZE, "8M", "0..256M",
		CV_SET_PER_USER,
		"How large the result of one conversion may be; it is kept in "
		"memory, and so is the one before it.  0: CONVERT is not "
		"offered."),
	IMAP_SETTING(imap_fetch_failure, CV_SET_ENUM,
		"disconnect-immediately",
		"disconnect-immediately|disconnect-after|no-after",
		CV_SET_PER_USER,
		"What happens when FETCH cannot read a message: close the "
		"connection at once, after the other messages were sent, or "
		"answer NO after them."),
	IMAP_SETTING(imap_hibernate_timeout, CV_SET_TIME, "30s", NULL,
		CV_SET_PER_USER,
		"A session that is silent, or in IDLE without news, for so "
		"long gives its connection to the service idle, where it "
		"costs some hundred bytes instead of a process; it comes "
		"back with the next command or the next message.  0: "
		"never."),
	IMAP_SETTING(imap_id_log, CV_SET_LIST, "", NULL, 0,
		"Fields of the client's ID command that are logged; * for "
		"all of them."),
	IMAP_SETTING(imap_id_send, CV_SET_LIST, "name *", NULL, 0,
		"Answer to the ID command: names and values in turn.  The "
		"value * stands for what the server knows about itself, its "
		"name and its version.  Empty: NIL."),
	IMAP_SETTING(imap_idle_notify_interval, CV_SET_TIME, "2 mins",
		NULL, CV_SET_PER_USER,
		"How often a client in IDLE is told \"* OK Still here\", so "
		"that address translators keep the connection; at least 1s.  "
		"0: never."),
	IMAP_SETTING(imap_language, CV_SET_ENUM, "en", IMAP_LANGUAGE_NAMES, 0,
		"The language that a client gets who asks for the default one "
		"(LANGUAGE \"default\").  Who does not ask is spoken to in "
		"i-default, which is English."),
	IMAP_SETTING(imap_literal_minus, CV_SET_BOOL, "no", NULL, 0,
		"Offer LITERAL- instead of LITERAL+: literals sent without "
		"waiting have at most 4096 bytes."),
	IMAP_SETTING(imap_logout_format, CV_SET_STRING,
		"in=%i out=%o deleted=%{deleted} expunged=%{expunged} "
		"trashed=%{trashed} hdr_count=%{fetch_hdr_count} "
		"hdr_bytes=%{fetch_hdr_bytes} body_count=%{fetch_body_count} "
		"body_bytes=%{fetch_body_bytes}", NULL, CV_SET_PER_USER,
		"What the log line at the end of a session says.  %i: bytes "
		"read, %o: bytes written; %{appended}, %{autoexpunged}, "
		"%{deleted}, %{expunged}, %{trashed}, %{fetch_hdr_count}, "
		"%{fetch_hdr_bytes}, %{fetch_body_count}, "
		"%{fetch_body_bytes}: messages and bytes."),
	IMAP_SETTING(imap_max_append_size, CV_SET_SIZE, "1G", NULL,
		CV_SET_PER_USER,
		"Largest message that APPEND takes; a larger one is refused "
		"before it is sent.  0: no limit but the storage's."),
	IMAP_SETTING(imap_max_line_length, CV_SET_SIZE, "64k",
		"1k..1G", CV_SET_PER_USER,
		"Longest command, and the sum of its literals (APPEND's "
		"message not counted).  Clients with very large mailboxes "
		"may need more."),
	IMAP_SETTING(imap_message_limit, CV_SET_UINT, "0", NULL,
		CV_SET_PER_USER,
		"How many messages one FETCH, STORE, SEARCH, MOVE, UID EXPUNGE, "
		"COPY or APPEND works on; clients are told to go on from there "
		"(MESSAGELIMIT), and those that do not know of it see less than "
		"there is.  At least 1000 is sensible.  0: no limit."),
	IMAP_SETTING(imap_save_limit, CV_SET_UINT, "0", NULL,
		CV_SET_PER_USER,
		"The same for COPY and APPEND alone (SAVELIMIT), where "
		"imap_message_limit is 0."),
	IMAP_SETTING(imap_unauthenticate, CV_SET_BOOL, "yes", NULL,
		CV_SET_PER_USER,
		"Offer UNAUTHENTICATE: a client may log in as another user "
		"over the same connection.  Say no behind a proxy that only "
		"looks at the first login."),
	CV_SETTING_OBSOLETE("imap_id_retain",
		"the ID of a client is always kept for the log"),
	CV_SETTING_OBSOLETE("imap_metadata", "METADATA is always offered"),
	CV_SETTING_OBSOLETE("imap_urlauth_logout_format", ""),
};

static const char *const imap_processes[] = { "imap-login", "imap", NULL };

CV_PLUGIN_DEFINE("imap", 0, .version = "0.1.0", .license = "MIT",
	.summary = "IMAP4rev1 and IMAP4rev2 server",
	.processes = imap_processes,
	.settings = CV_ARRAY(imap_setting_defs),
	.settings_bytes = sizeof(struct imap_settings),
	.check = imap_check,
	.init = imap_init,
);
