/* core-settings-mail.c - what core may be told about
 * users and their mail.
 *
 * Each row is the declaration, the default, the check and the manual of one
 * setting. */
#include "core-settings.h"

static const struct cv_setting_def auth_setting_defs[] = {
	CV_SETTING(auth_settings, auth_mechanisms, CV_SET_LIST,
		"plain", NULL, CV_SET_RELOADABLE,
		"SASL mechanisms to offer."),
	CV_SETTING(auth_settings, auth_realms, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Realms for mechanisms that have them."),
	CV_SETTING(auth_settings, auth_default_realm, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Added to a user name without a domain."),
	CV_SETTING(auth_settings, auth_cache_size, CV_SET_SIZE,
		"0", NULL, CV_SET_RELOADABLE,
		"Memory for the cache of lookups; 0: none."),
	CV_SETTING(auth_settings, auth_cache_ttl, CV_SET_TIME,
		"1 hours", NULL, CV_SET_RELOADABLE,
		"Time a lookup stays in the cache."),
	CV_SETTING(auth_settings, auth_cache_negative_ttl, CV_SET_TIME,
		"1 hours", NULL, CV_SET_RELOADABLE,
		"Time an unknown user stays in the cache; 0: not at "
		"all."),
	CV_SETTING(auth_settings, auth_cache_verify_password_with_worker,
		CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Verify cached password hashes in the auth-workers."),
	CV_SETTING(auth_settings, auth_username_chars, CV_SET_STRING,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01"
		"234567890.-_@", NULL, CV_SET_RELOADABLE,
		"Bytes a user name may hold; empty: all."),
	CV_SETTING(auth_settings, auth_username_translation, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Pairs of from and to: \"#@/@\" turns # and / into @."),
	CV_SETTING(auth_settings, auth_username_format, CV_SET_STRING,
		"%Lu", NULL, CV_SET_RELOADABLE,
		"How the user name is put together before lookups."),
	CV_SETTING(auth_settings, auth_master_user_separator, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Between user and master user in a login name, e.g. *."),
	CV_SETTING(auth_settings, auth_anonymous_username, CV_SET_STRING,
		"anonymous", NULL, CV_SET_RELOADABLE,
		"User for the ANONYMOUS mechanism."),
	CV_SETTING(auth_settings, auth_worker_max_count, CV_SET_UINT,
		"30", "1..100000", CV_SET_RELOADABLE,
		"auth-worker processes at most."),
	CV_SETTING(auth_settings, auth_allow_weak_schemes, CV_SET_ENUM,
		"report", "report|yes|no", CV_SET_RELOADABLE,
		"Passwords whose stored form is easily guessed (MD5, SHA1, "
		"DES and others of \"culveradm pw -l\"): each scheme of a "
		"passdb is reported once, let in without a word, or refused. "
		"What mechanisms need stored (PLAIN, CRAM-MD5, DIGEST-MD5, "
		"OTP) does not count."),
	CV_SETTING(auth_settings, auth_verbose, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Log failed authentications and their reasons."),
	CV_SETTING(auth_settings, auth_verbose_passwords, CV_SET_STRING,
		"no", NULL, CV_SET_RELOADABLE,
		"Log wrong passwords: no, plain, sha1, or with a "
		"length as in sha1:6."),
	CV_SETTING(auth_settings, auth_debug, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Log what happens in each authentication."),
	CV_SETTING(auth_settings, auth_debug_passwords, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Passwords are not left out of debug lines."),
	CV_SETTING(auth_settings, auth_failure_delay, CV_SET_TIME,
		"2 secs", NULL, CV_SET_RELOADABLE,
		"Wait before a failure is told."),
	CV_SETTING(auth_settings, auth_socket_path, CV_SET_STRING,
		"auth-userdb", NULL, CV_SET_ADVANCED,
		"Socket for userdb lookups, in base_dir."),
	CV_SETTING(auth_settings, auth_krb5_keytab, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Key table for GSSAPI; empty: the system's."),
	CV_SETTING(auth_settings, auth_gssapi_hostname, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Name of this host in GSSAPI; empty: as hostname; "
		"$ALL: any in the key table."),
	CV_SETTING(auth_settings, auth_ssl_require_client_cert, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Logins need a valid client certificate."),
	CV_SETTING(auth_settings, auth_ssl_username_from_cert, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"The user name is taken from the client certificate."),
	CV_SETTING(auth_settings, auth_proxy_self, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Addresses of this server besides the one that a client has "
		"connected to: proxy_maybe keeps users of these hosts "
		"here."),
	CV_SETTING(auth_settings, auth_resolve_hosts, CV_SET_BOOL,
		"no", NULL, 0,
		"Let workers of auth ask the name service where the host of "
		"proxy_maybe is; they may use the network then."),
	CV_SETTING(auth_settings, auth_policy_server_url, CV_SET_STRING,
		"", NULL, 0,
		"Asked about each login: a server of weakforced's protocol "
		"(plugin auth-policy). \"command=allow\" or "
		"\"command=report\" is added. Empty: none."),
	CV_SETTING(auth_settings, auth_policy_server_api_header,
		CV_SET_STRING, "", NULL, CV_SET_SECRET,
		"A header for each request: \"Authorization: Basic ...\"."),
	CV_SETTING(auth_settings, auth_policy_server_timeout_msecs,
		CV_SET_UINT, "2000", "1..60000", 0,
		"An answer that takes longer is none."),
	CV_SETTING(auth_settings, auth_policy_hash_mech, CV_SET_STRING,
		"sha256", NULL, 0,
		"Digest over nonce, user name, a NUL and the password."),
	CV_SETTING(auth_settings, auth_policy_hash_nonce, CV_SET_STRING,
		"", NULL, CV_SET_SECRET,
		"A secret of this site; all servers that report to one policy "
		"server have the same."),
	CV_SETTING(auth_settings, auth_policy_hash_truncate, CV_SET_UINT,
		"12", "0..512", 0,
		"Bits of the digest that are told, few enough to give no "
		"password away; 0: all of them."),
	CV_SETTING(auth_settings, auth_policy_request_attributes,
		CV_SET_STRING,
		"login=%{requested_username} pwhash=%{hashed_password} "
		"remote=%{rip} device_id=%{client_id} protocol=%s "
		"session_id=%{session}", NULL, 0,
		"What is told, as name=value; a name with a slash is in an "
		"object of its own."),
	CV_SETTING(auth_settings, auth_policy_reject_on_fail, CV_SET_BOOL,
		"no", NULL, 0,
		"Nobody logs in while the policy server gives no answer."),
	CV_SETTING(auth_settings, auth_policy_check_before_auth, CV_SET_BOOL,
		"yes", NULL, 0,
		"Ask before the password is looked at."),
	CV_SETTING(auth_settings, auth_policy_check_after_auth, CV_SET_BOOL,
		"yes", NULL, 0,
		"Ask when the password was right."),
	CV_SETTING(auth_settings, auth_policy_report_after_auth, CV_SET_BOOL,
		"yes", NULL, 0,
		"Tell the policy server how it went."),
	CV_SETTING(auth_settings, auth_policy_log_only, CV_SET_BOOL,
		"no", NULL, 0,
		"What the policy server wants is logged, not done."),
};
const struct settings_table auth_settings_table = SETTINGS_TABLE(
	"auth", NULL,
	auth_settings, auth_setting_defs);

static const struct cv_setting_def mail_setting_defs[] = {
	CV_SETTING(mail_settings, mail_location, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND_PATH | CV_SET_PER_USER,
		"Where the mail is: maildir:~/Maildir; empty: look for "
		"it."),
	CV_SETTING(mail_settings, mail_home, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND_PATH | CV_SET_PER_USER,
		"Home directory of users whose userdb gives none."),
	CV_SETTING(mail_settings, mail_uid, CV_SET_STRING,
		"", NULL, CV_SET_PER_USER,
		"User (name or number) of the mail when the userdb "
		"gives none."),
	CV_SETTING(mail_settings, mail_gid, CV_SET_STRING,
		"", NULL, CV_SET_PER_USER,
		"Group (name or number) of the mail when the userdb "
		"gives none."),
	CV_SETTING(mail_settings, mail_privileged_group, CV_SET_STRING,
		"", NULL, 0,
		"Group that sessions take for the moment in which they make "
		"or remove a lock file, or the INBOX itself, in a spool "
		"that only this group can write (/var/mail of group mail). "
		"One group for all users."),
	CV_SETTING(mail_settings, mail_access_groups, CV_SET_LIST,
		"", NULL, CV_SET_PER_USER,
		"Further groups of the sessions."),
	CV_SETTING(mail_settings, acl_groups, CV_SET_LIST,
		"", NULL, CV_SET_PER_USER,
		"Groups that the user is in, for lists of rights "
		"(group=NAME)."),
	CV_SETTING(mail_settings, acl, CV_SET_STRING,
		"", NULL, CV_SET_PLUGIN_BLOCK | CV_SET_EXPAND,
		"vfile:PATH: a file of lists of rights, each line with a "
		"pattern of mailbox names before it, or a directory with a "
		"list for each mailbox. They count over the lists of "
		"users, where mail_plugins has acl."),
	CV_SETTING(mail_settings, acl_shared_dict, CV_SET_STRING,
		"", NULL, CV_SET_PLUGIN_BLOCK | CV_SET_EXPAND,
		"file:PATH: where it is kept who has shared mail with whom, "
		"so that LIST shows it before it was asked for by name."),
	CV_SETTING(mail_settings, fts_enforced, CV_SET_ENUM, "no",
		"no|yes|body", CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"What a search does when full-text search fails: no: looks "
		"through the messages; yes: fails; body: fails if it is for "
		"text in messages, not for header fields alone."),
	CV_SETTING(mail_settings, fts_search_timeout, CV_SET_TIME, "30s",
		"1ms..", CV_SET_PLUGIN_BLOCK | CV_SET_PER_USER,
		"For how long full-text search may take to answer; a session "
		"that had to wait longer goes on without it.  One in which it "
		"does not come back for twice as long, and at least for five "
		"seconds more, ends."),
	CV_SETTING(mail_settings, mail_chroot, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND_PATH | CV_SET_PER_USER,
		"Root directory of the sessions."),
	CV_SETTING(mail_settings, valid_chroot_dirs, CV_SET_STRING,
		"", NULL, 0,
		"Directories, separated by colons, below which users "
		"may be chrooted."),
	CV_SETTING(mail_settings, first_valid_uid, CV_SET_UINT,
		"500", "0..4294967294", 0,
		"Lowest uid that may log in."),
	CV_SETTING(mail_settings, last_valid_uid, CV_SET_UINT,
		"0", "0..4294967294", 0,
		"Highest uid that may log in; 0: no limit."),
	CV_SETTING(mail_settings, first_valid_gid, CV_SET_UINT,
		"1", "0..4294967294", 0,
		"Lowest primary gid that may log in."),
	CV_SETTING(mail_settings, last_valid_gid, CV_SET_UINT,
		"0", "0..4294967294", 0,
		"Highest primary gid that may log in; 0: no limit."),
	CV_SETTING(mail_settings, mail_full_filesystem_access, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Mailbox names may name any file the user can reach."),
	CV_SETTING(mail_settings, mail_fsync, CV_SET_ENUM,
		"always", "optimized|always|never", CV_SET_PER_USER,
		"What is on disk before OK: optimized syncs where mail "
		"could be lost, always also flag changes, never leaves "
		"it to the system."),
	CV_SETTING(mail_settings, mail_journal_body_max, CV_SET_SIZE,
		"64 k", "0..1048576", CV_SET_PER_USER,
		"Messages up to this size travel in the account's "
		"journal, so that one sync makes a delivery durable. 0: "
		"none does."),
	CV_SETTING(mail_settings, mail_max_keyword_length, CV_SET_UINT,
		"50", "1..1024", CV_SET_PER_USER,
		"Longest keyword (flag name)."),
	CV_SETTING(mail_settings, mail_max_lock_timeout, CV_SET_TIME,
		"0", NULL, CV_SET_PER_USER | CV_SET_ADVANCED,
		"Longest wait for a lock; 0: no further limit."),
	CV_SETTING(mail_settings, mailbox_idle_check_interval, CV_SET_TIME,
		"30 secs", "1 secs..", CV_SET_PER_USER,
		"How often a mailbox is looked at while a client waits "
		"and the system tells nothing."),
	CV_SETTING(mail_settings, mail_save_crlf, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Save mail with CRLF line ends."),
	CV_SETTING(mail_settings, mail_shared_explicit_inbox, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"The INBOX of a shared user is listed as "
		"prefix/user/INBOX."),
	CV_SETTING(mail_settings, mail_nfs_storage, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"The mail is on NFS and written by more than one host."),
	CV_SETTING(mail_settings, mail_nfs_index, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"The journal is on NFS and written by more than one "
		"host."),
	CV_SETTING(mail_settings, mmap_disable, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Do not map files into memory (shared file systems)."),
	CV_SETTING(mail_settings, lock_method, CV_SET_ENUM,
		"fcntl", "fcntl|flock|dotlock",
		CV_SET_PER_USER | CV_SET_ADVANCED,
		"Kind of lock; Culver takes OFD locks for fcntl and "
		"flock."),
	CV_SETTING(mail_settings, mail_temp_dir, CV_SET_PATH,
		"/tmp", NULL, CV_SET_PER_USER,
		"Directory for temporary files."),
	CV_SETTING(mail_settings, mail_server_admin, CV_SET_STRING,
		"", NULL, 0,
		"A URI (mailto:, tel:) of the administrator, which "
		"clients find as the server's annotation /shared/admin."),
	CV_SETTING(mail_settings, mail_server_comment, CV_SET_STRING,
		"", NULL, 0,
		"What clients find as the server's annotation "
		"/shared/comment; empty: what a user has put there."),
	CV_SETTING(mail_settings, mail_attribute_dict, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND | CV_SET_PER_USER,
		"Where Dovecot kept annotations of mailboxes, file:/path: "
		"they are taken over with a mailbox of its tree.  They "
		"are in the account afterwards, and nothing is written "
		"there."),
};
const struct settings_table mail_settings_table = SETTINGS_TABLE(
	"mail", NULL,
	mail_settings, mail_setting_defs);

static const struct cv_setting_def urlauth_setting_defs[] = {
	CV_SETTING(urlauth_settings, imap_urlauth_host, CV_SET_STRING,
		"", NULL, 0,
		"What this server is called in the URLs with which users let "
		"others read a message (URLAUTH). \"*\": by any name. Empty: "
		"there are no such URLs. The same for all users."),
	CV_SETTING(urlauth_settings, imap_urlauth_port, CV_SET_UINT,
		"143", "1..65535", 0,
		"The port in such URLs; one without a port means 143."),
	CV_SETTING(urlauth_settings, imap_urlauth_submit_user, CV_SET_LIST,
		"", NULL, 0,
		"Users as which submission servers log in to fetch what mail "
		"is to be made of (BURL): they alone may use URLs for "
		"\"submit+user\", and have checked who that is."),
};
const struct settings_table urlauth_settings_table = SETTINGS_TABLE(
	"urlauth", NULL,
	urlauth_settings, urlauth_setting_defs);

static const struct cv_setting_def delivery_setting_defs[] = {
	CV_SETTING(delivery_settings, postmaster_address, CV_SET_STRING,
		"postmaster@%{if;%d;ne;;%d;%{hostname}}", NULL,
		CV_SET_EXPAND | CV_SET_PER_USER,
		"Sender of what the server itself writes."),
	CV_SETTING(delivery_settings, recipient_delimiter, CV_SET_STRING,
		"+", NULL, CV_SET_PER_USER,
		"Characters between the user and the detail of an "
		"address."),
	CV_SETTING(delivery_settings, quota_full_tempfail, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"A full mailbox is a temporary failure."),
	CV_SETTING(delivery_settings, rejection_subject, CV_SET_STRING,
		"Rejected: %s", NULL, CV_SET_PER_USER,
		"Subject of a rejection."),
	CV_SETTING(delivery_settings, rejection_reason, CV_SET_STRING,
		"Your message to <%t> was automatically rejected:%n%r", NULL,
		CV_SET_PER_USER,
		"Text of a rejection."),
	CV_SETTING(delivery_settings, deliver_log_format, CV_SET_STRING,
		"msgid=%m: %$", NULL, CV_SET_PER_USER,
		"Log line of a delivery."),
	CV_SETTING(delivery_settings, lda_original_recipient_header,
		CV_SET_STRING,
		"", NULL, CV_SET_PER_USER,
		"Header with the original recipient."),
	CV_SETTING(delivery_settings, lda_mailbox_autocreate, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Delivery creates missing mailboxes."),
	CV_SETTING(delivery_settings, lda_mailbox_autosubscribe, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"A mailbox created by delivery is subscribed."),
	CV_SETTING(delivery_settings, sendmail_path, CV_SET_PATH,
		"/usr/sbin/sendmail", NULL, 0,
		"Program that sends mail."),
	CV_SETTING(delivery_settings, submission_host, CV_SET_STRING,
		"", NULL, 0,
		"SMTP server (host:port) that sends mail, instead of "
		"sendmail_path."),
};
const struct settings_table delivery_settings_table = SETTINGS_TABLE(
	"delivery", NULL,
	delivery_settings, delivery_setting_defs);

static const struct cv_setting_def namespace_setting_defs[] = {
	CV_SETTING(namespace_settings, name, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Name for merging; default: the name of the block."),
	CV_SETTING(namespace_settings, type, CV_SET_ENUM,
		"private", "private|shared|public", 0,
		"Whose mailboxes these are."),
	CV_SETTING(namespace_settings, separator, CV_SET_STRING,
		"", NULL, CV_SET_PER_USER,
		"Character between the parts of a mailbox name; empty: "
		"that of the storage."),
	CV_SETTING(namespace_settings, prefix, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND | CV_SET_PER_USER,
		"Names of its mailboxes begin with this."),
	CV_SETTING(namespace_settings, location, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND_PATH | CV_SET_PER_USER,
		"As mail_location; empty: that."),
	CV_SETTING(namespace_settings, alias_for, CV_SET_STRING,
		"", NULL,
		CV_SET_EXPAND | CV_SET_PER_USER | CV_SET_ADVANCED,
		"Prefix of the namespace with the same mailboxes."),
	CV_SETTING(namespace_settings, inbox, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"INBOX is in here; one namespace must have it."),
	CV_SETTING(namespace_settings, hidden, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Not told by the NAMESPACE command."),
	CV_SETTING(namespace_settings, list, CV_SET_ENUM,
		"yes", "yes|no|children", CV_SET_PER_USER,
		"Listed by the LIST command; children: only while it "
		"has mailboxes."),
	CV_SETTING(namespace_settings, subscriptions, CV_SET_BOOL,
		"yes", NULL, CV_SET_PER_USER,
		"Keeps its own subscriptions."),
	CV_SETTING(namespace_settings, ignore_on_failure, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Leave it out when it cannot be opened."),
	CV_SETTING(namespace_settings, disabled, CV_SET_BOOL,
		"no", NULL, CV_SET_PER_USER,
		"Leave it out; a userdb may change it "
		"(namespace/NAME/disabled)."),
	CV_SETTING(namespace_settings, order, CV_SET_UINT,
		"0", "0..4294967295", CV_SET_PER_USER,
		"Place in the NAMESPACE reply; 0: as in the file."),
};
const struct settings_table namespace_settings_table = SETTINGS_TABLE(
	"namespace", "namespace",
	namespace_settings, namespace_setting_defs);

static const struct cv_setting_def mailbox_setting_defs[] = {
	CV_SETTING(mailbox_settings, name, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Its name; default: the name of the block."),
	CV_SETTING_AS(mailbox_settings, auto_, "auto", CV_SET_ENUM,
		"no", "no|create|subscribe", 0,
		"Create it when it is missing; subscribe to it too."),
	CV_SETTING(mailbox_settings, special_use, CV_SET_LIST,
		"", NULL, 0,
		"\\All \\Archive \\Drafts \\Flagged \\Important \\Junk "
		"\\Sent \\Trash"),
	CV_SETTING(mailbox_settings, driver, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Storage driver; empty: that of the namespace."),
	CV_SETTING(mailbox_settings, comment, CV_SET_STRING,
		"", NULL, CV_SET_EXPAND,
		"Comment for its metadata."),
	CV_SETTING(mailbox_settings, autoexpunge, CV_SET_TIME,
		"0", NULL, 0,
		"Expunge mail that was saved longer ago; 0: never."),
	CV_SETTING(mailbox_settings, autoexpunge_max_mails, CV_SET_UINT,
		"0", "0..4294967295", 0,
		"Expunge the oldest mail beyond this number; 0: no "
		"limit."),
};
const struct settings_table mailbox_settings_table = SETTINGS_TABLE(
	"mailbox", "namespace/mailbox",
	mailbox_settings, mailbox_setting_defs);

static const struct cv_setting_def passdb_setting_defs[] = {
	CV_SETTING(passdb_settings, name, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Name in the log."),
	CV_SETTING(passdb_settings, driver, CV_SET_STRING,
		"", NULL, CV_SET_REQUIRED,
		"pam, passwd-file, static ..."),
	CV_SETTING(passdb_settings, args, CV_SET_STRING,
		"", NULL, 0,
		"What the driver needs to know."),
	CV_SETTING(passdb_settings, default_fields, CV_SET_STRING,
		"", NULL, 0,
		"Fields for what the lookup leaves open."),
	CV_SETTING(passdb_settings, override_fields, CV_SET_STRING,
		"", NULL, 0,
		"Fields that win over those of the lookup."),
	CV_SETTING(passdb_settings, mechanisms, CV_SET_LIST,
		"", NULL, 0,
		"Only for these mechanisms; empty: all."),
	CV_SETTING(passdb_settings, username_filter, CV_SET_STRING,
		"", NULL, 0,
		"Only for these user names: patterns, ! for exceptions."),
	CV_SETTING(passdb_settings, skip, CV_SET_ENUM,
		"never", "never|authenticated|unauthenticated", 0,
		"When it is left out."),
	CV_SETTING(passdb_settings, result_success, CV_SET_ENUM,
		"return-ok",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows a success."),
	CV_SETTING(passdb_settings, result_failure, CV_SET_ENUM,
		"continue",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows a failure."),
	CV_SETTING(passdb_settings, result_internalfail, CV_SET_ENUM,
		"continue",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows an internal failure."),
	CV_SETTING(passdb_settings, deny, CV_SET_BOOL,
		"no", NULL, 0,
		"Who is in here is refused."),
	CV_SETTING(passdb_settings, pass, CV_SET_BOOL,
		"no", NULL, 0,
		"A master user's lookup goes on for the user."),
	CV_SETTING(passdb_settings, master, CV_SET_BOOL,
		"no", NULL, 0,
		"Holds master users."),
	CV_SETTING(passdb_settings, auth_verbose, CV_SET_ENUM,
		"default", "default|yes|no", 0,
		"auth_verbose for this one."),
};
const struct settings_table passdb_settings_table = SETTINGS_TABLE(
	"passdb", "passdb",
	passdb_settings, passdb_setting_defs);

static const struct cv_setting_def userdb_setting_defs[] = {
	CV_SETTING(userdb_settings, name, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Name in the log."),
	CV_SETTING(userdb_settings, driver, CV_SET_STRING,
		"", NULL, CV_SET_REQUIRED,
		"passwd, passwd-file, static, prefetch ..."),
	CV_SETTING(userdb_settings, args, CV_SET_STRING,
		"", NULL, 0,
		"What the driver needs to know."),
	CV_SETTING(userdb_settings, default_fields, CV_SET_STRING,
		"", NULL, 0,
		"Fields for what the lookup leaves open."),
	CV_SETTING(userdb_settings, override_fields, CV_SET_STRING,
		"", NULL, 0,
		"Fields that win over those of the lookup."),
	CV_SETTING(userdb_settings, skip, CV_SET_ENUM,
		"never", "never|found|notfound", 0,
		"When it is left out."),
	CV_SETTING(userdb_settings, result_success, CV_SET_ENUM,
		"return-ok",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows a success."),
	CV_SETTING(userdb_settings, result_failure, CV_SET_ENUM,
		"continue",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows a failure."),
	CV_SETTING(userdb_settings, result_internalfail, CV_SET_ENUM,
		"continue",
		"return-ok|return|return-fail|continue|"
		"continue-ok|continue-fail", 0,
		"What follows an internal failure."),
	CV_SETTING(userdb_settings, auth_verbose, CV_SET_ENUM,
		"default", "default|yes|no", 0,
		"auth_verbose for this one."),
};
const struct settings_table userdb_settings_table = SETTINGS_TABLE(
	"userdb", "userdb",
	userdb_settings, userdb_setting_defs);

