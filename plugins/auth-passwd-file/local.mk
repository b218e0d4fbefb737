if PLUGIN_AUTH_PASSWD_FILE
plugin_LTLIBRARIES += plugins/auth-passwd-file/auth-passwd-file.la
endif
plugins_auth_passwd_file_auth_passwd_file_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_passwd_file
plugins_auth_passwd_file_auth_passwd_file_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_passwd_file_auth_passwd_file_la_SOURCES = \
	%D%/auth-passwd-file.c \
	%D%/passwd-file.c %D%/passwd-file.h
EXTRA_DIST += %D%/README.md
