if PLUGIN_AUTH_IMAP
plugin_LTLIBRARIES += plugins/auth-imap/auth-imap.la
endif
plugins_auth_imap_auth_imap_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_imap $(CURL_CFLAGS)
plugins_auth_imap_auth_imap_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_imap_auth_imap_la_SOURCES = %D%/auth-imap.c
plugins_auth_imap_auth_imap_la_LIBADD = $(CURL_LIBS)
EXTRA_DIST += %D%/README.md
