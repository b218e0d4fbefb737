# files of core/tools
EXTRA_DIST += %D%/README.md %D%/adm-output.c %D%/adm-plugin.c \
	%D%/culveradm.c %D%/culveradm.h

bin_PROGRAMS += culverconf
culverconf_SOURCES = %D%/culverconf.c
culverconf_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/core/settings
culverconf_LDADD = core/settings/libsettings.la core/base/libbase.la \
	$(OPENSSL_LIBS)
