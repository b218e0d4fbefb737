# files of plugins/storage-maildir
