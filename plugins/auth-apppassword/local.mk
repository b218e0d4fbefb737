if PLUGIN_AUTH_APPPASSWORD
plugin_LTLIBRARIES += plugins/auth-apppassword/auth-apppassword.la
endif
plugins_auth_apppassword_auth_apppassword_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_apppassword
plugins_auth_apppassword_auth_apppassword_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_apppassword_auth_apppassword_la_SOURCES = \
	%D%/auth-apppassword.c \
	%D%/apppassword-file.c %D%/apppassword-file.h \
	%D%/apppassword-line.c %D%/apppassword-line.h
EXTRA_DIST += %D%/README.md
