/* settings-compat.c - names of the Dovecot 2.3 language that nobody in core
 * uses: accepted, with a hint, so that a configuration that worked keeps
 * working.  A plugin that declares one of them takes it over.
 *
 * Also the default services of the usual protocols, as every Dovecot has
 * them.  They only run when the protocol is in "protocols" and its plugin is
 * there; the names in here are data and mean nothing to core. */
#include "settings-compat.h"
#include "settings.h"

#define OBSOLETE CV_SETTING_OBSOLETE
/* Of a storage that only some mail is in. */
#define ONLY_AT(driver) \
	"no mail location here is of " driver ":, and it is read only by " \
	"culveradm where that is given one, and by users whom a userdb gives " \
	"one (mail_storage_drivers = " driver ")"

static const struct cv_setting_def compat_setting_defs[] = {
	OBSOLETE("auth_stats", "statistics are always kept"),
	OBSOLETE("auth_use_winbind",
		"NTLM by winbind is gone; use a mechanism that is still "
		"safe"),
	OBSOLETE("auth_winbind_helper_path",
		"NTLM by winbind is gone; use a mechanism that is still "
		"safe"),
	OBSOLETE("config_cache_size",
		"the configuration is read once by the master"),
	OBSOLETE("dict_db_config", "there is no dictionary service yet"),
	OBSOLETE("director_flush_socket",
		"there is no director: any node serves any user"),
	OBSOLETE("director_mail_servers",
		"there is no director: any node serves any user"),
	OBSOLETE("director_max_parallel_kicks",
		"there is no director: any node serves any user"),
	OBSOLETE("director_max_parallel_moves",
		"there is no director: any node serves any user"),
	OBSOLETE("director_output_buffer_size",
		"there is no director: any node serves any user"),
	OBSOLETE("director_ping_idle_timeout",
		"there is no director: any node serves any user"),
	OBSOLETE("director_ping_max_timeout",
		"there is no director: any node serves any user"),
	OBSOLETE("director_servers",
		"there is no director: any node serves any user"),
	OBSOLETE("director_user_expire",
		"there is no director: any node serves any user"),
	OBSOLETE("director_user_kick_delay",
		"there is no director: any node serves any user"),
	OBSOLETE("director_username_hash",
		"there is no director: any node serves any user"),
	OBSOLETE("dotlock_use_excl", ""),
	OBSOLETE("doveadm_allowed_commands",
		"culveradm has no remote access yet"),
	OBSOLETE("doveadm_api_key", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_http_rawlog_dir",
		"culveradm has no remote access yet"),
	OBSOLETE("doveadm_password", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_port", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_ssl", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_username", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_worker_count", "culveradm has no remote access yet"),
	OBSOLETE("doveadm_socket_path",
		"culveradm finds its socket in base_dir"),
	OBSOLETE("dsync_alt_char", "there is no dsync"),
	OBSOLETE("dsync_commit_msgs_interval", "there is no dsync"),
	OBSOLETE("dsync_features", "there is no dsync"),
	OBSOLETE("dsync_hashed_headers", "there is no dsync"),
	OBSOLETE("dsync_remote_cmd", "there is no dsync"),
	OBSOLETE("imapc_cmd_timeout",
		"the server is waited for two minutes"),
	OBSOLETE("imapc_connection_retry_count",
		"the next command connects again"),
	OBSOLETE("imapc_connection_retry_interval",
		"the next command connects again"),
	OBSOLETE("imapc_features", ONLY_AT("imapc")),
	OBSOLETE("imapc_host", ONLY_AT("imapc")),
	OBSOLETE("imapc_list_prefix", ONLY_AT("imapc")),
	OBSOLETE("imapc_master_user", ONLY_AT("imapc")),
	OBSOLETE("imapc_max_idle_time",
		"a connection that was silent is tried first"),
	OBSOLETE("imapc_max_line_length",
		"commands are kept short"),
	OBSOLETE("imapc_password", ONLY_AT("imapc")),
	OBSOLETE("imapc_port", ONLY_AT("imapc")),
	OBSOLETE("imapc_rawlog_dir",
		"there is no log of what is said"),
	OBSOLETE("imapc_sasl_mechanisms",
		"PLAIN or LOGIN, as the server has it"),
	OBSOLETE("imapc_ssl", ONLY_AT("imapc")),
	OBSOLETE("imapc_ssl_verify", ONLY_AT("imapc")),
	OBSOLETE("imapc_user", ONLY_AT("imapc")),
	OBSOLETE("pop3c_features",
		"nothing is left to be asked for"),
	OBSOLETE("pop3c_host", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_master_user", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_password", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_port", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_quick_received_date",
		"the date is when a message was first seen"),
	OBSOLETE("pop3c_rawlog_dir",
		"there is no log of what is said"),
	OBSOLETE("pop3c_ssl", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_ssl_verify", ONLY_AT("pop3c")),
	OBSOLETE("pop3c_user", ONLY_AT("pop3c")),
	OBSOLETE("login_access_sockets",
		"login processes need no further sockets"),
	OBSOLETE("login_plugin_dir",
		"login plugins are not a kind of plugin here; a protocol "
		"brings its own login part"),
	OBSOLETE("login_plugins",
		"login plugins are not a kind of plugin here; a protocol "
		"brings its own login part"),
	OBSOLETE("login_proxy_max_disconnect_delay",
		"sessions that are proxied do without it"),
	OBSOLETE("login_proxy_notify_path",
		"sessions that are proxied do without it"),
	OBSOLETE("login_proxy_rawlog_dir",
		"sessions that are proxied do without it"),
	OBSOLETE("mail_always_cache_fields",
		"the catalogue keeps what clients ask for"),
	OBSOLETE("mail_cache_fields",
		"the catalogue keeps what clients ask for"),
	OBSOLETE("mail_never_cache_fields",
		"the catalogue keeps what clients ask for"),
	OBSOLETE("mail_cache_min_mail_count",
		"the catalogue keeps what clients ask for"),
	OBSOLETE("mail_attachment_detection_options",
		"new mail keeps its attachments; those of Dovecot's dbox are "
		"read from mail_attachment_dir"),
	OBSOLETE("mail_attachment_dir",
		"new mail keeps its attachments; those of Dovecot's dbox are "
		"read from mail_attachment_dir"),
	OBSOLETE("mail_attachment_fs",
		"new mail keeps its attachments; those of Dovecot's dbox are "
		"read from mail_attachment_dir"),
	OBSOLETE("mail_attachment_hash",
		"new mail keeps its attachments; those of Dovecot's dbox are "
		"read from mail_attachment_dir"),
	OBSOLETE("mail_attachment_min_size",
		"new mail keeps its attachments; those of Dovecot's dbox are "
		"read from mail_attachment_dir"),
	OBSOLETE("mail_prefetch_count", ""),
	OBSOLETE("mail_sort_max_read_count", ""),
	OBSOLETE("mail_temp_scan_interval", ""),
	OBSOLETE("mail_vsize_bg_after_count", ""),
	OBSOLETE("mailbox_list_index",
		"all folders share one journal, which serves as this index"),
	OBSOLETE("mailbox_list_index_include_inbox",
		"all folders share one journal, which serves as this index"),
	OBSOLETE("mailbox_list_index_very_dirty_syncs",
		"all folders share one journal, which serves as this index"),
	OBSOLETE("maildir_broken_filename_sizes",
		"it belongs to the plugin storage-maildir, which is not "
		"loaded"),
	OBSOLETE("maildir_copy_with_hardlinks",
		"it belongs to the plugin storage-maildir, which is not "
		"loaded"),
	OBSOLETE("maildir_empty_new",
		"it belongs to the plugin storage-maildir, which is not "
		"loaded"),
	OBSOLETE("maildir_stat_dirs",
		"it belongs to the plugin storage-maildir, which is not "
		"loaded"),
	OBSOLETE("maildir_very_dirty_syncs",
		"it belongs to the plugin storage-maildir, which is not "
		"loaded"),
	OBSOLETE("mbox_dirty_syncs",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_dotlock_change_timeout",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_lazy_writes",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_lock_timeout",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_md5",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_min_index_size",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_read_locks",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_very_dirty_syncs",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mbox_write_locks",
		"it belongs to the plugin storage-mbox, which is not loaded"),
	OBSOLETE("mdbox_preallocate_space",
		"it belongs to the plugin storage-dbox, which is not loaded"),
	OBSOLETE("mdbox_rotate_interval",
		"it belongs to the plugin storage-dbox, which is not loaded"),
	OBSOLETE("mdbox_rotate_size",
		"it belongs to the plugin storage-dbox, which is not loaded"),
	OBSOLETE("master_user_separator", "write auth_master_user_separator"),
	OBSOLETE("old_stats_carbon_interval",
		"metrics are exported by a plugin"),
	OBSOLETE("old_stats_carbon_name", "metrics are exported by a plugin"),
	OBSOLETE("old_stats_carbon_server", "metrics are exported by a plugin"),
	OBSOLETE("old_stats_command_min_time",
		"metrics are exported by a plugin"),
	OBSOLETE("old_stats_domain_min_time",
		"metrics are exported by a plugin"),
	OBSOLETE("old_stats_ip_min_time", "metrics are exported by a plugin"),
	OBSOLETE("old_stats_memory_limit", "metrics are exported by a plugin"),
	OBSOLETE("old_stats_session_min_time",
		"metrics are exported by a plugin"),
	OBSOLETE("old_stats_user_min_time", "metrics are exported by a plugin"),
	OBSOLETE("stats_http_rawlog_dir", "metrics are exported by a plugin"),
	OBSOLETE("stats_writer_socket_path",
		"metrics are exported by a plugin"),
	OBSOLETE("process_shutdown_filter",
		"processes cannot be shut down by an event filter"),
	OBSOLETE("replication_dsync_parameters",
		"replication is the work of the storage"),
	OBSOLETE("replication_full_sync_interval",
		"replication is the work of the storage"),
	OBSOLETE("replication_max_conns",
		"replication is the work of the storage"),
	OBSOLETE("replicator_host", "replication is the work of the storage"),
	OBSOLETE("replicator_port", "replication is the work of the storage"),
	OBSOLETE("ssl_crypto_device",
		"hardware engines are configured in OpenSSL"),
	OBSOLETE("version_ignore", ""),
	OBSOLETE("imap_capability",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_client_workarounds",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_fetch_failure",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_hibernate_timeout",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_id_log",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_id_retain",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_id_send",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_idle_notify_interval",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_literal_minus",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_logout_format",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_max_line_length",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_metadata",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("imap_urlauth_logout_format",
		"it belongs to the plugin imap, which is not loaded"),
	OBSOLETE("lmtp_add_received_header",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_client_workarounds",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_hdr_delivery_address",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_proxy",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_proxy_rawlog_dir",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_rawlog_dir",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_rcpt_check_quota",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_save_to_detail_mailbox",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_user_concurrency_limit",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("lmtp_verbose_replies",
		"it belongs to the plugin lmtp, which is not loaded"),
	OBSOLETE("pop3_client_workarounds",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_delete_type",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_deleted_flag",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_enable_last",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_fast_size_lookups",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_lock_session",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_logout_format",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_no_flag_updates",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_reuse_xuidl",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_save_uidl",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_uidl_duplicates",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("pop3_uidl_format",
		"it belongs to the plugin pop3, which is not loaded"),
	OBSOLETE("submission_client_workarounds",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_logout_format",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_max_mail_size",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_max_recipients",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_command_timeout",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_connect_timeout",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_host",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_master_user",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_max_idle_time",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_password",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_port",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_rawlog_dir",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_ssl",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_ssl_verify",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_trusted",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_relay_user",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_ssl",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("submission_timeout",
		"it belongs to the plugin submission, which is not loaded"),
	OBSOLETE("managesieve_client_workarounds",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_implementation_string",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_logout_format",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_max_compile_errors",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_max_line_length",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_notify_capability",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("managesieve_sieve_capability",
		"it belongs to the plugin managesieve, which is not loaded"),
	OBSOLETE("ssl_protocols", "write ssl_min_protocol = TLSv1.2"),
	OBSOLETE("ssl_disable", "write ssl = no"),
	OBSOLETE("ssl_parameters_regenerate",
		"there is nothing to regenerate; leave it out"),
	OBSOLETE("ssl_dh_parameters_length", "leave it out, or set ssl_dh"),
	OBSOLETE("ssl_cert_file", "write ssl_cert = </path"),
	OBSOLETE("ssl_key_file", "write ssl_key = </path"),
	OBSOLETE("ssl_ca_file", "write ssl_ca = </path"),
	OBSOLETE("default_mail_env", "write mail_location"),
	OBSOLETE("mail_cache_compress_percentage", "leave it out"),
	OBSOLETE("dbox_purge_min_percentage", "leave it out"),
	OBSOLETE("fsync_disable", "write mail_fsync = never"),
	OBSOLETE("auth_worker_max_request_count",
		"write service auth-worker { service_count }"),
	OBSOLETE("login_process_per_connection",
		"write service_count in service imap-login { }"),
	OBSOLETE("login_processes_count",
		"write process_min_avail in service imap-login { }"),
	OBSOLETE("login_max_processes_count",
		"write process_limit in service imap-login { }"),
	OBSOLETE("login_process_size",
		"write vsz_limit in service imap-login { }"),
	OBSOLETE("login_user", "write default_login_user"),
	OBSOLETE("login_executable",
		"write executable in service imap-login { }"),
	OBSOLETE("max_mail_processes",
		"write process_limit in service imap { }"),
	OBSOLETE("mail_process_size", "write vsz_limit in service imap { }"),
	OBSOLETE("mail_executable", "write executable in service imap { }"),
	OBSOLETE("mail_extra_groups", "write mail_access_groups"),
	OBSOLETE("login_dir", "leave it out"),
	OBSOLETE("listen_backlog", "leave it out"),
	OBSOLETE("ssl_listen",
		"write an inet_listener in service imap-login { }"),
	OBSOLETE("auth_ntlm_use_winbind", "leave it out"),
	OBSOLETE("mail_drop_priv_before_exec",
		"write drop_priv_before_exec in a service { }"),
};

/* Blocks outside of others.  What stands in them is not looked at. */
static const struct {
	const char *kind, *why;
} compat_blocks[] = {
	{ "dict", "there is no dictionary service yet" },
	{ "event_exporter", "metrics are exported by a plugin" },
	{ "metric", "metrics are exported by a plugin" },
};

static const struct settings_table compat_settings_table = {
	.name = "compatibility", .defs = CV_ARRAY(compat_setting_defs),
};

static const char protocol_services[] =
	"service imap-login {\n  type = login\n  protocol = imap\n"
	"  executable = imap-login\n  user = $default_login_user\n"
	"  chroot = login\n  service_count = 1\n  inet_listener imap {\n"
	"    port = 143\n  }\n  inet_listener imaps {\n    port = 993\n"
	"    ssl = yes\n  }\n}\nservice imap {\n  protocol = imap\n"
	"  executable = imap\n  extra_groups = $default_internal_group\n"
	"  client_limit = 1\n  service_count = 1\n  process_limit = 1024\n"
	"  unix_listener login/imap {\n    mode = 0666\n  }\n}\n"
	"service pop3-login {\n  type = login\n  protocol = pop3\n"
	"  executable = pop3-login\n  user = $default_login_user\n"
	"  chroot = login\n  service_count = 1\n  inet_listener pop3 {\n"
	"    port = 110\n  }\n  inet_listener pop3s {\n    port = 995\n"
	"    ssl = yes\n  }\n}\nservice pop3 {\n  protocol = pop3\n"
	"  executable = pop3\n  extra_groups = $default_internal_group\n"
	"  client_limit = 1\n  service_count = 1\n  process_limit = 1024\n"
	"  unix_listener login/pop3 {\n    mode = 0666\n  }\n}\n"
	"service managesieve-login {\n  type = login\n  protocol = sieve\n"
	"  executable = managesieve-login\n  user = $default_login_user\n"
	"  chroot = login\n  service_count = 1\n  inet_listener sieve {\n"
	"    port = 4190\n  }\n}\nservice managesieve {\n"
	"  protocol = sieve\n  executable = managesieve\n"
	"  extra_groups = $default_internal_group\n  client_limit = 1\n"
	"  service_count = 1\n  process_limit = 1024\n"
	"  unix_listener login/sieve {\n    mode = 0666\n  }\n}\n"
	"service submission-login {\n  type = login\n"
	"  protocol = submission\n  executable = submission-login\n"
	"  user = $default_login_user\n  chroot = login\n"
	"  service_count = 1\n  inet_listener submission {\n"
	"    port = 587\n  }\n  inet_listener submissions {\n"
	"    port = 465\n    ssl = yes\n  }\n}\nservice submission {\n"
	"  protocol = submission\n  executable = submission\n"
	"  extra_groups = $default_internal_group\n  client_limit = 1\n"
	"  service_count = 1\n  process_limit = 1024\n"
	"  unix_listener login/submission {\n    mode = 0666\n  }\n}\n"
	"service lmtp {\n  protocol = lmtp\n  executable = lmtp\n"
	"  extra_groups = $default_internal_group\n  client_limit = 1\n"
	"  unix_listener lmtp {\n    mode = 0666\n  }\n}\n"
	/* one process for each user that mail has come in for lately */
	"service deliver {\n  process_limit = 500\n  idle_kill = 30s\n}\n"
	/* one for each session and each other user whose mail it has open */
	"service store {\n  process_limit = 500\n}\n";

void settings_register_compat(void)
{
	settings_register(&compat_settings_table);
	settings_register_defaults("built-in", protocol_services);
}

const char *settings_compat_block(struct cv_span kind)
{
	for (size_t i = 0;
	     i < sizeof(compat_blocks) / sizeof(compat_blocks[0]); i++) {
		if (cv_span_is(kind, compat_blocks[i].kind))
			return compat_blocks[i].why;
	}
	return NULL;
}
