# files of core/tools
EXTRA_DIST += %D%/README.md

bin_PROGRAMS += culveradm
culveradm_SOURCES = %D%/culveradm.c %D%/culveradm.h \
	%D%/adm-acl.c \
	%D%/adm-apppassword.c \
	%D%/adm-auth.c \
	%D%/adm-change.c \
	%D%/adm-control.c %D%/adm-control.h \
	%D%/adm-director.c %D%/adm-director.h %D%/adm-director-change.c \
	%D%/adm-director-show.c %D%/adm-director-watch.c \
	%D%/adm-dump.c \
	%D%/adm-fetch.c \
	%D%/adm-fetch-text.c %D%/adm-fetch-text.h \
	%D%/adm-import.c \
	%D%/adm-instance.c \
	%D%/adm-log.c \
	%D%/adm-mail.c %D%/adm-mail.h \
	%D%/adm-mail-match.c \
	%D%/adm-mailbox.c \
	%D%/adm-maintain.c \
	%D%/adm-output.c \
	%D%/adm-plugin.c \
	%D%/adm-pw.c \
	%D%/adm-quota.c \
	%D%/adm-query.c %D%/adm-query.h %D%/adm-query-private.h \
	%D%/adm-query-part.c %D%/adm-query-value.c \
	%D%/adm-query-thread.c \
	%D%/adm-save.c \
	%D%/adm-selftest.c \
	%D%/adm-server.c \
	%D%/adm-sync.c %D%/adm-sync.h \
	%D%/adm-transfer.c %D%/adm-transfer.h \
	%D%/adm-verify.c \
	%D%/adm-warn.c \
	%D%/adm-who.c \
	core/master/selftest.c
culveradm_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/core/settings
culveradm_LDADD = core/sync/libsync.la core/auth/libauth.la \
	core/mailbox/libclientapi.la core/mailbox/libmailbox.la \
	core/stream/libstream.la core/io/libio.la core/net/libnet.la \
	core/ipc/libipc.la core/module/libmodule.la \
	core/settings/libsettings.la core/settings/libdigest.la \
	core/base/libbase.la $(LIBEVENT_LIBS) $(OPENSSL_LIBS)

bin_PROGRAMS += culverconf
culverconf_SOURCES = %D%/culverconf.c \
	core/master/script-command.c core/master/server-check.c
culverconf_CPPFLAGS = $(CORE_CPPFLAGS) -I$(top_srcdir)/core/settings \
	$(OPENSSL_CFLAGS)
culverconf_LDADD = core/auth/libauth.la core/module/libmodule.la \
	core/net/libtls.la core/net/libnet.la core/ipc/libipc.la \
	core/settings/libsettings.la core/settings/libdigest.la \
	core/base/libbase.la $(OPENSSL_LIBS)
