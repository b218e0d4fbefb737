# files of core/auth
