if PLUGIN_AUTH_STATIC
plugin_LTLIBRARIES += plugins/auth-static/auth-static.la
endif
plugins_auth_static_auth_static_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_static
plugins_auth_static_auth_static_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_static_auth_static_la_SOURCES = %D%/auth-static.c
EXTRA_DIST += %D%/README.md
