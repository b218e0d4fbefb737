if PLUGIN_STORAGE_POP3C
plugin_LTLIBRARIES += plugins/storage-pop3c/storage-pop3c.la
endif
STORAGE_POP3C_SOURCES = \
	plugins/storage-pop3c/pop3c.h \
	plugins/storage-pop3c/pop3c-conn.c \
	plugins/storage-pop3c/pop3c-plugin.c
plugins_storage_pop3c_storage_pop3c_la_SOURCES = \
	$(STORAGE_POP3C_SOURCES)
plugins_storage_pop3c_storage_pop3c_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_pop3c
plugins_storage_pop3c_storage_pop3c_la_LDFLAGS = $(MODULE_LDFLAGS)
EXTRA_DIST += %D%/README.md
