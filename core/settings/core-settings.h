/* core-settings.h - the settings that core itself uses, as typed structs.
 *
 *	struct ssl_settings ssl;
 *	settings_get(tree, &ssl_settings_table, &scope, pool, &ssl, err);
 *
 * What each means, its default and what it may hold: core-settings.c. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "settings.h"

/* General settings: the instance and its limits. */
struct general_settings {
	const char *base_dir;
	const char *state_dir;
	const char *libexec_dir;
	struct cv_strings protocols;
	const char *listen;
	const char *instance_name;
	const char *hostname;
	bool shutdown_clients;
	struct cv_strings import_environment;
	const char *default_internal_user;
	const char *default_internal_group;
	const char *default_login_user;
	uint32_t default_process_limit;
	uint32_t default_client_limit;
	uint64_t default_vsz_limit;	/* bytes */
	uint64_t default_idle_kill;	/* milliseconds */
	bool verbose_proctitle;
	uint32_t sandbox;	/* enum general_sandbox */
	uint32_t plugin_on_error;
		/* enum general_plugin_on_error */
	const char *mail_plugin_dir;
	struct cv_strings mail_plugins;
};
extern const struct settings_table general_settings_table;
enum general_sandbox {
	GENERAL_SANDBOX_AUTO,
	GENERAL_SANDBOX_REQUIRED,
	GENERAL_SANDBOX_NO,
};
enum general_plugin_on_error {
	GENERAL_PLUGIN_ON_ERROR_FAIL,
	GENERAL_PLUGIN_ON_ERROR_SKIP,
};

/* Logging. */
struct log_settings {
	const char *log_path;
	const char *info_log_path;
	const char *debug_log_path;
	const char *syslog_facility;
	const char *log_timestamp;
	const char *log_debug;
	const char *log_core_filter;
	bool mail_debug;
	bool verbose_ssl;
	const char *mail_log_prefix;
	uint32_t log_format;	/* enum log_log_format */
};
extern const struct settings_table log_settings_table;
enum log_log_format {
	LOG_LOG_FORMAT_TEXT,
	LOG_LOG_FORMAT_JSON,
};

/* Connections before and during login. */
struct login_settings {
	const char *login_greeting;
	const char *login_log_format;
	const char *login_log_format_elements;
	struct cv_strings login_trusted_networks;
	uint64_t login_timeout;	/* milliseconds */
	bool disable_plaintext_auth;
	struct cv_strings haproxy_trusted_networks;
	uint64_t haproxy_timeout;	/* milliseconds */
	uint32_t mail_max_userip_connections;
	const char *rawlog_dir;
	uint64_t login_proxy_timeout;	/* milliseconds */
	uint32_t login_proxy_max_reconnects;
	struct cv_strings login_source_ips;
};
extern const struct settings_table login_settings_table;

/* TLS. */
struct ssl_settings {
	uint32_t ssl;	/* enum ssl_ssl */
	const char *ssl_cert;
	const char *ssl_key;
	const char *ssl_key_password;
	const char *ssl_alt_cert;
	const char *ssl_alt_key;
	const char *ssl_ca;
	bool ssl_require_crl;
	bool ssl_verify_client_cert;
	const char *ssl_cert_username_field;
	uint32_t ssl_min_protocol;
		/* enum ssl_ssl_min_protocol */
	const char *ssl_cipher_list;
	const char *ssl_cipher_suites;
	const char *ssl_curve_list;
	bool ssl_prefer_server_ciphers;
	struct cv_strings ssl_options;
	const char *ssl_dh;
	const char *ssl_client_ca_file;
	const char *ssl_client_ca_dir;
	const char *ssl_client_cert;
	const char *ssl_client_key;
	bool ssl_client_require_valid_cert;
};
extern const struct settings_table ssl_settings_table;
enum ssl_ssl {
	SSL_SSL_NO,
	SSL_SSL_YES,
	SSL_SSL_REQUIRED,
};
enum ssl_ssl_min_protocol {
	SSL_SSL_MIN_PROTOCOL_TLSV1_2,
	SSL_SSL_MIN_PROTOCOL_TLSV1_3,
	SSL_SSL_MIN_PROTOCOL_ANY,
	SSL_SSL_MIN_PROTOCOL_TLSV1,
	SSL_SSL_MIN_PROTOCOL_TLSV1_1,
};

