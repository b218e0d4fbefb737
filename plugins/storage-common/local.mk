# compiled into each plugin that uses it
STORAGE_COMMON_SOURCES = \
	plugins/storage-common/common.h \
	plugins/storage-common/common-file.c \
	plugins/storage-common/common-name.c \
	plugins/storage-common/common-subscriptions.c \
	plugins/storage-common/common-walk.c
EXTRA_DIST += %D%/README.md
