if PLUGIN_STORAGE_MBOX
plugin_LTLIBRARIES += plugins/storage-mbox/storage-mbox.la
endif
STORAGE_MBOX_SOURCES = $(STORAGE_COMMON_SOURCES) \
	plugins/storage-mbox/mbox.h \
	plugins/storage-mbox/mbox-acl.c \
	plugins/storage-mbox/mbox-append.c \
	plugins/storage-mbox/mbox-blob.c \
	plugins/storage-mbox/mbox-folder.c \
	plugins/storage-mbox/mbox-from.c \
	plugins/storage-mbox/mbox-hash.c \
	plugins/storage-mbox/mbox-head.c \
	plugins/storage-mbox/mbox-holes.c \
	plugins/storage-mbox/mbox-lock.c \
	plugins/storage-mbox/mbox-map.c \
	plugins/storage-mbox/mbox-own.c \
	plugins/storage-mbox/mbox-path.c \
	plugins/storage-mbox/mbox-plugin.c \
	plugins/storage-mbox/mbox-put.c \
	plugins/storage-mbox/mbox-reader.c \
	plugins/storage-mbox/mbox-redo.c \
	plugins/storage-mbox/mbox-refresh.c \
	plugins/storage-mbox/mbox-render.c \
	plugins/storage-mbox/mbox-rewrite.c \
	plugins/storage-mbox/mbox-root.c \
	plugins/storage-mbox/mbox-scan.c \
	plugins/storage-mbox/mbox-subscriptions.c \
	plugins/storage-mbox/mbox-takeover.c
plugins_storage_mbox_storage_mbox_la_SOURCES = $(STORAGE_MBOX_SOURCES)
plugins_storage_mbox_storage_mbox_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_mbox
plugins_storage_mbox_storage_mbox_la_LDFLAGS = $(MODULE_LDFLAGS)
EXTRA_DIST += %D%/README.md
