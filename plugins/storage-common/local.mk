# compiled into each plugin that uses it
STORAGE_COMMON_SOURCES = \
	plugins/storage-common/common.h \
	plugins/storage-common/common-dovecot.c \
	plugins/storage-common/common-file.c \
	plugins/storage-common/common-name.c \
	plugins/storage-common/common-private.c \
	plugins/storage-common/common-subscriptions.c \
	plugins/storage-common/common-walk.c \
	plugins/storage-common/dovecot-cache.c \
	plugins/storage-common/dovecot-cache.h \
	plugins/storage-common/dovecot-index.c \
	plugins/storage-common/dovecot-index.h \
	plugins/storage-common/dovecot-log.c \
	plugins/storage-common/dovecot-private.h
EXTRA_DIST += %D%/README.md
