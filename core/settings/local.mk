noinst_LTLIBRARIES += core/settings/libsettings.la
core_settings_libsettings_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_settings_libsettings_la_SOURCES = \
	%D%/core-settings.h \
	%D%/core-settings-mail.c \
	%D%/core-settings-server.c \
	%D%/settings.h
