# One line a test; sources are tests/unit/test-<name>.c.
UNIT_TESTS =
UNIT_LIBS = core/base/libbase.la $(CMOCKA_LIBS)
UNIT_CPPFLAGS = $(CORE_CPPFLAGS) $(CMOCKA_CFLAGS) -Wno-missing-prototypes

if HAVE_CMOCKA
UNIT_TESTS += tests/unit/test-account
tests_unit_test_account_SOURCES = %D%/test-account.c %D%/account-fixture.h
tests_unit_test_account_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_account_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-account-rotation
tests_unit_test_account_rotation_SOURCES = %D%/test-account-rotation.c %D%/account-fixture.h
tests_unit_test_account_rotation_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_account_rotation_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-account-annotations
tests_unit_test_account_annotations_SOURCES = \
	%D%/test-account-annotations.c %D%/account-fixture.h
tests_unit_test_account_annotations_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_account_annotations_LDADD = core/account/libaccount.la \
	core/io/libio.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-acl
tests_unit_test_acl_SOURCES = %D%/test-acl.c core/mailbox/acl.c
tests_unit_test_acl_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_acl_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-acl-global
tests_unit_test_acl_global_SOURCES = %D%/test-acl-global.c \
	%D%/mailbox-fixture.h
tests_unit_test_acl_global_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_acl_global_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-acl-shared
tests_unit_test_acl_shared_SOURCES = %D%/test-acl-shared.c \
	%D%/mailbox-fixture.h
tests_unit_test_acl_shared_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_acl_shared_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-anvil
tests_unit_test_anvil_SOURCES = %D%/test-anvil.c core/master/anvil-service.c
tests_unit_test_anvil_CPPFLAGS = $(UNIT_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_test_anvil_LDADD = core/ipc/libipc.la $(UNIT_LIBS) \
	$(LIBEVENT_LIBS)

AUTH_LIBS = core/auth/libauth.la core/net/libnet.la core/ipc/libipc.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS) \
	$(LIBEVENT_LIBS) $(OPENSSL_LIBS)
AUTH_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/core/settings \
	-I$(top_srcdir)/tests/unit $(LIBEVENT_CFLAGS)

UNIT_TESTS += tests/unit/test-auth-cache
tests_unit_test_auth_cache_SOURCES = %D%/test-auth-cache.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_cache_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_cache_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-dovecot
tests_unit_test_auth_dovecot_SOURCES = %D%/test-auth-dovecot.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_dovecot_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_dovecot_LDADD = $(AUTH_LIBS)

if PLUGIN_AUTH_PAM
UNIT_TESTS += tests/unit/test-auth-facts
tests_unit_test_auth_facts_SOURCES = %D%/test-auth-facts.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_facts_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_facts_LDADD = $(AUTH_LIBS)
endif

if PLUGIN_AUTH_PAM
UNIT_TESTS += tests/unit/test-auth-pam
tests_unit_test_auth_pam_SOURCES = %D%/test-auth-pam.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_pam_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_pam_LDADD = $(AUTH_LIBS)
endif

UNIT_TESTS += tests/unit/test-auth-line
tests_unit_test_auth_line_SOURCES = %D%/test-auth-line.c
tests_unit_test_auth_line_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_line_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-peer
tests_unit_test_auth_peer_SOURCES = %D%/test-auth-peer.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_peer_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_peer_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-password
tests_unit_test_auth_password_SOURCES = %D%/test-auth-password.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_password_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_password_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-penalty
tests_unit_test_auth_penalty_SOURCES = %D%/test-auth-penalty.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_penalty_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_penalty_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-request
tests_unit_test_auth_request_SOURCES = %D%/test-auth-request.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_request_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_request_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-sasl
tests_unit_test_auth_sasl_SOURCES = %D%/test-auth-sasl.c
tests_unit_test_auth_sasl_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_sasl_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-mechs
tests_unit_test_auth_mechs_SOURCES = %D%/test-auth-mechs.c \
	%D%/sasl-helper.h
tests_unit_test_auth_mechs_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_mechs_LDADD = $(AUTH_LIBS)

if PLUGIN_AUTH_OTP
UNIT_TESTS += tests/unit/test-auth-otp
tests_unit_test_auth_otp_SOURCES = %D%/test-auth-otp.c
tests_unit_test_auth_otp_CPPFLAGS = $(AUTH_CPPFLAGS) -DCV_PLUGIN=auth_otp
tests_unit_test_auth_otp_LDADD = tests/unit/libauth-otp.la \
	core/module/libmodule.la $(AUTH_LIBS) $(OPENSSL_LIBS)
