/* core-settings-server.c - what core may be told about
 * the server: processes, logging, logins, TLS.
 *
 * Each row is the declaration, the default, the check and the manual of one
 * setting. */
#include "core-settings.h"

static const struct cv_setting_def general_setting_defs[] = {
	CV_SETTING(general_settings, base_dir, CV_SET_PATH,
		CULVER_RUNDIR, NULL, 0,
		"Directory of the sockets and the pid file."),
	CV_SETTING(general_settings, state_dir, CV_SET_PATH,
		CULVER_STATEDIR, NULL, 0,
		"Directory of what must survive a restart."),
	CV_SETTING(general_settings, libexec_dir, CV_SET_PATH,
		CULVER_SERVICEDIR, NULL, CV_SET_ADVANCED,
		"Directory of the service programs."),
	CV_SETTING(general_settings, protocols, CV_SET_LIST,
		"", NULL, 0,
		"Protocols to serve; each needs its plugin."),
	CV_SETTING(general_settings, listen, CV_SET_STRING,
		"*, ::", NULL, 0,
		"Addresses that inet_listeners without an address of "
		"their own listen on; * is all of IPv4, :: all of IPv6."),
	CV_SETTING(general_settings, instance_name, CV_SET_STRING,
		"culver", NULL, 0,
		"Name of this instance in the process list and in "
		"culveradm."),
	CV_SETTING(general_settings, hostname, CV_SET_STRING,
		"", NULL, 0,
		"Name of this host in greetings and Received headers; "
		"empty: ask the system."),
	CV_SETTING(general_settings, shutdown_clients, CV_SET_BOOL,
		"yes", NULL, 0,
		"Stopping the server ends the running sessions too."),
	CV_SETTING(general_settings, import_environment, CV_SET_LIST,
		"TZ CORE_OUTOFMEM CORE_ERROR LISTEN_PID LISTEN_FDS "
		"NOTIFY_SOCKET", NULL, 0,
		"Environment variables that the service processes "
		"keep; NAME=value sets one."),
	CV_SETTING(general_settings, default_internal_user, CV_SET_STRING,
		"culver", NULL, 0,
		"User of the processes that need no privileges but "
		"must be told apart from the login processes."),
	CV_SETTING(general_settings, default_internal_group, CV_SET_STRING,
		"culver", NULL, 0,
		"Group of the internal sockets."),
	CV_SETTING(general_settings, default_login_user, CV_SET_STRING,
		"culvernull", NULL, 0,
		"User of the login processes; it should own nothing."),
	CV_SETTING(general_settings, default_process_limit, CV_SET_UINT,
		"100", "1..1000000", 0,
		"process_limit of a service that gives none."),
	CV_SETTING(general_settings, default_client_limit, CV_SET_UINT,
		"1000", "1..1000000", 0,
		"client_limit of a service that gives none."),
	CV_SETTING(general_settings, default_vsz_limit, CV_SET_SIZE,
		"256 M", NULL, 0,
		"Memory a process of a service may use (address space)."),
	CV_SETTING(general_settings, default_idle_kill, CV_SET_TIME,
		"1 mins", NULL, 0,
		"After this time an idle process ends, beyond "
		"process_min_avail."),
	CV_SETTING(general_settings, verbose_proctitle, CV_SET_BOOL,
		"no", NULL, 0,
		"Show the user and the client's address in the process "
		"list."),
	CV_SETTING(general_settings, sandbox, CV_SET_ENUM,
		"auto", "auto|required|no", 0,
		"Confinement of the processes: auto uses what the "
		"kernel has, required refuses to start without it, no "
		"is for debugging."),
	CV_SETTING(general_settings, plugin_on_error, CV_SET_ENUM,
		"fail", "fail|skip", 0,
		"What happens when a plugin cannot be loaded: the "
		"process refuses to start, or goes on without it."),
	CV_SETTING(general_settings, mail_plugin_dir, CV_SET_PATH,
		CULVER_PLUGINDIR, NULL, 0,
		"Directory of the plugins."),
	CV_SETTING(general_settings, mail_plugins, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Plugins to load; usually extended for a protocol with "
		"mail_plugins = $mail_plugins name."),
};
const struct settings_table general_settings_table = SETTINGS_TABLE(
	"general", NULL,
	general_settings, general_setting_defs);

