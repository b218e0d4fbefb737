# files of plugins/scheme-argon2