check_LTLIBRARIES += tests/unit/libauth-otp.la
tests_unit_libauth_otp_la_SOURCES = $(AUTH_OTP_SOURCES)
tests_unit_libauth_otp_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_otp \
	$(OPENSSL_CFLAGS)
endif

UNIT_TESTS += tests/unit/test-auth-saslprep
tests_unit_test_auth_saslprep_SOURCES = %D%/test-auth-saslprep.c
tests_unit_test_auth_saslprep_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_saslprep_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-scram
tests_unit_test_auth_scram_SOURCES = %D%/test-auth-scram.c \
	%D%/sasl-helper.h
tests_unit_test_auth_scram_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_scram_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-service
tests_unit_test_auth_service_SOURCES = %D%/test-auth-service.c \
	%D%/auth-fixture.h %D%/settings-helper.h
tests_unit_test_auth_service_CPPFLAGS = $(AUTH_CPPFLAGS)
tests_unit_test_auth_service_LDADD = $(AUTH_LIBS)

UNIT_TESTS += tests/unit/test-auth-ldap-attrs
tests_unit_test_auth_ldap_attrs_SOURCES = %D%/test-auth-ldap-attrs.c
tests_unit_test_auth_ldap_attrs_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-DCV_PLUGIN=auth_ldap -Wno-missing-prototypes
tests_unit_test_auth_ldap_attrs_LDADD = tests/unit/libauth-ldap-attrs.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)
check_LTLIBRARIES += tests/unit/libauth-ldap-attrs.la
tests_unit_libauth_ldap_attrs_la_SOURCES = plugins/auth-ldap/ldap-attrs.c \
	plugins/auth-ldap/ldap-template.c plugins/db-common/db-value.c
tests_unit_libauth_ldap_attrs_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_ldap

if PLUGIN_SQL_SQLITE
UNIT_TESTS += tests/unit/test-route
tests_unit_test_route_SOURCES = %D%/test-route.c
tests_unit_test_route_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	$(SQLITE_CFLAGS) -DCV_PLUGIN=auth_route -Wno-missing-prototypes
tests_unit_test_route_LDADD = tests/unit/libauth-route.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS) \
	$(SQLITE_LIBS) -lm
check_LTLIBRARIES += tests/unit/libauth-route.la
tests_unit_libauth_route_la_SOURCES = plugins/auth-route/route-file.c \
	plugins/auth-route/route-hash.c plugins/auth-route/route-store.c
tests_unit_libauth_route_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_route
endif

UNIT_TESTS += tests/unit/test-auth-sql-query
tests_unit_test_auth_sql_query_SOURCES = %D%/test-auth-sql-query.c
tests_unit_test_auth_sql_query_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-DCV_PLUGIN=auth_sql -Wno-missing-prototypes
tests_unit_test_auth_sql_query_LDADD = tests/unit/libauth-sql-query.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)
check_LTLIBRARIES += tests/unit/libauth-sql-query.la
tests_unit_libauth_sql_query_la_SOURCES = plugins/auth-sql/sql-query.c \
	plugins/db-common/db-value.c
tests_unit_libauth_sql_query_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_sql

UNIT_TESTS += tests/unit/test-policy-json
tests_unit_test_policy_json_SOURCES = %D%/test-policy-json.c
tests_unit_test_policy_json_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-DCV_PLUGIN=auth_policy -Wno-missing-prototypes
tests_unit_test_policy_json_LDADD = tests/unit/libpolicy-json.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)
check_LTLIBRARIES += tests/unit/libpolicy-json.la
tests_unit_libpolicy_json_la_SOURCES = plugins/auth-policy/policy-json.c
tests_unit_libpolicy_json_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_policy

if HAVE_JANSSON
UNIT_TESTS += tests/unit/test-oauth2-jwt
tests_unit_test_oauth2_jwt_SOURCES = %D%/test-oauth2-jwt.c
tests_unit_test_oauth2_jwt_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-DCV_PLUGIN=auth_oauth2 -Wno-missing-prototypes
tests_unit_test_oauth2_jwt_LDADD = tests/unit/liboauth2-token.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)
check_LTLIBRARIES += tests/unit/liboauth2-token.la
tests_unit_liboauth2_token_la_SOURCES = $(OAUTH2_TOKEN_SOURCES)
tests_unit_liboauth2_token_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_oauth2 $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_liboauth2_token_la_LIBADD = $(JANSSON_LIBS) $(OPENSSL_LIBS)
endif

