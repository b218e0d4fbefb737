if PLUGIN_STORAGE_IMAPC
plugin_LTLIBRARIES += plugins/storage-imapc/storage-imapc.la
endif
STORAGE_IMAPC_SOURCES = \
	plugins/storage-imapc/imapc.h \
	plugins/storage-imapc/imapc-blob.c \
	plugins/storage-imapc/imapc-change.c \
	plugins/storage-imapc/imapc-command.c \
	plugins/storage-imapc/imapc-folder.c \
	plugins/storage-imapc/imapc-idle.c \
	plugins/storage-imapc/imapc-parse.c \
	plugins/storage-imapc/imapc-plugin.c \
	plugins/storage-imapc/imapc-put.c \
	plugins/storage-imapc/imapc-root.c \
	plugins/storage-imapc/imapc-scan.c
plugins_storage_imapc_storage_imapc_la_SOURCES = \
	$(STORAGE_IMAPC_SOURCES)
plugins_storage_imapc_storage_imapc_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_imapc
plugins_storage_imapc_storage_imapc_la_LDFLAGS = $(MODULE_LDFLAGS)
EXTRA_DIST += %D%/README.md