static const struct cv_setting_def log_setting_defs[] = {
	CV_SETTING(log_settings, log_path, CV_SET_STRING,
		"syslog", NULL, CV_SET_RELOADABLE,
		"Where errors and warnings go: syslog, journal, "
		"/dev/stderr or a file."),
	CV_SETTING(log_settings, info_log_path, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Where informational lines go; empty: as log_path."),
	CV_SETTING(log_settings, debug_log_path, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Where debug lines go; empty: as info_log_path."),
	CV_SETTING(log_settings, syslog_facility, CV_SET_STRING,
		"mail", NULL, CV_SET_RELOADABLE,
		"Facility for syslog."),
	CV_SETTING(log_settings, log_timestamp, CV_SET_STRING,
		"%b %d %H:%M:%S ", NULL, CV_SET_RELOADABLE,
		"strftime format before each line of a log file."),
	CV_SETTING(log_settings, log_debug, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Categories whose debug lines are logged: "
		"category=auth category=mail."),
	CV_SETTING(log_settings, log_core_filter, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Events after which the process writes a core dump."),
	CV_SETTING(log_settings, mail_debug, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Log what happens with mailboxes and sessions in "
		"detail."),
	CV_SETTING(log_settings, verbose_ssl, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Log TLS protocol errors of clients."),
	CV_SETTING(log_settings, mail_log_prefix, CV_SET_STRING,
		"%s(%u)<%{pid}><%{session}>: ", NULL,
		CV_SET_EXPAND | CV_SET_RELOADABLE,
		"Put before each log line of a session."),
	CV_SETTING(log_settings, log_format, CV_SET_ENUM,
		"text", "text|json", CV_SET_RELOADABLE,
		"Lines for people, or one JSON object a line."),
};
const struct settings_table log_settings_table = SETTINGS_TABLE(
	"log", NULL,
	log_settings, log_setting_defs);

static const struct cv_setting_def login_setting_defs[] = {
	CV_SETTING(login_settings, login_greeting, CV_SET_STRING,
		"Culver ready.", NULL, CV_SET_RELOADABLE,
		"Text of the greeting."),
	CV_SETTING(login_settings, login_log_format, CV_SET_STRING,
		"%$: %s", NULL, CV_SET_RELOADABLE,
		"Log line of a login: %$ is the fields, %s the message."),
	CV_SETTING(login_settings, login_log_format_elements, CV_SET_STRING,
		"user=<%u> method=%m rip=%r lip=%l mpid=%e %c "
		"session=<%{session}>", NULL, CV_SET_RELOADABLE,
		"Fields of a login's log line; those without a value "
		"are left out."),
	CV_SETTING(login_settings, login_trusted_networks, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Networks of proxies that may tell the client's real "
		"address and may log in without TLS."),
	CV_SETTING(login_settings, login_timeout, CV_SET_TIME,
		"3 mins", NULL, CV_SET_RELOADABLE | CV_SET_ADVANCED,
		"Time a client has to log in."),
	CV_SETTING(login_settings, disable_plaintext_auth, CV_SET_BOOL,
		"yes", NULL, CV_SET_RELOADABLE,
		"Refuse passwords that travel unencrypted, except from "
		"this host."),
	CV_SETTING(login_settings, haproxy_trusted_networks, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Networks that may send a PROXY protocol header."),
	CV_SETTING(login_settings, haproxy_timeout, CV_SET_TIME,
		"3 secs", NULL, CV_SET_RELOADABLE,
		"Time a proxy has to send its header."),
	CV_SETTING(login_settings, mail_max_userip_connections, CV_SET_UINT,
		"10", "0..1000000",
		CV_SET_PER_USER | CV_SET_RELOADABLE,
		"Connections of one user from one address; 0: no limit."),
	CV_SETTING(login_settings, rawlog_dir, CV_SET_PATH,
		"", NULL, CV_SET_EXPAND | CV_SET_PER_USER,
		"Directory for records of all that a session sends and "
		"receives; a session is recorded when the directory "
		"exists."),
	CV_SETTING(login_settings, login_proxy_timeout, CV_SET_TIME,
		"30 secs", "1s..1h", CV_SET_RELOADABLE,
		"How long a proxied login waits for the server that has the "
		"mail, at each step; the passdb's proxy_timeout goes "
		"first."),
	CV_SETTING(login_settings, login_proxy_max_reconnects, CV_SET_UINT,
		"3", "0..1000", CV_SET_RELOADABLE,
		"How often, a second apart, a proxied session connects again "
		"to a server that does not take it or has broken off, before "
		"it gives up."),
	CV_SETTING(login_settings, login_source_ips, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"Addresses that proxied sessions connect from, one after the "
		"other; empty: the system chooses."),
};
const struct settings_table login_settings_table = SETTINGS_TABLE(
	"login", NULL,
	login_settings, login_setting_defs);

static const struct cv_setting_def ssl_setting_defs[] = {
	CV_SETTING(ssl_settings, ssl, CV_SET_ENUM,
		"yes", "no|yes|required", CV_SET_RELOADABLE,
		"TLS: off, offered, or needed before a login."),
	CV_SETTING(ssl_settings, ssl_cert, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Certificate with its chain in PEM form; usually "
		"</path."),
	CV_SETTING(ssl_settings, ssl_key, CV_SET_STRING,
		"", NULL, CV_SET_SECRET | CV_SET_RELOADABLE,
		"Private key in PEM form; usually </path."),
	CV_SETTING(ssl_settings, ssl_key_password, CV_SET_STRING,
		"", NULL, CV_SET_SECRET | CV_SET_RELOADABLE,
		"Password of an encrypted private key."),
	CV_SETTING(ssl_settings, ssl_alt_cert, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"A second certificate with another kind of key (RSA "
		"beside ECDSA)."),
	CV_SETTING(ssl_settings, ssl_alt_key, CV_SET_STRING,
		"", NULL, CV_SET_SECRET | CV_SET_RELOADABLE,
		"Private key of ssl_alt_cert."),
	CV_SETTING(ssl_settings, ssl_ca, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Authorities that sign client certificates, in PEM "
		"form."),
	CV_SETTING(ssl_settings, ssl_require_crl, CV_SET_BOOL,
		"yes", NULL, CV_SET_RELOADABLE,
		"Client certificates need a valid revocation list in "
		"ssl_ca."),
	CV_SETTING(ssl_settings, ssl_verify_client_cert, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"Ask clients for a certificate."),
	CV_SETTING(ssl_settings, ssl_cert_username_field, CV_SET_STRING,
		"commonName", NULL, CV_SET_RELOADABLE,
		"Field of the client certificate that holds the user "
		"name."),
	CV_SETTING(ssl_settings, ssl_min_protocol, CV_SET_ENUM,
		"TLSv1.2", "TLSv1.2|TLSv1.3|ANY|TLSv1|TLSv1.1",
		CV_SET_RELOADABLE,
		"Lowest version of TLS; those below TLSv1.2 are "
		"treated as TLSv1.2."),
	CV_SETTING(ssl_settings, ssl_cipher_list, CV_SET_STRING,
		"ALL:!kRSA:!SRP:!kDHd:!DSS:!aNULL:!eNULL:!EXPORT:!DES:!"
		"3DES:!MD5:!PSK:!RC4:!ADH:!LOW@STRENGTH", NULL,
		CV_SET_RELOADABLE,
		"Ciphers up to TLSv1.2, in the notation of OpenSSL."),
	CV_SETTING(ssl_settings, ssl_cipher_suites, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Cipher suites of TLSv1.3; empty: those of OpenSSL."),
	CV_SETTING(ssl_settings, ssl_curve_list, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Groups for the key exchange, P-521:P-384; empty: "
		"those of OpenSSL."),
	CV_SETTING(ssl_settings, ssl_prefer_server_ciphers, CV_SET_BOOL,
		"no", NULL, CV_SET_RELOADABLE,
		"The server's order of ciphers counts."),
	CV_SETTING(ssl_settings, ssl_options, CV_SET_LIST,
		"", NULL, CV_SET_RELOADABLE,
		"no_ticket: no session tickets; no_compression."),
	CV_SETTING(ssl_settings, ssl_dh, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Parameters for non-ECC Diffie-Hellman in PEM form; "
		"empty: OpenSSL's own groups."),
	CV_SETTING(ssl_settings, ssl_client_ca_file, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Authorities for outgoing connections: a file."),
	CV_SETTING(ssl_settings, ssl_client_ca_dir, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Authorities for outgoing connections: a directory."),
	CV_SETTING(ssl_settings, ssl_client_cert, CV_SET_STRING,
		"", NULL, CV_SET_RELOADABLE,
		"Certificate that proxied sessions and LMTP show to other "
		"servers, in PEM form; usually </path."),
	CV_SETTING(ssl_settings, ssl_client_key, CV_SET_STRING,
		"", NULL, CV_SET_SECRET | CV_SET_RELOADABLE,
		"Its private key in PEM form; usually </path."),
	CV_SETTING(ssl_settings, ssl_client_require_valid_cert, CV_SET_BOOL,
		"yes", NULL, CV_SET_RELOADABLE,
		"Outgoing connections need a valid certificate of the "
		"server."),
};
const struct settings_table ssl_settings_table = SETTINGS_TABLE(
	"ssl", NULL,
	ssl_settings, ssl_setting_defs);

static const struct cv_setting_def service_setting_defs[] = {
	CV_SETTING(service_settings, protocol, CV_SET_STRING,
		"", NULL, CV_SET_ADVANCED,
		"Protocol it serves; the service runs when it is in "
		"protocols. Empty: always."),
	CV_SETTING(service_settings, type, CV_SET_ENUM,
		"", "|startup|login|log|config|worker|anvil|stats",
		CV_SET_ADVANCED,
		"How the master treats it."),
	CV_SETTING(service_settings, executable, CV_SET_STRING,
		"", NULL, 0,
		"Program and its arguments, in libexec_dir; imap "
		"post-login names the socket of a post-login script."),
	CV_SETTING(service_settings, user, CV_SET_STRING,
		"", NULL, 0,
		"User of the processes; empty: as the service needs."),
	CV_SETTING(service_settings, group, CV_SET_STRING,
		"", NULL, 0,
		"Group of the processes; empty: that of the user."),
	CV_SETTING(service_settings, privileged_group, CV_SET_STRING,
		"", NULL, 0,
		"Group that sessions take for a moment, for lock files "
		"beside mbox files; empty: mail_privileged_group."),
	CV_SETTING(service_settings, extra_groups, CV_SET_STRING,
		"", NULL, 0,
		"Further groups."),
	CV_SETTING(service_settings, chroot, CV_SET_STRING,
		"", NULL, 0,
		"Root directory of login processes and anvil, in base_dir "
		"or with its whole path; login and empty are the empty "
		"directory that is made for them. Others have none."),
	CV_SETTING(service_settings, drop_priv_before_exec, CV_SET_BOOL,
		"no", NULL, 0,
		"Drop privileges before the program starts, so that "
		"core dumps are possible."),
	CV_SETTING(service_settings, process_min_avail, CV_SET_UINT,
		"0", "0..100000", 0,
		"Processes of auth-worker that wait for work (0: they start "
		"when there is some), and of a login service "
		"whose service_count is not 1 (0: one for each processor). "
		"Others have one."),
	CV_SETTING(service_settings, process_limit, CV_SET_UINT,
		"0", "0..1000000", 0,
		"Processes at most; 0: default_process_limit."),
	CV_SETTING(service_settings, client_limit, CV_SET_UINT,
		"0", "0..1000000", 0,
		"Clients of one process; 0: default_client_limit."),
	CV_SETTING(service_settings, service_count, CV_SET_UINT,
		"0", "0..4294967295", 0,
		"Clients after which a process ends; 0: no limit. Login "
		"services: 1, the default, gives each client a process of "
		"its own; others share them, which costs less memory and "
		"holds the plaintext of many users in one process."),
	CV_SETTING(service_settings, idle_kill, CV_SET_TIME,
		"0", NULL, 0,
		"Idle time after which a process ends; 0: "
		"default_idle_kill."),
	CV_SETTING(service_settings, vsz_limit, CV_SET_SIZE,
		"18446744073709551615 B", NULL, 0,
		"Memory a process may use; the largest number: "
		"default_vsz_limit."),
};
const struct settings_table service_settings_table = SETTINGS_TABLE(
	"service", "service",
	service_settings, service_setting_defs);

static const struct cv_setting_def unix_listener_setting_defs[] = {
	CV_SETTING(unix_listener_settings, type, CV_SET_ENUM,
		"", "|auth-legacy|client|login|master|userdb",
		CV_SET_ADVANCED,
		"What is spoken there, in service auth; empty: what the end "
		"of its name says (auth-userdb, auth-master), passwords are "
		"checked (client) otherwise."),
	CV_SETTING(unix_listener_settings, path, CV_SET_STRING,
		"", NULL, 0,
		"Path of the socket; default: the name of the block."),
	CV_SETTING(unix_listener_settings, mode, CV_SET_MODE,
		"0600", NULL, 0,
		"Permissions of the socket; 0: no socket."),
	CV_SETTING(unix_listener_settings, user, CV_SET_STRING,
		"", NULL, 0,
		"Owner of the socket."),
	CV_SETTING(unix_listener_settings, group, CV_SET_STRING,
		"", NULL, 0,
		"Group of the socket."),
};
const struct settings_table unix_listener_settings_table = SETTINGS_TABLE(
	"unix_listener", "service/unix_listener",
	unix_listener_settings, unix_listener_setting_defs);

static const struct cv_setting_def fifo_listener_setting_defs[] = {
	CV_SETTING(fifo_listener_settings, path, CV_SET_STRING,
		"", NULL, 0,
		"Path of the FIFO; default: the name of the block."),
	CV_SETTING(fifo_listener_settings, mode, CV_SET_MODE,
		"0600", NULL, 0,
		"Permissions of the FIFO; 0: no FIFO."),
	CV_SETTING(fifo_listener_settings, user, CV_SET_STRING,
		"", NULL, 0,
		"Owner of the FIFO."),
	CV_SETTING(fifo_listener_settings, group, CV_SET_STRING,
		"", NULL, 0,
		"Group of the FIFO."),
};
const struct settings_table fifo_listener_settings_table = SETTINGS_TABLE(
	"fifo_listener", "service/fifo_listener",
	fifo_listener_settings, fifo_listener_setting_defs);

static const struct cv_setting_def inet_listener_setting_defs[] = {
	CV_SETTING(inet_listener_settings, type, CV_SET_ENUM,
		"", "|auth-legacy|client|login|master|userdb",
		CV_SET_ADVANCED,
		"What is spoken there, in service auth; empty: what the end "
		"of its name says (auth-userdb, auth-master), passwords are "
		"checked (client) otherwise."),
	CV_SETTING(inet_listener_settings, address, CV_SET_STRING,
		"", NULL, 0,
		"Addresses to listen on; empty: listen."),
	CV_SETTING(inet_listener_settings, port, CV_SET_UINT,
		"0", "0..65535", 0,
		"Port; 0: not at all."),
	CV_SETTING(inet_listener_settings, ssl, CV_SET_BOOL,
		"no", NULL, 0,
		"TLS from the first byte."),
	CV_SETTING(inet_listener_settings, reuse_port, CV_SET_BOOL,
		"no", NULL, 0,
		"Several processes listen for themselves."),
	CV_SETTING(inet_listener_settings, haproxy, CV_SET_BOOL,
		"no", NULL, 0,
		"Each connection begins with a PROXY protocol header."),
};
const struct settings_table inet_listener_settings_table = SETTINGS_TABLE(
	"inet_listener", "service/inet_listener",
	inet_listener_settings, inet_listener_setting_defs);