/* Authentication. */
struct auth_settings {
	struct cv_strings auth_mechanisms;
	struct cv_strings auth_realms;
	const char *auth_default_realm;
	uint64_t auth_cache_size;	/* bytes */
	uint64_t auth_cache_ttl;	/* milliseconds */
	uint64_t auth_cache_negative_ttl;	/* milliseconds */
	bool auth_cache_verify_password_with_worker;
	const char *auth_username_chars;
	const char *auth_username_translation;
	const char *auth_username_format;
	const char *auth_master_user_separator;
	const char *auth_anonymous_username;
	uint32_t auth_worker_max_count;
	uint32_t auth_allow_weak_schemes;	/* enum auth_auth_allow_... */
	bool auth_verbose;
	const char *auth_verbose_passwords;
	bool auth_debug;
	bool auth_debug_passwords;
	uint64_t auth_failure_delay;	/* milliseconds */
	const char *auth_socket_path;
	const char *auth_krb5_keytab;
	const char *auth_gssapi_hostname;
	bool auth_ssl_require_client_cert;
	bool auth_ssl_username_from_cert;
	struct cv_strings auth_proxy_self;
	bool auth_resolve_hosts;
	const char *auth_policy_server_url;
	const char *auth_policy_server_api_header;
	uint32_t auth_policy_server_timeout_msecs;
	const char *auth_policy_hash_mech;
	const char *auth_policy_hash_nonce;
	uint32_t auth_policy_hash_truncate;	/* bits */
	const char *auth_policy_request_attributes;
	bool auth_policy_reject_on_fail;
	bool auth_policy_check_before_auth;
	bool auth_policy_check_after_auth;
	bool auth_policy_report_after_auth;
	bool auth_policy_log_only;
};
extern const struct settings_table auth_settings_table;
enum auth_auth_allow_weak_schemes {
	AUTH_AUTH_ALLOW_WEAK_SCHEMES_REPORT,
	AUTH_AUTH_ALLOW_WEAK_SCHEMES_YES,
	AUTH_AUTH_ALLOW_WEAK_SCHEMES_NO,
};

/* Users and where their mail is. */
enum fts_enforced {
	FTS_ENFORCED_NO = 0, FTS_ENFORCED_YES, FTS_ENFORCED_BODY,
};

struct mail_settings {
	const char *mail_location;
	const char *mail_home;
	const char *mail_uid;
	const char *mail_gid;
	const char *mail_privileged_group;
	struct cv_strings mail_access_groups;
	struct cv_strings acl_groups;
	const char *acl;		/* in plugin { } */
	uint32_t fts_enforced;		/* enum fts_enforced */
	uint64_t fts_search_timeout;	/* milliseconds */
	const char *acl_shared_dict;
	const char *mail_chroot;
	const char *valid_chroot_dirs;
	uint32_t first_valid_uid;
	uint32_t last_valid_uid;
	uint32_t first_valid_gid;
	uint32_t last_valid_gid;
	bool mail_full_filesystem_access;
	uint32_t mail_fsync;	/* enum mail_mail_fsync */
	uint64_t mail_journal_body_max;	/* bytes */
	uint32_t mail_max_keyword_length;
	uint64_t mail_max_lock_timeout;	/* milliseconds */
	uint64_t mailbox_idle_check_interval;	/* milliseconds */
	bool mail_save_crlf;
	bool mail_shared_explicit_inbox;
	bool mail_nfs_storage;
	bool mail_nfs_index;
	bool mmap_disable;
	uint32_t lock_method;	/* enum mail_lock_method */
	const char *mail_temp_dir;
	const char *mail_server_admin;
	const char *mail_server_comment;
	const char *mail_attribute_dict;
};
extern const struct settings_table mail_settings_table;
/* Whether mail of other users is reached through the service "store": some
 * namespace is of type shared, or URLs with authorization are honoured. */
bool settings_has_shared(const struct settings_tree *tree);

/* URLs with authorization [RFC4467]. */
struct urlauth_settings {
	const char *imap_urlauth_host;
	uint32_t imap_urlauth_port;
	struct cv_strings imap_urlauth_submit_user;
};
extern const struct settings_table urlauth_settings_table;
/* They are those of protocol imap, whatever asks. */
int urlauth_settings_get(const struct settings_tree *tree,
			 const struct settings_scope *scope,
			 struct cv_pool *pool, struct urlauth_settings *set_r,
			 struct cv_error *err);
enum mail_mail_fsync {
	MAIL_MAIL_FSYNC_OPTIMIZED,
	MAIL_MAIL_FSYNC_ALWAYS,
	MAIL_MAIL_FSYNC_NEVER,
};
enum mail_lock_method {
	MAIL_LOCK_METHOD_FCNTL,
	MAIL_LOCK_METHOD_FLOCK,
	MAIL_LOCK_METHOD_DOTLOCK,
};

