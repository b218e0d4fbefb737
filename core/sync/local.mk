# files of core/sync
EXTRA_DIST += %D%/README.md

noinst_LTLIBRARIES += core/sync/libsync.la
core_sync_libsync_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_sync_libsync_la_SOURCES = \
	%D%/sync.h %D%/sync-side.h %D%/sync-private.h \
	%D%/sync.c \
	%D%/sync-boxes.c \
	%D%/sync-copy.c \
	%D%/sync-dovecot.c %D%/sync-dovecot.h \
	%D%/sync-dovecot-box.c %D%/sync-dovecot-extras.c \
	%D%/sync-dovecot-index.c %D%/sync-dovecot-mail.c \
	%D%/sync-empty.c \
	%D%/sync-import.c \
	%D%/sync-link.c %D%/sync-link.h \
	%D%/sync-local.c %D%/sync-local.h %D%/sync-local-write.c \
	%D%/sync-mirror.c \
	%D%/sync-notes.c \
	%D%/sync-pair.c \
	%D%/sync-remote.c \
	%D%/sync-same.c \
	%D%/sync-serve.c \
	%D%/sync-spaces.c %D%/sync-spaces.h \
	%D%/sync-state.c \
	%D%/sync-wire.c %D%/sync-wire.h \
	%D%/sync-words.c
core_sync_libsync_la_LIBADD = core/mailbox/libmailbox.la \
	core/stream/libstream.la core/base/libbase.la
