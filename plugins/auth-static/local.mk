# files of plugins/auth-static
