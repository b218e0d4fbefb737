if PLUGIN_SCHEME_ARGON2
plugin_LTLIBRARIES += plugins/scheme-argon2/scheme-argon2.la
endif
plugins_scheme_argon2_scheme_argon2_la_CPPFLAGS = $(AM_CPPFLAGS) -DCV_PLUGIN=scheme_argon2 $(SODIUM_CFLAGS)
plugins_scheme_argon2_scheme_argon2_la_LDFLAGS = $(MODULE_LDFLAGS)
plugins_scheme_argon2_scheme_argon2_la_SOURCES = %D%/scheme-argon2.c
plugins_scheme_argon2_scheme_argon2_la_LIBADD = $(SODIUM_LIBS)
EXTRA_DIST += %D%/README.md
