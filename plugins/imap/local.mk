# files of plugins/imap
