if PLUGIN_SCHEME_CRYPT
plugin_LTLIBRARIES += plugins/scheme-crypt/scheme-crypt.la
endif
plugins_scheme_crypt_scheme_crypt_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=scheme_crypt
plugins_scheme_crypt_scheme_crypt_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_scheme_crypt_scheme_crypt_la_SOURCES = %D%/scheme-crypt.c
plugins_scheme_crypt_scheme_crypt_la_LIBADD = $(CRYPT_LIBS)
EXTRA_DIST += %D%/README.md
