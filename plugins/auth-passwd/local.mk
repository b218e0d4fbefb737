if PLUGIN_AUTH_PASSWD
plugin_LTLIBRARIES += plugins/auth-passwd/auth-passwd.la
endif
plugins_auth_passwd_auth_passwd_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_passwd
plugins_auth_passwd_auth_passwd_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_passwd_auth_passwd_la_SOURCES = %D%/auth-passwd.c
EXTRA_DIST += %D%/README.md
