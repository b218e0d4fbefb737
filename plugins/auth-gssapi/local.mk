if PLUGIN_AUTH_GSSAPI
plugin_LTLIBRARIES += plugins/auth-gssapi/auth-gssapi.la
endif
plugins_auth_gssapi_auth_gssapi_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=auth_gssapi $(KRB5_CFLAGS)
plugins_auth_gssapi_auth_gssapi_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_auth_gssapi_auth_gssapi_la_SOURCES = %D%/auth-gssapi.c \
	%D%/gss-acceptor.c %D%/gss-acceptor.h %D%/gss-principal.c \
	%D%/gss-principal.h %D%/mech-gssapi.c %D%/mech-gssapi.h
plugins_auth_gssapi_auth_gssapi_la_LIBADD = $(KRB5_LIBS)
EXTRA_DIST += %D%/README.md
