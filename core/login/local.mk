# files of core/login
