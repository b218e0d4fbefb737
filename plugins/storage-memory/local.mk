# For tests: built, not installed.
STORAGE_MEMORY_SOURCES = \
	plugins/storage-memory/memory.h \
	plugins/storage-memory/memory-blob.c \
	plugins/storage-memory/memory-folder.c \
	plugins/storage-memory/memory-plugin.c \
	plugins/storage-memory/memory-tree.c
EXTRA_DIST += %D%/README.md
