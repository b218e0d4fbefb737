if PLUGIN_AUTH_SHADOW
plugin_LTLIBRARIES += plugins/auth-shadow/auth-shadow.la
endif
plugins_auth_shadow_auth_shadow_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_shadow
plugins_auth_shadow_auth_shadow_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_shadow_auth_shadow_la_SOURCES = %D%/auth-shadow.c
EXTRA_DIST += %D%/README.md
