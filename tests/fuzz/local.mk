# One block a target; sources are tests/fuzz/fuzz-<name>.c, seeds and findings
# in corpus/<name>/.
if FUZZING
FUZZ_CPPFLAGS = $(CORE_CPPFLAGS)
FUZZ_LIBS = core/base/libbase.la
FUZZ_ACCOUNT_LIBS = core/account/libaccount.la core/io/libio.la $(FUZZ_LIBS)
FUZZ_MESSAGE_LIBS = core/message/libmessage.la core/stream/libstream.la \
	$(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-acl
tests_fuzz_fuzz_acl_SOURCES = %D%/fuzz-acl.c core/mailbox/acl.c
tests_fuzz_fuzz_acl_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_acl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_acl_LDADD = $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-address
tests_fuzz_fuzz_address_SOURCES = %D%/fuzz-address.c
tests_fuzz_fuzz_address_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_address_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_address_LDADD = $(FUZZ_MESSAGE_LIBS)

noinst_LTLIBRARIES += tests/fuzz/libstorage-memory.la
tests_fuzz_libstorage_memory_la_SOURCES = $(STORAGE_MEMORY_SOURCES)
tests_fuzz_libstorage_memory_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=storage_memory
FUZZ_MAILBOX_LIBS = tests/fuzz/libstorage-memory.la \
	core/mailbox/libmailbox.la $(FUZZ_ACCOUNT_LIBS) core/ipc/libipc.la \
	core/module/libmodule.la core/settings/libsettings.la \
	$(FUZZ_MESSAGE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-auth-line
tests_fuzz_fuzz_auth_line_SOURCES = %D%/fuzz-auth-line.c \
	core/auth/auth-line.c core/auth/auth-reply.c
tests_fuzz_fuzz_auth_line_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/core/auth
tests_fuzz_fuzz_auth_line_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_auth_line_LDADD = core/ipc/libipc.la \
	core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-broker
tests_fuzz_fuzz_broker_SOURCES = %D%/fuzz-broker.c %D%/broker-mail.c \
	%D%/broker-mail.h
tests_fuzz_fuzz_broker_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_broker_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_broker_LDADD = $(FUZZ_MAILBOX_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-columns
tests_fuzz_fuzz_columns_SOURCES = %D%/fuzz-columns.c %D%/broker-mail.c \
	%D%/broker-mail.h
tests_fuzz_fuzz_columns_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_columns_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_columns_LDADD = $(FUZZ_MAILBOX_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-remote
tests_fuzz_fuzz_remote_SOURCES = %D%/fuzz-remote.c %D%/broker-mail.c \
	%D%/broker-mail.h
tests_fuzz_fuzz_remote_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_remote_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_remote_LDADD = $(FUZZ_MAILBOX_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-date
tests_fuzz_fuzz_date_SOURCES = %D%/fuzz-date.c
tests_fuzz_fuzz_date_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_date_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_date_LDADD = $(FUZZ_MESSAGE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-deflate
tests_fuzz_fuzz_deflate_SOURCES = %D%/fuzz-deflate.c core/session/deflate.c
tests_fuzz_fuzz_deflate_CPPFLAGS = $(FUZZ_CPPFLAGS) $(ZLIB_CFLAGS)
tests_fuzz_fuzz_deflate_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_deflate_LDADD = $(FUZZ_LIBS) $(ZLIB_LIBS)

check_LTLIBRARIES += tests/fuzz/libdbox-fuzz.la
tests_fuzz_libdbox_fuzz_la_SOURCES = $(STORAGE_DBOX_SOURCES)
tests_fuzz_libdbox_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_dbox

noinst_PROGRAMS += tests/fuzz/fuzz-dbox-container
tests_fuzz_fuzz_dbox_container_SOURCES = %D%/fuzz-dbox-container.c \
	tests/unit/dbox-memory.h
tests_fuzz_fuzz_dbox_container_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_fuzz_fuzz_dbox_container_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dbox_container_LDADD = tests/fuzz/libdbox-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-dbox-lines
tests_fuzz_fuzz_dbox_lines_SOURCES = %D%/fuzz-dbox-lines.c \
	tests/unit/dbox-memory.h
tests_fuzz_fuzz_dbox_lines_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_fuzz_fuzz_dbox_lines_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dbox_lines_LDADD = tests/fuzz/libdbox-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-dovecot-attributes
tests_fuzz_fuzz_dovecot_attributes_SOURCES = %D%/fuzz-dovecot-attributes.c \
	core/takeover/dovecot-attributes.c
tests_fuzz_fuzz_dovecot_attributes_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_dovecot_attributes_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dovecot_attributes_LDADD = core/io/libio.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-dovecot-cache
tests_fuzz_fuzz_dovecot_cache_SOURCES = %D%/fuzz-dovecot-cache.c
tests_fuzz_fuzz_dovecot_cache_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_fuzz_fuzz_dovecot_cache_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dovecot_cache_LDADD = tests/fuzz/libdbox-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-dovecot-index
tests_fuzz_fuzz_dovecot_index_SOURCES = %D%/fuzz-dovecot-index.c
tests_fuzz_fuzz_dovecot_index_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_fuzz_fuzz_dovecot_index_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dovecot_index_LDADD = tests/fuzz/libdbox-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-encoded-word
tests_fuzz_fuzz_encoded_word_SOURCES = %D%/fuzz-encoded-word.c
tests_fuzz_fuzz_encoded_word_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_encoded_word_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_encoded_word_LDADD = $(FUZZ_MESSAGE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-header
tests_fuzz_fuzz_header_SOURCES = %D%/fuzz-header.c
tests_fuzz_fuzz_header_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_header_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_LDADD = $(FUZZ_MESSAGE_LIBS)

check_LTLIBRARIES += tests/fuzz/libimapc-fuzz.la
tests_fuzz_libimapc_fuzz_la_SOURCES = $(STORAGE_IMAPC_SOURCES)
tests_fuzz_libimapc_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_imapc

noinst_PROGRAMS += tests/fuzz/fuzz-imapc
tests_fuzz_fuzz_imapc_SOURCES = %D%/fuzz-imapc.c %D%/client-feed.h
tests_fuzz_fuzz_imapc_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-imapc
tests_fuzz_fuzz_imapc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_imapc_LDADD = tests/fuzz/libimapc-fuzz.la core/stream/libstream.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

check_LTLIBRARIES += tests/fuzz/libmbox-fuzz.la
tests_fuzz_libmbox_fuzz_la_SOURCES = $(STORAGE_MBOX_SOURCES)
tests_fuzz_libmbox_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_mbox

noinst_PROGRAMS += tests/fuzz/fuzz-mbox
tests_fuzz_fuzz_mbox_SOURCES = %D%/fuzz-mbox.c
tests_fuzz_fuzz_mbox_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-mbox
tests_fuzz_fuzz_mbox_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mbox_LDADD = tests/fuzz/libmbox-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-mime
tests_fuzz_fuzz_mime_SOURCES = %D%/fuzz-mime.c
tests_fuzz_fuzz_mime_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_mime_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mime_LDADD = $(FUZZ_MESSAGE_LIBS)

check_LTLIBRARIES += tests/fuzz/libpop3c-fuzz.la
tests_fuzz_libpop3c_fuzz_la_SOURCES = $(STORAGE_POP3C_SOURCES)
tests_fuzz_libpop3c_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_pop3c

noinst_PROGRAMS += tests/fuzz/fuzz-pop3c
tests_fuzz_fuzz_pop3c_SOURCES = %D%/fuzz-pop3c.c %D%/client-feed.h
tests_fuzz_fuzz_pop3c_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-pop3c
tests_fuzz_fuzz_pop3c_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_pop3c_LDADD = tests/fuzz/libpop3c-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-summary
tests_fuzz_fuzz_summary_SOURCES = %D%/fuzz-summary.c
tests_fuzz_fuzz_summary_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_summary_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_summary_LDADD = $(FUZZ_MESSAGE_LIBS)

check_LTLIBRARIES += tests/fuzz/libimap-fuzz.la
tests_fuzz_libimap_fuzz_la_SOURCES = $(IMAP_SOURCES)
tests_fuzz_libimap_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=imap
IMAP_FUZZ_MOCK = tests/unit/imap-mock.c tests/unit/imap-mock.h \
	tests/unit/imap-mock-boxes.c tests/unit/imap-mock-conn.c \
	tests/unit/imap-mock-convert.c \
	tests/unit/imap-mock-mailbox.c tests/unit/imap-mock-private.h \
	tests/unit/imap-mock-search.c tests/unit/imap-mock-session.c \
	tests/unit/imap-mock-session.h core/mailbox/mail-section.c \
	core/mailbox/mail-url.c
IMAP_FUZZ_CPPFLAGS = $(FUZZ_CPPFLAGS) -I$(top_srcdir)/plugins/imap \
	-I$(top_srcdir)/tests/unit

noinst_PROGRAMS += tests/fuzz/fuzz-html-text
tests_fuzz_fuzz_html_text_SOURCES = %D%/fuzz-html-text.c
tests_fuzz_fuzz_html_text_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_html_text_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_html_text_LDADD = $(FUZZ_MESSAGE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-text-convert
tests_fuzz_fuzz_text_convert_SOURCES = %D%/fuzz-text-convert.c
tests_fuzz_fuzz_text_convert_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_text_convert_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_text_convert_LDADD = $(FUZZ_MESSAGE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-imap-args
tests_fuzz_fuzz_imap_args_SOURCES = %D%/fuzz-imap-args.c $(IMAP_FUZZ_MOCK)
tests_fuzz_fuzz_imap_args_CPPFLAGS = $(IMAP_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_imap_args_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_imap_args_LDADD = tests/fuzz/libimap-fuzz.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-imap-parser
tests_fuzz_fuzz_imap_parser_SOURCES = %D%/fuzz-imap-parser.c $(IMAP_FUZZ_MOCK)
tests_fuzz_fuzz_imap_parser_CPPFLAGS = $(IMAP_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_imap_parser_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_imap_parser_LDADD = tests/fuzz/libimap-fuzz.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-imap-preauth
tests_fuzz_fuzz_imap_preauth_SOURCES = %D%/fuzz-imap-preauth.c $(IMAP_FUZZ_MOCK)
tests_fuzz_fuzz_imap_preauth_CPPFLAGS = $(IMAP_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_imap_preauth_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_imap_preauth_LDADD = tests/fuzz/libimap-fuzz.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-imap-session
tests_fuzz_fuzz_imap_session_SOURCES = %D%/fuzz-imap-session.c $(IMAP_FUZZ_MOCK)
tests_fuzz_fuzz_imap_session_CPPFLAGS = $(IMAP_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_imap_session_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_imap_session_LDADD = tests/fuzz/libimap-fuzz.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-mail-url
tests_fuzz_fuzz_mail_url_SOURCES = %D%/fuzz-mail-url.c \
	core/mailbox/mail-section.c core/mailbox/mail-structure.c \
	core/mailbox/mail-url.c
tests_fuzz_fuzz_mail_url_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_mail_url_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_mail_url_LDADD = $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-journal
tests_fuzz_fuzz_journal_SOURCES = %D%/fuzz-journal.c %D%/account-exercise.h
tests_fuzz_fuzz_journal_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_journal_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_journal_LDADD = $(FUZZ_ACCOUNT_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-snapshot
tests_fuzz_fuzz_snapshot_SOURCES = %D%/fuzz-snapshot.c %D%/account-exercise.h
tests_fuzz_fuzz_snapshot_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_snapshot_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_snapshot_LDADD = $(FUZZ_ACCOUNT_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-ipc
tests_fuzz_fuzz_ipc_SOURCES = %D%/fuzz-ipc.c core/master/boot.c \
	core/master/log-line.c core/master/selftest.c \
	core/delivery/delivery-message.c
tests_fuzz_fuzz_ipc_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_ipc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_ipc_LDADD = core/ipc/libipc.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-script
tests_fuzz_fuzz_script_SOURCES = %D%/fuzz-script.c
tests_fuzz_fuzz_script_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_script_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_script_LDADD = core/ipc/libipc.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-lmtp
check_LTLIBRARIES += tests/fuzz/liblmtp-mock.la
tests_fuzz_liblmtp_mock_la_SOURCES = $(LMTP_SOURCES)
tests_fuzz_liblmtp_mock_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=lmtp
tests_fuzz_fuzz_lmtp_SOURCES = %D%/fuzz-lmtp.c tests/unit/lmtp-mock.c \
	tests/unit/lmtp-mock.h
tests_fuzz_fuzz_lmtp_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/lmtp -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_lmtp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_lmtp_LDADD = tests/fuzz/liblmtp-mock.la \
	core/stream/libstream.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-settings
tests_fuzz_fuzz_settings_SOURCES = %D%/fuzz-settings.c
tests_fuzz_fuzz_settings_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/core/settings
tests_fuzz_fuzz_settings_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_settings_LDADD = core/settings/libsettings.la \
	core/settings/libdigest.la $(FUZZ_LIBS) \
	$(OPENSSL_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-module-wire
tests_fuzz_fuzz_module_wire_SOURCES = %D%/fuzz-module-wire.c
tests_fuzz_fuzz_module_wire_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_module_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_module_wire_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-apppassword
tests_fuzz_fuzz_apppassword_SOURCES = %D%/fuzz-apppassword.c \
	plugins/auth-apppassword/apppassword-line.c
tests_fuzz_fuzz_apppassword_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/auth-apppassword
tests_fuzz_fuzz_apppassword_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_apppassword_LDADD = $(FUZZ_LIBS)

if HAVE_JANSSON
noinst_LTLIBRARIES += tests/fuzz/libjwt-fuzz.la
tests_fuzz_libjwt_fuzz_la_SOURCES = $(OAUTH2_TOKEN_SOURCES)
tests_fuzz_libjwt_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_oauth2 \
	$(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz-jwt
tests_fuzz_fuzz_jwt_SOURCES = %D%/fuzz-jwt.c
tests_fuzz_fuzz_jwt_CPPFLAGS = $(FUZZ_CPPFLAGS) -DCV_PLUGIN=auth_oauth2 \
	-I$(top_srcdir)/plugins/auth-oauth2
tests_fuzz_fuzz_jwt_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_jwt_LDADD = tests/fuzz/libjwt-fuzz.la \
	core/module/libmodule.la core/settings/libsettings.la $(FUZZ_LIBS) \
	$(JANSSON_LIBS) $(OPENSSL_LIBS)
endif

if PLUGIN_AUTH_OTP
noinst_LTLIBRARIES += tests/fuzz/libotp-fuzz.la
tests_fuzz_libotp_fuzz_la_SOURCES = $(AUTH_OTP_SOURCES)
tests_fuzz_libotp_fuzz_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_otp \
	$(OPENSSL_CFLAGS)
noinst_PROGRAMS += tests/fuzz/fuzz-otp
tests_fuzz_fuzz_otp_SOURCES = %D%/fuzz-otp.c
tests_fuzz_fuzz_otp_CPPFLAGS = $(FUZZ_CPPFLAGS) -DCV_PLUGIN=auth_otp
tests_fuzz_fuzz_otp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_otp_LDADD = tests/fuzz/libotp-fuzz.la \
	core/module/libmodule.la $(AUTH_LIBS) $(FUZZ_LIBS)
endif

noinst_PROGRAMS += tests/fuzz/fuzz-passwd-file
tests_fuzz_fuzz_passwd_file_SOURCES = %D%/fuzz-passwd-file.c \
	plugins/auth-passwd-file/passwd-file.c
tests_fuzz_fuzz_passwd_file_CPPFLAGS = $(FUZZ_CPPFLAGS) \
	-I$(top_srcdir)/plugins/auth-passwd-file
tests_fuzz_fuzz_passwd_file_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_passwd_file_LDADD = $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-proxy-header
tests_fuzz_fuzz_proxy_header_SOURCES = %D%/fuzz-proxy-header.c
tests_fuzz_fuzz_proxy_header_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_proxy_header_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_proxy_header_LDADD = core/net/libnet.la $(FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-sasl
tests_fuzz_fuzz_sasl_SOURCES = %D%/fuzz-sasl.c
tests_fuzz_fuzz_sasl_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_sasl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_sasl_LDADD = $(AUTH_LIBS) $(FUZZ_LIBS)

# sockets and pipes are in memory: sync-feed.c
SYNC_FEED = %D%/sync-feed.c %D%/sync-feed.h
SYNC_FEED_WRAP = -Wl,--wrap=read,--wrap=write,--wrap=poll,--wrap=recv \
	-Wl,--wrap=send,--wrap=socket,--wrap=connect
SYNC_FUZZ_LIBS = core/sync/libsync.la core/mailbox/libmailbox.la \
	core/stream/libstream.la core/io/libio.la core/module/libmodule.la \
	core/settings/libsettings.la $(FUZZ_LIBS) $(LIBEVENT_LIBS) \
	$(OPENSSL_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-sync-wire
tests_fuzz_fuzz_sync_wire_SOURCES = %D%/fuzz-sync-wire.c \
	%D%/sync-memory.c %D%/sync-memory.h $(SYNC_FEED)
tests_fuzz_fuzz_sync_wire_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_sync_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS) \
	$(SYNC_FEED_WRAP)
tests_fuzz_fuzz_sync_wire_LDADD = $(SYNC_FUZZ_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-utf7
tests_fuzz_fuzz_utf7_SOURCES = %D%/fuzz-utf7.c
tests_fuzz_fuzz_utf7_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_utf7_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_utf7_LDADD = $(FUZZ_LIBS)
endif
