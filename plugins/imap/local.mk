IMAP_SOURCES = \
	plugins/imap/imap-base64.c plugins/imap/imap-base64.h \
	plugins/imap/imap-capability.c plugins/imap/imap-capability.h \
	plugins/imap/imap-id.c plugins/imap/imap-id.h \
	plugins/imap/imap-parser.c plugins/imap/imap-parser.h \
	plugins/imap/imap-preauth.c plugins/imap/imap-preauth.h \
	plugins/imap/imap.c plugins/imap/imap.h

if PLUGIN_IMAP
plugin_LTLIBRARIES += plugins/imap/imap.la
plugins_imap_imap_la_SOURCES = $(IMAP_SOURCES)
plugins_imap_imap_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=imap
plugins_imap_imap_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
