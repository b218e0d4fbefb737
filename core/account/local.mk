noinst_LTLIBRARIES += core/account/libaccount.la
core_account_libaccount_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_account_libaccount_la_SOURCES = \
	%D%/account.c %D%/account.h \
	%D%/account-files.c \
	%D%/account-private.h \
	%D%/apply-private.h \
	%D%/annotations.c \
	%D%/apply.c \
	%D%/apply-undo.c \
	%D%/bell.h \
	%D%/bell-files.c \
	%D%/body.c \
	%D%/catalogue.c \
	%D%/columns.c %D%/columns.h \
	%D%/changes.c \
	%D%/check.c \
	%D%/commit.c \
	%D%/dump.c %D%/dump.h %D%/dump-private.h \
	%D%/dump-account.c \
	%D%/dump-files.c \
	%D%/dump-journal.c \
	%D%/dump-snapshot.c \
	%D%/folder.c \
	%D%/format.h \
	%D%/journal.c %D%/journal.h \
	%D%/journal-writer.c \
	%D%/keyword.c \
	%D%/meta.h \
	%D%/meta-files.c \
	%D%/meta-memory.c %D%/meta-memory.h \
	%D%/recover.c \
	%D%/reserve-files.c %D%/reserve-files.h \
	%D%/rotate.c \
	%D%/rows.c \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/snapshot-guard.c \
	%D%/snapshot-save.c \
	%D%/sync.c \
	%D%/txn.c
EXTRA_DIST += %D%/README.md
