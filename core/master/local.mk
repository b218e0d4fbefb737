sbin_PROGRAMS += core/master/culverd
core_master_culverd_CPPFLAGS = $(CORE_CPPFLAGS)
core_master_culverd_SOURCES = \
	%D%/boot.c %D%/boot.h \
	%D%/code-memory.c %D%/code-memory.h \
	%D%/culverd.c \
	%D%/log-line.c %D%/log-line.h \
	%D%/master-config.c \
	%D%/master-control.c \
	%D%/master-listener.c \
	%D%/master-process.c \
	%D%/master.h \
	%D%/notify.c \
	%D%/script-command.c %D%/script-command.h \
	%D%/selftest.c %D%/selftest.h
core_master_culverd_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
core_master_culverd_LDADD = core/net/libnet.la core/ipc/libipc.la \
	core/settings/libsettings.la core/base/libbase.la

service_PROGRAMS += core/master/culver-service
core_master_culver_service_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS) \
	$(SECCOMP_CFLAGS)
core_master_culver_service_SOURCES = \
	%D%/config-reader.c %D%/config-reader.h \
	%D%/culver-service.c \
	%D%/server-check.c %D%/server-check.h
core_master_culver_service_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
core_master_culver_service_LDADD = core/login/liblogin.la \
	core/session/libsession.la core/auth/libauth.la \
	core/delivery/libdelivery.la core/mailbox/libclientapi.la \
	core/mailbox/libmailbox.la \
	core/account/libaccount.la core/message/libmessage.la \
	core/stream/libstream.la core/io/libio.la core/master/libservice.la \
	core/module/libmodule.la core/net/libtls.la core/net/libnet.la \
	core/ipc/libipc.la core/settings/libsettings.la core/settings/libdigest.la \
	core/base/libbase.la $(LIBEVENT_LIBS) $(OPENSSL_LIBS) $(LTDL_LIBS)

# apart from culver-service, so that OpenSSL is not mapped into them
service_PROGRAMS += core/master/culver-housekeeper
core_master_culver_housekeeper_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS) \
	$(SECCOMP_CFLAGS)
core_master_culver_housekeeper_SOURCES = \
	%D%/anvil-service.c %D%/anvil-service.h \
	%D%/culver-housekeeper.c \
	%D%/log-service.c %D%/log-service.h
core_master_culver_housekeeper_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
core_master_culver_housekeeper_LDADD = core/session/libidle.la \
	core/master/libservice.la core/module/libmodule.la \
	core/net/libnet.la core/ipc/libipc.la core/settings/libsettings.la \
	core/base/libbase.la $(LIBEVENT_LIBS) $(LTDL_LIBS)

service_PROGRAMS += core/master/imap
core_master_imap_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS) \
	$(SECCOMP_CFLAGS)
core_master_imap_SOURCES = %D%/imap-alone.c
core_master_imap_LDFLAGS = $(AM_LDFLAGS) $(PIE_LDFLAGS)
core_master_imap_LDADD = core/session/libsession.la core/auth/libauth.la \
	core/delivery/libdelivery.la core/mailbox/libclientapi.la \
	core/mailbox/libmailbox.la \
	core/account/libaccount.la core/message/libmessage.la \
	core/stream/libstream.la core/io/libio.la core/master/libservice.la \
	core/module/libmodule.la core/net/libtls.la core/net/libnet.la \
	core/ipc/libipc.la core/settings/libsettings.la core/settings/libdigest.la \
	core/base/libbase.la $(LIBEVENT_LIBS) $(OPENSSL_LIBS) $(LTDL_LIBS)

noinst_LTLIBRARIES += core/master/libservice.la
core_master_libservice_la_CPPFLAGS = $(CORE_CPPFLAGS) $(LIBEVENT_CFLAGS) \
	$(SECCOMP_CFLAGS)
core_master_libservice_la_SOURCES = \
	%D%/boot.c %D%/boot.h \
	%D%/code-memory.c %D%/code-memory.h \
	%D%/event-memory.c %D%/event-memory.h \
	%D%/log-line.c %D%/log-line.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/script-command.c %D%/script-command.h \
	%D%/selftest.c %D%/selftest.h \
	%D%/service-forks.c \
	%D%/service-private.h \
	%D%/service.c %D%/service.h
