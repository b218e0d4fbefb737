if PLUGIN_STORAGE_MAILDIR
plugin_LTLIBRARIES += plugins/storage-maildir/storage-maildir.la
endif
STORAGE_MAILDIR_SOURCES = $(STORAGE_COMMON_SOURCES) \
	plugins/storage-maildir/maildir.h \
	plugins/storage-maildir/maildir-acl.c \
	plugins/storage-maildir/maildir-blob.c \
	plugins/storage-maildir/maildir-courier.c \
	plugins/storage-maildir/maildir-facts.c \
	plugins/storage-maildir/maildir-file.c \
	plugins/storage-maildir/maildir-folder.c \
	plugins/storage-maildir/maildir-keywords.c \
	plugins/storage-maildir/maildir-lines.c \
	plugins/storage-maildir/maildir-lock.c \
	plugins/storage-maildir/maildir-path.c \
	plugins/storage-maildir/maildir-plugin.c \
	plugins/storage-maildir/maildir-put.c \
	plugins/storage-maildir/maildir-remove.c \
	plugins/storage-maildir/maildir-root.c \
	plugins/storage-maildir/maildir-saved.c \
	plugins/storage-maildir/maildir-scan.c \
	plugins/storage-maildir/maildir-subscriptions.c \
	plugins/storage-maildir/maildir-twice.c \
	plugins/storage-maildir/maildir-uidlist.c \
	plugins/storage-maildir/maildir-uids.c
plugins_storage_maildir_storage_maildir_la_SOURCES = \
	$(STORAGE_MAILDIR_SOURCES)
plugins_storage_maildir_storage_maildir_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-include config.h -I$(top_builddir) -DCV_PLUGIN=storage_maildir
plugins_storage_maildir_storage_maildir_la_LDFLAGS = $(MODULE_LDFLAGS)
EXTRA_DIST += %D%/README.md
