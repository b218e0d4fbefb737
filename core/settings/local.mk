noinst_LTLIBRARIES += core/settings/libsettings.la
core_settings_libsettings_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_settings_libsettings_la_SOURCES = \
	%D%/core-settings.c %D%/core-settings.h \
	%D%/core-settings-mail.c \
	%D%/core-settings-server.c \
	%D%/location-check.c %D%/location-check.h \
	%D%/log-check.c \
	%D%/namespace-check.c %D%/namespace-check.h \
	%D%/plugin-keys.c \
	%D%/problem-check.c %D%/problem-check.h \
	%D%/service-check.c %D%/service-check.h \
	%D%/service-values.c \
	%D%/settings.h \
	%D%/settings-assign.c \
	%D%/settings-compat.c %D%/settings-compat.h \
	%D%/settings-digest.h \
	%D%/settings-expand.c \
	%D%/settings-filter.c \
	%D%/settings-format.c %D%/settings-format.h \
	%D%/settings-get.c \
	%D%/settings-lex.c %D%/settings-lex.h \
	%D%/settings-load.c %D%/settings-load.h \
	%D%/settings-parse.c %D%/settings-parse.h \
	%D%/settings-private.h \
	%D%/settings-print.c %D%/settings-print.h \
	%D%/settings-registry.c %D%/settings-registry.h \
	%D%/settings-snapshot.c \
	%D%/settings-tree.c \
	%D%/settings-value.c %D%/settings-value.h \
	%D%/settings-variable.c \
	%D%/settings-words.c \
	%D%/unused-check.c %D%/unused-check.h

# apart, so that a process without hashes does not map OpenSSL
noinst_LTLIBRARIES += core/settings/libdigest.la
core_settings_libdigest_la_CPPFLAGS = $(CORE_CPPFLAGS) $(OPENSSL_CFLAGS)
core_settings_libdigest_la_SOURCES = %D%/digest-openssl.c
core_settings_libdigest_la_LIBADD = $(OPENSSL_LIBS)

# Prints the generated part of doc/man/culver.conf.5.
noinst_PROGRAMS += core/settings/settings-manual
core_settings_settings_manual_SOURCES = %D%/settings-manual.c
core_settings_settings_manual_CPPFLAGS = $(CORE_CPPFLAGS)
core_settings_settings_manual_LDADD = core/settings/libsettings.la \
	core/base/libbase.la

EXTRA_DIST += %D%/README.md
