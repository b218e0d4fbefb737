# files of plugins/auth-passwd
