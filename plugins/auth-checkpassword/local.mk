if PLUGIN_AUTH_CHECKPASSWORD
plugin_LTLIBRARIES += plugins/auth-checkpassword/auth-checkpassword.la
service_PROGRAMS += plugins/auth-checkpassword/checkpassword-reply
endif
plugins_auth_checkpassword_auth_checkpassword_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DCV_PLUGIN=auth_checkpassword -D_GNU_SOURCE -DCULVER_SERVICEDIR='"$(servicedir)"'
plugins_auth_checkpassword_auth_checkpassword_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_checkpassword_auth_checkpassword_la_SOURCES = %D%/auth-checkpassword.c
plugins_auth_checkpassword_checkpassword_reply_SOURCES = %D%/checkpassword-reply.c
EXTRA_DIST += %D%/README.md
