# files of plugins/auth-passwd-file