UNIT_TESTS += tests/unit/test-spare-memory
tests_unit_test_spare_memory_SOURCES = %D%/test-spare-memory.c
tests_unit_test_spare_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_spare_memory_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-base
tests_unit_test_base_SOURCES = %D%/test-base.c
tests_unit_test_base_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_base_LDADD = $(UNIT_LIBS)

# every storage driver linked in
BLOB_LIBS = tests/unit/libstorage-mbox.la tests/unit/libstorage-dbox.la \
	tests/unit/libstorage-memory.la $(MAILBOX_LIBS)
UNIT_TESTS += tests/unit/test-binary-encoder
tests_unit_test_binary_encoder_SOURCES = %D%/test-binary-encoder.c
tests_unit_test_binary_encoder_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_binary_encoder_LDADD = core/message/libmessage.la \
	core/stream/libstream.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-blob
tests_unit_test_blob_SOURCES = %D%/test-blob.c %D%/blob-fixture.h
tests_unit_test_blob_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_blob_LDADD = $(BLOB_LIBS)

UNIT_TESTS += tests/unit/test-blob-fault
tests_unit_test_blob_fault_SOURCES = %D%/test-blob-fault.c %D%/blob-fixture.h
tests_unit_test_blob_fault_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_blob_fault_LDADD = $(BLOB_LIBS)

UNIT_TESTS += tests/unit/test-blob-folders
tests_unit_test_blob_folders_SOURCES = %D%/test-blob-folders.c %D%/blob-fixture.h
tests_unit_test_blob_folders_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_blob_folders_LDADD = $(BLOB_LIBS)

UNIT_TESTS += tests/unit/test-catalogue
tests_unit_test_catalogue_SOURCES = %D%/test-catalogue.c \
	%D%/account-fixture.h %D%/heap.h
tests_unit_test_catalogue_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_catalogue_LDADD = core/account/libaccount.la \
	core/io/libio.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-compress-seek
tests_unit_test_compress_seek_SOURCES = %D%/test-compress-seek.c \
	%D%/decode-fixture.h plugins/compress/codec-gz.c \
	plugins/compress/decode-stream.c
tests_unit_test_compress_seek_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-Wno-missing-prototypes -I$(top_srcdir)/plugins/compress \
	-DCV_PLUGIN=compress $(ZLIB_CFLAGS)
tests_unit_test_compress_seek_LDADD = core/stream/libstream.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS) \
	$(ZLIB_LIBS)
if HAVE_ZSTD
tests_unit_test_compress_seek_CPPFLAGS += -DWITH_ZSTD $(ZSTD_CFLAGS)
tests_unit_test_compress_seek_SOURCES += plugins/compress/codec-zstd.c
tests_unit_test_compress_seek_LDADD += $(ZSTD_LIBS)
endif
if HAVE_LZ4
tests_unit_test_compress_seek_CPPFLAGS += -DWITH_LZ4 $(LZ4_CFLAGS)
tests_unit_test_compress_seek_SOURCES += plugins/compress/codec-lz4.c
tests_unit_test_compress_seek_LDADD += $(LZ4_LIBS)
endif
if HAVE_LZMA
tests_unit_test_compress_seek_CPPFLAGS += -DWITH_LZMA $(LZMA_CFLAGS)
tests_unit_test_compress_seek_SOURCES += plugins/compress/codec-xz.c
tests_unit_test_compress_seek_LDADD += $(LZMA_LIBS)
endif

if HAVE_BZ2
UNIT_TESTS += tests/unit/test-compress-bz2
tests_unit_test_compress_bz2_SOURCES = %D%/test-compress-bz2.c \
	%D%/decode-fixture.h \
	plugins/compress/codec-bz2.c plugins/compress/decode-stream.c
tests_unit_test_compress_bz2_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-Wno-missing-prototypes -I$(top_srcdir)/plugins/compress \
	-DCV_PLUGIN=compress
tests_unit_test_compress_bz2_LDADD = core/stream/libstream.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS) \
	$(BZ2_LIBS)
endif

UNIT_TESTS += tests/unit/test-columns
tests_unit_test_columns_SOURCES = %D%/test-columns.c %D%/mailbox-fixture.h
tests_unit_test_columns_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_columns_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-connection
tests_unit_test_connection_SOURCES = %D%/test-connection.c
tests_unit_test_connection_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_connection_LDADD = core/session/libsession.la \
	core/net/libtls.la core/net/libnet.la core/stream/libstream.la \
	core/ipc/libipc.la $(SETTINGS_LIBS) -lpthread

