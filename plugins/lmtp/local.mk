# files of plugins/lmtp
