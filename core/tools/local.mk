# files of core/tools
EXTRA_DIST += %D%/README.md

bin_PROGRAMS += culveradm
culveradm_SOURCES = %D%/culveradm.c %D%/culveradm.h \
	%D%/adm-auth.c \
	%D%/adm-control.c %D%/adm-control.h \
	%D%/adm-log.c \
	%D%/adm-output.c \
	%D%/adm-plugin.c \
	%D%/adm-pw.c \
	%D%/adm-selftest.c \
	%D%/adm-server.c \
	%D%/adm-who.c \
	core/master/selftest.c
culveradm_CPPFLAGS = $(CORE_CPPFLAGS)
culveradm_LDADD = core/auth/libauth.la core/net/libnet.la \
	core/ipc/libipc.la core/module/libmodule.la \
	core/settings/libsettings.la core/base/libbase.la \
	$(LIBEVENT_LIBS) $(OPENSSL_LIBS)

bin_PROGRAMS += culverconf
culverconf_SOURCES = %D%/culverconf.c
culverconf_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/core/settings \
	$(OPENSSL_CFLAGS)
culverconf_LDADD = core/module/libmodule.la core/net/libtls.la \
	core/settings/libsettings.la core/base/libbase.la \
	$(OPENSSL_LIBS)