UNIT_TESTS += tests/unit/test-deflate
tests_unit_test_deflate_SOURCES = %D%/test-deflate.c core/session/deflate.c
tests_unit_test_deflate_CPPFLAGS = $(UNIT_CPPFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_deflate_LDADD = $(UNIT_LIBS) $(ZLIB_LIBS)

UNIT_TESTS += tests/unit/test-delivery
tests_unit_test_delivery_SOURCES = %D%/test-delivery.c
tests_unit_test_delivery_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_delivery_LDADD = core/delivery/libdelivery.la \
	core/ipc/libipc.la $(UNIT_LIBS)

check_LTLIBRARIES += tests/unit/libimap-mock.la
tests_unit_libimap_mock_la_SOURCES = $(IMAP_SOURCES)
tests_unit_libimap_mock_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=imap
IMAP_MOCK = %D%/imap-mock.c %D%/imap-mock.h %D%/imap-mock-boxes.c \
	%D%/imap-mock-conn.c %D%/imap-mock-convert.c %D%/imap-mock-mailbox.c \
	%D%/imap-mock-private.h %D%/imap-mock-search.c \
	%D%/imap-mock-session.c %D%/imap-mock-session.h \
	core/mailbox/mail-section.c core/mailbox/mail-url.c
IMAP_MOCK_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/plugins/imap \
	-I$(top_srcdir)/tests/unit

UNIT_TESTS += tests/unit/test-imap-annotate
tests_unit_test_imap_annotate_SOURCES = %D%/test-imap-annotate.c $(IMAP_MOCK)
tests_unit_test_imap_annotate_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_annotate_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-append
tests_unit_test_imap_append_SOURCES = %D%/test-imap-append.c $(IMAP_MOCK)
tests_unit_test_imap_append_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_append_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-convert
tests_unit_test_imap_convert_SOURCES = %D%/test-imap-convert.c $(IMAP_MOCK)
tests_unit_test_imap_convert_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_convert_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-notify
tests_unit_test_imap_notify_SOURCES = %D%/test-imap-notify.c $(IMAP_MOCK)
tests_unit_test_imap_notify_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_notify_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-parser
tests_unit_test_imap_parser_SOURCES = %D%/test-imap-parser.c $(IMAP_MOCK)
tests_unit_test_imap_parser_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_parser_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-preauth
tests_unit_test_imap_preauth_SOURCES = %D%/test-imap-preauth.c $(IMAP_MOCK)
tests_unit_test_imap_preauth_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_preauth_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-context
tests_unit_test_imap_context_SOURCES = %D%/test-imap-context.c $(IMAP_MOCK)
tests_unit_test_imap_context_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_context_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-extend
tests_unit_test_imap_extend_SOURCES = %D%/test-imap-extend.c $(IMAP_MOCK)
tests_unit_test_imap_extend_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_extend_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-modseq
tests_unit_test_imap_modseq_SOURCES = %D%/test-imap-modseq.c $(IMAP_MOCK)
tests_unit_test_imap_modseq_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_modseq_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-return
tests_unit_test_imap_return_SOURCES = %D%/test-imap-return.c $(IMAP_MOCK)
tests_unit_test_imap_return_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_return_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-session
tests_unit_test_imap_session_SOURCES = %D%/test-imap-session.c $(IMAP_MOCK)
tests_unit_test_imap_session_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_session_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-sleep
tests_unit_test_imap_sleep_SOURCES = %D%/test-imap-sleep.c $(IMAP_MOCK)
tests_unit_test_imap_sleep_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_sleep_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-proxy
tests_unit_test_imap_proxy_SOURCES = %D%/test-imap-proxy.c $(IMAP_MOCK)
tests_unit_test_imap_proxy_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_proxy_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imap-values
tests_unit_test_imap_values_SOURCES = %D%/test-imap-values.c $(IMAP_MOCK)
tests_unit_test_imap_values_CPPFLAGS = $(UNIT_CPPFLAGS) $(IMAP_MOCK_CPPFLAGS)
tests_unit_test_imap_values_LDADD = tests/unit/libimap-mock.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-imapc-parse
tests_unit_test_imapc_parse_SOURCES = %D%/test-imapc-parse.c
tests_unit_test_imapc_parse_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-imapc
tests_unit_test_imapc_parse_LDADD = tests/unit/libstorage-imapc.la \
	core/module/libmodule.la \
	core/settings/libsettings.la core/ipc/libipc.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-io
tests_unit_test_io_SOURCES = %D%/test-io.c %D%/account-fixture.h
tests_unit_test_io_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_io_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-idle
tests_unit_test_idle_SOURCES = %D%/test-idle.c
tests_unit_test_idle_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_idle_LDADD = core/ipc/libipc.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-idle-watch
tests_unit_test_idle_watch_SOURCES = %D%/test-idle-watch.c \
	core/session/idle-watch.c
tests_unit_test_idle_watch_CPPFLAGS = $(UNIT_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_test_idle_watch_LDADD = $(UNIT_LIBS) $(LIBEVENT_LIBS)

UNIT_TESTS += tests/unit/test-ipc
tests_unit_test_ipc_SOURCES = %D%/test-ipc.c core/master/log-line.c
tests_unit_test_ipc_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_ipc_LDADD = core/ipc/libipc.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-ipc-queue
tests_unit_test_ipc_queue_SOURCES = %D%/test-ipc-queue.c
tests_unit_test_ipc_queue_CPPFLAGS = $(UNIT_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_test_ipc_queue_LDADD = core/ipc/libipc.la $(UNIT_LIBS) \
	$(LIBEVENT_LIBS)

UNIT_TESTS += tests/unit/test-journal
tests_unit_test_journal_SOURCES = %D%/test-journal.c %D%/account-fixture.h
tests_unit_test_journal_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_journal_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

check_LTLIBRARIES += tests/unit/liblmtp-mock.la
tests_unit_liblmtp_mock_la_SOURCES = $(LMTP_SOURCES)
tests_unit_liblmtp_mock_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=lmtp
LMTP_MOCK = tests/unit/lmtp-mock.c tests/unit/lmtp-mock.h
LMTP_MOCK_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/plugins/lmtp \
	-I$(top_srcdir)/tests/unit

UNIT_TESTS += tests/unit/test-lmtp
tests_unit_test_lmtp_SOURCES = %D%/test-lmtp.c $(LMTP_MOCK)
tests_unit_test_lmtp_CPPFLAGS = $(UNIT_CPPFLAGS) $(LMTP_MOCK_CPPFLAGS)
tests_unit_test_lmtp_LDADD = tests/unit/liblmtp-mock.la \
	core/stream/libstream.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-lmtp-relay
tests_unit_test_lmtp_relay_SOURCES = %D%/test-lmtp-relay.c $(LMTP_MOCK)
tests_unit_test_lmtp_relay_CPPFLAGS = $(UNIT_CPPFLAGS) $(LMTP_MOCK_CPPFLAGS)
tests_unit_test_lmtp_relay_LDADD = tests/unit/liblmtp-mock.la \
	core/stream/libstream.la $(UNIT_LIBS)

# storage-imapc linked in
check_LTLIBRARIES += tests/unit/libstorage-imapc.la
tests_unit_libstorage_imapc_la_SOURCES = $(STORAGE_IMAPC_SOURCES)
tests_unit_libstorage_imapc_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_imapc
# storage-maildir linked in
check_LTLIBRARIES += tests/unit/libstorage-maildir.la
tests_unit_libstorage_maildir_la_SOURCES = $(STORAGE_MAILDIR_SOURCES)
tests_unit_libstorage_maildir_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_maildir
# storage-mbox linked in
check_LTLIBRARIES += tests/unit/libstorage-mbox.la
tests_unit_libstorage_mbox_la_SOURCES = $(STORAGE_MBOX_SOURCES)
tests_unit_libstorage_mbox_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_mbox
MAILBOX_LIBS = tests/unit/libstorage-maildir.la \
	core/mailbox/libmailbox.la core/account/libaccount.la \
	core/message/libmessage.la core/stream/libstream.la \
	core/module/libmodule.la core/settings/libsettings.la \
	core/io/libio.la $(UNIT_LIBS)

# storage-dbox linked in
check_LTLIBRARIES += tests/unit/libstorage-dbox.la
tests_unit_libstorage_dbox_la_SOURCES = $(STORAGE_DBOX_SOURCES)
tests_unit_libstorage_dbox_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_dbox

UNIT_TESTS += tests/unit/test-dbox
tests_unit_test_dbox_SOURCES = %D%/test-dbox.c %D%/dbox-fixture.h \
	%D%/mailbox-fixture.h
tests_unit_test_dbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dbox_LDADD = tests/unit/libstorage-dbox.la $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-dbox-altmove
tests_unit_test_dbox_altmove_SOURCES = %D%/test-dbox-altmove.c \
	%D%/dovecot-tree.h %D%/dbox-fixture.h %D%/mailbox-fixture.h
tests_unit_test_dbox_altmove_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dbox_altmove_LDADD = tests/unit/libstorage-dbox.la \
	core/sync/libsync.la $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-dbox-format
tests_unit_test_dbox_format_SOURCES = %D%/test-dbox-format.c %D%/dbox-host.h
tests_unit_test_dbox_format_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_unit_test_dbox_format_LDADD = tests/unit/libstorage-dbox.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-dbox-parse
tests_unit_test_dbox_parse_SOURCES = %D%/test-dbox-parse.c %D%/dbox-memory.h
tests_unit_test_dbox_parse_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_unit_test_dbox_parse_LDADD = tests/unit/libstorage-dbox.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-dovecot-attributes
tests_unit_test_dovecot_attributes_SOURCES = %D%/test-dovecot-attributes.c
tests_unit_test_dovecot_attributes_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dovecot_attributes_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-dovecot-cache
tests_unit_test_dovecot_cache_SOURCES = %D%/test-dovecot-cache.c %D%/dbox-host.h
tests_unit_test_dovecot_cache_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-I$(top_srcdir)/plugins/storage-dbox -DCV_PLUGIN=storage_dbox
tests_unit_test_dovecot_cache_LDADD = tests/unit/libstorage-dbox.la \
	core/module/libmodule.la core/settings/libsettings.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-mailbox
tests_unit_test_mailbox_SOURCES = %D%/test-mailbox.c %D%/mailbox-fixture.h
tests_unit_test_mailbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_LDADD = $(MAILBOX_LIBS)
tests_unit_test_mailbox_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=time

UNIT_TESTS += tests/unit/test-mail-url
tests_unit_test_mail_url_SOURCES = %D%/test-mail-url.c \
	core/mailbox/mail-section.c core/mailbox/mail-structure.c \
	core/mailbox/mail-url.c
tests_unit_test_mail_url_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mail_url_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-acl
tests_unit_test_mailbox_acl_SOURCES = %D%/test-mailbox-acl.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_acl_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_acl_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-broker-freeze
tests_unit_test_broker_freeze_SOURCES = %D%/test-broker-freeze.c \
	%D%/broker-fixture.h %D%/mailbox-fixture.h
tests_unit_test_broker_freeze_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_broker_freeze_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-annotations-freeze
tests_unit_test_annotations_freeze_SOURCES = \
	%D%/test-annotations-freeze.c %D%/mailbox-fixture.h
tests_unit_test_annotations_freeze_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_annotations_freeze_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-broker-url
tests_unit_test_broker_url_SOURCES = %D%/test-broker-url.c \
	%D%/broker-fixture.h %D%/mailbox-fixture.h
tests_unit_test_broker_url_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_broker_url_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-annotate
tests_unit_test_mailbox_annotate_SOURCES = %D%/test-mailbox-annotate.c \
	%D%/broker-fixture.h %D%/mailbox-fixture.h
tests_unit_test_mailbox_annotate_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_annotate_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-broker
tests_unit_test_mailbox_broker_SOURCES = %D%/test-mailbox-broker.c \
	%D%/broker-fixture.h %D%/mailbox-fixture.h
tests_unit_test_mailbox_broker_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_broker_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-modseq
tests_unit_test_mailbox_modseq_SOURCES = %D%/test-mailbox-modseq.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_modseq_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_modseq_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-names
tests_unit_test_mailbox_names_SOURCES = %D%/test-mailbox-names.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_names_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_names_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-fault
tests_unit_test_mailbox_fault_SOURCES = %D%/test-mailbox-fault.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_fault_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_fault_LDADD = $(MAILBOX_LIBS)

# storage-memory linked in
check_LTLIBRARIES += tests/unit/libstorage-memory.la
tests_unit_libstorage_memory_la_SOURCES = $(STORAGE_MEMORY_SOURCES)
tests_unit_libstorage_memory_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=storage_memory

UNIT_TESTS += tests/unit/test-mailbox-memory
tests_unit_test_mailbox_memory_SOURCES = %D%/test-mailbox-memory.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_memory_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MEMORY
tests_unit_test_mailbox_memory_LDADD = tests/unit/libstorage-memory.la \
	$(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-shared
tests_unit_test_mailbox_shared_SOURCES = %D%/test-mailbox-shared.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_shared_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_shared_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-fts
tests_unit_test_mailbox_fts_SOURCES = %D%/test-mailbox-fts.c \
	%D%/broker-fixture.h %D%/mailbox-fixture.h
tests_unit_test_mailbox_fts_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_fts_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mailbox-search
tests_unit_test_mailbox_search_SOURCES = %D%/test-mailbox-search.c \
	%D%/mailbox-fixture.h
tests_unit_test_mailbox_search_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mailbox_search_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-sort-radix
tests_unit_test_sort_radix_SOURCES = %D%/test-sort-radix.c
tests_unit_test_sort_radix_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sort_radix_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-text-convert
tests_unit_test_text_convert_SOURCES = %D%/test-text-convert.c
tests_unit_test_text_convert_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_text_convert_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-text-find
tests_unit_test_text_find_SOURCES = %D%/test-text-find.c
tests_unit_test_text_find_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_text_find_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-maildir
tests_unit_test_maildir_SOURCES = %D%/test-maildir.c %D%/mailbox-fixture.h \
	%D%/heap.h
tests_unit_test_maildir_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_maildir_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-maildir-names
tests_unit_test_maildir_names_SOURCES = %D%/test-maildir-names.c \
	%D%/mailbox-fixture.h
tests_unit_test_maildir_names_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_maildir_names_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-maildir-races
tests_unit_test_maildir_races_SOURCES = %D%/test-maildir-races.c \
	%D%/mailbox-fixture.h
tests_unit_test_maildir_races_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_maildir_races_LDADD = $(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mbox-damage
tests_unit_test_mbox_damage_SOURCES = %D%/test-mbox-damage.c \
	%D%/mailbox-fixture.h
tests_unit_test_mbox_damage_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_unit_test_mbox_damage_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mbox-fault
tests_unit_test_mbox_fault_SOURCES = %D%/test-mailbox-fault.c \
	%D%/mailbox-fixture.h
tests_unit_test_mbox_fault_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_unit_test_mbox_fault_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mbox-parse
tests_unit_test_mbox_parse_SOURCES = %D%/test-mbox-parse.c
tests_unit_test_mbox_parse_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-Wno-missing-prototypes \
	-I$(top_srcdir)/plugins/storage-mbox -DCV_PLUGIN=storage_mbox
tests_unit_test_mbox_parse_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-mbox-storage
tests_unit_test_mbox_storage_SOURCES = %D%/test-mbox-storage.c \
	%D%/mailbox-fixture.h
tests_unit_test_mbox_storage_CPPFLAGS = $(UNIT_CPPFLAGS) -DFIXTURE_MBOX
tests_unit_test_mbox_storage_LDADD = tests/unit/libstorage-mbox.la \
	$(MAILBOX_LIBS)

UNIT_TESTS += tests/unit/test-message-header
tests_unit_test_message_header_SOURCES = %D%/test-message-header.c
tests_unit_test_message_header_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_message_header_LDADD = core/message/libmessage.la \
	core/stream/libstream.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-message-parser
tests_unit_test_message_parser_SOURCES = %D%/test-message-parser.c
tests_unit_test_message_parser_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_message_parser_LDADD = core/message/libmessage.la \
	core/stream/libstream.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-meta
tests_unit_test_meta_SOURCES = %D%/test-meta.c %D%/account-fixture.h
tests_unit_test_meta_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_meta_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-module
tests_unit_test_module_SOURCES = %D%/test-module.c
tests_unit_test_module_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_module_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-passwd-file
tests_unit_test_passwd_file_SOURCES = %D%/test-passwd-file.c \
	plugins/auth-passwd-file/passwd-file.c
tests_unit_test_passwd_file_CPPFLAGS = $(UNIT_CPPFLAGS) \
	-I$(top_srcdir)/plugins/auth-passwd-file
tests_unit_test_passwd_file_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-proxy-header
tests_unit_test_proxy_header_SOURCES = %D%/test-proxy-header.c
tests_unit_test_proxy_header_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_proxy_header_LDADD = core/net/libnet.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-login-place
tests_unit_test_login_place_SOURCES = %D%/test-login-place.c \
	core/login/login-place.c
tests_unit_test_login_place_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_login_place_LDADD = core/net/libnet.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-event-memory
tests_unit_test_event_memory_SOURCES = %D%/test-event-memory.c \
	core/master/event-memory.c
tests_unit_test_event_memory_CPPFLAGS = $(UNIT_CPPFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_test_event_memory_LDADD = $(UNIT_LIBS) $(LIBEVENT_LIBS)

UNIT_TESTS += tests/unit/test-code-memory
tests_unit_test_code_memory_SOURCES = %D%/test-code-memory.c \
	core/master/code-memory.c
tests_unit_test_code_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_code_memory_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-reserve
tests_unit_test_reserve_SOURCES = %D%/test-reserve.c %D%/account-fixture.h
tests_unit_test_reserve_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_reserve_LDADD = core/account/libaccount.la \
	core/io/libio.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-sandbox
tests_unit_test_sandbox_SOURCES = %D%/test-sandbox.c %D%/bpf-run.h
tests_unit_test_sandbox_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sandbox_LDADD = core/master/libservice.la \
	core/module/libmodule.la core/net/libnet.la core/ipc/libipc.la \
	core/settings/libsettings.la $(UNIT_LIBS) $(LIBEVENT_LIBS) \
	$(LTDL_LIBS)

UNIT_TESTS += tests/unit/test-syscall-filter
tests_unit_test_syscall_filter_SOURCES = %D%/test-syscall-filter.c \
	%D%/bpf-run.h
tests_unit_test_syscall_filter_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_syscall_filter_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la $(UNIT_LIBS) $(LTDL_LIBS)

SETTINGS_LIBS = core/settings/libsettings.la core/settings/libdigest.la \
	$(UNIT_LIBS) $(OPENSSL_LIBS)
SETTINGS_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/core/settings

UNIT_TESTS += tests/unit/test-settings
tests_unit_test_settings_SOURCES = %D%/test-settings.c %D%/settings-helper.h
tests_unit_test_settings_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_LDADD = $(SETTINGS_LIBS)

UNIT_TESTS += tests/unit/test-settings-expand
tests_unit_test_settings_expand_SOURCES = %D%/test-settings-expand.c \
	%D%/settings-helper.h
tests_unit_test_settings_expand_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_settings_expand_LDADD = $(SETTINGS_LIBS)

UNIT_TESTS += tests/unit/test-tls
tests_unit_test_tls_SOURCES = %D%/test-tls.c %D%/settings-helper.h %D%/heap.h
tests_unit_test_tls_CPPFLAGS = $(SETTINGS_CPPFLAGS)
tests_unit_test_tls_LDADD = core/net/libtls.la core/ipc/libipc.la \
	$(SETTINGS_LIBS)

UNIT_TESTS += tests/unit/test-tls-memory
tests_unit_test_tls_memory_SOURCES = %D%/test-tls-memory.c
tests_unit_test_tls_memory_CPPFLAGS = $(UNIT_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_tls_memory_LDADD = core/net/libtls.la $(SETTINGS_LIBS)

UNIT_TESTS += tests/unit/test-snapshot
tests_unit_test_snapshot_SOURCES = %D%/test-snapshot.c %D%/account-fixture.h
tests_unit_test_snapshot_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_snapshot_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-storage-common
tests_unit_test_storage_common_SOURCES = %D%/test-storage-common.c \
	$(STORAGE_COMMON_SOURCES)
tests_unit_test_storage_common_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) \
	-include config.h -I$(top_builddir) -Wno-missing-prototypes \
	-Wno-unused-parameter -I$(top_srcdir)/plugins/storage-common \
	-DCV_PLUGIN=storage_test
tests_unit_test_storage_common_LDADD = core/module/libmodule.la \
	core/settings/libsettings.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-stream
tests_unit_test_stream_SOURCES = %D%/test-stream.c
tests_unit_test_stream_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_stream_LDADD = core/stream/libstream.la $(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-sync
tests_unit_test_sync_SOURCES = %D%/test-sync.c %D%/account-fixture.h
tests_unit_test_sync_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sync_LDADD = core/account/libaccount.la core/io/libio.la \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-sync-notes
tests_unit_test_sync_notes_SOURCES = %D%/test-sync-notes.c
tests_unit_test_sync_notes_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sync_notes_LDADD = core/sync/libsync.la $(MAILBOX_LIBS) \
	$(UNIT_LIBS)

UNIT_TESTS += tests/unit/test-utf7
tests_unit_test_utf7_SOURCES = %D%/test-utf7.c
tests_unit_test_utf7_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_utf7_LDADD = $(UNIT_LIBS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