/* Delivery of mail. */
struct delivery_settings {
	const char *postmaster_address;
	const char *recipient_delimiter;
	bool quota_full_tempfail;
	const char *rejection_subject;
	const char *rejection_reason;
	const char *deliver_log_format;
	const char *lda_original_recipient_header;
	bool lda_mailbox_autocreate;
	bool lda_mailbox_autosubscribe;
	const char *sendmail_path;
	const char *submission_host;
};
extern const struct settings_table delivery_settings_table;

/* A service: a kind of process, its rights and its listeners. */
struct service_settings {
	const char *protocol;
	uint32_t type;	/* enum service_type */
	const char *executable;
	const char *user;
	const char *group;
	const char *privileged_group;
	const char *extra_groups;
	const char *chroot;
	bool drop_priv_before_exec;
	uint32_t process_min_avail;
	uint32_t process_limit;
	uint32_t client_limit;
	uint32_t service_count;
	uint64_t idle_kill;	/* milliseconds */
	uint64_t vsz_limit;	/* bytes */
};
extern const struct settings_table service_settings_table;
enum service_type {
	SERVICE_TYPE_NONE,
	SERVICE_TYPE_STARTUP,
	SERVICE_TYPE_LOGIN,
	SERVICE_TYPE_LOG,
	SERVICE_TYPE_CONFIG,
	SERVICE_TYPE_WORKER,
	SERVICE_TYPE_ANVIL,
	SERVICE_TYPE_STATS,
};

enum listener_type {
	LISTENER_TYPE_NONE,
	LISTENER_TYPE_AUTH_LEGACY,	/* of Dovecot 2.4: as CLIENT */
	LISTENER_TYPE_CLIENT,
	LISTENER_TYPE_LOGIN,
	LISTENER_TYPE_MASTER,
	LISTENER_TYPE_USERDB,
};

/* A UNIX socket of a service; its name is the path, in base_dir. */
struct unix_listener_settings {
	uint32_t type;	/* enum listener_type */
	const char *path;
	uint32_t mode;
	const char *user;
	const char *group;
};
extern const struct settings_table unix_listener_settings_table;

/* A FIFO of a service; its name is the path, in base_dir. */
struct fifo_listener_settings {
	const char *path;
	uint32_t mode;
	const char *user;
	const char *group;
};
extern const struct settings_table fifo_listener_settings_table;

/* A TCP port of a service. */
struct inet_listener_settings {
	uint32_t type;	/* enum listener_type */
	const char *address;
	uint32_t port;
	bool ssl;
	bool reuse_port;
	bool haproxy;
};
extern const struct settings_table inet_listener_settings_table;

/* A part of the tree of mailboxes. */
struct namespace_settings {
	const char *name;
	uint32_t type;	/* enum namespace_type */
	const char *separator;
	const char *prefix;
	const char *location;
	const char *alias_for;
	bool inbox;
	bool hidden;
	uint32_t list;	/* enum namespace_list */
	bool subscriptions;
	bool ignore_on_failure;
	bool disabled;
	uint32_t order;
};
extern const struct settings_table namespace_settings_table;
enum namespace_type {
	NAMESPACE_TYPE_PRIVATE,
	NAMESPACE_TYPE_SHARED,
	NAMESPACE_TYPE_PUBLIC,
};
enum namespace_list {
	NAMESPACE_LIST_YES,
	NAMESPACE_LIST_NO,
	NAMESPACE_LIST_CHILDREN,
};

/* A mailbox of a namespace. */
struct mailbox_settings {
	const char *name;
	uint32_t auto_;	/* enum mailbox_auto */
	struct cv_strings special_use;
	const char *driver;
	const char *comment;
	uint64_t autoexpunge;	/* milliseconds */
	uint32_t autoexpunge_max_mails;
};
extern const struct settings_table mailbox_settings_table;
enum mailbox_auto {
	MAILBOX_AUTO_NO,
	MAILBOX_AUTO_CREATE,
	MAILBOX_AUTO_SUBSCRIBE,
};

