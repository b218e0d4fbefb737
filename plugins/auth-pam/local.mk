# files of plugins/auth-pam
