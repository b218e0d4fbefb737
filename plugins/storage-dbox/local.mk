if PLUGIN_STORAGE_DBOX
plugin_LTLIBRARIES += plugins/storage-dbox/storage-dbox.la
endif
STORAGE_DBOX_SOURCES = $(STORAGE_COMMON_SOURCES) \
	plugins/storage-dbox/dbox.h \
	plugins/storage-dbox/dbox-acl.c \
	plugins/storage-dbox/dbox-attachment.c \
	plugins/storage-dbox/dbox-folder.c \
	plugins/storage-dbox/dbox-folders.c \
	plugins/storage-dbox/dbox-foreign.c \
	plugins/storage-dbox/dbox-message.c \
	plugins/storage-dbox/dbox-path.c \
	plugins/storage-dbox/dbox-plugin.c \
	plugins/storage-dbox/dbox-record.c \
	plugins/storage-dbox/dbox-record.h \
	plugins/storage-dbox/dbox-root.c \
	plugins/storage-dbox/dbox-subscriptions.c \
	plugins/storage-dbox/dbox-takeover.c \
	plugins/storage-dbox/mdbox.c \
	plugins/storage-dbox/mdbox-altmove.c \
	plugins/storage-dbox/mdbox-container.c \
	plugins/storage-dbox/mdbox-known.c \
	plugins/storage-dbox/mdbox-ledger.c \
	plugins/storage-dbox/mdbox-owed.c \
	plugins/storage-dbox/mdbox-purge.c \
	plugins/storage-dbox/mdbox-rescue.c \
	plugins/storage-dbox/mdbox-rewrite.c \
	plugins/storage-dbox/mdbox-rewrite.h \
	plugins/storage-dbox/mdbox-seek.c \
	plugins/storage-dbox/sdbox.c \
	plugins/storage-dbox/sdbox-put.c
plugins_storage_dbox_storage_dbox_la_SOURCES = $(STORAGE_DBOX_SOURCES)
plugins_storage_dbox_storage_dbox_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_dbox
plugins_storage_dbox_storage_dbox_la_LDFLAGS = $(MODULE_LDFLAGS)
EXTRA_DIST += %D%/README.md
