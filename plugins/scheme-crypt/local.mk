# files of plugins/scheme-crypt
