IMAP_SOURCES = \
	plugins/imap/cmd-append.c \
	plugins/imap/cmd-authenticate.c \
	plugins/imap/cmd-capability.c \
	plugins/imap/cmd-check.c \
	plugins/imap/cmd-close.c \
	plugins/imap/cmd-compress.c \
	plugins/imap/cmd-copy.c \
	plugins/imap/cmd-create.c \
	plugins/imap/cmd-delete.c \
	plugins/imap/cmd-enable.c \
	plugins/imap/cmd-expunge.c \
	plugins/imap/cmd-fetch.c \
	plugins/imap/cmd-getacl.c \
	plugins/imap/cmd-getmetadata.c \
	plugins/imap/cmd-getquota.c \
	plugins/imap/cmd-getquotaroot.c \
	plugins/imap/cmd-id.c \
	plugins/imap/cmd-idle.c \
	plugins/imap/cmd-list.c \
	plugins/imap/cmd-listrights.c \
	plugins/imap/cmd-logout.c \
	plugins/imap/cmd-lsub.c \
	plugins/imap/cmd-move.c \
	plugins/imap/cmd-myrights.c \
	plugins/imap/cmd-namespace.c \
	plugins/imap/cmd-noop.c \
	plugins/imap/cmd-rename.c \
	plugins/imap/cmd-replace.c \
	plugins/imap/cmd-search.c \
	plugins/imap/cmd-select.c \
	plugins/imap/cmd-setacl.c \
	plugins/imap/cmd-setmetadata.c \
	plugins/imap/cmd-setquota.c \
	plugins/imap/cmd-status.c \
	plugins/imap/cmd-store.c \
	plugins/imap/cmd-subscribe.c \
	plugins/imap/cmd-unselect.c \
	plugins/imap/imap-acl.c \
	plugins/imap/imap-acl.h \
	plugins/imap/imap-append.c \
	plugins/imap/imap-append.h \
	plugins/imap/imap-args.c \
	plugins/imap/imap-args.h \
	plugins/imap/imap-capability.c \
	plugins/imap/imap-capability.h \
	plugins/imap/imap-commands.c \
	plugins/imap/imap-commands.h \
	plugins/imap/imap-copy.c \
	plugins/imap/imap-copy.h \
	plugins/imap/imap-date.c \
	plugins/imap/imap-date.h \
	plugins/imap/imap-enable.c \
	plugins/imap/imap-enable.h \
	plugins/imap/imap-fetch-body.c \
	plugins/imap/imap-fetch-parse.c \
	plugins/imap/imap-fetch.h \
	plugins/imap/imap-id.c \
	plugins/imap/imap-id.h \
	plugins/imap/imap-list.c \
	plugins/imap/imap-list.h \
	plugins/imap/imap-logout.c \
	plugins/imap/imap-logout.h \
	plugins/imap/imap-metadata.c \
	plugins/imap/imap-metadata.h \
	plugins/imap/imap-name.c \
	plugins/imap/imap-name.h \
	plugins/imap/imap-nfc-table.c \
	plugins/imap/imap-nfc.c \
	plugins/imap/imap-nfc.h \
	plugins/imap/imap-parser.c \
	plugins/imap/imap-parser.h \
	plugins/imap/imap-preauth.c \
	plugins/imap/imap-preauth.h \
	plugins/imap/imap-quota.c \
	plugins/imap/imap-quota.h \
	plugins/imap/imap-respond.c \
	plugins/imap/imap-respond.h \
	plugins/imap/imap-return.c \
	plugins/imap/imap-return.h \
	plugins/imap/imap-search.c \
	plugins/imap/imap-search.h \
	plugins/imap/imap-session.c \
	plugins/imap/imap-session.h \
	plugins/imap/imap-set.c \
	plugins/imap/imap-set.h \
	plugins/imap/imap-settle.c \
	plugins/imap/imap-settle.h \
	plugins/imap/imap-status.c \
	plugins/imap/imap-status.h \
	plugins/imap/imap-sync.c \
	plugins/imap/imap-sync.h \
	plugins/imap/imap.c \
	plugins/imap/imap.h

if PLUGIN_IMAP
plugin_LTLIBRARIES += plugins/imap/imap.la
plugins_imap_imap_la_SOURCES = $(IMAP_SOURCES)
plugins_imap_imap_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=imap
plugins_imap_imap_la_LDFLAGS = $(MODULE_LDFLAGS)
endif

EXTRA_DIST += plugins/imap/README.md plugins/imap/make-nfc-table.py