/* A source of passwords, asked in the order of the file. */
struct passdb_settings {
	const char *name;
	const char *driver;
	const char *args;
	const char *default_fields;
	const char *override_fields;
	struct cv_strings mechanisms;
	const char *username_filter;
	uint32_t skip;	/* enum passdb_skip */
	uint32_t result_success;
		/* enum passdb_result_success */
	uint32_t result_failure;
		/* enum passdb_result_failure */
	uint32_t result_internalfail;
		/* enum passdb_result_internalfail */
	bool deny;
	bool pass;
	bool master;
	uint32_t auth_verbose;	/* enum passdb_auth_verbose */
};
extern const struct settings_table passdb_settings_table;
enum passdb_skip {
	PASSDB_SKIP_NEVER,
	PASSDB_SKIP_AUTHENTICATED,
	PASSDB_SKIP_UNAUTHENTICATED,
};
enum passdb_result_success {
	PASSDB_RESULT_SUCCESS_RETURN_OK,
	PASSDB_RESULT_SUCCESS_RETURN,
	PASSDB_RESULT_SUCCESS_RETURN_FAIL,
	PASSDB_RESULT_SUCCESS_CONTINUE,
	PASSDB_RESULT_SUCCESS_CONTINUE_OK,
	PASSDB_RESULT_SUCCESS_CONTINUE_FAIL,
};
enum passdb_result_failure {
	PASSDB_RESULT_FAILURE_RETURN_OK,
	PASSDB_RESULT_FAILURE_RETURN,
	PASSDB_RESULT_FAILURE_RETURN_FAIL,
	PASSDB_RESULT_FAILURE_CONTINUE,
	PASSDB_RESULT_FAILURE_CONTINUE_OK,
	PASSDB_RESULT_FAILURE_CONTINUE_FAIL,
};
enum passdb_result_internalfail {
	PASSDB_RESULT_INTERNALFAIL_RETURN_OK,
	PASSDB_RESULT_INTERNALFAIL_RETURN,
	PASSDB_RESULT_INTERNALFAIL_RETURN_FAIL,
	PASSDB_RESULT_INTERNALFAIL_CONTINUE,
	PASSDB_RESULT_INTERNALFAIL_CONTINUE_OK,
	PASSDB_RESULT_INTERNALFAIL_CONTINUE_FAIL,
};
enum passdb_auth_verbose {
	PASSDB_AUTH_VERBOSE_DEFAULT,
	PASSDB_AUTH_VERBOSE_YES,
	PASSDB_AUTH_VERBOSE_NO,
};

/* A source of what is known about users, asked in the order of the file. */
struct userdb_settings {
	const char *name;
	const char *driver;
	const char *args;
	const char *default_fields;
	const char *override_fields;
	uint32_t skip;	/* enum userdb_skip */
	uint32_t result_success;
		/* enum userdb_result_success */
	uint32_t result_failure;
		/* enum userdb_result_failure */
	uint32_t result_internalfail;
		/* enum userdb_result_internalfail */
	uint32_t auth_verbose;	/* enum userdb_auth_verbose */
};
extern const struct settings_table userdb_settings_table;
enum userdb_skip {
	USERDB_SKIP_NEVER,
	USERDB_SKIP_FOUND,
	USERDB_SKIP_NOTFOUND,
};
enum userdb_result_success {
	USERDB_RESULT_SUCCESS_RETURN_OK,
	USERDB_RESULT_SUCCESS_RETURN,
	USERDB_RESULT_SUCCESS_RETURN_FAIL,
	USERDB_RESULT_SUCCESS_CONTINUE,
	USERDB_RESULT_SUCCESS_CONTINUE_OK,
	USERDB_RESULT_SUCCESS_CONTINUE_FAIL,
};
enum userdb_result_failure {
	USERDB_RESULT_FAILURE_RETURN_OK,
	USERDB_RESULT_FAILURE_RETURN,
	USERDB_RESULT_FAILURE_RETURN_FAIL,
	USERDB_RESULT_FAILURE_CONTINUE,
	USERDB_RESULT_FAILURE_CONTINUE_OK,
	USERDB_RESULT_FAILURE_CONTINUE_FAIL,
};
enum userdb_result_internalfail {
	USERDB_RESULT_INTERNALFAIL_RETURN_OK,
	USERDB_RESULT_INTERNALFAIL_RETURN,
	USERDB_RESULT_INTERNALFAIL_RETURN_FAIL,
	USERDB_RESULT_INTERNALFAIL_CONTINUE,
	USERDB_RESULT_INTERNALFAIL_CONTINUE_OK,
	USERDB_RESULT_INTERNALFAIL_CONTINUE_FAIL,
};
enum userdb_auth_verbose {
	USERDB_AUTH_VERBOSE_DEFAULT,
	USERDB_AUTH_VERBOSE_YES,
	USERDB_AUTH_VERBOSE_NO,
};

#endif
